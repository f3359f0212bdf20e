"""The statements behind attach rates, put together from what was asked; whatever a caller gave is bound.

All begin with `net`: the lines of either set of which something is left, known at the as-of, and whose they are. `a`
says that a line is of the anchor set; the others are of the attach set. `unnest` stands where a table would: it lets
PostgreSQL share the work among its processes, which it does not with a CTE.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum

from orders.reports.rules import Basis, CountAt, GroupBy


class Reach(StrEnum):
    """Where the attach may be, as seen from the anchor's order."""

    SAME = "same"
    LATER = "later"
    EITHER = "either"


class Half(StrEnum):
    """Which customers are looked at, where two share the work: everybody's number is even or odd."""

    EVEN = "even"
    ODD = "odd"


# PostgreSQL takes a remainder for a rare value, and a truth for neither rare nor common.
_HALVES = {Half.EVEN: "NOT CAST({customer} & 1 AS bool)", Half.ODD: "CAST({customer} & 1 AS bool)"}

CHANNELS = """
    unnest(CAST(:channels AS text[]), CAST(:kinds AS text[]), CAST(:markets AS text[]), CAST(:zones AS text[]),
           CAST(:known_before AS timestamptz[]), CAST(:as_of_days AS date[]), CAST(:currencies AS text[]))
        AS c (code, kind, market, zone, known_before, as_of_day, currency)
"""
IS_ANCHOR = "f.sku_no = ANY (CAST(:anchor_nos AS int[]))"
_PRODUCTS = """
    JOIN unnest(CAST(:sku_nos AS int[]), CAST(:products AS text[])) AS w (sku_no, product) ON w.sku_no = f.sku_no
"""
ROOTS = """
    LEFT JOIN unnest(CAST(:merged AS int[]), CAST(:survivors AS int[])) AS p (merged, survivor)
        ON p.merged = f.customer_no
"""
_HANDED = """
    LEFT JOIN report_handovers h
        ON f.preorder AND h.order_number = f.order_number AND h.recorded_at < c.known_before
       AND h.recorded_at <= :believed_at
"""
BOUNDS = "{fact}.placed_at >= :scan_from AND {fact}.placed_at < :scan_to"

STORE = "CASE WHEN c.kind = 'retail' THEN f.location END AS location"
"""The store in which something was sold: what was sold online has none, wherever it is collected."""
UNTIL = "x.day + CAST(:window AS int)"

_KEYS: Mapping[GroupBy, str] = {
    GroupBy.DAY: "x.day",
    GroupBy.WEEK: "x.day - CAST(extract(isodow FROM x.day) AS int) + 1",
    GroupBy.MONTH: "CAST(date_trunc('month', CAST(x.day AS timestamp)) AS date)",
    GroupBy.CHANNEL: "x.channel",
    GroupBy.CHANNEL_KIND: "x.kind",
    GroupBy.MARKET: "x.market",
    GroupBy.STORE: "x.location",
    GroupBy.ANCHOR_PRODUCT: "x.product",
    GroupBy.COHORT: "y.cohort",
}
"""What an anchor's row is grouped by. The attach's product is no matter of the anchor."""


def known(fact: str, happened: str) -> str:
    """Whether a fact was known at the as-of: history when it happened, everything else when it was recorded."""
    return (
        f"CASE WHEN {fact}.historic THEN {fact}.{happened} ELSE {fact}.recorded_at END < c.known_before"
        f" AND {fact}.recorded_at <= :believed_at"
    )


