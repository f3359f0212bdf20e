"""A folder in which anything is wrong is not kept, and everything that is wrong is said at once."""

import asyncio
import gzip
from pathlib import Path

import pytest
from sqlalchemy import text

from commerce.exchange.faults import SHOWN_MAX, FolderRefused, FolderUnreadable, ImportCollided
from commerce.exchange.files import BY_NAME, LAUNCH_FILES
from commerce.exchange.import_folder import import_folder
from commerce.kernel.db import Database
from tests.exchange_folders import SHOP, Files, changed, write_folder
from tests.shop import rows
from tests.test_exchange import everything

Place = tuple[str, int | None, str | None]

_TAKE_A_1 = text("""
    INSERT INTO orders (id, order_number, source, channel, currency, prices_include_tax, fulfilment, state, placed_at,
                        subtotal, discount_total, tax_total, total)
    VALUES ('ord_1', 'A-1', 'api', 'web-de', 'EUR', true, 'ship', 'placed', '2026-11-02Z', 0, 0, 0, 0)
""")


async def refusal(db: Database, folder: Path) -> FolderRefused:
    """What an import is refused with; it must leave everything as it was."""
    before = await everything(db)
    with pytest.raises(FolderRefused) as refused:
        await import_folder(db, folder)
    assert await everything(db) == before
    return refused.value


async def places(db: Database, folder: Path) -> list[Place]:
    """Where an import is refused."""
    refused = await refusal(db, folder)
    assert refused.error_count == len(refused.errors)
    return [(fault.file, fault.line, fault.column) for fault in refused.errors]


def worded(refused: FolderRefused) -> list[tuple[str, int | None, str | None, str]]:
    return [(fault.file, fault.line, fault.column, fault.message) for fault in refused.errors]


async def test_messages_say_what_is_wrong(db: Database, tmp_path: Path) -> None:
    files = changed("products", category={0: "telephones"}, gtin={1: "1234"}, status={2: ""})

    refused = await refusal(db, write_folder(tmp_path, files))

    assert str(refused) == "Nothing was imported: the folder has 3 errors."
    assert worded(refused) == [
        ("products.csv", 2, "category", "There is no category 'telephones', neither in the folder nor stored."),
        ("products.csv", 3, "gtin", "'1234' is not a GTIN: 8, 12, 13 or 14 digits of which the last one checks."),
        ("products.csv", 4, "status", "It must not be empty."),
    ]
    assert refused.facts() == {"errors": refused.errors, "error_count": 3}


@pytest.mark.parametrize("same", ["4006381333931", "04006381333931"])
async def test_a_gtin_is_one_products_only_in_the_folder_and_stored(db: Database, tmp_path: Path, same: str) -> None:
    twice = changed("products", gtin={1: same})

    in_the_folder = await refusal(db, write_folder(tmp_path / "twice", twice))
    await import_folder(db, write_folder(tmp_path / "right", SHOP))
    await import_folder(db, write_folder(tmp_path / "again", SHOP))
    moved = {"products": changed("products", gtin={1: same})["products"][1:]}
    stored = await refusal(db, write_folder(tmp_path / "stored", moved))

    assert worded(in_the_folder) == [("products.csv", 3, "gtin", "It is the GTIN of 'PHONE-1' already.")]
    assert worded(stored) == [("products.csv", 2, "gtin", "It is the GTIN of 'PHONE-1' already.")]


async def test_a_key_stands_in_a_file_once(db: Database, tmp_path: Path) -> None:
    twice: Files = {name: [*its_rows, its_rows[0]] for name, its_rows in SHOP.items()}
    twice = {**twice, "order_lines": [*SHOP["order_lines"], ["A-1", "01", *SHOP["order_lines"][0][2:]]]}

    refused = await refusal(db, write_folder(tmp_path, twice))

    found = [fault for fault in worded(refused) if "same key" in fault[3]]
    assert found == [
        (f"{name}.csv", len(its_rows) + 2, BY_NAME[name].key[0], "The same key stands in line 2 already.")
        for name, its_rows in SHOP.items()
    ]


