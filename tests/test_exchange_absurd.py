"""Absurd cells of every kind, all in one folder, and each is named."""

from collections.abc import Sequence
from pathlib import Path

from commerce.exchange.faults import SHOWN_MAX
from commerce.exchange.files import BY_NAME
from commerce.exchange.import_folder import import_folder
from commerce.kernel.db import Database
from tests.exchange_folders import SHOP, Files, write_folder
from tests.test_exchange_faults import places, refusal

HUGE = "9" * 400

# Every file of the shop with rows added, in each of which exactly the named cells are faulty.
ABSURD: dict[str, list[tuple[Sequence[str], str]]] = {
    "markets": [
        (["", "EUR", "DE", "true", "Europe/Berlin"], "code"),
        (["x" * 101, "XXX", "DE", "true", "Europe/Berlin"], "code currency"),
        (["m1", "eur", "de", "yes", "Berlin"], "currency countries prices_include_tax time_zone"),
        (["m2", "ZZZ", "DE  AT", "TRUE", "../../etc/passwd"], "currency countries prices_include_tax time_zone"),
        (["m3", "EUR", "DE DE", "1", "Europe/berlin"], "countries prices_include_tax time_zone"),
        (["m4", "", "", "", ""], "currency countries prices_include_tax time_zone"),
        ([" pad", "EUR", "DE", "true", "Europe/Berlin"], "code"),
        (["line\r\n", "EUR", "DE", "true", "Europe/Berlin"], "code"),
    ],
    "channels": [
        (["ch1", "outlet", "de", "N"], "kind"),
        (["ch2", "Online", "nowhere", ""], "kind market name"),
        (["ch3", "online", "de", "n" * 1001], "name"),
    ],
    "locations": [
        (["l1", "shop", "N", "nowhere", "XX", "", "", "", "", ""], "kind market country"),
        (["l2", "store", "N", "de", "DE", "", "90.01", "-180.5", "", ""], "latitude longitude"),
        (["l3", "store", "N", "de", "DE", "", "NaN", "1e3", "", ""], "latitude longitude"),
        (["l4", "store", "N", "de", "DE", "", HUGE, "+1", "", ""], "latitude longitude"),
        (["l5", "store", "N", "de", "DE", "", "", "", "2026-02-30", "0000-00-00"], "opened_on closed_on"),
        (["l6", "store", "N", "de", "DE", "", "", "", "01.02.2026", "2026-1-1"], "opened_on closed_on"),
        (["l7", "store", "N", "de", "DE", "", "", "", "2026-01-02", "2026-01-01"], "closed_on"),
        (["l8", "store", "N", "de", "DE", "", "", "", "infinity", "today"], "opened_on closed_on"),
    ],
    "categories": [(["k1", "nowhere", "N"], "parent"), (["k2", "k2", "N"], "parent"), (["k3", "", ""], "name")],
    "products": [
        (["p1", "", "N", "nowhere", "", "123", "full", "{", "sold"],
         "product category gtin tax_class attributes status"),
        (["p2", "p", "N", "cases", "", "4006381333930", "zero", "[]", "draft"], "gtin attributes"),
        (["p3", "p", "N", "cases", "", "", "zero", '{"a": NaN}', "draft"], "attributes"),
        (["p4", "p", "N", "cases", "", "", "zero", '{"a": "\\u0000"}', "draft"], "attributes"),
        (["p5", "p", "N", "cases", "", "", "zero", '{"a": 1e999999}', "draft"], "attributes"),
        (["p6", "p", "N", "cases", "", "", "zero", '{"a":' + "[" * 100_000, "draft"], "attributes"),
        (["p7", "p", "N", "cases", "", "", "zero", '"{}"', "draft"], "attributes"),
        (["p8", "p", "N", "cases", "", "", "zero", '{"a": ' + "[" * 16 + "]" * 16 + "}", "draft"], "attributes"),
        (["p9", "p", "N", "cases", "", "", "zero", '{"a": ' + "[" * 3000 + "]" * 3000 + "}", "draft"], "attributes"),
        (["p\n10", " p", "N", "\x1f", "", "", "zero", "", "draft"], "sku product category"),
    ],
    "recommended_prices": [
        (["nothing", "nowhere", "1", "2026-01-01T00:00:00Z", ""], "sku market"),
        (["CASE-1", "us", "1e999", "2025-01-01T00:00:00Z", "never"], "amount valid_to"),
        (["CASE-1", "us", "1.001", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"], "amount valid_to"),
        (["CASE-1", "us", "-1", "2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z"], "amount"),
        (["CASE-1", "us", "NaN", "2026-01-03 00:00:00", ""], "amount valid_from"),
        (["CASE-1", "us", "1,00", "2026-01-03T00:00:00", ""], "amount valid_from"),
        (["CASE-1", "us", " 1", "2026-13-01T00:00:00Z", ""], "amount valid_from"),
        (["CASE-1", "us", "0x1F", "2026-01-03T24:00:00Z", ""], "amount valid_from"),
        (["CASE-1", "us", HUGE, "0000-00-00T00:00:00Z", ""], "amount valid_from"),
        (["CASE-1", "us", "10000000000000.01", "10000-01-01T00:00:00Z", ""], "amount valid_from"),
        (["CASE-1", "us", "1_0", "2026-01-03T00:00:00.1234567Z", ""], "amount valid_from"),
        (["CASE-1", "us", "1.", "9999-12-31T23:59:59-01:00", ""], "amount valid_from"),
        (["CASE-1", "us", "", "2026-01-03T00:00:00 Europe/Berlin", ""], "amount valid_from"),
        (["CASE-1", "us", "\u0661", "infinity", ""], "amount valid_from"),
    ],
    "customers": [(["", "", "", "UK", "yesterday"], "code country created_at")],
    "stock": [
        (["nothing", "nowhere", "1.0"], "sku location on_hand"),
        (["CASE-1", "wh-de", "-1"], "on_hand"),
        (["CASE-1", "nyc", "99999999999999999999"], "on_hand"),
        (["CASE-1", "berlin", "\u0663"], "on_hand"),
    ],
    "orders": [
        (["B-1", "nowhere", "nowhere", "nobody", "GBP", "2026-01-01T00:00:00Z", "placed"],
         "channel location customer status"),
        (["B-2", "web-de", "berlin", "", "USD", "2026-01-01T00:00:00Z", "completed"], "order_number location currency"),
        (["B-3", "retail-de", "", "", "EUR", "2026-01-01T00:00:00Z", "completed"], "location"),
        (["B-4", "retail-de", "wh-de", "", "EUR", "2026-01-01T00:00:00Z", "completed"], "location"),
        (["B-5", "retail-de", "nyc", "", "EUR", "2026-01-01T00:00:00Z", "completed"], "order_number location"),
        (["B-6", "web-de", "", "", "EUR", "2026-01-01T00:00:00Z", "completed"], ""),
    ],
    "order_lines": [
        (["B-1", "1", "CASE-1", "1", "1.00", "0.00", "0.00", "1.00"], ""),
        (["B-3", "0", "CASE-1", "0", "1", "0", "0", "1"], "line quantity"),
        (["B-4", "1", "CASE-1", "2", "10.00", "-1.00", "0.00", "21.00"], "discount_total"),
        (["B-4", "2", "CASE-1", "2", "10.00", "1.00", "0.00", "19.01"], "line_total"),
        (["B-4", "3", "CASE-1", "1", "1.001", "0.0001", "0.000", "1.0009"],
         "unit_price discount_total tax_total line_total"),
        (["B-5", "1", "nothing", "999999999", "9999999999999.99", "0", "0", "1"], "sku line_total"),
        (["B-6", "1", "CASE-1", "1e3", "Infinity", "-", "", "$1"],
         "quantity unit_price discount_total tax_total line_total"),
        (["B-7", "1", "CASE-1", "1", "1.00", "0.00", "0.00", "1.00"], "order_number"),
        (["A-2", "2", "CASE-1", "2", "-10.00", "0.00", "0.00", "-20.00"], "unit_price"),
        (["A-2", "3", "CASE-1", "1", "10.00", "10.01", "-0.01", "-0.01"], "discount_total tax_total"),
    ],
    "returns": [
        (["S-1", "B-7", "1", "1", "nowhere", "nowhere", "x", "-"],
         "order_number channel location returned_at refund_total"),
        (["S-2", "A-1", "2", "1", "web-de", "", "2026-04-01T00:00:00Z", "0.001"], "line refund_total"),
        (["S-3", "A-1", "3", "2", "retail-us", "berlin", "2026-04-01T00:00:00Z", "-1.00"],
         "quantity location refund_total"),
        (["S-4", "A-3", "1", "1", "web-us", "", "2026-04-01T00:00:00Z", "749.00"], "quantity"),
        (["S-6", "A-1", "1", "1", "retail-de", "berlin", "2026-03-01T08:59:59+01:00", "29.00"], "returned_at"),
        (["S-5", "A-2", "1", "0", "web-us", "", "2026-04-01T00:00:00Z", "0.00"], "quantity"),
    ],
}  # fmt: skip
# B-2 has no line, and those of B-5 add up to too much.


async def test_every_fault_of_a_folder_is_named_by_file_line_and_column(db: Database, tmp_path: Path) -> None:
    files: Files = {name: [*SHOP[name], *(row for row, _ in ABSURD[name])] for name in SHOP}
    expected = [
        (f"{name}.csv", len(SHOP[name]) + 2 + number, column)
        for name in SHOP
        for number, (_, columns) in enumerate(ABSURD[name])
        for column in BY_NAME[name].column_names
        if column in columns.split()
    ]

    refused = await refusal(db, write_folder(tmp_path, files))

    found = [(fault.file, fault.line, fault.column) for fault in refused.errors]
    assert found == expected[:SHOWN_MAX]
    assert refused.error_count == len(expected)
    rest = {name: its_rows for name, its_rows in files.items() if name not in {"markets", "channels", "locations"}}
    await import_folder(
        db, write_folder(tmp_path / "places", {n: SHOP[n] for n in ("markets", "channels", "locations")})
    )
    assert await places(db, write_folder(tmp_path / "rest", rest)) == [
        place for place in expected if place[0].partition(".")[0] in rest
    ]
