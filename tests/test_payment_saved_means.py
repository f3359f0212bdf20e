"""Saved means: a card that was saved for later is charged when the goods are there, and asked for anew if it fails."""

import asyncio
from datetime import timedelta

from tests.conftest import Json, problem
from tests.paid_store import intent_of
from tests.paying import Checkout, money, whats
from tests.shop import rows
from tests.stories import eur

SECRET_KEY = {"Authorization": "Bearer sk_test_stories"}
HELD_UNTIL = "SELECT expires_at FROM holds WHERE reference = :id AND ended_at IS NULL"
DEPOSIT = eur(10000)


async def test_who_looks_at_the_pay_page_after_the_deposit_keeps_the_order(shop: Checkout) -> None:
    """A day later they come by once more: there is nothing to pay now, and nothing changes."""
    order_id = await shop.paid(("PHONE-WHT", 1), total=79900, payment="later", deposit=DEPOSIT)
    await shop.advance(timedelta(days=1))
    looked = await shop.web.post(f"/v1/orders/{order_id}/payments")
    await shop.pass_time(timedelta(hours=1), timedelta(minutes=10))

    assert problem(looked) == (409, "nothing_to_pay")
    assert (await shop.history(order_id))["order"]["state"] == "placed"
    assert await rows(shop.db, HELD_UNTIL, id=order_id) == [(None,)]

    assert (await shop.operator.post(f"/v1/orders/{order_id}/charge", {})).status_code == 200
    await shop.settle()
    assert money(await shop.sandbox.ledger()) == [("capture", 10000), ("capture", 69900)]
    paid = await shop.web.post(f"/v1/orders/{order_id}/payments")
    assert paid.json()["detail"] == "This order is paid."


async def removed_card(shop: Checkout) -> str:
    """An order whose saved card was removed at the provider before it was charged."""
    order_id = await shop.paid(("PHONE-WHT", 1), total=79900, payment="later", deposit=DEPOSIT)
    [(method,)] = await rows(shop.db, "SELECT method FROM mandates")
    await shop.sandbox.http.post(f"/v1/payment_methods/{method}/detach", headers=SECRET_KEY)
    assert (await shop.operator.post(f"/v1/orders/{order_id}/charge", {})).status_code == 200
    await shop.settle()
    return order_id


async def balance(shop: Checkout, order_id: str) -> Json:
    """The payment of what is owed beyond the deposit."""
    [found] = [one for one in (await shop.history(order_id))["payments"] if one["purpose"] == "balance"]
    return dict(found)


async def test_whose_card_was_removed_is_asked_for_another_one(shop: Checkout) -> None:
    """The provider will not charge it; the buyer gets a link and two days, and pays with another card."""
    order_id = await removed_card(shop)
    waiting = await balance(shop, order_id)
    [(link,)] = await rows(shop.db, "SELECT body ->> 'link' FROM outbox_messages WHERE topic = 'buyer_needed'")
    await shop.advance(timedelta(hours=40))
    await shop.keep_time()
    page = (await shop.web.get(f"/v1/payment-links/{link}")).json()
    await shop.buyer_pays(page)
    await shop.settle()

    assert (waiting["state"], waiting["amount"]) == ("waiting", eur(69900))
    assert waiting["deadline"] == "2026-11-04T12:00:00Z"
    assert whats(await shop.history(order_id), "saved_means_refused") == ["saved_means_refused"]
    assert (await balance(shop, order_id))["state"] == "captured"
    assert money(await shop.sandbox.ledger()) == [("capture", 10000), ("capture", 69900)]
    assert await shop.cases() == []


async def test_who_has_no_other_card_gets_the_deposit_back_after_two_days(shop: Checkout) -> None:
    order_id = await removed_card(shop)
    await shop.advance(timedelta(hours=48))
    await shop.pass_time(timedelta(minutes=5), timedelta(minutes=1))

    assert (await shop.history(order_id))["order"]["state"] == "cancelled"
    assert money(await shop.sandbox.ledger()) == [("capture", 10000), ("refund", -10000)]


async def test_goods_stay_when_all_the_money_for_them_went_back(shop: Checkout) -> None:
    """Somebody refunds it all at the provider: a person hears of it, and nothing leaves until they have decided."""
    order_id = await shop.paid(("CHARGER", 1), total=3900)
    facts = {"payment_intent": await intent_of(shop, order_id), "amount": "3900"}
    made = await shop.sandbox.http.post("/v1/refunds", data=facts, headers=SECRET_KEY)
    await shop.settle()
    shipped = await shop.operator.post(f"/v1/orders/{order_id}/ship", {"location": "wh-de"})
    cancelled = await shop.operator.post(f"/v1/orders/{order_id}/cancel", {"reason": "refunded at the provider"})
    await shop.settle()

    assert problem(shipped) == (409, "money_went_back")
    assert await shop.cases() == [("refund_made_at_provider", made.json()["id"])]
    assert cancelled.status_code == 200, cancelled.text
    assert money(await shop.sandbox.ledger()) == [("capture", 3900), ("refund", -3900)]


async def test_who_clicks_twice_is_told_to_wait_a_moment(shop: Checkout) -> None:
    """The second request finds the first one at the provider: it hears "in a moment", and then the same answer."""
    order_id = await shop.place(("CHARGER", 1), total=3900)
    await shop.sandbox.http.post("/_sandbox/latency", json={"ms": 300})
    first, second = await asyncio.gather(*(shop.web.post(f"/v1/orders/{order_id}/payments") for _ in range(2)))
    await shop.sandbox.http.post("/_sandbox/latency", json={"ms": 0})
    again = await shop.web.post(f"/v1/orders/{order_id}/payments")

    slower = first if first.status_code != 201 else second
    assert sorted([first.status_code, second.status_code]) == [201, 409]
    assert (problem(slower), slower.headers["retry-after"]) == ((409, "payment_being_opened"), "1")
    assert again.json()["payment"]["id"] == slower.json()["facts"]["payment"]
    assert await rows(shop.db, "SELECT count(*)::int FROM payments") == [(1,)]


async def test_who_could_not_save_a_card_for_hours_still_can(shop: Checkout) -> None:
    """The provider has too much to do from noon to three; then there is half an hour to save the card."""
    await shop.sandbox.faults({"match": {}, "fault": "rate_limit"})
    order_id = await shop.place(("PHONE-WHT", 1), total=79900, payment="later")
    assert (await shop.web.post(f"/v1/orders/{order_id}/payments")).status_code == 503
    await shop.pass_time(timedelta(hours=3), timedelta(minutes=10))
    await shop.sandbox.faults()
    await shop.pass_time(timedelta(minutes=3), timedelta(minutes=1))
    page = await shop.begin(order_id)
    await shop.advance(timedelta(minutes=20))
    await shop.keep_time()
    await shop.buyer_pays(page)
    await shop.settle()

    assert page["mandate"]["deadline"] > "2026-11-02T15:30:00Z"
    assert whats(await shop.history(order_id), "mandate_given") == ["mandate_given"]
