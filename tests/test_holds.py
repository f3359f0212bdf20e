"""A basket is kept for a while: for its own storefront, from open places, and never longer than agreed."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlalchemy import text

from commerce.kernel.access import Role
from commerce.kernel.clock import SetClock
from commerce.kernel.db import Database
from commerce.kernel.ids import new_id
from commerce.kernel.keys import WantedKey, issue_key, rotate_key
from commerce.kernel.schedules import run_due
from inventory.available_to_promise import available_to_promise
from inventory.expire_holds import expire_holds
from inventory.laws import LAWS
from inventory.tasks import JOBS, expire_due_holds
from tests.conftest import NOON, Api, Callers, Json, problem
from tests.shop import no_law_is_broken, open_shop, put_stock, rows
from tests.stories import eur

POOLS = "SELECT sku, location, supply, held, overdrawn FROM stock_pools ORDER BY sku, location"
ONE_O_CLOCK = (NOON + timedelta(hours=1)).isoformat()


def basket(*lines: tuple[str, object], **more: object) -> Json:
    """A wanted hold until one o'clock in web-de, unless told otherwise."""
    wanted = [{"sku": sku, "quantity": quantity} for sku, quantity in lines]
    return {"channel": "web-de", "lines": wanted, "expires_at": ONE_O_CLOCK, **more}


async def another_warehouse(db: Database) -> None:
    """Make the store in Berlin a place that ships."""
    async with db.transaction() as tx:
        await tx.execute(text("UPDATE locations SET kind = 'warehouse' WHERE code = 'berlin'"))


@pytest.fixture(autouse=True)
async def shop(db: Database) -> AsyncIterator[None]:
    await open_shop(db)
    yield
    await no_law_is_broken(db, *LAWS)


async def test_a_basket_is_held_and_given_back(db: Database, web: Api) -> None:
    await put_stock(db, "PHONE-BLK", "wh-de", 5)
    await put_stock(db, "CASE-BLK", "wh-de", 5)

    taken = await web.post("/v1/holds", basket(("PHONE-BLK", 1), ("CASE-BLK", 1), ("PHONE-BLK", 2)))

    reference = taken.json()["reference"]
    assert taken.status_code == 201
    assert taken.json() == {
        "reference": reference,
        "state": "held",
        "expires_at": "2026-11-02T13:00:00Z",
        "lines": [
            {"sku": "CASE-BLK", "location": "wh-de", "units": 1},
            {"sku": "PHONE-BLK", "location": "wh-de", "units": 3},
        ],
    }
    assert (await web.get(f"/v1/holds/{reference}")).json() == taken.json()
    assert await rows(db, POOLS) == [("CASE-BLK", "wh-de", 5, 1, 0), ("PHONE-BLK", "wh-de", 5, 3, 0)]

    released = await web.post(f"/v1/holds/{reference}/release")
    again = await web.post(f"/v1/holds/{reference}/release")

    assert (released.status_code, released.json()["state"]) == (200, "released")
    assert again.json() == released.json()
    assert await rows(db, POOLS) == [("CASE-BLK", "wh-de", 5, 0, 0), ("PHONE-BLK", "wh-de", 5, 0, 0)]


async def test_a_basket_one_place_has_whole_comes_from_there_else_from_few(db: Database, web: Api) -> None:
    await another_warehouse(db)
    await put_stock(db, "PHONE-BLK", "wh-de", 3)
    await put_stock(db, "PHONE-BLK", "berlin", 10)

    whole = await web.post("/v1/holds", basket(("PHONE-BLK", 5)))
    split = await web.post("/v1/holds", basket(("PHONE-BLK", 7)))

    assert whole.json()["lines"] == [{"sku": "PHONE-BLK", "location": "berlin", "units": 5}]
    assert split.json()["lines"] == [
        {"sku": "PHONE-BLK", "location": "berlin", "units": 5},
        {"sku": "PHONE-BLK", "location": "wh-de", "units": 2},
    ]
    assert await rows(db, POOLS) == [("PHONE-BLK", "berlin", 10, 10, 0), ("PHONE-BLK", "wh-de", 3, 2, 0)]


async def test_what_is_not_there_whole_is_not_held_in_part(db: Database, web: Api) -> None:
    await put_stock(db, "PHONE-BLK", "wh-de", 2)
    await put_stock(db, "CASE-BLK", "wh-de", 2)
    await put_stock(db, "PHONE-BLK", "wh-us", 9)

    answer = await web.post("/v1/holds", basket(("CASE-BLK", 1), ("PHONE-BLK", 3)))

    assert problem(answer) == (409, "not_enough_stock")
    assert answer.json()["facts"] == {"missing": [{"sku": "PHONE-BLK", "wanted": 3, "free": 2}]}
    assert await rows(db, "SELECT 1 FROM holds") == []


