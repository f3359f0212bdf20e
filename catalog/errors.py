"""What the catalog says no to."""

from dataclasses import dataclass
from datetime import datetime

from commerce.kernel.refusals import Refusal


@dataclass(eq=False)
class NotListed(Refusal):
    """The variant exists, but this channel does not show it now."""

    status = 422
    code = "not_listed"
    field: str
    channel: str
    sku: str

    def __str__(self) -> str:
        return f"{self.sku!r} is not listed in channel {self.channel!r} at this time."


@dataclass(eq=False)
class NotCertified(Refusal):
    """The variant is shown, but not yet certified for this channel's market."""

    status = 422
    code = "not_certified"
    field: str
    channel: str
    sku: str
    certified_from: datetime | None

    def __str__(self) -> str:
        since = f" before {self.certified_from:%Y-%m-%d %H:%M} UTC" if self.certified_from else ""
        return f"{self.sku!r} is not certified for sale in channel {self.channel!r}{since}."


@dataclass(eq=False)
class InvalidGtin(Refusal):
    """The number is not a GTIN: 8, 12, 13 or 14 digits with the right check digit (GS1 General Specifications)."""

    status = 422
    code = "invalid_gtin"
    field: str
    value: str

    def __str__(self) -> str:
        return f"{self.value!r} is not a GTIN: its length or its check digit is wrong."


@dataclass(eq=False)
class CategoryCycle(Refusal):
    """The category would become its own ancestor."""

    code = "category_cycle"
    field: str
    category: str
    parent: str

    def __str__(self) -> str:
        which = "which is itself" if self.parent == self.category else "which hangs below it"
        return f"{self.category!r} cannot hang below {self.parent!r}, {which}."


@dataclass(eq=False)
class SetsOverlap(Refusal):
    """Anchor and attach share a sku: one sale would be its own companion."""

    status = 422
    code = "sets_overlap"
    field: str
    sku: str
    shared: int

    def __str__(self) -> str:
        more = f" and {self.shared - 1} more are" if self.shared > 1 else " is"
        return f"{self.field}: {self.sku!r}{more} in the anchor set as well."


@dataclass(eq=False)
class NothingToMove(Refusal):
    """None of the product's variants is in a state from which it could go there."""

    code = "nothing_to_move"
    product: str
    wanted: str

    def __str__(self) -> str:
        return f"No variant of {self.product!r} can become {self.wanted}."


@dataclass(eq=False)
class NotInProduct(Refusal):
    """The sku is not one of this product's."""

    status = 422
    code = "not_in_product"
    field: str
    product: str
    sku: str

    def __str__(self) -> str:
        return f"{self.sku!r} is not a variant of {self.product!r}."
