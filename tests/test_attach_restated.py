"""What is written later changes the figures of the past, never what was said as of then; and what is behind them."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from commerce.exchange.import_folder import import_folder
from commerce.kernel.access import Role
from commerce.kernel.clock import SetClock
from commerce.kernel.db import Database
from orders.reports.facts import SALES, SALES_COLUMNS
from tests.attach_shop import IDA, JON, PHONES_TO_CASES, RATE, buy, counts, sell
from tests.conftest import Api, Callers, Json
from tests.shop import put_stock, rows
from tests.stories import open_lawful_shop, plant

EVENTS: Json = {**PHONES_TO_CASES, "basis": "events", "window_days": 30}


@pytest.fixture
async def analyst(db: Database, callers: Callers) -> Api:
    """An analyst of a lawful shop with plenty in stock."""
    await open_lawful_shop(db)
    for sku in ("PHONE-BLK", "PHONE-WHT", "CASE-BLK", "CHARGER"):
        for place in ("wh-de", "berlin"):
            await put_stock(db, sku, place, 50)
    return await callers(Role.ANALYST)


async def as_of(analyst: Api, when: datetime, **more: object) -> tuple[int, int]:
    """The events' counts as they were known then."""
    return await counts(analyst, **{**EVENTS, "as_of": when.isoformat(), **more})


async def test_returns_cancellations_and_merges_restate_and_the_past_stays(
    analyst: Api, web: Api, till: Api, operator: Api, clock: SetClock
) -> None:
    first = await buy(web, ("PHONE-BLK", 1), buyer=IDA)
    await buy(web, ("PHONE-BLK", 1), ("CASE-BLK", 1), buyer={"email": "lea@example.com"})
    clock.advance(timedelta(minutes=1))
    case = await sell(till, ("CASE-BLK", 1), buyer=JON)
    moments = [clock.now()]
    said = [await counts(analyst, **EVENTS)]

    clock.advance(timedelta(hours=1))
    body = {"into": first["customer"], "reason": "The same person"}
    assert (await operator.post(f"/v1/customers/{case['customer']}/merge", body)).status_code in {200, 201}
    moments.append(clock.now())
    said.append(await counts(analyst, **EVENTS))

    clock.advance(timedelta(hours=1))
    back = {"reason": "line", "line": 1, "quantity": 1, "tender": "card_terminal"}
    assert (await operator.post(f"/v1/orders/{case['id']}/refunds", back)).status_code == 201
    moments.append(clock.now())
    said.append(await counts(analyst, **EVENTS))

    clock.advance(timedelta(hours=1))
    assert (await operator.post(f"/v1/orders/{first['id']}/cancel", {"reason": "No"})).status_code == 200
    moments.append(clock.now())
    said.append(await counts(analyst, **EVENTS))

    assert said == [(1, 2), (2, 2), (1, 2), (1, 1)]
    assert [await as_of(analyst, moment) for moment in moments] == said


async def test_a_late_sale_of_a_till_restates_its_day_and_no_past_answer(
    db: Database, analyst: Api, till: Api, clock: SetClock
) -> None:
    asked: Json = {**PHONES_TO_CASES, "basis": "orders", "from": "2026-11-02", "to": "2026-11-02"}
    await sell(till, ("PHONE-BLK", 1))
    clock.advance(timedelta(days=2))
    before, then = await counts(analyst, **asked), clock.now()
    clock.advance(timedelta(minutes=1))
    late = await sell(till, ("PHONE-BLK", 1), ("CASE-BLK", 1))
    await plant(
        db,
        f"UPDATE orders SET recorded_at = placed_at, placed_at = '2026-11-02T17:00:00Z' WHERE id = '{late['id']}'",
        f"DELETE FROM report_sales WHERE order_number = '{late['order_number']}'",
        f"INSERT INTO report_sales ({SALES_COLUMNS}) {SALES} WHERE o.id = '{late['id']}'",
    )

    assert (before, await counts(analyst, **asked)) == ((0, 1), (1, 2))
    assert await counts(analyst, **asked, as_of=then.isoformat()) == (0, 1)


