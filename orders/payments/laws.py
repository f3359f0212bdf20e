"""What is always true of payments. Imported history was paid elsewhere, and has no ledger of ours."""

from commerce.kernel.laws import Law


class ChargesAreWhatWasOrdered(Law):
    """What a ledger charges, less what was cancelled, is the order's total; of a cancelled order it is nothing.

    Where a part was cancelled, it is what the sent units are worth, rounded half up line by line. What had gone back
    before, beyond that, is not cancelled once more.
    """

    offenders = """
        WITH less AS (
            SELECT order_id, sum(worth - (2 * (quantity - cancelled) * worth + quantity) / (2 * quantity)) AS minor
              FROM (SELECT l.order_id, l.quantity, l.cancelled,
                           l.line_total + CASE WHEN o.prices_include_tax THEN 0 ELSE l.tax_total END AS worth
                      FROM order_lines l JOIN orders o ON o.id = l.order_id WHERE l.cancelled > 0) AS lines
             GROUP BY order_id
        ), back AS (
            SELECT order_id, sum(amount) AS minor FROM refunds
             WHERE state <> 'replaced' AND reason <> 'cancellation' GROUP BY order_id
        ), charged AS (
            SELECT o.id, o.order_number, o.state, coalesce(sum(e.amount), 0) AS minor,
                   CASE WHEN o.state = 'cancelled' THEN 0 ELSE o.total - coalesce(less.minor, 0) END AS ordered,
                   CASE WHEN o.state = 'cancelled' OR less.minor > 0 THEN coalesce(back.minor, 0) ELSE 0 END AS back
              FROM orders o
              LEFT JOIN ledger_entries e ON e.order_id = o.id AND e.kind IN ('charge', 'cancellation')
              LEFT JOIN less ON less.order_id = o.id
              LEFT JOIN back ON back.order_id = o.id
             WHERE o.source <> 'import' GROUP BY o.id, less.minor, back.minor
        )
        SELECT order_number, state, minor, ordered, back FROM charged WHERE minor NOT BETWEEN ordered AND ordered + back
    """


