"""Goods arrive, are corrected, counted and moved; every unit is in the diary, and no law is broken on the way."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from commerce.kernel.access import Role
from commerce.kernel.clock import SetClock
from commerce.kernel.db import Database
from inventory.laws import LAWS
from inventory.rules import SUPPLY_MAX
from tests.conftest import Api, Callers, Json, problem
from tests.shop import no_law_is_broken, open_shop, put_stock, rows

POOLS = "SELECT sku, location, supply, held, overdrawn FROM stock_pools ORDER BY sku, location"


@pytest.fixture(autouse=True)
async def shop(db: Database) -> AsyncIterator[None]:
    await open_shop(db)
    yield
    await no_law_is_broken(db, *LAWS)


async def held(callers: Callers, clock: SetClock, sku: str, quantity: int, at: str | None = None) -> str:
    """Have a storefront hold units for an hour; the hold's reference."""
    storefront = await callers(Role.STOREFRONT, channel="web-de")
    body: Json = {
        "channel": "web-de",
        "lines": [{"sku": sku, "quantity": quantity}],
        "expires_at": clock.now().replace(hour=13).isoformat(),
        "collect_at": at,
    }
    answer = await storefront.post("/v1/holds", body)
    assert answer.status_code == 201, answer.text
    reference: str = answer.json()["reference"]
    return reference


async def test_goods_that_arrive_are_on_hand_and_in_the_diary(db: Database, operator: Api) -> None:
    lines = [{"sku": "WATCH", "units": 4}, {"sku": "CASE-BLK", "units": 7}, {"sku": "WATCH", "units": 6}]

    answer = await operator.post("/v1/stock/receipts", {"location": "wh-de", "reference": "DN-117", "lines": lines})

    assert answer.status_code == 201
    assert answer.json() == {
        "reference": "DN-117",
        "changes": [
            {
                "sku": "CASE-BLK", "location": "wh-de", "units": 7,
                "supply": 7, "held": 0, "free": 7, "overdrawn": 0,
            },
            {
                "sku": "WATCH", "location": "wh-de", "units": 10,
                "supply": 10, "held": 0, "free": 10, "overdrawn": 0,
            },
        ],
        "overdrafts": [],
    }  # fmt: skip
    diary = (await operator.get("/v1/stock/movements", sku="WATCH")).json()["items"]
    assert [(line["kind"], line["units"], line["reference"], line["location"]) for line in diary] == [
        ("received", 10, "DN-117", "wh-de")
    ]
    assert await rows(db, POOLS) == [("CASE-BLK", "wh-de", 7, 0, 0), ("WATCH", "wh-de", 10, 0, 0)]


async def test_one_receipt_sent_twice_arrives_once(db: Database, operator: Api) -> None:
    body: Json = {"location": "wh-de", "lines": [{"sku": "WATCH", "units": 10}]}

    first = await operator.post("/v1/stock/receipts", body, once="delivery-1")
    again = await operator.post("/v1/stock/receipts", body, once="delivery-1")
    other = await operator.post(
        "/v1/stock/receipts", {**body, "lines": [{"sku": "WATCH", "units": 11}]}, once="delivery-1"
    )

    assert again.content == first.content
    assert problem(other) == (422, "idempotency_key_reused")
    assert await rows(db, POOLS) == [("WATCH", "wh-de", 10, 0, 0)]


async def test_a_correction_has_a_reason_and_a_line(db: Database, operator: Api) -> None:
    await put_stock(db, "CHARGER", "berlin", 9)

    answer = await operator.post(
        "/v1/stock/adjustments", {"sku": "CHARGER", "location": "berlin", "units": -2, "reason": "damaged"}
    )

    assert answer.json()["changes"][0]["supply"] == 7
    assert await rows(db, "SELECT kind, units, reason FROM movements WHERE kind = 'corrected'") == [
        ("corrected", -2, "damaged")
    ]


