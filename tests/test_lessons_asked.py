"""How lessons are asked for: what is refused, pages of one moment, files, and definitions with every answer."""

import csv
from datetime import timedelta
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pyarrow import parquet

from commerce.kernel.access import Role
from commerce.kernel.clock import SetClock
from commerce.kernel.db import Database
from commerce.kernel.pages import encode_cursor
from tests.conftest import Api, Callers, problem
from tests.lesson_shop import CASE, asked, bring, later, past, picked

SETS = {"anchor": "category:phones", "attach": "category:cases"}
REPORTS: dict[str, dict[str, Any]] = {
    "sell-through": {"from": "2026-01-01", "to": "2026-06-30", "by": "sku", "per": "channel"},
    "repeat-purchase": {"devices": "category:phones"},
    "customer-revenue": SETS,
    "returns": {"by": "sku", "per": "channel", "market": "de"},
    "sku-tail": {"days": 300, "market": "de"},
}
PAGED = ("sell-through", "returns", "sku-tail")


@pytest.fixture
async def analyst(db: Database, callers: Callers, tmp_path: Path) -> Api:
    """Somebody who asks, after the past was imported."""
    await bring(db, tmp_path / "past", past())
    return await callers(Role.ANALYST)


@pytest.mark.parametrize(
    ("report", "wrong", "field", "code"),
    [
        ("sell-through", {"by": "colour"}, "by", "invalid_input"),
        ("sell-through", {"by": "option:"}, "by", "invalid_input"),
        ("sell-through", {"by": "sku,product"}, "by", "invalid_input"),
        ("sell-through", {"by": "option:a,option:b,option:c,option:d"}, "by", "invalid_input"),
        ("sell-through", {"by": "option:color"}, "by", "unknown_reference"),
        ("returns", {"by": "option:colour,option:color"}, "by", "unknown_reference"),
        ("sell-through", {"per": "store"}, "per", "invalid_input"),
        ("sell-through", {"from": "2026-01-01T00:00:00Z"}, "from", "invalid_input"),
        ("sell-through", {"from": "2026-02-01", "to": "2026-01-01"}, "to", "invalid_input"),
        ("sell-through", {"of": "category:nowhere"}, "of", "unknown_reference"),
        ("returns", {"of": "phones"}, "of", "invalid_input"),
        ("returns", {"of": "category:accessories", "as_of": "2030-01-01"}, "as_of", "invalid_input"),
        ("returns", {"channel": "web-de", "market": "us"}, "market", "invalid_input"),
        ("returns", {"store": "nowhere"}, "store", "unknown_reference"),
        ("returns", {"cursor": "x"}, "cursor", "invalid_input"),
        ("returns", {"cursor": "WyJhIiwiYiJd"}, "cursor", "invalid_input"),
        (
            "returns",
            {"cursor": encode_cursor("a", "2026-01-01", "2026-01-01T00:00:00Z", 0, 0, "")},
            "cursor",
            "invalid_input",
        ),
        ("returns", {"format": "csv", "limit": 10}, "limit", "invalid_input"),
        ("sku-tail", {"from": "2026-01-01"}, "from", "invalid_input"),
        ("sku-tail", {"days": 0}, "days", "invalid_input"),
        ("sku-tail", {"fewer_than": -1}, "fewer_than", "invalid_input"),
        ("repeat-purchase", {"anchor": "sku:NONE"}, "anchor", "unknown_reference"),
        ("repeat-purchase", {"devices": "brand:"}, "devices", "invalid_input"),
        ("customer-revenue", {"attach": "category:cases"}, "anchor", "invalid_input"),
        ("customer-revenue", {"anchor": "sku:CASE-1", "attach": "category:cases"}, "attach", "sets_overlap"),
    ],
)
async def test_what_cannot_be_meant_is_refused_by_its_field(
    analyst: Api, report: str, wrong: dict[str, Any], field: str, code: str
) -> None:
    answer = await analyst.get(f"/v1/reports/{report}", **wrong)

    assert problem(answer)[1] == code
    assert [error["field"] for error in answer.json()["errors"]] == [field]


@pytest.mark.parametrize("report", REPORTS)
async def test_every_figure_of_a_row_is_defined(analyst: Api, report: str) -> None:
    """Windows are named by their days, and what a figure is of (`within_30` of revenue) may be said once for all."""
    answer = await asked(analyst, report, **REPORTS[report])

    row, said = answer["rows"][0], answer["definition"]["figures"]
    own = {"group", "sku", "product", "category", "status", "interval", "small_sample"}
    windows = {"within_30", "within_90", "within_365"} if report == "customer-revenue" else set()
    inside = {"revenue", "per_customer", "elsewhere", "open"} if windows else set()
    assert set(said) == (row.keys() | inside) - own - windows
    assert all(answer["definition"]["rules"])
    assert answer["definition"]["group_by"] == list(row.get("group", {"sku": 1}))


@pytest.mark.parametrize("report", PAGED)
async def test_pages_are_of_one_moment(
    db: Database, clock: SetClock, analyst: Api, report: str, tmp_path: Path
) -> None:
    """What is sold, and brought in, between two pages is on neither."""
    whole = await asked(analyst, report, **REPORTS[report])
    first = await asked(analyst, report, limit=1, **REPORTS[report])
    clock.advance(timedelta(minutes=1))
    await bring(db, tmp_path / "more", later("B-9", "web-de", "bob", "2026-05-30T12:00:00+02:00", CASE, CASE, CASE))

    rows, page = first["rows"], first
    while page["next_cursor"] is not None:
        page = await asked(analyst, report, limit=1, cursor=page["next_cursor"], **REPORTS[report])
        rows += page["rows"]
    elsewhere = await analyst.get(
        f"/v1/reports/{report}", cursor=first["next_cursor"], as_of="2026-06-30", **REPORTS[report]
    )

    assert len(rows) > 2
    assert rows == whole["rows"]
    assert page["as_of"] == whole["as_of"]
    assert problem(elsewhere) == (400, "invalid_input")
    assert (await asked(analyst, report, **REPORTS[report]))["rows"] != whole["rows"]


