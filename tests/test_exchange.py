"""A shop's past comes in as a folder, and goes out again as one."""

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from commerce.exchange.export_folder import export_folder
from commerce.exchange.faults import FolderRefused, FolderUnwritable
from commerce.exchange.import_folder import import_folder
from commerce.exchange.progress import FileImported
from commerce.kernel.db import Database
from commerce.lawbook import LAWS
from commerce.tables import metadata
from tests.exchange_folders import CONTOSO, SHOP, changed, read_folder, write_folder
from tests.shop import no_law_is_broken, rows

DEMO = Path(__file__).parent.parent / "commerce" / "demo" / "shop"


async def everything(db: Database) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, with the transaction that wrote it: equal before and after means untouched."""
    async with db.read() as tx:
        return {
            table.name: sorted(
                tuple(row)
                for row in await tx.execute(text(f"SELECT xmin::text, ctid::text, t::text FROM {table.name} t"))
            )
            for table in metadata.sorted_tables
        }


@pytest.mark.parametrize("gzipped", [False, True])
async def test_a_real_past_comes_in_stays_as_it_is_and_goes_out_the_same(
    db: Database, tmp_path: Path, *, gzipped: bool
) -> None:
    if not CONTOSO.is_dir():
        pytest.skip("The Contoso data is not beside the repository.")

    first = await import_folder(db, CONTOSO)
    before = await everything(db)
    second = await import_folder(db, CONTOSO)
    report = await export_folder(db, tmp_path / "out", gzipped=gzipped)

    counts = {
        "markets": 8,
        "channels": 16,
        "locations": 73,
        "categories": 40,
        "products": 2_517,
        "recommended_prices": 20_136,
        "customers": 5_585,
        "orders": 5_819,
        "order_lines": 13_915,
    }
    assert first.files == {name: FileImported(rows=n, new=n, changed=0, unchanged=0) for name, n in counts.items()}
    assert second.files == {name: FileImported(rows=n, new=0, changed=0, unchanged=n) for name, n in counts.items()}
    assert list(first.files) == list(counts)
    assert await everything(db) == before
    await no_law_is_broken(db, *LAWS)
    assert (report.files, report.open_orders_left_out) == (counts, 0)
    assert read_folder(tmp_path / "out") == read_folder(CONTOSO)
    assert len(list((tmp_path / "out").glob("*.csv.gz"))) == (len(counts) if gzipped else 0)
    assert await rows(db, "SELECT code FROM products WHERE title = 'Contoso 512MB MP3 Player E51'") == [
        ("contoso-512mb-mp3-player-e51",)
    ]


async def test_the_demo_shop_survives_the_journey_into_another_shop_and_back(db: Database, tmp_path: Path) -> None:
    await import_folder(db, DEMO)
    await no_law_is_broken(db, *LAWS)
    await export_folder(db, tmp_path / "out")

    again = await import_folder(db, tmp_path / "out")

    assert {name: counts.new + counts.changed for name, counts in again.files.items() if counts.rows} == dict.fromkeys(
        read_folder(DEMO), 0
    )


async def test_what_was_imported_means_what_it_says(db: Database, tmp_path: Path) -> None:
    await import_folder(db, write_folder(tmp_path, SHOP))

    assert await rows(
        db, "SELECT code, currency, countries, prices_include_tax, time_zone FROM markets ORDER BY 1"
    ) == [
        ("de", "EUR", ["DE", "AT"], True, "Europe/Berlin"),
        ("us", "USD", ["US"], False, "America/New_York"),
    ]
    assert await rows(db, "SELECT code, title FROM products ORDER BY 1") == [("case", "Case"), ("phone", "Phone One")]
    assert await rows(db, "SELECT attributes::text, options::text, gtin FROM variants WHERE sku = 'PHONE-1'") == [
        ('{"b":1, "a": 2}', '{"a": 2, "b": 1}', "4006381333931")
    ]
    assert await rows(
        db,
        """
        SELECT o.order_number, o.source, o.location, c.code, o.fulfilment, o.state, o.prices_include_tax,
               o.placed_at::text, o.subtotal, o.discount_total, o.tax_total, o.total
          FROM orders o LEFT JOIN customers c ON c.id = o.customer_id ORDER BY 1
        """,
    ) == [
        ("A-1", "import", None, "c1", "ship", "completed", True, "2026-03-01 08:00:00+00", 85700, 7990, 12407, 77710),
        ("A-2", "import", "berlin", None, "carried", "completed", True, "2026-03-02 09:00:00+00", 2900, 0, 463, 2900),
        ("A-3", "import", None, "c2", "ship", "cancelled", False, "2026-03-03 16:00:00+00", 74900, 0, 5992, 80892),
    ]
    assert await rows(
        db,
        """
        SELECT o.order_number, l.line, l.sku, l.quantity, l.recommended_price, l.unit_price, l.discount_total,
               l.tax_rate_bp, l.tax_total, l.line_total, l.sent
          FROM order_lines l JOIN orders o ON o.id = l.order_id ORDER BY 1, 2
        """,
    ) == [
        ("A-1", 1, "PHONE-1", 1, None, 79900, 7990, None, 11481, 71910, 1),
        ("A-1", 3, "CASE-1", 2, None, 2900, 0, None, 926, 5800, 2),
        ("A-2", 1, "CASE-1", 1, None, 2900, 0, None, 463, 2900, 1),
        ("A-3", 1, "PHONE-1", 1, None, 74900, 0, None, 5992, 74900, 0),
    ]
    assert await rows(db, "SELECT return_number, line, quantity, channel, location, refund_total FROM returns") == [
        ("R-1", 3, 1, "retail-de", "berlin", 2900)
    ]
    assert await rows(db, "SELECT count(*) FROM order_timeline") == [(0,)]
    assert await rows(db, "SELECT count(*) FROM ledger_entries") == [(0,)]
    assert await rows(db, "SELECT DISTINCT topic FROM outbox_messages") == [("price_book_published",)]


async def test_stock_opens_with_a_movement_and_history_takes_none_of_it(db: Database, tmp_path: Path) -> None:
    await import_folder(db, write_folder(tmp_path, SHOP))

    assert await rows(
        db,
        """
        SELECT p.sku, p.location, p.purpose, p.supply, p.held, m.kind, m.units, m.reference, m.moved_at = :noon
          FROM stock_pools p LEFT JOIN movements m ON m.pool_id = p.id ORDER BY 2
        """,
        noon=db.clock.now(),
    ) == [
        ("PHONE-1", "berlin", "general", 0, 0, None, None, None, None),
        ("PHONE-1", "wh-de", "general", 10, 0, "opening", 10, "import", True),
    ]


async def test_what_has_a_price_and_is_active_is_listed_from_its_first_price_on(db: Database, tmp_path: Path) -> None:
    """Not what is a draft, not where there is no price, and not again where somebody decided otherwise."""
    await import_folder(db, write_folder(tmp_path / "1", SHOP))
    listed = await rows(db, "SELECT channel, sku, visible_from::text, certified_from::text FROM listings ORDER BY 1, 2")
    async with db.transaction() as tx:
        await tx.execute(text("DELETE FROM listings WHERE channel = 'web-de'"))
        await tx.execute(text("UPDATE listings SET visible_to = '2027-01-01Z' WHERE channel = 'web-us'"))

    await import_folder(db, write_folder(tmp_path / "1", SHOP))
    again = await rows(db, "SELECT channel, sku, visible_to IS NULL FROM listings ORDER BY 1, 2")
    await import_folder(db, write_folder(tmp_path / "2", changed("products", status={1: "active"})))
    published = await rows(db, "SELECT channel, sku FROM listings WHERE sku = 'PHONE-2' ORDER BY 1")

    new_year = "2025-12-31 23:00:00+00"
    assert listed == [
        ("retail-de", "CASE-1", new_year, new_year),
        ("retail-de", "PHONE-1", new_year, new_year),
        ("retail-us", "PHONE-1", "2026-02-01 05:00:00+00", "2026-02-01 05:00:00+00"),
        ("web-de", "CASE-1", new_year, new_year),
        ("web-de", "PHONE-1", new_year, new_year),
        ("web-us", "PHONE-1", "2026-02-01 05:00:00+00", "2026-02-01 05:00:00+00"),
    ]
    assert again == [
        ("retail-de", "CASE-1", True),
        ("retail-de", "PHONE-1", True),
        ("retail-us", "PHONE-1", True),
        ("web-us", "PHONE-1", False),
    ]
    assert published == [("retail-de", "PHONE-2"), ("web-de", "PHONE-2")]


async def test_a_new_market_gets_its_tax_rates_once(db: Database, tmp_path: Path) -> None:
    await import_folder(db, write_folder(tmp_path / "1", SHOP))
    async with db.transaction() as tx:
        await tx.execute(text("UPDATE tax_rates SET rate_bp = 1600 WHERE market = 'de' AND tax_class = 'standard'"))

    await import_folder(db, write_folder(tmp_path / "2", changed("markets", countries={0: "DE AT LU"})))

    assert await rows(db, "SELECT market, tax_class, rate_bp FROM tax_rates ORDER BY 1, 2") == [
        ("de", "reduced", 700),
        ("de", "standard", 1600),
        ("de", "zero", 0),
        ("us", "reduced", 0),
        ("us", "standard", 0),
        ("us", "zero", 0),
    ]


async def test_an_address_finds_the_lowest_code_and_goes_on_finding_it(db: Database, tmp_path: Path) -> None:
    find = """
        SELECT i.kind, i.value, c.code FROM customer_identities i JOIN customers c ON c.id = i.customer_id ORDER BY 1, 2
    """
    await import_folder(db, write_folder(tmp_path / "1", SHOP))
    first = await rows(db, find)
    given = await rows(db, "SELECT code, email, phone FROM customers ORDER BY 1")

    moved = changed(
        "customers", email={1: "new@example.com"}, phone={0: ""}, add=[["c0", "ANN@example.com", "", "", ""]]
    )
    report = await import_folder(db, write_folder(tmp_path / "2", moved))

    assert first == [
        ("email", "ann@example.com", "c1"),
        ("phone", "+12125552368", "c1"),
        ("phone", "+49301234567", "c2"),
    ]
    assert given == [
        ("c1", " ann@example.com", "+1 212 555 2368"),
        ("c2", "Ann@Example.com", "030 1234567"),
        ("c3", None, "no phone"),
    ]
    assert report.files["customers"] == FileImported(rows=4, new=1, changed=2, unchanged=1)
    assert await rows(db, find) == [
        ("email", "ann@example.com", "c0"),
        ("email", "new@example.com", "c1"),
        ("phone", "+12125552368", "c1"),
    ]


async def test_a_merged_customer_is_given_no_address_back(db: Database, tmp_path: Path) -> None:
    await import_folder(db, write_folder(tmp_path / "1", SHOP))
    async with db.transaction() as tx:
        await tx.execute(
            text("""
                UPDATE customers SET merged_into = (SELECT id FROM customers WHERE code = 'c1'), email = NULL
                 WHERE code = 'c2'
            """)
        )
        await tx.execute(text("DELETE FROM customer_identities"))

    await import_folder(db, write_folder(tmp_path / "2", changed("customers", email={0: "other@example.com"})))

    assert await rows(db, "SELECT email FROM customers WHERE code = 'c2'") == [(None,)]
    assert await rows(db, "SELECT * FROM customer_identities") == []


async def test_reference_data_follows_the_folder_and_the_rest_is_left_alone(db: Database, tmp_path: Path) -> None:
    await import_folder(db, write_folder(tmp_path / "1", SHOP))
    async with db.transaction() as tx:
        await tx.execute(text("UPDATE products SET title = 'The Phone', warranty_months = 36 WHERE code = 'phone'"))

    prices = [
        ["PHONE-1", "de", "749.00", "2026-06-01T00:00:00+02:00", "2026-09-01T00:00:00+02:00"],
        ["PHONE-1", "de", "699.00", "2026-09-01T00:00:00+02:00", ""],
    ]
    names = [[*SHOP["products"][0][:2], "Phone Uno", *SHOP["products"][0][3:]]]
    report = await import_folder(
        db,
        write_folder(tmp_path / "2", {"recommended_prices": prices, "products": names, "locations": SHOP["locations"]}),
    )

    assert report.files == {
        "locations": FileImported(rows=3, new=0, changed=0, unchanged=3),
        "products": FileImported(rows=1, new=0, changed=1, unchanged=0),
        "recommended_prices": FileImported(rows=2, new=1, changed=1, unchanged=0),
    }
    assert await rows(db, "SELECT title, warranty_months FROM products WHERE code = 'phone'") == [("The Phone", 36)]
    assert await rows(
        db,
        """
        SELECT amount, valid_to::text FROM recommended_prices
         WHERE sku = 'PHONE-1' AND market = 'de' AND superseded_at IS NULL ORDER BY valid_from
        """,
    ) == [(79900, "2026-05-31 22:00:00+00"), (74900, "2026-08-31 22:00:00+00"), (69900, None)]


async def test_stock_that_was_sold_since_is_neither_doubled_nor_an_error(db: Database, tmp_path: Path) -> None:
    await import_folder(db, write_folder(tmp_path / "1", SHOP))
    async with db.transaction() as tx:
        await tx.execute(text("UPDATE stock_pools SET supply = 7 WHERE supply = 10"))

    same_as_opened = await import_folder(db, write_folder(tmp_path / "1", SHOP))
    same_as_now = await import_folder(db, write_folder(tmp_path / "2", changed("stock", on_hand={0: "7"})))
    with pytest.raises(FolderRefused) as refused:
        await import_folder(db, write_folder(tmp_path / "3", changed("stock", on_hand={0: "8"})))

    assert same_as_opened.files["stock"].unchanged == same_as_now.files["stock"].unchanged == 2
    assert [(e.file, e.line, e.column, e.message) for e in refused.value.errors] == [
        ("stock.csv", 2, "on_hand", "There are 7 units already; an import opens stock, a stock count corrects it.")
    ]


async def test_every_file_is_optional(db: Database, tmp_path: Path) -> None:
    for name, its_rows in SHOP.items():
        if name in {"orders", "order_lines"}:
            continue
        if name == "returns":
            await import_folder(db, write_folder(tmp_path / "orders", {n: SHOP[n] for n in ("orders", "order_lines")}))
        report = await import_folder(db, write_folder(tmp_path / name, {name: its_rows}))
        assert report.files == {name: FileImported(rows=len(its_rows), new=len(its_rows), changed=0, unchanged=0)}

    (tmp_path / "none").mkdir()
    assert (await import_folder(db, tmp_path / "none")).files == {}
    await export_folder(db, tmp_path / "out")
    await import_folder(db, write_folder(tmp_path / "all", SHOP))


async def test_an_export_is_whole_or_not_there(db: Database, tmp_path: Path) -> None:
    await import_folder(db, write_folder(tmp_path / "in", SHOP))
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(FolderUnwritable, match="it holds CSV files already"):
        await export_folder(db, tmp_path / "in")
    with pytest.raises(FolderUnwritable, match="File exists"):
        await export_folder(db, tmp_path / "file")
    async with db.transaction() as tx:
        await tx.execute(text("UPDATE markets SET time_zone = 'Nowhere/At_All' WHERE code = 'us'"))
    with pytest.raises(Exception, match="time zone"):
        await export_folder(db, tmp_path / "out")

    assert list((tmp_path / "out").iterdir()) == []


async def test_what_is_under_way_is_left_out_and_counted(db: Database, tmp_path: Path) -> None:
    await import_folder(db, write_folder(tmp_path / "in", SHOP))
    async with db.transaction() as tx:
        await tx.execute(text("UPDATE orders SET state = 'part_shipped', source = 'api' WHERE order_number = 'A-1'"))
        await tx.execute(text("UPDATE orders SET location = 'berlin', source = 'api' WHERE order_number = 'A-3'"))

    report = await export_folder(db, tmp_path / "out")

    out = read_folder(tmp_path / "out")
    assert report.open_orders_left_out == 1
    assert [row[0] for row in out["orders"]] == ["A-2", "A-3", "order_number"]
    assert {row[0] for row in out["order_lines"]} == {"A-2", "A-3", "order_number"}
    assert "returns" not in out
    assert out["orders"][1][2] == ""
    assert (await import_folder(db, tmp_path / "out")).files["orders"].unchanged == 2


async def test_the_report_reads_the_same_for_programs(db: Database, tmp_path: Path) -> None:
    import msgspec  # noqa: PLC0415 - only here

    report = await import_folder(db, write_folder(tmp_path, {"categories": SHOP["categories"]}))

    assert json.loads(msgspec.json.encode(report)) == {
        "files": {"categories": {"rows": 3, "new": 3, "changed": 0, "unchanged": 0}}
    }
