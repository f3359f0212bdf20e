"""Definitions: what each figure means, in the words that every answer carries. The contract is decision 0032."""

from typing import NamedTuple

from orders.reports.rules import Basis, CountAt, GroupBy, Kind, Question, follows


class Meaning(NamedTuple):
    """What a basis counts below the line and above it."""

    denominator: str
    numerator: str


_EITHER = "in the same order, or in a later order"
_MEANINGS: dict[Basis, Meaning] = {
    Basis.ORDERS: Meaning(
        "orders with at least one net anchor unit", "of those, orders with at least one net attach unit"
    ),
    Basis.UNITS: Meaning(
        "net anchor units, of all orders that hold one", "net attach units in those orders; may exceed 100 %"
    ),
    Basis.EVENTS: Meaning("orders of known customers with at least one net anchor unit, each one an event", "events"),
    Basis.CUSTOMERS: Meaning(
        "of each customer the first order in the period, and of those that the filters leave, with at least one net "
        "anchor unit",
        "of those first orders, the ones",
    ),
}


def meaning_of(basis: Basis, attach_in: str | None = None) -> Meaning:
    """What a basis counts. `attach_in` is where the attach was bought, if only later orders there count."""
    below, above = _MEANINGS[basis]
    if not follows(basis):
        return Meaning(below, above)
    return Meaning(below, f"{above} {_followed(_EITHER if attach_in is None else f'in a later order {attach_in},')}")


def attach_in(channel: str | None, kind: Kind | None) -> str | None:
    """Where only later orders count, in words; None if any order does, the anchor's own as well."""
    if channel is not None:
        return f"in the channel {channel}"
    if kind is Kind.ALL:
        return "in any channel"
    return None if kind is None else f"in a channel of the kind {kind}"


def meaning_of_matrix(basis: Basis, *, kinds: bool) -> Meaning:
    """What the cells of a cross-channel matrix count: of kinds of channels, or of channels."""
    below, above = _MEANINGS[basis]
    narrowed, there = (
        ("the kind of channels in `channel`", "in a channel of the kind in `attach_channel`")
        if kinds
        else ("the channel in `channel`", "in the channel in `attach_channel`")
    )
    same = "with at least one net attach unit in the anchor's own order"
    return Meaning(
        f"{below}; each cell's narrowed to {narrowed}",
        f"{above} {_followed(f'in a later order {there},')}; where `attach_channel` is `same_order`, those {same}",
    )


def _followed(where: str) -> str:
    return (
        f"that were followed: their customer has at least one net attach unit {where} whose day is no more than "
        "window_days calendar days after the anchor's"
    )


NET = "Net: units sold, less those that were cancelled or came back, as far as that was known at the as-of."
AS_OF = (
    "As-of: sales, cancellations, returns and merges of customers count if they were known then. A till's late sale is "
    "known when it came, imported history when it happened. Sets are what the catalog and the named sets said then; "
    "believed_at leaves out sales, cancellations, returns and merges, and changes no set."
)
DAYS = (
    "A sale's day is its day in its market's time zone. Of a period's days both are in it, of its instants the last is "
    "not."
)
STORE = "A sale's store is the one in which it was sold: what was sold online has none, wherever it was collected."
LATER = "Later is by (instant placed, order number by code point). Merged customers are one person."
GUESTS = "Guests, whom nobody can follow, are left out."
LATER_ONLY = (
    "Since it is named where the attach is bought (be it with `attach_channel_kind=all`), only later orders there "
    "count, and not the anchor's own."
)
OPEN = (
    "A window is over when its last calendar day is, in the anchor's market, at the as-of. Those whose window is not "
    "over are in the row, and apart under `open`."
)
COMPLETE = (
    "A window is over when its last calendar day is, in the anchor's market, at the as-of. Those whose window is not "
    "over are left out of the row, and are apart under `open`; no later order takes a first one's place."
)
GROUPS = (
    "A row is the question narrowed to its group, so a customer may count in several rows, and rows need not add up to "
    "the total."
)
COHORT = "The cohort is the month of the customer's first order of anything, in any channel, known at the as-of."
HAND_OVER = "Preorders count when their last goods were in the buyer's hands, everything else when it was placed."
MATRIX = (
    "Each cell is narrowed to its anchors' channel. `same_order`: the attach was in the anchor's own order. In the "
    "other cells only later orders in that channel count, so an anchor may count in several."
)
COMPARED = (
    "Compared: `before` is of the period in `comparison.period`, `now` of the definition's; everything else that was "
    "asked is the same, and so is the as-of. `difference` is how much `now` is above `before`."
)
NEWCOMBE = (
    "Its interval is Newcombe's, 95 %, of two independent shares: the periods share no sale, though a customer may be "
    "in both."
)
INTERVAL = "Intervals are Wilson's, 95 %. `small_sample`: the denominator is below 30."
NO_INTERVAL = "Units are no share, so there is no interval. `small_sample`: the denominator is below 30."


def rules_of_comparison(basis: Basis) -> list[str]:
    """The rules by which two periods are compared."""
    return [COMPARED] if basis is Basis.UNITS else [f"{COMPARED} {NEWCOMBE}"]


def rules_for(question: Question, *, cohort: bool) -> list[str]:
    """The rules that this question is answered by, in whole sentences."""
    rules = [NET, AS_OF, DAYS, *([STORE] if question.store or GroupBy.STORE in question.group_by else [])]
    if question.window_days is not None:
        rules += [LATER, GUESTS, COMPLETE if question.complete_only else OPEN]
    if question.later_only:
        rules.append(LATER_ONLY)
    if question.count_at is CountAt.HAND_OVER:
        rules.append(HAND_OVER)
    if question.group_by:
        rules.append(GROUPS)
    if cohort:
        rules.append(COHORT)
    rules.append(NO_INTERVAL if question.basis is Basis.UNITS else INTERVAL)
    return rules
