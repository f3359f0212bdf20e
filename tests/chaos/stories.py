"""Every place from which the provider is asked, as a story that comes to it.

A story is a generator. Up to its first `yield` all is quiet; then faults befall the call, and each further step is what
the buyer or the shop's people do next; where it yields again, it has to wait for something, and is asked again later.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import httpx

from tests.conftest import Json
from tests.paying import VISA, Checkout
from tests.shop import rows
from tests.stories import eur, plant

CHARGER = 3900
DEPOSIT = 1000
GOODWILL = 500
AT_THE_PROVIDER = {"Authorization": "Bearer sk_test_stories"}
"""Somebody works at the provider itself, beside us."""
NO_NEWS = {"drop": 1.0}
"""The provider's webhooks do not arrive."""
OPENING = {"method": "POST", "path": "/v1/payment_intents"}

Story = AsyncIterator[str]
"""Yields the order's id."""


@dataclass(frozen=True, slots=True)
class Site:
    """A place from which the provider is asked: the call (method and path, a glob), the story, and its happy end.

    `money` is what moved in the end, in order; `ends` the states of the order's payments and mandates, sorted.
    `cases` are the kinds a person is to hear of. `meanwhile` are faults of other calls, without which this one would
    not be made; `news` is what happens to webhooks.
    """

    name: str
    method: str
    path: str
    story: Callable[[Checkout], Story]
    money: tuple[tuple[str, int], ...]
    ends: tuple[str, ...]
    cases: tuple[str, ...] = ()
    meanwhile: tuple[Json, ...] = ()
    news: Json | None = None


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


def _opening(**terms: object) -> Callable[[Checkout], Story]:
    """The buyer of an order on these terms begins to pay."""

    async def story(shop: Checkout) -> Story:
        order_id = await shop.place(("CHARGER", 1), total=CHARGER, **terms)  # type: ignore[arg-type]  # what an order may say
        yield order_id
        async for step in _pays(shop, order_id):
            yield step

    return story


async def _charge(shop: Checkout) -> Story:
    order_id = await shop.paid(("CHARGER", 1), total=CHARGER, payment="later")
    yield order_id
    await _ask(shop, order_id, "charge")


async def _charge_a_day_later(shop: Checkout) -> Story:
    """The provider was away for so long that it may have forgotten the key: it is looked for first."""
    order_id = await shop.paid(("CHARGER", 1), total=CHARGER, payment="later")
    await shop.sandbox.faults({"match": OPENING, "fault": "error_before"})
    await _ask(shop, order_id, "charge")
    await shop.work()
    await shop.advance(timedelta(hours=23))
    yield order_id


async def _doubtful_opening(shop: Checkout) -> Story:
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


async def _doubtful_charge(shop: Checkout) -> Story:
    """Nobody tells whether the charge was made. After two minutes it is looked for among the buyer's."""
    order_id = await shop.paid(("CHARGER", 1), total=CHARGER, payment="later")
    await shop.sandbox.faults({"match": OPENING, "fault": "drop_after"}, events=NO_NEWS)
    await _ask(shop, order_id, "charge")
    await shop.work()
    await shop.advance(timedelta(minutes=2))
    await _due(shop, "reconcile_doubts")
    yield order_id


async def _ship(shop: Checkout) -> Story:
    order_id = await shop.paid(("CHARGER", 2), total=2 * CHARGER, payment="on_shipment")
    yield order_id
    await _ask(shop, order_id, "ship", location="wh-de")


async def _ship_a_part(shop: Checkout) -> Story:
    order_id = await shop.paid(("CHARGER", 3), total=3 * CHARGER, payment="on_shipment")
    yield order_id
    await _ask(shop, order_id, "ship", location="wh-de", lines=[{"line": 1, "quantity": 1}])


async def _ship_the_last_part(shop: Checkout) -> Story:
    order_id = await shop.paid(("CHARGER", 3), total=3 * CHARGER, payment="on_shipment")
    await _ask(shop, order_id, "ship", location="wh-de", lines=[{"line": 1, "quantity": 1}])
    await shop.settle()
    yield order_id
    await _ask(shop, order_id, "ship", location="wh-de")


