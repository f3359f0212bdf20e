"""The rate limit before the payment provider, on a real Valkey and a watch that stands still until it is set."""

import asyncio
import os
import signal
import tempfile
from bisect import bisect_left
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis
from structlog.testing import capture_logs

from commerce.embedded.valkey import EmbeddedValkey
from commerce.kernel.refusals import Busy
from commerce.provider.limits import Limits
from commerce.provider.local_bucket import TIDY_AT, LocalBucket
from commerce.provider.token_bucket import TokenBucket

PAY, REFUND = "POST /v1/payment_intents", "POST /v1/refunds"
MS, SECOND = 1_000, 1_000_000
NOON = 1_762_084_800 * SECOND
EXACT = Limits(total=100, endpoint=25, late_ms=0)


class SetWatch:
    """A watch that is set; whoever waits goes on as soon as it shows their instant."""

    def __init__(self) -> None:
        self._now = NOON
        self._waiting: list[tuple[int, asyncio.Event]] = []

    def now_us(self) -> int:
        """What it shows."""
        return self._now

    async def wait_until(self, instant: int) -> None:
        """Wait for somebody to set it."""
        if instant > self._now:
            come = asyncio.Event()
            self._waiting.append((instant, come))
            await come.wait()

    def advance(self, by: int) -> None:
        """Set it forward."""
        self._now += by
        for instant, come in self._waiting:
            if instant <= self._now:
                come.set()

    @property
    def waiting(self) -> int:
        """How many wait."""
        return sum(not come.is_set() for _, come in self._waiting)


@pytest.fixture(scope="module")
def valkey() -> Iterator[EmbeddedValkey]:
    """A Valkey for this file."""
    with tempfile.TemporaryDirectory(prefix="commerce-tests-") as folder:
        Path(folder).chmod(0o711)
        server = EmbeddedValkey(Path(folder) / "data")
        server.start()
        try:
            yield server
        finally:
            server.stop()


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
    return [(await turnstile.reserve(endpoint)).instant - NOON for _ in range(count)]


def busiest_second(instants: Sequence[int]) -> int:
    """The most calls in any second, its end excluded."""
    ordered = sorted(instants)
    return max((bisect_left(ordered, first + SECOND) - at for at, first in enumerate(ordered)), default=0)


# Slots


async def test_a_hundred_who_ask_together_leave_forty_milliseconds_apart(turnstile: Open) -> None:
    assert await slots(turnstile(), 100) == [number * 40 * MS for number in range(100)]


async def test_slots_leave_room_for_calls_that_leave_late(turnstile: Open) -> None:
    found = await slots(turnstile(Limits(total=100, endpoint=25)), 100)

    assert found == [number * 40_800 for number in range(100)]
    assert busiest_second([slot + (20 * MS if number < 30 else 0) for number, slot in enumerate(found)]) == 25


async def test_ten_thousand_charges_take_as_long_as_they_must(turnstile: Open) -> None:
    found = await slots(turnstile(Limits(total=100, endpoint=25)), 10_000)

    assert found == sorted(found)
    assert found[-1] == 9_999 * 40_800
    assert 400 * SECOND <= found[-1] <= 400 * SECOND * 1.05
    assert busiest_second(found) == 25


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
    try:
        found = [(await each.reserve(PAY)).reserved or 0 for _ in range(50) for each in (ours, theirs)]
        async with Redis.from_url(valkey.url) as redis:
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


async def test_a_slot_that_nobody_wants_any_more_goes_to_the_next_who_asks(turnstile: Open, watch: SetWatch) -> None:
    ours = turnstile()
    await slots(ours, 100)
    given_up = [asyncio.create_task(ours.pass_through(PAY)) for _ in range(3)]
    await until(lambda: watch.waiting == 3)
    await slots(ours, 1)
    for task in given_up[:2]:
        task.cancel()
    await asyncio.wait(given_up[:2])
    await asyncio.gather(*ours._giving_back)  # noqa: SLF001 - it is done in the background, for who is cancelled is in a hurry

    assert [task.cancelled() for task in given_up[:2]] == [True, True]
    assert await slots(ours, 3) == [4_000 * MS, 4_040 * MS, 4_160 * MS]
    watch.advance(4_080 * MS)
    await given_up[2]


async def test_a_slot_that_is_given_back_too_late_is_wasted(turnstile: Open, watch: SetWatch) -> None:
    ours = turnstile()
    await slots(ours, 100)
    given_up = asyncio.create_task(ours.pass_through(PAY))
    await until(lambda: watch.waiting == 1)
    watch.advance(3_500 * MS)
    given_up.cancel()
    await asyncio.wait([given_up])

    assert await slots(ours, 1) == [4_040 * MS]


