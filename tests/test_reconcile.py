"""Reconciling: our books and the provider's are laid side by side, and say the same afterwards, or a person hears."""

from datetime import timedelta

import pytest

from orders.payments.note_dispute import note_dispute
from orders.payments.port import SeenDispute
from orders.payments.reconcile import Reconciliation, reconcile_between
from orders.payments.tasks import NIGHT, payment_jobs
from tests.conftest import NOON, problem
from tests.paid_store import back, held, intent_of, refunds, shipped
from tests.paying import DISPUTED, Checkout
from tests.shop import rows
from tests.stories import eur, ledger

LOST = {"drop": 1}
BOOKS = """
    SELECT (SELECT string_agg(p::text, ',' ORDER BY id) FROM payments p),
           (SELECT string_agg(r::text, ',' ORDER BY id) FROM refunds r),
           (SELECT string_agg(m::text, ',' ORDER BY id) FROM mandates m),
           (SELECT string_agg((to_jsonb(d) - 'seen_at')::text, ',' ORDER BY provider_id) FROM disputes d),
           (SELECT string_agg(c::text, ',' ORDER BY id) FROM payment_cases c),
           (SELECT string_agg(c::text, ',' ORDER BY id) FROM provider_calls c),
           (SELECT count(*) FROM ledger_entries), (SELECT count(*) FROM tenders), (SELECT count(*) FROM order_timeline),
           (SELECT count(*) FROM outbox_messages), (SELECT count(*) FROM provider_looks)
"""
"""Everything that reconciling could change, but for when a payment or a dispute was last looked at."""


async def refund_it(shop: Checkout, order_id: str) -> None:
    """Give everything back."""
    await shop.refund(order_id, **back(3900))


async def paid_unheard(shop: Checkout) -> str:
    """An order whose buyer has paid, and all news of it is lost; its id."""
    order_id = await shop.place(("CHARGER", 1), total=3900)
    page = await shop.begin(order_id)
    await shop.sandbox.faults(events=LOST)
    await shop.buyer_pays(page)
    return order_id


async def night(shop: Checkout) -> Reconciliation:
    """A night's reconciliation, a while later; and the second one right after it changes nothing."""
    await shop.advance(timedelta(minutes=10))
    done = await run(shop)
    books = await rows(shop.db, BOOKS)
    again = await run(shop)
    assert (again.settled, again.cases) == (0, done.cases)
    assert figures(again) == (*figures(done)[:4], 0, done.cases)
    assert [row[1:] for row in await rows(shop.db, BOOKS)] == [row[1:] for row in books]
    await shop.settle()
    return done


async def run(shop: Checkout) -> Reconciliation:
    """One night's reconciliation."""
    now = shop.clock.now()
    return await reconcile_between(shop.db, shop.gateway, now - NIGHT, now)


def figures(done: Reconciliation) -> tuple[int, int, int, int, int, int]:
    """Payments, refunds, mandates, disputes; what was settled; open cases."""
    return done.payments, done.refunds, done.mandates, done.disputes, done.settled, done.cases


async def test_where_nothing_differs_nothing_is_done(shop: Checkout) -> None:
    """Paid, given back, reserved, let go, taken in part, waiting, declined, saved: none of it is a difference."""
    order_id = await shipped(shop, ("CHARGER", 1), total=3900)
    await shop.refund(order_id, **back(1000))
    await shop.paid(("CHARGER", 1), total=3900, payment="on_shipment")
    let_go = await shop.paid(("CHARGER", 1), total=3900, payment="on_shipment")
    await shop.web.post(f"/v1/orders/{let_go}/cancel", {"reason": "test"})
    parts = await shop.paid(("CHARGER", 2), total=7800, payment="on_shipment")
    await shop.operator.post(f"/v1/orders/{parts}/ship", {"location": "wh-de", "lines": [{"line": 1, "quantity": 1}]})
    await shop.settle()
    await shop.operator.post(f"/v1/orders/{parts}/cancel", {"reason": "test"})
    waiting = await shop.place(("CHARGER", 1), total=3900)
    await shop.buyer_pays(await shop.begin(waiting), "pm_card_chargeDeclined")
    await shop.paid(("CHARGER", 1), total=3900, payment="later")
    await shop.settle()
    asked = len(await shop.sandbox.calls())
    done = await night(shop)

    assert figures(done) == (5, 1, 1, 0, 0, 0)
    assert (done.since, done.until) == (NOON + timedelta(minutes=10) - NIGHT, NOON + timedelta(minutes=5))
    looked = [call["path"] for call in (await shop.sandbox.calls())[asked:]]
    assert set(looked) == {"/v1/payment_intents", "/v1/refunds", "/v1/setup_intents", "/v1/disputes"}


