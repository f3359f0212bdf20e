"""Outbox, relay and inbox: what is told is heard once, whatever is lost or killed on the way."""

import asyncio
from datetime import datetime, timedelta
from typing import Any, ClassVar

import pytest
from sqlalchemy import text

from commerce.kernel.clock import SetClock
from commerce.kernel.db import Database, Session
from commerce.kernel.inbox import receive
from commerce.kernel.outbox import Event, tell, tell_many
from commerce.kernel.refusals import NotFound
from commerce.kernel.relay import (
    FAILURES_MAX,
    RING_AGAIN_AFTER_S,
    dead_deliveries,
    not_known_here,
    outbox_lag,
    prune_outbox,
    react,
    relay_once,
    retry_dead,
    still_open,
)
from tests.conftest import NOON
from tests.shop import rows

WHO_HEARS = {"happened": ["write_it_down"]}
AGAIN = timedelta(seconds=RING_AGAIN_AFTER_S)


class Happened(Event, frozen=True):
    """News for these stories."""

    topic: ClassVar[str] = "happened"
    what: str


class Bell:
    """A bell that remembers whom it was rung for, or that nobody hears."""

    def __init__(self, *, heard: bool = True) -> None:
        self.heard = heard
        self.rung: list[str] = []

    def ring(self, reaction: str, message_ids: list[str]) -> None:
        """Ring for some events."""
        assert reaction == "write_it_down"
        if self.heard:
            self.rung += message_ids

    def take(self) -> list[str]:
        """What was rung since the last look."""
        rung, self.rung = self.rung, []
        return rung


async def write_it_down(tx: Session, body: dict[str, Any], now: datetime) -> None:
    """An effect that anybody can count."""
    await tx.execute(text("INSERT INTO categories (code, name) VALUES (gen_random_uuid(), :what)"), body)
    assert now.tzinfo is not None


async def stumble(tx: Session, body: dict[str, Any], now: datetime) -> None:
    """Do half of it, then fail."""
    await write_it_down(tx, body, now)
    raise RuntimeError("the printer is out of paper")


async def die(tx: Session, body: dict[str, Any], now: datetime) -> None:
    """Do all of it, then die before anybody notes it: the process is gone, not the reaction wrong."""
    await write_it_down(tx, body, now)
    raise asyncio.CancelledError


async def say(db: Database, *whats: str) -> None:
    """Tell some news."""
    async with db.transaction() as tx:
        await tell_many(tx, [Happened(what) for what in whats], db.clock.now())


async def relay(db: Database, bell: Bell) -> int:
    """Let one relay do its round."""
    return await relay_once(db, WHO_HEARS, bell.ring, db.clock.now())


async def written(db: Database) -> list[str]:
    """What has been written down, each as often as it was."""
    return [what for (what,) in await rows(db, "SELECT name FROM categories ORDER BY name")]


async def test_what_is_told_is_heard_if_and_only_if_it_was_kept(db: Database) -> None:
    bell = Bell()
    await say(db, "kept")
    with pytest.raises(ZeroDivisionError):
        await tell_and_think_better_of_it(db)

    await relay(db, bell)
    for message_id in bell.take():
        assert await react(db, "write_it_down", message_id, write_it_down)

    assert await written(db) == ["kept"]


async def tell_and_think_better_of_it(db: Database) -> None:
    """Tell some news in a transaction that does not commit."""
    async with db.transaction() as tx:
        await tell(tx, Happened("taken back"), NOON)
        raise ZeroDivisionError


async def test_two_relays_at_once_ring_once_for_each(db: Database) -> None:
    bells = [Bell(), Bell()]
    whats = [f"news {n:02}" for n in range(40)]
    await say(db, *whats)

    for _ in range(2):  # A relay may find that the other one is still noting what it saw.
        await asyncio.gather(*(relay(db, bell) for bell in bells))

    rung = [message_id for bell in bells for message_id in bell.rung]
    assert (len(rung), len(set(rung))) == (40, 40)


