"""News that customers tell."""

from typing import ClassVar

from commerce.kernel.outbox import Event


class CustomersMerged(Event, frozen=True):
    """Two customers turned out to be one person; everything of the merged one is the survivor's now."""

    topic: ClassVar[str] = "customers_merged"
    merge_id: str
    merged: str
    survivor: str
