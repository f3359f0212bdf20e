"""Groups: what is decided and written for many at once comes out as if each had come alone."""

import random
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from commerce.kernel.access import Principal, Role, WrongChannel
from commerce.kernel.db import Database
from commerce.kernel.idempotency import Call, KeyReused, Replay
from commerce.kernel.refusals import NotFound
from orders.payments.begin import BeginPayment, Ready, Verdict, begin_payments
from orders.payments.catch_up import catch_up_many
from orders.payments.errors import NothingToPay
from orders.payments.looks import Looked, Wish, claim_looks, settle_looks, wish_looks
from orders.payments.outcome import Told
from orders.payments.port import SeenAttempt, SeenEvent, SeenPayment
from orders.payments.receive import Received, receive_events
from orders.payments.rules import AttemptState, PaymentState
from orders.payments.schemas import BeginPaymentBody
from tests.conftest import NOON
from tests.paying import Checkout
from tests.shop import rows
from tests.stories import ledger

PRICE = 3900
LATER = NOON + timedelta(seconds=1)
BOOKS = """
    SELECT p.state, p.captured, p.decline_code, p.deadline, p.seen_at,
           ARRAY(SELECT state || coalesce(decline_code, '') FROM payment_attempts a WHERE a.payment_id = p.id),
           ARRAY(SELECT t.kind || t.state || t.amount FROM tenders t WHERE t.order_id = p.order_id ORDER BY 1),
           ARRAY(SELECT l.kind || l.amount FROM ledger_entries l WHERE l.order_id = p.order_id ORDER BY 1),
           ARRAY(SELECT h.expires_at FROM holds h WHERE h.reference = p.order_id),
           ARRAY(SELECT t.what FROM order_timeline t WHERE t.order_id = p.order_id ORDER BY 1),
           ARRAY(SELECT m.topic FROM outbox_messages m WHERE m.body ->> 'order_id' = p.order_id ORDER BY 1),
           ARRAY(SELECT c.kind FROM payment_cases c WHERE c.order_id = p.order_id ORDER BY 1),
           ARRAY(SELECT c.operation || c.state FROM provider_calls c WHERE c.payment_id = p.id ORDER BY 1)
      FROM payments p WHERE p.id = :id
"""


async def begun(shop: Checkout) -> tuple[str, SeenPayment]:
    """A payment that its buyer could pay now: our id, and what the provider says of it."""
    page = await shop.begin(await shop.place(("CHARGER", 1), total=PRICE))
    return page["payment"]["id"], await shop.gateway.look(page["client_secret"].partition("_secret_")[0])


def tell(payment_id: str, seen: SeenPayment, what: str) -> Told:
    """One kind of news of a payment."""
    tried = SeenAttempt(f"ch_{payment_id}", AttemptState.DECLINED, "visa 0002", "card_declined")
    news: dict[str, dict[str, Any]] = {
        "paid": {"state": PaymentState.CAPTURED, "captured": PRICE},
        "reserved": {"state": PaymentState.AUTHORISED},
        "declined": {"state": PaymentState.WAITING, "decline_code": "card_declined", "attempt": tried},
        "asked": {"state": PaymentState.ACTION},
        "over": {"state": PaymentState.CANCELLED},
        "other": {"amount": PRICE + 1},
        "twin": {"provider_id": f"pi_{payment_id}"},
        "same": {},
    }
    return Told(payment_id, SeenPayment(**{**facts_of(seen), **news[what]}), LATER)


def facts_of(seen: SeenPayment) -> dict[str, Any]:
    """The fields of what was seen."""
    return {name: getattr(seen, name) for name in seen.__struct_fields__}


NEWS = ["paid", "reserved", "declined", "asked", "over", "other", "twin", "same"]


async def take(db: Database, told: Sequence[Told]) -> None:
    async with db.transaction() as tx:
        await catch_up_many(tx, told, LATER)


async def books(db: Database, payment_id: str) -> object:
    """All that is written of a payment and its order, without the ids."""
    return await rows(db, BOOKS, id=payment_id)


