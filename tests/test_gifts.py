"""Gifts that promotions offer: those that can be put into the basket, and no others."""

import pytest

from commerce.kernel.clock import SetClock
from commerce.kernel.db import Database
from pricing.books.lead import LEASE
from tests.conftest import Api, Callers, Json
from tests.promoting import Desk, basket, do_sql, open_desk, said
from tests.shop import republish

GIFT: Json = {"kind": "gift", "sku": "CASE-BLK"}


@pytest.fixture
async def desk(db: Database, clock: SetClock, callers: Callers) -> Desk:
    """Two merchandisers."""
    return await open_desk(db, clock, callers)


async def gifts(web: Api) -> list[str]:
    """What a quote of a phone offers."""
    quoted = said(await web.post("/v1/quotes", basket(("PHONE-BLK", 1))))
    return [gift["sku"] for gift in quoted["gifts"]]


NOT_TO_BE_HAD = [
    "UPDATE listings SET visible_to = '2026-06-01Z' WHERE channel = 'web-de' AND sku = 'CASE-BLK'",
    "UPDATE listings SET certified_from = NULL WHERE sku = 'CASE-BLK'",
    "UPDATE variants SET status = 'retired' WHERE sku = 'CASE-BLK'",
    "UPDATE recommended_prices SET superseded_at = '2026-11-02 12:00Z' WHERE sku = 'CASE-BLK'",
]


@pytest.mark.parametrize("planted", NOT_TO_BE_HAD)
async def test_a_gift_that_is_not_sold_here_is_not_offered(desk: Desk, web: Api, planted: str) -> None:
    await desk.live(GIFT, conditions={"items": {"skus": ["PHONE-BLK"]}})
    assert await gifts(web) == ["CASE-BLK"]

    await do_sql(desk.db, planted)
    await republish(desk.db)
    desk.clock.advance(LEASE)

    assert await gifts(web) == []
    assert (await web.post("/v1/quotes", basket(("PHONE-BLK", 1), ("CASE-BLK", 1)))).status_code == 422


@pytest.mark.parametrize("edge", ["visible_to", "visible_from"])
async def test_no_quote_that_is_remembered_offers_a_gift_too_long_or_hides_it(desk: Desk, web: Api, edge: str) -> None:
    await desk.live(GIFT, conditions={"items": {"skus": ["PHONE-BLK"]}})
    soon = (desk.clock.now() + LEASE / 2).isoformat()
    await do_sql(desk.db, f"UPDATE listings SET {edge} = '{soon}' WHERE channel = 'web-de' AND sku = 'CASE-BLK'")

    offered = []
    for _ in range(2):
        offered.append(await gifts(web))
        desk.clock.advance(LEASE / 2)

    assert offered == ([["CASE-BLK"], []] if edge == "visible_to" else [[], ["CASE-BLK"]])
