"""Cancelled meanwhile: money that is on its way when nobody wants it any more goes back, or never comes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from commerce.kernel.clock import SetClock
from commerce.kernel.db import Database
from commerce.kernel.money import Money
from orders.payments.calls import claim_calls
from orders.payments.deadlines import keep_deadlines
from orders.payments.perform import perform
from orders.payments.port import ProviderRefused, SeenPayment
from orders.payments.stripe_gateway import StripeGateway
from tests.conftest import Json, problem
from tests.paid_store import intent_of
from tests.paying import DECLINED, PUBLISHABLE, Checkout, checkout, money, whats
from tests.shop import put_stock, rows
from tests.stories import eur, every_law_holds, ledger, open_store
from tests.stripe_backends import SECRET, StripeSandbox

MINUTE = timedelta(minutes=1)
SHIP_ONE = {"location": "wh-de", "lines": [{"line": 1, "quantity": 1}]}
GONE = {"reason": "out of stock"}


class NoParts(StripeGateway):
    """Asks for cards as most shops have them: what is reserved can be taken once, and not in parts."""

    async def _ask(self, *args: Any, **params: Any) -> Any:  # noqa: ANN401 - whatever the gateway asks
        params.pop("payment_method_options", None)
        return await super()._ask(*args, **params)


@pytest.fixture
async def once_only(db: Database, clock: SetClock, stripe_sandbox: StripeSandbox) -> AsyncIterator[Checkout]:
    """A shop whose cards cannot be captured in parts."""
    async with shop_asking(db, clock, stripe_sandbox, NoParts) as made:
        yield made


@asynccontextmanager
async def shop_asking(
    db: Database, clock: SetClock, sandbox: StripeSandbox, kind: type[StripeGateway]
) -> AsyncIterator[Checkout]:
    """A shop with nine chargers that asks in this way; whatever happens, laws hold."""
    await open_store(db)
    await put_stock(db, "CHARGER", "wh-de", 9)
    gateway = kind("sk_test_stories", publishable_key=PUBLISHABLE, webhook_secrets=[SECRET], base=sandbox.url)
    async with checkout(db, clock, sandbox, gateway) as made:
        yield made
        await every_law_holds(db)


async def cancel(shop: Checkout, order_id: str) -> None:
    answer = await shop.operator.post(f"/v1/orders/{order_id}/cancel", GONE)
    assert answer.status_code == 200, answer.text


async def ship(shop: Checkout, order_id: str, what: Json) -> None:
    answer = await shop.operator.post(f"/v1/orders/{order_id}/ship", what)
    assert answer.status_code == 200, answer.text


async def test_the_rest_is_cancelled_while_the_whole_is_being_captured(once_only: Checkout) -> None:
    """One of three is sent, so the whole is taken; before the answer comes, the other two are cancelled."""
    shop = once_only
    order_id = await shop.paid(("CHARGER", 3), total=11700, payment="on_shipment")
    await ship(shop, order_id, SHIP_ONE)
    [whole] = await claim_calls(shop.db, shop.clock.now(), 9)
    await cancel(shop, order_id)
    await perform(shop.db, shop.gateway, whole)
    await shop.settle()

    assert money(await shop.sandbox.ledger()) == [("capture", 11700), ("refund", -7800)]
    assert await ledger(shop.db, order_id) == [
        ("charge", 11700),
        ("repayment", 7800),
        ("cancellation", -7800),
        ("payment", -11700),
    ]
    assert (await shop.history(order_id))["owed"] == eur(0)
    begun = await shop.web.post(f"/v1/orders/{order_id}/payments")
    assert problem(begun) == (409, "nothing_to_pay")
    handed = await shop.operator.post(f"/v1/orders/{order_id}/hand-over", {"reference": "DHL"})
    assert handed.status_code == 200, handed.text


async def test_the_rest_is_cancelled_before_the_whole_is_captured(once_only: Checkout) -> None:
    """Nobody has asked for the money yet: only what is still owed is taken, and nothing has to go back."""
    shop = once_only
    order_id = await shop.paid(("CHARGER", 3), total=11700, payment="on_shipment")
    await ship(shop, order_id, SHIP_ONE)
    await cancel(shop, order_id)
    await shop.settle()

    assert money(await shop.sandbox.ledger()) == [("capture", 3900)]
    assert await ledger(shop.db, order_id) == [("charge", 11700), ("payment", -3900), ("cancellation", -7800)]
    assert ((await shop.history(order_id))["owed"], await shop.cases()) == (eur(0), [])


async def test_the_first_shipment_takes_the_whole_where_it_can_be_taken_only_once(once_only: Checkout) -> None:
    shop = once_only
    order_id = await shop.paid(("CHARGER", 3), total=11700, payment="on_shipment")
    await ship(shop, order_id, SHIP_ONE)
    await shop.settle()
    first = money(await shop.sandbox.ledger())
    await ship(shop, order_id, {"location": "wh-de"})
    await shop.settle()

    assert first == [("capture", 11700)]
    assert money(await shop.sandbox.ledger()) == [("capture", 11700)]


class RefusesOnce(StripeGateway):
    """A provider that will not make the first capture."""

    refused = False

    async def capture(self, provider_id: str, amount: Money, *, last: bool, key: str) -> SeenPayment:
        """As always, but for the first time."""
        if not self.refused:
            self.refused = True
            raise ProviderRefused("capture_not_possible", "not now and not later")
        return await super().capture(provider_id, amount, last=last, key=key)


async def test_the_last_shipment_takes_what_the_first_could_not(
    db: Database, clock: SetClock, stripe_sandbox: StripeSandbox
) -> None:
    """With the last one all that is owed is taken, and none of it let go."""
    async with shop_asking(db, clock, stripe_sandbox, RefusesOnce) as shop:
        order_id = await shop.paid(("CHARGER", 3), total=11700, payment="on_shipment")
        await ship(shop, order_id, SHIP_ONE)
        await shop.settle()
        await ship(shop, order_id, {"location": "wh-de"})
        await shop.settle()

        assert money(await shop.sandbox.ledger()) == [("capture", 11700)]
        assert [kind for kind, _ in await shop.cases()] == ["capture_refused"]


async def test_the_rest_is_cancelled_while_it_is_captured_before_it_expires(shop: Checkout) -> None:
    order_id = await shop.paid(("CHARGER", 3), total=11700, payment="on_shipment")
    await ship(shop, order_id, SHIP_ONE)
    await shop.settle()
    [(before,)] = await rows(shop.db, "SELECT capture_before FROM payments")
    await shop.advance(before - shop.clock.now() - timedelta(hours=12))
    await keep_deadlines(shop.db, shop.clock.now())
    await cancel(shop, order_id)
    await shop.settle()

    assert sum(amount for _, amount in money(await shop.sandbox.ledger())) == 3900
    assert (await shop.history(order_id))["owed"] == eur(0)


async def test_the_rest_is_cancelled_while_the_buyer_pays_for_it(shop: Checkout) -> None:
    """The reservation was let go at the provider after a part was sent; the buyer pays as the rest is cancelled."""
    order_id = await unreserved(shop)
    await shop.buyer_pays(await shop.begin(order_id))
    await cancel(shop, order_id)
    await shop.settle()

    assert sum(amount for _, amount in money(await shop.sandbox.ledger())) == 3900
    assert (await shop.history(order_id))["owed"] == eur(0)


async def unreserved(shop: Checkout) -> str:
    """An order of three of which one was sent, and the money for the others is no longer reserved."""
    order_id = await shop.paid(("CHARGER", 3), total=11700, payment="on_shipment")
    await ship(shop, order_id, SHIP_ONE)
    await shop.settle()
    await shop.sandbox.client().v1.payment_intents.cancel_async(await intent_of(shop, order_id))
    await shop.settle()
    return order_id


async def test_who_pays_for_what_has_not_left_keeps_it(shop: Checkout) -> None:
    """Paying after a declined card, in the last minute: the goods stay until they leave, as they did before."""
    order_id = await unreserved(shop)
    page = await shop.begin(order_id)
    await shop.buyer_pays(page, "pm_card_chargeDeclined")
    await shop.settle()
    await shop.buyer_pays(page)
    await shop.settle()
    await shop.pass_time(timedelta(hours=2), timedelta(minutes=10))

    held = "SELECT units, expires_at FROM holds WHERE reference = :id AND ended_at IS NULL"
    assert await rows(shop.db, held, id=order_id) == [(2, None)]
    await ship(shop, order_id, {"location": "wh-de"})


async def test_who_never_pays_for_what_has_not_left_is_not_waited_for(shop: Checkout) -> None:
    order_id = await unreserved(shop)
    page = await shop.begin(order_id)
    await shop.pass_time(timedelta(minutes=45), timedelta(minutes=5))

    assert page["payment"]["deadline"] == "2026-11-02T12:30:00Z"
    assert (await shop.history(order_id))["order"]["state"] == "shipped"
    assert whats(await shop.history(order_id), "rest_cancelled") == ["rest_cancelled"]
    assert await rows(shop.db, "SELECT count(*)::int FROM holds WHERE ended_at IS NULL") == [(0,)]
    assert sum(amount for _, amount in money(await shop.sandbox.ledger())) == 3900


@pytest.mark.parametrize(("deposit", "moved"), [(0, []), (10000, [("capture", 10000), ("refund", -10000)])])
async def test_a_charge_that_waits_its_turn_is_not_made_for_a_cancelled_order(
    shop: Checkout, deposit: int, moved: list[tuple[str, int]]
) -> None:
    more: dict[str, Any] = {"deposit": eur(deposit)} if deposit else {}
    order_id = await shop.paid(("PHONE-WHT", 1), total=79900, payment="later", **more)
    assert (await shop.operator.post(f"/v1/orders/{order_id}/charge", {})).status_code == 200
    gone = await shop.web.post(f"/v1/orders/{order_id}/cancel", {"reason": "changed my mind"})
    await shop.settle()

    assert gone.status_code == 200, gone.text
    assert money(await shop.sandbox.ledger()) == moved
    withdrawn = "SELECT state FROM provider_calls WHERE last_error = 'withdrawn before it was sent'"
    assert await rows(shop.db, withdrawn) == [("refused",)]
    assert await shop.cases() == []


async def test_a_reservation_that_was_to_be_left_alone_is_let_go_with_its_order(shop: Checkout) -> None:
    """Time is over and the cancellation stored, unless paid; the buyer is quicker; then the order is cancelled."""
    order_id = await shop.place(("CHARGER", 1), total=3900, payment="on_shipment")
    page = await shop.begin(order_id)
    await shop.advance(30 * MINUTE)
    await keep_deadlines(shop.db, shop.clock.now())
    await shop.buyer_pays(page)
    confirmed = await shop.web.post(f"/v1/payments/{page['payment']['id']}/confirm")
    await cancel(shop, order_id)
    await shop.settle()

    assert confirmed.json()["payment"]["state"] == "authorised"
    assert (await shop.payment(order_id))["state"] == "cancelled"
    assert money(await shop.sandbox.ledger()) == []


async def test_a_reservation_found_on_a_cancelled_order_is_let_go_whenever_it_is_seen(shop: Checkout) -> None:
    """Somebody had asked to leave it alone if it was paid, and had their answer when the order was cancelled."""
    order_id = await shop.paid(("CHARGER", 1), total=3900, payment="on_shipment")
    await cancel(shop, order_id)
    async with shop.db.transaction() as tx:
        await tx.execute(text("UPDATE provider_calls SET state = 'answered' WHERE operation = 'cancel'"))
    payment_id = (await shop.payment(order_id))["id"]
    await shop.web.post(f"/v1/payments/{payment_id}/confirm")
    await shop.settle()

    assert (await shop.payment(order_id))["state"] == "cancelled"


async def test_a_card_is_not_taken_for_the_one_that_was_declined_before_it(shop: Checkout) -> None:
    """The first would have been captured in parts; the second is not, so a first parcel takes the whole at once."""
    order_id = await shop.place(("CHARGER", 3), total=11700, payment="on_shipment")
    page = await shop.begin(order_id)
    await shop.sandbox.multicapture(available=True)
    await shop.buyer_pays(page, DECLINED)
    await shop.settle()
    await shop.sandbox.multicapture(available=False)
    await shop.buyer_pays(page)
    await shop.settle()
    await ship(shop, order_id, SHIP_ONE)
    await shop.settle()

    assert money(await shop.sandbox.ledger()) == [("capture", 11700)]
    assert await rows(shop.db, "SELECT splittable, state FROM payments") == [(False, "captured")]
    assert await shop.cases() == []
