"""What buyers, the shop's people and the provider's do until the provider is asked from some place.

A story is a generator. Up to its first `yield` all is quiet; then faults befall the call, and each further step is what
the buyer or the shop's people do next; where it yields again, it has to wait for something, and is asked again later.
"""

from collections.abc import Callable
from datetime import timedelta

from orders.payments.reconcile import BANKS_TAKE
from tests.chaos import acts
from tests.chaos.acts import GOODWILL, Story
from tests.conftest import Json
from tests.paying import DECLINED, Checkout
from tests.shop import rows
from tests.stories import eur

CHARGER = 3900
PENDING_REFUND = "pm_card_pendingRefund"
"""A card to which money goes back slowly."""
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

_TRIES = """
    SELECT a.state FROM payment_attempts a JOIN payments p ON p.id = a.payment_id WHERE p.order_id = :id ORDER BY 1
"""


def opening(**terms: object) -> Callable[[Checkout], Story]:
    """The buyer of an order on these terms begins to pay."""

    async def story(shop: Checkout) -> Story:
        order_id = await shop.place(("CHARGER", 1), total=CHARGER, **terms)  # type: ignore[arg-type]  # what an order may say
        yield order_id
        async for step in acts.pays(shop, order_id):
            yield step

    return story


async def opened_twice(shop: Checkout) -> Story:
    """What was just opened is not found by search yet, and is opened once more, unless there was news of it meanwhile.

    Nobody ever sees the twin.
    """
    order_id = await shop.place(("CHARGER", 1), total=CHARGER)
    yield order_id
    async for step in acts.pays(shop, order_id):
        yield step
    assert await acts.opened_for(shop, order_id) in (["requires_payment_method", "succeeded"], ["succeeded"])


async def charge(shop: Checkout) -> Story:
    order_id = await shop.paid(("CHARGER", 1), total=CHARGER, payment="later")
    yield order_id
    await acts.ask(shop, order_id, "charge")


async def charge_a_day_later(shop: Checkout) -> Story:
    """The provider was away for so long that it may have forgotten the key: it is looked for first."""
    order_id = await shop.paid(("CHARGER", 1), total=CHARGER, payment="later")
    await shop.sandbox.faults({"match": OPENING, "fault": "error_before"})
    await acts.ask(shop, order_id, "charge")
    await shop.work()
    await shop.advance(timedelta(hours=23))
    yield order_id


async def charge_a_removed_card(shop: Checkout) -> Story:
    """The provider refuses; it is asked whether the card is still there, and the buyer pays with another one."""
    order_id = await shop.paid(("CHARGER", 1), total=CHARGER, payment="later")
    [(method,)] = await rows(shop.db, "SELECT method FROM mandates WHERE order_id = :id", id=order_id)
    await shop.sandbox.http.post(f"/v1/payment_methods/{method}/detach", headers=acts.AT_THE_PROVIDER)
    yield order_id
    await acts.ask(shop, order_id, "charge")
    while (await shop.payment(order_id))["state"] == "intended":
        yield order_id
    async for step in acts.pays(shop, order_id):
        yield step


async def doubtful_opening(shop: Checkout) -> Story:
    """Nobody tells whether the payment was opened: no answer, no webhook. After two minutes it is searched."""
    await shop.sandbox.faults({"match": OPENING, "fault": "drop_after"}, events=NO_NEWS)
    order_id = await shop.place(("CHARGER", 1), total=CHARGER)
    assert await acts.page(shop, order_id) is None
    await shop.advance(timedelta(minutes=2))
    await acts.due(shop, "reconcile_doubts")
    yield order_id
    async for step in acts.pays(shop, order_id):
        yield step
    [(payment_id,)] = await rows(shop.db, "SELECT id FROM payments WHERE order_id = :id", id=order_id)
    while not await acts.confirmed(shop, payment_id):
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
        await acts.due(shop, "reconcile_doubts")
        yield order_id

    return story


async def ship(shop: Checkout) -> Story:
    order_id = await shop.paid(("CHARGER", 2), total=2 * CHARGER, payment="on_shipment")
    yield order_id
    await acts.ask(shop, order_id, "ship", location="wh-de")


async def ship_a_part(shop: Checkout) -> Story:
    order_id = await shop.paid(("CHARGER", 3), total=3 * CHARGER, payment="on_shipment")
    yield order_id
    await acts.ship_one(shop, order_id)


async def ship_the_last_part(shop: Checkout) -> Story:
    order_id = await shop.paid(("CHARGER", 3), total=3 * CHARGER, payment="on_shipment")
    await acts.ship_one(shop, order_id)
    await shop.settle()
    yield order_id
    await acts.ask(shop, order_id, "ship", location="wh-de")


async def ship_and_cancel_the_rest(shop: Checkout) -> Story:
    """The rest is cancelled before anybody knows whether the part was captured."""
    order_id = await shop.paid(("CHARGER", 3), total=3 * CHARGER, payment="on_shipment")
    yield order_id
    await acts.ship_one(shop, order_id)
    await acts.ask(shop, order_id, "cancel", reason="changed my mind")


async def cancel_the_rest(shop: Checkout) -> Story:
    order_id = await shop.paid(("CHARGER", 3), total=3 * CHARGER, payment="on_shipment")
    await acts.ship_one(shop, order_id)
    await shop.settle()
    yield order_id
    await acts.ask(shop, order_id, "cancel", reason="changed my mind")


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
    await acts.ship_one(shop, order_id)
    await acts.ship_one(shop, order_id)