async def test_what_lies_in_stores_is_neither_promised_held_nor_shipped_while_there_is_a_warehouse(
    db: Database, web: Api
) -> None:
    await put_stock(db, "WATCH", "berlin", 9)
    wish = {"channel": "web-de", "lines": basket(("WATCH", 2))["lines"], "shown_total": eur(49800)}

    async def promised() -> int:
        async with db.read() as tx:
            return (await available_to_promise(tx, "web-de", ["WATCH"], NOON))["WATCH"]

    assert await promised() == 0
    assert problem(await web.post("/v1/holds", basket(("WATCH", 2)))) == (409, "not_enough_stock")
    assert problem(await web.post("/v1/orders", wish)) == (409, "not_enough_stock")
    there = (await web.post("/v1/holds", basket(("WATCH", 2), collect_at="berlin"))).json()["reference"]
    assert problem(await web.post("/v1/orders", {**wish, "hold": there})) == (409, "hold_mismatch")

    async with db.transaction() as tx:
        await tx.execute(text("UPDATE locations SET closed_on = '2026-11-01' WHERE code = 'wh-de'"))
    assert await promised() == 7
    held = await web.post("/v1/holds", basket(("WATCH", 2)))
    assert held.json()["lines"] == [{"sku": "WATCH", "location": "berlin", "units": 2}]
    assert (await web.post("/v1/orders", {**wish, "hold": held.json()["reference"]})).status_code == 201
    assert await promised() == 5


async def test_goods_to_collect_are_held_in_that_store_only(db: Database, web: Api) -> None:
    await put_stock(db, "WATCH", "wh-de", 9)
    await put_stock(db, "WATCH", "berlin", 1)

    held = await web.post("/v1/holds", basket(("WATCH", 1), collect_at="berlin"))
    gone = await web.post("/v1/holds", basket(("WATCH", 1), collect_at="berlin"))

    assert held.json()["lines"] == [{"sku": "WATCH", "location": "berlin", "units": 1}]
    assert problem(gone) == (409, "not_enough_stock")


async def test_a_client_may_make_the_reference_and_use_it_once(db: Database, web: Api) -> None:
    await put_stock(db, "WATCH", "wh-de", 9)
    mine = new_id("hld", NOON)

    first = await web.post("/v1/holds", basket(("WATCH", 2), reference=mine), once="try")
    retry = await web.post("/v1/holds", basket(("WATCH", 2), reference=mine), once="try")
    other = await web.post("/v1/holds", basket(("WATCH", 2), reference=mine))

    assert first.json()["reference"] == mine
    assert retry.content == first.content
    assert problem(other) == (409, "already_exists")
    assert await rows(db, POOLS) == [("WATCH", "wh-de", 9, 2, 0)]


async def test_nobody_but_the_key_that_took_it_sees_a_hold(db: Database, web: Api, callers: Callers) -> None:
    await put_stock(db, "WATCH", "wh-de", 9)
    reference = (await web.post("/v1/holds", basket(("WATCH", 2)))).json()["reference"]
    neighbour = await callers(Role.STOREFRONT, channel="web-de")
    stranger = await callers(Role.STOREFRONT, channel="web-us")
    unbound = await callers(Role.STOREFRONT)

    for other in (neighbour, stranger, unbound):
        assert problem(await other.get(f"/v1/holds/{reference}")) == (404, "not_found")
        assert problem(await other.post(f"/v1/holds/{reference}/release")) == (404, "not_found")
    for other in (stranger, unbound):
        assert problem(await other.post("/v1/holds", basket(("WATCH", 1)))) == (403, "wrong_channel")
    assert await rows(db, POOLS) == [("WATCH", "wh-de", 9, 2, 0)]
    assert (await web.get(f"/v1/holds/{reference}")).json()["state"] == "held"


async def test_a_rotated_key_keeps_its_holds(db: Database, callers: Callers) -> None:
    await put_stock(db, "WATCH", "wh-de", 9)
    async with db.transaction() as tx:
        old = await issue_key(tx, WantedKey(Role.STOREFRONT, "shop", "web-de"), NOON)
    async with db.transaction() as tx:
        new = await rotate_key(tx, old.id, NOON, timedelta(hours=1))
    client = callers.nobody().client
    reference = (await Api(client, old.key).post("/v1/holds", basket(("WATCH", 2)))).json()["reference"]

    released = await Api(client, new.key).post(f"/v1/holds/{reference}/release")

    assert (released.status_code, released.json()["state"]) == (200, "released")
    assert await rows(db, "SELECT owner FROM holds") == [(old.id,)]