async def test_imported_history_fills_the_past_and_believed_at_tells_from_when(
    db: Database, analyst: Api, web: Api, clock: SetClock, folder: Path
) -> None:
    await buy(web, ("PHONE-BLK", 1))
    clock.advance(timedelta(days=1))
    asked: Json = {**PHONES_TO_CASES, "basis": "orders", "group_by": "month"}
    answer = (await analyst.get(RATE, **asked)).json()
    clock.advance(timedelta(days=1))
    write(folder, "orders", "order_number,channel,location,customer,currency,placed_at,status",
          "H-1,web-de,,,EUR,2026-10-05T10:00:00+02:00,completed")  # fmt: skip
    write(folder, "order_lines",
          "order_number,line,sku,quantity,unit_price,discount_total,tax_total,line_total",
          "H-1,1,PHONE-BLK,1,799.00,0.00,127.57,799.00", "H-1,2,CASE-BLK,1,29.00,0.00,4.63,29.00")  # fmt: skip
    await import_folder(db, folder)

    again = (await analyst.get(RATE, **asked, as_of=answer["as_of"])).json()
    as_believed = (await analyst.get(RATE, **asked, as_of=answer["as_of"], believed_at=answer["believed_at"])).json()

    assert [row["group"]["month"] for row in again["rows"]] == ["2026-10", "2026-11"]
    assert as_believed == {**answer, "settled": True}


