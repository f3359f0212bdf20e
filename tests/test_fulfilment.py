"""Fulfilment: how an order reaches its buyer or is cancelled; goods, money and timeline agree at every step."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from commerce.kernel.access import Role
from commerce.kernel.clock import SetClock
from commerce.kernel.db import Database
from commerce.kernel.ids import new_id
from commerce.kernel.relay import react, relay_once
from commerce.worker import REACTIONS, topics
from inventory.tasks import expire_due_holds
from orders.tasks import cancel_uncollected
from tests.conftest import NOON, Api, Callers, Json, problem
from tests.shop import put_stock, rows
from tests.stories import POOLS, TRACES, card, cash, eur, every_law_holds, ledger, lines, open_store, order, plant, told

TO_BERLIN = {"fulfilment": "collect", "collect_at": "berlin"}
BERLIN = {"location": "berlin"}


@pytest.fixture(autouse=True)
async def shop(db: Database) -> AsyncIterator[None]:
    """The store in Berlin, and two warehouses with four and three phones; whatever happens, every law holds."""
    await open_store(db)
    await plant(
        db,
        "INSERT INTO locations (code, kind, name, market, country)"
        " VALUES ('wh2-de', 'warehouse', 'Warehouse Kassel', 'de', 'DE')",
    )
    await put_stock(db, "PHONE-WHT", "wh-de", 3)
    await put_stock(db, "PHONE-WHT", "wh2-de", 4)
    await put_stock(db, "CHARGER", "wh-de", 9)
    yield
    await every_law_holds(db)


async def place(web: Api, *wanted: tuple[str, int], total: int, **more: object) -> str:
    """Place an order; its path."""
    answer = await web.post("/v1/orders", order(*wanted, total=total, **more))
    assert answer.status_code == 201, answer.text
    return f"/v1/orders/{answer.json()['id']}"


def whats(history: Json) -> list[str]:
    """What a timeline tells, in order."""
    return [entry["what"] for entry in history["timeline"]]


async def test_a_buyer_collects_and_pays_at_the_counter(web: Api, till: Api, db: Database, clock: SetClock) -> None:
    path = await place(web, ("CASE-BLK", 2), ("WATCH", 1), ("CASE-BLK", 1), total=33600, **TO_BERLIN)
    clock.advance(timedelta(hours=1))
    ready = await till.post(f"{path}/ready", BERLIN)
    clock.advance(timedelta(hours=1))
    collected = await till.post(f"{path}/collect", {**BERLIN, "tenders": [card(3600, "T-5"), cash(32000)]})

    assert ready.status_code == 200, ready.text
    assert (ready.json()["order"]["state"], ready.json()["owed"]) == ("ready", eur(33600))
    assert collected.status_code == 200, collected.text
    history = collected.json()
    assert history == (await till.get(path)).json()
    assert (history["order"]["state"], history["owed"]) == ("completed", eur(0))
    assert [line["sent"] for line in history["order"]["lines"]] == [2, 1, 1]
    assert [
        (t["kind"], t["state"], t["amount"]["amount"], t["change"]["amount"]) for t in history["order"]["tenders"]
    ] == [
        ("pay_on_collection", "void", 33600, 0),
        ("card_terminal", "paid", 3600, 0),
        ("cash", "paid", 30000, 2000),
    ]
    assert whats(history) == ["placed", "ready", "collected"]
    [shipment] = history["shipments"]
    assert (shipment["kind"], shipment["location"]) == ("collected", "berlin")
    assert shipment["left_at"] == shipment["handed_over_at"] == "2026-11-02T14:00:00Z"
    assert ("CASE-BLK", "berlin", 2, 0, 0) in await rows(db, POOLS)
    assert ("WATCH", "berlin", 1, 0, 0) in await rows(db, POOLS)
    order_id = path.rpartition("/")[2]
    assert await ledger(db, order_id) == [("charge", 33600), ("payment", -3600), ("payment", -30000)]
    assert await told(db, "order_fulfilled") == [{"order_id": order_id}]


async def test_an_order_is_collected_where_and_when_it_is_ready(
    web: Api, till: Api, callers: Callers, operator: Api, db: Database
) -> None:
    path = await place(web, ("WATCH", 1), total=24900, **TO_BERLIN)
    shipped = await place(web, ("CHARGER", 1), total=3900)
    munich = await callers(Role.TERMINAL, channel="retail-de", location="munich")
    pay = {"tenders": [cash(24900)]}
    before = await rows(db, TRACES)

    async def refused(caller: Api, what: str, body: Json) -> tuple[int, str, str | None]:
        answer = await caller.post(what, body)
        return *problem(answer), answer.json()["errors"][0]["field"] if answer.json()["errors"] else None

    nobody = f"/v1/orders/{new_id('ord', NOON)}"
    assert await refused(munich, f"{path}/ready", BERLIN) == (403, "wrong_location", "location")
    assert await refused(munich, f"{path}/ready", {"location": "munich"}) == (403, "wrong_location", "location")
    assert await refused(operator, f"{path}/ready", {"location": "munich"}) == (403, "wrong_location", "location")
    assert await refused(till, f"{shipped}/ready", BERLIN) == (409, "move_not_allowed", None)
    assert await refused(till, f"{nobody}/ready", BERLIN) == (404, "not_found", None)
    assert await refused(till, "/v1/orders/ord_1/ready", BERLIN) == (400, "invalid_input", "order_id")
    assert await refused(web, f"{path}/ready", BERLIN) == (403, "wrong_role", None)
    assert await refused(till, f"{path}/collect", {**BERLIN, **pay}) == (409, "move_not_allowed", None), "not ready yet"
    assert await rows(db, TRACES) == before

    await till.post(f"{path}/ready", BERLIN)
    before = await rows(db, TRACES)
    assert await refused(till, f"{path}/ready", BERLIN) == (409, "move_not_allowed", None)
    assert await refused(munich, f"{path}/collect", {"location": "munich", **pay}) == (
        403,
        "wrong_location",
        "location",
    )
    assert await refused(munich, f"{path}/collect", {**BERLIN, **pay}) == (403, "wrong_location", "location")
    assert await refused(operator, f"{path}/collect", {**BERLIN, **pay}) == (403, "wrong_role", None)
    assert await refused(till, f"{path}/collect", BERLIN) == (422, "tenders_do_not_add_up", "tenders")
    assert await refused(till, f"{path}/collect", {**BERLIN, "tenders": [cash(24800)]}) == (
        422, "tenders_do_not_add_up", "tenders",
    )  # fmt: skip
    assert await refused(till, f"{path}/collect", {**BERLIN, "tenders": [card(25000)]}) == (
        422, "tenders_do_not_add_up", "tenders",
    )  # fmt: skip
    dollars = {"kind": "cash", "given": {"amount": 24900, "currency": "USD"}}
    assert await refused(till, f"{path}/collect", {**BERLIN, "tenders": [dollars]}) == (
        422, "mixed_currency", "tenders[0].given",
    )  # fmt: skip
    assert await refused(till, f"{nobody}/collect", {**BERLIN, **pay}) == (404, "not_found", None)
    assert await refused(till, f"{path}/hand-over", {}) == (403, "wrong_role", None)
    assert await refused(operator, f"{path}/hand-over", {}) == (409, "move_not_allowed", None)
    assert await refused(operator, f"{path}/ship", BERLIN) == (409, "move_not_allowed", None)
    assert await rows(db, TRACES) == before

    assert (await till.post(f"{path}/collect", {**BERLIN, **pay})).status_code == 200
    before = await rows(db, TRACES)
    assert await refused(till, f"{path}/collect", {**BERLIN, **pay}) == (409, "move_not_allowed", None)
    assert await rows(db, TRACES) == before


def of(line: object, *serials: str) -> Json:
    """The serial numbers of a line."""
    return {"line": line, "serials": list(serials)}


async def test_numbered_devices_are_collected_with_their_numbers(web: Api, till: Api, db: Database) -> None:
    path = await place(web, ("PHONE-BLK", 2), ("PHONE-BLK", 1), ("CASE-BLK", 1), total=242600, **TO_BERLIN)
    await till.post(f"{path}/ready", BERLIN)
    body = {**BERLIN, "tenders": [card(242600)]}
    wanted, unread, twice = (422, "serials_wanted"), (400, "invalid_input"), (422, "serial_named_twice")
    cases: list[tuple[list[Json], tuple[int, str], str]] = [
        ([], wanted, "serials"),
        ([of(1, "A"), of(2, "C")], wanted, "serials[0].serials"),
        ([of(2, "A"), of(1, "A", "B")], twice, "serials[0].serials"),
        ([of(1, "A", "A"), of(2, "C")], twice, "serials[0].serials"),
        ([of(4, "A")], (422, "unknown_reference"), "serials[0].line"),
        ([of(1, "A", "B"), of(1, "C")], unread, "serials[1].line"),
        ([of("1", "A")], unread, "serials[0].line"),
    ]
    before = await rows(db, TRACES)
    for serials, refusal, field in cases:
        answer = await till.post(f"{path}/collect", {**body, "serials": serials})
        assert (problem(answer), answer.json()["errors"][0]["field"]) == (refusal, field), serials
    assert await rows(db, TRACES) == before

    answer = await till.post(f"{path}/collect", {**body, "serials": [of(2, "C"), of(1, "A", "B")]})

    assert answer.status_code == 200, answer.text
    assert answer.json()["shipments"][0]["lines"] == [
        {"line": 1, "quantity": 2, "serials": ["A", "B"]},
        {"line": 2, "quantity": 1, "serials": ["C"]},
        {"line": 3, "quantity": 1, "serials": []},
    ]


async def heard(db: Database, topic: str) -> list[bool]:
    """Let the worker's one reaction to each event of a topic happen; whether each was done now."""
    await relay_once(db, topics(REACTIONS), lambda _name, _ids: None, db.clock.now())
    ids = await rows(db, "SELECT id FROM outbox_messages WHERE topic = :topic ORDER BY id", topic=topic)
    return [await react(db, cancel_uncollected.__name__, id_, cancel_uncollected) for (id_,) in ids]