async def test_what_is_told_of_many_is_written_as_if_it_had_been_told_of_each(shop: Checkout) -> None:
    """Every kind of news for two payments each: for the one alone, for the other among all."""
    alone, among = [await begun(shop) for _ in NEWS], [await begun(shop) for _ in NEWS]
    group = [tell(*payment, what) for payment, what in zip(among, NEWS, strict=True)]

    for payment, what in zip(alone, NEWS, strict=True):
        await take(shop.db, [tell(*payment, what)])
    await take(shop.db, group)

    for one, other, what in zip(alone, among, NEWS, strict=True):
        assert (what, await books(shop.db, one[0])) == (what, await books(shop.db, other[0]))
    assert await ledger(shop.db, await order_of(shop.db, among[0][0])) == [("charge", PRICE), ("payment", -PRICE)]


@pytest.mark.parametrize("seed", range(8))
async def test_of_two_answers_about_one_payment_the_second_finds_what_the_first_one_left(
    shop: Checkout, seed: int
) -> None:
    """Nine answers about three payments, in whatever order: told one by one, and all in one group."""
    dice = random.Random(seed)  # noqa: S311 - it deals news, not secrets
    alone, among = [await begun(shop) for _ in range(3)], [await begun(shop) for _ in range(3)]
    answers = [(dice.randrange(3), dice.choice(NEWS)) for _ in range(9)]

    for n, what in answers:
        await take(shop.db, [tell(*alone[n], what)])
    await take(shop.db, [tell(*among[n], what) for n, what in answers])

    for one, other in zip(alone, among, strict=True):
        assert await books(shop.db, one[0]) == await books(shop.db, other[0]), answers


async def test_money_that_came_for_what_was_given_up_is_booked_and_goes_back(shop: Checkout) -> None:
    """The order is cancelled and the payment given up, when it turns out that the provider has taken the money."""
    payment_id, seen = await begun(shop)
    order_id = await order_of(shop.db, payment_id)
    assert (await shop.operator.post(f"/v1/orders/{order_id}/cancel", {"reason": "changed"})).status_code == 200
    await take(shop.db, [tell(payment_id, seen, "over")])
    await take(shop.db, [tell(payment_id, seen, "paid")])

    entered = [("charge", PRICE), ("cancellation", -PRICE), ("payment", -PRICE)]
    assert await ledger(shop.db, order_id) == entered
    assert await rows(shop.db, "SELECT amount, state FROM refunds") == [(PRICE, "intended")]


async def test_of_many_who_begin_each_hears_what_they_would_have_heard_alone(shop: Checkout) -> None:
    """Two fresh orders, one of them wanted three times, a cancelled one, one of elsewhere, and one not there."""
    fresh, wanted_often, cancelled = [await shop.place(("CHARGER", 1), total=PRICE) for _ in range(3)]
    assert (await shop.operator.post(f"/v1/orders/{cancelled}/cancel", {"reason": "changed"})).status_code == 200
    web = storefront("key_web", "web-de")
    elsewhere = storefront("key_us", "web-us")
    missing = "ord_" + "0" * 32
    wishes = [
        wish(web, fresh, "a"),
        wish(web, wanted_often, "b"),
        wish(web, wanted_often, "b"),
        wish(web, wanted_often, "c"),
        wish(web, cancelled, "d"),
        wish(elsewhere, fresh, "e"),
        wish(web, missing, "f"),
    ]

    heard = await begin_all(shop.db, wishes)

    assert [type(one) for one in heard] == [Ready, Ready, Ready, Ready, NothingToPay, WrongChannel, NotFound]
    first, second, third = (one.begun for one in heard[1:4] if isinstance(one, Ready))
    assert (first.call is not None, second.call, third.call) == (True, None, None)
    assert {first.payment_id, second.payment_id, third.payment_id} == {first.payment_id}
    assert first.call is not None
    assert (second.under_way, third.under_way) == (first.call.id, first.call.id)
    counted = "SELECT order_id, count(*)::int FROM payments GROUP BY order_id ORDER BY order_id"
    assert await rows(shop.db, counted) == sorted([(fresh, 1), (wanted_often, 1)])


