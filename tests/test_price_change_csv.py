"""Prices come as spreadsheets keep them, and every mistake in them is told by its line and column."""

import asyncio
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import FrameType
from typing import Any

import pytest

from commerce.kernel.bodies import Amount
from pricing.changes.draft import draft_change
from pricing.changes.errors import CsvFault, MalformedCsv
from pricing.changes.read_csv import read_csv
from pricing.changes.rules import ITEMS_MAX
from pricing.changes.schemas import PriceChangeBody
from tests.conftest import NOON, Json, problem
from tests.price_changes import Desk, change, desk
from tests.stories import eur

__all__ = ["desk"]

HEADER = "sku,channel,price,exception_reason,exception_expires_at\n"
LIST = (
    "\N{ZERO WIDTH NO-BREAK SPACE}" + HEADER + "PHONE-BLK,,749.00,,\r\n"
    "\n"
    'CASE-BLK,web-de,24.5,"An agreement,\nin two lines",2026-12-01T00:00:00+01:00\n'
    " WATCH , , none ,,\n"
)


async def test_a_spreadsheet_becomes_a_change(desk: Desk) -> None:
    change_id = await desk.draft(csv=LIST)

    whole = await desk.shown(change_id)
    assert whole["change"]["origin"] == "csv"
    assert [(one["sku"], one["channel"], one["price"], one["old"]) for one in whole["items"]] == [
        ("PHONE-BLK", None, eur(74900), eur(79900)),
        ("CASE-BLK", "web-de", eur(2450), eur(2900)),
        ("WATCH", None, None, eur(24900)),
    ]
    assert whole["items"][1]["exception"] == {
        "id": None,
        "reason": "An agreement,\nin two lines",
        "expires_at": "2026-11-30T23:00:00Z",
    }


MISTAKES = (
    HEADER
    + "GHOST,,1.00,,\n"
    + "WATCH,web-us,1.00,,\n"
    + "WATCH,,1.005,,\n"
    + "WATCH,,,,\n"
    + "CHARGER,,-1,,\n"
    + ",,1.00,,\n"
    + "WATCH,web-de,200.00,Fair,\n"
    + "WATCH,web-de,200.00,Fair,2026-12-01T00:00:00\n"
    + "WATCH,web-de,200.00,Fair,tomorrow\n"
    + "CASE-BLK,,20.00,,\n"
    + "CASE-BLK,,21.00,,\n"
    + "CASE-BLK,web-de,none,Fair,2026-12-01T00:00:00Z\n"
    + "CHARGER,web-de,30.00,Fair,2026-11-02T12:00:00Z\n"
)
EVERY_MISTAKE = [
    (2, "sku", "'GHOST' is not known here."),
    (3, "channel", "'web-us' is not known here."),
    (4, "price", "'1.005' has more digits than EUR has (2)."),
    (5, "price", "It is empty; write 'none' to end a price."),
    (6, "price", "-1 is not between 0 and 10000000000.00 EUR."),
    (7, "sku", "It is empty."),
    (8, "exception_expires_at", "An exception has a reason and an expiry."),
    (9, "exception_expires_at", "An instant needs its offset, such as Z or +01:00."),
    (10, "exception_expires_at", "'tomorrow' is no instant; write it like 2027-01-31T18:00:00+01:00."),
    (12, "sku", "'CASE-BLK' has a price in line 11 already."),
    (
        13,
        "exception_reason",
        "An exception lets a channel charge a price of its own; name the channel and the price.",
    ),
    (14, "exception_expires_at", "It must be after the change begins."),
    (15, None, "It has 2 cells, and there are 5 columns."),
]


def faults(body: Json) -> list[tuple[int, str | None, str]]:
    """What is wrong, as it is told."""
    return [(one["line"], one["column"], one["reason"]) for one in body["facts"]["faults"]]


async def test_every_mistake_is_told_by_line_and_column(desk: Desk) -> None:
    """At once, be it in the text itself or known to the shop alone: nobody corrects a list over and over."""
    refused = await desk.ada.post("/v1/price-changes", change(csv=MISTAKES + "GHOST,\n"))

    assert problem(refused) == (422, "malformed_csv")
    assert faults(refused.json()) == EVERY_MISTAKE
    told = [f"line {line}{f', column {column}' if column else ''}: {why}" for line, column, why in EVERY_MISTAKE]
    assert refused.json()["errors"] == [{"field": "csv", "reason": words} for words in told]
    assert refused.json()["detail"].startswith("csv: line 2, column sku: 'GHOST' is not known here.; line 3")


