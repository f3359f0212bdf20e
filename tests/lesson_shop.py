"""A small past of a shop for stories about lessons, in exchange format: few people, few orders, amounts by heart.

Tax is 19 of 119, so that a phone is 100.00 without it and a case 10.00, in euros as in dollars.
"""

from pathlib import Path
from typing import Any

from commerce.exchange.import_folder import import_folder
from commerce.kernel.db import Database
from tests.conftest import Api, Json
from tests.exchange_folders import Files, Rows, changed, write_folder

PHONE = ("PHONE-1", "1", "119.00", "0.00", "19.00", "119.00")
CASE = ("CASE-1", "1", "11.90", "0.00", "1.90", "11.90")
TWO_CASES = ("CASE-1", "2", "11.90", "0.00", "3.80", "23.80")
THREE_FOR_ONE = ("PHONE-1", "3", "39.67", "0.01", "19.00", "119.00")
"""Three phones for 100.00 without tax: a third of it is no amount."""
_AMERICAN_CASE = ("CASE-1", "1", "10.00", "0.00", "0.80", "10.00")
_AMERICAN_PHONE = ("PHONE-1", "1", "100.00", "0.00", "8.00", "100.00")

_SOLD: tuple[tuple[str, str, str, str, str, tuple[tuple[str, ...], ...]], ...] = (
    ("A-1", "web-de", "", "ann", "2026-01-10T12:00:00+01:00", (PHONE, CASE)),
    ("A-2", "retail-de", "berlin", "ann", "2026-02-09T23:30:00+01:00", (TWO_CASES,)),
    ("A-3", "web-de", "", "ann", "2026-05-01T12:00:00+02:00", (PHONE,)),
    ("B-1", "web-de", "", "bob", "2026-01-20T12:00:00+01:00", (THREE_FOR_ONE,)),
    ("B-2", "web-de", "", "bob", "2026-02-20T12:00:00+01:00", (CASE,)),
    ("C-1", "web-us", "", "cal", "2026-02-15T12:00:00-05:00", (_AMERICAN_PHONE, _AMERICAN_CASE)),
    ("C-2", "web-de", "", "cal", "2026-02-20T12:00:00+01:00", (CASE,)),
    ("G-1", "retail-de", "berlin", "", "2026-02-21T12:00:00+01:00", (PHONE,)),
)
_BACK = (
    ("R-1", "B-1", "1", "1", "retail-de", "berlin", "2026-02-03T12:00:00+01:00", "39.66"),
    ("R-2", "A-2", "1", "1", "retail-de", "berlin", "2026-02-19T00:30:00+01:00", "11.90"),
)
_CANCELLED = ("X-1", "web-de", "", "bob", "EUR", "2026-01-15T12:00:00+01:00", "cancelled")
_CURRENCY = {"de": "EUR", "us": "USD"}


def past(*, stock: Rows | None = None) -> Files:
    """The shop and its past."""
    return {
        **changed("categories"),
        "products": changed(
            "products",
            tax_class={2: "standard"},
            attributes={0: '{"colour": "black", "memory": 256}', 1: '{"colour": "white", "memory": 256}'},
            status={1: "active"},
        )["products"],
        "customers": [[code, "", "", "", ""] for code in ("ann", "bob", "cal")],
        "stock": stock if stock is not None else [["PHONE-1", "wh-de", "12"], ["CASE-1", "berlin", "7"]],
        "orders": [_order(*sold[:5]) for sold in _SOLD] + [list(_CANCELLED)],
        "order_lines": [
            *([number, str(n), *line] for number, *_, lines in _SOLD for n, line in enumerate(lines, 1)),
            ["X-1", "1", *PHONE],
        ],
        "returns": [list(back) for back in _BACK],
    }


def later(number: str, channel: str, customer: str, at: str, *lines: tuple[str, ...]) -> Files:
    """One more order, imported by itself beside the shop that is there."""
    files = {name: rows for name, rows in past().items() if name not in {"orders", "order_lines", "returns"}}
    return {
        **files,
        "orders": [_order(number, channel, "", customer, at)],
        "order_lines": [[number, str(n), *line] for n, line in enumerate(lines, 1)],
        "returns": [],
    }


def _order(number: str, channel: str, store: str, customer: str, at: str) -> list[str]:
    return [number, channel, store, customer, _CURRENCY[channel[-2:]], at, "completed"]


async def bring(db: Database, folder: Path, files: Files) -> None:
    """Import files."""
    await import_folder(db, write_folder(folder, files))


async def asked(analyst: Api, report: str, **params: Any) -> Json:  # noqa: ANN401 - query parameters are of any kind
    """What a report answers."""
    answer = await analyst.get(f"/v1/reports/{report}", **params)
    assert answer.status_code == 200, answer.text
    body: Json = answer.json()
    return body


def picked(answer: Json, *names: str) -> list[tuple[object, ...]]:
    """Of each row its group's words, and what is at these paths."""
    return [(*row.get("group", {}).values(), *(_at(row, name) for name in names)) for row in answer["rows"]]


def _at(row: Json, path: str) -> object:
    found: object = row
    for name in path.split("."):
        assert isinstance(found, dict), path
        found = found[name]
    return found


def assert_same(one: Json, other: Json) -> None:
    """Two answers have the same rows, and mean the same."""
    assert one["rows"] == other["rows"]
    assert one["definition"] == other["definition"]
