"""What may happen to an order in which state, by whom, and once."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from commerce.kernel.access import Role
from commerce.kernel.db import Database
from commerce.kernel.ids import new_id
from orders.rules import MOVES, OrderState
from tests.conftest import NOON, Api, Callers, Json, problem
from tests.shop import put_stock, rows
from tests.stories import POOLS, TRACES, cash, eur, every_law_holds, ledger, lines, open_store, order, plant, told

BERLIN = {"location": "berlin"}
FROM_WAREHOUSE = {"location": "wh-de"}
ONE = {"location": "wh-de", "lines": [{"line": 1, "quantity": 1}]}
PAID = {"location": "berlin", "tenders": [cash(7800)]}

WAYS: dict[str, tuple[Json, list[tuple[str, Json]]]] = {
    "placed": ({}, []),
    "ready": ({"fulfilment": "collect", "collect_at": "berlin"}, [("ready", BERLIN)]),
    "part_shipped": ({}, [("ship", ONE)]),
    "shipped": ({}, [("ship", FROM_WAREHOUSE)]),
    "handed over": ({}, [("ship", FROM_WAREHOUSE), ("hand-over", {})]),
    "collected": ({"fulfilment": "collect", "collect_at": "berlin"}, [("ready", BERLIN), ("collect", PAID)]),
    "cancelled": ({}, [("cancel", {"reason": "first"})]),
}
"""How an order of two chargers gets into each state."""


@pytest.fixture(autouse=True)
async def shop(db: Database) -> AsyncIterator[None]:
    """Chargers in the warehouse and in the store in Berlin; whatever happens, every law holds."""
    await open_store(db)
    await put_stock(db, "CHARGER", "wh-de", 20)
    await put_stock(db, "CHARGER", "berlin", 5)
    yield
    await every_law_holds(db)


class Staff:
    """Everybody who has to do with an order."""

    def __init__(self, web: Api, till: Api, operator: Api) -> None:
        self.web, self.till, self.operator = web, till, operator

    async def order(self, way: str) -> str:
        """An order of two chargers that has come this way; its path."""
        how, steps = WAYS[way]
        answer = await self.web.post("/v1/orders", order(("CHARGER", 2), total=7800, **how))
        assert answer.status_code == 201, answer.text
        path = f"/v1/orders/{answer.json()['id']}"
        for what, body in steps:
            done = await self.do(path, what, body)
            assert done.status_code == 200, done.text
        return path

    async def do(self, path: str, what: str, body: Json, once: str | None = None) -> Any:  # noqa: ANN401 - an answer
        """One step, by whoever may take it."""
        caller = self.till if what in {"ready", "collect"} else self.operator
        return await caller.post(f"{path}/{what}", body, once=once)


@pytest.fixture
async def staff(callers: Callers) -> Staff:
    return Staff(
        await callers(Role.STOREFRONT, channel="web-de"),
        await callers(Role.TERMINAL, channel="retail-de", location="berlin"),
        await callers(Role.OPERATOR),
    )


@pytest.mark.parametrize("way", ["placed", "ready"])
async def test_an_order_of_which_nothing_has_left_is_cancelled(staff: Staff, db: Database, way: str) -> None:
    path = await staff.order(way)

    answer = await staff.web.post(f"{path}/cancel", {"reason": "changed my mind"})

    assert answer.status_code == 200, answer.text
    history = answer.json()
    order_id = path.rpartition("/")[2]
    assert (history["order"]["state"], history["owed"]) == ("cancelled", eur(0))
    assert [(tender["kind"], tender["state"]) for tender in history["order"]["tenders"]] == [
        ("pay_on_collection", "void")
    ]
    assert "cancelled" in [entry["what"] for entry in history["timeline"]]
    assert await ledger(db, order_id) == [("charge", 7800), ("cancellation", -7800)]
    assert await told(db, "order_cancelled") == [{"order_id": order_id, "reason": "changed my mind"}]
    assert await rows(db, "SELECT outcome, units FROM holds") == [("released", 2)]
    assert await rows(db, "SELECT sum(held)::int FROM stock_pools") == [(0,)]


REFUSED: dict[tuple[str, str], Json] = {
    **{(way, "cancel"): {"reason": "late"} for way in WAYS if way not in {"placed", "ready", "part_shipped"}},
    **{(way, "hand-over"): {} for way in WAYS if way != "shipped"},
    **{(way, "ship"): FROM_WAREHOUSE for way in WAYS if way not in {"placed", "part_shipped"}},
    **{(way, "ready"): BERLIN for way in WAYS},
    **{(way, "collect"): PAID for way in WAYS if way != "ready"},
}


async def test_no_other_move_is_allowed(staff: Staff, db: Database) -> None:
    paths = {way: await staff.order(way) for way in WAYS}
    before = await rows(db, TRACES)

    for (way, what), body in REFUSED.items():
        answer = await staff.do(paths[way], what, body)
        assert problem(answer) == (409, "move_not_allowed"), (way, what)

    assert await rows(db, TRACES) == before


def test_the_table_of_moves_ends_in_two_states() -> None:
    assert {state for state, moves in MOVES.items() if not moves} == {OrderState.COMPLETED, OrderState.CANCELLED}
    assert all(OrderState.PLACED not in moves for moves in MOVES.values())


def one(**more: object) -> Json:
    """Line 1, one unit of it, unless told otherwise."""
    return {"line": 1, "quantity": 1, **more}


SHIP: list[tuple[str, Json, tuple[int, str], str]] = [
    ("nothing waits there", {"location": "wh-us"}, (409, "nothing_to_send"), "location"),
    ("no such place", {"location": "nowhere"}, (422, "unknown_reference"), "location"),
    ("lines from no such place", {"location": "nowhere", "lines": [one()]}, (422, "unknown_reference"), "location"),
    ("elsewhere", {**BERLIN, "lines": [one()]}, (409, "nothing_to_send"), "lines[0].quantity"),
    ("too many", {"lines": [one(quantity=3)]}, (409, "nothing_to_send"), "lines[0].quantity"),
    ("no such line", {"lines": [one(line=2)]}, (422, "unknown_reference"), "lines[0].line"),
    ("a line twice", {"lines": [one(), one()]}, (400, "invalid_input"), "lines[1].line"),
    ("two serials", {"lines": [one(serials=["A", "B"])]}, (422, "too_many_serials"), "lines[0].serials"),
    ("no lines", {"lines": []}, (400, "invalid_input"), "lines"),
    ("zero units", {"lines": [one(quantity=0)]}, (400, "invalid_input"), "lines[0].quantity"),
    ("a string", {"lines": [one(quantity="1")]}, (400, "invalid_input"), "lines[0].quantity"),
    ("a fraction", {"lines": [one(quantity=1.0)]}, (400, "invalid_input"), "lines[0].quantity"),
    ("a truth", {"lines": [one(quantity=True)]}, (400, "invalid_input"), "lines[0].quantity"),
    ("unknown field", {"carrier": "DHL"}, (400, "invalid_input"), "carrier"),
]


async def test_what_does_not_wait_is_not_shipped(staff: Staff, db: Database) -> None:
    path = await staff.order("placed")
    before = await rows(db, TRACES)

    for name, body, refusal, field in SHIP:
        answer = await staff.operator.post(f"{path}/ship", {**FROM_WAREHOUSE, **body})
        assert (problem(answer), answer.json()["errors"][0]["field"]) == (refusal, field), name
    elsewhere = (await staff.operator.post(f"{path}/ship", {"location": "wh-us"})).json()
    assert elsewhere["facts"] == {"field": "location", "sku": None, "location": "wh-us", "waiting": 0}
    assert elsewhere["detail"] == "Nothing waits for this order at wh-us."
    assert problem(await staff.till.post(f"{path}/ship", FROM_WAREHOUSE)) == (403, "wrong_location")
    assert problem(await staff.web.post(f"{path}/ship", FROM_WAREHOUSE)) == (403, "wrong_role")
    assert problem(await staff.operator.post(f"/v1/orders/{new_id('ord', NOON)}/ship", ONE)) == (404, "not_found")

    assert await rows(db, TRACES) == before


async def test_numbered_devices_are_shipped_line_by_line(staff: Staff, db: Database) -> None:
    await put_stock(db, "PHONE-BLK", "wh-de", 1)
    placed = await staff.web.post("/v1/orders", order(("PHONE-BLK", 1), total=79900))
    path = f"/v1/orders/{placed.json()['id']}"

    all_that_waits = await staff.operator.post(f"{path}/ship", FROM_WAREHOUSE)
    named = await staff.operator.post(f"{path}/ship", {**ONE, "lines": [{"line": 1, "quantity": 1, "serials": ["A"]}]})

    assert problem(all_that_waits) == (422, "serials_wanted")
    assert all_that_waits.json()["errors"][0]["field"] == "lines"
    assert named.json()["order"]["state"] == "shipped"


async def test_a_store_ships_what_a_basket_held_there(staff: Staff, db: Database) -> None:
    await plant(db, "UPDATE locations SET closed_on = '2026-11-01' WHERE code = 'wh-de'")
    await plant(db, "UPDATE locations SET closed_on = '2026-01-01' WHERE kind = 'warehouse'")
    basket = {"channel": "web-de", "lines": lines(("WATCH", 2)), "expires_at": "2026-11-02T13:00:00Z"}
    hold = (await staff.web.post("/v1/holds", basket)).json()
    assert hold["lines"] == [{"sku": "WATCH", "location": "berlin", "units": 2}], "no warehouse is open"
    placed = await staff.web.post("/v1/orders", order(("WATCH", 2), total=49800, hold=hold["reference"]))

    answer = await staff.till.post(f"/v1/orders/{placed.json()['id']}/ship", BERLIN)

    assert answer.status_code == 200, answer.text
    assert answer.json()["order"]["state"] == "shipped"
    assert ("WATCH", "berlin", 0, 0, 0) in await rows(db, POOLS)


async def test_goods_that_a_till_sold_from_under_an_order_can_still_be_handed_out(staff: Staff, db: Database) -> None:
    """The pool is overdrawn until somebody counts: what is held leaves, and supply says what is missing."""
    path = await staff.order("ready")
    sale = {"id": new_id("ord", NOON), "channel": "retail-de", **BERLIN, "lines": lines(("CHARGER", 4)),
            "shown_total": eur(15600), "tenders": [cash(15600)]}  # fmt: skip
    assert (await staff.till.post("/v1/till-sales", sale)).status_code == 201
    assert ("CHARGER", "berlin", 1, 2, 1) in await rows(db, POOLS)

    assert (await staff.till.post(f"{path}/collect", PAID)).status_code == 200

    assert ("CHARGER", "berlin", -1, 0, 1) in await rows(db, POOLS)


@pytest.mark.parametrize(
    ("way", "what", "body"),
    [
        ("placed", "cancel", {"reason": "changed my mind"}),
        ("placed", "ship", ONE),
        ("shipped", "hand-over", {"reference": "DHL-1"}),
        ("ready", "collect", PAID),
    ],
)
async def test_the_same_step_sent_again_is_the_same_step(
    staff: Staff, db: Database, way: str, what: str, body: Json
) -> None:
    path = await staff.order(way)
    first = await staff.do(path, what, body, once="step")
    before = await rows(db, TRACES)

    again = await staff.do(path, what, body, once="step")
    other_body = await staff.do(path, what, {**body, **OTHER[what]}, once="step")
    other_order = await staff.do(await staff.order("placed"), what, body, once="step")

    assert first.status_code == 200, first.text
    assert (again.status_code, again.content) == (200, first.content)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert problem(other_body) == problem(other_order) == (422, "idempotency_key_reused")
    assert (await rows(db, TRACES))[0][2] == before[0][2] + 1, "only the other order's timeline grew"


OTHER: dict[str, Json] = {
    "cancel": {"reason": "another"},
    "ship": {"lines": [{"line": 1, "quantity": 2}]},
    "hand-over": {"reference": None},
    "collect": {"tenders": [cash(8000)]},
}


async def test_making_ready_again_with_the_same_key_is_the_same_step(staff: Staff, db: Database) -> None:
    how, _ = WAYS["ready"]
    placed = await staff.web.post("/v1/orders", order(("CHARGER", 2), total=7800, **how))
    path = f"/v1/orders/{placed.json()['id']}"
    first = await staff.do(path, "ready", BERLIN, once="step")
    before = await rows(db, TRACES)

    again = await staff.do(path, "ready", BERLIN, once="step")

    assert (first.status_code, again.content) == (200, first.content)
    assert await rows(db, TRACES) == before


async def test_every_step_wants_an_idempotency_key(staff: Staff) -> None:
    path = await staff.order("placed")

    for what, caller in [("cancel", staff.web), ("ship", staff.operator), ("hand-over", staff.operator),
                         ("ready", staff.till), ("collect", staff.till)]:  # fmt: skip
        body = {"cancel": {"reason": "x"}, "hand-over": {}}.get(what, BERLIN)
        assert problem(await caller.send("POST", f"{path}/{what}", body)) == (400, "idempotency_key_missing")


async def test_a_storefront_cancels_orders_of_its_own_channel(staff: Staff, callers: Callers, db: Database) -> None:
    path = await staff.order("placed")
    other = await callers(Role.STOREFRONT, channel="web-us")
    before = await rows(db, TRACES)

    assert problem(await other.post(f"{path}/cancel", {"reason": "not mine"})) == (403, "wrong_channel")
    assert problem(await staff.till.post(f"{path}/cancel", {"reason": "not mine"})) == (403, "wrong_role")
    nobody = await staff.web.post(f"/v1/orders/{new_id('ord', NOON)}/cancel", {"reason": "?"})
    assert problem(nobody) == (404, "not_found")
    for reason in ("", " ", "\n\t", "\u00a0\u200b", "x" * 201, "\x00", 1, None):
        answer = await staff.web.post(f"{path}/cancel", {"reason": reason})
        assert (problem(answer), answer.json()["errors"][0]["field"]) == ((400, "invalid_input"), "reason")

    assert await rows(db, TRACES) == before
    assert (await staff.operator.post(f"{path}/cancel", {"reason": "asked by phone"})).status_code == 200
