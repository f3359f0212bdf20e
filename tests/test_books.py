"""Price books: what is in them, how they are numbered, and what publishing refuses."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event, text

from commerce.kernel.clock import SetClock
from commerce.kernel.db import LIMITS, Database
from pricing.books.canonical import canonical, read_strictly, sha256_of
from pricing.books.errors import ChangesTooSoon, MarketsLocked
from pricing.books.publish import publish_all, publish_everywhere
from pricing.books.zones import microseconds
from pricing.locking import lock_market
from pricing.rules.book import Book, Price
from tests.book_stories import LEAD, SOON, promote, publish, reprice
from tests.conftest import NOON, Json
from tests.shop import rows
from tests.stories import every_law_holds, open_lawful_shop, plant, told

JAN_1 = microseconds(datetime(2026, 1, 1, tzinfo=UTC))


@pytest.fixture(autouse=True)
async def _shop(db: Database) -> None:
    await open_lawful_shop(db, books=False)


async def book_of(db: Database, number: int, market: str = "de") -> Book:
    """A stored book, read as strictly as anybody would."""
    [(body, sha256)] = await rows(
        db,
        "SELECT body, sha256 FROM price_books WHERE market = :market AND number = :number",
        market=market,
        number=number,
    )
    assert sha256_of(body) == sha256
    return read_strictly(body)


async def plain(db: Database, number: int, market: str = "de") -> Json:
    """A stored book as JSON."""
    built: Json = json.loads(canonical(await book_of(db, number, market)))
    return built


async def test_a_first_book_says_all_that_is_in_force(db: Database) -> None:
    assert await publish(db) == 1

    book = await plain(db, 1)
    [(key, public)] = await rows(db, "SELECT id, encode(public, 'hex') FROM book_keys")
    items = book.pop("items")
    assert book == {
        "format": 1,
        "market": "de",
        "number": 1,
        "compiled_at": microseconds(NOON),
        "complete_until": microseconds(datetime(2027, 2, 3, tzinfo=UTC)),
        "currency": "EUR",
        "prices_include_tax": True,
        "tax_rounding": "line",
        "time_zone": {
            "name": "Europe/Berlin",
            "offsets": [
                [microseconds(datetime(2026, 3, 29, 1, tzinfo=UTC)), 7200],
                [microseconds(datetime(2026, 10, 25, 1, tzinfo=UTC)), 3600],
                [microseconds(datetime(2027, 3, 28, 1, tzinfo=UTC)), 7200],
                [microseconds(datetime(2027, 10, 31, 1, tzinfo=UTC)), 3600],
                [microseconds(datetime(2028, 3, 26, 1, tzinfo=UTC)), 7200],
                [microseconds(datetime(2028, 10, 29, 1, tzinfo=UTC)), 3600],
            ],
        },
        "prior": {"window_days": 30, "announced_days": 90, "progressive": False, "new_arrivals": "shorter"},
        "keys": [{"id": key, "public": public}],
        "channels": [{"code": "retail-de", "kind": "retail"}, {"code": "web-de", "kind": "online"}],
        "categories": [
            {"code": "accessories", "parent": None},
            {"code": "cases", "parent": "accessories"},
            {"code": "phones", "parent": None},
        ],
        "taxes": [
            {"tax_class": "reduced", "rates": [[JAN_1, None, 700]]},
            {"tax_class": "standard", "rates": [[JAN_1, None, 1900]]},
            {"tax_class": "zero", "rates": [[JAN_1, None, 0]]},
        ],
        "promotions": [],
    }
    assert [item["sku"] for item in items] == ["CASE-BLK", "CHARGER", "DRAFT-1", "PHONE-BLK", "PHONE-WHT", "WATCH"]
    assert items[0] == {
        "sku": "CASE-BLK",
        "product": "case",
        "category": "cases",
        "brand": "Brand",
        "attributes": [["colour", "black"]],
        "tax_class": "standard",
        "recommended": [[JAN_1, None, 2900]],
        "channels": [],
        "costs": [],
    }
    assert await told(db, "price_book_published") == [{"market": "de", "number": 1, "sha256": (await head(db))[1]}]
    await every_law_holds(db)


async def head(db: Database, market: str = "de") -> tuple[int, str]:
    """The number and the hash of the current book."""
    [found] = await rows(db, "SELECT number, sha256 FROM price_book_heads WHERE market = :market", market=market)
    return found[0], found[1]


async def test_what_changes_is_a_new_book_and_what_does_not_is_none(db: Database, clock: SetClock) -> None:
    await publish(db)
    clock.advance(timedelta(minutes=5))
    assert await publish(db) is None

    await reprice(db, "CASE-BLK", 2500, clock.now() + LEAD)
    assert await publish(db) == 2
    assert await publish(db) is None

    case = next(item for item in (await book_of(db, 2)).items if item.sku == "CASE-BLK")
    turn = microseconds(clock.now() + LEAD)
    assert case.recommended == [Price(JAN_1, turn, 2900), Price(turn, None, 2500)]
    assert (await head(db))[0] == 2
    assert [number for (number,) in await rows(db, "SELECT number FROM price_books ORDER BY number")] == [1, 2]
    await every_law_holds(db)


async def test_channel_prices_costs_policy_and_promotions_are_in_it(db: Database) -> None:
    await plant(
        db,
        """INSERT INTO channel_prices (sku, channel, valid_from, valid_to, amount) VALUES
            ('WATCH', 'web-de', '2026-10-01Z', '2026-11-20Z', 19900), ('WATCH', 'web-us', '2026-10-01Z', NULL, 1),
            ('WATCH', 'retail-de', '2026-11-10Z', NULL, 20900)""",
        """INSERT INTO unit_costs (sku, market, valid_from, amount) VALUES
            ('CASE-BLK', 'de', '2026-01-01Z', 900), ('CASE-BLK', 'de', '2026-12-01Z', 950)""",
        """INSERT INTO pricing_policies VALUES
            ('de', 'band', 500, 'order', 20, 60, true, 'none', 40, 30, 'someone', '2026-01-01Z')""",
    )
    await promote(db, SOON, floor={"cost": True, "minimum": 0}, cap=5000)
    await promote(db, SOON, id="prm_0", state="approved")
    await promote(db, NOON - timedelta(days=300), NOON - timedelta(days=200), id="prm_2", state="ended")
    await promote(db, NOON + timedelta(days=60), id="prm_3")
    await publish(db)

    book = await plain(db, 1)
    by_sku = {item["sku"]: item for item in book["items"]}
    day = {
        name: microseconds(datetime(2026, month, number, tzinfo=UTC))
        for name, month, number in (("oct_1", 10, 1), ("nov_10", 11, 10), ("nov_20", 11, 20), ("dec_1", 12, 1))
    }
    assert by_sku["WATCH"]["channels"] == [
        {"channel": "retail-de", "prices": [[day["nov_10"], None, 20900]]},
        {"channel": "web-de", "prices": [[day["oct_1"], day["nov_20"], 19900]]},
    ]
    assert by_sku["CASE-BLK"]["costs"] == [[JAN_1, day["dec_1"], 900], [day["dec_1"], None, 950]]
    assert book["tax_rounding"] == "order"
    assert book["prior"] == {"window_days": 20, "announced_days": 60, "progressive": True, "new_arrivals": "none"}
    assert book["complete_until"] == microseconds(datetime(2026, 12, 13, tzinfo=UTC))
    assert book["promotions"] == [
        {
            "id": "prm_1",
            "name": "A tenth off cases",
            "starts": microseconds(SOON),
            "ends": None,
            "lane": 0,
            "priority": 0,
            "exclusive": False,
            "conditions": {"items": {"categories": ["cases"]}},
            "benefit": {"kind": "percent", "share": 1000},
            "cap": 5000,
            "floor": {"cost": True},
            "limited": False,
        }
    ]


async def test_costs_are_nobodys_business_unless_a_promotion_must_not_go_below_them(db: Database) -> None:
    await plant(db, "INSERT INTO unit_costs (sku, market, valid_from, amount) VALUES ('WATCH', 'de', '2026-01-01Z', 1)")
    await promote(db, SOON)
    await publish(db)

    assert all(item.costs == [] for item in (await book_of(db, 1)).items)


async def test_attributes_are_texts_whatever_they_were_written_as(db: Database) -> None:
    odd = r"""{"z\u0007\n\"\\": "é\u2028", "b": true, "n": 1.50, "list": [1, 2], "nothing": null}"""
    async with db.transaction() as tx:
        await tx.execute(text("UPDATE variants SET brand = NULL, attributes = :odd WHERE sku = 'WATCH'"), {"odd": odd})
    await publish(db)

    watch = next(item for item in (await book_of(db, 1)).items if item.sku == "WATCH")
    assert watch.brand is None
    assert watch.attributes == [
        ("b", "true"),
        ("list", "[1, 2]"),
        ("n", "1.50"),
        ('z\x07\n"\\', "é\u2028"),
    ]


async def test_what_comes_within_the_horizon_is_published_by_itself(db: Database, clock: SetClock) -> None:
    far = NOON + timedelta(days=100)
    await reprice(db, "CASE-BLK", 2500, far)
    await publish_everywhere(db, NOON)
    assert len((await book_of(db, 1)).items[0].recommended) == 1

    clock.set(NOON + timedelta(days=7))
    assert await publish_everywhere(db, clock.now()) == {}
    clock.set(NOON + timedelta(days=9))
    assert await publish_everywhere(db, clock.now()) == {"de": 2}
    assert [price.amount for price in (await book_of(db, 2)).items[0].recommended] == [2900, 2500]


async def test_nobody_comes_to_the_end_of_what_a_book_foresees(db: Database, clock: SetClock) -> None:
    """Nothing changes, and still there is a new book when half of what the last one foresaw is over."""
    await publish(db, "us")
    clock.set(NOON + timedelta(days=45))
    assert await publish(db, "us") is None
    clock.set(NOON + timedelta(days=47))
    assert await publish(db, "us") == 2
    assert (await book_of(db, 2, "us")).complete_until == microseconds(datetime(2027, 3, 22, tzinfo=UTC))


async def test_what_is_over_for_long_is_in_no_book_any_more(db: Database, clock: SetClock) -> None:
    await plant(
        db,
        """INSERT INTO recommended_prices (sku, market, valid_from, valid_to, amount)
            VALUES ('CASE-BLK', 'de', '2025-12-01Z', '2026-01-01Z', 3900)""",
    )
    clock.set(datetime(2026, 4, 30, 23, tzinfo=UTC))
    await publish(db)
    assert len((await book_of(db, 1)).items[0].recommended) == 2
    clock.set(datetime(2026, 5, 1, 1, tzinfo=UTC))
    assert await publish(db) == 2
    assert len((await book_of(db, 2)).items[0].recommended) == 1


@pytest.mark.parametrize("by", [timedelta(0), timedelta(seconds=9, microseconds=999_999)])
async def test_a_change_that_not_everybody_can_know_of_is_not_published(db: Database, by: timedelta) -> None:
    await publish(db)
    await reprice(db, "CASE-BLK", 2500, NOON + by)

    with pytest.raises(ChangesTooSoon) as refused:
        await publish(db)

    assert refused.value.facts() == {
        "field": "starts_at",
        "what": "The price of CASE-BLK",
        "instant": NOON + by,
        "earliest": NOON + LEAD,
    }
    assert (await head(db))[0] == 1
    assert await publish(db, at_once=True) == 2


async def test_taking_back_a_change_that_has_almost_begun_is_too_late(db: Database, clock: SetClock) -> None:
    """Somebody may still hold the book in which it begins, and would quote it."""
    await promote(db, SOON)
    await publish(db)
    await plant(db, "UPDATE promotions SET state = 'withdrawn'")
    clock.set(SOON - LEAD + timedelta(microseconds=1))
    with pytest.raises(ChangesTooSoon, match="promotion prm_1"):
        await publish(db)

    clock.set(SOON - LEAD)
    assert await publish(db) == 2
    assert (await book_of(db, 2)).promotions == []


async def test_a_promotion_that_runs_is_not_changed_under_anybodys_hands(db: Database, clock: SetClock) -> None:
    await promote(db, SOON)
    await publish(db)
    clock.set(SOON)
    await plant(db, "UPDATE promotions SET definition = jsonb_set(definition, '{cap}', '100')")
    with pytest.raises(ChangesTooSoon):
        await publish(db)
    await plant(db, "UPDATE promotions SET definition = jsonb_set(definition, '{cap}', 'null')")
    await plant(db, "UPDATE promotions SET ends_at = starts_at + interval '10 seconds'")
    assert await publish(db) == 2


async def test_a_price_that_is_cut_into_pieces_is_still_the_same_price(db: Database) -> None:
    await publish(db)
    await reprice(db, "CASE-BLK", 2900, NOON + timedelta(seconds=1))

    assert await publish(db) == 2


async def test_every_market_has_numbers_of_its_own_and_the_first_use_makes_its_first_book(db: Database) -> None:
    await publish(db, "us")
    async with db.transaction() as tx:
        assert await publish_all(tx, NOON) == {"de": 1}
        assert await publish_all(tx, NOON) == {}

    assert await head(db, "de") == (
        1,
        sha256_of((await rows(db, "SELECT body FROM price_books WHERE market = 'de'"))[0][0]),
    )
    book = await book_of(db, 1, "us")
    assert (book.currency, book.prices_include_tax, book.time_zone.name) == ("USD", False, "America/New_York")


async def test_instants_at_which_charges_turn_are_kept_with_the_first_book_that_has_all_of_it(db: Database) -> None:
    starts = "SELECT starts_at, number FROM book_starts ORDER BY starts_at"
    await promote(db, SOON, SOON + timedelta(hours=1))
    await publish(db)
    assert await rows(db, starts) == [(SOON, 1), (SOON + timedelta(hours=1), 1)]

    await reprice(db, "CASE-BLK", 2500, SOON)
    await publish(db)
    assert await rows(db, starts) == [(SOON, 2), (SOON + timedelta(hours=1), 1)]

    await plant(db, "UPDATE promotions SET state = 'withdrawn'")
    await publish(db)
    assert await rows(db, starts) == [(SOON, 3), (SOON + timedelta(hours=1), 3)], "who holds book 2 would start it"


# Everywhere


@pytest.mark.parametrize("held_for_long", [True, False])
async def test_a_market_that_somebody_holds_stops_no_other(
    db: Database, url: str, clock: SetClock, *, held_for_long: bool
) -> None:
    """It is come back to, and named where it is held still."""
    async with db.transaction() as tx:
        await publish_all(tx, NOON)
    await plant(db, "INSERT INTO categories (code, name) VALUES ('new', 'New')")
    hasty = Database(url, clock=clock, limits={**LIMITS, "lock_timeout": "500ms"})
    other_came_out = asyncio.Event()
    event.listen(
        hasty.engine.sync_engine,
        "after_cursor_execute",
        lambda *sent: other_came_out.set() if "INSERT INTO price_books" in sent[2] else None,
    )
    async with db.transaction() as tx:
        await lock_market(tx, "de")
        publishing = asyncio.ensure_future(publish_everywhere(hasty, NOON))
        await (asyncio.wait([publishing]) if held_for_long else other_came_out.wait())

    if held_for_long:
        with pytest.raises(MarketsLocked) as refused:
            await publishing
        assert refused.value.facts() == {"markets": ["de"]}
    else:
        assert await publishing == {"us": 2, "de": 2}
    assert [(await head(db, market))[0] for market in ("de", "us")] == [1 if held_for_long else 2, 2]
    await hasty.close()