async def test_a_crash_in_between_is_made_good_by_another_relay_and_nothing_is_done_twice(
    db: Database, clock: SetClock
) -> None:
    first, second = Bell(), Bell()
    whats = [f"news {n:02}" for n in range(20)]
    await say(db, *whats)
    await relay(db, first)
    rung = first.take()
    for message_id in rung[:8]:
        await react(db, "write_it_down", message_id, write_it_down)
    with pytest.raises(asyncio.CancelledError):
        await react(db, "write_it_down", rung[8], die)

    clock.advance(AGAIN)
    await asyncio.gather(relay(db, second), relay(db, first))
    again = second.take() + first.take()
    assert sorted(again) == sorted(rung[8:])
    both_workers = [react(db, "write_it_down", message_id, write_it_down) for message_id in [*again, *rung]]
    done = await asyncio.gather(*both_workers)

    assert sum(done) == 12
    assert await written(db) == whats
    assert await relay(db, first) == 0


async def test_a_bell_that_nobody_hears_is_rung_again_in_time(db: Database, clock: SetClock) -> None:
    flushed, bell = Bell(heard=False), Bell()
    await say(db, "news")
    await relay(db, flushed)

    waits = []
    for _ in range(4):
        began = clock.now()
        while not await relay(db, flushed):
            clock.advance(timedelta(seconds=1))
        waits.append((clock.now() - began).total_seconds())
    assert waits == [15, 30, 30, 30], "what is lost is done within a minute, however often it was lost before"

    clock.advance(2 * AGAIN)
    await relay(db, bell)
    [message_id] = bell.take()
    assert await react(db, "write_it_down", message_id, write_it_down)
    assert await written(db) == ["news"]


async def test_one_look_tells_what_nobody_has_reacted_to(db: Database) -> None:
    bell = Bell()
    await say(db, "one", "two", "three")
    await relay(db, bell)
    one, two, three = sorted(bell.take())
    await react(db, "write_it_down", two, write_it_down)

    async with db.read() as tx:
        assert await still_open(tx, "write_it_down", [three, two, one, "evt_unknown"]) == [one, three]
        assert await still_open(tx, "another", [one]) == []


async def test_what_keeps_failing_lies_on_the_dead_shelf_until_somebody_retries_it(
    db: Database, clock: SetClock
) -> None:
    bell = Bell()
    await say(db, "news")
    waits = await fail_until_dead(db, clock, bell)

    assert waits == [1, 2, 4, 8, 16, 32, 64]
    clock.advance(timedelta(days=1))
    assert await relay(db, bell) == 0, "nobody rings for the dead"
    async with db.read() as tx:
        [dead] = await dead_deliveries(tx, None, 50)
        assert (await outbox_lag(tx, clock.now())).dead == 1
    assert (dead.reaction, dead.topic, dead.body, dead.failures) == (
        "write_it_down", "happened", {"what": "news"}, FAILURES_MAX,
    )  # fmt: skip
    assert dead.last_error == "RuntimeError('the printer is out of paper')"
    assert await written(db) == [], "half a reaction leaves nothing"

    async with db.transaction() as tx:
        await retry_dead(tx, dead.message_id, dead.reaction, clock.now())
    await relay(db, bell)
    assert bell.take() == [dead.message_id]
    assert await react(db, "write_it_down", dead.message_id, write_it_down)
    assert await written(db) == ["news"]
    with pytest.raises(NotFound):
        async with db.transaction() as tx:
            await retry_dead(tx, dead.message_id, dead.reaction, clock.now())


