"""The supervisor: brings the stack up in order, keeps it up, and takes it down in reverse order.

It is one thread that looks ten times a second. Whatever is dead is started again, and nothing is waited for meanwhile:
while one part comes up, another may die. Nothing it does is needed to keep data safe: each server does that itself, so
the supervisor may be killed at any time. The kernel then stops its parts (see accounts.die_with).
"""

import errno
import os
import signal
import socket
import sys
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException

from commerce.embedded.errors import HostUnusable, PartFailed, PortReserved, PortTaken
from commerce.embedded.folder import DataFolder, StackState
from commerce.embedded.parts import Part, Program, how_it_ended, run_to_end, spawn
from commerce.embedded.postgres import EmbeddedPostgres
from commerce.embedded.processes import end_group, pause
from commerce.embedded.sandbox import EmbeddedSandbox
from commerce.embedded.signals import StopAsked, StopWish
from commerce.embedded.valkey import EmbeddedValkey
from commerce.kernel.refusals import Refusal
from commerce.settings import Settings

OUR_COMMAND = (sys.executable, "-P", "-m", "commerce")
"""-P: a folder called `commerce` where we stand must not stand in for the program."""

DEATHS_MAX, WITHIN_S = 5, 60
"""A part that ends more often than that by itself has a fault no restart will mend."""