async def test_an_orders_goods_cannot_be_given_back_as_if_they_were_a_basket(db: Database, web: Api) -> None:
    await put_stock(db, "WATCH", "wh-de", 9)
    reference = (await web.post("/v1/holds", basket(("WATCH", 2)))).json()["reference"]
    wish = {"channel": "web-de", "lines": basket(("WATCH", 2))["lines"], "hold": reference}
    placed = await web.post("/v1/orders", {**wish, "shown_total": {"amount": 49800, "currency": "EUR"}})
    assert placed.status_code == 201, placed.text

    for name in (reference, placed.json()["id"], reference.upper(), "hld_1"):
        assert problem(await web.get(f"/v1/holds/{name}")) == (404, "not_found")
        assert problem(await web.post(f"/v1/holds/{name}/release")) == (404, "not_found")
    assert await rows(db, POOLS) == [("WATCH", "wh-de", 9, 2, 0)]


@pytest.mark.parametrize(
    ("body", "status", "code", "field"),
    [
        (basket(("WATCH", 0)), 400, "invalid_input", "lines[0].quantity"),
        (basket(("WATCH", "1")), 400, "invalid_input", "lines[0].quantity"),
        (basket(("WATCH", 1.0)), 400, "invalid_input", "lines[0].quantity"),
        (basket(("WATCH", True)), 400, "invalid_input", "lines[0].quantity"),
        (basket(("WATCH", 10_001)), 400, "invalid_input", "lines[0].quantity"),
        (basket(), 400, "invalid_input", "lines"),
        (basket(("WATCH", 1), ("NOBODY", 1)), 422, "unknown_reference", "lines[1].sku"),
        (basket(("DRAFT-1", 1)), 422, "not_listed", "lines[0].sku"),
        (basket(("CHARGER", 1)), 422, "not_certified", "lines[0].sku"),
        (basket(("WATCH", 1), collect_at="nyc"), 403, "wrong_location", "collect_at"),
        (basket(("WATCH", 1), collect_at="wh-de"), 403, "wrong_location", "collect_at"),
        (basket(("WATCH", 1), reference="ord_1"), 400, "invalid_input", "reference"),
        (basket(("WATCH", 1), expires_at=NOON.isoformat()), 422, "hold_time_not_allowed", "expires_at"),
        (basket(("WATCH", 1), expires_at="2026-11-02T14:00:00.1Z"), 422, "hold_time_not_allowed", "expires_at"),
        (basket(("WATCH", 1), expires_at="2026-11-02T13:00:00"), 400, "invalid_input", "expires_at"),
        (basket(("WATCH", 1), price=1), 400, "invalid_input", "price"),
    ],
)
async def test_a_bad_basket_is_named_and_leaves_no_trace(
    db: Database, web: Api, body: Json, status: int, code: str, field: str
) -> None:
    await put_stock(db, "WATCH", "wh-de", 20_000)
    async with db.transaction() as tx:
        await tx.execute(text("UPDATE listings SET certified_from = '2027-01-01Z' WHERE sku = 'CHARGER'"))

    answer = await web.post("/v1/holds", body)

    assert problem(answer) == (status, code)
    assert answer.json()["errors"][0]["field"] == field
    assert await rows(db, "SELECT 1 FROM holds UNION ALL SELECT 1 FROM idempotency_keys") == []