async def nobody_ships(shop: Checkout) -> Story:
    """What is reserved is about to expire."""
    order_id = await shop.paid(("CHARGER", 1), total=CHARGER, payment="on_shipment")
    await shop.advance(EXPIRY)
    yield order_id


async def cancel_reserved(shop: Checkout) -> Story:
    order_id = await shop.paid(("CHARGER", 1), total=CHARGER, payment="on_shipment")
    yield order_id
    await acts.ask(shop, order_id, "cancel", reason="changed my mind")


async def cancel_unpaid(shop: Checkout) -> Story:
    order_id = await shop.place(("CHARGER", 1), total=CHARGER)
    await shop.begin(order_id)
    yield order_id
    await acts.ask(shop, order_id, "cancel", reason="changed my mind")


async def cancel_paid(shop: Checkout) -> Story:
    order_id = await shop.paid(("CHARGER", 1), total=CHARGER)
    yield order_id
    await acts.ask(shop, order_id, "cancel", reason="changed my mind")


async def refund(shop: Checkout) -> Story:
    order_id = await shop.paid(("CHARGER", 1), total=CHARGER)
    yield order_id
    given = await shop.refund(order_id, reason="goodwill", amount=eur(GOODWILL))
    assert given.status_code == 201, given.text


async def rest_stays(shop: Checkout) -> Story:
    """A part was sent, and what is reserved for the rest is about to expire."""
    order_id = await shop.paid(("CHARGER", 3), total=3 * CHARGER, payment="on_shipment")
    await acts.ship_one(shop, order_id)
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


async def news_of_two_tries(shop: Checkout) -> Story:
    """The first card is declined, and the second taken before anybody looks; both tries are to be known."""
    order_id = await shop.place(("CHARGER", 1), total=CHARGER)
    page = await shop.begin(order_id)
    await shop.settle()
    yield order_id
    assert (await shop.buyer_pays(page, DECLINED)).status_code == 402
    await shop.buyer_pays(page)
    while await rows(shop.db, _TRIES, id=order_id) != [("declined",), ("succeeded",)]:
        yield order_id


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
    while not await acts.confirmed(shop, page["payment"]["id"]):
        yield order_id


async def buyer_is_back_from_saving(shop: Checkout) -> Story:
    await shop.sandbox.faults(events=NO_NEWS)
    order_id = await shop.place(("CHARGER", 1), total=CHARGER, payment="later")
    page = await shop.begin(order_id)
    await shop.buyer_pays(page)
    yield order_id
    while not await acts.confirmed(shop, page["mandate"]["id"]):
        yield order_id


async def buyer_is_back_after_a_refund(shop: Checkout) -> Story:
    """Somebody gave money back at the provider, and the page looks before any webhook tells."""
    order_id = await shop.paid(("CHARGER", 1), total=CHARGER)
    [(payment_id,)] = await rows(shop.db, "SELECT id FROM payments WHERE order_id = :id", id=order_id)
    await shop.sandbox.faults(events=NO_NEWS)
    await acts.refund_at_provider(shop, order_id)
    yield order_id
    while not await acts.confirmed(shop, payment_id):
        yield order_id


async def dispute(shop: Checkout) -> Story:
    order_id = await shop.paid(("CHARGER", 1), total=CHARGER)
    yield order_id
    await shop.sandbox.dispute(await acts.at_provider(shop, order_id))


async def refund_made_there(shop: Checkout) -> Story:
    order_id = await shop.paid(("CHARGER", 1), total=CHARGER)
    yield order_id
    await acts.refund_at_provider(shop, order_id)


async def refund_made_there_long_after(shop: Checkout) -> Story:
    order_id = await shop.paid(("CHARGER", 1), total=CHARGER)
    await shop.advance(LONG_AGO)
    yield order_id
    await acts.refund_at_provider(shop, order_id)


async def refund_takes_long(shop: Checkout) -> Story:
    """The buyer's bank took its time, and is done."""
    order_id = await shop.paid(("CHARGER", 1), total=CHARGER, method=PENDING_REFUND)
    given = await shop.refund(order_id, reason="goodwill", amount=eur(GOODWILL))
    assert given.status_code == 201, given.text
    await shop.settle()
    yield order_id
    await shop.advance(BANKS_TAKE + LONG_AGO)


async def dispute_takes_long(shop: Checkout) -> Story:
    """The buyer's bank took its time, and took the money."""
    order_id = await shop.paid(("CHARGER", 1), total=CHARGER)
    await shop.sandbox.dispute(await acts.at_provider(shop, order_id))
    await shop.settle()
    yield order_id
    await shop.advance(LONG_AGO)
    await shop.sandbox.dispute(await acts.at_provider(shop, order_id), "lost")


def a_night_after(happening: Callable[[Checkout], Story]) -> Callable[[Checkout], Story]:
    """What happened was never told to us; the night's reconciliation finds it."""

    async def story(shop: Checkout) -> Story:
        told = happening(shop)
        order_id = await anext(told)
        await shop.sandbox.faults(events=NO_NEWS)
        assert await anext(told, None) is None
        await shop.advance(timedelta(minutes=6))
        await acts.due(shop, "reconcile_nightly")
        yield order_id

    return story
