"""What was cancelled of an order is not in its past: an export has what was kept, and it adds up to the ledger."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from commerce.exchange.export_folder import export_folder
from commerce.exchange.import_folder import import_folder
from commerce.kernel.access import Role
from commerce.kernel.clock import SetClock
from commerce.kernel.db import Database
from tests.conftest import Api, Callers, Json
from tests.exchange_folders import read_folder, write_folder
from tests.promoting import Desk, said
from tests.shop import rows
from tests.stories import eur, every_law_holds, open_two_countries, order

HISTORY = ("orders", "order_lines")
LOST = {"reason": "lost in the warehouse"}


@pytest.fixture(autouse=True)
async def shop(db: Database) -> AsyncIterator[None]:
    await open_two_countries(db)
    yield
    await every_law_holds(db)


async def kept_in_part(web: Api, operator: Api, body: Json, location: str) -> None:
    """An order that is completed with one unit of its first line; the rest of it is cancelled."""
    placed = await web.post("/v1/orders", body)
    path = f"/v1/orders/{placed.json()['id']}"
    one = {"location": location, "lines": [{"line": 1, "quantity": 1}]}
    answers = [
        await operator.post(f"{path}/ship", one),
        await operator.post(f"{path}/cancel", LOST),
        await operator.post(f"{path}/hand-over", {}),
    ]
    assert [answer.status_code for answer in (placed, *answers)] == [201, 200, 200, 200]


async def test_of_an_order_that_was_cancelled_in_part_only_what_was_kept_goes_out(
    db: Database, callers: Callers, tmp_path: Path
) -> None:
    """In Germany 1 of 3 at 39.00 and none of 2; in America 1 of 3 at 33.33, for which 36.00 were paid with tax."""
    operator = await callers(Role.OPERATOR)
    german = order(("CHARGER", 3), ("CASE-BLK", 2), total=17500)
    total = {"amount": 10799, "currency": "USD"}
    american = {**order(("CASE-BLK", 3), total=0), "channel": "web-us", "shown_total": total}
    await kept_in_part(await callers(Role.STOREFRONT, channel="web-de"), operator, german, "wh-de")
    await kept_in_part(await callers(Role.STOREFRONT, channel="web-us"), operator, american, "wh-us")
    paid = await rows(
        db,
        """
        SELECT o.order_number, -sum(e.amount)::bigint
          FROM orders o JOIN ledger_entries e ON e.order_id = o.id AND e.kind = 'payment' GROUP BY 1 ORDER BY 1
        """,
    )

    await export_folder(db, tmp_path / "out")
    again = await import_folder(db, tmp_path / "out")

    lines = read_folder(tmp_path / "out")["order_lines"]
    assert sorted(row[1:] for row in lines) == [
        ["1", "CASE-BLK", "1", "33.33", "0.00", "2.67", "33.33"],
        ["1", "CHARGER", "1", "39.00", "0.00", "6.23", "39.00"],
        ["line", "sku", "quantity", "unit_price", "discount_total", "tax_total", "line_total"],
    ]
    assert (again.files["orders"].unchanged, again.files["order_lines"].unchanged) == (2, 2)
    assert sorted(amount for _, amount in paid) == [3600, 3900]
    past = {name: [["X" + row[0], *row[1:]] for row in history(tmp_path / "out", name)] for name in HISTORY}
    await import_folder(db, write_folder(tmp_path / "elsewhere", past))
    assert (
        await rows(
            db, "SELECT substr(order_number, 2), total FROM orders WHERE source = 'import' ORDER BY order_number"
        )
        == paid
    )


async def test_shipping_and_promotions_stay_behind_and_the_lines_add_up_without_them(
    db: Database, clock: SetClock, callers: Callers, tmp_path: Path
) -> None:
    """A charger at 39.00 for 19.50, sent for 3.90 instead of 4.90: what the format has words for is 19.50."""
    desk = Desk(db, clock, await callers(Role.MERCHANDISER), await callers(Role.MERCHANDISER))
    await desk.live({"kind": "percent", "share": 5000}, limits={"total": 1})
    await desk.live({"kind": "amount", "amount": 100, "on": "shipping"})
    operator, web = await callers(Role.OPERATOR), await callers(Role.STOREFRONT, channel="web-de")
    body = order(("CHARGER", 1), total=2340, shipping=eur(490))
    path = f"/v1/orders/{said(await web.post('/v1/orders', body), 201)['id']}"
    said(await operator.post(f"{path}/ship", {"location": "wh-de"}))
    said(await operator.post(f"{path}/hand-over", {}))

    await export_folder(db, tmp_path / "out")
    again = await import_folder(db, tmp_path / "out")

    [line] = history(tmp_path / "out", "order_lines")
    assert line[1:] == ["1", "CHARGER", "1", "39.00", "19.50", "3.11", "19.50"]
    assert (again.files["orders"].unchanged, again.files["order_lines"].unchanged) == (1, 1)
    past = {name: [["X" + row[0], *row[1:]] for row in history(tmp_path / "out", name)] for name in HISTORY}
    await import_folder(db, write_folder(tmp_path / "elsewhere", past))
    imported = "SELECT subtotal, discount_total, tax_total, total FROM orders WHERE source = 'import'"
    assert await rows(db, imported) == [(3900, 1950, 311, 1950)]


def history(folder: Path, name: str) -> list[list[str]]:
    """The rows of a file, without its header."""
    return [row for row in read_folder(folder)[name] if row[0] != "order_number"]