LOOK_EVERY_S = 0.1
HEARD_WITHIN_S = 0.5
RUN = "commerce run"


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run, and whom to tell. `load` gets the database's URL once migrated, and gives the keys to show.

    `announce` is called once everything answers, `tell` with a sentence whenever something happens.
    """

    settings: Settings
    port: int
    announce: Callable[[StackState, Mapping[str, str]], None]
    tell: Callable[[str], None]
    host: str = "127.0.0.1"
    load: Callable[[str], Mapping[str, str]] | None = None
    command: tuple[str, ...] = OUR_COMMAND


@dataclass(slots=True)
class Supervisor:
    """Runs one stack, in the main thread, until asked to stop."""

    plan: Plan
    parts: list[Part] = field(default_factory=list)
    wish: StopWish = field(default_factory=StopWish)
    deaths: dict[str, deque[float]] = field(default_factory=lambda: defaultdict(deque))
    starting: dict[str, float] = field(default_factory=dict)
    """The parts that were started again and do not answer yet, and when that becomes worth a word."""

    @property
    def folder(self) -> DataFolder:
        """Where the stack lives."""
        return DataFolder(self.plan.settings.data)

    def run(self) -> None:
        """Run until asked to stop. Raises a Refusal before anything is started, PartFailed when a part cannot stay up.

        However it ends, every part has ended before it returns.
        """
        with self.wish, self.folder.hold(RUN, self._wait_for_folder()) as stale:
            end_leftovers(stale)
            refuse_taken_port(self.plan.host, self.plan.port)
            try:
                settings = self._bring_up_servers()
                with self._naming_the_dead():
                    keys = self._prepare(settings)
                self._bring_up_programs(settings)
                if self.wish.not_asked():
                    self.plan.announce(self._write_state(settings), keys)
                    self._keep_up(settings)
            except StopAsked:
                pass
            finally:
                self._bring_down()

    def _wait_for_folder(self) -> Callable[[str], bool]:
        """Wait some seconds for a command that is about to end; another stack is refused at once."""
        deadline = time.monotonic() + 5
        return lambda other: not other.startswith(RUN) and self.wish.not_asked() and time.monotonic() < deadline

    def _bring_up_servers(self) -> Settings:
        """Start the servers that no setting replaces; the settings with everybody's address."""
        settings = self.plan.settings
        postgres, valkey = EmbeddedPostgres(settings.data), EmbeddedValkey(settings.data)
        if settings.database_url is None:
            self._bring_up(postgres)
        if settings.redis_url is None:
            self._bring_up(valkey)
        sandbox = None
        if settings.stripe is None:
            sandbox = EmbeddedSandbox(
                settings.data, free_port(besides=self.plan.port), self._api_url, self.plan.command
            )
            self._bring_up(sandbox)
        return settings.using(
            database_url=settings.database_url or postgres.url,
            redis_url=settings.redis_url or valkey.url,
            stripe=sandbox.account if sandbox else None,
        )

    def _prepare(self, settings: Settings) -> Mapping[str, str]:
        """Bring the tables up to date and load what is to be there."""
        if self.wish.asked:
            return {}
        log = self.folder.logs / "migrate.log"
        migration = spawn([*self.plan.command, "migrate"], log=log, env=child_environment(settings))
        code = run_to_end(migration, self.wish.not_asked)
        if code:
            raise PartFailed("migrate", f"did not finish: it {how_it_ended(code)}", log)
        if self.plan.load is None or self.wish.asked:
            return {}
        with self.wish.interruptible():
            return self.plan.load(settings.database_url or "")

    @contextmanager
    def _naming_the_dead(self) -> Iterator[None]:
        """Let a part that died answer for what went wrong for want of it. Raises PartFailed."""
        try:
            yield
        except Refusal:
            raise
        except Exception as error:
            dead = self._find_dead()
            if dead is None:
                raise
            ended = how_it_ended(dead.exit_code or 0)
            raise PartFailed(dead.name, f"{ended} while the shop was being prepared", dead.log) from error

    def _find_dead(self) -> Part | None:
        """A part that has ended; its clients may hear of it a moment before we do."""
        deadline = time.monotonic() + HEARD_WITHIN_S
        while True:
            dead = next((part for part in self.parts if part.exit_code is not None), None)
            if dead is not None or time.monotonic() > deadline:
                return dead
            pause()

    def _bring_up_programs(self, settings: Settings) -> None:
        env, logs, port = child_environment(settings), self.folder.logs, str(self.plan.port)
        serve = [*self.plan.command, "serve", "--host", self.plan.host, "--port", port]
        serve += ["--workers", str(settings.api_processes)]
        # Nobody needs the sandbox: what is to be paid waits for it, as it would for the real one.
        servers = tuple(part for part in self.parts if not isinstance(part, EmbeddedSandbox))
        database = tuple(part for part in servers if isinstance(part, EmbeddedPostgres))  # It answers without a queue.
        api = Program("api", serve, log=logs / "api.log", env=env, answers=self._api_answers, needs=database)
        self._bring_up(api)
        work = [*self.plan.command, "work"]
        self._bring_up(Program("worker", work, log=logs / "worker.log", env=env, needs=servers))

    def _bring_up(self, part: Part) -> None:
        """Start a part for the first time and wait until it answers; what came up before is looked after meanwhile."""
        if self.wish.asked:
            return
        before = tuple(self.parts)
        self.parts.append(part)

        def keep_waiting() -> bool:
            self._look_after(before)
            return self.wish.not_asked()

        part.start(keep_waiting)

    def _keep_up(self, settings: Settings) -> None:
        while self.wish.not_asked():
            if self._look_after(self.parts):
                self._write_state(settings)
            pause(LOOK_EVERY_S)

    def _look_after(self, parts: Sequence[Part]) -> bool:
        """Start every dead part again, in order, and wait for none; whether there was one.

        A part whose needs are down stays down until they answer: it would only die of that, and be blamed for it.
        """
        restarted = False
        for part in parts:
            if part.exit_code is None:
                self._listen(part)
            elif self.wish.not_asked() and part.can_be_up():
                self._start_again(part, how_it_ended(part.exit_code))
                restarted = True
        return restarted

    def _start_again(self, part: Part, ended: str) -> None:
        if part.exit_code != -signal.SIGKILL:  # That came from outside: a person, or the kernel for want of memory.
            self._count_death(part, ended)
        part.sweep()
        self.plan.tell(f"{part.name} {ended}; starting it again")
        part.launch()
        self.starting[part.name] = time.monotonic() + part.start_s_max

    def _listen(self, part: Part) -> None:
        """Say so, once, when a part that was started again runs but never answers; only a death ends it.

        A database that mends what a crash left may need minutes, and to be started anew would cost it all of them.
        """
        patient_until = self.starting.get(part.name)
        if patient_until is None:
            return
        if not part.can_be_up():
            self.starting[part.name] = time.monotonic() + part.start_s_max
        elif part.ready():
            del self.starting[part.name]
        elif time.monotonic() > patient_until:
            del self.starting[part.name]
            self.plan.tell(f"{part.name} runs, but has not answered for {part.start_s_max} s; its log is {part.log}")

    def _count_death(self, part: Part, ended: str) -> None:
        now, deaths = time.monotonic(), self.deaths[part.name]
        deaths.append(now)
        while now - deaths[0] > WITHIN_S:
            deaths.popleft()
        if len(deaths) > DEATHS_MAX:
            often = f"ended {len(deaths)} times within {WITHIN_S} s; the last time it {ended}"
            raise PartFailed(part.name, often, part.log)

    def _bring_down(self) -> None:
        for part in reversed(self.parts):
            part.stop(self.wish.pressing)
        self.folder.state_file.unlink(missing_ok=True)

    def _write_state(self, settings: Settings) -> StackState:
        state = StackState(
            pid=os.getpid(),
            url=self._api_url,
            port=self.plan.port,
            database_url=settings.database_url or "",
            redis_url=settings.redis_url or "",
            parts={part.name: part.state() for part in self.parts},
            stripe_url=next((part.url for part in self.parts if isinstance(part, EmbeddedSandbox)), ""),
        )
        self.folder.write_state(state)
        return state

    @property
    def _api_url(self) -> str:
        return near_url(self.plan.host, self.plan.port)

    def _api_answers(self) -> bool:
        """Whether the API says that it is ready."""
        line = HTTPConnection(_near(self.plan.host), self.plan.port, timeout=2)
        try:
            line.request("GET", "/health/ready")
            return line.getresponse().status == HTTPStatus.OK
        except (OSError, HTTPException):
            return False
        finally:
            line.close()


