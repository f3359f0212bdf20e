"""Series of prices: laid over each other, never two at a time, and what was believed stays written."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from unittest.mock import ANY

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from commerce.kernel.clock import SetClock
from commerce.kernel.db import Database, Session
from commerce.kernel.laws import Law, check_laws
from commerce.kernel.refusals import InvalidInput, Refusal, UnknownReference
from pricing.errors import PriceInThePast, PriceOverlaps
from pricing.laws import ChannelPricesNeverOverlap, ExceptionsEnd, OnePriceWasBelieved, RecommendedPricesNeverOverlap
from pricing.series import SERIES_AT_ONCE, histories
from pricing.take_back import take_back
from pricing.write_prices import PriceWrite, write_prices
from tests.conftest import NOON
from tests.people import somebody_waits
from tests.shop import no_law_is_broken, open_shop, rows
from tests.statements import statements

JANUARY = datetime(2026, 1, 1, tzinfo=UTC)
TOMORROW = datetime(2026, 11, 3, tzinfo=UTC)
SATURDAY, MONDAY = datetime(2026, 11, 7, tzinfo=UTC), datetime(2026, 11, 9, tzinfo=UTC)

Row = tuple[int, datetime, datetime | None]


@pytest.fixture
async def shop(db: Database) -> Database:
    """The fixed shop: PHONE-BLK costs 799.00 in Germany since January, in every channel."""
    await open_shop(db)
    return db


def price(
    amount: int | None,
    begins: datetime = NOON,
    ends: datetime | None = None,
    *,
    sku: str = "PHONE-BLK",
    channel: str | None = None,
) -> PriceWrite:
    """A price to lay in Germany, by default for a phone from now on."""
    return PriceWrite(sku, channel, begins, ends, amount)


async def write(db: Database, *writes: PriceWrite, change: str | None = None) -> None:
    """Write prices, now."""
    async with db.transaction() as tx:
        await write_prices(tx, "de", writes, change, db.clock.now())


async def history(db: Database, sku: str = "PHONE-BLK", channel: str | None = None) -> list[Row]:
    """Amounts and intervals that are believed now, oldest first."""
    async with db.read() as tx:
        found = (await histories(tx, "de", [sku], JANUARY))[sku]
    series = found.channels.get(channel, []) if channel else found.recommended
    return [(one.amount, one.valid_from, one.valid_to) for one in series]


async def test_a_new_price_ends_the_old_one_where_it_begins(shop: Database) -> None:
    await write(shop, price(69900, TOMORROW), change="chg_1")

    assert await history(shop) == [(79900, JANUARY, TOMORROW), (69900, TOMORROW, None)]
    everything = """
        SELECT amount, valid_from, valid_to, recorded_at, superseded_at, change_id, superseded_by
          FROM recommended_prices WHERE sku = 'PHONE-BLK' AND market = 'de' ORDER BY id
    """
    assert await rows(shop, everything) == [
        (79900, JANUARY, None, None, NOON, None, "chg_1"),
        (79900, JANUARY, TOMORROW, NOON, None, None, None),
        (69900, TOMORROW, None, NOON, None, "chg_1", None),
    ]


async def test_a_weekend_price_gives_way_to_the_price_it_interrupted(shop: Database) -> None:
    await write(shop, price(74900, SATURDAY, MONDAY))

    assert await history(shop) == [(79900, JANUARY, SATURDAY), (74900, SATURDAY, MONDAY), (79900, MONDAY, None)]


async def test_a_plan_is_not_overwritten_but_can_be_led_up_to(shop: Database) -> None:
    await write(shop, price(74900, SATURDAY))

    for over in (price(69900), price(69900, SATURDAY), price(None, TOMORROW, MONDAY)):
        with pytest.raises(PriceOverlaps) as refused:
            await write(shop, price(1, sku="WATCH"), over)
        assert (refused.value.field, refused.value.begins) == ("items[1].sku", SATURDAY)
    await write(shop, price(69900, ends=SATURDAY))

    assert await history(shop) == [(79900, JANUARY, NOON), (69900, NOON, SATURDAY), (74900, SATURDAY, None)]
    assert await history(shop, "WATCH") == [(24900, JANUARY, None)], "all or none"


async def test_a_gap_means_not_sold_and_ends_where_it_ends(shop: Database) -> None:
    await write(shop, price(None, SATURDAY, MONDAY), price(None, sku="WATCH"))

    assert await history(shop) == [(79900, JANUARY, SATURDAY), (79900, MONDAY, None)]
    assert await history(shop, "WATCH") == [(24900, JANUARY, NOON)]


async def test_a_channel_has_prices_of_its_own_and_lifts_them(shop: Database, clock: SetClock) -> None:
    await write(shop, price(75900, TOMORROW, channel="web-de"), price(76900, TOMORROW, channel="retail-de"))
    clock.set(MONDAY)
    await write(shop, price(None, MONDAY, channel="web-de"))

    assert await history(shop) == [(79900, JANUARY, None)]
    assert await history(shop, channel="web-de") == [(75900, TOMORROW, MONDAY)]
    assert await history(shop, channel="retail-de") == [(76900, TOMORROW, None)]


async def test_prices_of_one_batch_see_each_other(shop: Database) -> None:
    await write(shop, price(74900, SATURDAY, MONDAY), price(69900, TOMORROW, SATURDAY))
    with pytest.raises(PriceOverlaps) as refused:
        await write(shop, price(100, MONDAY, sku="WATCH"), price(200, MONDAY, sku="WATCH"))

    assert refused.value.field == "items[1].sku"
    assert await history(shop) == [
        (79900, JANUARY, TOMORROW),
        (69900, TOMORROW, SATURDAY),
        (74900, SATURDAY, MONDAY),
        (79900, MONDAY, None),
    ]


async def test_a_belief_begins_after_the_one_before_even_if_the_clock_stands_still(shop: Database) -> None:
    await write(shop, price(74900, SATURDAY))
    await write(shop, price(69900, TOMORROW, SATURDAY))

    believed = "SELECT amount, recorded_at, superseded_at FROM recommended_prices WHERE sku = 'PHONE-BLK'"
    tick = NOON + timedelta(microseconds=1)
    assert await rows(shop, f"{believed} AND market = 'de' ORDER BY id") == [
        (79900, None, NOON),
        (79900, NOON, tick),
        (74900, NOON, None),
        (79900, tick, None),
        (69900, tick, None),
    ]


REFUSED: list[tuple[PriceWrite, type[Refusal], str]] = [
    (price(1, NOON - timedelta(microseconds=1)), PriceInThePast, "starts_at"),
    (price(1, TOMORROW, TOMORROW), InvalidInput, "ends_at"),
    (price(1, TOMORROW, NOON), InvalidInput, "ends_at"),
    (price(1, channel="web-us"), UnknownReference, "items[0].channel"),
    (price(1, channel="ghost"), UnknownReference, "items[0].channel"),
]


@pytest.mark.parametrize(("wanted", "refusal", "field"), REFUSED)
async def test_a_price_that_cannot_be_is_refused_by_field(
    shop: Database, wanted: PriceWrite, refusal: type[Refusal], field: str
) -> None:
    with pytest.raises(refusal) as refused:
        await write(shop, wanted)

    assert refused.value.facts()["field"] == field
    assert await history(shop) == [(79900, JANUARY, None)]
    assert await history(shop, channel="web-de") == []


async def test_ten_thousand_prices_are_read_five_hundred_at_a_time_and_written_at_once(shop: Database) -> None:
    async with shop.transaction() as tx:
        await tx.execute(
            text("""
            INSERT INTO variants (sku, product, name, category, tax_class, status)
            SELECT 'S' || n, 'case', 'Many', 'cases', 'standard', 'active' FROM generate_series(1, 5000) n
        """)
        )
    both = [price(100 + n, sku=f"S{n}", channel=channel) for n in range(1, 5001) for channel in (None, "web-de")]

    with statements(shop) as sent:
        await write(shop, *both)
        await write(shop, *(price(1, TOMORROW, sku=one.sku, channel=one.channel) for one in both))

    assert len(sent) <= 18 + 2 * 10_000 // SERIES_AT_ONCE
    assert await rows(shop, "SELECT count(*) FROM channel_prices WHERE superseded_at IS NULL") == [(10_000,)]
    assert await history(shop, "S7") == [(107, NOON, TOMORROW), (1, TOMORROW, None)]


# Never two at a time


_INSERT = text("INSERT INTO recommended_prices VALUES ('WATCH', 'de', :valid_from, NULL, :amount)")
_OPEN = text("""
    SELECT 1 FROM recommended_prices
     WHERE sku = 'WATCH' AND market = 'de' AND valid_to IS NULL AND superseded_at IS NULL
