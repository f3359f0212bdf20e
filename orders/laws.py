"""What is always true of orders. Imported history is a fact from elsewhere and keeps its own sums."""

from commerce.kernel.laws import Law


class OrderTotalsAddUp(Law):
    """An order's totals are the sums of its lines; tax comes on top only where prices do not include it."""

    offenders = """
        SELECT o.order_number FROM orders o LEFT JOIN order_lines l ON l.order_id = o.id
         GROUP BY o.id
        HAVING o.subtotal IS DISTINCT FROM sum(l.quantity * l.unit_price)::bigint
            OR o.discount_total IS DISTINCT FROM sum(l.discount_total)::bigint
            OR o.tax_total IS DISTINCT FROM sum(l.tax_total)::bigint
            OR o.total <> o.subtotal - o.discount_total + CASE WHEN o.prices_include_tax THEN 0 ELSE o.tax_total END
    """


class OpenOrdersHoldTheirGoods(Law):
    """What an open order has not sent is held for it, unit by unit, and nothing more.

    An order that nobody collected in time holds nothing until it is cancelled, which follows at once.
    """

    offenders = """
        WITH owed AS (
            SELECT o.id, l.sku, sum(l.quantity - l.sent - l.cancelled) AS units
              FROM orders o JOIN order_lines l ON l.order_id = o.id
             WHERE o.state NOT IN ('completed', 'cancelled') AND o.source <> 'import' GROUP BY o.id, l.sku
        ), held AS (
            SELECT h.reference AS id, p.sku, sum(h.units) AS units FROM holds h JOIN stock_pools p ON p.id = h.pool_id
             WHERE h.ended_at IS NULL AND h.reference LIKE 'ord\\_%' GROUP BY h.reference, p.sku
        ), ended AS (
            SELECT DISTINCT reference AS id FROM holds WHERE outcome = 'expired'
        )
        SELECT coalesce(owed.id, held.id), coalesce(owed.sku, held.sku), owed.units, held.units
          FROM owed FULL JOIN held ON held.id = owed.id AND held.sku = owed.sku
         WHERE coalesce(owed.units, 0) <> coalesce(held.units, 0)
           AND NOT (held.id IS NULL AND owed.id IN (SELECT id FROM ended))
    """


class NothingIsSentFromClosedOrders(Law):
    """A completed order has sent everything that was not cancelled; a cancelled one has sent nothing."""

    offenders = """
        SELECT o.order_number, l.line FROM orders o JOIN order_lines l ON l.order_id = o.id
         WHERE o.source <> 'import'
           AND (o.state = 'completed' AND l.sent + l.cancelled <> l.quantity OR o.state = 'cancelled' AND l.sent <> 0)
    """


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


class PaidTendersAreInTheLedger(Law):
    """What the tenders of an order paid is what its ledger says was paid."""

    offenders = """
        WITH paid AS (SELECT order_id, sum(amount) AS minor FROM tenders WHERE state = 'paid' GROUP BY order_id),
        entered AS (SELECT order_id, -sum(amount) AS minor FROM ledger_entries WHERE kind = 'payment' GROUP BY order_id)
        SELECT coalesce(paid.order_id, entered.order_id), paid.minor, entered.minor
          FROM paid FULL JOIN entered ON entered.order_id = paid.order_id
         WHERE paid.minor IS DISTINCT FROM entered.minor AND (paid.minor <> 0 OR entered.minor <> 0)
    """


class EveryOrderIsToldOnce(Law):
    """Every order that was placed or sold here began with exactly one line on its timeline."""

    offenders = """
        SELECT o.order_number, count(t.id) FROM orders o
          LEFT JOIN order_timeline t ON t.order_id = o.id AND t.what IN ('placed', 'sold')
         WHERE o.source <> 'import' GROUP BY o.id HAVING count(t.id) <> 1
    """


class SentGoodsWereInShipments(Law):
    """What a line says has left is what its shipments carried."""

    offenders = """
        SELECT l.order_id, l.line, l.sent, coalesce(sum(s.quantity), 0) FROM orders o
          JOIN order_lines l ON l.order_id = o.id
          LEFT JOIN shipment_lines s ON s.order_id = l.order_id AND s.line = l.line
         WHERE o.source <> 'import' GROUP BY l.order_id, l.line HAVING l.sent <> coalesce(sum(s.quantity), 0)
    """


class EveryNumberedDeviceIsSoldOnce(Law):
    """Each serial number that left with a line is noted as sold with that line, and no other is."""

    offenders = """
        WITH gone AS (
            SELECT l.sku, unnest(s.serials) AS serial, s.order_id, s.line FROM shipment_lines s
              JOIN order_lines l ON l.order_id = s.order_id AND l.line = s.line
        )
        SELECT coalesce(gone.sku, sold.sku), coalesce(gone.serial, sold.serial), gone.order_id, sold.order_id
          FROM gone FULL JOIN sold_serials sold ON sold.sku = gone.sku AND sold.serial = gone.serial
         WHERE gone.order_id IS DISTINCT FROM sold.order_id OR gone.line IS DISTINCT FROM sold.line
    """


LAWS: tuple[type[Law], ...] = (
    OrderTotalsAddUp,
    OpenOrdersHoldTheirGoods,
    NothingIsSentFromClosedOrders,
    LedgersBalance,
    PaidTendersAreInTheLedger,
    EveryOrderIsToldOnce,
    SentGoodsWereInShipments,
    EveryNumberedDeviceIsSoldOnce,
)
