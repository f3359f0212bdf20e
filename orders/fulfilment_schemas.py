"""What is asked of orders that were placed: to leave, to be collected, to end, and to be paid back."""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta

from commerce.kernel.bodies import Amount, Body, Quantity, Reason, ShortText
from orders.schemas import LineNumber, Serials, Store, Tenders


class CancelBody(Body, frozen=True):
    """Why an order is cancelled."""

    reason: Annotated[Reason, Meta(examples=["buyer changed their mind"])]


class SentLineBody(Body, frozen=True):
    """Units of one line that leave."""

    line: LineNumber
    quantity: Quantity
    serials: Serials = []


class ShipBody(Body, frozen=True):
    """Goods that leave a location for the buyer. Without lines: everything that waits there."""

    location: Store
    lines: Annotated[list[SentLineBody], Meta(min_length=1, max_length=100, description="Some of it.")] | None = None


class SerialsBody(Body, frozen=True):
    """The serial numbers of one line's devices."""

    line: LineNumber
    serials: Serials


class CollectBody(Body, frozen=True):
    """A buyer collects an order at the counter and pays what is due."""

    location: Store
    tenders: Tenders = []
    serials: Annotated[list[SerialsBody], Meta(max_length=100, description="For numbered devices.")] = []


class ReadyBody(Body, frozen=True):
    """A store has put an order aside."""

    location: Store


class HandOverBody(Body, frozen=True):
    """The carrier brought everything and took what was due."""

    reference: Annotated[ShortText | None, Meta(description="The carrier's own number.", examples=["DHL-0034"])] = None


class WantedRefund(StrEnum):
    """Why somebody wants to give money back."""

    LINE = "line"
    SHIPPING = "shipping"
    GOODWILL = "goodwill"


class CounterTender(StrEnum):
    """How money is given back at a counter."""

    CASH = "cash"
    CARD_TERMINAL = "card_terminal"


class RefundBody(Body, frozen=True):
    """Money to go back to a buyer: for units of a line, or an amount."""

    reason: WantedRefund
    line: Annotated[LineNumber | None, Meta(description="The line, for `line`.")] = None
    quantity: Annotated[Quantity | None, Meta(description="How many units of it.")] = None
    amount: Annotated[Amount | None, Meta(description="How much, for `shipping` and `goodwill`.")] = None
    tender: Annotated[
        CounterTender | None, Meta(description="Where it is given back at a counter; else through the provider.")
    ] = None
    note: Annotated[Reason | None, Meta(description="For whoever asks later.")] = None