async def test_what_nobody_confirmed_is_free_again_and_told_once(db: Database, web: Api, clock: SetClock) -> None:
    await another_warehouse(db)
    await put_stock(db, "PHONE-BLK", "wh-de", 5)
    await put_stock(db, "CASE-BLK", "berlin", 5)
    wanted = basket(("PHONE-BLK", 2), ("CASE-BLK", 1))
    reference = (await web.post("/v1/holds", wanted)).json()["reference"]
    later = (await web.post("/v1/holds", {**wanted, "expires_at": "2026-11-02T13:30:00Z"})).json()["reference"]

    await expire_due_holds(db, clock.advance(timedelta(minutes=59)))
    assert await rows(db, POOLS) == [("CASE-BLK", "berlin", 5, 2, 0), ("PHONE-BLK", "wh-de", 5, 4, 0)]

    clock.advance(timedelta(minutes=1))
    assert (await web.get(f"/v1/holds/{reference}")).json()["state"] == "expired", "over, before anybody tidied up"
    await expire_due_holds(db, clock.now())
    await expire_due_holds(db, clock.now())

    assert await rows(db, POOLS) == [("CASE-BLK", "berlin", 5, 1, 0), ("PHONE-BLK", "wh-de", 5, 2, 0)]
    assert await rows(db, "SELECT topic, body FROM outbox_messages") == [("hold_expired", {"reference": reference})]
    assert (await web.get(f"/v1/holds/{reference}")).json()["state"] == "expired"
    assert (await web.get(f"/v1/holds/{later}")).json()["state"] == "held"
    assert problem(await web.post(f"/v1/holds/{reference}/release")) == (409, "move_not_allowed")


async def test_what_is_over_cannot_be_given_back_even_before_anybody_tidied_up(
    db: Database, web: Api, clock: SetClock
) -> None:
    await put_stock(db, "WATCH", "wh-de", 5)
    reference = (await web.post("/v1/holds", basket(("WATCH", 2)))).json()["reference"]
    clock.advance(timedelta(hours=1))

    late = await web.post(f"/v1/holds/{reference}/release")
    await expire_due_holds(db, clock.now())

    assert problem(late) == (409, "move_not_allowed")
    assert late.json()["facts"]["state"] == "expired"
    assert await rows(db, "SELECT outcome FROM holds") == [("expired",)]
    assert await rows(db, "SELECT topic, body FROM outbox_messages") == [("hold_expired", {"reference": reference})]


async def test_a_reference_that_an_order_took_over_stays_used(db: Database, web: Api) -> None:
    await put_stock(db, "WATCH", "wh-de", 9)
    mine = new_id("hld", NOON)
    await web.post("/v1/holds", basket(("WATCH", 2), reference=mine))
    wish = {"channel": "web-de", "lines": basket(("WATCH", 2))["lines"], "hold": mine}
    placed = await web.post("/v1/orders", {**wish, "shown_total": eur(49800)})
    assert placed.status_code == 201, placed.text

    again = await web.post("/v1/holds", basket(("WATCH", 2), reference=mine))

    assert problem(again) == (409, "already_exists")
    assert await rows(db, "SELECT reference, basket FROM holds") == [(placed.json()["id"], mine)]
    assert await rows(db, POOLS) == [("WATCH", "wh-de", 9, 2, 0)]


async def test_many_holds_expire_in_batches_the_longest_overdue_first(db: Database, web: Api, clock: SetClock) -> None:
    await put_stock(db, "WATCH", "wh-de", 10)
    references = []
    for minute in (50, 10, 30):
        wanted = basket(("WATCH", 1), expires_at=f"2026-11-02T12:{minute}:00Z")
        references.append((await web.post("/v1/holds", wanted)).json()["reference"])
    now = clock.advance(timedelta(hours=1))

    async with db.transaction() as tx:
        first = await expire_holds(tx, now, most=2)
    async with db.transaction() as tx:
        rest = await expire_holds(tx, now, most=2)

    assert (first, rest) == ([references[1], references[2]], [references[0]])


async def test_what_another_expires_is_left_to_it(db: Database, web: Api, clock: SetClock) -> None:
    await another_warehouse(db)
    await put_stock(db, "WATCH", "wh-de", 10)
    await put_stock(db, "PHONE-BLK", "berlin", 10)
    await web.post("/v1/holds", basket(("WATCH", 1), ("PHONE-BLK", 1)))
    now = clock.advance(timedelta(hours=1))

    async with db.transaction() as one:
        mine = await expire_holds(one, now)
        async with db.transaction() as another:
            theirs = await expire_holds(another, now)

    assert (len(mine), theirs) == (1, [])
    assert await rows(db, "SELECT count(*) FROM outbox_messages") == [(1,)]


async def test_the_scheduler_expires_holds_every_ten_seconds(db: Database, web: Api, clock: SetClock) -> None:
    await put_stock(db, "WATCH", "wh-de", 10)
    await web.post("/v1/holds", basket(("WATCH", 1)))
    await run_due(db, JOBS, clock.now())

    assert await run_due(db, JOBS, clock.advance(timedelta(seconds=9))) == []
    assert await run_due(db, JOBS, clock.advance(timedelta(hours=1))) == ["expire_due_holds"]

    assert await rows(db, POOLS) == [("WATCH", "wh-de", 10, 0, 0)]