@pytest.mark.parametrize(
    ("text", "line", "column", "reason"),
    [
        ("sku,price\n", 1, "channel", "This column is missing."),
        ("sku,channel,price,vat\n", 1, "vat", "There is no such column; known are"),
        ("sku,channel,price,sku\n", 1, "sku", "It is there twice."),
        ("sku;channel;price\nWATCH;;1,00\n", 1, "sku;channel;price", "There is no such column"),
        ("sku,channel,price\nWATCH,1.00\n", 2, None, "It has 2 cells, and there are 3 columns."),
        ('sku,channel,price\nCASE-BLK,,1.00\nWATCH,,"1.00\n', 3, None, "This is no CSV: unexpected end of data."),
        ('sku,channel,price\n"WATCH"x,,1.00\n', 2, None, "This is no CSV: "),
        ("sku,channel,price\n", 2, None, "There is no price in it."),
    ],
)
def test_a_text_that_is_no_list_of_prices_is_refused(text: str, line: int, column: str | None, reason: str) -> None:
    [fault] = read_csv(text, "EUR").faults
    assert (fault.line, fault.column) == (line, column)
    assert fault.reason.startswith(reason)


def test_a_list_has_an_end_and_so_have_its_mistakes() -> None:
    much = "sku,channel,price\n" + "".join(f"S{n},,1.00\n" for n in range(ITEMS_MAX + 1))
    too_much = read_csv(much, "EUR")

    last = CsvFault(ITEMS_MAX + 2, None, "A change has at most 10000 prices.")
    assert (len(too_much.items), too_much.faults) == (ITEMS_MAX, [last])


async def test_no_more_mistakes_are_told_than_anybody_reads(desk: Desk) -> None:
    wrong = "sku,channel,price\n" + "".join(f"S{n},,x\n" for n in range(150))
    refused = await desk.ada.post("/v1/price-changes", change(csv=wrong))

    assert (len(faults(refused.json())), refused.json()["facts"]["more"]) == (100, 50)


async def lines_run(desk: Desk, text: str) -> int:
    """How many lines of the pricing code are run until a text is refused, in whatever thread."""
    ran = 0

    def traced(frame: FrameType, *_: object) -> Callable[..., Any] | None:
        return counted if "/pricing/" in frame.f_code.co_filename else None

    def counted(_: FrameType, event: str, __: object) -> Callable[..., Any]:
        nonlocal ran
        ran += event == "line"
        return counted

    wanted = PriceChangeBody(market="de", name="Too late", reason="The pricing round", csv=text)
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor())  # Its threads are traced from their start.
    before = sys.gettrace()
    async with desk.db.transaction() as tx:
        sys.settrace(traced)
        threading.settrace(traced)
        try:
            await draft_change(tx, wanted, "ada", NOON)
        except MalformedCsv:
            return ran
        finally:
            sys.settrace(before)
            threading.settrace(before)
    raise AssertionError("It was not refused.")


@pytest.mark.parametrize("line", ["GHOST{n},nowhere,1.00", "WATCH,,1.00", "WATCH,,x"])
async def test_eight_times_as_many_mistakes_take_little_more_than_eight_times_as_long(desk: Desk, line: str) -> None:
    few, many = ("sku,channel,price\n" + "".join(f"{line.format(n=n)}\n" for n in range(lines)) for lines in (100, 800))

    assert await lines_run(desk, many) < 10 * await lines_run(desk, few)


async def test_a_list_without_an_end_is_not_read_to_its_end(desk: Desk) -> None:
    much, more = ("sku,channel,price\n" + "S,,x\n" * (ITEMS_MAX + beyond) for beyond in (1, 9 * ITEMS_MAX))

    assert await lines_run(desk, more) == await lines_run(desk, much)


def test_currencies_have_their_own_decimals() -> None:
    [yen] = read_csv("sku,channel,price\nWATCH,,24900\n", "JPY").items
    [dinar] = read_csv("sku,channel,price\nWATCH,,24.900\n", "KWD").items

    assert yen.item.price == Amount(24900, "JPY")
    assert dinar.item.price == Amount(24900, "KWD")