async def _cancel_reserved(shop: Checkout) -> Story:
    order_id = await shop.paid(("CHARGER", 1), total=CHARGER, payment="on_shipment")
    yield order_id
    await _ask(shop, order_id, "cancel", reason="changed my mind")


async def _cancel_unpaid(shop: Checkout) -> Story:
    order_id = await shop.place(("CHARGER", 1), total=CHARGER)
    await shop.begin(order_id)
    yield order_id
    await _ask(shop, order_id, "cancel", reason="changed my mind")


async def _cancel_paid(shop: Checkout) -> Story:
    order_id = await shop.paid(("CHARGER", 1), total=CHARGER)
    yield order_id
    await _ask(shop, order_id, "cancel", reason="changed my mind")


async def _refund(shop: Checkout) -> Story:
    order_id = await shop.paid(("CHARGER", 1), total=CHARGER)
    yield order_id
    given = await shop.refund(order_id, reason="goodwill", amount=eur(GOODWILL))
    assert given.status_code == 201, given.text


async def _news_of_a_payment(shop: Checkout) -> Story:
    order_id = await shop.place(("CHARGER", 1), total=CHARGER)
    page = await shop.begin(order_id)
    await shop.settle()
    yield order_id
    await shop.buyer_pays(page)


async def _news_of_a_mandate(shop: Checkout) -> Story:
    order_id = await shop.place(("CHARGER", 1), total=CHARGER, payment="later")
    page = await shop.begin(order_id)
    await shop.settle()
    yield order_id
    await shop.buyer_pays(page)


async def _buyer_is_back(shop: Checkout) -> Story:
    """No webhook tells; the storefront asks as often as it must."""
    await shop.sandbox.faults(events=NO_NEWS)
    order_id = await shop.place(("CHARGER", 1), total=CHARGER)
    page = await shop.begin(order_id)
    await shop.buyer_pays(page)
    yield order_id
    while not await _confirmed(shop, page["payment"]["id"]):
        yield order_id


async def _buyer_is_back_from_saving(shop: Checkout) -> Story:
    await shop.sandbox.faults(events=NO_NEWS)
    order_id = await shop.place(("CHARGER", 1), total=CHARGER, payment="later")
    page = await shop.begin(order_id)
    await shop.buyer_pays(page)
    yield order_id
    while not await _confirmed(shop, page["mandate"]["id"]):
        yield order_id


async def _dispute(shop: Checkout) -> Story:
    order_id = await shop.paid(("CHARGER", 1), total=CHARGER)
    yield order_id
    await shop.sandbox.dispute(await _at_provider(shop, order_id))


async def _refund_made_there(shop: Checkout) -> Story:
    order_id = await shop.paid(("CHARGER", 1), total=CHARGER)
    yield order_id
    await _refund_at_provider(shop, order_id)


def _a_night_after(happening: Callable[[Checkout], Story]) -> Callable[[Checkout], Story]:
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


def _broken(path: str) -> tuple[Json, ...]:
    """The provider breaks once, after it did what it was asked: then only looking tells."""
    return ({"match": {"method": "POST", "path": path, "nth": 1}, "fault": "error_after"},)


PAID = (("capture", CHARGER),)
TWO = (("capture", 2 * CHARGER),)
ON_DEPOSIT = (("capture", DEPOSIT),)
BACK = (*PAID, ("refund", -CHARGER))
SOME_BACK = (*PAID, ("refund", -GOODWILL))
PAYMENTS, PAYMENT, REFUNDS, DISPUTES = OPENING["path"], "/v1/payment_intents/pi_*", "/v1/refunds", "/v1/disputes"
SETUPS, CUSTOMERS, SEARCH = "/v1/setup_intents", "/v1/customers", "/v1/payment_intents/search"
LATER: Json = {"payment": "later"}
DEPOSIT_NOW: Json = {**LATER, "deposit": eur(DEPOSIT)}
CAPTURED, CANCELLED, SAVED, CHARGED = ("captured",), ("cancelled",), ("active",), ("active", "captured")
NO_ANSWER: tuple[Json, ...] = ({"match": OPENING, "fault": "drop_after"},)
ADOPTED, DISPUTED = ("refund_made_at_provider",), ("dispute",)

