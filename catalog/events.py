"""News of the catalog."""

from typing import ClassVar

from commerce.kernel.outbox import Event


class ProductPublished(Event, frozen=True):
    """These variants of a product may be shown from now on, where they are listed."""

    topic: ClassVar[str] = "product_published"
    product: str
    skus: list[str]


class ProductRetired(Event, frozen=True):
    """These variants of a product are shown and sold no more."""

    topic: ClassVar[str] = "product_retired"
    product: str
    skus: list[str]
