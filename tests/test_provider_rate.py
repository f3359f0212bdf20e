"""The gateway behind its turnstile: what the provider is asked, and how fast, whatever goes wrong."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from commerce.kernel.clock import SetClock
from commerce.kernel.db import Database
from commerce.provider.limits import WAIT_S_MAX, Limits
from commerce.provider.token_bucket import TokenBucket
from orders.payments import looks, pay
from orders.payments.calls import LEASE
from orders.payments.charge import charge_order
from orders.payments.perform import CALL_S_MAX
from orders.payments.port import InDoubt, NotNow, OpenPayment, SeenPayment
from orders.payments.rules import Capture
from orders.payments.stripe_gateway import ANSWER_S_MAX, StripeGateway
from orders.payments.tasks import Caller
from tests.conftest import NOON, problem
from tests.paid_store import HELD, paid_store
from tests.paying import Checkout, checkout, money
from tests.shop import rows
from tests.stories import plant
from tests.stripe_backends import StripeSandbox
from tests.turnstiles import MS, SECOND, SetWatch, alone, until

CARD = {"Authorization": "Bearer sk_test_stories"}
OPENINGS, LOOKS = "payment_intents", "payment_intents.read"
WAITING = """
    SELECT count(*), count(*) FILTER (WHERE sent_at IS NOT NULL) FROM provider_calls WHERE state = 'intended'
"""


@pytest.fixture
async def shop(db: Database, clock: SetClock, stripe_sandbox: StripeSandbox) -> AsyncIterator[Checkout]:
    async with paid_store(db, clock, stripe_sandbox) as made:
        yield made


async def opened(gateway: StripeGateway, number: int) -> SeenPayment | None:
    """Open a payment; None if that is not known."""
    wanted = OpenPayment(
        payment_id=f"pay_{number}", order_id="ord_1", order_number="1", amount=100, currency="EUR",
        capture=Capture.AUTOMATIC,
    )  # fmt: skip
    try:
        return await gateway.open_payment(wanted, key=f"key-{number}")
    except (InDoubt, NotNow):
        return None


@pytest.mark.parametrize("fault", ["error_before", "drop_after", "lock_timeout", "rate_limit"])
async def test_a_provider_in_trouble_is_asked_no_faster(stripe_sandbox: StripeSandbox, fault: str) -> None:
    """Whoever asks again stands in line again: its load must not double when it can bear least."""
    watch = SetWatch()
    gateway = StripeGateway("sk_test_stories", base=stripe_sandbox.url, turnstile=alone(watch))
    await stripe_sandbox.faults({"match": {"path": "/v1/*"}, "fault": fault})
    asking = [asyncio.create_task(opened(gateway, number)) for number in range(100)]
    arrived: list[int] = []
    await until(lambda: watch.waiting == 99)
    watch.advance(SECOND - 40 * MS)
    for second in range(1, 5):
        await until(lambda second=second: sum(one.done() for one in asking) == 25 * second)  # type: ignore[misc]  # bound to this turn of the loop
        arrived.append(len(await stripe_sandbox.calls()) - sum(arrived))
        watch.advance(SECOND)
    answers = await asyncio.gather(*asking)
    await gateway.close()

    assert arrived == [25, 25, 25, 25]
    assert answers == [None] * 100


@pytest.mark.parametrize("fault", ["error_before", "drop_after"])
async def test_a_long_list_does_not_begin_anew_for_one_lost_page(stripe_sandbox: StripeSandbox, fault: str) -> None:
    await stripe_sandbox.set_clock(NOON)
    gateway = StripeGateway("sk_test_stories", base=stripe_sandbox.url)
    made = [await opened(gateway, number) for number in range(101)]
    await stripe_sandbox.faults({"match": {"method": "GET", "nth": 2}, "fault": fault})
    listed = [one async for one in gateway.payments_between(NOON, NOON + timedelta(seconds=1))]
    await gateway.close()
    asked = [call["fault"] for call in await stripe_sandbox.calls() if call["method"] == "GET"]

    assert {one.provider_id for one in listed} == {one.provider_id for one in made if one}
    assert len(listed) == 101
    assert asked == [None, fault, None]


def behind(turnstile: TokenBucket, sandbox: StripeSandbox) -> StripeGateway:
    """The gateway behind a turnstile of the story's own."""
    return StripeGateway("sk_test_stories", base=sandbox.url, turnstile=turnstile)


