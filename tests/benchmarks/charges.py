"""Ten thousand saved cards, charged as fast as the provider allows and no faster."""

import asyncio
import time
from collections.abc import Callable

import httpx
import uvloop
from sqlalchemy import text

from commerce.kernel.db import Database
from orders.payments.charge import charge_order
from tests.benchmarks import shop
from tests.benchmarks.load import drive, post
from tests.benchmarks.payments import KEY, Stack, paying_stack
from tests.waiting import soon

CHARGES = 10_000
RATE = 25
CUSTOMERS = 100
CONNECTIONS = 32

Say = Callable[[str], None]

_MANDATES = text("""
    INSERT INTO mandates (id, order_id, state, customer, method, created_at)
    SELECT 'mnd_' || substr(o.id, 5), o.id, 'active', c.customer, c.method, now()
      FROM (SELECT id, row_number() OVER (ORDER BY id) AS n FROM orders) o
      JOIN unnest(CAST(:customers AS text[]), CAST(:methods AS text[])) WITH ORDINALITY AS c (customer, method, n)
        ON c.n = o.n % CAST(:count AS int) + 1
""")
_LEFT = text("SELECT count(*) FROM payments WHERE state <> 'captured'")


def run(say: Say) -> dict[str, object]:
    """Charge them all, and tell how long it took against how long it had to take."""
    with paying_stack(rate=RATE) as stack:
        return asyncio.Runner(loop_factory=uvloop.new_event_loop).run(_measured(stack, say))


async def _measured(stack: Stack, say: Say) -> dict[str, object]:
    say(f"{CHARGES} orders with a saved card")
    await asyncio.to_thread(drive, stack.api, (_order(stack.key, n) for n in range(CHARGES)), CONNECTIONS)
    db = Database(stack.url, pool_size=10)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{stack.sandbox}", timeout=60) as provider:
        await _save_cards(db, provider)
        began = time.perf_counter()
        await _want_charges(db)
        allowed_s = CHARGES / RATE

        async def all_are_charged() -> bool:
            left = await _left(db)
            say(f"{CHARGES - left} charged in {time.perf_counter() - began:.0f} of {allowed_s:.0f} s")
            return left == 0

        await soon(all_are_charged, 2 * allowed_s, every_s=1)
        seconds = time.perf_counter() - began
        calls = (await provider.get("/_sandbox/calls")).json()
    await db.close()
    asked = sorted(call["at_s"] for call in calls if call["path"] == "/v1/payment_intents" and call["method"] == "POST")
    return {
        "charges": CHARGES,
        "seconds": round(seconds, 1),
        "allowed_s": allowed_s,
        "calls": len(asked),
        "most_in_a_second": _most_in_a_second(asked),
        "ratios": {
            "allowed_to_taken": (round(allowed_s / seconds, 3), 0.95),
            "limit_to_busiest_second": (round(RATE / _most_in_a_second(asked), 3), 1.0),
        },
    }


def _order(key: str, n: int) -> bytes:
    body = (
        f'{{"channel": "web", "lines": [{{"sku": "SKU-{n % shop.SKUS:04d}", "quantity": 1}}], "payment": "later",'
        f' "shown_total": {{"amount": {shop.PRICE}, "currency": "EUR"}}}}'
    )
    return post("/v1/orders", key, f"later-{n}", body.encode())


async def _save_cards(db: Database, provider: httpx.AsyncClient) -> None:
    """A few buyers with a saved card each at the provider, and their mandates on the orders."""
    headers = {"Authorization": f"Bearer {KEY}"}
    customers, methods = [], []
    for _ in range(CUSTOMERS):
        customer = (await provider.post("/v1/customers", headers=headers)).raise_for_status().json()["id"]
        attached = await provider.post(
            "/v1/payment_methods/pm_card_visa/attach", data={"customer": customer}, headers=headers
        )
        customers.append(customer)
        methods.append(attached.raise_for_status().json()["id"])
    async with db.transaction() as tx:
        await tx.execute(_MANDATES, {"customers": customers, "methods": methods, "count": CUSTOMERS})
        await tx.execute(text("UPDATE holds SET expires_at = NULL"))


async def _want_charges(db: Database) -> None:
    async with db.read() as tx:
        orders = list((await tx.execute(text("SELECT id FROM orders ORDER BY id"))).scalars())
    waiting = iter(orders)

    async def some() -> None:
        for order_id in waiting:
            async with db.transaction() as tx:
                await charge_order(tx, order_id, "bench", db.clock.now())

    await asyncio.gather(*(some() for _ in range(10)))


async def _left(db: Database) -> int:
    async with db.read() as tx:
        return int((await tx.execute(_LEFT)).scalar_one())


def _most_in_a_second(instants: list[float]) -> int:
    """The busiest stretch of a second, wherever it begins."""
    most, first = 0, 0
    for last, instant in enumerate(instants):
        while instant - instants[first] >= 1:
            first += 1
        most = max(most, last - first + 1)
    return most
