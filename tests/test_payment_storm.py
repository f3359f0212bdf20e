"""The storm: everybody tells of the same payments at once, again and again, or not at all, and the books agree."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import text

from commerce.embedded.postgres import EmbeddedPostgres
from commerce.kernel.db import Database
from orders.payments.catch_up import catch_up
from orders.payments.ledger import Entry, enter
from orders.payments.port import SeenPayment
from tests.chaos.shop import Place
from tests.chaos.storm import storm
from tests.shop import rows
from tests.stories import ledger
from tests.stripe_backends import StripeSandbox

AT_ONCE = 8
TakeIn = Callable[[Database, str, SeenPayment], Awaitable[None]]


@pytest.fixture
def place(server: EmbeddedPostgres, template: str, stripe_sandbox: StripeSandbox) -> Place:
    """Where chaos is played, on the tests' own servers."""
    return Place(server, template, stripe_sandbox)


async def test_whoever_was_not_heard_of_is_reconciled(place: Place) -> None:
    """One hundred buyers; events come five-fold, shuffled and late, a tenth of them not at all."""
    report = await storm(place, 100, seed=3)

    assert report.violations == []
    assert (report.payments, report.captured, report.verdict.rows > report.payments // 2) == (100, report.paid, True)
    assert report.silent > 0, "somebody's news was lost, and they closed the tab"
    assert report.looks > report.payments // 2, "whoever was heard of was looked at"


async def test_without_a_reconciler_deadlines_find_whoever_was_not_heard_of(place: Place) -> None:
    report = await storm(place, 50, seed=3, reconciler=False)

    assert report.violations == []
    assert (report.payments, report.captured, report.reconciled) == (50, report.paid, 0)
    assert report.silent > 0


_last_one_in = asyncio.Barrier(AT_ONCE)


async def unguarded(db: Database, payment_id: str, seen: SeenPayment) -> None:
    """Look, and when everybody has looked, book: what the order's lock is there to prevent."""
    async with db.transaction() as tx:
        known = "SELECT captured, order_id FROM payments WHERE id = :id"
        captured, order_id = (await tx.execute(text(known), {"id": payment_id})).one()
        await _last_one_in.wait()
        more = seen.captured - captured
        await enter(tx, [Entry(order_id, "payment", -more, seen.currency, payment_id)], db.clock.now())


async def guarded(db: Database, payment_id: str, seen: SeenPayment) -> None:
    """As webhook, confirm call and reconciler do it."""
    async with db.transaction() as tx:
        await catch_up(tx, payment_id, seen, db.clock.now(), db.clock.now())


@pytest.mark.parametrize(("take_in", "booked"), [(unguarded, AT_ONCE), (guarded, 1)])
async def test_eight_tell_of_the_same_payment_at_once(place: Place, take_in: TakeIn, booked: int) -> None:
    """The unguarded ones all look before one of them books; if they cannot book it twice, we prove nothing."""
    async with place.shop() as shop:
        order_id = await shop.place(("CHARGER", 1), total=3900)
        await shop.buyer_pays(await shop.begin(order_id))
        [(payment_id, intent)] = await rows(shop.db, "SELECT id, provider_id FROM payments")
        seen = await shop.gateway.look(intent)

        await asyncio.gather(*(take_in(shop.db, payment_id, seen) for _ in range(AT_ONCE)))

        assert await ledger(shop.db, order_id) == [("charge", 3900), *[("payment", -3900)] * booked]
