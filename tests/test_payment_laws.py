"""Each law of payments is shown to catch somebody who breaks it, and nobody who does not."""

from collections.abc import AsyncIterator
from contextlib import suppress

import httpx
import pytest
from sqlalchemy import text

from commerce.embedded.postgres import EmbeddedPostgres
from commerce.kernel.clock import SetClock
from commerce.kernel.db import Database
from commerce.kernel.ids import new_id
from commerce.kernel.laws import Finding, Law, broken, check_laws
from orders.payments.laws import (
    LEDGER_LAWS,
    PROVIDER_LAWS,
    CapturedMoneyHasItsGoods,
    ChargesAreWhatWasOrdered,
    EveryPaymentWasAsked,
    NoAuthorisationOutlivesItsDeadline,
    NobodyWaitsForEver,
    NothingIsPaidTwice,
    OnlineTendersAreCaptured,
    PaymentsKnowTheirRefunds,
    RefundsAreInTheLedger,
    ReservationsAreForOrders,
    SentGoodsArePaid,
    WhatIsDueMayStillCome,
)
from tests.conftest import NOON, own_database
from tests.paid_store import back, paid_store
from tests.stories import plant
from tests.stripe_backends import StripeSandbox

PAID, RESERVED, WAITING, BACK, CANCELLED, UNOPENED, PARTLY, SAVING = (new_id("ord", NOON) for _ in range(8))


class _UndoneError(Exception):
    """What was planted is taken out again."""


@pytest.fixture(scope="module")
async def books(server: EmbeddedPostgres, template: str, sandbox_url: str) -> AsyncIterator[Database]:
    """Orders that are paid, reserved, begun, given back, cancelled, sent in part, and one that cannot be begun.

    Of one a card is to be saved.
    """
    async with (
        own_database(server, template, "payment_laws") as url,
        httpx.AsyncClient(base_url=sandbox_url, timeout=10) as http,
    ):
        clock, sandbox = SetClock(NOON), StripeSandbox(sandbox_url, http)
        await sandbox.reset()
        db = Database(url, clock=clock, pool_size=8)
        async with paid_store(db, clock, sandbox) as shop:
            one = ("CHARGER", 1)
            await shop.paid(one, total=3900, id=PAID)
            await shop.paid(one, total=3900, id=RESERVED, payment="on_shipment")
            await shop.begin(await shop.place(one, total=3900, id=WAITING))
            await shop.begin(await shop.place(one, total=3900, id=SAVING, payment="later"))
            for order_id in (BACK, CANCELLED):
                await shop.paid(one, total=3900, id=order_id)
                await shop.refund(order_id, **back(1000))
            await shop.settle()
            await shop.web.post(f"/v1/orders/{CANCELLED}/cancel", {"reason": "test"})
            await shop.settle()
            await shop.paid(("CHARGER", 2), total=7800, id=PARTLY, payment="on_shipment")
            part = {"location": "wh-de", "lines": [{"line": 1, "quantity": 1}]}
            await shop.operator.post(f"/v1/orders/{PARTLY}/ship", part)
            await shop.settle()
            await sandbox.faults({"match": {}, "fault": "rate_limit"})
            await shop.place(one, total=3900, id=UNOPENED)
            await shop.web.post(f"/v1/orders/{UNOPENED}/payments")
            await plant(
                db,
                f"UPDATE payments SET deadline = '2026-12-01Z' WHERE order_id = '{UNOPENED}'",
                f"UPDATE payments SET capture_before = NULL WHERE order_id = '{PARTLY}'",
            )
            yield db
        await db.close()


async def judged(db: Database, laws: list[type[Law]], *planted: str) -> list[Finding]:
    """What these laws find after somebody changed rows by hand; the change is undone."""
    found: list[Finding] = []
    with suppress(_UndoneError):
        async with db.transaction() as tx:
            for statement in planted:
                await tx.execute(text(statement))
            found = broken(await check_laws(tx, laws))
            raise _UndoneError
    return found