async def test_what_is_younger_than_five_minutes_is_left_to_the_next_night(shop: Checkout) -> None:
    order_id = await paid_unheard(shop)
    await shop.advance(timedelta(minutes=5))
    early = await run(shop)
    await shop.advance(timedelta(seconds=1))
    later = await run(shop)

    assert (figures(early), figures(later)) == ((0, 0, 0, 0, 0, 0), (1, 0, 0, 0, 1, 0))
    assert (await shop.payment(order_id))["state"] == "captured"


async def test_news_of_a_payment_that_was_lost_is_made_up_for(shop: Checkout) -> None:
    order_id = await paid_unheard(shop)
    done = await night(shop)

    assert figures(done) == (1, 0, 0, 0, 1, 0)
    assert ((await shop.payment(order_id))["state"], await held(shop, order_id)) == ("captured", 1)
    assert await ledger(shop.db, order_id) == [("charge", 3900), ("payment", -3900)]


async def test_news_of_refunds_that_was_lost_is_made_up_for(shop: Checkout) -> None:
    """One of ours fails and one is still pending with the bank; one was made at the provider by somebody."""
    failing = await shipped(shop, ("CHARGER", 1), total=3900, method="pm_card_refundFail")
    pending = await shipped(shop, ("CHARGER", 1), total=3900, method="pm_card_pendingRefund")
    theirs = await shipped(shop, ("CHARGER", 1), total=3900)
    for order_id in (failing, pending):
        await refund_it(shop, order_id)
    await shop.settle()
    await shop.sandbox.faults(events=LOST)
    intent = await intent_of(shop, theirs)
    made = await shop.sandbox.client().v1.refunds.create_async({"payment_intent": intent, "amount": 700})
    before = [refunds(await shop.history(order_id)) for order_id in (failing, pending, theirs)]
    done = await night(shop)

    after = [refunds(await shop.history(order_id)) for order_id in (failing, pending, theirs)]
    assert before == [[("goodwill", 3900, "succeeded")], [("goodwill", 3900, "pending")], []]
    assert after == [
        [("goodwill", 3900, "failed")], [("goodwill", 3900, "succeeded")], [("provider", 700, "succeeded")],
    ]  # fmt: skip
    assert figures(done) == (3, 3, 0, 0, 3, 2)
    [failed, adopted] = await shop.cases()
    assert (failed[0], adopted) == ("refund_failed", ("refund_made_at_provider", made.id))


async def test_a_pending_refund_is_no_difference(shop: Checkout) -> None:
    order_id = await shipped(shop, ("CHARGER", 1), total=3900)
    pending = await shipped(shop, ("CHARGER", 1), total=3900, method="pm_card_pendingRefund")
    await refund_it(shop, pending)
    await shop.settle()
    # The bank takes days; the sandbox would take a minute, so its clock stays where it is.
    shop.clock.advance(timedelta(minutes=10))
    done = await run(shop)

    assert (figures(done), await shop.cases()) == ((2, 1, 0, 0, 0, 0), [])
    assert refunds(await shop.history(order_id)) == []
    assert refunds(await shop.history(pending)) == [("goodwill", 3900, "pending")]


