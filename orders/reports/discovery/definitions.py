"""Definitions: what discoveries count and test, in the words that every answer carries."""

from typing import NamedTuple

from orders.reports.definitions import AS_OF, DAYS, GUESTS, LATER, NET
from orders.reports.discovery.asked import PairBasis, PairsAsked
from orders.reports.discovery.judge import LISTED_MAX
from orders.reports.discovery.paired import PROGRAMS_MAX
from orders.reports.discovery.pairs import THINGS_MAX
from orders.reports.discovery.things import Level


class PairMeaning(NamedTuple):
    """What the four counts of a pair are."""

    whole: str
    anchors: str
    attaches: str
    both: str


PAIRS: dict[PairBasis, PairMeaning] = {
    PairBasis.ORDERS: PairMeaning(
        "orders with at least one net unit of anything",
        "of those, orders with at least one net unit of the anchor",
        "of those, orders with at least one net unit of the attach",
        "of those, orders with at least one net unit of each",
    ),
    PairBasis.CUSTOMERS: PairMeaning(
        "customers with at least one order in the period that the filters leave",
        "of those, customers with at least one net unit of the anchor in such an order; they are followed from the "
        "first of these",
        "of the whole, customers who came by at least one net unit of the attach in time: those with the anchor from "
        "there, and everybody else from the first of such orders",
        "of the anchors, customers who came by at least one net unit of the attach in time",
    ),
}

LEVELS: dict[Level, str] = {
    Level.SKU: "Things are skus.",
    Level.PRODUCT: "Things are products, as the catalog said at the as-of.",
    Level.CATEGORY: "Things are the categories in which variants hang, without what hangs below them, as the catalog "
    "said at the as-of.",
    Level.TOP_CATEGORY: "Things are the topmost categories, with all below, as the catalog said at the as-of.",
}
PLACED = "Preorders count when they were placed."
IN_TIME = "In time is in the same order, or in a later one no more than window_days calendar days after it."
LATER_IN_TIME = (
    "In time is in a later order, no more than window_days calendar days after the one they are followed from."
)
OPEN = "Windows that are not over at the as-of are in the figures; `open` says how many of the anchors' are not."
COMPLETE = (
    "Nobody is followed from an order whose window is not over at the as-of: neither those with the anchor from its "
    "first order, nor anybody else from the first of all. Who is not followed from any order is not in the whole."
)
FIGURES = (
    "support = both / whole. confidence = both / anchors. lift = confidence / (attaches / whole): 1 is what numbers "
    "alone make where all have as many things and one assortment. leverage = support - anchors / whole * attaches / "
    "whole."
)
EXPECTED = (
    "expected is how many of both would be if each channel's orders were filled blindly: as many orders have as many "
    "different things as before, and each thing is in as many orders of the channel as before, but which things meet "
    "is left to chance (each has a weight, and k things fill an order of k with a chance in proportion to the product "
    "of their weights). Channels are added up. So neither markets with assortments of their own nor full orders make "
    "a pair. adjusted_lift = both / expected."
)
EXPECTED_IN_TIME = (
    "expected is how many of both would be if it were left to chance which things meet, among the customers of each "
    "channel (the one of their first order in the scope): as many customers have as many different things as before, "
    "in the scope or within window_days of an order in it; as many of them have each thing; as many pairs came in time "
    "among customers with so many; and each thing has the share in them that it has, in all pairs that it is in, as "
    "the one that others follow, and as one that follows. Channels are added up. adjusted_lift = both / expected."
)
SEASONS = "What was on sale at different times is not told apart: ask for a period in which the assortment was one."
CHANCE = (
    "p is how likely at least so many of both are where so many are expected: Poisson's upper tail, one-sided, which "
    "from one more than expected on is no less than that of hits with chances of their own (Hoeffding 1956)."
)
GUARD = (
    "q is p, guarded against the number of tests (Benjamini and Hochberg 1995): tested are all pairs of things that "
    "come min_support times each, in every group; those with both less than min_support, or adjusted_lift less than "
    "min_lift, are tests that found nothing, whatever their p, so a higher min_lift makes no q lower."
)
LISTED = (
    f"Listed are pairs with both at least min_support and adjusted_lift at least min_lift, no more than {LISTED_MAX} "
    "of them. Two things may be listed twice, each as the anchor."
)
WORTH = "worth_a_program: the pair is listed, and its q is at most 5 %."
LEFT_OUT = f"{{}} with more than {THINGS_MAX} different things are left out of every figure, and counted in left_out."
PAIRED = (
    f"pairings (of the catalog) and programs (active ones, the first {PROGRAMS_MAX} by their codes) are those of now "
    "whose anchor and attach sets hold every sku of these two things."
)

SHARES = (
    "Shares are of everything that was sold in that kind of channel, whatever `of` says. Ratios are the online share "
    "divided by the share in stores."
)
ADJUSTED = (
    "unit_ratio and order_ratio are of all markets together. adjusted_ratio compares orders within each market and "
    "adds the markets up (Mantel and Haenszel 1959): a market that sells more online, with an assortment of its own, "
    "makes no gap, and one that sells in one kind of channel only says nothing."
)
GAP_CHANCE = (
    "p is how likely the orders with the thing are to be shared out so unevenly, or more so, between online and stores "
    "if each market shares them out as it does all its orders: twice the smaller binomial tail around the number "
    "expected online, which from one more than expected on is no less than that of shares that differ (Hoeffding "
    "1956). It is about orders and not units, since the units of one order were not bought one by one."
)
GAP_GUARD = (
    "q is p, guarded against the number of tests (Benjamini and Hochberg 1995): tested is every thing that is in at "
    "least min_support orders, online and in stores together. Those whose adjusted_ratio is too even for min_ratio are "
    f"tests that found nothing, whatever their p. All that are tested are listed, no more than {LISTED_MAX} of them."
)
GAP = (
    "gap: q is at most 5 %, and adjusted_ratio is at least min_ratio or at most 1 / min_ratio; so it is where, of the "
    "markets that sell in both kinds of channels, the thing sells in one kind only."
)
LISTED_IN = (
    "listed_in are the kinds of channels where one of the thing's skus is active, visible and certified at the as-of, "
    "as its listings said then. What is not listed cannot sell."
)
LISTED_IN_BOTH = "Things that are not listed in both kinds of channels are left out before anything is tested."


def rules_of_pairs(asked: PairsAsked) -> list[str]:
    """The rules that pairs are found by, in whole sentences."""
    followed = asked.basis is PairBasis.CUSTOMERS
    in_time = LATER_IN_TIME if asked.later_only else IN_TIME
    return [
        *(NET, AS_OF, DAYS),
        *([in_time, LATER, GUESTS, COMPLETE if asked.complete_only else OPEN] if followed else []),
        *(
            PLACED,
            LEVELS[asked.level],
            FIGURES,
            EXPECTED_IN_TIME if followed else EXPECTED,
            SEASONS,
            CHANCE,
            GUARD,
            LISTED,
            WORTH,
        ),
        *(LEFT_OUT.format("Customers" if followed else "Orders"), PAIRED),
    ]


def rules_of_gaps(level: Level, *, listed_in_both: bool) -> list[str]:
    """The rules that gaps are found by, in whole sentences."""
    listing = [LISTED_IN, LISTED_IN_BOTH] if listed_in_both else [LISTED_IN]
    return [NET, AS_OF, DAYS, PLACED, LEVELS[level], SHARES, ADJUSTED, GAP_CHANCE, GAP_GUARD, GAP, *listing]
