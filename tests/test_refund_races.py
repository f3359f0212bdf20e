"""Refunds at once: however many give the same money back, it goes back once. The twin shows that it might not."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from msgspec import convert
from sqlalchemy import text

from commerce.kernel.db import Session
from orders.fulfilment_schemas import RefundBody
from orders.payments.errors import RefundTooLarge
from orders.payments.open_refunds import write_refund
from orders.payments.refund import refund_order
from orders.payments.rules import RefundReason
from tests.conftest import NOON
from tests.paid_store import back, refunds, shipped
from tests.paying import Checkout, money
from tests.stories import eur


class _UndoneError(Exception):
    """The twin has shown what it would have done; nobody else need see it."""


async def promise_unguarded(tx: Session, order_id: str, everybody: asyncio.Barrier) -> int:
    """Look at what is left, then promise it: between the two, everybody else has looked as well."""
    left = "SELECT (SELECT sum(captured) FROM payments) - coalesce(sum(amount), 0) FROM refunds"
    amount = int((await tx.execute(text(left))).scalar_one())
    await everybody.wait()
    [payment] = (await tx.execute(text("SELECT id FROM payments"))).scalars()
    if amount < 3900:
        return 0
    await write_refund(tx, order_id, 3900, RefundReason.GOODWILL, NOON, payment_id=payment, actor="twin")
    return 3900


async def promise_guarded(tx: Session, order_id: str, everybody: asyncio.Barrier) -> int:
    """Everybody stands at the order's door, then promises under its lock."""
    await everybody.wait()
    try:
        await refund_order(tx, order_id, convert(back(3900), RefundBody), "operator", NOON)
    except RefundTooLarge:
        return 0
    return 3900


Promiser = Callable[[Session, str, asyncio.Barrier], Awaitable[int]]


@pytest.mark.parametrize(("promise", "promised"), [(promise_unguarded, 15600), (promise_guarded, 3900)])
async def test_four_operators_give_the_same_money_back_at_once(
    shop: Checkout, promise: Promiser, promised: int
) -> None:
    order_id = await shipped(shop, ("CHARGER", 1), total=3900)
    everybody, amounts = asyncio.Barrier(4), []

    async def operate() -> None:
        async with shop.db.transaction() as tx:
            amounts.append(await promise(tx, order_id, everybody))
            if promise is promise_unguarded:
                raise _UndoneError

    done = await asyncio.gather(*(operate() for _ in range(4)), return_exceptions=True)
    await shop.settle()

    assert [error for error in done if error and not isinstance(error, _UndoneError)] == []
    assert sum(amounts) == promised
    given = [("capture", 3900), ("refund", -3900)]
    assert money(await shop.sandbox.ledger()) == (given[:1] if promise is promise_unguarded else given)


async def shipping_unguarded(tx: Session, order_id: str, everybody: asyncio.Barrier) -> int:
    """Look at what is left of the shipping, then promise it: between the two, everybody else has looked as well."""
    left = "SELECT 490 - coalesce(sum(amount), 0) FROM refunds WHERE reason = 'shipping'"
    amount = int((await tx.execute(text(left))).scalar_one())
    await everybody.wait()
    [payment] = (await tx.execute(text("SELECT id FROM payments"))).scalars()
    await write_refund(tx, order_id, amount, RefundReason.SHIPPING, NOON, payment_id=payment, actor="twin")
    return amount


async def shipping_guarded(tx: Session, order_id: str, everybody: asyncio.Barrier) -> int:
    """Everybody stands at the order's door, then promises under its lock."""
    await everybody.wait()
    try:
        await refund_order(tx, order_id, convert(back(490, "shipping"), RefundBody), "operator", NOON)
    except RefundTooLarge:
        return 0
    return 490


@pytest.mark.parametrize(("promise", "promised"), [(shipping_unguarded, 1960), (shipping_guarded, 490)])
async def test_four_operators_give_the_shipping_back_at_once(shop: Checkout, promise: Promiser, promised: int) -> None:
    order_id = await shipped(shop, ("CHARGER", 1), total=4390, shipping=eur(490))
    everybody, amounts = asyncio.Barrier(4), []

    async def operate() -> None:
        async with shop.db.transaction() as tx:
            amounts.append(await promise(tx, order_id, everybody))
            if promise is shipping_unguarded:
                raise _UndoneError

    done = await asyncio.gather(*(operate() for _ in range(4)), return_exceptions=True)

    assert [error for error in done if error and not isinstance(error, _UndoneError)] == []
    assert sum(amounts) == promised


async def test_two_operators_refund_the_same_units_at_once_over_http(shop: Checkout) -> None:
    order_id = await shipped(shop, ("CHARGER", 3), total=11700)
    answers = await asyncio.gather(*(shop.refund(order_id, reason="line", line=1, quantity=2) for _ in range(2)))
    retried = await asyncio.gather(*(shop.refund(order_id, reason="line", line=1, quantity=1) for _ in range(3)))
    await shop.settle()

    assert sorted(answer.status_code for answer in answers) == [201, 409]
    assert sorted(answer.status_code for answer in retried) == [201, 409, 409]
    history = await shop.history(order_id)
    assert sorted(refunds(history)) == [("line", 3900, "succeeded"), ("line", 7800, "succeeded")]


async def test_a_failed_refund_is_promised_anew_once_however_many_ask_at_once(shop: Checkout) -> None:
    order_id = await shipped(shop, ("CHARGER", 1), total=3900, method="pm_card_refundFail")
    [refund] = (await shop.refund(order_id, **back(3900))).json()["refunds"]
    await shop.settle()
    await shop.advance(timedelta(seconds=61))
    await shop.settle()
    path = f"/v1/refunds/{refund['id']}/retry"
    answers = await asyncio.gather(*(shop.operator.post(path) for _ in range(4)))
    await shop.settle()

    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    assert [amount for kind, amount in money(await shop.sandbox.ledger()) if kind == "refund"] == [-3900, -3900]


async def test_a_cancellation_and_a_refund_at_once_give_back_what_came_and_no_more(shop: Checkout) -> None:
    order_id = await shop.paid(("CHARGER", 1), total=3900)
    cancelled, refunded = await asyncio.gather(
        shop.web.post(f"/v1/orders/{order_id}/cancel", {"reason": "changed my mind"}),
        shop.refund(order_id, **back(900)),
    )
    await shop.settle()

    assert cancelled.status_code == 200
    assert refunded.status_code in {201, 409}
    history = await shop.history(order_id)
    assert (history["payments"][0]["refunded"], history["owed"]) == (eur(3900), eur(0))
