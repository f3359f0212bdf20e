"""Words: what the figures of each lesson mean. They go out with every answer; decision 0032 has what they stand on."""

from collections.abc import Mapping

from orders.reports.definitions import AS_OF, DAYS, GUESTS, INTERVAL, LATER, NET

PREORDERS = "Preorders count when they were placed."
REVENUE = (
    "Revenue is what lines were sold for after discounts, without tax. What part of a line's units is worth is rounded "
    "so that all parts add up to the line. Amounts in different currencies are never added."
)
STOCK = (
    "on_hand is what the diary of stock says at `stock_as_of` for any purpose, promised units included. available "
    "is what of it was not held for orders or baskets: what was sold and has not left yet is not available. "
    "Warehouses serve the online channels of their market, stores its retail channels; several channels that one "
    "location serves share its units. An overdrawn place has none. Stock that was imported is known since its import."
)
OVER = (
    "A window is over when its last calendar day is, at the as-of, in the market of the order that begins it. Those "
    "whose window is not over are in no share and no amount, but apart under `open`."
)
COHORTS = (
    "A customer's cohort is the month of the order that begins it, by the calendar of its market. Filters and period "
    "are about that order, and never make a later one the first."
)
_FIRST_OF_ALL = "The order that begins it is the customer's first with a net unit of anything, in any channel."
_FIRST_ANCHOR = (
    "The order that begins it is the customer's first with a net unit of the anchor set, in any channel. What was "
    "bought before does not count."
)
_GOODS = [NET, AS_OF, DAYS, PREORDERS]
_PEOPLE = [NET, AS_OF, DAYS, PREORDERS, LATER, GUESTS, COHORTS, OVER]

_DRAWN = (
    "What is collected in a store is sold where it was ordered, and drawn from that store: units, demand and "
    "share_of_demand are about the channel that sold, all other figures about the stock that it came from. What is "
    "shipped counts as drawn from the warehouses of its market. With a store, the channels that are meant are the "
    "retail ones of its market."
)

SELL_THROUGH: Mapping[str, str] = {
    "units": "net units sold in the period",
    "demand": "net units sold there in the period of the whole product, whichever of its variants were asked for; in "
    "rows of products and categories, of everything that was asked for",
    "share_of_demand": "units of demand",
    "drawn": "net units sold in the period, in whatever channel, out of the locations that serve the row's channels; "
    "with a store, out of that one",
    "on_hand": "units at `stock_as_of` in those locations, promised ones included",
    "available": "of these, units that nobody had bought or put into a basket",
    "sell_through": "drawn, of drawn and available",
    "days_of_cover": "how many days available would last if it went on as in the period: available * days / drawn",
}
SELL_THROUGH_RULES = [
    *_GOODS,
    STOCK,
    _DRAWN,
    "`stock_as_of` is the end of the period, or the as-of where that is earlier.",
    "`days` are the period's days as far as they had begun at the as-of in a market that is meant.",
    "Without a period it is about the last 28 days.",
    "Variants are told apart as the catalog said at the as-of. What neither sold nor lies anywhere has no row.",
]

REPEAT_PURCHASE: Mapping[str, str] = {
    "customers": "customers of the cohort",
    "within_30": "denominator: customers whose 30 days are over; numerator: of those, the ones with a later order of "
    "anything no more than 30 calendar days after the one that begins their cohort",
    "within_90": "the same for 90 days",
    "within_365": "the same for 365 days",
    "orders": "customers by how many orders with a net unit they have, the one that begins it and all later ones",
    "devices": "customers by how many net units of the devices they bought in those orders",
}


def repeat_purchase_rules(*, anchored: bool) -> list[str]:
    """The rules of repeat purchases."""
    return [
        *_PEOPLE,
        _FIRST_ANCHOR if anchored else _FIRST_OF_ALL,
        "Orders and devices are counted up to the as-of: an older cohort had more time.",
        INTERVAL,
    ]


CUSTOMER_REVENUE: Mapping[str, str] = {
    "customers": "customers of the cohort; within a window, those of them whose window is over",
    "revenue": "what they were sold in orders no more than so many calendar days after the one that begins their "
    "cohort, that one included: anchor is revenue of the anchor set, attached of the attach set, other of all else",
    "per_customer": "revenue of the customers, each amount rounded by itself",
    "elsewhere": "customers who bought within the window in another currency, too",
    "open": "customers whose window is not over, and their revenue so far",
}
CUSTOMER_REVENUE_RULES = [
    *_PEOPLE,
    _FIRST_ANCHOR,
    REVENUE,
    "A row is about customers who began in a market of its currency, and what they were sold in that currency.",
]

RETURNS: Mapping[str, str] = {
    "sold": "units sold in the period, less those that were cancelled",
    "returned": "of those, units that came back, whenever that was",
    "share": "returned of sold",
    "cancelled": "units of the period's orders that were cancelled; they never left, and are in no other figure",
    "came_back": "the returned units by where they came back, as seen from where they were sold",
    "median_days": "calendar days from sale to return in the calendar of the market where it was sold, of the unit in "
    "the middle; of two in the middle, the lower",
    "revenue_sold": "what the units sold were sold for",
    "revenue_returned": "what the returned ones of them were sold for",
}
_BACK = (
    "Cancellations, returns and where they came back count as far as they were known at the as-of. Who bought lately "
    "has had little time to bring it back."
)
RETURNS_RULES = [
    *_GOODS[1:],
    REVENUE,
    _BACK,
    "Variants are told apart as the catalog said at the as-of.",
    INTERVAL,
]

SKU_TAIL: Mapping[str, str] = {
    "units": "net units sold in the last `days` calendar days, the as-of's own included",
    "orders": "orders with a net unit of it in those days",
    "revenue": "net revenue in those days",
    "on_hand": "units at the as-of in the locations that serve the channels that are meant, promised ones included",
    "available": "of these, units that nobody had bought or put into a basket",
    "days_since_last_sale": "calendar days from the last sale of which a unit is left to the as-of; none if never sold",
    "rank": "place by units, then by the later last sale, then by sku",
    "share": "units of those of all skus that are meant",
    "cumulative_share": "the same of all skus up to this rank",
    "abc": "A: skus that begin below 80 % of the cumulative share; B: below 95 %; C: all others, and what sold nothing",
    "candidate": "sell_off or retire: an active variant that sold fewer than `fewer_than` net units in those days "
    "though it could be bought, with units available or without; unknown: it sold as few, and nobody can say why; no: "
    "every other one",
    "unknown_because": "not_offered: at no time of those days it was active, visible and certified in a channel that "
    "is meant (in a retail channel, with a store); new: it was so only since those days began; stock_unknown: nobody "
    "had written down any stock of it where those channels are served from; out_of_stock: no unit was available there "
    "at any time of those days",
}
_CATALOG = (
    "Variants are what the catalog said at the as-of; what came into it later has no row unless it sold. Where it "
    "could be bought is what its listings said at each time of those days. What was imported, or was there before that "
    "was kept, was there always."
)
SKU_TAIL_RULES = [*_GOODS, REVENUE, STOCK, _CATALOG]
