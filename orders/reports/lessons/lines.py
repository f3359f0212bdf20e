"""Lines: what was sold, with what was cancelled and what came back of it as far as that was known at the as-of."""

from orders.reports.rates_sql import BOUNDS, CHANNELS, ROOTS, STORE, known


def net_units(line: str) -> str:
    """Units of a line of which nothing became known but that they were sold."""
    return f"{line}.quantity - {line}.cancelled - {line}.returned"


def net_revenue(line: str) -> str:
    """What those were sold for."""
    return f"{line}.revenue - {taken_off(line, f'{line}.cancelled + {line}.returned')}"


def taken_off(line: str, units: str) -> str:
    """What so many units of a line were sold for: half up, so that the parts add up in whatever steps they are taken.

    Numeric where there is something to divide: units times an amount may be more than an integer holds.
    """
    twice = f"2 * CAST({line}.revenue AS numeric) * ({units})"
    part = f"CAST(div({twice} + {line}.quantity, 2 * {line}.quantity) AS bigint)"
    return f"CASE WHEN {units} = 0 THEN 0 ELSE {part} END"


def sold_lines(*, bounded: bool, narrowed: bool, merges: bool, followed: bool = False) -> str:
    """Every line that was known: of everything, or of the skus that are bound; all ever, or where a period may lie.

    `location` is the store in which it was sold, `handed_over_in` that one or the one in which it is collected.
    `followed` leaves guests out. What a caller must bind is in `scope.values_of`, and `sku_nos` where it is narrowed.
    """
    conditions = [
        *(["{fact}.sku_no = ANY (CAST(:sku_nos AS int[]))"] if narrowed else []),
        *([BOUNDS] if bounded else []),
    ]
    sales = [*conditions, *(["f.customer_no IS NOT NULL"] if followed else []), known("f", "placed_at")]
    customer = "coalesce(p.survivor, f.customer_no)" if merges else "f.customer_no"
    reductions = [*conditions, known("r", "happened_at")]
    return f"""
        SELECT f.order_number, f.line, {customer} AS customer,
               f.sku_no, f.channel, c.kind, c.market, c.currency, {STORE}, f.location AS handed_over_in,
               f.placed_at AS at, f.day, c.as_of_day,
               f.revenue, f.quantity, least(coalesce(b.cancelled, 0), f.quantity) AS cancelled,
               least(coalesce(b.units, 0), f.quantity) - least(coalesce(b.cancelled, 0), f.quantity) AS returned
          FROM report_sales f
          JOIN {CHANNELS} ON c.code = f.channel
          LEFT JOIN (SELECT r.order_number, r.line, CAST(sum(r.units) AS int) AS units,
                            CAST(coalesce(sum(r.units) FILTER (WHERE r.kind = 'cancelled'), 0) AS int) AS cancelled
                       FROM report_reductions r JOIN {CHANNELS} ON c.code = r.channel
                      WHERE {" AND ".join(reductions).format(fact="r")}
                      GROUP BY r.order_number, r.line) AS b ON b.order_number = f.order_number AND b.line = f.line
          {ROOTS if merges else ""}
         WHERE {" AND ".join(sales).format(fact="f")}
    """  # noqa: S608 - made of constants; what a caller gave is bound