async def test_a_key_that_was_answered_is_answered_in_a_group_too(shop: Checkout) -> None:
    """The answer of the first time for whoever asks the same, a no for whoever asks something else with that key."""
    paid_for, other = [await shop.place(("CHARGER", 1), total=PRICE) for _ in range(2)]
    await shop.begin(paid_for, once="seen")
    [(key,)] = await rows(shop.db, "SELECT principal FROM idempotency_keys WHERE key = 'seen'")
    web = storefront(key, "web-de")

    heard = await begin_all(shop.db, [wish(web, paid_for, "seen"), wish(web, other, "seen"), wish(web, other, "new")])

    assert [type(one) for one in heard] == [Replay, KeyReused, Ready]


def storefront(key: str, channel: str) -> Principal:
    return Principal(key, Role.STOREFRONT, "a shop", channel)


def wish(who: Principal, order_id: str, key: str) -> BeginPayment:
    """A buyer's wish to pay, as it comes over HTTP."""
    return BeginPayment(Call(who, f"POST /v1/orders/{order_id}/payments", key), BeginPaymentBody(), order_id)


async def begin_all(db: Database, wishes: Sequence[BeginPayment]) -> Sequence[Verdict]:
    async with db.transaction() as tx:
        return await begin_payments(tx, wishes, NOON)


async def test_an_event_that_comes_twice_in_one_group_counts_once(db: Database) -> None:
    """Three events about one payment, one of them twice, and one about nothing that concerns us."""
    about: list[tuple[str, str | None, str | None]] = [
        ("evt_1", "payment", "pi_1"),
        ("evt_2", "payment", "pi_1"),
        ("evt_1", "payment", "pi_1"),
    ]
    about += [("evt_3", "payment", "pi_1"), ("evt_4", None, None)]
    events = [Received(SeenEvent(event_id, "kind", thing, theirs), b"{}") for event_id, thing, theirs in about]

    async with db.transaction() as tx:
        first = await receive_events(tx, events, NOON)
    async with db.transaction() as tx:
        again = await receive_events(tx, events[:2], NOON)

    assert (first, again) == ([True, True, False, True, True], [False, False])
    assert await rows(db, "SELECT external_id FROM inbox_messages ORDER BY external_id") == [
        ("evt_1",),
        ("evt_2",),
        ("evt_3",),
        ("evt_4",),
    ]
    assert await rows(db, "SELECT about, provider_id, wanted FROM provider_looks") == [("payment", "pi_1", 3)]


async def test_looks_settled_together_leave_only_what_there_was_news_of_meanwhile(shop: Checkout) -> None:
    """Of three that were looked at, one had news since, and one is not ours and has taken money."""
    (ours, seen), (other, theirs) = await begun(shop), await begun(shop)
    stranger = tell("pay_" + "0" * 32, seen, "twin").seen
    paid = SeenPayment(**{**facts_of(stranger), "payment_id": None, "captured": PRICE, "state": PaymentState.CAPTURED})
    async with shop.db.transaction() as tx:
        await wish_looks(tx, [Wish("payment", one.provider_id) for one in (seen, theirs, paid)], NOON)
    claimed = {one.provider_id: one for one in await claim_looks(shop.db, NOON, 3)}
    async with shop.db.transaction() as tx:
        await wish_looks(tx, [Wish("payment", theirs.provider_id)], NOON)
    told = [tell(ours, seen, "paid"), tell(other, theirs, "paid"), Told(None, paid, LATER)]
    looked = [Looked(one, claimed[one.seen.provider_id]) for one in told]

    async with shop.db.transaction() as tx:
        settled = await settle_looks(tx, looked, LATER)

    assert settled == [(ours, False), (other, False), (None, False)]
    assert await rows(shop.db, "SELECT provider_id, wanted FROM provider_looks") == [(theirs.provider_id, 2)]
    assert await shop.cases() == [("payment_unknown_here", paid.provider_id)]


async def order_of(db: Database, payment_id: str) -> str:
    [(order_id,)] = await rows(db, "SELECT order_id FROM payments WHERE id = :id", id=payment_id)
    return str(order_id)
