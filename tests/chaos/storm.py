"""The storm: many buyers at once, and news of them comes five-fold, shuffled, late, or not at all.

The provider's events race the storefront's word that its buyer is back, the worker, the reconciler, and buyers who
change their minds. In the end both ledgers say the same, and whoever's news was lost is settled all the same.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from http import HTTPStatus
from typing import NamedTuple

import msgspec

from orders.payments.reconcile import SETTLING, reconcile_between
from orders.payments.tasks import NIGHT, Caller
from tests.chaos.books import Verdict, judge
from tests.chaos.shop import Place, keep_schedule, nothing_is_left_to_settle
from tests.conftest import NOON, Json
from tests.paying import DECLINED, VISA, WANTS_BUYER, Checkout
from tests.shop import rows
from tests.waiting import a_moment

CHARGER = 3900
AT_ONCE = 12
POSTMEN, BAG = 8, 100
"""So many webhooks arrive at once, and so many are brought before the clock moves on."""
TICK = timedelta(seconds=5)
A_BUYER_EVERY = timedelta(seconds=10)
"""So the oldest are old enough for the reconciler, and for deadlines, while the youngest begin."""
LEAP_MAX = timedelta(seconds=30)
"""Nobody is to miss a deadline because the clock was set too far at once."""
SETTLED_WITHIN = timedelta(seconds=60)
RELEASED_WITHIN = timedelta(minutes=45)
"""A buyer's time to pay, the hold's grace, and the time the schedule takes."""
LOST = 0.1
"""All that is told of so many of the payments is lost, beyond the tenth of all events that is."""
MAIL: Json = {"duplicate": 5, "shuffle": True, "delay_s": [0, 30], "drop": 0.1}

_UNHEARD = """
    SELECT order_id FROM payments
     WHERE order_id = ANY(CAST(:orders AS text[])) AND state NOT IN ('captured', 'authorised', 'cancelled') ORDER BY 1
"""
_PAID = "SELECT coalesce(sum(amount), 0)::bigint FROM tenders WHERE kind = 'online' AND state = 'paid'"
_STATES = "SELECT id, state FROM orders"


class Did(StrEnum):
    """What a buyer does."""

    PAYS = "pays"
    TRIES_TWICE = "tries another card"
    ASKS_BANK = "is asked by the bank"
    RESERVES = "reserves"
    CANCELS = "cancels"
    LEAVES = "leaves"


SHARES = {Did.PAYS: 50, Did.TRIES_TWICE: 10, Did.ASKS_BANK: 5, Did.RESERVES: 10, Did.CANCELS: 15, Did.LEAVES: 10}


class Buyer(NamedTuple):
    """What one buyer will do; whether the storefront hears that they are back, and whether news of them is lost."""

    did: Did
    returns: bool
    lost: bool

    def may_end(self, *, reconciled: bool) -> set[bool]:
        """Whether their order may end as cancelled. A reservation of which nobody heard is let go at the deadline."""
        if self.did in {Did.LEAVES, Did.CANCELS}:
            return {True}
        return {True, False} if self.silent and self.did is Did.RESERVES and not reconciled else {False}

    @property
    def silent(self) -> bool:
        """Whether they pay, and nobody ever tells: only reconciler or deadline can find out."""
        return self.lost and not self.returns and self.did not in {Did.LEAVES, Did.CANCELS}


class StormReport(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a storm. Amounts are in cents."""

    payments: int
    buyers: dict[str, int]
    webhooks: int
    lost: int
    """Webhooks that never came, beyond those that the provider never sent."""
    came_back: int
    looks: int
    """How often payments were looked at: more often than there are payments, since everybody races."""
    reconciled: int
    """Payments that the reconciler settled while the storm raged, and after."""
    silent: int
    """Buyers who paid, of whom no news came, and who did not come back: only reconciler or deadline can find out."""
    minutes: int
    """How long it raged, by the clock of the shop."""
    captured: int
    paid: int
    real_s: float
    verdict: Verdict
    violations: list[str]


@dataclass(slots=True)
class _Storm:
    """A storm under way."""

    shop: Checkout
    over: bool = False
    buyers: dict[str, Buyer] = field(default_factory=dict)
    """By order."""
    mute: set[str] = field(default_factory=set)
    """Payments of which no news comes, by their ids at the provider."""
    webhooks: int = 0
    lost: int = 0
    came_back: int = 0
    reconciled: int = 0


