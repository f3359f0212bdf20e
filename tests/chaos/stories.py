"""What buyers, the shop's people and the provider's do until the provider is asked from some place.

A story is a generator. Up to its first `yield` all is quiet; then faults befall the call, and each further step is what
the buyer or the shop's people do next; where it yields again, it has to wait for something, and is asked again later.
"""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import httpx

from tests.conftest import Json
from tests.paying import VISA, Checkout
from tests.shop import rows
from tests.stories import eur, plant

CHARGER = 3900
GOODWILL = 500
PENDING_REFUND = "pm_card_pendingRefund"
"""A card to which money goes back slowly."""
AT_THE_PROVIDER = {"Authorization": "Bearer sk_test_stories"}
"""Somebody works at the provider itself, beside us."""
NO_NEWS = {"drop": 1.0}
"""The provider's webhooks do not arrive."""
OPENING = {"method": "POST", "path": "/v1/payment_intents"}
CAPTURING = {"method": "POST", "path": "*/capture"}
CANCELLING = {"method": "POST", "path": "*/cancel"}
REFUNDING = {"method": "POST", "path": "/v1/refunds"}
PAY_TIME = timedelta(minutes=30)
EXPIRY = timedelta(days=6, hours=12)
"""When what is reserved is taken, before the bank lets go of it."""
LONG_AGO = timedelta(days=4)
"""Longer than a night's reconciliation looks back."""

Story = AsyncIterator[str]
"""Yields the order's id."""


async def _page(shop: Checkout, order_id: str) -> Json | None:
    """What the buyer's page gets, or None: the provider is away, and the page asks again with the same key."""
    answer = await shop.web.post(f"/v1/orders/{order_id}/payments", once=f"begin-{order_id}")
    assert answer.status_code in {201, 503}, answer.text
    return dict(answer.json()) if answer.status_code == 201 else None


async def _pays(shop: Checkout, order_id: str) -> Story:
    """The buyer opens the page as soon as there is one, and pays."""
    while (page := await _page(shop, order_id)) is None:
        yield order_id
    confirmed = await shop.buyer_pays(page, VISA)
    assert confirmed.status_code == 200, confirmed.text


def opening(**terms: object) -> Callable[[Checkout], Story]:
    """The buyer of an order on these terms begins to pay."""

    async def story(shop: Checkout) -> Story:
        order_id = await shop.place(("CHARGER", 1), total=CHARGER, **terms)  # type: ignore[arg-type]  # what an order may say
        yield order_id
        async for step in _pays(shop, order_id):
            yield step

    return story


async def charge(shop: Checkout) -> Story:
    order_id = await shop.paid(("CHARGER", 1), total=CHARGER, payment="later")
    yield order_id
    await _ask(shop, order_id, "charge")


async def charge_a_day_later(shop: Checkout) -> Story:
    """The provider was away for so long that it may have forgotten the key: it is looked for first."""
    order_id = await shop.paid(("CHARGER", 1), total=CHARGER, payment="later")
    await shop.sandbox.faults({"match": OPENING, "fault": "error_before"})
    await _ask(shop, order_id, "charge")
    await shop.work()
    await shop.advance(timedelta(hours=23))
    yield order_id


async def doubtful_opening(shop: Checkout) -> Story:
    """Nobody tells whether the payment was opened: no answer, no webhook. After two minutes it is searched."""
    await shop.sandbox.faults({"match": OPENING, "fault": "drop_after"}, events=NO_NEWS)
    order_id = await shop.place(("CHARGER", 1), total=CHARGER)
    assert await _page(shop, order_id) is None
    await shop.advance(timedelta(minutes=2))
    await _due(shop, "reconcile_doubts")
    yield order_id
    async for step in _pays(shop, order_id):
        yield step
    [(payment_id,)] = await rows(shop.db, "SELECT id FROM payments WHERE order_id = :id", id=order_id)
    while not await _confirmed(shop, payment_id):
        yield order_id


def in_doubt(happening: Callable[[Checkout], Story], call: Json) -> Callable[[Checkout], Story]:
    """Nobody tells whether what was asked for was done: no answer, no webhook. After two minutes it is looked for."""

    async def story(shop: Checkout) -> Story:
        told = happening(shop)
        order_id = await anext(told)
        await shop.sandbox.faults({"match": call, "fault": "drop_after"}, events=NO_NEWS)
        assert await anext(told, None) is None
        await shop.work()
        await shop.advance(timedelta(minutes=2))
        await _due(shop, "reconcile_doubts")
        yield order_id

    return story


async def ship(shop: Checkout) -> Story:
    order_id = await shop.paid(("CHARGER", 2), total=2 * CHARGER, payment="on_shipment")
    yield order_id
    await _ask(shop, order_id, "ship", location="wh-de")


async def ship_a_part(shop: Checkout) -> Story:
    order_id = await shop.paid(("CHARGER", 3), total=3 * CHARGER, payment="on_shipment")
    yield order_id
    await _ship_one(shop, order_id)