LEDGER = "ALTER TABLE ledger_entries DISABLE TRIGGER append_only"
ENTERED = """
    INSERT INTO ledger_entries (id, order_id, kind, amount, currency, entered_at)
    VALUES ('led_planted', '{}', '{}', {}, 'EUR', '2026-11-02Z')
"""
PAID_AGAIN = f"""
    INSERT INTO payments (id, order_id, purpose, capture, amount, currency, state, captured, provider_id, created_at)
    SELECT 'pay_twice', order_id, purpose, capture, amount, currency, state, captured, 'pi_twice', created_at
      FROM payments WHERE order_id = '{PAID}'
"""
GOES_BACK = f"""
    INSERT INTO refunds (id, order_id, payment_id, reason, amount, currency, state, actor, created_at)
    VALUES ('rfd_twice', '{PAID}', 'pay_twice', 'goodwill', {{}}, 'EUR', 'intended', 'test', '2026-11-02Z')
"""
LOOKED_LAST = "INSERT INTO schedules (name, next_at, last_at) VALUES ('keep_payment_deadlines', '2027-01-01Z', '{}Z')"
HOLDS_ENDED_LAST = "INSERT INTO schedules (name, next_at, last_at) VALUES ('expire_due_holds', '2027-01-01Z', '{}Z')"
HELD_UNTIL = "UPDATE holds SET ended_at = '{}Z', outcome = '{}' WHERE reference = '{}'"
CANCEL_CALLED = f"""
    INSERT INTO provider_calls (id, operation, payment_id, facts, key, key_since, state, created_at, next_at)
    SELECT 'pcl_planted', 'cancel', id, '{{}}', 'key', '2026-11-02Z', 'intended', '2026-11-02Z', '2026-11-02Z'
      FROM payments WHERE order_id = '{WAITING}'
"""

BEFORE_A_PERSON = f"""
    INSERT INTO payment_cases (id, kind, subject, facts, opened_at)
    SELECT 'pcs_planted', 'payment_differs', id, '{{}}', '2026-11-02Z' FROM payments WHERE order_id = '{WAITING}'
"""

SENT = "UPDATE order_lines SET sent = {} WHERE order_id = '{}'"
CAPTURE_CALLED = CANCEL_CALLED.replace("'cancel'", "'capture'").replace(WAITING, RESERVED)
CAPTURE_REFUSED = BEFORE_A_PERSON.replace("'payment_differs'", "'capture_refused'").replace(WAITING, RESERVED)
CANCEL_REFUSED = BEFORE_A_PERSON.replace("'payment_differs'", "'cancel_refused'").replace(WAITING, RESERVED)
LAPSED = CAPTURE_REFUSED.replace("'capture_refused'", "'reservation_lapsed'")
DISPUTED = f"""
    INSERT INTO payment_cases (id, kind, subject, order_id, facts, opened_at)
    VALUES ('pcs_planted', 'dispute', 'dp_planted', '{RESERVED}', '{{}}', '2026-11-02Z')
"""
DIFFERS = CAPTURE_REFUSED.replace("'capture_refused'", "'payment_differs'")
LONG_CALLED = "UPDATE provider_calls SET created_at = '2026-11-01 12:35Z' WHERE id = 'pcl_planted'"
MANDATE = f"UPDATE mandates SET deadline = {{}} WHERE order_id = '{SAVING}'"
LOOKED_AT_NOON = LOOKED_LAST.format("2026-11-02 12:00")
LEFT_AND_PAID = [
    f"UPDATE orders SET state = 'shipped' WHERE id = '{RESERVED}'",
    f"UPDATE tenders SET state = 'void' WHERE order_id = '{RESERVED}'",
]
LET_GO = f"UPDATE payments SET state = 'cancelled' WHERE order_id = '{RESERVED}'"
GIVEN_UP = f"""
    INSERT INTO outbox_messages (id, topic, version, body, told_at, relayed_at)
    VALUES ('evt_planted', 'payment_given_up', 1, '{{{{"order_id": "{RESERVED}"}}}}', '2026-11-02Z', {{}})
"""
REACTION = """
    INSERT INTO outbox_deliveries (message_id, reaction, next_ring_at, {}) VALUES
        ('evt_planted', 'cancel_unpaid', '2026-11-02Z', '2026-11-02Z')
"""

