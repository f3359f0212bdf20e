"""A quote says of each code that was typed what it opens, so that a misspelt one does not look like a good one."""

from datetime import timedelta

import pytest

from commerce.kernel.access import Role
from commerce.kernel.clock import SetClock
from commerce.kernel.db import Database
from pricing.books.lead import LEASE
from tests.conftest import Api, Callers, Json
from tests.promoting import Desk, basket, open_desk, said
from tests.shop import put_stock
from tests.statements import statements
from tests.stories import order

HALF: Json = {"kind": "percent", "share": 5000}
CASES: Json = {"items": {"skus": ["CASE-BLK"]}}
CASE, WATCH = ("CASE-BLK", 1), ("WATCH", 1)


@pytest.fixture
async def desk(db: Database, clock: SetClock, callers: Callers) -> Desk:
    """Two merchandisers, and cases to sell."""
    made = await open_desk(db, clock, callers)
    await put_stock(db, "CASE-BLK", "wh-de", 100)
    return made


@pytest.fixture
async def web(callers: Callers) -> Api:
    """The German web shop."""
    return await callers(Role.STOREFRONT, channel="web-de")


async def told(
    api: Api,
    sku: tuple[str, int],
    *codes: str,
    channel: str = "web-de",
) -> list[tuple[str, list[str]]]:
    """What a quote says of the codes."""
    quote = said(await api.post("/v1/quotes", basket(sku, channel=channel, codes=list(codes))))
    return [(one["code"], one["promotions"]) for one in quote["codes"]]


async def test_a_code_that_is_unknown_is_told_from_one_that_is_not_for_this_basket(desk: Desk, web: Api) -> None:
    one = await desk.live(HALF, conditions=CASES, codes=["WELCOME-10"])
    other = await desk.live(HALF, lane=1, codes=["WELCOME-10", "OTHER"])

    both = sorted([one, other])
    assert await told(web, CASE, " welcome-10", "TYPO-CODE", "other", "no code at all") == [
        (" welcome-10", both),
        ("TYPO-CODE", []),
        ("other", [other]),
        ("no code at all", []),
    ]
    assert await told(web, WATCH, "WELCOME-10") == [("WELCOME-10", both)]
    assert await told(web, WATCH) == []


async def test_why_a_code_opens_nothing_is_not_told(desk: Desk, web: Api, callers: Callers) -> None:
    """It has not begun, it is over, it is for another channel, it is a draft, or there is none."""
    store = await callers(Role.TERMINAL, channel="retail-de", location="berlin")
    soon = desk.clock.now() + timedelta(hours=1)
    await desk.scheduled(HALF, codes=["SOON"], starts_at=soon.isoformat())
    await desk.drafted(HALF, codes=["DRAFT"])
    mine = await desk.live(HALF, codes=["STORE"], conditions={"channels": ["retail-de"]})
    over = await desk.live(HALF, codes=["OVER"])
    said(await desk.do(over, "stop", {"note": "Enough"}))
    desk.clock.advance(timedelta(minutes=1))

    codes = ("SOON", "DRAFT", "STORE", "OVER", "NEVER")
    assert await told(web, CASE, *codes) == [(code, []) for code in codes]
    assert await told(store, CASE, "STORE", channel="retail-de") == [("STORE", [mine])]


async def test_what_is_remembered_ends_when_a_code_begins_to_open_something(desk: Desk, web: Api) -> None:
    """Be it something that is not in the basket."""
    starts = desk.clock.now() + timedelta(hours=1)
    soon = await desk.scheduled(HALF, conditions=CASES, codes=["SOON"], starts_at=starts.isoformat())
    desk.clock.advance(timedelta(hours=1) - LEASE / 2)

    assert await told(web, WATCH, "SOON") == [("SOON", [])]
    with statements(desk.db) as asked:
        assert await told(web, WATCH, "SOON") == [("SOON", [])]
    assert asked == [], "a remembered quote asks nothing"
    desk.clock.advance(LEASE / 2)
    assert await told(web, WATCH, "SOON") == [("SOON", [soon])]


async def test_a_unique_code_is_known_while_it_is_good_or_told_to_be_used_up(desk: Desk, web: Api) -> None:
    promotion_id = await desk.live(HALF, conditions={**CASES, "unique_codes": True})
    spent, good = await desk.codes(promotion_id, 2)
    said(await web.post("/v1/orders", order(CASE, total=1450, codes=[spent])), 201)

    assert await told(web, CASE, spent) == [(spent, [promotion_id])], "the quote says `used_up`"
    assert await told(web, WATCH, spent) == [(spent, [])], "the quote says nothing"
    assert await told(web, CASE, spent, good) == [(spent, []), (good, [promotion_id])]
    assert await told(web, WATCH, good.lower()) == [(good.lower(), [promotion_id])]
    assert await told(web, CASE, "X" * len(good)) == [("X" * len(good), [])]


async def test_a_unique_code_of_what_does_not_run_here_opens_nothing(desk: Desk, web: Api) -> None:
    """Though others that run have unique codes too, so that codes are looked up."""
    over = await desk.live(HALF, conditions={"unique_codes": True})
    await desk.live(HALF, conditions={"unique_codes": True})
    [code] = await desk.codes(over, 1)
    assert await told(web, CASE, code) == [(code, [over])]

    said(await desk.do(over, "stop", {"note": "Enough"}))
    desk.clock.advance(timedelta(minutes=1))

    assert await told(web, CASE, code) == [(code, [])]