class LedgersBalance(Law):
    """What a ledger sums to is what is due of the order, less what is still to go back to the buyer.

    Nothing is due of an order that is completed or cancelled.
    """

    offenders = """
        WITH entered AS (SELECT order_id, sum(amount) AS minor FROM ledger_entries GROUP BY order_id),
        due AS (SELECT order_id, sum(amount) AS minor FROM tenders WHERE state = 'due' GROUP BY order_id),
        back AS (
            SELECT order_id, sum(amount) AS minor FROM refunds WHERE state IN ('intended', 'pending', 'failed')
             GROUP BY order_id
        )
        SELECT o.order_number, o.state, entered.minor, due.minor, back.minor
          FROM orders o
          LEFT JOIN entered ON entered.order_id = o.id
          LEFT JOIN due ON due.order_id = o.id
          LEFT JOIN back ON back.order_id = o.id
         WHERE o.source <> 'import'
           AND (coalesce(entered.minor, 0) <> coalesce(due.minor, 0) - coalesce(back.minor, 0)
                OR o.state IN ('completed', 'cancelled') AND coalesce(due.minor, 0) <> 0)
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


class DueTendersAreOfOpenOrders(Law):
    """Something is due only of an order that is neither completed, cancelled nor imported."""

    offenders = """
        SELECT t.order_id, t.id, t.amount FROM tenders t JOIN orders o ON o.id = t.order_id
         WHERE t.state = 'due' AND (o.state IN ('completed', 'cancelled') OR o.source = 'import')
    """


class OnlineTendersAreCaptured(Law):
    """What the provider captured for an order is what its online tenders paid: no cent twice, and none forgotten."""

    offenders = """
        WITH paid AS (
            SELECT order_id, sum(amount) AS minor FROM tenders WHERE state = 'paid' AND kind = 'online'
             GROUP BY order_id
        ), captured AS (
            SELECT order_id, sum(captured) AS minor FROM payments WHERE captured > 0 GROUP BY order_id
        )
        SELECT coalesce(paid.order_id, captured.order_id), paid.minor, captured.minor
          FROM paid FULL JOIN captured ON captured.order_id = paid.order_id
         WHERE paid.minor IS DISTINCT FROM captured.minor
    """


class RefundsAreInTheLedger(Law):
    """What was promised back and what went back stand in the ledger as such, refund by refund."""

    offenders = """
        WITH refunded AS (
            SELECT order_id,
                   sum(amount) FILTER (WHERE state <> 'replaced' AND reason <> 'cancellation') AS promised,
                   sum(amount) FILTER (WHERE state = 'succeeded') AS made
              FROM refunds GROUP BY order_id
        ), entered AS (
            SELECT order_id, -sum(amount) FILTER (WHERE kind = 'refund') AS promised,
                   sum(amount) FILTER (WHERE kind = 'repayment') AS made
              FROM ledger_entries WHERE kind IN ('refund', 'repayment') GROUP BY order_id
        )
        SELECT coalesce(r.order_id, e.order_id), r.promised, e.promised, r.made, e.made
          FROM refunded r FULL JOIN entered e ON e.order_id = r.order_id
         WHERE coalesce(r.promised, 0) <> coalesce(e.promised, 0) OR coalesce(r.made, 0) <> coalesce(e.made, 0)
    """


class PaymentsKnowTheirRefunds(Law):
    """What a payment says went back of it is the sum of its refunds that were made."""

    offenders = """
        SELECT p.id, p.refunded, coalesce(sum(r.amount), 0)
          FROM payments p LEFT JOIN refunds r ON r.payment_id = p.id AND r.state = 'succeeded'
         GROUP BY p.id HAVING p.refunded <> coalesce(sum(r.amount), 0)
    """


class NothingIsPaidTwice(Law):
    """All that was captured for an order is never more than its total, unless the rest goes back or has gone back."""

    offenders = """
        SELECT o.order_number, o.total, sum(p.captured)
          FROM payments p JOIN orders o ON o.id = p.order_id
         GROUP BY o.id HAVING sum(p.captured) > o.total
           AND sum(p.captured) - o.total > (SELECT coalesce(sum(amount), 0) FROM refunds r
                                             WHERE r.order_id = o.id AND r.state <> 'replaced')
    """


class CapturedMoneyHasItsGoods(Law):
    """Money that was taken and does not go back has goods behind it: held for the order, or handed to its buyer.

    A collected order whose goods were no longer kept is cancelled within minutes; an hour is allowed.
    """

    offenders = """
        SELECT o.order_number, o.state, p.id, p.captured
          FROM payments p JOIN orders o ON o.id = p.order_id
         WHERE p.captured > (SELECT coalesce(sum(amount), 0) FROM refunds r
                              WHERE r.payment_id = p.id AND r.state <> 'replaced')
           AND (o.state = 'cancelled' OR o.state IN ('placed', 'ready') AND NOT EXISTS (
                    SELECT 1 FROM holds h WHERE h.reference = o.id
                       AND (h.ended_at IS NULL OR h.outcome = 'expired' AND h.ended_at >= coalesce(
                            (SELECT last_at - interval '1 hour' FROM schedules WHERE name = 'expire_due_holds'),
                            '-infinity'))))
    """


class SentGoodsArePaid(Law):
    """Goods that were to be paid ahead and have left are paid, or their money is being taken, or a person hears of it.

    What is reserved is no excuse: nobody would take it. Nor is a case about something else: that the money was refused,
    or its reservation ended, is what the person must hear.
    """

    offenders = """
        WITH sent AS (
            SELECT o.id, o.order_number,
                   sum((2 * l.sent * (l.line_total + CASE WHEN o.prices_include_tax THEN 0 ELSE l.tax_total END)
                        + l.quantity) / (2 * l.quantity)) AS worth
              FROM orders o JOIN payment_plans g ON g.order_id = o.id JOIN order_lines l ON l.order_id = o.id
             WHERE l.sent > 0 AND EXISTS (SELECT 1 FROM tenders t WHERE t.order_id = o.id AND t.state = 'due')
             GROUP BY o.id
        )
        SELECT s.order_number, s.worth, coalesce(sum(p.captured), 0)
          FROM sent s LEFT JOIN payments p ON p.order_id = s.id
         WHERE NOT EXISTS (SELECT 1 FROM provider_calls c JOIN payments q ON q.id = c.payment_id
                            WHERE q.order_id = s.id AND c.operation = 'capture' AND c.state = 'intended')
           AND NOT EXISTS (SELECT 1 FROM payment_cases k JOIN payments q ON q.id = k.subject
                            WHERE q.order_id = s.id AND k.kind IN ('capture_refused', 'reservation_lapsed')
                              AND k.closed_at IS NULL)
         GROUP BY s.id, s.order_number, s.worth HAVING s.worth > coalesce(sum(p.captured), 0)
    """


class NoAuthorisationOutlivesItsDeadline(Law):
    """When deadlines were last looked at, no reserved money was about to expire without being taken or let go."""

    offenders = """
        SELECT p.id, p.order_id, p.capture_before
          FROM payments p JOIN schedules s ON s.name = 'keep_payment_deadlines'
         WHERE p.state = 'authorised' AND p.capture_before < s.last_at - interval '5 minutes'
    """


class ReservationsAreForOrders(Law):
    """What is reserved for an order that was cancelled, or has left and owes nothing, is let go, or a person knows why.

    The last capture lets go as well.
    """

    offenders = """
        SELECT o.order_number, p.id FROM payments p JOIN orders o ON o.id = p.order_id
         WHERE p.state = 'authorised'
           AND (o.state = 'cancelled' OR o.state IN ('shipped', 'completed') AND NOT EXISTS (
                    SELECT 1 FROM tenders t WHERE t.order_id = o.id AND t.state = 'due' AND t.amount > 0))
           AND NOT EXISTS (SELECT 1 FROM provider_calls c
                            WHERE c.payment_id = p.id AND c.state = 'intended'
                              AND (c.operation = 'cancel'
                                   OR c.operation = 'capture' AND (c.facts ->> 'last')::boolean))
           AND NOT EXISTS (SELECT 1 FROM payment_cases k
                            WHERE k.kind = 'cancel_refused' AND k.subject = p.id AND k.closed_at IS NULL)
    """


class NobodyWaitsForEver(Law):
    """A buyer's turn has an end; when that was last looked at, nobody was past it without being let go.

    What cannot be settled by letting go is before a person, and letting go may take a day: the provider is away no
    longer. A mandate is looked at for three minutes after its end, for which ten are allowed; one that is saved along
    with a deposit ends with it.
    """

    offenders = """
        SELECT p.id, p.order_id, p.state, p.deadline
          FROM payments p JOIN schedules s ON s.name = 'keep_payment_deadlines'
         WHERE (p.state IN ('waiting', 'action_required', 'processing') AND p.deadline IS NULL
                OR p.state IN ('intended', 'waiting', 'action_required', 'processing')
                   AND p.deadline < s.last_at - interval '5 minutes')
           AND NOT EXISTS (SELECT 1 FROM provider_calls c
                            WHERE c.payment_id = p.id AND c.operation = 'cancel' AND c.state = 'intended'
                              AND c.created_at >= s.last_at - interval '1 day')
           AND NOT EXISTS (SELECT 1 FROM payment_cases k
                            WHERE k.kind IN ('payment_differs', 'cancel_refused', 'call_stays_in_doubt')
                              AND k.subject = p.id AND k.closed_at IS NULL)
        UNION ALL
        SELECT m.id, m.order_id, m.state, m.deadline
          FROM mandates m JOIN schedules s ON s.name = 'keep_payment_deadlines'
         WHERE m.state IN ('intended', 'waiting', 'action_required')
           AND (m.deadline < s.last_at - interval '10 minutes'
                OR m.deadline IS NULL AND NOT EXISTS (
                    SELECT 1 FROM payments p WHERE p.mandate_id = m.id AND p.state NOT IN ('captured', 'cancelled')))
    """


class WhatIsDueMayStillCome(Law):
    """What is due through the provider may still come, or goods are kept for it only for a while, or a person knows.

    It may still come by a payment that is not over, or a means that is saved. That a payment is given up, or goods are
    no longer kept, is about to cancel the order, as long as nobody has reacted to it.
    """

    offenders = """
        SELECT o.order_number, o.state, t.amount
          FROM tenders t JOIN orders o ON o.id = t.order_id
         WHERE t.state = 'due' AND t.kind = 'online' AND t.amount > 0
           AND NOT EXISTS (SELECT 1 FROM payments p
                            WHERE p.order_id = o.id AND p.state NOT IN ('captured', 'cancelled'))
           AND NOT EXISTS (SELECT 1 FROM mandates m WHERE m.order_id = o.id AND m.state = 'active')
           AND NOT EXISTS (SELECT 1 FROM holds h
                            WHERE h.reference = o.id AND h.ended_at IS NULL AND h.expires_at IS NOT NULL)
           AND NOT EXISTS (SELECT 1 FROM outbox_messages n LEFT JOIN outbox_deliveries d ON d.message_id = n.id
                            WHERE n.topic IN ('payment_given_up', 'mandate_given_up', 'hold_expired')
                              AND coalesce(n.body ->> 'order_id', n.body ->> 'reference') = o.id
                              AND (n.relayed_at IS NULL OR d.done_at IS NULL AND d.dead_at IS NULL
                                                           AND d.message_id IS NOT NULL))
           AND NOT EXISTS (SELECT 1 FROM payment_cases k JOIN payments p ON p.id = k.subject
                            WHERE p.order_id = o.id AND k.closed_at IS NULL
                              AND k.kind IN ('capture_refused', 'cancel_refused', 'reservation_lapsed'))
    """


class EveryPaymentWasAsked(Law):
    """A payment stays intended only as long as the call that opens it is open."""

    offenders = """
        SELECT p.id, p.order_id FROM payments p
         WHERE p.state = 'intended'
           AND NOT EXISTS (SELECT 1 FROM provider_calls c
                            WHERE c.payment_id = p.id AND c.operation = 'open' AND c.state = 'intended')
    """


LEDGER_LAWS: tuple[type[Law], ...] = (
    ChargesAreWhatWasOrdered,
    LedgersBalance,
    LedgersKeepToOneCurrency,
    PaidTendersAreInTheLedger,
    DueTendersAreOfOpenOrders,
)
PROVIDER_LAWS: tuple[type[Law], ...] = (
    OnlineTendersAreCaptured,
    RefundsAreInTheLedger,
    PaymentsKnowTheirRefunds,
    NothingIsPaidTwice,
    CapturedMoneyHasItsGoods,
    SentGoodsArePaid,
    NoAuthorisationOutlivesItsDeadline,
    ReservationsAreForOrders,
    NobodyWaitsForEver,
    WhatIsDueMayStillCome,
    EveryPaymentWasAsked,
)
LAWS = (*LEDGER_LAWS, *PROVIDER_LAWS)
