"""What is asked of inventory, and what it answers."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from commerce.kernel.bodies import At, Body, CodeText, Quantity, Reason
from inventory.rules import Correction, HoldState, MovementKind

Sku = Annotated[CodeText, Meta(description="The variant's sku.", examples=["TERN3-SLATE-128"])]
LocationCode = Annotated[CodeText, Meta(description="A warehouse's or store's code.", examples=["store-hamburg"])]
Units = Annotated[int, Meta(ge=1, le=1_000_000, description="Whole units, 1 to 1,000,000.", examples=[24])]
HoldId = Annotated[
    str,
    Meta(
        pattern="^hld_[0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{15}$",
        max_length=36,
        description="`hld_` and a UUIDv7 in hex.",
        examples=["hld_019a43b0c1e27d3f8a5b6c7d8e9f0a1b"],
    ),
]


class UnitsBody(Body, frozen=True):
    """Some units of a sku."""

    sku: Sku
    units: Units


UnitsLines = Annotated[list[UnitsBody], Meta(min_length=1, max_length=200, description="1 to 200 lines.")]


class ReceiptBody(Body, frozen=True):
    """Goods that arrived."""

    location: LocationCode
    lines: UnitsLines
    reference: Annotated[CodeText | None, Meta(description="The delivery note's number.", examples=["DN-2026-117"])] = (
        None
    )


class AdjustmentBody(Body, frozen=True):
    """A correction of one quantity, with its reason."""

    sku: Sku
    location: LocationCode
    units: Annotated[
        int, Meta(ge=-1_000_000, le=1_000_000, description="More (positive) or fewer (negative); not 0.", examples=[-1])
    ]
    reason: Annotated[Correction, Meta(description="One of a closed list.")]
    reference: Annotated[CodeText | None, Meta(description="Your own number for it.", examples=["REPORT-9"])] = None


class CountedBody(Body, frozen=True):
    """How many units of a sku were found."""

    sku: Sku
    counted: Annotated[int, Meta(ge=0, le=1_000_000, description="Whole units on the shelf.", examples=[12])]


class CountBody(Body, frozen=True):
    """A stock count: what was found at a location. Skus that are not named stay as they are."""

    location: LocationCode
    lines: Annotated[list[CountedBody], Meta(min_length=1, max_length=200, description="1 to 200, each sku once.")]
    reference: Annotated[CodeText | None, Meta(description="The count's own number.", examples=["COUNT-3"])] = None


class TransferBody(Body, frozen=True):
    """Units that go from one location to another."""

    from_location: LocationCode
    to_location: LocationCode
    lines: UnitsLines
    reference: Annotated[CodeText | None, Meta(description="The transfer's own number.", examples=["TR-8"])] = None


class WantedBody(Body, frozen=True):
    """One line of a basket."""

    sku: Sku
    quantity: Quantity


class HoldBody(Body, frozen=True):
    """A basket to be kept for a buyer for a while, whole or not at all."""

    channel: Annotated[CodeText, Meta(description="The key's own channel.", examples=["de-web"])]
    lines: Annotated[list[WantedBody], Meta(min_length=1, max_length=100, description="1 to 100 lines.")]
    expires_at: Annotated[At, Meta(description="When the units are free again: at most two hours from now.")]
    collect_at: Annotated[CodeText | None, Meta(description="Only from this store.", examples=["store-hamburg"])] = None
    reference: Annotated[HoldId | None, Meta(description="Made by the client, if it wants to know it beforehand.")] = (
        None
    )


class CloseOverdraftBody(Body, frozen=True):
    """What was done about it."""

    note: Annotated[Reason, Meta(description="For whoever asks later.", examples=["Sent one over from Munich."])]


class StockView(msgspec.Struct, frozen=True):
    """What is on hand of a sku at a location, and how much of it is spoken for."""

    sku: str
    location: str
    purpose: str
    supply: Annotated[int, Meta(description="Units on hand, by the diary. Negative after overdrawing.")]
    held: Annotated[int, Meta(description="Units kept for baskets and orders.")]
    free: Annotated[int, Meta(description="Units that may be promised.")]
    overdrawn: Annotated[int, Meta(description="Units promised that are not there.")]


class ChangeView(msgspec.Struct, frozen=True):
    """How one quantity changed, and what is there now."""

    sku: str
    location: str
    units: Annotated[int, Meta(description="More (positive), fewer (negative), or 0 when a count agreed.")]
    supply: int
    held: int
    free: int
    overdrawn: int


class StockChangeView(msgspec.Struct, frozen=True):
    """What was booked, under which reference."""

    reference: str
    changes: list[ChangeView]
    overdrafts: Annotated[list[str], Meta(description="Cases this opened for a person.")] = []


class MovementView(msgspec.Struct, frozen=True):
    """One line of the diary."""

    id: str
    sku: str
    location: str
    kind: MovementKind
    units: Annotated[int, Meta(description="Came in (positive) or left (negative).")]
    reference: str
    reason: str | None
    actor: str
    moved_at: datetime


class HeldView(msgspec.Struct, frozen=True):
    """Units of a sku that are kept, and where."""

    sku: str
    location: str
    units: int


class HoldView(msgspec.Struct, frozen=True):
    """A hold: what is kept, where, until when, and how it stands."""

    reference: Annotated[str, Meta(examples=["hld_019a43b0c1e27d3f8a5b6c7d8e9f0a1b"])]
    state: HoldState
    expires_at: datetime | None
    lines: list[HeldView]


class OverdraftView(msgspec.Struct, frozen=True):
    """A case for a person: units that were promised or sold and were not there."""

    id: str
    sku: str
    location: str
    units: int
    reference: Annotated[str, Meta(description="The sale, count or order that showed it.")]
    opened_at: datetime
    closed_at: datetime | None
    closed_by: str | None
    note: str | None