async def test_promised_units_cannot_be_corrected_away(
    db: Database, operator: Api, callers: Callers, clock: SetClock
) -> None:
    await put_stock(db, "CHARGER", "berlin", 5)
    await held(callers, clock, "CHARGER", 4, at="berlin")
    body: Json = {"sku": "CHARGER", "location": "berlin", "reason": "lost"}

    refused = await operator.post("/v1/stock/adjustments", {**body, "units": -2})
    taken = await operator.post("/v1/stock/adjustments", {**body, "units": -1})

    assert problem(refused) == (409, "stock_is_held")
    assert refused.json()["facts"] == {"sku": "CHARGER", "location": "berlin", "supply": 5, "held": 4}
    assert taken.status_code == 201
    assert await rows(db, POOLS) == [("CHARGER", "berlin", 4, 4, 0)]


async def test_a_count_sets_the_shelf_and_the_difference_is_a_line(db: Database, operator: Api) -> None:
    await put_stock(db, "CASE-BLK", "munich", 10)
    await put_stock(db, "CHARGER", "munich", 3)
    found = [
        {"sku": "CASE-BLK", "counted": 8},
        {"sku": "CHARGER", "counted": 3},
        {"sku": "WATCH", "counted": 1},
    ]

    answer = await operator.post("/v1/stock/counts", {"location": "munich", "reference": "COUNT-3", "lines": found})

    changes = [(change["sku"], change["units"], change["supply"]) for change in answer.json()["changes"]]
    assert changes == [("CASE-BLK", -2, 8), ("CHARGER", 0, 3), ("WATCH", 1, 1)]
    counted = "SELECT units FROM movements WHERE kind = 'counted' AND reference = 'COUNT-3' ORDER BY units"
    assert await rows(db, counted) == [(-2,), (1,)]


async def test_counting_fewer_than_are_held_is_a_fact_and_a_case_for_a_person(
    db: Database, operator: Api, callers: Callers, clock: SetClock
) -> None:
    await put_stock(db, "WATCH", "berlin", 5)
    await held(callers, clock, "WATCH", 4, at="berlin")

    answer = await operator.post(
        "/v1/stock/counts", {"location": "berlin", "reference": "COUNT-9", "lines": [{"sku": "WATCH", "counted": 1}]}
    )

    [case] = answer.json()["overdrafts"]
    assert await rows(db, POOLS) == [("WATCH", "berlin", 1, 4, 3)]
    assert await rows(db, "SELECT topic, body FROM outbox_messages") == [
        (
            "stock_overdrawn",
            {"overdraft_id": case, "sku": "WATCH", "location": "berlin", "units": 3, "reference": "COUNT-9"},
        )
    ]
    counted_less = await operator.post(
        "/v1/stock/counts", {"location": "berlin", "lines": [{"sku": "WATCH", "counted": 0}]}
    )
    assert await rows(db, "SELECT units FROM overdrafts ORDER BY units") == [(1,), (3,)], "only what is newly missing"
    assert len(counted_less.json()["overdrafts"]) == 1


async def test_goods_that_arrive_make_up_for_what_was_overdrawn(
    db: Database, operator: Api, callers: Callers, clock: SetClock
) -> None:
    await put_stock(db, "WATCH", "berlin", 5)
    await held(callers, clock, "WATCH", 4, at="berlin")
    await operator.post("/v1/stock/counts", {"location": "berlin", "lines": [{"sku": "WATCH", "counted": 1}]})

    await operator.post("/v1/stock/receipts", {"location": "berlin", "lines": [{"sku": "WATCH", "units": 2}]})
    assert await rows(db, POOLS) == [("WATCH", "berlin", 3, 4, 1)]

    await operator.post("/v1/stock/receipts", {"location": "berlin", "lines": [{"sku": "WATCH", "units": 2}]})
    assert await rows(db, POOLS) == [("WATCH", "berlin", 5, 4, 0)]


