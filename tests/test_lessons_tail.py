"""The tail of the range: what might go, and of what nobody can say so, since it was not there for anybody to buy."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from commerce.kernel.access import Role
from commerce.kernel.clock import SetClock
from commerce.kernel.db import Database
from tests.conftest import Api, Callers, Json
from tests.lesson_shop import asked, assert_same, bring, past
from tests.shop import open_shop, put_stock
from tests.stories import cash, order, plant, sale

LISTED = {"visible_from": "2026-01-01T00:00:00Z", "certified_from": "2026-01-01T00:00:00Z"}
NEWCOMER = {"sku": "BAND", "name": "Band", "category": "accessories", "tax_class": "standard"}


@pytest.fixture
async def analyst(callers: Callers) -> Api:
    """Somebody who asks."""
    return await callers(Role.ANALYST)


@pytest.fixture
async def merchandiser(callers: Callers) -> Api:
    """Somebody who says what is listed where."""
    return await callers(Role.MERCHANDISER)


def advice(answer: Json, sku: str = "WATCH") -> str:
    """What is said of a sku, with the reason where that is nothing."""
    row = next(row for row in answer["rows"] if row["sku"] == sku)
    return " ".join(word for word in (row["candidate"], row["unknown_because"]) if word)


async def test_the_tail_says_what_might_go(db: Database, analyst: Api, tmp_path: Path) -> None:
    """White phones lie there and never sold. What did sell is ranked, and who makes up most of it is an A."""
    await bring(db, tmp_path / "past", past(stock=[["PHONE-2", "wh-de", "4"]]))

    answer = await asked(analyst, "sku-tail", as_of="2026-02-28", days=30, fewer_than=3, market="de")
    now = await asked(analyst, "sku-tail", days=300, fewer_than=3, sort="rank", market="de")

    assert [(row["sku"], row["units"], row["orders"], row["days_since_last_sale"]) for row in answer["rows"]] == [
        ("PHONE-2", 0, 0, None),
        ("PHONE-1", 1, 1, 7),
        ("CASE-1", 3, 3, 8),
    ]
    assert [(row["rank"], row["abc"], advice(answer, row["sku"]), row["on_hand"]) for row in answer["rows"]] == [
        (3, "C", "unknown stock_unknown", None),
        (2, "A", "unknown stock_unknown", None),
        (1, "A", "no", None),
    ]
    assert [row["cumulative_share"] for row in answer["rows"]] == ["1.000000", "1.000000", "0.750000"]
    assert [(row["sku"], row["candidate"], row["available"]) for row in now["rows"]] == [
        ("PHONE-1", "no", None),
        ("CASE-1", "no", None),
        ("PHONE-2", "sell_off", 4),
    ]
    assert now["rows"][0]["revenue"] == {"amount": 36667, "currency": "EUR"}


async def test_of_what_is_new_nobody_can_say_and_what_is_retired_is_gone(
    db: Database, clock: SetClock, analyst: Api, merchandiser: Api
) -> None:
    """Shown since 5 October, the charger had no thirty days; the watch had, and is retired an hour later."""
    await open_shop(db)
    for sku in ("CHARGER", "WATCH"):
        await put_stock(db, sku, "wh-de", 3)
    await plant(
        db, "UPDATE listings SET visible_from = '2026-10-04 22:00Z' WHERE sku = 'CHARGER' AND channel LIKE '%-de'"
    )
    then = clock.now().isoformat()
    clock.advance(timedelta(hours=1))
    before = await asked(analyst, "sku-tail", days=29, market="de", as_of=then)
    assert (await merchandiser.post("/v1/catalog/products/watch/retire")).status_code == 200

    today = await asked(analyst, "sku-tail", days=29, market="de")
    longer = await asked(analyst, "sku-tail", days=30, market="de")

    assert (advice(before), advice(today)) == ("sell_off", "no")
    assert (advice(today, "CHARGER"), advice(longer, "CHARGER")) == ("sell_off", "unknown new")
    assert advice(today, "DRAFT-1") == "no"
    assert_same(await asked(analyst, "sku-tail", days=29, market="de", as_of=then), before)


async def test_what_is_published_is_new_however_long_it_was_listed(
    db: Database, clock: SetClock, analyst: Api, merchandiser: Api
) -> None:
    await open_shop(db)
    await plant(db, "INSERT INTO listings VALUES ('web-de', 'DRAFT-1', '2026-01-01Z', NULL, '2026-01-01Z')")
    await put_stock(db, "DRAFT-1", "wh-de", 3)
    clock.advance(timedelta(days=1))
    assert (await merchandiser.post("/v1/catalog/products/draft/publish")).status_code == 200

    first_day = await asked(analyst, "sku-tail", days=1)
    clock.advance(timedelta(days=1))
    second_day = await asked(analyst, "sku-tail", days=1)

    assert (advice(first_day, "DRAFT-1"), advice(second_day, "DRAFT-1")) == ("unknown new", "sell_off")


async def test_what_nobody_could_buy_there_is_no_candidate(db: Database, analyst: Api, web: Api) -> None:
    """Watches are sold online in Germany, and lie in a store that may not sell them."""
    await open_shop(db)
    await put_stock(db, "WATCH", "wh-de", 500)
    await put_stock(db, "WATCH", "berlin", 5)
    await plant(
        db,
        "DELETE FROM listings WHERE sku = 'WATCH' AND channel LIKE 'retail%'",
        "UPDATE listings SET certified_from = '2026-12-01Z' WHERE sku = 'WATCH' AND channel = 'web-us'",
    )
    answer = await web.post("/v1/orders", order(("WATCH", 40), total=24900 * 40))
    assert answer.status_code == 201, answer.text

    said = {
        str(where): advice(await asked(analyst, "sku-tail", **where))
        for where in ({}, {"channel_kind": "retail"}, {"market": "us"}, {"store": "berlin"})
    }
    assert said == {
        "{}": "no",
        "{'channel_kind': 'retail'}": "unknown not_offered",
        "{'market': 'us'}": "unknown not_offered",
        "{'store': 'berlin'}": "unknown not_offered",
    }
    assert advice(await asked(analyst, "sku-tail", fewer_than=41)) == "sell_off"


async def test_what_was_sold_out_did_not_lack_buyers(
    db: Database, clock: SetClock, analyst: Api, till: Api, web: Api
) -> None:
    """Berlin sold all its watches; the warehouse's chargers were all ordered, and wait to be shipped ever since."""
    await open_shop(db)
    await put_stock(db, "WATCH", "berlin", 50)
    await put_stock(db, "CHARGER", "wh-de", 9)
    clock.advance(timedelta(hours=1))
    total = 24900 * 50
    sold = await till.post("/v1/till-sales", sale(("WATCH", 50), total=total, tenders=[cash(total)]))
    ordered = await web.post("/v1/orders", order(("CHARGER", 9), total=3900 * 9))
    assert (sold.status_code, ordered.status_code) == (201, 201)

    clock.advance(timedelta(days=90))
    ninety = await asked(analyst, "sku-tail", days=90, fewer_than=100, market="de")
    ninety_one = await asked(analyst, "sku-tail", days=91, fewer_than=100, market="de")

    for sku in ("WATCH", "CHARGER"):
        assert (advice(ninety, sku), advice(ninety_one, sku)) == ("unknown out_of_stock", "retire")