@pytest.mark.parametrize("made_ready", [False, True], ids=["still placed", "made ready"])
async def test_what_nobody_collects_within_two_weeks_is_cancelled(
    web: Api, till: Api, db: Database, clock: SetClock, *, made_ready: bool
) -> None:
    path = await place(web, ("WATCH", 2), ("CASE-BLK", 1), total=52700, **TO_BERLIN)
    if made_ready:
        await till.post(f"{path}/ready", BERLIN)
    await expire_due_holds(db, clock.advance(timedelta(days=14, seconds=-1)))
    assert ("WATCH", "berlin", 2, 2, 0) in await rows(db, POOLS)

    await expire_due_holds(db, clock.advance(timedelta(seconds=1)))
    await every_law_holds(db)
    if made_ready:
        late = await till.post(f"{path}/collect", {**BERLIN, "tenders": [cash(52700)]})
        assert problem(late) == (409, "nothing_to_send")
    done = [await heard(db, "hold_expired"), await heard(db, "hold_expired")]

    assert done == [[True], [False]], "done once, however often the bell rings"
    history = (await till.get(path)).json()
    order_id = path.rpartition("/")[2]
    assert (history["order"]["state"], history["owed"]) == ("cancelled", eur(0))
    assert history["timeline"][-1]["facts"] == {"reason": "not collected in time"}
    assert history["timeline"][-1]["actor"] == "worker"
    assert await ledger(db, order_id) == [("charge", 52700), ("cancellation", -52700)]
    assert await told(db, "order_cancelled") == [{"order_id": order_id, "reason": "not collected in time"}]
    assert ("WATCH", "berlin", 2, 0, 0) in await rows(db, POOLS)
    assert problem(await till.post(f"{path}/ready", BERLIN)) == (409, "move_not_allowed")