async def test_held_goods_that_leave_although_they_were_counted_away_are_a_case(
    db: Database, operator: Api, callers: Callers
) -> None:
    await put_stock(db, "WATCH", "wh-de", 5)
    web = await callers(Role.STOREFRONT, channel="web-de")
    wish: Json = {"channel": "web-de", "lines": [{"sku": "WATCH", "quantity": 5}]}
    placed = (await web.post("/v1/orders", {**wish, "shown_total": {"amount": 124500, "currency": "EUR"}})).json()["id"]
    count: Json = {"location": "wh-de", "reference": "C-1", "lines": [{"sku": "WATCH", "counted": 2}]}
    await operator.post("/v1/stock/counts", count)

    for quantity in (1, 3, 1):
        part: Json = {"location": "wh-de", "lines": [{"line": 1, "quantity": quantity}]}
        assert (await operator.post(f"/v1/orders/{placed}/ship", part)).status_code == 200

    assert await rows(db, POOLS) == [("WATCH", "wh-de", -3, 0, 3)]
    cases = await rows(db, "SELECT reference, units FROM overdrafts ORDER BY units DESC")
    assert cases == [("C-1", 3), (placed, 2), (placed, 1)]
    told = "SELECT body ->> 'reference', body -> 'units' FROM outbox_messages WHERE topic = 'stock_overdrawn'"
    assert sorted(await rows(db, told)) == sorted(cases)


async def test_a_person_closes_a_case_once(db: Database, operator: Api, callers: Callers, clock: SetClock) -> None:
    await put_stock(db, "WATCH", "berlin", 2)
    await held(callers, clock, "WATCH", 2, at="berlin")
    count: Json = {"location": "berlin", "reference": "C-1", "lines": [{"sku": "WATCH", "counted": 0}]}
    [case] = (await operator.post("/v1/stock/counts", count)).json()["overdrafts"]

    seen = (await operator.get("/v1/overdrafts")).json()["items"]
    for blank in ("", " ", "\n", "\u200b"):
        refused = await operator.post(f"/v1/overdrafts/{case}/close", {"note": blank})
        assert (problem(refused), refused.json()["errors"][0]["field"]) == ((400, "invalid_input"), "note")
    closed = await operator.post(f"/v1/overdrafts/{case}/close", {"note": "Two came from Munich."})
    again = await operator.post(f"/v1/overdrafts/{case}/close", {"note": "Again."})
    unknown = await operator.post("/v1/overdrafts/ovd_1/close", {"note": "Which?"})

    assert [(one["id"], one["units"], one["reference"], one["closed_at"]) for one in seen] == [(case, 2, "C-1", None)]
    assert (closed.status_code, closed.json()["note"]) == (200, "Two came from Munich.")
    assert problem(again) == (409, "move_not_allowed")
    assert problem(unknown) == (404, "not_found")
    assert (await operator.get("/v1/overdrafts")).json()["items"] == []
    assert len((await operator.get("/v1/overdrafts", only_open="false")).json()["items"]) == 1
    assert (await operator.get("/v1/overdrafts", only_open="false", location="munich")).json()["items"] == []


async def test_an_admin_closes_what_an_admin_opened(db: Database, callers: Callers, clock: SetClock) -> None:
    admin = await callers(Role.ADMIN)
    await put_stock(db, "WATCH", "berlin", 2)
    await held(callers, clock, "WATCH", 2, at="berlin")
    count: Json = {"location": "berlin", "lines": [{"sku": "WATCH", "counted": 0}]}
    [case] = (await admin.post("/v1/stock/counts", count)).json()["overdrafts"]

    assert [one["id"] for one in (await admin.get("/v1/overdrafts")).json()["items"]] == [case]
    assert (await admin.post(f"/v1/overdrafts/{case}/close", {"note": "Two came."})).status_code == 200


async def test_a_terminal_counts_its_own_store_only(db: Database, callers: Callers) -> None:
    berlin = await callers(Role.TERMINAL, channel="retail-de", location="berlin")
    nowhere = await callers(Role.TERMINAL, channel="retail-de")
    count: Json = {"location": "berlin", "lines": [{"sku": "WATCH", "counted": 2}]}

    own = await berlin.post("/v1/stock/counts", count)
    others = await berlin.post("/v1/stock/counts", {**count, "location": "munich"})
    unbound = await nowhere.post("/v1/stock/counts", count)

    assert own.status_code == 201
    assert problem(others) == (403, "wrong_location")
    assert problem(unbound) == (403, "wrong_location")
    assert await rows(db, POOLS) == [("WATCH", "berlin", 2, 0, 0)]


