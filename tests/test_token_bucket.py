"""The rate limit before the payment provider, on a real Valkey and a watch that stands still until it is set."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from commerce.embedded.valkey import EmbeddedValkey
from commerce.kernel.refusals import Busy
from commerce.provider.limits import UNATTENDED_WAIT_S, WAIT_S_MAX, Limits
from commerce.provider.token_bucket import TokenBucket
from tests.turnstiles import EXACT, MS, NOON, PAY, REFUND, SECOND, SetWatch, busiest_second, running_valkey, until


@pytest.fixture(scope="module")
def valkey() -> Iterator[EmbeddedValkey]:
    """A Valkey for this file."""
    with running_valkey() as server:
        yield server


@pytest.fixture
def watch() -> SetWatch:
    """It is noon."""
    return SetWatch()


Open = Callable[..., TokenBucket]


@pytest.fixture
async def turnstile(valkey: EmbeddedValkey, watch: SetWatch) -> AsyncIterator[Open]:
    """Turnstiles as several processes have them, over one Valkey that knows nothing yet."""
    lines: list[Redis] = []

    def opened(limits: Limits = EXACT, processes: int = 1) -> TokenBucket:
        lines.append(Redis.from_url(valkey.url))
        return TokenBucket(lines[-1], limits, processes=processes, watch=watch)

    async with Redis.from_url(valkey.url) as redis:
        await redis.flushall()
    yield opened
    for line in lines:
        await line.aclose()


async def slots(turnstile: TokenBucket, count: int, endpoint: str = PAY) -> list[int]:
    """When so many calls may go, in microseconds after noon."""
    return [await turnstile.reserve(endpoint) - NOON for _ in range(count)]


# Slots


async def test_a_hundred_who_ask_together_leave_forty_milliseconds_apart(turnstile: Open) -> None:
    assert await slots(turnstile(), 100) == [number * 40 * MS for number in range(100)]


async def test_slots_leave_room_for_calls_that_leave_late(turnstile: Open) -> None:
    found = await slots(turnstile(Limits(total=100, endpoint=25)), 100)

    first = -NOON % 10_400
    assert found == [first + number * 41_600 for number in range(100)], "from the next cell on"
    assert busiest_second([slot + (40 * MS if number < 30 else 0) for number, slot in enumerate(found)]) == 25


@pytest.mark.parametrize(("total", "late"), [(25, 0), (25, 40 * MS), (100, 30 * MS), (100, 40 * MS)])
async def test_whoever_asks_at_the_worst_moment_crowds_no_second(
    turnstile: Open, watch: SetWatch, total: int, late: int
) -> None:
    """One call comes at the end of a cell, all others right behind it; each leaves in time, or as late as it may."""
    ours, cell = turnstile(Limits(total=total, endpoint=25)), 1_040 * MS // total
    watch.advance(-NOON % cell + cell - 1)
    found = await slots(ours, 1, "GET /v1/first")
    watch.advance(1)
    for number in range(2 * total):
        found += await slots(ours, 1, f"GET /v1/{number}")

    assert busiest_second(found, late) <= total
    assert busiest_second(found, 40 * MS) == total


async def test_a_line_whose_calls_are_no_whole_number_of_cells_apart_has_all_it_may(turnstile: Open) -> None:
    found = await slots(turnstile(Limits(total=25, endpoint=20, late_ms=0, wait_s=600)), 1_000)

    assert found[:7] == [number * MS for number in (0, 80, 120, 160, 200, 280, 320)]
    assert found[-1] == 49_960 * MS
    assert busiest_second(found) == 20


async def test_ten_thousand_charges_take_as_long_as_they_must(turnstile: Open) -> None:
    found = await slots(turnstile(Limits(total=100, endpoint=25, wait_s=600)), 10_000)

    assert found == sorted(found)
    assert found[-1] - found[0] == 9_999 * 41_600
    assert 400 * SECOND <= found[-1] <= 400 * SECOND * 1.05
    assert busiest_second(found, late=40 * MS) == 25


async def test_an_endpoint_may_have_a_limit_of_its_own(turnstile: Open) -> None:
    ours = turnstile(replace(EXACT, of={"search": 20}))

    assert await slots(ours, 40, "search") == [number * 50 * MS for number in range(40)]
    assert await slots(ours, 3) == [10 * MS, 60 * MS, 110 * MS], "each behind one of those"


async def test_a_long_queue_leaves_the_others_their_slots(turnstile: Open, watch: SetWatch) -> None:
    ours = turnstile()
    charges = await slots(ours, 1_000)
    refunds = await slots(ours, 50, REFUND)
    watch.advance(5 * SECOND)
    later = await slots(ours, 1, "GET /v1/events")

    assert charges[-1] == 999 * 40 * MS
    assert refunds == [10 * MS + number * 40 * MS for number in range(50)]
    assert later == [5 * SECOND + 10 * MS], "behind the charge of that instant"


async def test_all_endpoints_together_stay_within_the_limit_in_all(turnstile: Open) -> None:
    ours = turnstile()
    found: list[int] = []
    for _ in range(100):
        for number in range(8):
            found += await slots(ours, 1, f"GET /v1/{number}")

    assert busiest_second(found) == 100
    assert max(found) == 799 * 10 * MS


async def test_two_processes_stand_in_one_line(turnstile: Open) -> None:
    one, other = turnstile(), turnstile()

    found = [slot for _ in range(20) for each in (one, other) for slot in await slots(each, 1)]

    assert found == [number * 40 * MS for number in range(40)]


async def test_who_comes_when_nobody_waits_goes_at_once(turnstile: Open, watch: SetWatch) -> None:
    ours = turnstile()
    first = await slots(ours, 2)
    watch.advance(3 * SECOND)

    assert first == [0, 40 * MS]
    assert await slots(ours, 1) == [3 * SECOND]


async def test_nobody_waits_longer_than_the_longest_wait(turnstile: Open, watch: SetWatch) -> None:
    ours = turnstile(Limits(total=100, endpoint=25, late_ms=0, wait_s=1))
    found = await slots(ours, 26)
    for _ in range(3):
        with pytest.raises(Busy):
            await ours.reserve(PAY)
    watch.advance(40 * MS)

    assert found[-1] == SECOND
    assert await slots(ours, 1) == [SECOND + 40 * MS], "who was refused has taken nothing"


async def test_with_every_cell_taken_the_wait_is_bounded_too(turnstile: Open) -> None:
    ours = turnstile(Limits(total=10, endpoint=10, late_ms=0, wait_s=1))
    await slots(ours, 11)

    with pytest.raises(Busy):
        await ours.reserve(REFUND)


async def test_time_is_redis_own_where_none_is_handed_in(turnstile: Open, valkey: EmbeddedValkey) -> None:
    del turnstile  # it has emptied the server
    ours, theirs = (TokenBucket.at(valkey.url, EXACT, processes=2) for _ in range(2))
    found = []
    try:
        async with Redis.from_url(valkey.url) as redis:
            for each in (ours, theirs) * 50:
                await each.reserve(PAY)
                found.append(int(await redis.get(f"commerce:{{stripe}}:free:{PAY}") or 0) - 40 * MS)
            seconds, _ = await redis.time()
    finally:
        await ours.close()
        await theirs.close()

    assert [later - earlier for earlier, later in pairwise(found)] == [40 * MS] * 99
    assert abs(found[0] // SECOND - seconds) < 60


async def test_every_key_ends_by_itself(turnstile: Open, valkey: EmbeddedValkey) -> None:
    ours = turnstile()
    await slots(ours, 2_000)
    await slots(ours, 10, REFUND)

    async with Redis.from_url(valkey.url) as redis:
        keys = sorted([key.decode() async for key in redis.scan_iter()])
        lives = [await redis.pttl(key) for key in keys]

    # A page of the calendar has 4,096 cells of 10 ms: eighty seconds of charges touch three of them.
    pages = [f"commerce:{{stripe}}:calendar:10000:{NOON // 40_960_000 + number}" for number in range(3)]
    assert keys == [*pages, f"commerce:{{stripe}}:free:{PAY}", f"commerce:{{stripe}}:free:{REFUND}"]
    assert 0 < min(lives) <= max(lives) <= 3 * 40_960 + 1_000


# Waiting


async def test_behind_a_big_batch_a_buyer_stands_two_seconds(turnstile: Open, watch: SetWatch) -> None:
    """Four workers want to make as many calls as each can; what finds no place within two seconds is handed back."""
    workers = [turnstile(replace(EXACT, wait_s=UNATTENDED_WAIT_S)) for _ in range(4)]
    buyers = turnstile(replace(EXACT, wait_s=WAIT_S_MAX))

    async def batch() -> list[int]:
        """What the workers get of what they want."""
        found = []
        for worker in workers * 48:
            with suppress(Busy):
                found += await slots(worker, 1)
        return found

    first = await batch()
    rush = await slots(buyers, 120)
    with pytest.raises(Busy):
        await slots(buyers, 31)
    none = await batch()
    watch.advance(7 * SECOND)
    then = await batch()

    assert first == [number * 40 * MS for number in range(51)], "two seconds of them"
    assert rush == [2_040 * MS + number * 40 * MS for number in range(120)], "each in turn"
    assert none == [], "while buyers stand in line, nobody else joins it"
    assert then == [8_040 * MS + number * 40 * MS for number in range(25)], "behind the last buyer"


async def test_who_waits_goes_when_it_is_time_in_the_order_of_asking(turnstile: Open, watch: SetWatch) -> None:
    ours, gone = turnstile(), []

    async def call(number: int) -> None:
        await ours.pass_through(PAY)
        gone.append(number)

    calls = [asyncio.create_task(call(number)) for number in range(5)]
    await until(lambda: watch.waiting == 4)
    assert gone == [0]
    watch.advance(80 * MS)
    await until(lambda: len(gone) == 3)
    assert watch.waiting == 2
    watch.advance(80 * MS)
    await asyncio.gather(*calls)

    assert gone == [0, 1, 2, 3, 4]


async def test_who_is_cancelled_leaves_a_slot_that_nobody_uses(turnstile: Open, watch: SetWatch) -> None:
    ours = turnstile()
    await slots(ours, 10)
    given_up = asyncio.create_task(ours.pass_through(PAY))
    await until(lambda: watch.waiting == 1)
    given_up.cancel()
    await asyncio.wait([given_up])

    assert given_up.cancelled()
    assert await slots(ours, 1) == [11 * 40 * MS]


# Redis comes and goes


async def test_a_flush_lets_nobody_overtake(turnstile: Open, valkey: EmbeddedValkey) -> None:
    ours = turnstile()
    before = await slots(ours, 50)
    async with Redis.from_url(valkey.url) as redis:
        await redis.flushall()
    after = await slots(ours, 50)

    assert before + after == [number * 40 * MS for number in range(100)]


async def test_without_redis_each_process_goes_on_with_its_share(
    turnstile: Open, valkey: EmbeddedValkey, watch: SetWatch
) -> None:
    ours, theirs = turnstile(processes=5), turnstile(processes=5)
    with capture_logs() as logs:
        shared = await slots(ours, 2) + await slots(theirs, 1)
        os.kill(valkey.pid, signal.SIGKILL)
        valkey.sweep()
        mine, his = await slots(ours, 4), await slots(theirs, 4)
        valkey.start()
        still = await slots(ours, 1)
        watch.advance(SECOND)
        again = await slots(ours, 2)

    assert shared == [0, 40 * MS, 80 * MS]
    # A fifth of the rate, behind its own last slot (40 and 80 ms) and at the beginning of one of its own cells (50 ms).
    assert mine == [250 * MS, 450 * MS, 650 * MS, 850 * MS]
    assert his == [300 * MS, 500 * MS, 700 * MS, 900 * MS]
    assert still == [1_050 * MS], "Redis is asked again after a second"
    assert again == [1_240 * MS, 1_280 * MS]
    assert [line["event"] for line in logs] == ["turnstile_alone", "turnstile_alone", "turnstile_shared_again"]


async def test_the_line_that_formed_without_redis_is_kept_when_it_is_back(
    turnstile: Open, valkey: EmbeddedValkey, watch: SetWatch
) -> None:
    ours = turnstile(processes=5)
    os.kill(valkey.pid, signal.SIGKILL)
    valkey.sweep()
    alone = await slots(ours, 10)
    valkey.start()
    watch.advance(SECOND)

    assert alone == [number * 200 * MS for number in range(10)]
    assert await slots(ours, 2) == [2_000 * MS, 2_040 * MS]


async def test_a_redis_that_does_not_answer_is_away(turnstile: Open, valkey: EmbeddedValkey, watch: SetWatch) -> None:
    ours = turnstile(processes=5)
    await slots(ours, 1)
    os.kill(valkey.pid, signal.SIGSTOP)
    try:
        late = await slots(ours, 3)
    finally:
        os.kill(valkey.pid, signal.SIGCONT)
    watch.advance(2 * SECOND)

    assert late == [200 * MS, 400 * MS, 600 * MS]
    assert await slots(ours, 1) == [2 * SECOND]