async def storm(
    place: Place, payments: int, *, seed: int = 0, reconciler: bool = True, say: Callable[[str], None] = lambda _: None
) -> StormReport:
    """Let so many buyers loose. Without the reconciler, deadlines must find whoever was not heard of."""
    began = time.monotonic()
    async with place.shop() as shop:
        raging = _Storm(shop)
        await shop.sandbox.faults(events={**MAIL, "seed": seed}, seed=seed)
        await _rage(raging, _buyers(payments, seed), reconciler=reconciler, say=say)
        say("the storm is over; what is late arrives")
        await _pass(raging, SETTLED_WITHIN)
        minutes = round((shop.clock.now() - NOON) / timedelta(minutes=1))
        if reconciler:
            say("the reconciler looks for the last ones")
            await shop.advance(2 * SETTLING)
            await _reconcile(raging)
        say("everybody's time passes")
        left = await _unheard(raging) if reconciler else []
        await _pass(raging, RELEASED_WITHIN, timedelta(minutes=1))
        await shop.sandbox.faults()
        violations = [f"not reconciled: {order_id}" for order_id in left]
        violations += await _gone_wrong(raging, reconciled=reconciler)
        violations += await nothing_is_left_to_settle(shop)
        return await _report(raging, minutes, violations, round(time.monotonic() - began, 1))


def _buyers(payments: int, seed: int) -> list[Buyer]:
    dice = random.Random(seed)  # noqa: S311 - repeatable on purpose
    wanted = dice.choices(list(SHARES), list(SHARES.values()), k=payments)
    return [Buyer(did, dice.random() < 0.5, dice.random() < LOST) for did in wanted]


async def _rage(raging: _Storm, buyers: Sequence[Buyer], *, reconciler: bool, say: Callable[[str], None]) -> None:
    """Everybody at once, until the last buyer is through."""
    room = asyncio.Semaphore(AT_ONCE)

    async def buy(buyer: Buyer) -> None:
        async with room:
            await _buy(raging, buyer)
            say(f"{len(raging.buyers)} of {len(buyers)} buyers, {raging.webhooks} webhooks")

    async with asyncio.TaskGroup() as others:
        others.create_task(_post(raging))
        others.create_task(_work(raging))
        if reconciler:
            others.create_task(_reconcile_often(raging))
        async with asyncio.TaskGroup() as everybody:
            for buyer in buyers:
                everybody.create_task(buy(buyer))
        raging.over = True


async def _buy(raging: _Storm, buyer: Buyer) -> None:
    """One buyer, from the order on."""
    shop, did = raging.shop, buyer.did
    terms = {"payment": "on_shipment" if did is Did.RESERVES else "now"}
    order_id = await shop.place(("CHARGER", 1), total=CHARGER, **terms)
    raging.buyers[order_id] = buyer
    page = await shop.begin(order_id)
    if buyer.lost:
        raging.mute.add(page["client_secret"].partition("_secret_")[0])
    if did is Did.LEAVES:
        return
    if did is Did.TRIES_TWICE:
        await shop.buyer_pays(page, DECLINED)
    asked = await shop.buyer_pays(page, WANTS_BUYER if did is Did.ASKS_BANK else VISA)
    assert asked.status_code == 200, asked.text
    if did is Did.ASKS_BANK:
        await shop.sandbox.authenticate(asked.json()["id"])
    if buyer.returns:
        raging.came_back += 1
        twice = (shop.web.post(f"/v1/payments/{page['payment']['id']}/confirm") for _ in range(2))
        assert [answer.status_code for answer in await asyncio.gather(*twice)] == [200, 200]
    if did is Did.CANCELS:
        await _cancel(shop, order_id)


async def _cancel(shop: Checkout, order_id: str) -> None:
    """Cancel, and ask again while so much is done with the order that nobody gets at it."""
    busy = HTTPStatus.SERVICE_UNAVAILABLE
    while True:
        answer = await shop.web.post(f"/v1/orders/{order_id}/cancel", {"reason": "changed my mind"}, once=order_id)
        if answer.status_code != busy:
            break
        await a_moment()
    assert answer.status_code == HTTPStatus.OK, answer.text