async def test_a_transfer_is_two_lines_with_one_reference(db: Database, operator: Api) -> None:
    await put_stock(db, "WATCH", "wh-de", 10)
    body: Json = {"from_location": "wh-de", "to_location": "berlin", "reference": "TR-8"}

    answer = await operator.post("/v1/stock/transfers", {**body, "lines": [{"sku": "WATCH", "units": 4}]})

    assert answer.status_code == 201
    assert await rows(db, POOLS) == [("WATCH", "berlin", 4, 0, 0), ("WATCH", "wh-de", 6, 0, 0)]
    lines = "SELECT units, reference FROM movements WHERE kind = 'transferred' ORDER BY units"
    assert await rows(db, lines) == [(-4, "TR-8"), (4, "TR-8")]


async def test_only_free_units_are_transferred_all_lines_or_none(
    db: Database, operator: Api, callers: Callers, clock: SetClock
) -> None:
    await put_stock(db, "WATCH", "berlin", 5)
    await put_stock(db, "CHARGER", "berlin", 5)
    await held(callers, clock, "WATCH", 3, at="berlin")
    lines = [{"sku": "WATCH", "units": 2}, {"sku": "CHARGER", "units": 1}, {"sku": "WATCH", "units": 1}]

    answer = await operator.post(
        "/v1/stock/transfers", {"from_location": "berlin", "to_location": "munich", "lines": lines}
    )

    assert problem(answer) == (409, "not_enough_stock")
    assert answer.json()["facts"] == {"missing": [{"sku": "WATCH", "wanted": 3, "free": 2}]}
    assert await rows(db, POOLS) == [("CHARGER", "berlin", 5, 0, 0), ("WATCH", "berlin", 5, 3, 0)]


RECEIPT: Json = {"location": "wh-de", "lines": [{"sku": "WATCH", "units": 1}]}
ADJUSTMENT: Json = {"sku": "WATCH", "location": "wh-de", "units": 1, "reason": "found"}
COUNT: Json = {"location": "wh-de", "lines": [{"sku": "WATCH", "counted": 1}]}
TRANSFER: Json = {"from_location": "wh-de", "to_location": "berlin", "lines": [{"sku": "WATCH", "units": 1}]}
TWICE = [{"sku": "WATCH", "counted": 1}, {"sku": "WATCH", "counted": 2}]


@pytest.mark.parametrize(
    ("route", "body", "status", "code", "field"),
    [
        ("receipts", {**RECEIPT, "colour": "red"}, 400, "invalid_input", "colour"),
        ("receipts", {"location": "wh-de"}, 400, "invalid_input", "lines"),
        ("receipts", {**RECEIPT, "location": "mars"}, 422, "unknown_reference", "location"),
        ("receipts", {**RECEIPT, "lines": []}, 400, "invalid_input", "lines"),
        ("receipts", {**RECEIPT, "lines": [{"sku": "WATCH", "units": 0}]}, 400, "invalid_input", "lines[0].units"),
        ("receipts", {**RECEIPT, "lines": [{"sku": "WATCH", "units": 10**30}]}, 400, "invalid_input", "lines[0].units"),
        ("receipts", {**RECEIPT, "lines": [{"sku": "WATCH", "units": "one"}]}, 400, "invalid_input", "lines[0].units"),
        ("receipts", {**RECEIPT, "lines": [{"sku": "x" * 101, "units": 1}]}, 400, "invalid_input", "lines[0].sku"),
        ("receipts", {**RECEIPT, "lines": [{"sku": "a\x00b", "units": 1}]}, 400, "invalid_input", "lines[0].sku"),
        (
            "receipts",
            {**RECEIPT, "lines": [{"sku": "WATCH", "units": 1}, {"sku": "wh-de", "units": 1}]},
            422,
            "unknown_reference",
            "lines[1].sku",
        ),
        ("receipts", {**RECEIPT, "reference": ""}, 400, "invalid_input", "reference"),
        ("adjustments", {**ADJUSTMENT, "units": 0}, 400, "invalid_input", "units"),
        ("adjustments", {**ADJUSTMENT, "reason": "because"}, 400, "invalid_input", "reason"),
        ("adjustments", {**ADJUSTMENT, "sku": "NOBODY"}, 422, "unknown_reference", "sku"),
        ("counts", {**COUNT, "lines": TWICE}, 400, "invalid_input", "lines[1].sku"),
        ("counts", {**COUNT, "lines": [{"sku": "WATCH", "counted": -1}]}, 400, "invalid_input", "lines[0].counted"),
        ("counts", {**COUNT, "location": "mars"}, 422, "unknown_reference", "location"),
        ("transfers", {**TRANSFER, "to_location": "wh-de"}, 400, "invalid_input", "to_location"),
        ("transfers", {**TRANSFER, "to_location": "mars"}, 422, "unknown_reference", "to_location"),
        ("transfers", {**TRANSFER, "from_location": "mars"}, 422, "unknown_reference", "from_location"),
    ],
)
async def test_bad_input_is_named_and_leaves_no_trace(
    db: Database, operator: Api, route: str, body: Json, status: int, code: str, field: str
) -> None:
    answer = await operator.post(f"/v1/stock/{route}", body)

    assert problem(answer) == (status, code)
    assert answer.json()["errors"][0]["field"] == field
    assert await rows(db, "SELECT 1 FROM stock_pools UNION ALL SELECT 1 FROM movements") == []
    assert await rows(db, "SELECT 1 FROM idempotency_keys") == []