async def full_line(endpoint: str) -> TokenBucket:
    """A turnstile with as many in this endpoint's line as may stand there, and a watch that stands still."""
    watch = SetWatch()
    turnstile = alone(watch, Limits(total=100, endpoint=25, late_ms=0))
    for _ in range(8 * 25 + 1):
        await turnstile.reserve(endpoint)
    watch.advance(10 * MS)  # Others need not wait for the first of them.
    return turnstile


async def want_charges(shop: Checkout, count: int) -> list[str]:
    """So many orders, one a millisecond, whose saved card is to be charged; the ids of the calls, in that order."""
    for _ in range(count):
        await shop.place(("CHARGER", 1), total=3900, payment="later")
    customer = (await shop.sandbox.http.post("/v1/customers", headers=CARD)).json()["id"]
    path, facts = "/v1/payment_methods/pm_card_visa/attach", {"customer": customer}
    method = (await shop.sandbox.http.post(path, data=facts, headers=CARD)).json()["id"]
    await plant(
        shop.db,
        f"""INSERT INTO mandates (id, order_id, state, customer, method, created_at)
            SELECT 'mnd_' || substr(id, 5), id, 'active', '{customer}', '{method}', placed_at FROM orders""",
        "UPDATE holds SET expires_at = NULL",
    )
    for (order_id,) in await rows(shop.db, "SELECT id FROM orders ORDER BY id"):
        shop.clock.advance(timedelta(milliseconds=1))
        async with shop.db.transaction() as tx:
            await charge_order(tx, order_id, "story", shop.clock.now())
    return [call_id for (call_id,) in await rows(shop.db, "SELECT id FROM provider_calls ORDER BY seq")]


async def test_three_hundred_charges_are_made_in_order_while_redis_is_away(shop: Checkout, url: str) -> None:
    """The worker is one of three processes, so it has a third of what is allowed; the rest waits in the database."""
    wanted = await want_charges(shop, 300)
    watch = SetWatch()
    turnstile = alone(watch, Limits(total=100, endpoint=25), processes=3)
    # None overtakes another on the one line to the database: somebody was here first, so that all have read what they
    # are about before the first of them is answered and takes that line from whoever was next.
    await turnstile.reserve(OPENINGS)
    gateway = behind(turnstile, shop.sandbox)
    asked_before = len(await shop.sandbox.calls())
    db = Database(url, clock=shop.clock, pool_size=1)
    seconds, doubts_most = 0, 0
    async with Caller(db, gateway) as caller:
        while (await rows(shop.db, WAITING))[0][0]:
            for _ in range(10):
                await caller.once()
                await until(lambda: len(caller.calls.under_way) == watch.waiting)
                watch.advance(100 * MS)
                shop.clock.advance(timedelta(milliseconds=100))
            await until(lambda: len(caller.calls.under_way) == watch.waiting)
            seconds += 1
            doubts_most = max(doubts_most, (await rows(shop.db, WAITING))[0][1])
    await gateway.close()
    await db.close()

    made = (await shop.sandbox.calls())[asked_before:]
    assert [call["key"] for call in made] == wanted
    assert money(await shop.sandbox.ledger()) == [("capture", 3900)] * 300
    assert seconds == 40, "eight in 1.04 seconds, the first of them not ours"
    assert doubts_most <= 8 * 8, "whoever stands in line; all others were never sent"
    assert await rows(shop.db, "SELECT DISTINCT tries FROM provider_calls") == [(1,)]
    assert await rows(shop.db, "SELECT count(*) FROM holds WHERE ended_at IS NULL") == [(300,)]
    await shop.settle()