# A past as-of is the same again

Edit = Callable[[Api], Awaitable[object]]


async def _add(merchandiser: Api) -> None:
    added = await merchandiser.post("/v1/catalog/products/watch/variants", NEWCOMER)
    assert added.status_code == 201, added.text


async def _relist(merchandiser: Api) -> None:
    """The watch is shown from next month on, the charger in no store any more, the draft at last."""
    for channel in ("web-de", "retail-de"):
        later = {**LISTED, "visible_from": "2026-12-01T00:00:00Z"}
        assert (await merchandiser.send("PUT", f"/v1/listings/{channel}/WATCH", later)).status_code == 200
    over = {**LISTED, "visible_to": "2026-02-01T00:00:00Z"}
    assert (await merchandiser.send("PUT", "/v1/listings/retail-de/CHARGER", over)).status_code == 200
    assert (await merchandiser.send("PUT", "/v1/listings/web-de/DRAFT-1", LISTED)).status_code == 200


@pytest.mark.parametrize("edit", [_add, _relist])
async def test_what_the_catalog_says_later_changes_no_past_tail(
    db: Database, clock: SetClock, analyst: Api, merchandiser: Api, edit: Edit
) -> None:
    await open_shop(db)
    for sku in ("WATCH", "CHARGER"):
        await put_stock(db, sku, "berlin", 3)
    then = clock.now().isoformat()
    clock.advance(timedelta(hours=1))
    questions: list[tuple[str, Json]] = [
        ("sku-tail", {"as_of": then, "market": "de"}),
        ("sku-tail", {"as_of": then, "of": "product:watch"}),
        ("channel-gaps", {"as_of": then, "min_support": 1}),
    ]
    before = [await asked(analyst, report, **params) for report, params in questions]

    clock.advance(timedelta(days=1))
    await edit(merchandiser)

    for answer, (report, params) in zip(before, questions, strict=True):
        assert_same(await asked(analyst, report, **params), answer)