def net_lines(
    *,
    members: bool,
    bounded: bool,
    merges: bool,
    followed: bool,
    count_at: CountAt,
    products: bool = False,
    half: Half | None = None,
) -> str:
    """The lines of which something is left: of both sets, or of everything; `products` names what each is of.

    `half` leaves only those of every other customer: both halves together are all that are followed.
    """
    customer = "coalesce(p.survivor, f.customer_no)" if merges else "f.customer_no"
    later = count_at is CountAt.HAND_OVER
    scanned = BOUNDS if bounded else "true"
    at = "CASE WHEN f.preorder THEN h.happened_at ELSE f.placed_at END" if later else "f.placed_at"
    day = (
        "CASE WHEN f.preorder THEN CAST(h.happened_at AT TIME ZONE c.zone AS date) ELSE f.day END" if later else "f.day"
    )
    # No join: PostgreSQL looks a number up in a list as it reads, and leaves the others out.
    ours = "{fact}.sku_no = ANY (CAST(:sku_nos AS int[]))" if members else "true"
    conditions = [
        ours.format(fact="f"),
        f"({scanned.format(fact='f')} OR f.preorder)" if later and bounded else scanned.format(fact="f"),
        known("f", "placed_at"),
        "f.quantity > coalesce(b.units, 0)",
        *(["f.customer_no IS NOT NULL"] if followed else []),
        *([_HALVES[half].format(customer=customer)] if half else []),
        *(["(NOT f.preorder OR h.order_number IS NOT NULL)"] if later else []),
    ]
    # A preorder's sale may lie anywhere before its hand-over, and what came back of it as well.
    back = scanned.format(fact="r") if not later else "true"
    return f"""
        SELECT f.order_number, {customer} AS customer,
               f.channel, c.kind, c.market, {STORE}, f.launch, f.wave, {at} AS at, {day} AS day, c.as_of_day,
               f.quantity - coalesce(b.units, 0) AS units, {f"{IS_ANCHOR} AS a" if members else "true AS a, f.sku_no"}
               {", w.product" if products else ""}
          FROM report_sales f
          {_PRODUCTS if products else ""}
          JOIN {CHANNELS} ON c.code = f.channel
          LEFT JOIN (SELECT r.order_number, r.line, CAST(sum(r.units) AS int) AS units
                       FROM report_reductions r JOIN {CHANNELS} ON c.code = r.channel
                      WHERE {back} AND {ours.format(fact="r")} AND {known("r", "happened_at")}
                      GROUP BY r.order_number, r.line) AS b ON b.order_number = f.order_number AND b.line = f.line
          {_HANDED if later else ""}
          {ROOTS if merges else ""}
         WHERE {" AND ".join(conditions)}
    """  # noqa: S608 - made of this module's constants; what a caller gave is bound


def keys_of(groups: Sequence[GroupBy]) -> list[str]:
    """The anchors' keys as columns, by their place among the groups."""
    return [f"{_KEYS[group]} AS k{n}" for n, group in enumerate(groups) if group is not GroupBy.ATTACH_PRODUCT]


def _names(groups: Sequence[GroupBy]) -> list[str]:
    return [f"k{n}" for n, group in enumerate(groups) if group is not GroupBy.ATTACH_PRODUCT]


def _cohort(groups: Sequence[GroupBy]) -> str:
    return "LEFT JOIN cohorts y ON y.customer = x.customer" if GroupBy.COHORT in groups else ""


def cohorts(everything: str) -> str:
    """The month of each customer's first order of anything, as a CTE."""
    return f"""
        cohorts AS (
            SELECT DISTINCT ON (customer) customer, CAST(date_trunc('month', CAST(day AS timestamp)) AS date) AS cohort
              FROM ({everything}) AS e WHERE customer IS NOT NULL ORDER BY customer, at, order_number)
    """  # noqa: S608 - as above


def reached(reach: Reach, attach: str, partition: str, source: str) -> str:
    """Each line of `source` with its order's place, and the first day on which the attach was bought, in its reach.

    From the latest order to the earliest: what lies in the frame is the order itself and what came after it, so the
    frame only ever grows, however often somebody buys. Lines of one order are peers and have one place; the earliest
    order's is the highest.
    """
    order = f"PARTITION BY {partition} ORDER BY x.at DESC, x.order_number DESC"
    frame = {
        Reach.SAME: "GROUPS BETWEEN CURRENT ROW AND CURRENT ROW",
        Reach.LATER: "GROUPS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING",
        Reach.EITHER: "RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW",
    }[reach]
    # Counting in a frame that is there anyway costs less than a rank, which would be a look at the lines of its own.
    place = f"dense_rank() OVER ({order})" if reach is Reach.SAME else f"count(*) OVER ({order} {frame})"
    return f"""
        SELECT x.*, {place} AS place, min(CASE WHEN {attach} THEN x.day END) OVER ({order} {frame}) AS attached_on
          FROM {source} x
    """  # noqa: S608 - as above