""")
_UNCHECKED = text("ALTER TABLE recommended_prices DROP CONSTRAINT ex_recommended_prices_overlap")
BOTH_LOOKED = asyncio.Barrier(2)


async def write_unguarded(tx: Session, amount: int) -> None:
    """Look whether there is a price, wait until the other has looked as well, and insert."""
    assert (await tx.execute(_OPEN)).first() is None
    await BOTH_LOOKED.wait()
    await tx.execute(_INSERT, {"valid_from": TOMORROW, "amount": amount})


async def write_guarded(tx: Session, amount: int) -> None:
    """As a price change does."""
    await write_prices(tx, "de", [price(amount, TOMORROW, sku="WATCH")], None, NOON)


@pytest.mark.parametrize(("verb", "successes", "offenders"), [(write_unguarded, 2, 1), (write_guarded, 1, 0)])
async def test_two_first_prices_race(
    shop: Database, verb: Callable[[Session, int], Awaitable[None]], successes: int, offenders: int
) -> None:
    """Without the constraint the unguarded twin sets two prices at once; the verb's lock alone prevents it already."""
    await write(shop, price(None, sku="WATCH"))
    async with shop.transaction() as tx:
        await tx.execute(_UNCHECKED)

    async def attempt(amount: int) -> bool:
        try:
            async with shop.transaction() as tx:
                await verb(tx, amount)
        except PriceOverlaps:
            return False
        return True

    done = await asyncio.gather(attempt(1), attempt(2))

    assert done.count(True) == successes
    async with shop.snapshot() as reading:
        [finding] = await check_laws(reading, [RecommendedPricesNeverOverlap])
    assert finding.offenders == offenders


