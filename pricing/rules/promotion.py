"""What a promotion is: when and for whom it holds, what it gives, and how far it may go.

Amounts are whole minor units of the market's currency, shares are basis points, instants as in the book.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

MINUTES_OF_A_DAY = 24 * 60
WEEK = tuple(range(7))
"""Monday is 0 (ISO 8601's 1)."""

Word = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=200,
        pattern=r"^[^\x00]*$",
        examples=["case"],
        extra={"words": "Any characters but NUL."},
    ),
]
Words = Annotated[list[Word], Meta(max_length=5_000, examples=[["case"]])]
Share = Annotated[int, Meta(ge=1, le=10_000, description="Basis points: 1000 is 10 %.", examples=[1000])]
Minor = Annotated[int, Meta(ge=0, le=10**12, examples=[500])]
Units = Annotated[int, Meta(ge=1, le=10_000, examples=[2])]


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Part of a promotion: what is left at its default is not written."""

    def __hash__(self) -> int:
        """Of what is written: lists have no hash, and the API's documentation wants one of every default."""
        return hash(msgspec.json.encode(self))


class Matching(Part, frozen=True):
    """Which items: each field that is not empty must hold, by any of its words. An empty one matches everything."""

    skus: Words = []
    products: Words = []
    categories: Words = []
    """With all below them."""
    brands: Words = []
    attributes: Annotated[list[tuple[Word, Word]], Meta(max_length=100, examples=[[["colour", "black"]]])] = []
    """(name, value): every name must match, by any of its values."""


class Selector(Matching, frozen=True):
    """Which items, and which of them not."""

    but_not: Matching | None = None


class Hours(Part, frozen=True):
    """A time of the week, in the market's zone. `until` 1440 is midnight; a window never spans midnight."""

    days: Annotated[
        list[Annotated[int, Meta(ge=0, le=6)]],
        Meta(min_length=1, max_length=7, description="Monday is 0.", examples=[[5, 6]]),
    ]
    begins: Annotated[int, Meta(ge=0, lt=MINUTES_OF_A_DAY, description="Minutes since midnight.")] = 0
    until: Annotated[int, Meta(ge=1, le=MINUTES_OF_A_DAY, description="Minutes since midnight.")] = MINUTES_OF_A_DAY


class Conditions(Part, frozen=True):
    """When and for whom a promotion holds. All of them must."""

    channels: Words = []
    """Empty: every channel of the market."""
    stores: Words = []
    """Locations where it is sold; empty: anywhere. With any, it holds in stores only."""
    groups: Words = []
    """The customer is in one of these; empty: everybody."""
    first_purchase: bool = False
    """Only for a known customer who never bought before."""
    code_hashes: Words = []
    """Of codes that anybody may type, see `hash_of`; one of them opens it."""
    unique_codes: bool = False
    """Its codes are too many to be in a book: whoever keeps them says whether one opens it (`Customer.unlocked`)."""
    items: Selector = Selector()
    """What it is about: these lines count for `quantity` and `subtotal`, and most benefits land on them."""
    quantity: Annotated[int, Meta(ge=0, le=10_000)] = 0
    """At least so many matching units."""
    subtotal: Minor = 0
    """Matching units worth at least so much, before any promotion."""
    hours: Annotated[list[Hours], Meta(max_length=50)] = []
    """Within one of these; empty: at any time."""


class Percent(Part, frozen=True, tag="percent", tag_field="kind"):
    """A share off each matching line, of the cheapest matching units, of all of them at once, or of shipping."""

    share: Share
    on: Annotated[str, Meta(pattern="^(lines|cheapest|order|shipping)$")] = "lines"
    units: Units = 1
    """How many of the cheapest, for `cheapest`."""


class AmountOff(Part, frozen=True, tag="amount", tag_field="kind"):
    """An amount off each matching unit, each of the cheapest units, all matching lines together, or shipping."""

    amount: Minor
    on: Annotated[str, Meta(pattern="^(lines|cheapest|order|shipping)$")] = "lines"
    units: Units = 1


class FixedPrice(Part, frozen=True, tag="fixed_price", tag_field="kind"):
    """Each matching unit, each of the cheapest units, or shipping costs this, if that is less."""

    price: Minor
    on: Annotated[str, Meta(pattern="^(lines|cheapest|shipping)$")] = "lines"
    units: Units = 1


class BuyGet(Part, frozen=True, tag="buy_get", tag_field="kind"):
    """For every `buy` units, `get` more at a share off: "3 for 2" is buy 2, get 1 at 10,000.

    Without `gets` all are of the matching items: they are lined up from the dearest down, in every `buy + get` of them
    the cheapest `get` are reduced, and what that saves is shared by the whole set. With `gets`, `buy` units of the
    matching items open `get` units of those others, the cheapest first.
    """

    buy: Units
    get: Units
    share: Share = 10_000
    gets: Selector | None = None
    times: Units | None = None
    """At most so often in one order."""


class BundlePart(Part, frozen=True):
    """Units of a kind that belong to a bundle."""

    items: Selector
    quantity: Units = 1


class Bundle(Part, frozen=True, tag="bundle", tag_field="kind"):
    """So many of each part for one price together, the dearest first, as often as it saves anything.

    A line that several parts match belongs to the first of them.
    """

    parts: Annotated[list[BundlePart], Meta(min_length=1, max_length=10)]
    price: Minor
    times: Units | None = None


class Step(Part, frozen=True):
    """What holds from here on: one of the three."""

    at: Annotated[int, Meta(ge=0, le=10**12, examples=[3])]
    """Units, or an amount before any promotion."""
    share: Share | None = None
    """Off each matching line."""
    amount: Minor | None = None
    """Off all matching lines together."""
    price: Minor | None = None
    """Each matching unit costs this, if that is less."""


class Tiers(Part, frozen=True, tag="tiers", tag_field="kind"):
    """The highest step that the matching units (or what they are worth) reach."""

    by: Annotated[str, Meta(pattern="^(quantity|subtotal)$", examples=["quantity"])]
    steps: Annotated[list[Step], Meta(min_length=1, max_length=20)]
    """Each further than the one before."""


class Gift(Part, frozen=True, tag="gift", tag_field="kind"):
    """So many units of a sku for nothing. They must be in the basket; until they are, the quote offers them."""

    sku: Word
    quantity: Units = 1


Benefit = Percent | AmountOff | FixedPrice | BuyGet | Bundle | Tiers | Gift


class Floor(Part, frozen=True):
    """How far down a unit may go."""

    minimum: Minor = 0
    cost: bool = False
    """Not below the price at which it brings in what it costs us once tax is paid, where that is known."""


class Promotion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A promotion as it stands in a book."""

    id: str
    name: str
    starts: int
    ends: int | None
    lane: int
    """Lanes run in order; inside a lane whatever is best for the customer wins."""
    priority: int
    """Where two are as good for the customer the higher one wins; then the lower id."""
    exclusive: bool
    """Lines on which it lands take nothing from later lanes."""
    conditions: Conditions
    benefit: Benefit
    cap: Minor | None
    """At most so much in one order."""
    floor: Floor
    limited: bool
    """Its uses are counted somewhere, and it may be used up (`Customer.used_up`)."""
