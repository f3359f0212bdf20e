"""Two stories of prices over HTTP, from the draft to the books: what was taken back, and what ends by itself."""

from datetime import datetime, timedelta

import msgspec
import pytest

from commerce.kernel.access import Role
from pricing.books.zones import microseconds
from pricing.rules import prepare, quote
from pricing.rules.book import Book
from tests.books import basket
from tests.conftest import NOON, Api, Callers, Json
from tests.price_changes import JANUARY, LEAD, Desk, at, desk, item
from tests.shop import put_stock
from tests.stories import eur, lines, order

__all__ = ["desk"]

HOUR, DAY, TICK = timedelta(hours=1), timedelta(days=1), timedelta(microseconds=1)
START = NOON + LEAD
"""When the first change of a story begins."""


@pytest.fixture
async def storefront(desk: Desk, callers: Callers) -> Api:
    """The web shop."""
    await put_stock(desk.db, "WATCH", "wh-de", 9)
    return await callers(Role.STOREFRONT, channel="web-de")


async def seen(caller: Api, path: str, **params: object) -> Json:
    """What a route answers."""
    answer = await caller.get(path, **params)  # type: ignore[arg-type]  # query parameters are of any kind
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def quoted(storefront: Api) -> tuple[int, int]:
    """What a watch costs now, and by which book."""
    answer = await storefront.post("/v1/quotes", {"channel": "web-de", "lines": lines(("WATCH", 1))})
    assert answer.status_code == 200, answer.text
    return answer.json()["total"]["amount"], answer.json()["book"]


def offline(envelope: Json, when: datetime, channel: str = "web-de") -> int:
    """What a watch costs at an instant by a book that was fetched, without a network."""
    book = msgspec.convert(envelope["book"], Book)
    return quote(prepare(book), basket(("WATCH", 1), channel=channel), microseconds(when)).total


async def history(desk: Desk) -> list[Json]:
    """Everything that can be asked about the time until an hour after the change began."""
    moments = [NOON - DAY, START - TICK, START, START + HOUR - TICK]
    beliefs = [NOON - TICK, NOON, START, START + HOUR - TICK]
    return [
        *[
            await seen(desk.ada, "/v1/prices", channel="web-de", sku="WATCH", at=at(moment), believed_at=at(belief))
            for moment in moments
            for belief in beliefs
        ],
        *[
            (await seen(desk.ada, "/v1/prices", channel="web-de", sku="WATCH", at=at(moment)))["prices"][0]["charge"]
            for moment in moments
        ],
        await seen(desk.ada, "/v1/prices/history", channel="web-de", sku="WATCH", believed_at=at(START)),
        await seen(desk.ada, "/v1/price-books/de/1"),
        await seen(desk.ada, "/v1/price-books/de/2"),
    ]


async def test_what_is_rolled_back_leaves_history_as_it_was(desk: Desk, storefront: Api) -> None:
    """What was charged, what was believed of it, the books, the order and the prior price of that hour all stay."""
    change_id = await desk.live(item("WATCH", 19900))
    bought = (await storefront.post("/v1/orders", order(("WATCH", 1), total=19900))).json()
    desk.clock.set(START + HOUR)
    while_live = await history(desk)
    ordered = await seen(storefront, f"/v1/orders/{bought['id']}")
    announced = await seen(desk.ada, "/v1/prior-prices", channel="web-de", sku="WATCH", at=at(START))
    quotes = [await quoted(storefront)]
    counter_id = await desk.rolled_back(change_id)
    back = START + HOUR + LEAD
    quotes.append(await quoted(storefront))
    desk.clock.advance(DAY)

    assert quotes == [(19900, 2), (24900, 3)]
    assert await history(desk) == while_live
    charges = while_live[:16]
    assert [one["prices"][0]["charge"]["amount"] for one in charges] == [
        *(24900, 24900, 24900, 24900),
        *(24900, 24900, 24900, 24900),
        *(24900, 19900, 19900, 19900),
        *(24900, 19900, 19900, 19900),
    ], "until it was scheduled, nobody believed that it would be so"
    assert while_live[16:20] == [eur(24900), eur(24900), eur(19900), eur(19900)]
    assert await seen(storefront, f"/v1/orders/{bought['id']}") == ordered
    assert [(line["unit_price"], line["book"]) for line in ordered["order"]["lines"]] == [(19900, 2)]
    again = await seen(desk.ada, "/v1/prior-prices", channel="web-de", sku="WATCH", at=at(START))
    told = ("price", "prior", "since", "rule")
    assert [again[name] for name in told] == [announced[name] for name in told]
    assert (again["prior"], again["since"]) == (eur(24900), at(START))

    newest = await seen(desk.ada, "/v1/price-books/de")
    instants = [START - TICK, START, back - TICK, back]
    assert newest["number"] == 3
    assert [offline(newest, when) for when in instants] == [24900, 19900, 19900, 24900]
    assert [offline(while_live[-1], when) for when in instants] == [24900, 19900, 19900, 19900]
    timeline = (await seen(desk.ada, "/v1/prices/history", channel="web-de", sku="WATCH"))["prices"]
    assert [(one["valid_from"], one["charge"]["amount"], one["change_id"]) for one in timeline] == [
        (JANUARY, 24900, None),
        (at(START), 19900, change_id),
        (at(back), 24900, None),
    ]
    assert [await desk.state(each) for each in (change_id, counter_id)] == ["rolled_back", "live"]
    await desk.laws_hold()


async def test_an_exception_ends_its_price_as_it_expires_and_the_book_says_so_in_advance(
    desk: Desk, storefront: Api
) -> None:
    """The book that brings the price says when it ends; nobody has to publish, or to be there, when it does."""
    over = NOON + 7 * DAY
    excepted = {"reason": "The fair in Leipzig", "expires_at": at(over)}
    await desk.scheduled(item("WATCH", 19900, "web-de", exception=excepted))
    book = await seen(storefront, "/v1/price-books/de")
    starts = await seen(desk.ada, "/v1/readiness", starts_within_minutes=60 * 24 * 8)
    report = "/v1/parity-report"
    deviations = [
        (await seen(desk.ada, report, market="de", at=at(when)))["items"] for when in (START, over - TICK, over)
    ]
    online = []
    for when in (START - TICK, START, over - TICK, over):
        desk.clock.set(when)
        online.append(await quoted(storefront))

    assert online == [(24900, 2), (19900, 2), (19900, 2), (24900, 2)]
    assert [offline(book, when) for when in (START - TICK, START, over - TICK, over)] == [24900, 19900, 19900, 24900]
    assert [offline(book, when, "retail-de") for when in (START, over)] == [24900, 24900]
    [watch] = [one for one in book["book"]["items"] if one["sku"] == "WATCH"]
    assert watch["channels"] == [{"channel": "web-de", "prices": [[microseconds(START), microseconds(over), 19900]]}]
    assert [(one["starts_at"], one["number"]) for one in starts["starts"]] == [(at(START), 2), (at(over), 2)]
    assert [[(one["standing"], one["valid_to"]) for one in found] for found in deviations] == [
        [("exception", at(over))],
        [("exception", at(over))],
        [],
    ]
    prior = await seen(storefront, "/v1/prior-prices", channel="web-de", sku="WATCH")
    assert (prior["price"], prior["prior"]) == (eur(24900), None), "what goes up again is no reduction"
    await desk.laws_hold()