PLANTED: list[tuple[type[Law], list[str]]] = [
    (OnlineTendersAreCaptured, [f"UPDATE tenders SET amount = 3899, given = 3899 WHERE order_id = '{PAID}'"]),
    (OnlineTendersAreCaptured, [f"UPDATE tenders SET state = 'void' WHERE order_id = '{PAID}'"]),
    (OnlineTendersAreCaptured, [f"UPDATE tenders SET state = 'paid' WHERE order_id = '{WAITING}'"]),
    (OnlineTendersAreCaptured, [f"UPDATE payments SET captured = 3899 WHERE order_id = '{PAID}'"]),
    (OnlineTendersAreCaptured, [f"UPDATE payments SET captured = 1 WHERE order_id = '{RESERVED}'"]),
    (OnlineTendersAreCaptured, [PAID_AGAIN]),
    (RefundsAreInTheLedger, [f"UPDATE refunds SET amount = 999 WHERE order_id = '{BACK}'"]),
    (RefundsAreInTheLedger, [f"UPDATE refunds SET state = 'failed' WHERE order_id = '{BACK}'"]),
    (RefundsAreInTheLedger, [f"UPDATE refunds SET state = 'replaced' WHERE order_id = '{BACK}'"]),
    (RefundsAreInTheLedger, [f"UPDATE refunds SET reason = 'cancellation' WHERE order_id = '{BACK}'"]),
    (RefundsAreInTheLedger, [f"UPDATE refunds SET state = 'pending' WHERE order_id = '{CANCELLED}'"]),
    (RefundsAreInTheLedger, [ENTERED.format(PAID, "refund", -1)]),
    (RefundsAreInTheLedger, [ENTERED.format(PAID, "repayment", 1)]),
    (
        RefundsAreInTheLedger,
        [LEDGER, f"DELETE FROM ledger_entries WHERE order_id = '{BACK}' AND kind IN ('refund', 'repayment')"],
    ),
    (PaymentsKnowTheirRefunds, [f"UPDATE payments SET refunded = 0 WHERE order_id = '{BACK}'"]),
    (PaymentsKnowTheirRefunds, [f"UPDATE payments SET refunded = 1 WHERE order_id = '{PAID}'"]),
    (PaymentsKnowTheirRefunds, [f"UPDATE refunds SET state = 'pending' WHERE order_id = '{BACK}'"]),
    (NothingIsPaidTwice, [PAID_AGAIN]),
    (NothingIsPaidTwice, [PAID_AGAIN, GOES_BACK.format(3899)]),
    (NothingIsPaidTwice, [PAID_AGAIN, GOES_BACK.format(3900), "UPDATE refunds SET state = 'replaced'"]),
    (NothingIsPaidTwice, [f"UPDATE payments SET amount = 3901, captured = 3901 WHERE order_id = '{PAID}'"]),
    (CapturedMoneyHasItsGoods, [f"UPDATE orders SET state = 'cancelled' WHERE id = '{PAID}'"]),
    (CapturedMoneyHasItsGoods, [HELD_UNTIL.format("2026-11-02 12:00", "released", PAID)]),
    (CapturedMoneyHasItsGoods, [f"DELETE FROM holds WHERE reference = '{PAID}'"]),
    (
        CapturedMoneyHasItsGoods,
        [
            HOLDS_ENDED_LAST.format("2026-11-02 14:00:01"),
            HELD_UNTIL.format("2026-11-02 13:00", "expired", PAID),
        ],
    ),
    (
        CapturedMoneyHasItsGoods,
        [f"UPDATE refunds SET state = 'replaced' WHERE order_id = '{CANCELLED}' AND reason = 'goodwill'"],
    ),
    (SentGoodsArePaid, [SENT.format(1, RESERVED)]),
    (SentGoodsArePaid, [SENT.format(2, PARTLY)]),
    (SentGoodsArePaid, [SENT.format(1, RESERVED), CAPTURE_CALLED, "UPDATE provider_calls SET state = 'refused'"]),
    (
        SentGoodsArePaid,
        [
            SENT.format(1, RESERVED),
            CAPTURE_REFUSED,
            "UPDATE payment_cases SET closed_at = '2026-11-02Z', closed_by = 'test', note = 'done'",
        ],
    ),
    (SentGoodsArePaid, [SENT.format(1, RESERVED), DISPUTED]),
    (SentGoodsArePaid, [SENT.format(1, RESERVED), DIFFERS]),
    (SentGoodsArePaid, [SENT.format(1, RESERVED), CANCEL_REFUSED]),
    (NoAuthorisationOutlivesItsDeadline, [LOOKED_LAST.format("2026-11-09 12:05:01")]),
    (
        NoAuthorisationOutlivesItsDeadline,
        [
            LOOKED_LAST.format("2026-11-02 12:00"),
            f"UPDATE payments SET capture_before = '2026-11-02 11:54Z' WHERE order_id = '{RESERVED}'",
        ],
    ),
    (NobodyWaitsForEver, [LOOKED_LAST.format("2026-11-02 12:35:01")]),
    *(
        (
            NobodyWaitsForEver,
            [
                LOOKED_LAST.format("2026-11-02 12:00"),
                f"UPDATE payments SET state = '{state}', deadline = '2026-11-02 11:54Z' WHERE order_id = '{WAITING}'",
            ],
        )
        for state in ("intended", "waiting", "action_required", "processing")
    ),
    (
        NobodyWaitsForEver,
        [LOOKED_LAST.format("2026-11-02 12:35:01"), CANCEL_CALLED, "UPDATE provider_calls SET state = 'refused'"],
    ),
    (
        NobodyWaitsForEver,
        [
            LOOKED_LAST.format("2026-11-02 12:35:01"),
            BEFORE_A_PERSON,
            "UPDATE payment_cases SET closed_at = '2026-11-02Z', closed_by = 'test', note = 'done'",
        ],
    ),
    *(
        (
            NobodyWaitsForEver,
            [
                LOOKED_LAST.format("2026-11-02 12:00"),
                f"UPDATE payments SET state = '{state}', deadline = NULL WHERE order_id = '{WAITING}'",
            ],
        )
        for state in ("waiting", "action_required", "processing")
    ),
    (ReservationsAreForOrders, [f"UPDATE orders SET state = 'cancelled' WHERE id = '{RESERVED}'"]),
    (ReservationsAreForOrders, [f"UPDATE payments SET state = 'authorised' WHERE order_id = '{CANCELLED}'"]),
    (ReservationsAreForOrders, LEFT_AND_PAID),
    (ReservationsAreForOrders, [*LEFT_AND_PAID, CAPTURE_REFUSED]),
    (
        ReservationsAreForOrders,
        [*LEFT_AND_PAID, CAPTURE_CALLED, "UPDATE provider_calls SET facts = '{\"last\": false}'"],
    ),
    (NobodyWaitsForEver, [LOOKED_LAST.format("2026-11-02 12:35:01"), CANCEL_CALLED, LONG_CALLED]),
    (NobodyWaitsForEver, [LOOKED_AT_NOON, MANDATE.format("'2026-11-02 11:49Z'")]),
    (NobodyWaitsForEver, [LOOKED_AT_NOON, MANDATE.format("NULL")]),
    (WhatIsDueMayStillCome, [LET_GO]),
    (WhatIsDueMayStillCome, [f"UPDATE payments SET state = 'captured' WHERE order_id = '{PARTLY}'"]),
    (WhatIsDueMayStillCome, [LET_GO, DISPUTED]),
    (WhatIsDueMayStillCome, [LET_GO, f"DELETE FROM holds WHERE reference = '{RESERVED}'"]),
    (WhatIsDueMayStillCome, [LET_GO, GIVEN_UP.format("'2026-11-02Z'")]),
    (WhatIsDueMayStillCome, [LET_GO, GIVEN_UP.format("'2026-11-02Z'"), REACTION.format("done_at")]),
    (WhatIsDueMayStillCome, [LET_GO, GIVEN_UP.format("'2026-11-02Z'"), REACTION.format("dead_at")]),
    (WhatIsDueMayStillCome, [f"UPDATE holds SET expires_at = NULL WHERE reference = '{SAVING}'"]),
    (EveryPaymentWasAsked, [f"UPDATE payments SET state = 'intended' WHERE order_id = '{WAITING}'"]),
    (EveryPaymentWasAsked, ["UPDATE provider_calls SET state = 'answered'"]),
    (EveryPaymentWasAsked, ["UPDATE provider_calls SET state = 'refused'"]),
    (EveryPaymentWasAsked, ["DELETE FROM provider_calls"]),
    (EveryPaymentWasAsked, [f"UPDATE payments SET state = 'intended' WHERE order_id = '{WAITING}'", CANCEL_CALLED]),
    (ChargesAreWhatWasOrdered, [ENTERED.format(CANCELLED, "cancellation", 1)]),
    (ChargesAreWhatWasOrdered, [ENTERED.format(CANCELLED, "cancellation", -1001)]),
    (ChargesAreWhatWasOrdered, [ENTERED.format(BACK, "cancellation", 1)]),
]

