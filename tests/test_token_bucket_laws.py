"""The rate limit's laws, whoever asks and whatever happens to Redis; and what one process does alone."""

import asyncio
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from commerce.embedded.valkey import EmbeddedValkey
from commerce.kernel.refusals import Busy
from commerce.provider.limits import Limits
from commerce.provider.local_bucket import TIDY_AT, LocalBucket
from commerce.provider.token_bucket import TokenBucket
from tests.turnstiles import EXACT, MS, PAY, REFUND, SECOND, SetWatch, busiest_second, running_valkey


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