@pytest.mark.parametrize(
    ("report", "other"),
    [
        ("sell-through", {"by": "product"}),
        ("sell-through", {"per": "all"}),
        ("sell-through", {"of": "category:phones"}),
        ("sell-through", {"from": "2026-01-02"}),
        ("returns", {"store": "berlin"}),
        ("returns", {"market": "us"}),
        ("sku-tail", {"sort": "rank"}),
        ("sku-tail", {"days": 299}),
        ("sku-tail", {"fewer_than": 4}),
        ("sku-tail", {"channel_kind": "online"}),
    ],
)
async def test_a_cursor_goes_on_with_its_own_question_and_no_other(
    analyst: Api, report: str, other: dict[str, Any]
) -> None:
    first = await asked(analyst, report, limit=1, **REPORTS[report])

    foreign = await analyst.get(f"/v1/reports/{report}", cursor=first["next_cursor"], **{**REPORTS[report], **other})
    elsewhere = await analyst.get("/v1/reports/returns", cursor=first["next_cursor"], by="all")
    longer = await asked(analyst, report, limit=200, cursor=first["next_cursor"], **REPORTS[report])

    for answer in (foreign, elsewhere):
        assert problem(answer) == (400, "invalid_input")
        assert [error["field"] for error in answer.json()["errors"]] == ["cursor"]
    assert longer["rows"][0] != first["rows"][0]


async def test_what_comes_into_the_catalog_between_two_pages_is_on_neither(
    analyst: Api, callers: Callers, clock: SetClock
) -> None:
    """A new case would be ranked in the middle, and push a row onto a second page."""
    whole = await asked(analyst, "sku-tail", sort="rank")
    first = await asked(analyst, "sku-tail", sort="rank", limit=2)
    clock.advance(timedelta(minutes=1))
    merchandiser = await callers(Role.MERCHANDISER)
    newcomer = {"sku": "AAA", "name": "New", "category": "cases", "tax_class": "standard"}
    added = await merchandiser.post("/v1/catalog/products/case/variants", newcomer)
    assert added.status_code == 201, added.text

    second = await asked(analyst, "sku-tail", sort="rank", limit=2, cursor=first["next_cursor"])

    assert first["rows"] + second["rows"] == whole["rows"]
    assert second["next_cursor"] is None
    assert "AAA" in [row["sku"] for row in (await asked(analyst, "sku-tail"))["rows"]]


@pytest.mark.parametrize("report", REPORTS)
async def test_a_file_has_every_row_and_what_it_means(analyst: Api, report: str) -> None:
    answer = await asked(analyst, report, **REPORTS[report], **({"limit": 200} if report in PAGED else {}))

    as_csv = await analyst.get(f"/v1/reports/{report}", format="csv", **REPORTS[report])
    as_parquet = await analyst.get(f"/v1/reports/{report}", format="parquet", **REPORTS[report])

    table = parquet.read_table(BytesIO(as_parquet.content))
    about = msgspec.json.decode(table.schema.metadata[b"commerce"])
    assert table.num_rows == len(answer["rows"])
    assert about["definition"] == answer["definition"]
    lines = list(csv.DictReader(StringIO(as_csv.text)))
    assert list(lines[0]) == table.column_names
    words = [list(row.get("group", {"sku": row.get("sku")}).values()) for row in answer["rows"]]
    assert [[line[name] or None for name in answer["definition"]["group_by"]] for line in lines] == words
    assert f'filename="{report}-2026-11-02' in as_csv.headers["content-disposition"]


async def test_what_a_row_of_a_file_says(analyst: Api) -> None:
    as_csv = await analyst.get(
        "/v1/reports/customer-revenue", format="csv", as_of="2026-06-30", **REPORTS["customer-revenue"]
    )

    line = next(csv.DictReader(StringIO(as_csv.text)))
    assert {name: line[name] for name in ("cohort", "currency", "within_30_customers", "as_of")} == {
        "cohort": "2026-01", "currency": "EUR", "within_30_customers": "2", "as_of": "2026-06-30",
    }  # fmt: skip
    assert (line["within_30_revenue_total_amount"], line["within_30_revenue_total_currency"]) == ("18667", "EUR")
    assert line["definition"] == "customer revenue; anchor category:phones; attach category:cases; all time"


async def test_the_tails_days_are_its_period(analyst: Api) -> None:
    as_csv = await analyst.get("/v1/reports/sku-tail", format="csv", as_of="2026-06-30")

    line = next(csv.DictReader(StringIO(as_csv.text)))
    assert line["definition"] == "sku tail; days 90; fewer_than 5; stock as of 2026-06-30"


@pytest.mark.parametrize("report", REPORTS)
async def test_before_anything_was_recorded_nothing_was_believed(analyst: Api, report: str) -> None:
    """Not even that there is a channel."""
    params = {name: said for name, said in REPORTS[report].items() if name != "market"}
    answer = await asked(analyst, report, believed_at="2001-01-01T00:00:00Z", **params)

    assert answer["rows"] == []


async def test_an_empty_shop_has_nothing_to_teach(callers: Callers) -> None:
    analyst = await callers(Role.ANALYST)

    for report in ("sell-through", "repeat-purchase", "returns", "sku-tail"):
        answer = await asked(analyst, report)
        assert (answer["rows"], answer["settled"]) == ([], False)
    assert picked(await asked(analyst, "sku-tail")) == []