def tally(where: str, names: Sequence[str]) -> str:
    """Counts of picked anchors by their keys."""
    keys = "".join(f"{name}, " for name in names)
    by = f"GROUP BY {', '.join(names)}" if names else ""
    until = "day + CAST(:window AS int)"
    is_open, hit = f"{until} >= as_of_day", f"attached_on <= {until}"
    return f"""
        SELECT {keys}count(*) AS denominator, count(*) FILTER (WHERE {hit}) AS numerator,
               count(*) FILTER (WHERE {is_open}) AS open_denominator,
               count(*) FILTER (WHERE {is_open} AND {hit}) AS open_numerator
          FROM {where} {by}
    """  # noqa: S608 - as above


def pick(basis: Basis, names: Sequence[str], source: str = "anchors") -> str:
    """One row for each anchor that counts: each order, or each customer's first one."""
    keys = "".join(f"{name}, " for name in names)
    if basis is Basis.CUSTOMERS:
        return f"""
            SELECT DISTINCT ON (customer{"".join(f", {name}" for name in names)})
                   {keys}customer, order_number, at, day, as_of_day, attached_on
              FROM {source} ORDER BY customer, {keys}at, order_number
        """  # noqa: S608 - as above
    return f"""
        SELECT {keys}customer, order_number, at, day, as_of_day, min(attached_on) AS attached_on
          FROM {source} GROUP BY {keys}customer, order_number, at, day, as_of_day
    """  # noqa: S608 - as above


def followed_rates(
    net: str, basis: Basis, groups: Sequence[GroupBy], reach: Reach, *, filters: str, attach: str, more: str
) -> str:
    """Counts by group for a basis that follows customers; `whole` for all of them together, unless that is their sum.

    Each anchor is a number: its place, and in the two bits below what is told of it. So the highest is a customer's
    first one, and one look at the lines finds the first of every group.

    `filters` are about the anchor's line `x`, `attach` says which lines are an attach, `more` are CTEs before it.
    """
    if GroupBy.ATTACH_PRODUCT in groups:
        return rates_by_attach(net, basis, groups, reach, filters=filters, attach=attach, more=more, by="x.product")
    names = _names(groups)
    keys = "".join(f"{key}, " for key in keys_of(groups))
    listed = "".join(f"{name}, " for name in names)
    one = "customer" if basis is Basis.CUSTOMERS else "customer, place"
    # An order is in one group alone, unless the groups are of its lines; a customer may be in many.
    again = bool(names) and (basis is Basis.CUSTOMERS or GroupBy.ANCHOR_PRODUCT in groups)
    by = f"GROUPING SETS (({one}, {', '.join(names)}), ({one}))" if again else f"{listed}{one}"
    whole = f"grouping({names[0]}) = 1" if again else "false"
    return f"""
        WITH {more} net AS ({net}),
        anchors AS (
            SELECT {keys}x.customer, x.place,
                   CASE WHEN x.attached_on <= {UNTIL} THEN 2 ELSE 0 END
                   + CASE WHEN {UNTIL} >= x.as_of_day THEN 1 ELSE 0 END AS told
              FROM ({reached(reach, attach, "x.customer", "net")}) AS x {_cohort(groups)} WHERE x.a AND {filters}),
        picked AS (SELECT {whole} AS whole, {listed}max(place * 4 + told) & 3 AS told FROM anchors GROUP BY {by})
        SELECT {"whole" if names else "true"}, {listed}count(*) AS denominator,
               count(*) FILTER (WHERE told >= 2) AS numerator,
               count(*) FILTER (WHERE told IN (1, 3)) AS open_denominator,
               count(*) FILTER (WHERE told = 3) AS open_numerator
          FROM picked {f"GROUP BY {listed}whole" if names else ""}
    """  # noqa: S608 - as above