async def test_ten_write_one_price_at_once_and_one_succeeds(shop: Database) -> None:
    done = await asyncio.gather(
        *(write(shop, price(60000 + n, TOMORROW, channel="web-de")) for n in range(10)), return_exceptions=True
    )

    refused = [answer for answer in done if answer is not None]
    assert len(refused) == 9
    assert {type(answer) for answer in refused} == {PriceOverlaps}
    assert len(await history(shop, channel="web-de")) == 1


async def test_the_constraint_has_the_last_word(shop: Database) -> None:
    """Somebody writes past the lock: the database refuses the second price, and the caller hears why."""
    await write(shop, price(None, sku="WATCH"))

    async with shop.transaction() as other:
        await other.execute(_INSERT, {"valid_from": NOON, "amount": 1})
        waiting = asyncio.create_task(write(shop, price(2, TOMORROW, sku="WATCH")))
        await somebody_waits(shop)
    with pytest.raises(PriceOverlaps) as refused:
        await waiting

    assert refused.value.begins is None


# The diary


TAMPERED = [
    "UPDATE recommended_prices SET amount = 1 WHERE sku = 'PHONE-BLK'",
    "UPDATE recommended_prices SET valid_to = '2026-12-01Z' WHERE sku = 'PHONE-BLK' AND superseded_at IS NULL",
    "UPDATE recommended_prices SET superseded_at = NULL WHERE superseded_at IS NOT NULL",
    "UPDATE recommended_prices SET superseded_at = '2027-01-01Z' WHERE superseded_at IS NOT NULL",
    "UPDATE recommended_prices SET superseded_at = '2027-01-01Z', amount = 1 WHERE superseded_at IS NULL",
    "DELETE FROM recommended_prices WHERE sku = 'PHONE-BLK'",
    "TRUNCATE recommended_prices",
    "UPDATE channel_prices SET change_id = 'chg_2'",
    "DELETE FROM channel_prices",
]


@pytest.mark.parametrize("statement", TAMPERED)
async def test_what_was_believed_is_never_changed(shop: Database, statement: str) -> None:
    await write(shop, price(69900, TOMORROW), price(1, channel="web-de"))

    with pytest.raises(DBAPIError, match="is a diary"):
        async with shop.transaction() as tx:
            await tx.execute(text(statement))


# Taking back


async def test_what_is_taken_back_was_never_there_but_is_remembered(shop: Database, clock: SetClock) -> None:
    await write(shop, price(74900, SATURDAY, MONDAY), price(70000, SATURDAY, channel="web-de"), change="chg_1")
    clock.advance(timedelta(hours=1))

    async with shop.transaction() as tx:
        await take_back(tx, "de", "chg_1", clock.now())

    assert await history(shop) == [(79900, JANUARY, None)], "in one piece, as it was before"
    assert await history(shop, channel="web-de") == []
    remembered = "SELECT amount, superseded_at, superseded_by FROM channel_prices"
    assert await rows(shop, remembered) == [(70000, NOON + timedelta(hours=1), "chg_1")]


