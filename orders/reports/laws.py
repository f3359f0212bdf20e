"""What is always true of reports. Years of facts are looked at day by day, one more each time."""

from commerce.kernel.laws import Law
from orders.reports.facts import IS_PREORDER, SALES, SALES_COLUMNS

# The newest day, the oldest, and one that moves on with every mark, so that in time each one was looked at. Its step
# is the golden section of the whole, which comes near everything soon.
_SAMPLED = """
    bounds AS (SELECT min(placed_at) AS oldest, max(placed_at) AS newest FROM orders),
    sampled AS (
        SELECT newest - interval '1 day' AS begins, newest AS ends FROM bounds
         UNION ALL
        SELECT oldest, oldest + interval '1 day' FROM bounds
         UNION ALL
        SELECT b.oldest + (b.newest - b.oldest) * m.part, b.oldest + (b.newest - b.oldest) * m.part + interval '1 day'
          FROM bounds b,
               (SELECT mod(coalesce(max(id), 0) * 618034, 1000000) / 1000000.0 AS part FROM report_marks) AS m)
"""
_IN_SAMPLE = "EXISTS (SELECT FROM sampled s WHERE {fact}.placed_at BETWEEN s.begins AND s.ends)"
_SAME = " AND ".join(
    f"f.{name} IS NOT DISTINCT FROM d.{name}"
    for name in (word.strip() for word in SALES_COLUMNS.split(","))
    if name not in {"customer_no", "day", "order_number", "line"}
)


class SalesAreReported(Law):
    """Reports find of each order exactly what its lines say, sold to whoever its customer was before any merge."""

    offenders = f"""
        WITH RECURSIVE {_SAMPLED},
        root (no, id, merged_into) AS (
            SELECT no, id, merged_into FROM customers WHERE merged_into IS NOT NULL
             UNION ALL
            SELECT r.no, c.id, c.merged_into FROM root r JOIN customers c ON c.id = r.merged_into),
        said AS ({SALES} WHERE {_IN_SAMPLE.format(fact="o")}),
        found AS (
            SELECT f.*, coalesce(u.no, f.customer_no) AS person
              FROM report_sales f
              LEFT JOIN root r ON r.no = f.customer_no AND r.merged_into IS NULL
              LEFT JOIN customers u ON u.id = r.id
             WHERE {_IN_SAMPLE.format(fact="f")})
        SELECT order_number, line FROM said d FULL JOIN found f USING (order_number, line)
         WHERE d.placed_at IS NULL OR f.placed_at IS NULL OR abs(f.day - d.day) > 1
            OR f.person IS DISTINCT FROM d.customer_no OR NOT ({_SAME})
    """  # noqa: S608 - made of this module's constants


class NothingIsReportedTwice(Law):
    """A line is sold once."""

    offenders = f"""
        WITH {_SAMPLED}
        SELECT f.order_number, f.line, count(*) FROM report_sales f WHERE {_IN_SAMPLE.format(fact="f")}
         GROUP BY f.order_number, f.line HAVING count(*) > 1
    """  # noqa: S608 - as above


class ReductionsAreReported(Law):
    """Reports find of each order exactly the units that were cancelled, and those that came back."""

    offenders = f"""
        WITH {_SAMPLED},
        said AS (
            SELECT o.order_number, l.line, 'cancelled' AS kind,
                   CASE o.state WHEN 'cancelled' THEN l.quantity ELSE l.cancelled END AS units
              FROM orders o JOIN order_lines l ON l.order_id = o.id WHERE {_IN_SAMPLE.format(fact="o")}
             UNION ALL
            SELECT o.order_number, b.line, 'returned', b.units
              FROM (SELECT order_id, line, quantity AS units FROM returns
                     UNION ALL
                    SELECT order_id, line, quantity FROM refunds WHERE reason = 'line' AND state <> 'replaced') AS b
              JOIN orders o ON o.id = b.order_id WHERE {_IN_SAMPLE.format(fact="o")}),
        found AS (
            SELECT r.order_number, r.line, r.kind, r.units FROM report_reductions r
             WHERE {_IN_SAMPLE.format(fact="r")})
        SELECT order_number, line, kind, coalesce(d.units, 0), coalesce(f.units, 0)
          FROM (SELECT order_number, line, kind, sum(units) AS units FROM said GROUP BY 1, 2, 3) AS d
          FULL JOIN (SELECT order_number, line, kind, sum(units) AS units FROM found GROUP BY 1, 2, 3) AS f
               USING (order_number, line, kind)
         WHERE coalesce(d.units, 0) <> coalesce(f.units, 0)
    """  # noqa: S608 - as above


class PreordersAreReportedHandedOver(Law):
    """Of each preorder that its buyer has, reports know since when; of no other order they do."""

    offenders = f"""
        SELECT coalesce(d.order_number, h.order_number)
          FROM (SELECT o.order_number FROM orders o WHERE o.state = 'completed' AND {IS_PREORDER}) AS d
          FULL JOIN report_handovers h ON h.order_number = d.order_number
         WHERE d.order_number IS NULL OR h.order_number IS NULL
    """  # noqa: S608 - as above


class SetVersionsHaveNoGaps(Law):
    """A named set's versions are numbered from one on without a gap, and each was defined after the one before."""

    offenders = """
        SELECT code, version, before, defined_at
          FROM (SELECT code, version, defined_at, lag(version, 1, 0) OVER w AS before,
                       lag(defined_at, 1, defined_at) OVER w AS defined_before
                  FROM report_sets WINDOW w AS (PARTITION BY code ORDER BY version)) AS s
         WHERE version <> before + 1 OR defined_at < defined_before
         ORDER BY code, version
    """


LAWS: tuple[type[Law], ...] = (
    SalesAreReported,
    NothingIsReportedTwice,
    ReductionsAreReported,
    PreordersAreReportedHandedOver,
    SetVersionsHaveNoGaps,
)
