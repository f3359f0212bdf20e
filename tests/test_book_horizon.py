"""Whatever begins is in a price book long before, however short the horizon is, and whoever fails to publish."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from commerce.kernel.access import Role
from commerce.kernel.db import Database
from pricing.books.canonical import read
from pricing.books.tasks import compile_books
from pricing.books.zones import instant_of, microseconds
from pricing.changes.tasks import move_price_changes
from pricing.rules import prepare, quote
from pricing.rules.book import Book, Price, Tax
from pricing.rules.quoted import CannotQuote
from tests.book_stories import reprice
from tests.books import basket, book, item, us
from tests.conftest import NOON, Api, Callers
from tests.price_changes import Desk, at, desk
from tests.price_changes import item as priced
from tests.shop import rows
from tests.stories import eur, every_law_holds, open_lawful_shop

__all__ = ["desk"]
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
WATCH = {"channel": "web-de", "lines": [{"sku": "WATCH", "quantity": 1}]}


async def newest(db: Database) -> Book:
    """The current German book."""
    [(body,)] = await rows(
        db, "SELECT body FROM price_book_heads JOIN price_books USING (market, number) WHERE market = 'de'"
    )
    return read(bytes(body))


async def begins_in_book(db: Database, begins: datetime) -> bool:
    """Whether the current book knows that the watch has another price from an instant on."""
    [watch] = [one for one in (await newest(db)).items if one.sku == "WATCH"]
    return any(price.begins == microseconds(begins) for price in watch.recommended)


async def looks_ahead(callers: Callers, days: int) -> None:
    """Let German books look so far ahead."""
    admin = await callers(Role.ADMIN)
    done = await admin.send("PUT", "/v1/pricing-policies/de", {"horizon_days": days})
    assert done.status_code == 200, done.text


async def amount(web: Api) -> Any:  # noqa: ANN401 - an amount, or what was answered in its place
    """What a watch costs in the web shop now."""
    answer = await web.post("/v1/quotes", WATCH)
    return answer.json()["total"]["amount"] if answer.status_code == 200 else answer.json()


def clashes(logged: list[Any]) -> list[Any]:
    """What the log says was published without notice."""
    return [one for one in logged if one["event"] == "book_changes_at_once"]


@pytest.mark.parametrize("days", [1, 2])
@pytest.mark.parametrize("second", [0, 5, 59])
async def test_a_price_that_begins_just_after_midnight_is_charged_from_then_on(
    desk: Desk, callers: Callers, days: int, second: int
) -> None:
    """Nothing is published for a whole day before it, and the minute's work comes 45 s after the start."""
    await looks_ahead(callers, days)
    web = await callers(Role.STOREFRONT, channel="web-de")
    begins = (NOON + DAY).replace(hour=0, minute=0, second=second)
    desk.clock.set(begins - timedelta(hours=3))
    await desk.scheduled(priced("WATCH", 19900), starts_at=at(begins))
    known = await begins_in_book(desk.db, begins)
    charged = []
    for instant in (begins - MINUTE / 2, begins, begins + MINUTE / 4):
        desk.clock.set(instant)
        charged.append(await amount(web))

    assert (known, charged) == (True, [24900, 19900, 19900])
    await desk.laws_hold()


@pytest.mark.parametrize("days", [1, 2])
async def test_what_is_planned_far_ahead_is_in_a_book_a_day_before_it_begins(
    desk: Desk, callers: Callers, days: int
) -> None:
    """The first work of a day brings it; across midnights nothing that is published changes a charge at once."""
    await looks_ahead(callers, days)
    midnight = (NOON + 9 * DAY).replace(hour=0)
    begins = midnight + timedelta(seconds=5)
    await desk.scheduled(priced("WATCH", 19900), starts_at=at(begins))
    seen = {}
    with capture_logs() as logged:
        for instant in (midnight - days * DAY + away for away in (-MINUTE, timedelta(seconds=40))):
            desk.clock.set(instant)
            await compile_books(desk.db, instant)
            seen[instant] = await begins_in_book(desk.db, begins)

    assert list(seen.values()) == [False, True], "not before that day, or it would prove nothing"
    assert clashes(logged) == []


@pytest.mark.parametrize("hours", [1, 11, 23])
async def test_a_horizon_that_shrinks_loses_nothing_that_is_about_to_begin(
    desk: Desk, callers: Callers, hours: int
) -> None:
    begins = (NOON + DAY).replace(hour=0, second=5)
    web = await callers(Role.STOREFRONT, channel="web-de")
    desk.clock.set(begins - timedelta(hours=hours))
    await desk.scheduled(priced("WATCH", 19900), starts_at=at(begins))
    await looks_ahead(callers, 1)
    desk.clock.set(begins + MINUTE / 4)

    assert await amount(web) == 19900


async def test_where_nobody_published_for_days_a_buyer_is_asked_for_what_holds_by_now(
    desk: Desk, callers: Callers
) -> None:
    """The worker is away. The book that it left is over, and does not know the price: the next one is made here."""
    await looks_ahead(callers, 1)
    web = await callers(Role.STOREFRONT, channel="web-de")
    begins = NOON + 5 * DAY
    await desk.scheduled(priced("WATCH", 19900), starts_at=at(begins))
    left = await newest(desk.db)
    desk.clock.set(begins + MINUTE)
    with capture_logs() as logged:
        charged = [await amount(web), await amount(web)]
    made = await newest(desk.db)

    assert not instant_of(left.complete_until) > begins
    assert charged == [19900, 19900]
    assert made.number == left.number + 1
    assert [(one["market"], one["number"], one["what"]) for one in clashes(logged)] == [
        ("de", made.number, "The price of WATCH")
    ]
    await move_price_changes(desk.db, desk.clock.now())
    await desk.laws_hold()


