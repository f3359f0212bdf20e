"""Settings: what whoever runs this may choose, read once, and refused when it makes no sense."""

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Self, cast
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

from commerce.kernel.refusals import Refusal

LogStyle = Literal["pretty", "json"]

BROKER_DATABASE = 1
"""The queue keeps out of database 0, where people put everything else, and where FLUSHDB is typed."""

CONNECT_OPTIONS = frozenset({"host", "port", "ssl", "target_session_attrs", "prepared_statement_cache_size"})
"""What a database URL may say behind its question mark; asyncpg knows the rest by other names or not at all."""

SSL_MODES = frozenset({"disable", "allow", "prefer", "require", "verify-ca", "verify-full"})


@dataclass(eq=False)
class SettingRefused(Refusal):
    """A setting cannot mean what it says; nothing was started with it."""

    status = 400
    code = "setting_refused"
    name: str
    reason: str
    hint: str

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that differs between one installation and another.

    Without a database or Redis URL the embedded ones are used; URLs here are ready for SQLAlchemy and redis-py.
    """

    database_url: str | None
    replica_url: str | None
    redis_url: str | None
    data: Path
    api_processes: int
    log: LogStyle
    pool_size: int

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> Self:
        """Read every COMMERCE_ variable, or refuse with its name and what to write instead.

        An empty variable counts as not set. Names we do not know are left alone: Kubernetes puts its own
        COMMERCE_... variables beside a service called "commerce".
        """
        log = _text(env, "COMMERCE_LOG") or ("pretty" if sys.stderr.isatty() else "json")
        if log not in {"pretty", "json"}:
            raise SettingRefused("COMMERCE_LOG", f"{log!r} is not a log style.", "Write 'pretty' or 'json'.")
        data = _text(env, "COMMERCE_DATA")
        return cls(
            database_url=_database_url(env, "COMMERCE_DATABASE_URL"),
            replica_url=_database_url(env, "COMMERCE_REPLICA_URL"),
            redis_url=_redis_url(env, "COMMERCE_REDIS_URL"),
            data=(Path(data).expanduser() if data else default_data()).absolute(),
            api_processes=_number(env, "COMMERCE_API_PROCESSES", default=2, most=64),
            log=cast("LogStyle", log),
            pool_size=_number(env, "COMMERCE_POOL_SIZE", default=20, most=500),
        )

    def using(self, *, database_url: str | None, redis_url: str | None) -> Self:
        """The same settings on these servers."""
        return replace(self, database_url=database_url, redis_url=redis_url)

    def to_environment(self) -> dict[str, str]:
        """The variables from which another process reads these very settings."""
        words = {
            "COMMERCE_DATABASE_URL": self.database_url,
            "COMMERCE_REPLICA_URL": self.replica_url,
            "COMMERCE_REDIS_URL": self.redis_url,
            "COMMERCE_DATA": str(self.data),
            "COMMERCE_API_PROCESSES": str(self.api_processes),
            "COMMERCE_POOL_SIZE": str(self.pool_size),
        }
        return {name: word for name, word in words.items() if word is not None}


def default_data() -> Path:
    """`.commerce/` in the repository, or where you stand when the program was installed without one."""
    home = Path(__file__).parent.parent
    return (home if (home / "pyproject.toml").exists() else Path.cwd()) / ".commerce"


def _text(env: Mapping[str, str], name: str) -> str:
    return env.get(name, "").strip()


def _number(env: Mapping[str, str], name: str, *, default: int, most: int) -> int:
    said = _text(env, name)
    if not said:
        return default
    if not re.fullmatch(r"[0-9]{1,4}", said) or not 1 <= int(said) <= most:
        raise SettingRefused(name, f"{said!r} is out of range.", f"Write a whole number from 1 to {most}.")
    return int(said)


def _split(name: str, said: str, hint: str) -> SplitResult:
    """The parts of a URL. The URL itself is never repeated in a refusal: it may hold a password."""
    try:
        url = urlsplit(said)
        _ = url.port
    except ValueError as error:
        raise SettingRefused(name, f"this is not a URL ({error}).", hint) from error
    return url


def _database_url(env: Mapping[str, str], name: str) -> str | None:
    said = _text(env, name)
    if not said:
        return None
    hint = "Write postgresql://user:password@host:5432/database"
    url = _split(name, said, hint)
    if url.scheme not in {"postgres", "postgresql", "postgresql+asyncpg"}:
        raise SettingRefused(name, f"it begins with {url.scheme!r}, but only PostgreSQL will do.", hint)
    if len(url.path) <= 1:
        raise SettingRefused(name, "it does not name a database.", hint)
    options = parse_qsl(url.query, keep_blank_values=True)
    query = urlencode([_connect_option(name, option, value) for option, value in options])
    # Put together by hand: urlunsplit would drop the slashes of a URL without a host (a local socket).
    return f"postgresql+asyncpg://{url.netloc}{url.path}{'?' if query else ''}{query}"


def _connect_option(name: str, option: str, value: str) -> tuple[str, str]:
    """One option as asyncpg calls it: libpq's `sslmode` is its `ssl`."""
    option = "ssl" if option == "sslmode" else option
    if option not in CONNECT_OPTIONS:
        known = ", ".join(sorted(CONNECT_OPTIONS | {"sslmode"}))
        raise SettingRefused(name, f"the option {option!r} is not known.", f"Leave it out. Known are {known}.")
    if option == "ssl" and value not in SSL_MODES:
        modes = ", ".join(sorted(SSL_MODES))
        raise SettingRefused(name, f"{value!r} is not an sslmode.", f"Write one of {modes}.")
    return option, value


def _redis_url(env: Mapping[str, str], name: str) -> str | None:
    said = _text(env, name)
    if not said:
        return None
    hint = "Write redis://host:6379/1, rediss://... for TLS, or unix:///path/to/socket?db=1"
    url = _split(name, said, hint)
    if url.scheme == "unix" and len(url.path) > 1:
        database = dict(parse_qsl(url.query)).get("db")
        if database is None:
            url = url._replace(query=f"{url.query}{'&' if url.query else ''}db={BROKER_DATABASE}")
            return f"unix://{url.netloc}{url.path}?{url.query}"
    elif url.scheme in {"redis", "rediss"} and url.hostname:
        database = url.path.strip("/")
        if not database:
            return url._replace(path=f"/{BROKER_DATABASE}").geturl()
    else:
        raise SettingRefused(name, "this is not the address of a Redis or Valkey server.", hint)
    if not database.isdecimal():
        raise SettingRefused(name, f"{database!r} is not the number of a database.", hint)
    return said