async def test_a_refund_that_failed_and_one_of_the_same_amount_in_its_place_are_told_apart(shop: Checkout) -> None:
    """The sum at the provider is what we have in our books, but nothing else is."""
    order_id = await shipped(shop, ("CHARGER", 1), total=3900, method="pm_card_refundFail")
    await refund_it(shop, order_id)
    await shop.settle()
    await shop.sandbox.faults(events=LOST)
    await shop.advance(timedelta(seconds=61))
    intent = await intent_of(shop, order_id)
    await shop.sandbox.client().v1.refunds.create_async({"payment_intent": intent})
    now = shop.clock.now() + timedelta(minutes=10)
    shop.clock.set(now)
    done = await run(shop)
    again = await run(shop)

    assert sorted(refunds(await shop.history(order_id))) == [
        ("goodwill", 3900, "failed"), ("provider", 3900, "succeeded"),
    ]  # fmt: skip
    assert (figures(done), figures(again)) == ((1, 2, 0, 0, 1, 2), (1, 2, 0, 0, 0, 2))
    assert (await shop.payment(order_id))["refunded"] == eur(3900)


async def test_a_refund_that_takes_weeks_is_not_forgotten(shop: Checkout) -> None:
    order_id = await shipped(shop, ("CHARGER", 1), total=3900, method="pm_card_pendingRefund")
    await refund_it(shop, order_id)
    await shop.settle()
    await shop.sandbox.faults(events=LOST)
    await shop.advance(timedelta(days=40))
    done = await night(shop)

    assert figures(done) == (0, 0, 0, 0, 1, 0)
    assert refunds(await shop.history(order_id)) == [("goodwill", 3900, "succeeded")]


async def test_a_refund_that_fails_weeks_later_is_heard_of_although_its_news_is_lost(shop: Checkout) -> None:
    """The bank sent one of two back within a month; the list tells, and the other one is not asked for singly."""
    failing = await shipped(shop, ("CHARGER", 1), total=3900, method="pm_card_refundFail")
    fine = await shipped(shop, ("CHARGER", 1), total=3900)
    for order_id in (failing, fine):
        await refund_it(shop, order_id)
    await shop.settle()
    before = refunds(await shop.history(failing))
    await shop.sandbox.faults(events=LOST)
    await shop.advance(timedelta(days=31))
    asked = len(await shop.sandbox.calls())
    done = await run(shop)
    looked = [call["path"] for call in (await shop.sandbox.calls())[asked:]]

    intent = await intent_of(shop, failing)
    assert before == [("goodwill", 3900, "succeeded")]
    assert refunds(await shop.history(failing)) == [("goodwill", 3900, "failed")]
    assert refunds(await shop.history(fine)) == [("goodwill", 3900, "succeeded")]
    assert (figures(done), [kind for kind, _ in await shop.cases()]) == ((0, 2, 0, 0, 1, 1), ["refund_failed"])
    assert looked == [
        "/v1/payment_intents", "/v1/refunds", "/v1/refunds", f"/v1/payment_intents/{intent}", "/v1/setup_intents",
        "/v1/disputes",
    ]  # fmt: skip


async def test_refunds_of_weeks_before_are_not_listed_again_with_each_day_of_the_past(shop: Checkout) -> None:
    order_id = await shipped(shop, ("CHARGER", 1), total=3900)
    await refund_it(shop, order_id)
    await shop.settle()
    await shop.advance(timedelta(days=21))
    now = shop.clock.now()
    past = await reconcile_between(shop.db, shop.gateway, now - timedelta(days=3), now - timedelta(days=2))
    today = await reconcile_between(shop.db, shop.gateway, now - timedelta(days=1), now)

    assert (past.refunds, today.refunds) == (0, 1)


