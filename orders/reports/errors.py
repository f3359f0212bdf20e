"""What reports say no to."""

from dataclasses import dataclass

from commerce.kernel.refusals import Refusal


@dataclass(eq=False)
class SetsOverlap(Refusal):
    """Anchor and attach share a sku: one sale would be its own companion."""

    status = 422
    code = "sets_overlap"
    field: str
    sku: str
    shared: int

    def __str__(self) -> str:
        more = f" and {self.shared - 1} more" if self.shared > 1 else ""
        return f"{self.field}: {self.sku!r}{more} is in the anchor set as well."
