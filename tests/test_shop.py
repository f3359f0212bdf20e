"""The fixed shop itself: it opens, and its stock is in the diary."""

from commerce.kernel.db import Database
from tests.shop import open_shop, put_stock, rows


async def test_the_shop_opens_and_its_stock_is_in_the_diary(db: Database) -> None:
    await open_shop(db)
    pool = await put_stock(db, "PHONE-BLK", "berlin", 5)

    assert await put_stock(db, "PHONE-BLK", "berlin", 3) == pool
    assert await rows(db, "SELECT sku, location, supply, held, overdrawn FROM stock_pools") == [
        ("PHONE-BLK", "berlin", 8, 0, 0)
    ]
    assert await rows(db, "SELECT units FROM movements ORDER BY units") == [(3,), (5,)]
    assert await rows(db, "SELECT count(*) FROM listings") == [(20,)]
    assert await rows(db, "SELECT count(*) FROM recommended_prices") == [(12,)]