async def test_a_status_that_was_not_kept_yet_is_that_of_the_change_after(
    db: Database, clock: SetClock, analyst: Api, merchandiser: Api
) -> None:
    """The watch was moved between categories before statuses were kept, and is retired today."""
    await open_shop(db)
    await put_stock(db, "WATCH", "wh-de", 3)
    then = clock.now().isoformat()
    await plant(
        db,
        "INSERT INTO variant_pasts (sku, until, product, category) VALUES ('WATCH', '2026-11-03Z', 'watch', 'cases')",
    )
    clock.advance(timedelta(days=2))
    questions: list[tuple[str, Json]] = [
        ("sku-tail", {"as_of": then, "market": "de"}),
        ("channel-gaps", {"as_of": then, "min_support": 1}),
    ]
    before = [await asked(analyst, report, **params) for report, params in questions]
    assert (await merchandiser.post("/v1/catalog/products/watch/retire")).status_code == 200

    for answer, (report, params) in zip(before, questions, strict=True):
        assert_same(await asked(analyst, report, **params), answer)
    assert advice(before[0]) == "sell_off"


async def test_days_that_began_in_one_time_zone_did_so_for_ever(
    db: Database, clock: SetClock, callers: Callers, analyst: Api
) -> None:
    """Shown since seven on the first of 29 mornings, the watch is new. Then Germany goes by Hawaii's clocks."""
    await open_shop(db)
    await put_stock(db, "WATCH", "wh-de", 3)
    await plant(
        db, "UPDATE listings SET visible_from = '2026-10-05 05:00Z' WHERE sku = 'WATCH' AND channel LIKE '%-de'"
    )
    then = clock.now().isoformat()
    clock.advance(timedelta(hours=1))
    before = await asked(analyst, "sku-tail", days=29, market="de", as_of=then)

    moved = await (await callers(Role.ADMIN)).send("PATCH", "/v1/markets/de", {"time_zone": "Pacific/Honolulu"})
    assert moved.status_code == 200, moved.text

    assert advice(before) == "unknown new"
    assert_same(await asked(analyst, "sku-tail", days=29, market="de", as_of=then), before)


async def test_a_listing_counts_for_the_days_on_which_it_said_so(
    db: Database, clock: SetClock, analyst: Api, merchandiser: Api
) -> None:
    """Taken off and put on again, the watch is not new; in America it is, though it was listed for the past."""
    await open_shop(db)
    await plant(db, "DELETE FROM listings WHERE sku = 'WATCH' AND channel <> 'web-de'")
    for location in ("wh-de", "wh-us"):
        await put_stock(db, "WATCH", location, 3)
    for until in ("2026-02-01T00:00:00Z", None):
        clock.advance(timedelta(days=10))
        said = {**LISTED, "visible_to": until}
        assert (await merchandiser.send("PUT", "/v1/listings/web-de/WATCH", said)).status_code == 200
    assert (await merchandiser.send("PUT", "/v1/listings/web-us/WATCH", LISTED)).status_code == 200
    clock.advance(timedelta(days=10))

    said_of = {
        (market, days): advice(await asked(analyst, "sku-tail", market=market, days=days))
        for market, days in (("de", 25), ("de", 15), ("de", 5), ("us", 15), ("us", 5))
    }

    assert said_of == {
        ("de", 25): "sell_off",
        ("de", 15): "sell_off",
        ("de", 5): "sell_off",
        ("us", 15): "unknown new",
        ("us", 5): "sell_off",
    }


async def test_what_is_imported_later_was_there_always_but_not_believed(
    db: Database, clock: SetClock, analyst: Api, tmp_path: Path
) -> None:
    """A history without white phones is brought in, and then one with them."""
    with_all = past()
    named = ("products", "recommended_prices")
    without = {**with_all, **{name: [row for row in with_all[name] if row[0] != "PHONE-2"] for name in named}}
    await bring(db, tmp_path / "1", without)
    then = clock.now().isoformat()
    clock.advance(timedelta(hours=1))
    params: Json = {"as_of": "2026-02-28", "days": 30, "market": "de"}
    before = await asked(analyst, "sku-tail", believed_at=then, **params)
    await bring(db, tmp_path / "2", with_all)

    assert_same(await asked(analyst, "sku-tail", believed_at=then, **params), before)
    after = await asked(analyst, "sku-tail", **params)
    assert advice(after, "PHONE-2") == "unknown stock_unknown"
    assert len(after["rows"]) == len(before["rows"]) + 1