async def _post(raging: _Storm) -> None:
    """Time goes by, and the post comes, many letters at once."""
    shop = raging.shop
    while not raging.over:
        late = NOON + len(raging.buyers) * A_BUYER_EVERY - shop.clock.now()
        if late > timedelta(0):
            await shop.advance(min(late, LEAP_MAX))
        if not await _deliver(raging):
            await a_moment()


async def _deliver(raging: _Storm) -> int:
    """Bring what is due, whatever its order; all that concerns some of the payments is lost."""
    events = await raging.shop.sandbox.deliver(BAG)
    arriving = [event for event in events if _about(event["body"]) not in raging.mute]
    raging.lost += len(events) - len(arriving)
    room = asyncio.Semaphore(POSTMEN)

    async def bring(event: Json) -> None:
        async with room:
            answer = await raging.shop.hear(event["body"], event["signature"])
            assert answer.status_code == 200, answer.text

    await asyncio.gather(*(bring(event) for event in arriving))
    raging.webhooks += len(arriving)
    return len(events)


def _about(body: str) -> str | None:
    """The payment that an event is about."""
    thing = msgspec.json.decode(body)["data"]["object"]
    found: str | None = thing["id"] if thing["object"] == "payment_intent" else thing.get("payment_intent")
    return found


async def _work(raging: _Storm) -> None:
    """The worker, with its schedule."""
    shop = raging.shop
    async with Caller(shop.db, shop.gateway) as caller:
        while not raging.over:
            await keep_schedule(shop)
            if not await caller.once():
                await a_moment()


async def _reconcile_often(raging: _Storm) -> None:
    while not raging.over:
        await _reconcile(raging)
        await a_moment(0.05)


async def _reconcile(raging: _Storm) -> None:
    """Lay everything side by side, from both directions."""
    shop = raging.shop
    done = await reconcile_between(shop.db, shop.gateway, NOON - NIGHT, shop.clock.now())
    raging.reconciled += done.settled


async def _pass(raging: _Storm, whole: timedelta, step: timedelta = TICK) -> None:
    """Time goes by, and the post still comes as it did."""
    end = raging.shop.clock.now() + whole
    while raging.shop.clock.now() < end:
        await raging.shop.advance(step)
        await keep_schedule(raging.shop)
        while await _deliver(raging):
            pass
        await raging.shop.work()


async def _unheard(raging: _Storm) -> list[str]:
    """Orders whose buyers have paid at the provider, and our books do not know."""
    payers = [order_id for order_id, buyer in raging.buyers.items() if buyer.did is not Did.LEAVES]
    return [row[0] for row in await rows(raging.shop.db, _UNHEARD, orders=payers)]


async def _gone_wrong(raging: _Storm, *, reconciled: bool) -> list[str]:
    """Buyers whose order did not end as it should."""
    states = dict(await rows(raging.shop.db, _STATES))
    return [
        f"the order of a buyer who {buyer.did} ended {states.get(order_id, 'nowhere')}: {order_id}"
        for order_id, buyer in raging.buyers.items()
        if (states.get(order_id) == "cancelled") not in buyer.may_end(reconciled=reconciled)
    ]


async def _report(raging: _Storm, minutes: int, violations: list[str], real_s: float) -> StormReport:
    shop = raging.shop
    ledger = await shop.sandbox.ledger()
    verdict = await judge(shop.db, ledger)
    captured = sum(row["amount"] for row in ledger if row["kind"] == "capture")
    [(paid,)] = await rows(shop.db, _PAID)
    if captured != paid:
        violations.append(f"{captured} captured, {paid} paid")
    violations += [f"never heard of: {order_id}" for order_id in await _unheard(raging)]
    calls = await shop.sandbox.calls()
    return StormReport(
        payments=len(raging.buyers),
        buyers=dict(Counter(str(buyer.did) for buyer in raging.buyers.values())),
        webhooks=raging.webhooks,
        lost=raging.lost,
        came_back=raging.came_back,
        looks=sum(call["method"] == "GET" and call["path"].startswith("/v1/payment_intents/pi_") for call in calls),
        reconciled=raging.reconciled,
        silent=sum(buyer.silent for buyer in raging.buyers.values()),
        minutes=minutes,
        captured=captured,
        paid=paid,
        real_s=real_s,
        verdict=verdict,
        violations=violations + verdict.violations(),
    )
