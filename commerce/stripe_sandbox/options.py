"""How the sandbox is started."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Options:
    """What may be chosen. Without a journal it only remembers; without an address webhooks wait to be taken."""

    journal: Path | None = None
    webhook_url: str | None = None
    webhook_secrets: tuple[str, ...] = ()
    api_keys: frozenset[str] = frozenset()
    latency_ms: int = 0
    seed: int = 0