async def test_what_others_wrote_over_it_or_beside_it_stays(shop: Database) -> None:
    sunday = SATURDAY + timedelta(days=1)
    await write(shop, price(74900, SATURDAY), change="chg_1")
    await write(shop, price(60000, sunday, MONDAY), change="chg_2")
    await write(shop, price(69900, TOMORROW, SATURDAY), change="chg_3")

    async with shop.transaction() as tx:
        await take_back(tx, "de", "chg_1", NOON)

    assert await history(shop) == [
        (79900, JANUARY, TOMORROW),
        (69900, TOMORROW, SATURDAY),
        (79900, SATURDAY, sunday),
        (60000, sunday, MONDAY),
        (79900, MONDAY, None),
    ]


async def test_a_gap_is_taken_back(shop: Database) -> None:
    await write(shop, price(None, TOMORROW), change="chg_1")

    async with shop.transaction() as tx:
        await take_back(tx, "de", "chg_1", NOON)
        await take_back(tx, "de", "chg_1", NOON)

    assert await history(shop) == [(79900, JANUARY, None)]


async def test_what_has_begun_is_not_taken_back(shop: Database, clock: SetClock) -> None:
    await write(shop, price(None, TOMORROW), price(1, TOMORROW, sku="WATCH"), change="chg_1")
    clock.set(TOMORROW)

    with pytest.raises(PriceInThePast):
        async with shop.transaction() as tx:
            await take_back(tx, "de", "chg_1", clock.now())

    assert await history(shop) == [(79900, JANUARY, TOMORROW)]


# What is always true


_PRICE = "INSERT INTO channel_prices (sku, channel, valid_from, valid_to, amount, recorded_at, superseded_at) VALUES"
_UNGUARDED = "ALTER TABLE channel_prices DROP CONSTRAINT ex_channel_prices_overlap"
_EXCEPTION = """
    INSERT INTO parity_exceptions (id, channel, sku, reason, approved_by, approved_at, expires_at)
    VALUES ('pex_1', 'web-de', 'WATCH', 'a fair', 'somebody', '2026-11-01Z', '2026-12-01Z')
"""
_EXCEPTED = "INSERT INTO channel_prices (sku, channel, valid_from, valid_to, amount, exception_id) VALUES"
PLANTED: list[tuple[type[Law], list[str], str]] = [
    (
        ChannelPricesNeverOverlap,
        [
            _UNGUARDED,
            f"{_PRICE} ('WATCH', 'web-de', '2026-03-01Z', '2026-05-01Z', 1, '2026-02-01Z', NULL)",
            f"{_PRICE} ('WATCH', 'web-de', '2026-04-01Z', NULL, 2, '2026-02-01Z', NULL)",
        ],
        "WATCH web-de 2026-04-01 00:00:00+00:00",
    ),
    (
        OnePriceWasBelieved,
        [
            f"{_PRICE} ('WATCH', 'web-de', '2026-03-01Z', NULL, 1, NULL, '2026-03-02Z')",
            f"{_PRICE} ('WATCH', 'web-de', '2026-03-01Z', NULL, 2, '2026-03-01Z', NULL)",
        ],
        "channel 1 2",
    ),
    (ExceptionsEnd, [_EXCEPTION, f"{_EXCEPTED} ('WATCH', 'web-de', '2026-11-01Z', NULL, 1, 'pex_1')"], "1 pex_1"),
    (
        ExceptionsEnd,
        [_EXCEPTION, f"{_EXCEPTED} ('WATCH', 'retail-de', '2026-11-01Z', '2026-11-09Z', 1, 'pex_1')"],
        "1 pex_1",
    ),
]


@pytest.mark.parametrize(("law", "planted", "offender"), PLANTED)
async def test_a_broken_law_is_seen(shop: Database, law: type[Law], planted: list[str], offender: str) -> None:
    await write(shop, price(69900, TOMORROW), price(1, channel="web-de"))
    await write(shop, price(69800, MONDAY), price(None, MONDAY, channel="web-de"))
    await no_law_is_broken(shop, law)

    async with shop.transaction() as tx:
        for statement in planted:
            await tx.execute(text(statement))

    async with shop.snapshot() as reading:
        [finding] = await check_laws(reading, [law])
    assert finding.offenders == 1
    assert finding.shown[0].split() == [ANY if part.isdigit() else part for part in offender.split()]
