"""Parts of the running stack are killed under load, and come back: nothing acknowledged is lost, nothing is doubled.

The story's short form is in tests/test_crash.py; it calls the very functions below.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from itertools import count, pairwise, takewhile

import msgspec
from redis import Redis

from commerce.kernel.access import Role
from commerce.kernel.db import Database
from tests.benchmarks.rush import order
from tests.processes import Buyer, Stack, issue_keys, running_shop
from tests.shop import put_stock, rows
from tests.stories import every_law_holds, open_lawful_shop
from tests.waiting import eventually, soon

BUYERS = 16
PLENTY = 1_000_000
ORDERS_BETWEEN = 30
"""So many orders are acknowledged before each blow, and again after it."""

BACK_S_MAX = 60
SETTLED_S_MAX = 60
"""How long after the last blow every reaction is done, without a hand."""

Say = Callable[[str], None]
Blow = Callable[[Stack], Callable[[], bool]]


def run(say: Say) -> dict[str, object]:
    """The long form: every part is killed four times. Raises AssertionError if anything does not hold."""
    with running_shop() as stack:
        report = asyncio.run(outlive(stack, rounds=4, say=say))
        stack.stop()
    return report


async def outlive(stack: Stack, *, rounds: int, say: Say = lambda _: None) -> dict[str, object]:
    """Kill each part under load, so many times; then everything that was promised is there, once."""
    key = await _open(stack)
    outages: dict[str, list[float]] = {name: [] for name in BLOWS}
    struck = time.monotonic()
    async with _load(stack.state.port, key) as load:
        for n in range(rounds):
            for name, blow in BLOWS.items():
                say(f"round {n + 1} of {rounds}: {name}")
                await load.go_on()
                struck = time.monotonic()
                back = blow(stack)
                await asyncio.to_thread(eventually, back, BACK_S_MAX)
                await load.go_on()
                outages[name].append(round(load.longest_pause_since(struck), 2))
    settled_s = await _settle(stack, struck)
    await _check(stack, load.acknowledged)
    slowest_s, rings = await _slowest_reaction(stack)
    return {
        "orders": len(load.acknowledged),
        "longest_pause_s": outages,
        "settled_after_s": settled_s,
        "slowest_reaction_s": slowest_s,
        "rings_most": rings,
        "asked_again": load.retries,
    }


# The blows. Each gives what tells whether the part is back.


def _flush_the_queue(stack: Stack) -> Callable[[], bool]:
    with Redis.from_url(stack.state.redis_url) as redis:
        redis.flushall()
    return lambda: True


BLOWS: Mapping[str, Blow] = {
    "kill an API worker process": Stack.kill_an_api_worker,
    "kill the API": lambda stack: stack.kill("api"),
    "kill the worker": lambda stack: stack.kill("worker"),
    "flush Valkey": _flush_the_queue,
    "kill Valkey": lambda stack: stack.kill("valkey"),
    "kill PostgreSQL": lambda stack: stack.kill("postgres"),
    "kill PostgreSQL while the API starts": Stack.kill_the_database_while_the_api_starts,
}


# The load


class _Load:
    """Buyers who order one watch after the other, each with a key of its own, until they are told to stop."""

    def __init__(self, port: int, key: str) -> None:
        self.acknowledged: dict[str, bytes] = {}
        self.retries: Counter[str] = Counter()
        self._instants: list[float] = []
        self._more = asyncio.Condition()
        self._port = port
        self._key = key
        self._over = False

    async def go_on(self) -> None:
        """Wait until some more orders were acknowledged."""
        enough = len(self.acknowledged) + ORDERS_BETWEEN
        async with asyncio.timeout(BACK_S_MAX), self._more:
            await self._more.wait_for(lambda: len(self.acknowledged) >= enough)

    def longest_pause_since(self, instant: float) -> float:
        """The longest time in which nobody was told that their order stands."""
        moments = [instant, *(moment for moment in self._instants if moment > instant)]
        return max(later - sooner for sooner, later in pairwise(moments))

    def end(self) -> None:
        """Let everybody who waits for an answer get it, and nobody begin anew."""
        self._over = True

    async def buy(self, who: int) -> None:
        """Order again and again; whatever is not answered for good is asked again."""
        buyer = Buyer(self._port, self.retries)
        try:
            for n in takewhile(lambda _: not self._over, count(1)):
                once = f"buyer-{who}-{n}"
                answer = await buyer.insist(order(self._key, once, [("WATCH", 1)], buyer=f"buyer{who}@example.com"))
                assert answer.status == 201, answer
                self.acknowledged[once] = answer.body
                self._instants.append(time.monotonic())
                async with self._more:
                    self._more.notify_all()
        finally:
            buyer.close()


@asynccontextmanager
async def _load(port: int, key: str) -> AsyncIterator[_Load]:
    load = _Load(port, key)
    async with asyncio.TaskGroup() as buyers:
        for who in range(BUYERS):
            buyers.create_task(load.buy(who))
        try:
            yield load
        finally:
            load.end()


# Before and after


async def _open(stack: Stack) -> str:
    """Open the shop, with watches for everybody; the storefront's key."""
    db = Database(stack.state.database_url, pool_size=2)
    await open_lawful_shop(db)
    await put_stock(db, "WATCH", "wh-de", PLENTY)
    key = (await issue_keys(db))[Role.STOREFRONT]
    await db.close()
    return key