async def until(condition: Callable[[], bool]) -> None:
    """Let the others go on until it is true."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - nothing is slept here, the others get their turn
            await asyncio.sleep(0)


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
    ours, theirs = turnstile(processes=4), turnstile(processes=4)
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
    assert mine == [200 * MS, 360 * MS, 520 * MS, 680 * MS], "a quarter of the rate, behind its own last slot"
    assert his == [240 * MS, 400 * MS, 560 * MS, 720 * MS]
    assert still == [840 * MS], "Redis is asked again after a second"
    assert again == [SECOND, SECOND + 40 * MS]
    assert [line["event"] for line in logs] == ["turnstile_alone", "turnstile_alone", "turnstile_shared_again"]


async def test_the_line_that_formed_without_redis_is_kept_when_it_is_back(
    turnstile: Open, valkey: EmbeddedValkey, watch: SetWatch
) -> None:
    ours = turnstile(processes=4)
    os.kill(valkey.pid, signal.SIGKILL)
    valkey.sweep()
    alone = await slots(ours, 10)
    valkey.start()
    watch.advance(SECOND)

    assert alone == [number * 160 * MS for number in range(10)]
    assert await slots(ours, 2) == [1_600 * MS, 1_640 * MS]


async def test_a_redis_that_does_not_answer_is_away(turnstile: Open, valkey: EmbeddedValkey, watch: SetWatch) -> None:
    ours = turnstile(processes=2)
    await slots(ours, 1)
    os.kill(valkey.pid, signal.SIGSTOP)
    try:
        late = await slots(ours, 3)
    finally:
        os.kill(valkey.pid, signal.SIGCONT)
    watch.advance(2 * SECOND)

    assert late == [80 * MS, 160 * MS, 240 * MS]
    assert await slots(ours, 1) == [2 * SECOND]


def test_a_process_alone_keeps_the_limit_in_all_and_forgets_what_is_over() -> None:
    alone = LocalBucket(EXACT, processes=2)

    together = [alone.reserve(f"GET /v1/{number}", 0) for number in range(60)]
    many = [alone.reserve(f"GET /v1/{number}", number * 20 * MS) for number in range(100, 100 + 2 * TIDY_AT)]

    assert together == [number * 20 * MS for number in range(60)]
    assert many == [number * 20 * MS for number in range(100, 100 + 2 * TIDY_AT)]
    assert len(alone._next_cell) < TIDY_AT + 100  # noqa: SLF001 - what it keeps cannot be seen otherwise


def test_a_process_alone_lets_nobody_wait_longer_than_the_longest_wait() -> None:
    alone = LocalBucket(Limits(total=100, endpoint=25, late_ms=0, wait_s=1), processes=1)
    for _ in range(26):
        alone.reserve(PAY, 0)

    with pytest.raises(Busy):
        alone.reserve(PAY, 0)
    assert alone.reserve(PAY, 40 * MS) == SECOND + 40 * MS


# Whatever happens


class Step(NamedTuple):
    """Some calls to one endpoint through one of two processes, after a while; or somebody flushes Redis."""

    pause: int
    process: int
    endpoint: str
    calls: int
    cancels: bool


steps = st.lists(
    st.builds(
        Step,
        pause=st.integers(0, 2 * SECOND),
        process=st.integers(0, 1),
        endpoint=st.sampled_from([PAY, REFUND, "GET /v1/events"]),
        calls=st.integers(1, 30),
        cancels=st.booleans(),
    ),
    max_size=12,
)
quiet = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@quiet
@given(steps, st.integers(1, 60), st.integers(1, 60))
async def test_no_second_is_ever_more_crowded_than_it_may_be(
    valkey: EmbeddedValkey, steps: list[Step], total: int, endpoint: int
) -> None:
    watch, limits = SetWatch(), Limits(total, endpoint, late_ms=0)
    async with Redis.from_url(valkey.url) as one, Redis.from_url(valkey.url) as other:
        await one.flushall()
        turnstiles = [TokenBucket(redis, limits, processes=2, watch=watch) for redis in (one, other)]
        found: dict[str, list[int]] = {}
        for step in steps:
            watch.advance(step.pause)
            came = [await turnstiles[step.process].reserve(step.endpoint) for _ in range(step.calls)]
            assert all(slot.instant >= watch.now_us() for slot in came)
            if step.cancels and came[-1].instant - watch.now_us() > SECOND:
                turnstiles[step.process]._give_back(step.endpoint, came.pop())  # noqa: SLF001 - as one that is cancelled
                await asyncio.gather(*turnstiles[step.process]._giving_back)  # noqa: SLF001 - as above
            found.setdefault(step.endpoint, []).extend(slot.instant for slot in came)

    assert all(busiest_second(instants) <= endpoint for instants in found.values())
    # A slot may stand anywhere in its cell, so a second may touch one cell more than it is long.
    assert busiest_second([instant for instants in found.values() for instant in instants]) <= total + 1


@quiet
@given(steps, st.integers(1, 60))
async def test_a_flush_at_any_time_crowds_no_endpoint(valkey: EmbeddedValkey, steps: list[Step], endpoint: int) -> None:
    watch = SetWatch()
    async with Redis.from_url(valkey.url) as redis:
        await redis.flushall()
        ours = TokenBucket(redis, Limits(1_000, endpoint, late_ms=0), processes=1, watch=watch)
        found: list[int] = []
        for step in steps:
            watch.advance(step.pause)
            found += [(await ours.reserve(PAY)).instant for _ in range(step.calls)]
            if step.cancels:
                await redis.flushall()

    assert busiest_second(found) <= endpoint
    assert found == sorted(found)


@given(steps, st.integers(1, 60), st.integers(1, 60))
def test_a_process_alone_never_crowds_a_second(steps: list[Step], total: int, endpoint: int) -> None:
    alone, now = LocalBucket(Limits(total, endpoint, late_ms=0), processes=1), 0
    found: dict[str, list[int]] = {}
    for step in steps:
        now += step.pause
        came = [alone.reserve(step.endpoint, now) for _ in range(step.calls)]
        assert min(came) >= now
        found.setdefault(step.endpoint, []).extend(came)

    assert all(busiest_second(instants) <= endpoint for instants in found.values())
    assert busiest_second([instant for instants in found.values() for instant in instants]) <= total + 1