def rates_by_attach(  # noqa: PLR0913 - the parts of one statement
    net: str, basis: Basis, groups: Sequence[GroupBy], reach: Reach, *, filters: str, attach: str, more: str, by: str
) -> str:
    """As above, one row for each `by` of the attaches that came: each anchor stands beside all of them in turn.

    It stands where the attach's product stands among the groups, or behind them.
    """
    names = _names(groups)
    keys = "".join(f"{key}, " for key in keys_of(groups))
    listed = "".join(f"{name}, " for name in names)
    place = list(groups).index(GroupBy.ATTACH_PRODUCT) if GroupBy.ATTACH_PRODUCT in groups else len(names)
    same = "".join(f" AND n.{name} IS NOT DISTINCT FROM d.{name}" for name in names)
    ordered = [f"d.{name}" for name in names]
    ordered.insert(place, "n.attach_key")
    return f"""
        WITH {more} net AS MATERIALIZED ({net}),
        anchors AS (
            SELECT {keys}x.customer, x.order_number, x.at, x.day, x.as_of_day, CAST(NULL AS date) AS attached_on
              FROM net x {_cohort(groups)} WHERE x.a AND {filters}),
        picked AS ({pick(basis, names)}),
        attaches AS (SELECT x.customer, x.order_number, x.at, x.day, {by} AS attach_key FROM net x WHERE {attach}),
        beside AS (
            SELECT {listed}e.customer, e.order_number, e.at, e.day, e.as_of_day, q.attach_key, true AS a
              FROM picked e JOIN (SELECT DISTINCT customer, attach_key FROM attaches) AS q USING (customer)
             UNION ALL
            SELECT {"NULL, " * len(names)}customer, order_number, at, day, NULL, attach_key, false FROM attaches),
        hits AS ({reached(reach, "NOT x.a", "x.customer, x.attach_key", "beside")}),
        n AS ({tally("hits WHERE a", [*names, "attach_key"])}),
        d AS ({tally("picked", names)})
        SELECT false AS whole, {", ".join(ordered)}, d.denominator, n.numerator, d.open_denominator, n.open_numerator
          FROM n JOIN d ON n.numerator > 0{same}
    """  # noqa: S608 - as above


def order_rates(net: str, basis: Basis, groups: Sequence[GroupBy], *, filters: str, more: str) -> str:
    """Counts by group for a basis that looks at orders alone."""
    names = _names(groups)
    keys, listed = "".join(f"{key}, " for key in keys_of(groups)), "".join(f"{name}, " for name in names)
    by = f"GROUP BY {', '.join(names)}" if names else ""
    units = basis is Basis.UNITS
    below, above = ("coalesce(sum(au), 0)", "coalesce(sum(bu), 0)") if units else ("count(*)", "count(bu)")
    counts = f"CAST({below} AS bigint) AS denominator, CAST({above} AS bigint) AS numerator"
    if not {GroupBy.ANCHOR_PRODUCT, GroupBy.ATTACH_PRODUCT} & set(groups):
        # All lines of an order have the same keys, and a key less to group by is a large sort less.
        one_key = "".join(f"min({_KEYS[group]}) AS k{n}, " for n, group in enumerate(groups))
        return f"""
            WITH {more} net AS ({net}),
            sides AS (
                SELECT {one_key}x.order_number, sum(x.units) FILTER (WHERE x.a) AS au,
                       sum(x.units) FILTER (WHERE NOT x.a) AS bu
                  FROM net x {_cohort(groups)} WHERE {filters} GROUP BY x.order_number HAVING bool_or(x.a))
            SELECT false AS whole, {listed}{counts}, 0, 0
              FROM sides {by}
        """  # noqa: S608 - as above
    by_product = GroupBy.ATTACH_PRODUCT in groups
    product = f"k{list(groups).index(GroupBy.ATTACH_PRODUCT)}" if by_product else ""
    sides = f"""
        WITH {more} net AS MATERIALIZED ({net}),
        a AS (SELECT {keys}x.order_number, sum(x.units) AS au FROM net x {_cohort(groups)}
               WHERE x.a AND {filters} GROUP BY {listed}x.order_number),
        b AS (SELECT x.order_number, {"x.product, " if by_product else ""}sum(x.units) AS bu FROM net x
               WHERE NOT x.a GROUP BY x.order_number{", x.product" if by_product else ""})
    """  # noqa: S608 - as above
    if not by_product:
        return f"""{sides}
            SELECT false AS whole, {listed}{counts}, 0, 0 FROM a LEFT JOIN b USING (order_number) {by}
        """  # noqa: S608 - as above
    same = "".join(f" AND n.{name} IS NOT DISTINCT FROM d.{name}" for name in names)
    ordered = ", ".join("n.product" if name == product else f"d.{name}" for name in sorted((*names, product)))
    return f"""{sides},
        d AS (SELECT {listed}CAST({below} AS bigint) AS denominator FROM a {by}),
        n AS (SELECT {listed}b.product, CAST({above} AS bigint) AS numerator
                FROM a JOIN b USING (order_number) GROUP BY {listed}b.product)
        SELECT false AS whole, {ordered}, d.denominator, n.numerator, 0, 0 FROM n JOIN d ON true{same}
    """  # noqa: S608 - as above
