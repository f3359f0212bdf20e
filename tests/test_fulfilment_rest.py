"""Cancelling the rest: part of an order has left, the remainder is lost; what was sent is owed, to the cent."""

from collections.abc import AsyncIterator

import pytest

from commerce.kernel.access import Role
from commerce.kernel.db import Database
from tests.conftest import Api, Callers, Json, problem
from tests.shop import rows
from tests.stories import eur, every_law_holds, ledger, open_two_countries, order, told

LOST = {"reason": "lost in the warehouse"}


@pytest.fixture(autouse=True)
async def shop(db: Database) -> AsyncIterator[None]:
    await open_two_countries(db)
    yield
    await every_law_holds(db)


async def shipped_in_part(web: Api, operator: Api, body: Json, location: str) -> str:
    """An order of which one unit of the first line was shipped; its path."""
    placed = await web.post("/v1/orders", body)
    assert placed.status_code == 201, placed.text
    path = f"/v1/orders/{placed.json()['id']}"
    one = {"location": location, "lines": [{"line": 1, "quantity": 1}]}
    assert (await operator.post(f"{path}/ship", one)).status_code == 200
    return path


def tenders(history: Json) -> Json:
    """The amount of the tender in each state."""
    return {tender["state"]: tender["amount"] for tender in history["order"]["tenders"]}


async def test_the_rest_of_an_order_is_cancelled_and_what_was_sent_is_paid(
    callers: Callers, operator: Api, db: Database
) -> None:
    web = await callers(Role.STOREFRONT, channel="web-de")
    body = order(("CHARGER", 3), ("CASE-BLK", 2), total=17500)
    path = await shipped_in_part(web, operator, body, "wh-de")
    order_id = path.rpartition("/")[2]

    answer = await operator.post(f"{path}/cancel", LOST)

    assert answer.status_code == 200, answer.text
    history = answer.json()
    assert (history["order"]["state"], history["owed"], history["waiting"]) == ("shipped", eur(3900), [])
    assert [(line["sent"], line["cancelled"]) for line in history["order"]["lines"]] == [(1, 2), (0, 2)]
    assert tenders(history) == {"void": eur(17500), "due": eur(3900)}
    assert [entry["facts"] for entry in history["timeline"] if entry["what"] == "rest_cancelled"] == [LOST]
    assert await ledger(db, order_id) == [("charge", 17500), ("cancellation", -13600)]
    assert await told(db, "order_partly_cancelled") == [{"order_id": order_id, **LOST}]
    assert await rows(db, "SELECT sum(held)::int, sum(supply)::int FROM stock_pools WHERE location = 'wh-de'") == [
        (0, 17)
    ]
    await every_law_holds(db)
    assert problem(await operator.post(f"{path}/cancel", LOST)) == (409, "move_not_allowed")
    assert problem(await operator.post(f"{path}/ship", {"location": "wh-de"})) == (409, "move_not_allowed")

    handed = (await operator.post(f"{path}/hand-over", {})).json()

    assert (handed["order"]["state"], handed["owed"]) == ("completed", eur(0))
    assert tenders(handed)["paid"] == eur(3900)


async def test_a_line_that_does_not_divide_is_shared_out_to_the_cent(
    callers: Callers, operator: Api, db: Database
) -> None:
    """Three at 33.33 and 8.00 of tax are 107.99: one is 36.00, the other two 71.99."""
    web = await callers(Role.STOREFRONT, channel="web-us")
    total = {"amount": 10799, "currency": "USD"}
    body = {**order(("CASE-BLK", 3), total=0), "channel": "web-us", "shown_total": total}
    path = await shipped_in_part(web, operator, body, "wh-us")

    cancelled = await web.post(f"{path}/cancel", LOST)
    handed = await operator.post(f"{path}/hand-over", {})

    assert cancelled.json()["owed"] == {"amount": 3600, "currency": "USD"}
    assert handed.json()["owed"] == {"amount": 0, "currency": "USD"}
    assert await ledger(db, path.rpartition("/")[2]) == [("charge", 10799), ("payment", -3600), ("cancellation", -7199)]
