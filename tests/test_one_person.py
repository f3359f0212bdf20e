"""One person by several names: what they used of a promotion counts by whatever they send."""

import pytest

from commerce.kernel.clock import SetClock
from commerce.kernel.db import Database
from tests.conftest import Api, Callers, Json
from tests.promoting import Desk, open_desk, said, total
from tests.shop import put_stock
from tests.stories import every_law_holds, order

CASES: Json = {"items": {"categories": ["cases"]}}
HALF: Json = {"kind": "percent", "share": 5000}
MAIL: Json = {"email": "x@example.com"}
ACCOUNT: Json = {"account": "acc-1", **MAIL}


@pytest.fixture
async def desk(db: Database, clock: SetClock, callers: Callers) -> Desk:
    """Two merchandisers, and cases to sell."""
    made = await open_desk(db, clock, callers)
    await put_stock(db, "CASE-BLK", "wh-de", 100)
    return made


@pytest.mark.parametrize(
    ("limit", "buyers", "paid"),
    [
        (1, [MAIL, ACCOUNT, {"loyalty": "L-1", **MAIL}, {"account": "acc-2", **MAIL}], [1450, 2900, 2900, 2900]),
        (1, [ACCOUNT, {"loyalty": "L-1", **MAIL}, MAIL], [1450, 2900, 2900]),
        (2, [MAIL, ACCOUNT, ACCOUNT, {"account": "acc-1"}], [1450, 1450, 2900, 1450]),
    ],
)
async def test_another_name_beside_a_known_address_is_no_other_person(
    desk: Desk, web: Api, limit: int, buyers: list[Json], paid: list[int]
) -> None:
    """What each of them had is what this person had."""
    await desk.live(HALF, conditions=CASES, limits={"per_person": limit})

    for buyer, wanted in zip(buyers, paid, strict=True):
        assert await total(web, ("CASE-BLK", 1), buyer=buyer) == wanted
        said(await web.post("/v1/orders", order(("CASE-BLK", 1), total=wanted, buyer=buyer)), 201)

    assert await total(web, ("CASE-BLK", 1), buyer={"account": "acc-3", "email": "y@example.com"}) == 1450
    await every_law_holds(desk.db)