LOOKS: dict[str, tuple[str, dict[str, Any]]] = {
    "list": ("/v1/products", {"channel": "web-de", "q": "watch"}),
    "product": ("/v1/products/watch", {"channel": "web-de"}),
    "prior price": ("/v1/prior-prices", {"channel": "web-de", "sku": "WATCH"}),
}


@pytest.mark.parametrize("looks", LOOKS)
async def test_where_nobody_published_for_days_a_visitor_sees_what_holds_by_now(
    desk: Desk, callers: Callers, looks: str
) -> None:
    """Who hides what cannot be bought is never asked for a quote: looking at it is enough."""
    await looks_ahead(callers, 1)
    web = await callers(Role.STOREFRONT, channel="web-de")
    await desk.scheduled(priced("WATCH", 19900), starts_at=at(NOON + 5 * DAY))
    left = await newest(desk.db)
    desk.clock.set(NOON + 5 * DAY + MINUTE)
    path, about = LOOKS[looks]

    seen = [(await web.get(path, **about)).json() for _ in range(2)]

    shown = seen[0]["items"][0] if looks == "list" else seen[0]
    watch = shown["variants"][0] if "variants" in shown else shown
    assert (watch["price"], watch.get("buyable", True)) == (eur(19900), True)
    assert seen[0] == seen[1]
    assert (await newest(desk.db)).number == left.number + 1
    await move_price_changes(desk.db, desk.clock.now())
    await desk.laws_hold()


async def test_a_shelf_is_shown_by_the_first_book_of_a_market_as_well(callers: Callers, db: Database) -> None:
    await open_lawful_shop(db, books=False)
    web = await callers(Role.STOREFRONT, channel="web-de")

    [watch] = (await web.get("/v1/products/watch", channel="web-de")).json()["variants"]

    assert (watch["price"], watch["buyable"], (await newest(db)).number) == (eur(24900), True, 1)


async def test_a_book_that_is_over_while_nothing_changed_is_followed_by_one_that_is_not(
    desk: Desk, callers: Callers
) -> None:
    web = await callers(Role.STOREFRONT, channel="web-de")
    left = await newest(desk.db)
    desk.clock.set(instant_of(left.complete_until))
    with capture_logs() as logged:
        assert await amount(web) == 24900

    assert (await newest(desk.db)).number == left.number + 1
    assert clashes(logged) == []


async def test_what_the_minutes_work_brings_too_late_is_told(desk: Desk) -> None:
    """Somebody wrote a price into the tables by hand, and published nothing."""
    await reprice(desk.db, "WATCH", 19900, NOON + timedelta(seconds=9))
    with capture_logs() as logged:
        await compile_books(desk.db, NOON)

    [told] = clashes(logged)
    assert (told["log_level"], told["what"], told["at"]) == ("warning", "The price of WATCH", at_(9))
    assert told["known_by"] == at_(10)
    with capture_logs() as logged:
        await reprice(desk.db, "WATCH", 18900, NOON + timedelta(seconds=10))
        await compile_books(desk.db, NOON)
    assert clashes(logged) == []
    await every_law_holds(desk.db)


def at_(seconds: int) -> str:
    """So long after noon, as the log has it."""
    return (NOON + timedelta(seconds=seconds)).isoformat()


# What a book says of an instant that it does not foresee

OVER = us("2027-01-01T00:00:00Z")
LATER = us("2027-01-05T00:00:00Z")
ENDS = Price(us("2026-01-01T00:00:00Z"), LATER, 1000)
"""Somebody knows already what it costs then, but not this book."""


@pytest.mark.parametrize(
    ("at_us", "sku", "code"),
    [
        (OVER - 1, "GAP", "not_priced"),
        (OVER, "GAP", "beyond_book"),
        (LATER, "ENDS", "beyond_book"),
        (OVER - 1, "NEW", "unknown_sku"),
        (OVER, "NEW", "beyond_book"),
        (OVER - 1, "UNTAXED", "not_taxed"),
        (OVER, "UNTAXED", "beyond_book"),
    ],
)
def test_beyond_its_end_a_book_does_not_say_that_there_is_no_price(at_us: int, sku: str, code: str) -> None:
    taxes = [Tax("standard", [Price(us("2026-01-01T00:00:00Z"), None, 1900)]), Tax("zero", [])]
    things = [item("GAP"), item("ENDS", ENDS), item("UNTAXED", 5, tax_class="zero")]
    with pytest.raises(CannotQuote) as refused:
        quote(prepare(book(things, taxes=taxes, complete_until=OVER)), basket((sku, 1)), at_us)

    assert (refused.value.code, refused.value.line) == (code, sku)


def test_a_till_without_a_network_goes_on_selling_what_its_book_has_a_price_for() -> None:
    prepared = prepare(book([item("ENDS", ENDS)], complete_until=OVER))

    assert quote(prepared, basket(("ENDS", 1)), LATER - 1).total == 1000
