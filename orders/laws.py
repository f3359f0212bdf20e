"""What is always true of orders. Imported history is a fact from elsewhere and keeps its own sums."""

from commerce.kernel.laws import Law


class OrderTotalsAddUp(Law):
    """An order's totals are the sums of its lines and its shipping; tax is on top only where prices are without it."""

    offenders = """
        SELECT o.order_number FROM orders o LEFT JOIN order_lines l ON l.order_id = o.id
         GROUP BY o.id
        HAVING o.subtotal IS DISTINCT FROM sum(l.quantity * l.unit_price)::bigint
            OR o.discount_total IS DISTINCT FROM sum(l.discount_total)::bigint
            OR o.tax_total IS DISTINCT FROM sum(l.tax_total)::bigint + o.shipping_tax
            OR o.total <> o.subtotal - o.discount_total + o.shipping_total
                        + CASE WHEN o.prices_include_tax THEN 0 ELSE o.tax_total END
    """


class OpenOrdersHoldTheirGoods(Law):
    """What an open order has not sent is held for it, unit by unit, and nothing more.

    An order that nobody collected in time holds nothing until it is cancelled, which follows within minutes. An hour
    is allowed, by the clock of the job that ends holds: where no worker runs, none is late.
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
            SELECT DISTINCT reference AS id FROM holds
             WHERE outcome = 'expired' AND reference LIKE 'ord\\_%'
               AND ended_at >= coalesce((SELECT last_at - interval '1 hour' FROM schedules
                                          WHERE name = 'expire_due_holds'), '-infinity')
        )
        SELECT coalesce(owed.id, held.id), coalesce(owed.sku, held.sku), owed.units, held.units
          FROM owed FULL JOIN held ON held.id = owed.id AND held.sku = owed.sku
         WHERE coalesce(owed.units, 0) <> coalesce(held.units, 0)
           AND NOT (held.id IS NULL AND owed.id IN (SELECT id FROM ended))
    """


class StatesTellWhatHasLeft(Law):
    """An order's state says whether nothing of it has left, a part, or everything that was not cancelled.

    The rest is cancelled only of what was shipped in part, which is shipped from then on.
    """

    offenders = """
        SELECT o.order_number, o.state, sum(l.quantity), sum(l.sent), sum(l.cancelled)
          FROM orders o JOIN order_lines l ON l.order_id = o.id
         WHERE o.source <> 'import' GROUP BY o.id
        HAVING NOT CASE
               WHEN o.state IN ('shipped', 'completed')
               THEN sum(l.sent) > 0 AND sum(l.sent + l.cancelled) = sum(l.quantity)
               WHEN o.state = 'part_shipped'
               THEN sum(l.sent) > 0 AND sum(l.cancelled) = 0 AND sum(l.sent) < sum(l.quantity)
               ELSE sum(l.sent) = 0 AND sum(l.cancelled) = 0 END
    """


class StatesFitTheFulfilment(Law):
    """Only what goes by carrier is ever shipped, only what is collected is ready, and what was carried is completed."""

    offenders = """
        SELECT order_number, fulfilment, state FROM orders
         WHERE source <> 'import'
           AND (state IN ('part_shipped', 'shipped') AND fulfilment <> 'ship'
                OR state = 'ready' AND fulfilment <> 'collect' OR fulfilment = 'carried' AND state <> 'completed')
    """


