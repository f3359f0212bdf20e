"""While somebody works on a promotion that runs, it goes on being bought with; and its time is kept under a rush."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta

import httpx
import pytest
from sqlalchemy import text

from catalog.rules import VariantStatus
from catalog.statuses import move_variants
from commerce.kernel.clock import SetClock
from commerce.kernel.db import LIMITS, Database, Session
from pricing.promotions.make_codes import make_codes
from pricing.promotions.schedule import stop
from pricing.promotions.schemas import MakeCodesBody
from tests.conftest import Api, Callers, Json, application_on
from tests.promoting import Desk, open_desk
from tests.shop import put_stock, rows
from tests.stories import cash, every_law_holds, order, sale

HALF: Json = {"kind": "percent", "share": 5000}
COUPONS: Json = {"items": {"categories": ["cases"]}, "unique_codes": True}

Work = Callable[[Session, str, datetime], Awaitable[object]]


@pytest.fixture
async def desk(db: Database, clock: SetClock, callers: Callers) -> AsyncIterator[Desk]:
    """Two merchandisers, and cases to sell."""
    made = await open_desk(db, clock, callers)
    for place in ("wh-de", "berlin"):
        await put_stock(db, "CASE-BLK", place, 10)
    yield made
    await every_law_holds(db)


@pytest.fixture
async def impatient(url: str, clock: SetClock) -> AsyncIterator[httpx.AsyncClient]:
    """The shop, where nobody waits for a lock."""
    shop = Database(url, clock=clock, pool_size=4, limits={**LIMITS, "lock_timeout": "200ms"})
    try:
        async with application_on(shop) as app:
            transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)  # type: ignore[arg-type]  # Litestar types its scope
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                yield client
    finally:
        await shop.close()


async def make_some(tx: Session, promotion_id: str, now: datetime) -> None:
    """Make codes, as many as were wanted."""
    await make_codes(tx, promotion_id, MakeCodesBody(count=5), "ada", now)


async def stop_it(tx: Session, promotion_id: str, now: datetime) -> None:
    """Stop it, and publish that."""
    await stop(tx, promotion_id, "too cheap", "ada", now)


async def retire_the_case(tx: Session, promotion_id: str, now: datetime) -> None:
    """Take what it is about out of the catalog."""
    del promotion_id
    await move_variants(tx, "case", None, VariantStatus.RETIRED, now, unasked=frozenset({VariantStatus.ACTIVE}))


async def take_the_row(tx: Session, promotion_id: str, now: datetime) -> None:
    """The twin: lock it as if its key were to change."""
    del now
    await tx.execute(text("SELECT 1 FROM promotions WHERE id = :id FOR UPDATE"), {"id": promotion_id})


@pytest.mark.parametrize(
    ("work", "answered"), [(make_some, 201), (stop_it, 201), (retire_the_case, 201), (take_the_row, 503)]
)
async def test_orders_are_placed_while_somebody_works_on_their_promotion(
    desk: Desk, impatient: httpx.AsyncClient, web: Api, till: Api, work: Work, answered: int
) -> None:
    promotion_id = await desk.live(HALF, conditions=COUPONS, limits={"codes": 100})
    one, other = await desk.codes(promotion_id, 2)
    shop, store = Api(impatient, web.key), Api(impatient, till.key)

    async with desk.db.transaction() as tx:
        await work(tx, promotion_id, desk.clock.now())
        placed = await shop.post("/v1/orders", order(("CASE-BLK", 1), total=1450, codes=[one]))
        body = sale(("CASE-BLK", 1), total=1450, tenders=[cash(1450)], codes=[other])
        sold = await store.post("/v1/till-sales", body)

    assert [placed.status_code, sold.status_code] == [answered] * 2, placed.text


@pytest.mark.parametrize(("strength", "state"), [("KEY SHARE", "live"), ("UPDATE", "scheduled")])
async def test_its_start_is_written_down_while_orders_are_placed_with_it(desk: Desk, strength: str, state: str) -> None:
    """With its twin: were the row taken for good, it would be passed over."""
    promotion_id = await desk.scheduled(HALF)
    desk.clock.advance(timedelta(seconds=10))

    async with desk.db.transaction() as tx:
        lock = text(f"SELECT 1 FROM promotions WHERE id = :id FOR {strength}")
        await tx.execute(lock, {"id": promotion_id})  # As the foreign key of an order's discount does.
        await desk.keep_time()

    assert await rows(desk.db, "SELECT state FROM promotions") == [(state,)]
