"""Reserved: what is owed for goods that left is taken out of what is reserved, whatever was refused before."""

import json
from dataclasses import replace
from datetime import datetime, timedelta
from fnmatch import fnmatchcase

import pytest
from aiohttp import web

from orders.payments.calls import retry_call
from tests.conftest import NOON, Json, problem
from tests.front import Front, Instead, Parcel
from tests.paid_store import back, intent_of, shipped
from tests.paying import Checkout, money, whats
from tests.shop import rows
from tests.stories import eur, ledger

ONE = {"location": "wh-de", "lines": [{"line": 1, "quantity": 1}]}
CALLS = "SELECT operation, state FROM provider_calls WHERE operation IN ('capture', 'cancel') ORDER BY seq"


@pytest.fixture
def shop(shop: Checkout, front: Front) -> Checkout:
    """The store, behind the front."""
    return replace(shop, gateway=front.gateway())


async def ship(shop: Checkout, order_id: str, what: Json | None = None) -> None:
    """A parcel leaves: one unit, or what is said."""
    answer = await shop.operator.post(f"/v1/orders/{order_id}/ship", what or ONE)
    assert answer.status_code == 200, answer.text


async def cancel(shop: Checkout, order_id: str) -> None:
    """What has not left never will."""
    answer = await shop.operator.post(f"/v1/orders/{order_id}/cancel", {"reason": "out of stock"})
    assert answer.status_code == 200, answer.text


async def reserved(shop: Checkout, order_id: str) -> tuple[str, int]:
    """The provider's word for an order's payment, and what it could still take."""
    seen = await shop.sandbox.client().v1.payment_intents.retrieve_async(await intent_of(shop, order_id))
    return seen.status, seen.amount_capturable


def declines_once(front: Front, path: str) -> Instead:
    """The first request to this path is declined, and nothing is changed; all others are passed on."""
    left = [1]

    async def answer(parcel: Parcel) -> web.Response | None:
        if not left or not fnmatchcase(parcel.path, path):
            return None
        left.pop()
        looked = await front.pass_on(parcel._replace(method="GET", path=parcel.path.rpartition("/")[0], body=b""))
        assert isinstance(looked.body, bytes)
        error = {"type": "card_error", "code": "card_declined", "payment_intent": json.loads(looked.body)}
        return web.json_response({"error": error}, status=402)

    return answer


CAPTURE, LET_GO = "/v1/payment_intents/*/capture", "/v1/payment_intents/*/cancel"


async def test_the_last_parcel_takes_what_the_first_ones_declined_capture_left(shop: Checkout, front: Front) -> None:
    """Both parcels leave before either is paid for: what is taken is decided when it is sent."""
    order_id = await shop.paid(("CHARGER", 2), total=7800, payment="on_shipment")
    await ship(shop, order_id)
    await ship(shop, order_id)
    front.instead = declines_once(front, CAPTURE)
    await shop.settle()

    history = await shop.history(order_id)
    assert (history["order"]["state"], history["owed"]) == ("shipped", eur(0))
    assert money(await shop.sandbox.ledger()) == [("capture", 7800)]
    assert await rows(shop.db, CALLS) == [("capture", "refused"), ("capture", "answered")]
    assert await shop.cases() == [("capture_refused", history["payments"][0]["id"])]


async def test_a_refused_capture_made_anew_takes_nothing_that_was_taken_meanwhile(shop: Checkout, front: Front) -> None:
    order_id = await shop.paid(("CHARGER", 2), total=7800, payment="on_shipment")
    await ship(shop, order_id)
    await ship(shop, order_id)
    front.instead = declines_once(front, CAPTURE)
    await shop.settle()
    [(case_id,), (call_id,)] = [
        *await rows(shop.db, "SELECT id FROM payment_cases"),
        *await rows(shop.db, "SELECT id FROM provider_calls WHERE state = 'refused'"),
    ]
    await shop.operator.post(f"/v1/payment-cases/{case_id}/close", {"note": "asked for it anew"})
    async with shop.db.transaction() as tx:
        assert await retry_call(tx, call_id, shop.clock.now())
    await shop.settle()

    assert money(await shop.sandbox.ledger()) == [("capture", 7800)]
    assert await rows(shop.db, CALLS) == [("cancel", "refused"), ("capture", "answered")]
    assert ((await shop.history(order_id))["owed"], await shop.cases()) == (eur(0), [])