def near_url(host: str, port: int) -> str:
    """Where this machine reaches an API that listens there."""
    near = _near(host)
    return f"http://{f'[{near}]' if ':' in near else near}:{port}"


def _near(host: str) -> str:
    """The address for this machine: "everywhere" is not one."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - nothing listens because of this


def child_environment(settings: Settings) -> dict[str, str]:
    """What our own programs are told: where the servers are, and to write their logs as they come."""
    return {**os.environ, **settings.to_environment(), "PYTHONUNBUFFERED": "1"}


def refuse_taken_port(host: str, port: int) -> str:
    """Find out now, and say it well, instead of letting the API fail later; the address that the host's name means.

    Raises PortTaken, PortReserved and HostUnusable.
    """
    return _bind(host, port)[0]


def free_port(host: str = "127.0.0.1", besides: int | None = None) -> int:
    """A port nobody listens on right now, and another one than `besides`, which is spoken for. Raises HostUnusable."""
    port = _bind(host, 0)[1]
    return free_port(host, besides) if port == besides else port


def _bind(host: str, port: int) -> tuple[str, int]:
    """Have the port for a moment; the address and the number it really has."""
    if not host:
        raise HostUnusable(host, "it is empty")  # To the system that means everybody, whom nobody has named.
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            if port:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
            address, number, *_ = probe.getsockname()
    except (OSError, UnicodeError) as error:
        raise _why_not(host, port, error) from error
    return str(address), int(number)


def _why_not(host: str, port: int, error: OSError | UnicodeError) -> Refusal:
    number = error.errno if isinstance(error, OSError) else None
    if number == errno.EADDRINUSE:
        return PortTaken(host, port)
    if number in {errno.EACCES, errno.EPERM}:
        return PortReserved(host, port)
    if number == errno.EADDRNOTAVAIL:
        return HostUnusable(host, "this machine has no such address")
    if isinstance(error, socket.gaierror | UnicodeError):
        return HostUnusable(host, "no such name is known")
    return HostUnusable(host, error.strerror or str(error))


def end_leftovers(stale: StackState | None) -> None:
    """End programs that outlived a killed supervisor, where the kernel did not do so for us.

    PostgreSQL is left to EmbeddedPostgres, which knows how to ask it.
    """
    for name, was in stale.parts.items() if stale else ():
        if name != "postgres":
            end_group(was)