async def test_a_buyer_for_whom_there_is_no_room_begins_later_and_keeps_the_goods(
    db: Database, clock: SetClock, shop: Checkout
) -> None:
    async with checkout(db, clock, shop.sandbox, behind(await full_line(OPENINGS), shop.sandbox)) as crowded:
        order_id = await crowded.place(("CHARGER", 1), total=3900)
        clock.advance(timedelta(minutes=20))
        away = await crowded.web.post(f"/v1/orders/{order_id}/payments", once="begin")
    call = await rows(db, "SELECT state, tries, sent_at, last_error FROM provider_calls")
    [(held_until,)] = await rows(db, "SELECT expires_at FROM holds WHERE ended_at IS NULL")
    await shop.work()
    again = await shop.web.post(f"/v1/orders/{order_id}/payments", once="begin")

    assert (problem(away), away.headers["Retry-After"]) == ((503, "payment_provider_away"), "5")
    assert call == [("intended", 0, None, None)]
    assert held_until == clock.now() + timedelta(minutes=40)
    assert again.status_code == 201
    assert await rows(db, HELD, id=order_id) == [(1,)]


async def test_a_look_for_which_there_is_no_room_is_taken_a_second_later(
    db: Database, clock: SetClock, shop: Checkout
) -> None:
    order_id = await shop.place(("CHARGER", 1), total=3900)
    await shop.buyer_pays(await shop.begin(order_id))
    await shop.deliver()
    async with Caller(db, behind(await full_line(LOOKS), shop.sandbox)) as caller:
        begun = [await caller.once()]
        await caller.finish()
        looks = await rows(db, "SELECT tries, next_at, last_error FROM provider_looks")
        begun.append(await caller.once())
        clock.advance(timedelta(seconds=1))
        begun.append(await caller.once())
    await shop.advance(timedelta(seconds=1))
    await shop.work()

    assert looks == [(0, clock.now() - timedelta(seconds=1), None)]
    assert begun == [True, False, True], "for a second nothing is begun"
    assert (await shop.payment(order_id))["state"] == "captured"


async def test_what_was_sent_and_broke_stays_in_doubt_where_there_is_no_room_to_look(
    db: Database, shop: Checkout
) -> None:
    """The provider broke after it had opened the payment, and its search cannot be asked now."""
    turnstile = await full_line("payment_intents.search")
    order_id = await shop.place(("CHARGER", 1), total=3900)
    await shop.sandbox.faults({"match": {"path": "/v1/payment_intents"}, "fault": "error_after"})
    async with checkout(db, shop.clock, shop.sandbox, behind(turnstile, shop.sandbox)) as crowded:
        away = await crowded.web.post(f"/v1/orders/{order_id}/payments")
    [(tries, sent_at, error)] = await rows(db, "SELECT tries, sent_at, last_error FROM provider_calls")
    await shop.sandbox.faults()

    assert problem(away) == (503, "payment_provider_away")
    assert (tries, sent_at) == (1, shop.clock.now())
    assert error.startswith("ProviderFailed(")


async def test_nobody_is_looked_for_without_end(
    db: Database, clock: SetClock, shop: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A buyer who is back and a worker's look give up as a call does, whatever it is that hangs."""
    for module in (pay, looks):
        monkeypatch.setattr(module, "CALL_S_MAX", 0.1)
    turnstile = alone(SetWatch())
    await turnstile.reserve(LOOKS)
    order_id = await shop.place(("CHARGER", 1), total=3900)
    page = await shop.begin(order_id)
    await shop.buyer_pays(page)
    await shop.deliver()
    async with checkout(db, clock, shop.sandbox, behind(turnstile, shop.sandbox)) as stuck:
        back = await stuck.web.post(f"/v1/payments/{page['payment']['id']}/confirm")
        async with Caller(db, stuck.gateway) as caller:
            await caller.once()
    put_off = await rows(db, "SELECT tries, last_error FROM provider_looks")
    await shop.advance(timedelta(minutes=1))
    await shop.work()

    assert problem(back) == (503, "payment_provider_away")
    assert put_off == [(1, "TimeoutError()")]
    assert (await shop.payment(order_id))["state"] == "captured"


def test_whoever_waits_for_the_provider_is_told_before_others_lose_patience() -> None:
    """Standing in line and hearing an answer are over before a call is given up, and that is before its lease ends.

    It is a look's lease, too; and half a minute is what proxies wait for.
    """
    assert WAIT_S_MAX + ANSWER_S_MAX < CALL_S_MAX < 30 < LEASE.total_seconds()
    assert Limits(100, 25).wait_us == WAIT_S_MAX * SECOND