@pytest.mark.parametrize("heard", [True, False], ids=["declined before", "declined after"])
async def test_letting_go_of_the_rest_takes_what_was_declined_for_the_parcel(
    shop: Checkout, front: Front, *, heard: bool
) -> None:
    """One of three was sent, its money is declined, and the rest is cancelled: before or after that is known."""
    order_id = await shop.paid(("CHARGER", 3), total=11700, payment="on_shipment")
    await ship(shop, order_id)
    front.instead = declines_once(front, CAPTURE)
    if heard:
        await shop.settle()
    await cancel(shop, order_id)
    await shop.settle()

    history = await shop.history(order_id)
    assert (history["order"]["state"], history["owed"]) == ("shipped", eur(0))
    assert money(await shop.sandbox.ledger()) == [("capture", 3900)]
    assert await reserved(shop, order_id) == ("succeeded", 0)


async def test_the_rest_is_let_go_where_the_parcel_was_paid_meanwhile(shop: Checkout) -> None:
    """The rest is cancelled before the money for the parcel is taken; nothing is owed when its turn comes."""
    order_id = await shop.paid(("CHARGER", 3), total=11700, payment="on_shipment")
    await ship(shop, order_id)
    await cancel(shop, order_id)
    await shop.settle()

    assert money(await shop.sandbox.ledger()) == [("capture", 3900)]
    assert await rows(shop.db, CALLS) == [("capture", "answered"), ("cancel", "answered")]
    assert (await shop.payment(order_id))["state"] == "captured"
    assert await reserved(shop, order_id) == ("succeeded", 0)
    assert await shop.cases() == []


async def test_what_nobody_owes_is_let_go_before_it_expires(shop: Checkout, front: Front) -> None:
    """The provider would not let go of the rest when it was cancelled; asked once more, it does."""
    order_id = await shop.paid(("CHARGER", 3), total=11700, payment="on_shipment")
    await ship(shop, order_id)
    await shop.settle()
    front.instead = declines_once(front, LET_GO)
    await cancel(shop, order_id)
    await shop.settle()
    stuck = await reserved(shop, order_id)
    await shop.advance(timedelta(days=6, hours=13))
    await shop.pass_time(timedelta(minutes=1), timedelta(seconds=20))

    assert stuck == ("requires_capture", 7800)
    assert money(await shop.sandbox.ledger()) == [("capture", 3900)]
    assert await ledger(shop.db, order_id) == [("charge", 11700), ("payment", -3900), ("cancellation", -7800)]
    assert await reserved(shop, order_id) == ("succeeded", 0)


async def test_a_parcel_that_was_returned_does_not_stop_the_next_one(shop: Checkout) -> None:
    """All that was taken went back, and the money for the others is still reserved."""
    order_id = await shop.paid(("CHARGER", 3), total=11700, payment="on_shipment")
    await ship(shop, order_id)
    await shop.settle()
    await shop.refund(order_id, reason="line", line=1, quantity=1)
    await shop.settle()
    await ship(shop, order_id)
    await ship(shop, order_id)
    await shop.settle()

    assert money(await shop.sandbox.ledger()) == [
        ("capture", 3900), ("refund", -3900), ("capture", 3900), ("capture", 3900),
    ]  # fmt: skip
    history = await shop.history(order_id)
    assert (history["order"]["state"], history["owed"]) == ("shipped", eur(0))


async def test_the_rest_stays_when_all_went_back_and_nothing_is_reserved(shop: Checkout) -> None:
    """Paid at once; all of it is refunded after the first parcel, and so the second stays until it is cancelled."""
    order_id = await shop.paid(("CHARGER", 2), total=7800)
    await ship(shop, order_id)
    await shop.refund(order_id, **back(7800))
    await shop.settle()
    stays = await shop.operator.post(f"/v1/orders/{order_id}/ship", ONE)
    await cancel(shop, order_id)
    await shop.settle()
    handed = await shop.operator.post(f"/v1/orders/{order_id}/hand-over", {"reference": "DHL"})

    assert problem(stays) == (409, "money_went_back")
    assert handed.status_code == 200, handed.text
    assert money(await shop.sandbox.ledger()) == [("capture", 7800), ("refund", -7800)]


async def test_what_was_refunded_after_it_left_is_handed_over_all_the_same(shop: Checkout) -> None:
    order_id = await shipped(shop, ("CHARGER", 1), total=3900)
    await shop.refund(order_id, reason="line", line=1, quantity=1)
    await shop.settle()
    handed = await shop.operator.post(f"/v1/orders/{order_id}/hand-over", {"reference": "DHL"})

    assert handed.status_code == 200, handed.text
    history = await shop.history(order_id)
    assert (history["order"]["state"], history["owed"]) == ("completed", eur(0))


# The reservation ends without us.