async def test_what_is_reserved_for_longer_than_a_night_looks_back_is_not_forgotten(shop: Checkout) -> None:
    """It was let go at the provider on the fourth day, and no news of that came: these goods must not leave."""
    order_id = await shop.paid(("CHARGER", 1), total=3900, payment="on_shipment")
    await shop.paid(("CHARGER", 1), total=3900)
    await shop.sandbox.faults(events=LOST)
    await shop.advance(timedelta(days=4))
    await shop.sandbox.client().v1.payment_intents.cancel_async(await intent_of(shop, order_id))
    asked = len(await shop.sandbox.calls())
    done = await run(shop)
    shipped_late = await shop.operator.post(f"/v1/orders/{order_id}/ship", {"location": "wh-de"})

    assert figures(done) == (0, 0, 0, 0, 1, 0)
    assert ((await shop.payment(order_id))["state"], problem(shipped_late)) == ("cancelled", (409, "not_paid"))
    looked = [call["path"] for call in (await shop.sandbox.calls())[asked:]]
    assert [path for path in looked if "/pi_" in path] == [f"/v1/payment_intents/{await intent_of(shop, order_id)}"]


async def test_news_of_a_dispute_and_of_a_mandate_that_was_lost_is_made_up_for(shop: Checkout) -> None:
    disputed = await shop.place(("CHARGER", 1), total=3900)
    saved = await shop.place(("CHARGER", 1), total=3900, payment="later")
    pages = [await shop.begin(order_id) for order_id in (disputed, saved)]
    await shop.sandbox.faults(events=LOST)
    await shop.buyer_pays(pages[0], DISPUTED)
    await shop.buyer_pays(pages[1])
    done = await night(shop)

    assert figures(done) == (1, 0, 1, 1, 3, 1)
    assert (await shop.payment(disputed))["disputes"][0].endswith(" needs_response")
    assert await rows(shop.db, "SELECT state FROM mandates") == [("active",)]
    assert (await shop.operator.post(f"/v1/orders/{saved}/charge")).status_code == 200
    await shop.settle()


async def test_a_payment_that_we_do_not_know_is_before_a_person(shop: Checkout) -> None:
    words = {"currency": "eur", "allowed_payment_method_types": ["card"], "amount": 700}
    intents = shop.sandbox.client().v1.payment_intents
    theirs = await intents.create_async({**words, "payment_method": "pm_card_visa", "confirm": True})  # type: ignore[typeddict-item]  # spelled out
    await intents.create_async({**words})  # type: ignore[typeddict-item]  # as above
    await shop.sandbox.deliver()
    done = await night(shop)

    assert (figures(done), await shop.cases()) == ((2, 0, 0, 0, 0, 1), [("payment_unknown_here", theirs.id)])


async def test_what_the_provider_has_never_heard_of_is_before_a_person(shop: Checkout) -> None:
    """Somebody restored the wrong database, there or here. What we believe stays as it is until a person has looked."""
    order_id = await shipped(shop, ("CHARGER", 1), total=3900)
    refunded = await shipped(shop, ("CHARGER", 1), total=3900)
    await refund_it(shop, refunded)
    await shop.settle()
    async with shop.db.transaction() as tx:
        dispute = SeenDispute(
            provider_id="dp_gone", payment=await intent_of(shop, order_id), amount=3900, currency="EUR",
            reason="fraudulent", state="needs_response", due_by=None, created_at=NOON,
        )  # fmt: skip
        await note_dispute(tx, dispute, NOON, NOON)
    now = shop.clock.now()
    await shop.sandbox.reset()
    await shop.sandbox.set_clock(now)
    done = await night(shop)

    kinds = [kind for kind, _ in await shop.cases()]
    assert kinds == [
        "dispute", "dispute_missing_at_provider", *["payment_missing_at_provider"] * 2, "refund_missing_at_provider",
    ]  # fmt: skip
    assert figures(done) == (0, 0, 0, 0, 0, 5)
    assert (await shop.payment(order_id))["state"] == "captured"
    [case] = [
        one
        for one in (await shop.operator.get("/v1/payment-cases")).json()["items"]
        if one["order"] == order_id and one["kind"] == "payment_missing_at_provider"
    ]
    assert case["facts"] == {
        "provider_id": await intent_of(shop, order_id), "state": "captured", "amount": 3900, "why": "resource_missing",
    }  # fmt: skip


