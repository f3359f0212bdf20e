"""The rate limit's laws, whoever asks and whatever happens to Redis; and what one process does alone."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from commerce.embedded.valkey import EmbeddedValkey
from commerce.kernel.refusals import Busy
from commerce.provider.limits import Limits
from commerce.provider.local_bucket import TIDY_AT, LocalBucket
from commerce.provider.local_turnstile import LocalTurnstile
from commerce.provider.token_bucket import TokenBucket
from tests.turnstiles import EXACT, MS, NOON, PAY, REFUND, SECOND, SetWatch, busiest_second, running_valkey, until


@pytest.fixture(scope="module")
def valkey() -> Iterator[EmbeddedValkey]:
    """A Valkey for this file."""
    with running_valkey() as server:
        yield server


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


async def test_where_there_is_no_redis_a_process_stands_in_its_own_line() -> None:
    watch, gone = SetWatch(), []
    alone = LocalTurnstile(Limits(total=100, endpoint=25, late_ms=0), processes=5, watch=watch)

    async def call(number: int) -> None:
        await alone.pass_through(PAY)
        gone.append((number, watch.now_us() - NOON))

    calls = [asyncio.create_task(call(number)) for number in range(42)]
    await until(lambda: watch.waiting == 40)
    for fifth in range(1, 41):
        watch.advance(200 * MS)
        await until(lambda fifth=fifth: len(gone) == fifth + 1)  # type: ignore[misc]  # bound to this turn of the loop
    answers = await asyncio.gather(*calls, return_exceptions=True)
    await alone.close()

    assert gone == [(number, number * 200 * MS) for number in range(41)]
    assert [type(one) for one in answers if one] == [Busy], "the one who would have waited longer than eight seconds"


@pytest.mark.parametrize(
    ("processes", "busiest", "in_a_minute"), [(1, 25, 1_443), (3, 24, 1_386), (8, 24, 1_392), (9, 18, 1_044)]
)
def test_processes_alone_send_as_much_as_they_may_in_all(processes: int, busiest: int, in_a_minute: int) -> None:
    """Each takes whatever it gets, for a minute. Nobody stands so far behind that the call would be given up unsent."""
    limits = Limits(total=100, endpoint=25)
    buckets = [LocalBucket(limits, processes) for _ in range(processes)]
    found: list[int] = []
    for tenth in range(600):
        for bucket in buckets:
            with suppress(Busy):
                while True:
                    found.append(bucket.reserve(PAY, tenth * 100 * MS))
                    assert found[-1] - tenth * 100 * MS <= 8 * SECOND

    assert busiest_second(found) == busiest
    assert sum(slot < 60 * SECOND for slot in found) == in_a_minute


class Step(NamedTuple):
    """Some calls to one endpoint through one of two processes, after a while; or somebody flushes Redis."""

    pause: int
    process: int
    endpoint: str
    calls: int
    flushes: bool


steps = st.lists(
    st.builds(
        Step,
        pause=st.integers(0, 2 * SECOND),
        process=st.integers(0, 1),
        endpoint=st.sampled_from([PAY, REFUND, "GET /v1/events"]),
        calls=st.integers(1, 30),
        flushes=st.booleans(),
    ),
    max_size=12,
)
lateness = st.sampled_from([0, 40 * MS])
quiet = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@quiet
@given(steps, st.integers(1, 60), st.integers(1, 60), lateness)
async def test_no_second_is_ever_more_crowded_than_it_may_be(
    valkey: EmbeddedValkey, steps: list[Step], total: int, endpoint: int, late: int
) -> None:
    """However late each call leaves, as long as it is no later than the limits reckon with."""
    watch, limits = SetWatch(), Limits(total, endpoint, late_ms=late // MS, wait_s=600)
    async with Redis.from_url(valkey.url) as one, Redis.from_url(valkey.url) as other:
        await one.flushall()
        turnstiles = [TokenBucket(redis, limits, processes=2, watch=watch) for redis in (one, other)]
        found: dict[str, list[int]] = {}
        for step in steps:
            watch.advance(step.pause)
            came = [await turnstiles[step.process].reserve(step.endpoint) for _ in range(step.calls)]
            assert min(came) >= watch.now_us()
            found.setdefault(step.endpoint, []).extend(came)

    assert all(busiest_second(instants, late) <= endpoint for instants in found.values())
    assert busiest_second([instant for instants in found.values() for instant in instants], late) <= total


@quiet
@given(steps, st.integers(1, 60), lateness)
async def test_a_flush_at_any_time_crowds_no_endpoint(
    valkey: EmbeddedValkey, steps: list[Step], endpoint: int, late: int
) -> None:
    watch = SetWatch()
    async with Redis.from_url(valkey.url) as redis:
        await redis.flushall()
        ours = TokenBucket(redis, Limits(1_000, endpoint, late_ms=late // MS, wait_s=600), processes=1, watch=watch)
        found: list[int] = []
        for step in steps:
            watch.advance(step.pause)
            found += [await ours.reserve(PAY) for _ in range(step.calls)]
            if step.flushes:
                await redis.flushall()

    assert busiest_second(found, late) <= endpoint
    assert found == sorted(found)


@given(steps, st.integers(1, 60), st.integers(1, 60), lateness)
def test_processes_alone_never_crowd_a_second(steps: list[Step], total: int, endpoint: int, late: int) -> None:
    """Two that do not hear of each other; where the limit is a single call, they are more than it."""
    processes = min(2, total, endpoint)
    limits, now = Limits(total, endpoint, late_ms=late // MS, wait_s=600), 0
    alone = [LocalBucket(limits, processes) for _ in range(processes)]
    found: dict[str, list[int]] = {}
    for step in steps:
        now += step.pause
        came = [alone[step.process % processes].reserve(step.endpoint, now) for _ in range(step.calls)]
        assert min(came) >= now
        found.setdefault(step.endpoint, []).extend(came)

    assert all(busiest_second(instants, late) <= endpoint for instants in found.values())
    assert busiest_second([instant for instants in found.values() for instant in instants], late) <= total
