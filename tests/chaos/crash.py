"""The API and the worker are killed outright while buyers pay, again and again, and no cent is lost or doubled.

The whole stack runs as processes. Buyers send the same request with the same key until it is decided; the provider's
sandbox takes its time, so that whoever is killed is killed in the middle of something.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from enum import StrEnum
from itertools import count

import httpx
import msgspec

from commerce.kernel.access import Role
from commerce.kernel.db import Database
from tests.benchmarks.load import post
from tests.chaos.books import Verdict, in_doubt, judge
from tests.conftest import Json
from tests.paying import VISA
from tests.processes import Answer, Buyer, Stack, issue_keys, running_shop
from tests.shop import put_stock, rows
from tests.stories import open_lawful_shop, order
from tests.stripe_backends import buyer_confirms
from tests.waiting import a_moment, eventually

CHARGER = 3900
PLENTY = 1_000_000
BUYERS = 24
LATENCY_MS = 120
PAID_BETWEEN = (6, 24)
"""So many payments, or any number between, are made from one blow to the next; it meets the other buyers anywhere."""
BACK_S_MAX = 90
SETTLED_S_MAX = 60
AMPLE = {f"COMMERCE_STRIPE_{which}RATE": "1000" for which in ("", "ENDPOINT_", "SEARCH_")}
"""Nobody waits at the rate limit: what is killed is killed at the provider."""

Say = Callable[[str], None]
_OPEN = """
    SELECT (SELECT count(*) FROM outbox_messages WHERE relayed_at IS NULL)
         + (SELECT count(*) FROM outbox_deliveries WHERE done_at IS NULL AND dead_at IS NULL)
"""
_AGAIN = "SELECT count(*) FROM provider_calls WHERE tries > 1"
_CHARGED = """
    SELECT o.id, o.state, coalesce(sum(p.captured), 0)::bigint, coalesce(sum(p.refunded), 0)::bigint
      FROM orders o LEFT JOIN payments p ON p.order_id = o.id GROUP BY o.id ORDER BY o.id
"""


class Blow(StrEnum):
    """Who is killed."""

    API = "the API"
    API_PROCESS = "a process of the API"
    WORKER = "the worker"


class Wish(StrEnum):
    """What a buyer wants."""

    PAY = "pays"
    CANCEL = "pays and cancels"
    PAY_LATER = "is charged later"


class CrashReport(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it."""

    blows: dict[str, int]
    orders: dict[str, int]
    asked_again: dict[str, int]
    """What made buyers ask again."""
    calls_made_again: int
    """Calls to the provider that somebody died over, or whose answer was lost."""
    settled_s: float
    """From the last blow until nothing was in doubt."""
    real_s: float
    verdict: Verdict
    violations: list[str]


def run(say: Say, *, api: int, worker: int, seed: int = 0) -> CrashReport:
    """Bring up the stack, and kill its API and its worker so many times."""
    with running_shop(settings=AMPLE) as stack:
        report = asyncio.run(outlive(stack, api=api, worker=worker, seed=seed, say=say))
        stack.stop()
    return report


async def outlive(stack: Stack, *, api: int, worker: int, seed: int, say: Say = lambda _: None) -> CrashReport:
    """Kill the API and the worker so many times while buyers pay; then everything is settled, once."""
    began = time.monotonic()
    dice = random.Random(seed)  # noqa: S311 - repeatable on purpose
    blows = [Blow.API if n % 2 else Blow.API_PROCESS for n in range(api)] + [Blow.WORKER] * worker
    dice.shuffle(blows)
    db = Database(stack.state.database_url, pool_size=4)
    keys = await _open(db)
    async with httpx.AsyncClient(base_url=stack.state.stripe_url, timeout=20) as provider:
        await provider.post("/_sandbox/latency", json={"ms": LATENCY_MS})
        async with _load(stack.state.port, keys, provider, seed) as load:
            for n, blow in enumerate(blows, 1):
                say(f"blow {n} of {len(blows)}: {blow}; {len(load.done)} payments made")
                await load.go_on(dice.randint(*PAID_BETWEEN))
                await asyncio.to_thread(eventually, _strike(stack, blow), BACK_S_MAX)
            struck = time.monotonic()
            say("the last blow has fallen; buyers finish")
        settled_s = await _settle(db, struck)
        ledger = (await provider.get("/_sandbox/ledger")).json()
    verdict = await judge(db, ledger)
    [(again,)] = await rows(db, _AGAIN)
    violations = [*verdict.violations(), *await _gone_wrong(db, load.done)]
    if settled_s > SETTLED_S_MAX:
        violations.append(f"in doubt for {settled_s} s")
    await db.close()
    return CrashReport(
        blows=dict(Counter(map(str, blows))),
        orders=dict(Counter(str(wish) for wish, _ in load.done.values())),
        asked_again=dict(load.asked_again),
        calls_made_again=again,
        settled_s=settled_s,
        real_s=round(time.monotonic() - began, 1),
        verdict=verdict,
        violations=violations,
    )