def write(folder: Path, name: str, *lines: str) -> None:
    """Write a file of a folder in exchange format."""
    (folder / f"{name}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


async def test_what_the_catalog_said_then_counts(analyst: Api, web: Api, callers: Callers, clock: SetClock) -> None:
    merchandiser = await callers(Role.MERCHANDISER)
    await buy(web, ("PHONE-BLK", 1), ("CHARGER", 1))
    then = clock.now()
    clock.advance(timedelta(hours=1))
    moved = await merchandiser.send("PATCH", "/v1/catalog/variants/CHARGER", {"category": "cases"})

    assert moved.status_code == 200
    assert await counts(analyst, basis="orders") == (1, 1)
    assert await counts(analyst, basis="orders", as_of=then.isoformat()) == (0, 1)


async def test_a_sku_that_came_later_is_in_no_set_of_the_past(
    analyst: Api, web: Api, callers: Callers, clock: SetClock
) -> None:
    merchandiser = await callers(Role.MERCHANDISER)
    await buy(web, ("PHONE-BLK", 1), ("CASE-BLK", 1))
    asked: Json = {"anchor": "product:phone", "attach": "category:cases", "basis": "orders"}
    before = (await analyst.get(RATE, **asked)).json()
    clock.advance(timedelta(days=1))
    new = {"sku": "PHONE-CASE", "name": "Case", "category": "cases"}
    assert (await merchandiser.post("/v1/catalog/products/phone/variants", new)).status_code == 201

    again = (await analyst.get(RATE, **asked, as_of=before["as_of"], believed_at=before["believed_at"])).json()
    now = await analyst.get(RATE, **asked)

    assert again == {**before, "settled": True}
    assert (now.status_code, now.json()["code"]) == (422, "sets_overlap")


async def test_a_preorder_counts_when_it_is_asked_to(analyst: Api, web: Api, clock: SetClock, db: Database) -> None:
    """It is placed in November, and in its buyer's hands in December."""
    placed = await buy(web, ("PHONE-BLK", 1), ("CASE-BLK", 1), buyer=IDA, payment="later")
    await buy(web, ("PHONE-BLK", 1), buyer=JON)
    asked: Json = {"basis": "customers", "window_days": 0, "group_by": "month"}

    async def months(**more: object) -> list[tuple[str, int, int]]:
        answer = (await analyst.get(RATE, **{**PHONES_TO_CASES, **asked, **more})).json()["rows"]
        return [(row["group"]["month"], row["numerator"], row["denominator"]) for row in answer]

    assert await months() == [("2026-11", 1, 2)]
    assert await months(count_at="hand_over") == [("2026-11", 0, 1)]

    clock.advance(timedelta(days=40))
    await plant(db, "INSERT INTO report_handovers SELECT order_number, '2026-12-12Z', '2026-12-12Z' FROM orders"
                f" WHERE id = '{placed['id']}'")  # fmt: skip
    assert await months() == [("2026-11", 1, 2)]
    assert await months(count_at="hand_over") == [("2026-11", 0, 1), ("2026-12", 1, 1)]
    assert await months(count_at="hand_over", **{"from": "2026-12-01"}) == [("2026-12", 1, 1)]
    assert await months(count_at="hand_over", as_of="2026-12-01") == [("2026-11", 0, 1)]


async def test_an_answer_is_kept_until_something_is_written(
    db: Database, analyst: Api, web: Api, clock: SetClock
) -> None:
    """The same bytes as of then, though the clock goes on; a sale, and it is counted anew."""
    await buy(web, ("PHONE-BLK", 1))
    asked: Json = {**PHONES_TO_CASES, "basis": "orders"}
    first = await analyst.get(RATE, **asked)
    clock.advance(timedelta(minutes=1))
    again = await analyst.get(RATE, **asked)
    await buy(web, ("PHONE-BLK", 1), ("CASE-BLK", 1))
    third = await analyst.get(RATE, **asked)
    clock.advance(timedelta(minutes=15))
    fourth = await analyst.get(RATE, **asked)

    assert again.content == first.content
    assert (third.json()["rows"][0]["denominator"], third.json()["as_of"]) == (2, "2026-11-02T12:01:00Z")
    assert (fourth.json()["rows"], fourth.json()["as_of"]) == (third.json()["rows"], "2026-11-02T12:16:00Z")
    assert await rows(db, "SELECT count(*) FROM report_marks") == [(2,)]


async def test_behind_a_figure_are_its_orders(analyst: Api, web: Api, till: Api, clock: SetClock) -> None:
    first = await buy(web, ("PHONE-BLK", 1), buyer=IDA)
    clock.advance(timedelta(days=3))
    case = await sell(till, ("CASE-BLK", 2), buyer=IDA)
    second = await buy(web, ("PHONE-BLK", 2), ("CASE-BLK", 1), buyer=JON)

    shown = (await analyst.get(f"{RATE}/orders", **EVENTS, limit=1)).json()
    rest = (await analyst.get(f"{RATE}/orders", **EVENTS, limit=1, cursor=shown["next_cursor"])).json()

    ida, jon = shown["items"][0], rest["items"][0]
    assert rest["next_cursor"] is None
    assert ida == {
        "order_number": first["order_number"], "day": "2026-11-02", "counted_at": "2026-11-02T12:00:00Z",
        "placed_at": "2026-11-02T12:00:00Z", "channel": "web-de", "store": None, "customer": ida["customer"],
        "anchor_units": 1, "attach_units": 0, "attached": True, "attach_order": case["order_number"],
        "days_until": 3, "open": True,
    }  # fmt: skip
    assert (jon["order_number"], jon["anchor_units"], jon["attach_units"], jon["days_until"]) == (
        second["order_number"], 2, 1, 0,
    )  # fmt: skip
    assert ida["customer"].startswith("person_")
    assert ida["customer"] != jon["customer"]
    assert first["customer"] not in str(shown)
    for more, numbers in (
        ({"attached": "false"}, []),
        ({"window_days": 2, "attached": "false"}, [first["order_number"]]),
        ({"attach_channel_kind": "retail", "attached": "true"}, [first["order_number"]]),
        ({"complete_only": "true"}, []),
        ({"basis": "customers"}, [first["order_number"], second["order_number"]]),
    ):
        answer = (await analyst.get(f"{RATE}/orders", **{**EVENTS, **more})).json()
        assert [row["order_number"] for row in answer["items"]] == numbers, more
    orders = (await analyst.get(f"{RATE}/orders", **PHONES_TO_CASES, basis="units")).json()["items"]
    assert [(row["attached"], row["attach_order"], row["open"]) for row in orders] == [
        (False, None, False),
        (True, second["order_number"], False),
    ]


async def test_the_matrix_has_every_channel_beside_every_other(
    analyst: Api, web: Api, till: Api, clock: SetClock
) -> None:
    await buy(web, ("PHONE-BLK", 1), ("CASE-BLK", 1), buyer=IDA)
    await sell(till, ("PHONE-BLK", 1), buyer=JON)
    clock.advance(timedelta(days=1))
    await sell(till, ("CASE-BLK", 1), buyer=IDA)
    await buy(web, ("CASE-BLK", 1), buyer=JON)

    def cells(answer: Any) -> list[tuple[str, str, int, int]]:  # noqa: ANN401 - an HTTP answer
        return [(c["channel"], c["attach_channel"], c["numerator"], c["denominator"]) for c in answer.json()["cells"]]

    assert cells(await analyst.get(f"{RATE}/matrix", **EVENTS)) == [
        ("online", "same_order", 1, 1), ("online", "online", 0, 1), ("online", "retail", 1, 1),
        ("retail", "same_order", 0, 1), ("retail", "online", 1, 1), ("retail", "retail", 0, 1),
    ]  # fmt: skip
    assert cells(await analyst.get(f"{RATE}/matrix", **EVENTS, by="channel")) == [
        ("retail-de", "same_order", 0, 1), ("retail-de", "retail-de", 0, 1), ("retail-de", "web-de", 1, 1),
        ("web-de", "same_order", 1, 1), ("web-de", "retail-de", 1, 1), ("web-de", "web-de", 0, 1),
    ]  # fmt: skip
    for field, said in (("basis", "orders"), ("group_by", "month"), ("attach_channel", "web-de")):
        asked = {name: word for name, word in EVENTS.items() if field != "basis" or name != "window_days"}
        refused = await analyst.get(f"{RATE}/matrix", **{**asked, field: said})
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, field)