LAWFUL: dict[str, tuple[type[Law], list[str]]] = {
    "what was paid twice goes back": (NothingIsPaidTwice, [PAID_AGAIN, GOES_BACK.format(3900)]),
    "an hour is allowed to cancel what was not collected": (
        CapturedMoneyHasItsGoods,
        [HOLDS_ENDED_LAST.format("2026-11-02 14:00"), HELD_UNTIL.format("2026-11-02 13:00", "expired", PAID)],
    ),
    "goods that left are with their buyer": (
        CapturedMoneyHasItsGoods,
        [
            HELD_UNTIL.format("2026-11-02 12:00", "left", PAID),
            f"UPDATE orders SET state = 'shipped' WHERE id = '{PAID}'",
        ],
    ),
    "what has left is being paid": (SentGoodsArePaid, [SENT.format(1, RESERVED), CAPTURE_CALLED]),
    "what has left is not paid, and a person hears of it": (
        SentGoodsArePaid,
        [SENT.format(1, RESERVED), CAPTURE_REFUSED],
    ),
    "what has left is paid, and the rest is not": (SentGoodsArePaid, [SENT.format(1, PARTLY)]),
    "five minutes are allowed to save what expires": (
        NoAuthorisationOutlivesItsDeadline,
        [LOOKED_LAST.format("2026-11-09 12:05:00")],
    ),
    "nobody has looked at deadlines yet": (
        NobodyWaitsForEver,
        [f"UPDATE payments SET deadline = '2026-11-02 11:00Z' WHERE order_id = '{WAITING}'"],
    ),
    "five minutes are allowed to let go": (NobodyWaitsForEver, [LOOKED_LAST.format("2026-11-02 12:35:00")]),
    "a person is to decide": (NobodyWaitsForEver, [LOOKED_LAST.format("2026-11-02 12:35:01"), BEFORE_A_PERSON]),
    "what is reserved is being let go": (
        ReservationsAreForOrders,
        [
            f"UPDATE orders SET state = 'cancelled' WHERE id = '{WAITING}'",
            f"UPDATE payments SET state = 'authorised' WHERE order_id = '{WAITING}'",
            CANCEL_CALLED,
        ],
    ),
    "the money for what left was let go, and a person hears of it": (
        SentGoodsArePaid,
        [SENT.format(1, RESERVED), LAPSED],
    ),
    "what is reserved for nothing is being let go with the last capture": (
        ReservationsAreForOrders,
        [*LEFT_AND_PAID, CAPTURE_CALLED, "UPDATE provider_calls SET facts = '{\"last\": true}'"],
    ),
    "what is reserved for nothing is not let go, and a person hears of it": (
        ReservationsAreForOrders,
        [*LEFT_AND_PAID, CANCEL_REFUSED],
    ),
    "ten minutes are allowed to see whether a card was saved": (
        NobodyWaitsForEver,
        [LOOKED_AT_NOON, MANDATE.format("'2026-11-02 11:50Z'")],
    ),
    "goods are kept for a while for what is due": (
        WhatIsDueMayStillCome,
        [LET_GO, f"UPDATE holds SET expires_at = '2026-11-04Z' WHERE reference = '{RESERVED}'"],
    ),
    "a person is to see to what is due": (WhatIsDueMayStillCome, [LET_GO, LAPSED]),
    "what was told cancels the order in a moment": (WhatIsDueMayStillCome, [LET_GO, GIVEN_UP.format("NULL")]),
    "what was told is about to cancel the order": (
        WhatIsDueMayStillCome,
        [
            LET_GO,
            GIVEN_UP.format("'2026-11-02Z'"),
            REACTION.format("done_at"),
            "UPDATE outbox_deliveries SET done_at = NULL WHERE message_id = 'evt_planted'",
        ],
    ),
    "letting go is under way": (NobodyWaitsForEver, [LOOKED_LAST.format("2026-11-02 12:35:01"), CANCEL_CALLED]),
}


@pytest.mark.parametrize(
    ("law", "planted"), PLANTED, ids=[f"{law.code()} {n}" for n, (law, _) in enumerate(PLANTED, 1)]
)
async def test_a_broken_law_is_seen(books: Database, law: type[Law], planted: list[str]) -> None:
    found = await judged(books, [law], *planted)

    assert [(finding.law, finding.offenders) for finding in found] == [(law.code(), 1)]


def test_every_law_is_broken_at_least_twice() -> None:
    planted = [law for law, _ in PLANTED]

    assert {law: planted.count(law) > 1 for law in PROVIDER_LAWS} == dict.fromkeys(PROVIDER_LAWS, True)


@pytest.mark.parametrize("case", LAWFUL)
async def test_what_is_right_is_not_taken_for_an_offence(books: Database, case: str) -> None:
    law, planted = LAWFUL[case]

    assert await judged(books, [law], *planted) == []


async def test_as_it_stands_no_law_of_money_is_broken(books: Database) -> None:
    assert await judged(books, [*LEDGER_LAWS, *PROVIDER_LAWS]) == []