def _strike(stack: Stack, blow: Blow) -> Callable[[], bool]:
    """Kill; what tells whether another one has taken the place."""
    if blow is Blow.API_PROCESS:
        return stack.kill_an_api_worker()
    return stack.kill("api" if blow is Blow.API else "worker")


class _Load:
    """Buyers who order and pay, each request with a key of its own, until they are told to stop."""

    def __init__(self, port: int, keys: Mapping[Role, str], provider: httpx.AsyncClient) -> None:
        self.done: dict[str, tuple[Wish, str]] = {}
        """What each buyer wanted, and the order that came of it, by the key of the order."""
        self.asked_again: Counter[str] = Counter()
        self.over = False
        self._more = asyncio.Condition()
        self._port = port
        self._keys = keys
        self._provider = provider

    async def go_on(self, payments: int) -> None:
        """Wait until so many more payments were made."""
        enough = len(self.done) + payments
        async with asyncio.timeout(BACK_S_MAX), self._more:
            await self._more.wait_for(lambda: len(self.done) >= enough)

    async def buy(self, who: int, dice: random.Random) -> None:
        """Order and pay, again and again."""
        buyer = Buyer(self._port, self.asked_again)
        try:
            for n in count(1):
                if self.over:
                    return
                wish = dice.choice(list(Wish))
                once = f"buyer-{who}-{n}"
                self.done[once] = (wish, await self._buy(buyer, once, wish))
                async with self._more:
                    self._more.notify_all()
        finally:
            buyer.close()

    async def _buy(self, buyer: Buyer, once: str, wish: Wish) -> str:
        body = order(("CHARGER", 1), total=CHARGER, payment="later" if wish is Wish.PAY_LATER else "now")
        placed = await self._ask(buyer, "/v1/orders", f"{once}-order", body, 201)
        path = f"/v1/orders/{placed['id']}"
        page = await self._ask(buyer, f"{path}/payments", f"{once}-pay", {}, 201)
        await self._confirm_at_provider(page["client_secret"])
        thing = (page["payment"] or page["mandate"])["id"]
        await self._ask(buyer, f"/v1/payments/{thing}/confirm", f"{once}-back", {}, 200)
        if wish is Wish.CANCEL:
            await self._ask(buyer, f"{path}/cancel", f"{once}-cancel", {"reason": "changed my mind"}, 200)
        elif wish is Wish.PAY_LATER:
            await self._ask(buyer, f"{path}/charge", f"{once}-charge", {}, 200, Role.OPERATOR)
        return str(placed["id"])

    async def _ask(
        self, buyer: Buyer, path: str, once: str, body: Json, status: int, role: Role = Role.STOREFRONT
    ) -> Json:
        answer: Answer = await buyer.insist(post(path, self._keys[role], once, msgspec.json.encode(body)))
        assert answer.status == status, (path, answer)
        return dict(msgspec.json.decode(answer.body))

    async def _confirm_at_provider(self, secret: str) -> None:
        """The buyer's browser, which nobody kills."""
        confirmed = await buyer_confirms(self._provider, secret, VISA, "pk_test_chaos")
        assert confirmed.status_code == 200, confirmed.text


@asynccontextmanager
async def _load(port: int, keys: Mapping[Role, str], provider: httpx.AsyncClient, seed: int) -> AsyncIterator[_Load]:
    load = _Load(port, keys, provider)
    async with asyncio.TaskGroup() as buyers:
        for who in range(BUYERS):
            buyers.create_task(load.buy(who, random.Random(f"{seed} {who}")))  # noqa: S311 - repeatable on purpose
        try:
            yield load
        finally:
            load.over = True


async def _open(db: Database) -> Mapping[Role, str]:
    """Open the shop, with chargers for everybody; its keys."""
    await open_lawful_shop(db)
    await put_stock(db, "CHARGER", "wh-de", PLENTY)
    return await issue_keys(db)


async def _settle(db: Database, struck: float) -> float:
    """Wait until nothing is in doubt and every reaction is done; how long that was after the last blow."""
    while await in_doubt(db) or await rows(db, _OPEN) != [(0,)]:
        if time.monotonic() - struck > 2 * SETTLED_S_MAX:
            break
        await a_moment(0.2)
    return round(time.monotonic() - struck, 1)


async def _gone_wrong(db: Database, done: Mapping[str, tuple[Wish, str]]) -> Sequence[str]:
    """One order for each buyer's key and no other, each charged once, and given back where it was cancelled."""
    wishes = {order_id: wish for wish, order_id in done.values()}
    found = {row[0]: tuple(row[1:]) for row in await rows(db, _CHARGED)}
    wrong = [f"one order for two keys: {len(done) - len(wishes)} times"] if len(wishes) != len(done) else []
    wrong += [f"nobody was told of {order_id}" for order_id in found.keys() - wishes.keys()]
    for order_id, wish in wishes.items():
        end = ("cancelled", CHARGER, CHARGER) if wish is Wish.CANCEL else ("placed", CHARGER, 0)
        if found.get(order_id) != end:
            wrong.append(f"the order of a buyer who {wish} ended as {found.get(order_id)}: {order_id}")
    return wrong