async def ends_at_provider(shop: Checkout, order_id: str, captured: int = 0) -> None:
    """Somebody takes a part of what is reserved at the provider itself, or nothing, and lets go of the rest."""
    intents, intent = shop.sandbox.client().v1.payment_intents, await intent_of(shop, order_id)
    if captured:
        await intents.capture_async(intent, {"amount_to_capture": captured})
    else:
        await intents.cancel_async(intent)
    await shop.settle()


async def kept(shop: Checkout, order_id: str) -> list[tuple[int, datetime | None]]:
    """How many units are kept for an order, and until when."""
    found = "SELECT units, expires_at FROM holds WHERE reference = :id AND ended_at IS NULL"
    return [(units, until) for units, until in await rows(shop.db, found, id=order_id)]


async def sent_in_part(shop: Checkout) -> str:
    """An order of three of which one was sent and paid, and the others are reserved."""
    order_id = await shop.paid(("CHARGER", 3), total=11700, payment="on_shipment")
    await ship(shop, order_id)
    await shop.settle()
    return order_id


async def test_the_rest_is_kept_for_two_days_where_its_reservation_was_let_go(shop: Checkout) -> None:
    order_id = await sent_in_part(shop)
    before = await kept(shop, order_id)
    await ends_at_provider(shop, order_id)
    after = await kept(shop, order_id)
    [case] = (await shop.operator.get("/v1/payment-cases")).json()["items"]
    await shop.pass_time(timedelta(hours=47), timedelta(hours=1))
    waited = (await shop.history(order_id))["order"]["state"]
    await shop.pass_time(timedelta(hours=2), timedelta(minutes=30))

    assert (before, after) == ([(2, None)], [(2, NOON + timedelta(hours=48))])
    assert (case["kind"], case["order"]) == ("reservation_lapsed", order_id)
    assert case["facts"] == {"reserved": 11700, "captured": 3900, "kept_until": "2026-11-04T12:00:00Z"}
    history = await shop.history(order_id)
    assert (waited, history["order"]["state"], history["owed"]) == ("part_shipped", "shipped", eur(0))
    assert (await kept(shop, order_id), money(await shop.sandbox.ledger())) == ([], [("capture", 3900)])
    assert whats(history, "reservation", "rest") == ["reservation_lapsed", "rest_cancelled"]
    [reason] = [one["facts"]["reason"] for one in history["timeline"] if one["what"] == "rest_cancelled"]
    assert reason == "not paid in time"


async def test_the_rest_that_is_paid_anew_is_kept_until_it_leaves(shop: Checkout) -> None:
    order_id = await sent_in_part(shop)
    await ends_at_provider(shop, order_id)
    await shop.advance(timedelta(hours=40))
    await shop.buyer_pays(await shop.begin(order_id))
    await shop.settle()
    await shop.pass_time(timedelta(hours=12), timedelta(hours=1))

    assert await kept(shop, order_id) == [(2, None)]
    await ship(shop, order_id, {"location": "wh-de"})
    assert ((await shop.history(order_id))["owed"], (await shop.cases())[0][0]) == (eur(0), "reservation_lapsed")
    assert money(await shop.sandbox.ledger()) == [("capture", 3900), ("capture", 7800)]


async def test_what_was_taken_in_part_before_anything_left_goes_back_with_its_order(shop: Checkout) -> None:
    order_id = await shop.paid(("CHARGER", 3), total=11700, payment="on_shipment")
    await ends_at_provider(shop, order_id, captured=3900)

    history = await shop.history(order_id)
    assert (history["order"]["state"], history["owed"], await kept(shop, order_id)) == ("cancelled", eur(0), [])
    assert money(await shop.sandbox.ledger()) == [("capture", 3900), ("refund", -3900)]
    assert await shop.cases() == []


async def test_what_was_taken_in_part_before_we_heard_that_it_was_reserved_pays_no_order(shop: Checkout) -> None:
    """Every event is late: the first look finds a payment that is over, with a third of the money."""
    order_id = await shop.place(("CHARGER", 3), total=11700, payment="on_shipment")
    await shop.buyer_pays(await shop.begin(order_id))
    await ends_at_provider(shop, order_id, captured=3900)

    assert (await shop.history(order_id))["order"]["state"] == "cancelled"
    assert money(await shop.sandbox.ledger()) == [("capture", 3900), ("refund", -3900)]


async def test_all_that_is_reserved_taken_at_the_provider_pays_the_order(shop: Checkout) -> None:
    order_id = await shop.paid(("CHARGER", 3), total=11700, payment="on_shipment")
    await ends_at_provider(shop, order_id, captured=11700)
    await ship(shop, order_id, {"location": "wh-de"})
    await shop.settle()

    assert ((await shop.history(order_id))["owed"], await shop.cases()) == (eur(0), [])
    assert money(await shop.sandbox.ledger()) == [("capture", 11700)]