@pytest.mark.parametrize("error", [ConnectionRefusedError("the printer is off"), TimeoutError("the printer hums")])
async def test_what_may_pass_by_itself_is_put_off_for_two_hours_and_then_lies_on_the_dead_shelf(
    db: Database, clock: SetClock, error: Exception
) -> None:
    async def be_put_off(tx: Session, body: dict[str, Any], now: datetime) -> None:
        await write_it_down(tx, body, now)
        raise error

    bell, noted = Bell(), "SELECT failures, last_error, dead_at IS NOT NULL FROM outbox_deliveries"
    await say(db, "news")
    while await relay(db, bell):
        [message_id] = bell.take()
        assert not await react(db, "write_it_down", message_id, be_put_off)
        [(failures, said, dead)] = await rows(db, noted)
        assert (failures, said) == (0, repr(error))
        if not dead:
            clock.advance(2 * AGAIN)

    assert timedelta(hours=1, minutes=59) < clock.now() - NOON < timedelta(hours=2, minutes=1)
    async with db.read() as tx:
        [lying] = await dead_deliveries(tx, None, 50)
    assert lying.last_error == repr(error)
    assert await written(db) == []
    async with db.transaction() as tx:
        await retry_dead(tx, lying.message_id, lying.reaction, clock.now())
    await relay(db, bell)
    assert await react(db, "write_it_down", lying.message_id, write_it_down)
    assert await written(db) == ["news"]


async def test_a_reaction_that_this_release_does_not_know_is_put_off_and_not_for_ever(
    db: Database, clock: SetClock
) -> None:
    """While a release takes the other's place, somebody may know it; when nobody does for two hours a person sees."""
    bell = Bell()
    await say(db, "news")
    while await relay(db, bell):
        [message_id] = bell.take()
        assert not await react(db, "write_it_down", message_id, not_known_here)
        clock.advance(2 * AGAIN)
    async with db.read() as tx:
        [lying] = await dead_deliveries(tx, None, 50)

    assert (lying.failures, lying.last_error) == (0, "NotKnownHere()")
    assert timedelta(hours=2) <= clock.now() - NOON < timedelta(hours=2, minutes=2)


async def test_a_file_that_is_missing_is_a_failure_like_any_other(db: Database) -> None:
    async def look_for_paper(_: Session, __: dict[str, Any], ___: datetime) -> None:
        raise FileNotFoundError(2, "No such file", "/paper")

    bell = Bell()
    await say(db, "news")
    await relay(db, bell)
    [message_id] = bell.take()
    assert not await react(db, "write_it_down", message_id, look_for_paper)

    assert await rows(db, "SELECT failures FROM outbox_deliveries") == [(1,)]


async def fail_until_dead(db: Database, clock: SetClock, bell: Bell) -> list[float]:
    """Let a reaction fail as often as it may; how long each try had to wait after the one before."""
    waits = []
    for n in range(FAILURES_MAX):
        began = clock.now()
        while not (await relay(db, bell) and bell.rung):
            clock.advance(timedelta(seconds=1))
        [message_id] = bell.take()
        assert not await react(db, "write_it_down", message_id, stumble)
        waits += [(clock.now() - began).total_seconds()] if n else []
    return waits


async def test_news_are_forgotten_after_thirty_days_unless_something_is_still_to_be_done(
    db: Database, clock: SetClock
) -> None:
    bell = Bell()
    await say(db, "done", "not done")
    await relay(db, bell)
    done, not_done = sorted(bell.take())
    await react(db, "write_it_down", done, write_it_down)

    for days, left in ((29, [done, not_done]), (31, [not_done])):
        clock.set(NOON + timedelta(days=days))
        async with db.transaction() as tx:
            await prune_outbox(tx, clock.now(), 100)
        assert await rows(db, "SELECT id FROM outbox_messages ORDER BY id") == [(message_id,) for message_id in left]


async def test_an_outside_event_is_stored_once_however_often_it_comes(db: Database) -> None:
    async def come(source: str) -> str | None:
        async with db.transaction() as tx:
            return await receive(tx, source, "evt_1", b"body", NOON)

    stored = await asyncio.gather(*(come("stripe") for _ in range(8)), come("till"))

    assert sum(received is not None for received in stored[:8]) == 1
    assert stored[8] is not None, "another source's event is another event"
    assert await rows(db, "SELECT source, count(*) FROM inbox_messages GROUP BY 1 ORDER BY 1") == [
        ("stripe", 1),
        ("till", 1),
    ]