async def ship_the_last_part(shop: Checkout) -> Story:
    order_id = await shop.paid(("CHARGER", 3), total=3 * CHARGER, payment="on_shipment")
    await _ship_one(shop, order_id)
    await shop.settle()
    yield order_id
    await _ask(shop, order_id, "ship", location="wh-de")


async def ship_and_cancel_the_rest(shop: Checkout) -> Story:
    """The rest is cancelled before anybody knows whether the part was captured."""
    order_id = await shop.paid(("CHARGER", 3), total=3 * CHARGER, payment="on_shipment")
    yield order_id
    await _ship_one(shop, order_id)
    await _ask(shop, order_id, "cancel", reason="changed my mind")


async def cancel_the_rest(shop: Checkout) -> Story:
    order_id = await shop.paid(("CHARGER", 3), total=3 * CHARGER, payment="on_shipment")
    await _ship_one(shop, order_id)
    await shop.settle()
    yield order_id
    await _ask(shop, order_id, "cancel", reason="changed my mind")


def without_parts(happening: Callable[[Checkout], Story]) -> Callable[[Checkout], Story]:
    """The account may not capture in parts, as most may not: what is paid up to the first yield is captured at once."""

    async def story(shop: Checkout) -> Story:
        told = happening(shop)
        await shop.sandbox.multicapture(available=False)
        order_id = await anext(told)
        await shop.sandbox.multicapture(available=True)
        yield order_id
        async for step in told:
            yield step

    return story


async def ship_one_by_one(shop: Checkout) -> Story:
    """Both parts leave before the provider has answered the first capture."""
    order_id = await shop.paid(("CHARGER", 2), total=2 * CHARGER, payment="on_shipment")
    yield order_id
    await _ship_one(shop, order_id)
    await _ship_one(shop, order_id)


async def nobody_ships(shop: Checkout) -> Story:
    """What is reserved is about to expire."""
    order_id = await shop.paid(("CHARGER", 1), total=CHARGER, payment="on_shipment")
    await shop.advance(EXPIRY)
    yield order_id


async def cancel_reserved(shop: Checkout) -> Story:
    order_id = await shop.paid(("CHARGER", 1), total=CHARGER, payment="on_shipment")
    yield order_id
    await _ask(shop, order_id, "cancel", reason="changed my mind")


async def cancel_unpaid(shop: Checkout) -> Story:
    order_id = await shop.place(("CHARGER", 1), total=CHARGER)
    await shop.begin(order_id)
    yield order_id
    await _ask(shop, order_id, "cancel", reason="changed my mind")


async def cancel_paid(shop: Checkout) -> Story:
    order_id = await shop.paid(("CHARGER", 1), total=CHARGER)
    yield order_id
    await _ask(shop, order_id, "cancel", reason="changed my mind")


async def refund(shop: Checkout) -> Story:
    order_id = await shop.paid(("CHARGER", 1), total=CHARGER)
    yield order_id
    given = await shop.refund(order_id, reason="goodwill", amount=eur(GOODWILL))
    assert given.status_code == 201, given.text


async def rest_stays(shop: Checkout) -> Story:
    """A part was sent, and what is reserved for the rest is about to expire."""
    order_id = await shop.paid(("CHARGER", 3), total=3 * CHARGER, payment="on_shipment")
    await _ship_one(shop, order_id)
    await shop.settle()
    await shop.advance(EXPIRY)
    yield order_id


async def never_pays(shop: Checkout) -> Story:
    """The buyer left, and their time is over."""
    order_id = await shop.place(("CHARGER", 1), total=CHARGER)
    await shop.begin(order_id)
    await shop.settle()
    await shop.advance(PAY_TIME)
    yield order_id


async def never_saves(shop: Checkout) -> Story:
    """The buyer left without saving a card, and their time is over. It is looked at once more, and given up."""
    order_id = await shop.place(("CHARGER", 1), total=CHARGER, payment="later")
    await shop.begin(order_id)
    await shop.settle()
    await shop.advance(PAY_TIME)
    yield order_id
    while await rows(shop.db, "SELECT 1 FROM mandates WHERE order_id = :id AND state <> 'cancelled'", id=order_id):
        yield order_id


def unheard(**terms: object) -> Callable[[Checkout], Story]:
    """The buyer did what they had to and left; no webhook told, and their time is over."""

    async def story(shop: Checkout) -> Story:
        await shop.sandbox.faults(events=NO_NEWS)
        order_id = await shop.place(("CHARGER", 1), total=CHARGER, **terms)  # type: ignore[arg-type]  # as above
        await shop.buyer_pays(await shop.begin(order_id))
        await shop.advance(PAY_TIME)
        yield order_id

    return story


async def news_of_a_payment(shop: Checkout) -> Story:
    order_id = await shop.place(("CHARGER", 1), total=CHARGER)
    page = await shop.begin(order_id)
    await shop.settle()
    yield order_id
    await shop.buyer_pays(page)


