"""How the sandbox is started."""

from dataclasses import dataclass
from pathlib import Path


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
