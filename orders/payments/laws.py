"""What is always true of payments. Imported history was paid elsewhere, and has no ledger of ours."""

from commerce.kernel.laws import Law


class LedgersBalance(Law):
    """A completed order is paid and a cancelled one owes nothing; an open one owes its total.

    Where a part was cancelled, an open one owes what its sent units are worth, rounded half up line by line.
    """

    offenders = """
        WITH less AS (
            SELECT order_id, sum(worth - (2 * (quantity - cancelled) * worth + quantity) / (2 * quantity)) AS minor
              FROM (SELECT l.order_id, l.quantity, l.cancelled,
                           l.line_total + CASE WHEN o.prices_include_tax THEN 0 ELSE l.tax_total END AS worth
                      FROM order_lines l JOIN orders o ON o.id = l.order_id WHERE l.cancelled > 0) AS lines
             GROUP BY order_id
        )
        SELECT o.order_number, o.state, coalesce(sum(e.amount), 0) FROM orders o
          LEFT JOIN ledger_entries e ON e.order_id = o.id LEFT JOIN less ON less.order_id = o.id
         WHERE o.source <> 'import' GROUP BY o.id, less.minor
        HAVING coalesce(sum(e.amount), 0)
            <> CASE WHEN o.state IN ('completed', 'cancelled') THEN 0 ELSE o.total - coalesce(less.minor, 0) END
    """


class LedgersKeepToOneCurrency(Law):
    """Every entry in an order's ledger is in the order's currency, so that their sum means something."""

    offenders = """
        SELECT o.order_number, o.currency, e.id, e.currency
          FROM ledger_entries e JOIN orders o ON o.id = e.order_id
         WHERE e.currency <> o.currency
    """


class PaidTendersAreInTheLedger(Law):
    """What the tenders of an order paid is what its ledger says was paid."""

    offenders = """
        WITH paid AS (SELECT order_id, sum(amount) AS minor FROM tenders WHERE state = 'paid' GROUP BY order_id),
        entered AS (SELECT order_id, -sum(amount) AS minor FROM ledger_entries WHERE kind = 'payment' GROUP BY order_id)
        SELECT coalesce(paid.order_id, entered.order_id), paid.minor, entered.minor
          FROM paid FULL JOIN entered ON entered.order_id = paid.order_id
         WHERE paid.minor IS DISTINCT FROM entered.minor AND (paid.minor <> 0 OR entered.minor <> 0)
    """


class DueTendersAreWhatIsOwed(Law):
    """The tenders that are due of an open order are what it owes; of any other order, none is due."""

    offenders = """
        WITH due AS (SELECT order_id, sum(amount) AS minor FROM tenders WHERE state = 'due' GROUP BY order_id),
        owed AS (
            SELECT o.id AS order_id, coalesce(sum(e.amount), 0) AS minor
              FROM orders o LEFT JOIN ledger_entries e ON e.order_id = o.id
             WHERE o.state NOT IN ('completed', 'cancelled') GROUP BY o.id
        )
        SELECT coalesce(due.order_id, owed.order_id), due.minor, owed.minor
          FROM due FULL JOIN owed ON owed.order_id = due.order_id
         WHERE owed.order_id IS NULL OR coalesce(due.minor, 0) <> owed.minor
    """


LAWS: tuple[type[Law], ...] = (
    LedgersBalance,
    LedgersKeepToOneCurrency,
    PaidTendersAreInTheLedger,
    DueTendersAreWhatIsOwed,
)
