"""What is to blame where a use that was shown is gone when the order comes: the field that it is about."""

import asyncio

import pytest

from commerce.kernel.clock import SetClock
from commerce.kernel.db import Database
from pricing.promotions.errors import PromotionUsedUp
from tests.conftest import Api, Callers, Json
from tests.promoting import Desk, open_desk
from tests.shop import put_stock
from tests.stories import every_law_holds, order

HALF: Json = {"kind": "percent", "share": 5000}


@pytest.fixture
async def desk(db: Database, clock: SetClock, callers: Callers) -> Desk:
    """Two merchandisers, and cases to sell."""
    made = await open_desk(db, clock, callers)
    await put_stock(db, "CASE-BLK", "wh-de", 100)
    return made


@pytest.mark.parametrize(
    ("asks", "limit", "field"),
    [
        ({"limits": {"total": 1}}, "total", "shown_total.amount"),
        ({"conditions": {"unique_codes": True}}, "code", "codes"),
    ],
)
async def test_who_comes_too_late_for_the_last_use_hears_what_it_is_about(
    desk: Desk, web: Api, asks: Json, limit: str, field: str
) -> None:
    promotion_id = await desk.live(HALF, **asks)
    more = {"codes": await desk.codes(promotion_id, 1)} if "conditions" in asks else {}

    async def buy() -> Json:
        return dict((await web.post("/v1/orders", order(("CASE-BLK", 1), total=1450, **more))).json())

    answers = await asyncio.gather(*(buy() for _ in range(8)))

    told = [answer for answer in answers if answer.get("code") == "promotion_used_up"]
    assert told, "of those that are decided together"
    for answer in told:
        assert answer["facts"] == {"promotion": promotion_id, "limit": limit, "field": field}
        assert answer["errors"][0]["field"] == field
    await every_law_holds(desk.db)


@pytest.mark.parametrize("limit", ["person", "nobody", "first_purchase"])
def test_what_is_a_persons_own_is_about_the_buyer(limit: str) -> None:
    assert PromotionUsedUp("prm_1", limit).facts() == {"promotion": "prm_1", "limit": limit, "field": "buyer"}