_OPEN = """
    SELECT (SELECT count(*) FROM outbox_messages WHERE relayed_at IS NULL),
           (SELECT count(*) FROM outbox_deliveries WHERE done_at IS NULL AND dead_at IS NULL)
"""


async def _settle(stack: Stack, struck: float) -> float:
    """Wait until every reaction is done; how long that was after the last blow."""
    db = Database(stack.state.database_url, pool_size=1)

    async def all_is_done() -> bool:
        return await rows(db, _OPEN) == [(0, 0)]

    await soon(all_is_done, SETTLED_S_MAX - (time.monotonic() - struck), every_s=0.1)
    await db.close()
    return round(time.monotonic() - struck, 1)


async def _check(stack: Stack, acknowledged: Mapping[str, bytes]) -> None:
    """What was acknowledged is there, once and as it was answered; nothing else is; each reaction was done once."""
    db = Database(stack.state.database_url, pool_size=2)
    ids = sorted(msgspec.json.decode(body)["id"] for body in acknowledged.values())
    kept = dict(await rows(db, "SELECT key, body FROM idempotency_keys"))
    assert kept.keys() ^ acknowledged.keys() == set()
    assert [key for key, body in kept.items() if acknowledged[key] != body] == []
    assert [row[0] for row in await rows(db, "SELECT id FROM orders ORDER BY id")] == ids
    for what in ("placed", "confirmation_written"):
        told = await rows(db, "SELECT order_id FROM order_timeline WHERE what = :what ORDER BY order_id", what=what)
        assert [row[0] for row in told] == ids, what
    done = "SELECT count(*), count(done_at), count(dead_at), count(DISTINCT message_id) FROM outbox_deliveries"
    assert await rows(db, done) == [(len(ids), len(ids), 0, len(ids))]
    await every_law_holds(db)
    await db.close()


async def _slowest_reaction(stack: Stack) -> tuple[float, int]:
    """How long after its event the last reaction was done, and how often the bell was rung for one at the most."""
    db = Database(stack.state.database_url, pool_size=1)
    slowest = """
        SELECT extract(epoch FROM max(d.done_at - m.told_at))::float8, max(d.rings)
          FROM outbox_deliveries d JOIN outbox_messages m ON m.id = d.message_id
    """
    [(slowest_s, rings)] = await rows(db, slowest)
    await db.close()
    return round(slowest_s, 1), rings