class OrdersAreInTheirMarketsCurrency(Law):
    """An order is in the currency of the market that its channel sells in, for good."""

    offenders = """
        SELECT o.order_number, o.currency, m.code, m.currency
          FROM orders o JOIN channels c ON c.code = o.channel JOIN markets m ON m.code = c.market
         WHERE o.currency <> m.currency
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


class SentGoodsLeftTheShelf(Law):
    """What the shipments of an order carried was taken out of stock for it, once, where each of them left."""

    offenders = """
        SELECT reference, location, sku, sum(carried) AS carried, sum(taken) AS taken
          FROM (SELECT s.order_id AS reference, s.location, l.sku, c.quantity AS carried, 0 AS taken
                  FROM shipment_lines c JOIN shipments s ON s.id = c.shipment_id
                  JOIN order_lines l ON l.order_id = c.order_id AND l.line = c.line
                 UNION ALL
                SELECT m.reference, p.location, p.sku, 0, -m.units
                  FROM movements m JOIN stock_pools p ON p.id = m.pool_id WHERE m.kind = 'sold') AS gone
         GROUP BY reference, location, sku HAVING sum(carried) <> sum(taken)
    """


class HandedOverMeansCompleted(Law):
    """A shipment is in the buyer's hands if its order is completed, and only then."""

    offenders = """
        SELECT o.order_number, o.state, s.id, s.handed_over_at FROM shipments s JOIN orders o ON o.id = s.order_id
         WHERE (o.state = 'completed') <> (s.handed_over_at IS NOT NULL)
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


class DiscountsAreWhatPromotionsTook(Law):
    """What a line was reduced by is what its promotions took off it; so is what the shipping was reduced by."""

    offenders = """
        SELECT o.order_number, l.line, l.discount_total, coalesce(sum(d.amount), 0) AS taken
          FROM orders o JOIN order_lines l ON l.order_id = o.id
          LEFT JOIN order_line_discounts d ON d.order_id = l.order_id AND d.line = l.line
         WHERE o.source <> 'import'
         GROUP BY o.order_number, l.order_id, l.line HAVING l.discount_total <> coalesce(sum(d.amount), 0)
         UNION ALL
        SELECT o.order_number, 0, o.shipping_price - o.shipping_total, coalesce(sum(d.amount), 0)
          FROM orders o LEFT JOIN order_shipping_discounts d ON d.order_id = o.id
         GROUP BY o.id HAVING o.shipping_price - o.shipping_total <> coalesce(sum(d.amount), 0)
    """


class UsesOfWhatIsOverAreGivenBack(Law):
    """Where nothing is left of what a promotion touched, its use was given back, if the promotion gives it back.

    It touched the lines it took something off, or the whole order where that was the shipping.
    """

    offenders = """
        WITH back AS (
            SELECT order_id, line, sum(quantity) AS units FROM refunds
             WHERE line IS NOT NULL AND state <> 'replaced' GROUP BY order_id, line
        ), parts AS (
            SELECT l.order_id, l.line, o.state = 'cancelled' OR l.cancelled = l.quantity AS never_left,
                   o.state = 'cancelled' OR l.quantity - l.cancelled <= coalesce(back.units, 0) AS over
              FROM order_lines l JOIN orders o ON o.id = l.order_id
              LEFT JOIN back ON back.order_id = l.order_id AND back.line = l.line
        ), touched AS (
            SELECT order_id, promotion_id, array_agg(line) AS lines FROM order_line_discounts
             GROUP BY order_id, promotion_id
        )
        SELECT u.order_id, u.promotion_id
          FROM promotion_uses u JOIN promotions p ON p.id = u.promotion_id
          LEFT JOIN touched t ON t.order_id = u.order_id AND t.promotion_id = u.promotion_id
          JOIN parts ON parts.order_id = u.order_id AND (t.lines IS NULL OR parts.line = ANY (t.lines))
         WHERE u.given_back_at IS NULL
         GROUP BY u.order_id, u.promotion_id, p.on_cancel, p.on_return
        HAVING bool_and(parts.over)
           AND CASE WHEN bool_and(parts.never_left) THEN p.on_cancel ELSE p.on_return END = 'give_back'
         ORDER BY 1, 2
    """


class LinesCiteTheirBook(Law):
    """Every line that was sold here cites a price book of its market, and the book was there when it was sold.

    What was sold before its market had a first book has none to cite.
    """

    offenders = """
        WITH first AS (SELECT market, min(compiled_at) AS at FROM price_books GROUP BY market)
        SELECT o.order_number, l.line, l.book FROM orders o
          JOIN order_lines l ON l.order_id = o.id JOIN channels c ON c.code = o.channel
          LEFT JOIN first ON first.market = c.market
         WHERE o.source <> 'import'
           AND (l.book IS NOT NULL OR o.placed_at >= first.at)
           AND NOT EXISTS (SELECT FROM price_books b
                            WHERE b.market = c.market AND b.number = l.book AND b.compiled_at <= o.placed_at)
    """


LAWS: tuple[type[Law], ...] = (
    OrderTotalsAddUp,
    OpenOrdersHoldTheirGoods,
    StatesTellWhatHasLeft,
    StatesFitTheFulfilment,
    OrdersAreInTheirMarketsCurrency,
    EveryOrderIsToldOnce,
    SentGoodsWereInShipments,
    SentGoodsLeftTheShelf,
    HandedOverMeansCompleted,
    EveryNumberedDeviceIsSoldOnce,
    DiscountsAreWhatPromotionsTook,
    UsesOfWhatIsOverAreGivenBack,
    LinesCiteTheirBook,
)