async def test_a_basket_that_expires_and_an_order_that_was_cancelled_are_left_alone(
    web: Api, db: Database, clock: SetClock
) -> None:
    await put_stock(db, "WATCH", "wh-de", 1)
    basket = {"channel": "web-de", "lines": lines(("WATCH", 1)), "expires_at": "2026-11-02T13:00:00Z"}
    await web.post("/v1/holds", basket)
    path = await place(web, ("WATCH", 1), total=24900, **TO_BERLIN)
    await expire_due_holds(db, clock.advance(timedelta(days=14)))
    await web.post(f"{path}/cancel", {"reason": "changed my mind"})

    done = await heard(db, "hold_expired")

    assert done == [True, True]
    assert [event["reason"] for event in await told(db, "order_cancelled")] == ["changed my mind"]
    assert await rows(db, "SELECT count(*) FROM outbox_deliveries WHERE failures > 0") == [(0,)]


async def test_an_order_is_shipped_in_parts_from_two_warehouses(
    web: Api, operator: Api, db: Database, clock: SetClock
) -> None:
    await plant(db, "UPDATE variants SET serial_numbered = true WHERE sku = 'PHONE-WHT'")
    path = await place(web, ("PHONE-WHT", 5), ("CHARGER", 2), ("PHONE-WHT", 1), total=487200)
    assert await rows(db, POOLS.replace("ORDER", "WHERE held > 0 ORDER")) == [
        ("CHARGER", "wh-de", 9, 2, 0),
        ("PHONE-WHT", "wh-de", 3, 3, 0),
        ("PHONE-WHT", "wh2-de", 4, 3, 0),
    ]

    async def ship(location: str, *named: tuple[int, int, str]) -> Json:
        clock.advance(timedelta(hours=1))
        wanted = [{"line": line, "quantity": units, "serials": serials.split()} for line, units, serials in named]
        answer = await operator.post(f"{path}/ship", {"location": location, **({"lines": wanted} if named else {})})
        assert answer.status_code == 200, answer.text
        history: Json = answer.json()
        return history

    first = await ship("wh2-de", (1, 2, "A B"), (3, 1, "C"))
    second = await ship("wh-de", (1, 3, "D E F"))
    third = await ship("wh-de")

    assert [history["order"]["state"] for history in (first, second, third)] == [
        "part_shipped",
        "part_shipped",
        "shipped",
    ]
    assert [[line["sent"] for line in history["order"]["lines"]] for history in (first, second, third)] == [
        [2, 0, 1], [5, 0, 1], [5, 2, 1],
    ]  # fmt: skip
    assert [(s["location"], s["kind"], s["handed_over_at"], s["lines"]) for s in third["shipments"]] == [
        ("wh2-de", "shipped", None, [{"line": 1, "quantity": 2, "serials": ["A", "B"]},
                                     {"line": 3, "quantity": 1, "serials": ["C"]}]),
        ("wh-de", "shipped", None, [{"line": 1, "quantity": 3, "serials": ["D", "E", "F"]}]),
        ("wh-de", "shipped", None, [{"line": 2, "quantity": 2, "serials": []}]),
    ]  # fmt: skip
    assert third["owed"] == eur(487200), "the carrier has not brought the money yet"
    assert await rows(db, POOLS.replace("ORDER", "WHERE location LIKE 'wh%' ORDER")) == [
        ("CHARGER", "wh-de", 7, 0, 0),
        ("PHONE-WHT", "wh-de", 0, 0, 0),
        ("PHONE-WHT", "wh2-de", 1, 0, 0),
    ]
    await every_law_holds(db)

    clock.advance(timedelta(days=2))
    handed = (await operator.post(f"{path}/hand-over", {"reference": "DHL-0034"})).json()

    assert (handed["order"]["state"], handed["owed"]) == ("completed", eur(0))
    assert {shipment["handed_over_at"] for shipment in handed["shipments"]} == {"2026-11-04T15:00:00Z"}
    assert whats(handed) == ["placed", "shipped", "shipped", "shipped", "handed_over"]
    assert [(t["kind"], t["state"], t["amount"]) for t in handed["order"]["tenders"]] == [
        ("pay_on_collection", "void", eur(487200)),
        ("pay_on_collection", "paid", eur(487200)),
    ]
    assert await rows(db, "SELECT reference FROM tenders WHERE state = 'paid'") == [("DHL-0034",)]
    assert await told(db, "order_fulfilled") == [{"order_id": path.rpartition("/")[2]}]