SITES: Sequence[Site] = (
    Site("open a payment", "POST", PAYMENTS, _opening(), PAID, CAPTURED),
    Site("know a depositor", "POST", CUSTOMERS, _opening(**DEPOSIT_NOW), ON_DEPOSIT, CHARGED),
    Site("open a deposit", "POST", PAYMENTS, _opening(**DEPOSIT_NOW), ON_DEPOSIT, CHARGED),
    Site("know a later payer", "POST", CUSTOMERS, _opening(**LATER), (), SAVED),
    Site("ask for a mandate", "POST", SETUPS, _opening(**LATER), (), SAVED),
    Site("charge later", "POST", PAYMENTS, _charge, PAID, CHARGED),
    Site("capture the whole", "POST", "*/capture", _ship, TWO, CAPTURED),
    Site("capture a part", "POST", "*/capture", _ship_a_part, PAID, ("authorised",)),
    Site("capture the last", "POST", "*/capture", _ship_the_last_part, (*PAID, *TWO), CAPTURED),
    Site("cancel a reservation", "POST", "*/cancel", _cancel_reserved, (), CANCELLED),
    Site("cancel what is unpaid", "POST", "*/cancel", _cancel_unpaid, (), CANCELLED),
    Site("refund a part", "POST", REFUNDS, _refund, SOME_BACK, CAPTURED),
    Site("refund the whole", "POST", REFUNDS, _cancel_paid, BACK, CAPTURED),
    Site("look at a payment", "GET", PAYMENT, _news_of_a_payment, PAID, CAPTURED),
    Site("look: a buyer is back", "GET", PAYMENT, _buyer_is_back, PAID, CAPTURED, news=NO_NEWS),
    Site("look at a mandate", "GET", SETUPS + "/*", _news_of_a_mandate, (), SAVED),
    Site("look: a card is saved", "GET", SETUPS + "/*", _buyer_is_back_from_saving, (), SAVED, news=NO_NEWS),
    Site("look at a dispute", "GET", DISPUTES + "/*", _dispute, PAID, CAPTURED, DISPUTED),
    Site("look at refunds", "GET", REFUNDS, _refund_made_there, SOME_BACK, CAPTURED, ADOPTED),
    Site("find a payment", "GET", SEARCH, _opening(), PAID, CAPTURED, meanwhile=_broken(PAYMENTS)),
    Site("find a charge", "GET", PAYMENTS, _charge, PAID, CHARGED, meanwhile=_broken(PAYMENTS)),
    Site("find a capture", "GET", PAYMENT, _ship, TWO, CAPTURED, meanwhile=_broken("*/capture")),
    Site("find a cancellation", "GET", PAYMENT, _cancel_reserved, (), CANCELLED, meanwhile=_broken("*/cancel")),
    Site("find a refund", "GET", REFUNDS, _refund, SOME_BACK, CAPTURED, meanwhile=_broken(REFUNDS)),
    Site("find before a new key", "GET", PAYMENTS, _charge_a_day_later, PAID, CHARGED),
    Site("doubt of a payment", "GET", SEARCH, _doubtful_opening, PAID, CAPTURED, meanwhile=NO_ANSWER, news=NO_NEWS),
    Site("doubt of a charge", "GET", PAYMENTS, _doubtful_charge, PAID, CHARGED, meanwhile=NO_ANSWER, news=NO_NEWS),
    Site("list payments", "GET", PAYMENTS, _a_night_after(_news_of_a_payment), PAID, CAPTURED),
    Site("list refunds", "GET", REFUNDS, _a_night_after(_refund_made_there), SOME_BACK, CAPTURED, ADOPTED),
    Site("list mandates", "GET", SETUPS, _a_night_after(_news_of_a_mandate), (), SAVED),
    Site("list disputes", "GET", DISPUTES, _a_night_after(_dispute), PAID, CAPTURED, DISPUTED),
)