async def test_prices_do_not_overlap_each_other_nor_stored_ones(db: Database, tmp_path: Path) -> None:
    await import_folder(db, write_folder(tmp_path / "1", SHOP))
    new = [
        ["PHONE-1", "us", "700.00", "2026-03-01T00:00:00Z", ""],
        ["CASE-1", "de", "20.00", "2025-01-01T00:00:00Z", "2026-01-01T00:00:00Z"],
        ["CASE-1", "us", "20.00", "2026-01-01T00:00:00Z", "2026-12-31T00:00:00Z"],
        ["CASE-1", "us", "21.00", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"],
        ["CASE-1", "us", "22.00", "2026-04-01T00:00:00Z", "2026-05-01T00:00:00Z"],
        ["CASE-1", "us", "23.00", "2026-12-31T00:00:00Z", ""],
    ]

    refused = await refusal(db, write_folder(tmp_path / "2", {"recommended_prices": new}))

    assert worded(refused) == [
        ("recommended_prices.csv", 2, "valid_from", "An earlier price is in force until further notice."),
        (
            "recommended_prices.csv",
            3,
            "valid_to",
            "It overlaps the stored price that begins at 2025-12-31 23:00:00+00.",
        ),
        ("recommended_prices.csv", 5, "valid_from", "An earlier price is in force until 2026-12-31 00:00:00+00."),
        ("recommended_prices.csv", 6, "valid_from", "An earlier price is in force until 2026-12-31 00:00:00+00."),
    ]


async def test_history_is_not_rewritten(db: Database, tmp_path: Path) -> None:
    await import_folder(db, write_folder(tmp_path / "1", SHOP))
    orders = [
        ["A-1", "retail-de", "berlin", "", "EUR", "2026-03-01T09:00:01+01:00", "cancelled"],
        SHOP["orders"][1],
    ]
    lines = [
        ["A-1", "1", "PHONE-2", "2", "799.00", "79.90", "114.81", "1518.10"],
        ["A-1", "2", "CASE-1", "1", "29.00", "0.00", "4.63", "29.00"],
        SHOP["order_lines"][2],
    ]
    returns = [["R-1", "A-1", "3", "2", "web-de", "", "2026-03-09T16:30:00+01:00", "58.00"]]
    folder = write_folder(tmp_path / "2", {"orders": orders, "order_lines": lines, "returns": returns})

    refused = await refusal(db, folder)

    says = "The stored order says otherwise ({}), and history is not rewritten."
    returned = "The stored return says otherwise ({}), and history is not rewritten."
    assert worded(refused) == [
        ("orders.csv", 2, "channel", says.format("web-de")),
        ("orders.csv", 2, "location", says.format("empty")),
        ("orders.csv", 2, "customer", says.format("c1")),
        ("orders.csv", 2, "placed_at", says.format("2026-03-01 08:00:00+00")),
        ("orders.csv", 2, "status", says.format("completed")),
        ("order_lines.csv", 2, "line", "The stored order has more lines than these; line 3 is missing."),
        ("order_lines.csv", 2, "sku", says.format("PHONE-1")),
        ("order_lines.csv", 2, "quantity", says.format("1")),
        ("order_lines.csv", 2, "line_total", says.format("71910")),
        ("order_lines.csv", 3, "line", "The stored order has no line 2, and history is not rewritten."),
        ("returns.csv", 2, "quantity", returned.format("1")),
        ("returns.csv", 2, "channel", returned.format("retail-de")),
        ("returns.csv", 2, "location", returned.format("berlin")),
        ("returns.csv", 2, "refund_total", returned.format("2900")),
    ]


async def test_what_gives_history_its_meaning_is_not_changed(db: Database, tmp_path: Path) -> None:
    await import_folder(db, write_folder(tmp_path / "1", SHOP))
    files: Files = {
        "markets": [["de", "CHF", "DE", "false", "Europe/Zurich"]],
        "channels": [["web-de", "retail", "us", "New name"]],
        "locations": [["berlin", "warehouse", "B", "us", "DE", "", "", "", "", ""]],
    }

    refused = await refusal(db, write_folder(tmp_path / "2", files))

    assert {fault[:3] for fault in worded(refused)} == {
        ("markets.csv", 2, "currency"),
        ("markets.csv", 2, "prices_include_tax"),
        ("channels.csv", 2, "kind"),
        ("channels.csv", 2, "market"),
        ("locations.csv", 2, "kind"),
        ("locations.csv", 2, "market"),
    }


async def test_no_more_comes_back_than_was_sold_earlier_returns_counted(db: Database, tmp_path: Path) -> None:
    await import_folder(db, write_folder(tmp_path / "1", SHOP))
    more = [
        ["R-2", "A-1", "3", "1", "web-de", "", "2026-03-10T16:30:00+01:00", "29.00"],
        ["R-3", "A-1", "3", "1", "web-de", "", "2026-03-11T16:30:00+01:00", "29.00"],
    ]

    refused = await refusal(db, write_folder(tmp_path / "2", {"returns": more}))
    fewer = await import_folder(db, write_folder(tmp_path / "3", {"returns": more[:1]}))

    assert worded(refused) == [("returns.csv", 3, "quantity", "With this more units came back than were sold (2).")]
    assert fewer.files["returns"].new == 1


async def test_categories_form_no_circle_with_stored_ones(db: Database, tmp_path: Path) -> None:
    await import_folder(db, write_folder(tmp_path / "1", {"categories": SHOP["categories"]}))

    refused = await refusal(db, write_folder(tmp_path / "2", {"categories": [["accessories", "cases", "Accessories"]]}))

    assert worded(refused) == [("categories.csv", 2, "parent", "The category 'accessories' would be above itself.")]


async def test_launches_are_refused_by_name_and_so_is_what_nobody_knows(db: Database, tmp_path: Path) -> None:
    folder = write_folder(tmp_path, SHOP)
    for name in LAUNCH_FILES:
        (folder / f"{name}.csv").write_text("code\n")
    for name in ("Orders.csv", "order.csv", "stock.CSV", "notes.csv.gz"):
        (folder / name).write_text("code\n")
    (folder / "stock.csv.gz").write_bytes(gzip.compress((folder / "stock.csv").read_bytes()))

    refused = await refusal(db, folder)

    launches = "Launches cannot be imported yet; take this file out of the folder."
    unknown = "The exchange format has no such file."
    assert set(worded(refused)) == {
        *((f"{name}.csv", None, None, launches) for name in LAUNCH_FILES),
        *((name, None, None, unknown) for name in ("Orders.csv", "order.csv", "stock.CSV", "notes.csv.gz")),
        ("stock.csv.gz", None, None, "The folder has stock.csv as well; which one is meant?"),
    }


UNREADABLE = {
    b"": (1, None, "There is no header row."),
    b"code,parent\n": (1, "name", "This column is missing."),
    b"code,parent,name,colour\n": (1, "colour", "The exchange format has no such column in this file."),
    b"code,parent,name,code\n": (1, "code", "This column stands there twice."),
    b"code,parent,name\na,,A\n\nb,B\n": (4, None, "The row has 2 cells, the header 3."),
    b"code,parent,name\na,,A,\n": (2, None, "The row has 4 cells, the header 3."),
    b'code,parent,name\na,,"A\nb,,B\n': (2, None, "A quoted cell is never closed."),
    b'code,parent,name\na,,"two\nlines"\nb,,"A"x\nc,,C\n': (
        4,
        None,
        "There is text after the closing quote of a cell.",
    ),
    b"code,parent,name\ra,,A\r": (1, None, "A carriage return stands outside of quotes."),
    b"code,parent,name\na,,\xfc\nb,,B\n": (2, None, "The line is not UTF-8."),
    b'code,parent,name\na,,"A\n\xff"\n': (3, None, "The line is not UTF-8."),
    "code,parent,name\n".encode("utf-16"): (1, None, "The line is not UTF-8."),
    b"code,parent,name\na,,A\0\n": (2, "name", "There is a character of code 0 in the cell."),
    b"code,parent,name\na,," + b"A" * 3_000_000 + b"\n": (2, None, "A cell is too long, or its quote is never closed."),
}


@pytest.mark.parametrize(("content", "fault"), UNREADABLE.items(), ids=[str(i) for i in range(len(UNREADABLE))])
async def test_what_cannot_be_read_is_said(
    db: Database, tmp_path: Path, content: bytes, fault: tuple[int, str | None, str]
) -> None:
    (tmp_path / "categories.csv").write_bytes(content)

    refused = await refusal(db, tmp_path)

    assert worded(refused)[0] == ("categories.csv", *fault)


async def test_a_link_that_leads_nowhere_is_said(db: Database, tmp_path: Path) -> None:
    (tmp_path / "products.csv").symlink_to(tmp_path / "gone.csv")

    refused = await refusal(db, tmp_path)

    assert worded(refused) == [("products.csv", None, None, "The file cannot be opened: No such file or directory.")]


@pytest.mark.parametrize("status", ["active", "retired"])
async def test_what_was_once_public_does_not_become_a_draft(db: Database, tmp_path: Path, status: str) -> None:
    await import_folder(db, write_folder(tmp_path / "1", changed("products", status={0: status})))

    refused = await refusal(db, write_folder(tmp_path / "2", changed("products", status={0: "draft"})))

    message = f"It is {status}, and what was once public does not become a draft again."
    assert worded(refused) == [("products.csv", 2, "status", message)]


async def test_a_broken_archive_is_said_and_blames_nobody_else(db: Database, tmp_path: Path) -> None:
    """What is lost of one file might be all that is missed in the others."""
    folder = write_folder(tmp_path, SHOP)
    packed = gzip.compress(b"code,market,kind,name\n" + b"".join(b"c%d,de,online,N\n" % n for n in range(100_000)))
    (folder / "channels.csv").unlink()
    (folder / "channels.csv.gz").write_bytes(packed[: len(packed) // 2])
    (folder / "stock.csv").rename(folder / "stock.csv.gz")

    refused = await refusal(db, folder)

    assert [(file, column) for file, _, column, _ in worded(refused)] == [
        ("channels.csv.gz", None),
        ("stock.csv.gz", None),
    ]
    assert all("cannot be read on" in message for _, _, _, message in worded(refused))


async def test_of_many_errors_the_first_hundred_are_shown_and_all_are_counted(db: Database, tmp_path: Path) -> None:
    lines = [[f"X-{n}", "1", "CASE-1", "1", "1.00", "0.00", "0.00", "1.00"] for n in range(3_000)]
    with_ragged = write_folder(tmp_path, {**SHOP, "order_lines": lines, "returns": []})
    with (with_ragged / "customers.csv").open("a", encoding="utf-8") as stream:
        stream.writelines("ragged\n" for _ in range(500))

    refused = await refusal(db, with_ragged)

    assert refused.error_count == 500 + 3_000 + len(SHOP["orders"])
    assert [(fault.file, fault.line) for fault in refused.errors] == [
        ("customers.csv", 5 + n) for n in range(SHOWN_MAX)
    ]


async def test_a_path_that_is_no_folder_is_refused(db: Database, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    for path in (tmp_path / "file", tmp_path / "nowhere"):
        with pytest.raises(FolderUnreadable):
            await import_folder(db, path)


async def test_two_imports_of_one_folder_wait_for_each_other(db: Database, tmp_path: Path) -> None:
    folder = write_folder(tmp_path, SHOP)

    both = await asyncio.gather(import_folder(db, folder), import_folder(db, folder))

    new = [sum(counts.new for counts in report.files.values()) for report in both]
    assert sorted(new) == [0, sum(map(len, SHOP.values()))]


async def test_who_takes_an_order_number_meanwhile_wins(db: Database, tmp_path: Path) -> None:
    """The number is free when the import looks, since the other has not committed; so it waits, and is refused."""
    await import_folder(
        db, write_folder(tmp_path / "1", {n: r for n, r in SHOP.items() if "order" not in n and n != "returns"})
    )
    folder = write_folder(tmp_path / "2", {n: SHOP[n] for n in ("orders", "order_lines")})

    async with db.transaction() as other:
        await other.execute(_TAKE_A_1)
        task = asyncio.create_task(import_folder(db, folder))
        while await rows(db, "SELECT count(*) FROM pg_locks WHERE NOT granted") == [(0,)]:
            assert not task.done()
    with pytest.raises(ImportCollided) as refused:
        await task

    assert refused.value.facts() == {"detail": "uq_orders_order_number"}
    assert await rows(db, "SELECT order_number, source FROM orders") == [("A-1", "api")]
    assert await rows(db, "SELECT * FROM order_lines") == []


async def test_totals_that_no_column_holds_are_refused(db: Database, tmp_path: Path) -> None:
    lines = [["A-1", str(n), "CASE-1", "1", "9999999999999.00", "0", "0", "9999999999999.00"] for n in range(1, 9)]

    refused = await refusal(db, write_folder(tmp_path, {**SHOP, "order_lines": [*lines, *SHOP["order_lines"][2:]]}))

    assert ("orders.csv", 2, "order_number", "The lines of 'A-1' add up to more than this system handles.") in worded(
        refused
    )
    assert await rows(db, "SELECT * FROM orders") == []


async def test_importing_again_after_a_refusal_works(db: Database, tmp_path: Path) -> None:
    """The same connection, with the tables of the first attempt gone."""
    await refusal(db, write_folder(tmp_path / "1", changed("orders", currency={0: "USD"})))
    await import_folder(db, write_folder(tmp_path / "2", SHOP))
    await refusal(db, write_folder(tmp_path / "1", changed("orders", currency={0: "USD"})))

    assert ImportCollided("x").code == "import_collided"
