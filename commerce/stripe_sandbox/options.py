"""How the sandbox is started, and what makes sense for it."""

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

LATENCY_MS_MAX = 60_000
SEARCH_LAG_S_MAX = 3600
SIGNS = r"\Awhsec_[!-~]+\Z"
"""What a secret looks like that webhooks are signed with; with an empty one anybody could sign."""

_SECRET_KEY = re.compile(r"(sk|rk)_test_[A-Za-z0-9_]+")


@dataclass(frozen=True, slots=True)
class Options:
    """What may be chosen. Without a journal it only remembers; without an address webhooks wait to be taken."""

    journal: Path | None = None
    webhook_url: str | None = None
    webhook_secrets: tuple[str, ...] = ()
    webhook_events: frozenset[str] = frozenset()
    """The kinds that the address is subscribed to; none named are all."""
    api_keys: frozenset[str] = frozenset()
    latency_ms: int = 0
    search_lag_s: int = 0
    """So long nothing that was made is found by search; at Stripe it may be a minute."""
    multicapture: bool = True
    """Whether the account may capture a hold in parts. Stripe asks IC+ pricing for it, which most shops do not have."""
    seed: int = 0


def is_web_address(said: str) -> bool:
    """Whether webhooks can be posted there."""
    try:
        parts = urlsplit(said)
        port = parts.port
    except ValueError:
        return False
    is_printed = re.fullmatch(r"[!-~]+", said) is not None
    is_host = bool(parts.hostname) and "@" not in parts.netloc and port != 0
    return is_printed and is_host and parts.scheme in {"http", "https"}


def is_webhook_secret(said: str) -> bool:
    """Whether webhooks can be signed with it."""
    return re.match(SIGNS, said) is not None


def is_secret_key(said: str) -> bool:
    """Whether it can be a secret key of an account's test mode."""
    return _SECRET_KEY.fullmatch(said) is not None