async def test_a_payment_of_another_amount_is_before_a_person_and_changes_nothing(shop: Checkout) -> None:
    """Somebody changed the amount at the provider before the buyer paid it."""
    order_id = await shop.place(("CHARGER", 1), total=3900)
    page = await shop.begin(order_id)
    intent = await intent_of(shop, order_id)
    await shop.sandbox.client().v1.payment_intents.update_async(intent, {"amount": 4900})
    await shop.sandbox.faults(events=LOST)
    await shop.buyer_pays(page)
    done = await night(shop)

    payment = await shop.payment(order_id)
    assert (figures(done), await shop.cases()) == ((1, 0, 0, 0, 0, 1), [("payment_differs", payment["id"])])
    assert (payment["state"], payment["captured"]) == ("waiting", eur(0))
    [case] = (await shop.operator.get("/v1/payment-cases")).json()["items"]
    assert (case["order"], case["facts"]["ours"], case["facts"]["theirs"]) == (
        order_id, ["waiting", 0, 0], ["captured", 4900, 0],
    )  # fmt: skip


async def test_what_was_opened_when_the_night_was_over_is_not_missed(shop: Checkout) -> None:
    """It was wanted in time, but the provider was away for a while, and has it under a later hour."""
    order_id = await shop.place(("CHARGER", 1), total=3900)
    await shop.sandbox.faults({"match": {"method": "POST"}, "fault": "error_before"})
    await shop.web.post(f"/v1/orders/{order_id}/payments")
    await shop.advance(timedelta(minutes=7))
    await shop.sandbox.faults()
    await shop.work()
    done = await reconcile_between(shop.db, shop.gateway, NOON - NIGHT, shop.clock.now())

    assert (done.until, done.payments, done.settled) == (NOON + timedelta(minutes=2), 0, 0)
    assert ((await shop.payment(order_id))["state"], await shop.cases()) == ("waiting", [])


async def test_what_was_opened_in_the_last_second_of_the_night_is_not_missed(shop: Checkout) -> None:
    """The provider counts whole seconds, we count less."""
    shop.clock.advance(timedelta(milliseconds=300))
    await shop.paid(("CHARGER", 1), total=3900)
    await shop.advance(timedelta(minutes=5, milliseconds=400))
    done = await run(shop)

    assert (done.until, done.payments) == (NOON + timedelta(milliseconds=700), 0)
    assert await shop.cases() == []


async def test_a_long_night_is_read_page_by_page(shop: Checkout) -> None:
    """More payments than fit on one of the provider's pages, every one of which lost its news."""
    words = {"currency": "eur", "allowed_payment_method_types": ["card"], "amount": 700}
    intents = shop.sandbox.client().v1.payment_intents
    for _ in range(130):
        await intents.create_async({**words})  # type: ignore[typeddict-item]  # spelled out
    await paid_unheard(shop)
    done = await night(shop)

    assert figures(done) == (131, 0, 0, 0, 1, 0)


async def test_a_night_that_breaks_off_is_simply_begun_again(shop: Checkout) -> None:
    order_id = await shop.place(("CHARGER", 1), total=3900)
    page = await shop.begin(order_id)
    await shop.sandbox.faults(
        {"match": {"method": "GET", "path": "/v1/refunds*"}, "fault": "error_before"}, events=LOST
    )
    await shop.buyer_pays(page)
    await shop.advance(timedelta(minutes=10))
    job = payment_jobs(shop.gateway)["reconcile_nightly"]
    with pytest.raises(Exception, match="APIError"):
        await job.work(shop.db, shop.clock.now())
    half = await shop.payment(order_id)
    await shop.sandbox.faults()
    await job.work(shop.db, shop.clock.now())

    assert half["state"] == "captured"
    assert job.every == timedelta(days=1)
    assert await ledger(shop.db, order_id) == [("charge", 3900), ("payment", -3900)]