async def test_no_place_holds_more_than_a_billion(db: Database, operator: Api) -> None:
    await put_stock(db, "WATCH", "wh-de", SUPPLY_MAX)

    answer = await operator.post("/v1/stock/receipts", RECEIPT)

    assert problem(answer) == (422, "too_much_stock")
    assert await rows(db, POOLS) == [("WATCH", "wh-de", SUPPLY_MAX, 0, 0)]


async def test_stock_is_listed_page_by_page(db: Database, callers: Callers) -> None:
    for sku, location, units in (("WATCH", "berlin", 1), ("CHARGER", "wh-de", 2), ("CHARGER", "berlin", 3)):
        await put_stock(db, sku, location, units)
    analyst = await callers(Role.ANALYST)

    first = (await analyst.get("/v1/stock", limit=2)).json()
    second = (await analyst.get("/v1/stock", limit=2, cursor=first["next_cursor"])).json()
    berlin = (await analyst.get("/v1/stock", location="berlin", sku="WATCH")).json()

    assert [(row["sku"], row["location"], row["free"]) for row in first["items"]] == [
        ("CHARGER", "berlin", 3),
        ("CHARGER", "wh-de", 2),
    ]
    assert [(row["sku"], row["location"], row["free"]) for row in second["items"]] == [("WATCH", "berlin", 1)]
    assert second["next_cursor"] is None
    assert [row["supply"] for row in berlin["items"]] == [1]


async def test_the_diary_is_read_newest_first(operator: Api, clock: SetClock) -> None:
    for units in (1, 2, 3):
        lines = [{"sku": "WATCH", "units": units}]
        await operator.post("/v1/stock/receipts", {"location": "wh-de", "lines": lines})
        clock.set(clock.now().replace(minute=units))

    first = (await operator.get("/v1/stock/movements", limit=2, location="wh-de")).json()
    second = (await operator.get("/v1/stock/movements", limit=2, cursor=first["next_cursor"])).json()

    assert [line["units"] for line in first["items"]] == [3, 2]
    assert [line["units"] for line in second["items"]] == [1]
    assert problem(await operator.get("/v1/stock/movements", limit=0)) == (400, "invalid_input")
    assert problem(await operator.get("/v1/stock/movements", cursor="rubbish")) == (400, "invalid_input")
    assert problem(await operator.get("/v1/stock/movements", sku="a\x00")) == (400, "invalid_input")
    assert problem(await operator.get("/v1/stock", location="x" * 101)) == (400, "invalid_input")


@pytest.mark.parametrize("change", ["UPDATE movements SET units = 1", "DELETE FROM movements"])
async def test_a_line_of_the_diary_cannot_be_changed(db: Database, change: str) -> None:
    await put_stock(db, "WATCH", "wh-de", 5)

    with pytest.raises(IntegrityError, match="movements is a diary: rows are added, never changed"):
        async with db.transaction() as tx:
            await tx.execute(text(change))

    assert await rows(db, "SELECT units FROM movements") == [(5,)]