async def news_of_a_mandate(shop: Checkout) -> Story:
    order_id = await shop.place(("CHARGER", 1), total=CHARGER, payment="later")
    page = await shop.begin(order_id)
    await shop.settle()
    yield order_id
    await shop.buyer_pays(page)


async def buyer_is_back(shop: Checkout) -> Story:
    """No webhook tells; the storefront asks as often as it must."""
    await shop.sandbox.faults(events=NO_NEWS)
    order_id = await shop.place(("CHARGER", 1), total=CHARGER)
    page = await shop.begin(order_id)
    await shop.buyer_pays(page)
    yield order_id
    while not await _confirmed(shop, page["payment"]["id"]):
        yield order_id


async def buyer_is_back_from_saving(shop: Checkout) -> Story:
    await shop.sandbox.faults(events=NO_NEWS)
    order_id = await shop.place(("CHARGER", 1), total=CHARGER, payment="later")
    page = await shop.begin(order_id)
    await shop.buyer_pays(page)
    yield order_id
    while not await _confirmed(shop, page["mandate"]["id"]):
        yield order_id


async def buyer_is_back_after_a_refund(shop: Checkout) -> Story:
    """Somebody gave money back at the provider, and the page looks before any webhook tells."""
    order_id = await shop.paid(("CHARGER", 1), total=CHARGER)
    [(payment_id,)] = await rows(shop.db, "SELECT id FROM payments WHERE order_id = :id", id=order_id)
    await shop.sandbox.faults(events=NO_NEWS)
    await _refund_at_provider(shop, order_id)
    yield order_id
    while not await _confirmed(shop, payment_id):
        yield order_id


async def dispute(shop: Checkout) -> Story:
    order_id = await shop.paid(("CHARGER", 1), total=CHARGER)
    yield order_id
    await shop.sandbox.dispute(await _at_provider(shop, order_id))


async def refund_made_there(shop: Checkout) -> Story:
    order_id = await shop.paid(("CHARGER", 1), total=CHARGER)
    yield order_id
    await _refund_at_provider(shop, order_id)


async def refund_made_there_long_after(shop: Checkout) -> Story:
    order_id = await shop.paid(("CHARGER", 1), total=CHARGER)
    await shop.advance(LONG_AGO)
    yield order_id
    await _refund_at_provider(shop, order_id)


async def refund_takes_long(shop: Checkout) -> Story:
    """The buyer's bank took its time, and is done."""
    order_id = await shop.paid(("CHARGER", 1), total=CHARGER, method=PENDING_REFUND)
    given = await shop.refund(order_id, reason="goodwill", amount=eur(GOODWILL))
    assert given.status_code == 201, given.text
    await shop.settle()
    yield order_id
    await shop.advance(LONG_AGO)


async def dispute_takes_long(shop: Checkout) -> Story:
    """The buyer's bank took its time, and took the money."""
    order_id = await shop.paid(("CHARGER", 1), total=CHARGER)
    await shop.sandbox.dispute(await _at_provider(shop, order_id))
    await shop.settle()
    yield order_id
    await shop.advance(LONG_AGO)
    await shop.sandbox.dispute(await _at_provider(shop, order_id), "lost")


def a_night_after(happening: Callable[[Checkout], Story]) -> Callable[[Checkout], Story]:
    """What happened was never told to us; the night's reconciliation finds it."""

    async def story(shop: Checkout) -> Story:
        told = happening(shop)
        order_id = await anext(told)
        await shop.sandbox.faults(events=NO_NEWS)
        assert await anext(told, None) is None
        await shop.advance(timedelta(minutes=6))
        await _due(shop, "reconcile_nightly")
        yield order_id

    return story


async def _confirmed(shop: Checkout, thing_id: str) -> bool:
    answer = await shop.web.post(f"/v1/payments/{thing_id}/confirm")
    assert answer.status_code in {200, 503}, answer.text
    return answer.status_code == 200


async def _ask(shop: Checkout, order_id: str, what: str, **body: object) -> None:
    answer = await shop.operator.post(f"/v1/orders/{order_id}/{what}", body)
    assert answer.status_code == 200, answer.text


async def _ship_one(shop: Checkout, order_id: str) -> None:
    await _ask(shop, order_id, "ship", location="wh-de", lines=[{"line": 1, "quantity": 1}])


async def _due(shop: Checkout, job: str) -> None:
    """The hour of a job has come."""
    await plant(shop.db, f"UPDATE schedules SET next_at = '{shop.clock.now().isoformat()}' WHERE name = '{job}'")


async def _at_provider(shop: Checkout, order_id: str) -> str:
    [(intent,)] = await rows(shop.db, "SELECT provider_id FROM payments WHERE order_id = :id", id=order_id)
    return str(intent)


async def _refund_at_provider(shop: Checkout, order_id: str) -> None:
    facts = {"payment_intent": await _at_provider(shop, order_id), "amount": str(GOODWILL)}
    made: httpx.Response = await shop.sandbox.http.post("/v1/refunds", data=facts, headers=AT_THE_PROVIDER)
    assert made.status_code == 200, made.text
