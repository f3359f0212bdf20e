"""Given back: when nothing is left of what a promotion touched, cancelled or returned, others may have its use."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from commerce.kernel.clock import SetClock
from commerce.kernel.db import Database
from orders.laws import UsesOfWhatIsOverAreGivenBack
from tests.conftest import Api, Callers, Json, problem
from tests.promoting import Desk, open_desk, said, total
from tests.shop import no_law_is_broken, put_stock, rows
from tests.stories import cash, eur, every_law_holds, order, plant, sale

CASES: Json = {"items": {"categories": ["cases"]}}
HALF: Json = {"kind": "percent", "share": 5000}
ON_CANCEL: Json = {"total": 1, "per_person": 1, "on_cancel": "give_back", "on_return": "keep"}
ON_RETURN: Json = {"total": 1, "on_cancel": "keep", "on_return": "give_back"}
MARA: Json = {"buyer": {"email": "mara@example.com"}}

CAME_BACK = """
    WITH kind AS (UPDATE promotions SET on_return = 'give_back')
    INSERT INTO refunds (id, order_id, reason, line, quantity, amount, currency, state, actor, created_at)
    SELECT 'rfd_1', id, 'line', 1, 1, 0, 'EUR', 'succeeded', 'somebody', placed_at FROM orders
"""


@pytest.fixture
async def desk(db: Database, clock: SetClock, callers: Callers) -> AsyncIterator[Desk]:
    """Two merchandisers, and plenty on stock; whatever comes back, every law holds."""
    desk = await open_desk(db, clock, callers)
    for sku in ("CASE-BLK", "CHARGER"):
        await put_stock(db, sku, "wh-de", 10)
        await put_stock(db, sku, "berlin", 10)
    yield desk
    await every_law_holds(db)


async def uses(desk: Desk) -> int:
    """How many are counted, of the only promotion that is."""
    [(counted,)] = await rows(desk.db, "SELECT uses FROM promotion_counters")
    return int(counted)


async def back(operator: Api, order_id: str, line: int, units: int, **more: object) -> Json:
    """Units of a line come back to the store; the refund."""
    wish = {"reason": "line", "line": line, "quantity": units, "tender": "cash", **more}
    refund: Json = said(await operator.post(f"/v1/orders/{order_id}/refunds", wish), 201)["refunds"][-1]
    return refund


async def bought(till: Api, *wanted: tuple[str, int], total: int) -> str:
    """A sale in Berlin."""
    tenders = [cash(total)] if total else []
    return str(said(await till.post("/v1/till-sales", sale(*wanted, total=total, tenders=tenders)), 201)["id"])


async def sent(web: Api, operator: Api, *wanted: tuple[str, int], total: int, first: int, **more: Any) -> str:  # noqa: ANN401 - parts of a body
    """An order of which one unit of a line was sent."""
    placed = said(await web.post("/v1/orders", order(*wanted, total=total, **more)), 201)
    parcel = {"location": "wh-de", "lines": [{"line": first, "quantity": 1}]}
    said(await operator.post(f"/v1/orders/{placed['id']}/ship", parcel))
    return str(placed["id"])


async def test_a_cancelled_order_gives_its_use_back_once(desk: Desk, web: Api, operator: Api) -> None:
    await desk.live(HALF, conditions=CASES, limits={"total": 1})
    placed = said(await web.post("/v1/orders", order(("CASE-BLK", 1), total=1450)), 201)
    assert await total(web, ("CASE-BLK", 2)) == 5800, "it is used up"

    said(await operator.post(f"/v1/orders/{placed['id']}/cancel", {"reason": "changed their mind"}))
    again = await operator.post(f"/v1/orders/{placed['id']}/cancel", {"reason": "changed their mind"})

    assert problem(again) == (409, "move_not_allowed")
    assert await rows(desk.db, "SELECT uses, most FROM promotion_counters") == [(0, 1)]
    assert await total(web, ("CASE-BLK", 3)) == 4350
    await every_law_holds(desk.db)


@pytest.mark.parametrize(("on_return", "left"), [("give_back", 1450), ("keep", 2900)])
async def test_a_whole_return_gives_the_use_back_as_the_promotion_says(
    desk: Desk, web: Api, till: Api, operator: Api, on_return: str, left: int
) -> None:
    await desk.live(HALF, conditions=CASES, limits={"total": 1, "on_return": on_return})
    body = sale(("CASE-BLK", 2), total=2900, tenders=[cash(2900)])
    sold = said(await till.post("/v1/till-sales", body), 201)
    wish = {"reason": "line", "line": 1, "quantity": 1, "tender": "cash"}

    said(await operator.post(f"/v1/orders/{sold['id']}/refunds", wish), 201)
    in_part = await total(web, ("CASE-BLK", 1))
    said(await operator.post(f"/v1/orders/{sold['id']}/refunds", wish), 201)

    assert in_part == 2900, "a part of it is kept"
    assert await total(web, ("CASE-BLK", 1), codes=["x"]) == left
    await every_law_holds(desk.db)


async def test_a_gift_that_comes_back_is_returned_for_nothing(desk: Desk, till: Api, operator: Api) -> None:
    await desk.live({"kind": "gift", "sku": "CASE-BLK"}, conditions={"items": {"skus": ["CHARGER"]}}, limits=ON_RETURN)
    sold = await bought(till, ("CHARGER", 1), ("CASE-BLK", 1), total=3900)

    paid_for = await back(operator, sold, 1, 1)
    before = await uses(desk)
    free = await back(operator, sold, 2, 1)

    assert (paid_for["amount"], paid_for["tender"], before) == (eur(3900), "cash", 1)
    assert (free["amount"], free["tender"], free["payment"], free["state"]) == (eur(0), None, None, "succeeded")
    assert await uses(desk) == 0
    again = await operator.post(
        f"/v1/orders/{sold}/refunds", {"reason": "line", "line": 2, "quantity": 1, "tender": "cash"}
    )
    assert again.json()["code"] == "not_refundable"


async def test_units_of_a_free_line_come_back_one_by_one(desk: Desk, till: Api, operator: Api) -> None:
    await desk.live({"kind": "fixed_price", "price": 0}, conditions=CASES, limits=ON_RETURN)
    sold = await bought(till, ("CASE-BLK", 2), total=0)

    counted = []
    for _ in range(2):
        await back(operator, sold, 1, 1)
        counted.append(await uses(desk))

    assert counted == [1, 0]


async def test_units_that_cost_less_than_a_cent_come_back_one_by_one(desk: Desk, till: Api, operator: Api) -> None:
    await desk.live({"kind": "amount", "amount": 8699, "on": "order"}, conditions=CASES, limits=ON_RETURN)
    sold = await bought(till, ("CASE-BLK", 3), total=1)

    amounts = [(await back(operator, sold, 1, 1))["amount"]["amount"] for _ in range(3)]

    assert sorted(amounts) == [0, 0, 1]
    assert await uses(desk) == 0


@pytest.mark.parametrize(("limits", "left"), [(ON_CANCEL, 0), (ON_RETURN, 1)])
async def test_a_promotion_of_what_was_cancelled_with_the_rest_was_cancelled(
    desk: Desk, web: Api, operator: Api, limits: Json, left: int
) -> None:
    await desk.live(HALF, conditions=CASES, limits=limits)
    placed = await sent(web, operator, ("CHARGER", 1), ("CASE-BLK", 1), total=5350, first=1, **MARA)

    said(await operator.post(f"/v1/orders/{placed}/cancel", {"reason": "no case"}))

    assert await uses(desk) == left
    given = await rows(desk.db, "SELECT given_back_for FROM promotion_uses")
    assert given == [(None if left else "cancelled",)]
    everybodys = await rows(desk.db, "SELECT uses FROM promotion_person_counters")
    assert everybodys == ([(0,)] if limits is ON_CANCEL else [])


@pytest.mark.parametrize(("limits", "left"), [(ON_CANCEL, 1), (ON_RETURN, 0)])
async def test_what_was_in_a_buyers_hands_in_part_was_returned(
    desk: Desk, web: Api, operator: Api, limits: Json, left: int
) -> None:
    await desk.live(HALF, conditions=CASES, limits=limits)
    placed = await sent(web, operator, ("CASE-BLK", 2), total=2900, first=1, **MARA)
    said(await operator.post(f"/v1/orders/{placed}/cancel", {"reason": "one is enough"}))
    in_part = await uses(desk)
    said(await operator.post(f"/v1/orders/{placed}/hand-over", {}))

    await back(operator, placed, 1, 1)

    assert (in_part, await uses(desk)) == (1, left)


async def test_free_shipping_was_for_the_whole_order(desk: Desk, web: Api, operator: Api) -> None:
    await desk.live({"kind": "percent", "share": 10_000, "on": "shipping"}, limits=ON_RETURN)
    more: Json = {"shipping": eur(490)}
    placed = await sent(web, operator, ("CASE-BLK", 1), ("CHARGER", 2), total=10700, first=1, **more)
    said(await operator.post(f"/v1/orders/{placed}/ship", {"location": "wh-de"}))
    said(await operator.post(f"/v1/orders/{placed}/hand-over", {}))

    counted = []
    for line in (1, 2, 2):
        await back(operator, placed, line, 1)
        counted.append(await uses(desk))

    assert counted == [1, 1, 0]


@pytest.mark.parametrize("benefit", [HALF, {"kind": "percent", "share": 10_000, "on": "shipping"}])
@pytest.mark.parametrize(
    "planted",
    [
        "UPDATE orders SET state = 'cancelled'",
        "UPDATE order_lines SET sent = 0, cancelled = 1",
        CAME_BACK,
    ],
)
async def test_the_law_of_what_is_over_catches_what_is_planted(
    db: Database, clock: SetClock, callers: Callers, web: Api, benefit: Json, planted: str
) -> None:
    desk = await open_desk(db, clock, callers)
    await put_stock(db, "CASE-BLK", "wh-de", 1)
    await desk.live(benefit, limits={"total": 1})
    total = 1450 + 490 if benefit is HALF else 2900
    said(await web.post("/v1/orders", order(("CASE-BLK", 1), total=total, shipping=eur(490))), 201)
    await every_law_holds(db)

    await plant(db, planted)

    with pytest.raises(AssertionError):
        await no_law_is_broken(db, UsesOfWhatIsOverAreGivenBack)