async def test_a_device_that_was_sold_leaves_no_second_time(web: Api, till: Api, operator: Api, db: Database) -> None:
    await plant(db, "UPDATE variants SET serial_numbered = true WHERE sku = 'PHONE-WHT'")
    collected = await place(web, ("CASE-BLK", 1), ("PHONE-BLK", 1), total=82800, **TO_BERLIN)
    late = await place(web, ("PHONE-BLK", 1), total=79900, **TO_BERLIN)
    shipped = await place(web, ("PHONE-WHT", 3), total=239700)
    for path in (collected, late):
        await till.post(f"{path}/ready", BERLIN)
    paid = {**BERLIN, "tenders": [card(82800)], "serials": [of(2, "A")]}
    assert (await till.post(f"{collected}/collect", paid)).status_code == 200
    first = {"line": 1, "quantity": 1, "serials": ["A"]}
    from_warehouse = {"location": "wh-de", "lines": [first]}
    assert (await operator.post(f"{shipped}/ship", from_warehouse)).status_code == 200, "another sku"
    before = await rows(db, TRACES)

    again = {**BERLIN, "tenders": [card(79900)], "serials": [of(1, "A")]}
    refused = [await till.post(f"{late}/collect", again), await operator.post(f"{shipped}/ship", from_warehouse)]

    assert [problem(answer) for answer in refused] == [(409, "serial_already_sold")] * 2
    assert [answer.json()["facts"]["field"] for answer in refused] == ["serials[0].serials", "lines[0].serials"]

    assert await rows(db, TRACES) == before
    assert await rows(db, "SELECT sku, serial, line FROM sold_serials ORDER BY sku") == [
        ("PHONE-BLK", "A", 2),
        ("PHONE-WHT", "A", 1),
    ]
