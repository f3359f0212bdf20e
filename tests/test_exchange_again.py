"""A folder comes in again, after the shop has gone on: what was decided since stands."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from commerce.exchange import import_folder as import_folder_module
from commerce.exchange import resolve
from commerce.exchange.export_folder import export_folder
from commerce.exchange.faults import FolderRefused
from commerce.exchange.import_folder import import_folder
from commerce.exchange.progress import FileImported
from commerce.kernel.access import Role
from commerce.kernel.clock import SetClock
from commerce.kernel.db import Database, Session
from commerce.lawbook import LAWS
from orders.customers.merge import merge
from orders.customers.schemas import MergeBody
from pricing.write_prices import PriceWrite, write_prices
from tests.conftest import Callers
from tests.exchange_folders import SHOP, changed, read_folder, write_folder
from tests.people import findings, somebody_waits
from tests.shop import no_law_is_broken, put_stock, reprice, rows
from tests.stories import cash, sale
from tests.test_exchange import DEMO, everything

NEW_ORDER = ["A-4", "web-de", "", "c1", "EUR", "2026-03-04T09:00:00+01:00", "completed"]
ITS_LINE = ["A-4", "1", "CASE-1", "1", "29.00", "0.00", "4.63", "29.00"]
WHOSE = "SELECT o.order_number, c.code FROM orders o JOIN customers c ON c.id = o.customer_id ORDER BY 1"

NO_LOCK = "SELECT 0"
"""In place of a lock on customers."""

BROKEN = ["nobody_points_at_a_merged_customer"]


async def merge_codes(db: Database, tx: Session, code: str, into: str) -> None:
    """Make one person of two, as the API would."""
    ids = dict(await rows(db, "SELECT code, id FROM customers"))
    await merge(tx, ids[code], MergeBody(into=ids[into], reason="same person"), "test", db.clock.now())


# Merged customers


async def test_orders_of_a_merged_customer_go_to_whom_they_were_merged_into(db: Database, tmp_path: Path) -> None:
    await import_folder(db, write_folder(tmp_path / "1", SHOP))
    for code, into in (("c1", "c2"), ("c2", "c3")):
        async with db.transaction() as tx:
            await merge_codes(db, tx, code, into)
    more = {**changed("orders", add=[NEW_ORDER]), "order_lines": [*SHOP["order_lines"], ITS_LINE]}

    report = await import_folder(db, write_folder(tmp_path / "2", more))

    assert (report.files["orders"].new, report.files["orders"].unchanged) == (1, 3)
    assert await rows(db, WHOSE) == [("A-1", "c3"), ("A-3", "c3"), ("A-4", "c3")]
    await no_law_is_broken(db, *LAWS)


async def test_an_order_of_somebody_else_is_still_refused_after_a_merge(db: Database, tmp_path: Path) -> None:
    await import_folder(db, write_folder(tmp_path / "1", SHOP))
    async with db.transaction() as tx:
        await merge_codes(db, tx, "c1", "c2")

    with pytest.raises(FolderRefused) as refused:
        await import_folder(db, write_folder(tmp_path / "2", changed("orders", customer={0: "c3", 2: "c1"})))

    assert [(fault.line, fault.column, fault.message) for fault in refused.value.errors] == [
        (2, "customer", "The stored order says otherwise (c2), and history is not rewritten.")
    ]


@pytest.mark.parametrize(("lock", "broken"), [(NO_LOCK, BROKEN), (resolve._LOCK, [])])  # noqa: SLF001 - the twin goes without
async def test_a_merge_on_its_way_is_waited_for(
    db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lock: str, broken: list[str]
) -> None:
    """Without the lock, the import would look before the merge is there and write after it."""
    monkeypatch.setattr(resolve, "_LOCK", lock)
    await import_folder(db, write_folder(tmp_path / "1", SHOP))
    history = {"orders": [NEW_ORDER], "order_lines": [ITS_LINE]}

    async with db.transaction() as other:
        await merge_codes(db, other, "c1", "c3")
        importing = asyncio.create_task(import_folder(db, write_folder(tmp_path / "2", history)))
        await somebody_waits(db)
    await importing

    assert [found.law for found in await findings(db) if found.offenders] == broken
    assert ("A-4", "c1" if broken else "c3") in await rows(db, WHOSE)


@pytest.mark.parametrize(("lock", "broken"), [(NO_LOCK, BROKEN), (None, [])])
async def test_no_address_is_given_to_somebody_merged_meanwhile(
    db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lock: str | None, broken: list[str]
) -> None:
    if lock is not None:
        monkeypatch.setattr("commerce.exchange.store_customers._LOCK", lock)
    await import_folder(db, write_folder(tmp_path / "1", SHOP))
    moved = changed("customers", email={1: "new@example.com"})["customers"]

    async with db.transaction() as other:
        await merge_codes(db, other, "c1", "c3")
        importing = asyncio.create_task(import_folder(db, write_folder(tmp_path / "2", {"customers": moved})))
        await somebody_waits(db)
    await importing

    assert [found.law for found in await findings(db) if found.offenders] == broken


# Newer decisions


STATUS = "SELECT DISTINCT v.status FROM variants v WHERE v.product = 'phone' AND v.sku = 'PHONE-1'"
PRICES = (
    "SELECT amount, valid_to IS NULL FROM recommended_prices"
    " WHERE sku = :sku AND market = 'us' AND superseded_at IS NULL ORDER BY valid_from"
)


async def decide_otherwise(db: Database, callers: Callers) -> None:
    """Retire a variant, set a price, rename a channel and a place, and give a customer another address."""
    office, merchandiser = await callers(Role.OPERATOR), await callers(Role.MERCHANDISER)
    customer = dict(await rows(db, "SELECT code, id FROM customers"))["c1"]
    await reprice(db, "PHONE-1", 70000, market="us")
    answers = [
        await merchandiser.post("/v1/catalog/products/phone/retire", {"skus": ["PHONE-1"]}),
        await office.send("PATCH", "/v1/channels/web-de", {"name": "Shop"}),
        await office.send("PATCH", "/v1/locations/berlin", {"name": "Mitte"}),
        await office.send("PATCH", f"/v1/customers/{customer}", {"email": "new@example.com"}),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 200]


async def test_an_unchanged_folder_changes_nothing_whatever_the_shop_decided_since(
    db: Database, callers: Callers, tmp_path: Path
) -> None:
    await import_folder(db, write_folder(tmp_path / "1", SHOP))
    await decide_otherwise(db, callers)
    before = await everything(db)

    report = await import_folder(db, write_folder(tmp_path / "1", SHOP))

    assert report.files == {n: FileImported(rows=len(r), new=0, changed=0, unchanged=len(r)) for n, r in SHOP.items()}
    assert await everything(db) == before
    assert await rows(db, STATUS) == [("retired",)]
    assert await rows(db, PRICES, sku="PHONE-1") == [(74900, False), (70000, True)]


async def test_other_words_for_the_same_change_nothing_either(db: Database, callers: Callers, tmp_path: Path) -> None:
    await import_folder(db, write_folder(tmp_path / "1", SHOP))
    await decide_otherwise(db, callers)
    us = ["PHONE-1", "us", "749", "2026-02-01T05:00:00.0Z", ""]
    prices = [us if row[1] == "us" else row for row in SHOP["recommended_prices"]]

    report = await import_folder(db, write_folder(tmp_path / "2", {"recommended_prices": prices}))

    assert report.files["recommended_prices"].unchanged == len(prices)


async def test_a_row_that_changed_in_the_folder_is_applied_whole_and_alone(
    db: Database, callers: Callers, tmp_path: Path
) -> None:
    await import_folder(db, write_folder(tmp_path / "1", SHOP))
    await decide_otherwise(db, callers)
    files = {
        "products": changed("products", name={0: "Phone Uno"})["products"],
        "channels": changed("channels", name={1: "Shops Germany"})["channels"],
    }

    report = await import_folder(db, write_folder(tmp_path / "2", files))
    again = await import_folder(db, write_folder(tmp_path / "2", files))

    assert [report.files[name].changed for name in files] == [1, 1]
    assert [again.files[name].changed for name in files] == [0, 0]
    assert await rows(db, STATUS) == [("active",)]
    assert await rows(db, "SELECT code, name FROM channels WHERE market = 'de' ORDER BY 1") == [
        ("retail-de", "Shops Germany"),
        ("web-de", "Shop"),
    ]


async def test_a_changed_price_that_a_newer_one_stands_in_the_way_of_is_refused(
    db: Database, callers: Callers, tmp_path: Path
) -> None:
    await import_folder(db, write_folder(tmp_path / "1", SHOP))
    await decide_otherwise(db, callers)
    files = changed("recommended_prices", valid_to={2: "2027-01-01T00:00:00-05:00"})

    with pytest.raises(FolderRefused) as refused:
        await import_folder(db, write_folder(tmp_path / "2", files))

    assert [(fault.file, fault.line, fault.column) for fault in refused.value.errors] == [
        ("recommended_prices.csv", 4, "valid_to")
    ]


async def test_what_is_imported_is_believed_from_when_it_is_stored_and_not_from_when_it_was_waited_for(
    db: Database, clock: SetClock, tmp_path: Path
) -> None:
    await import_folder(db, write_folder(tmp_path / "1", SHOP))
    files = changed("recommended_prices", amount={2: "739.00"})
    async with db.transaction() as tx:
        await tx.execute(text(import_folder_module._ONE_AT_A_TIME))  # noqa: SLF001 - somebody else imports
        waiting = asyncio.ensure_future(import_folder(db, write_folder(tmp_path / "2", files)))
        await somebody_waits(db)
        clock.advance(timedelta(minutes=1))
    await waiting

    believed = "SELECT amount, recorded_at FROM recommended_prices WHERE market = 'us' AND superseded_at IS NULL"
    assert await rows(db, believed) == [(73900, clock.now())]


async def test_a_changed_price_does_not_go_on_where_a_price_change_ends_the_sale(db: Database, tmp_path: Path) -> None:
    await import_folder(db, write_folder(tmp_path / "1", SHOP))
    now = db.clock.now()
    end, later = now + timedelta(days=30), now + timedelta(days=60)
    async with db.transaction() as tx:
        await write_prices(tx, "us", [PriceWrite("PHONE-1", None, end, None, None)], "pch_1", now)
    cheaper = {2: "699.00"}
    told = [
        changed("recommended_prices", amount=cheaper),
        changed("recommended_prices", amount=cheaper, valid_to={2: end.isoformat()}),
        changed("recommended_prices", amount=cheaper, valid_to={1: later.isoformat(), 2: end.isoformat()}),
        changed("recommended_prices", amount=cheaper, valid_to={2: end.isoformat()}),
    ]
    over, *sound = [write_folder(tmp_path / f"told {n}", files) for n, files in enumerate(told)]

    with pytest.raises(FolderRefused) as refused:
        await import_folder(db, over)
    changes = [(await import_folder(db, folder)).files["recommended_prices"].changed for folder in sound]

    assert [(fault.line, fault.column) for fault in refused.value.errors] == [(4, "valid_to")]
    assert "A price change ends the sale at" in str(refused.value.errors[0])
    assert changes == [1, 1, 1], "what a folder ended itself it may lengthen"
    assert await rows(db, PRICES, sku="PHONE-1") == [(69900, False)]


async def test_a_key_that_stands_twice_is_refused_though_one_row_is_known(db: Database, tmp_path: Path) -> None:
    await import_folder(db, write_folder(tmp_path / "1", SHOP))
    twice = {"categories": [*SHOP["categories"], ["phones", "", "Telephones"]]}

    with pytest.raises(FolderRefused) as refused:
        await import_folder(db, write_folder(tmp_path / "2", twice))

    assert [(fault.line, fault.column) for fault in refused.value.errors] == [(5, "code")]


async def test_the_demo_comes_in_again_after_the_office_was_busy(db: Database, callers: Callers) -> None:
    """Retire and price things of the demo shop, then import its untouched folder."""
    await import_folder(db, DEMO)
    merchandiser = await callers(Role.MERCHANDISER)
    [(product,)] = await rows(db, "SELECT product FROM variants WHERE sku = 'BAND-HEATHER'")
    retired = await merchandiser.post(f"/v1/catalog/products/{product}/retire", {"skus": ["BAND-HEATHER"]})
    await reprice(db, "CABLE-USBC-1M", 1500, market="us")
    before = await everything(db)

    report = await import_folder(db, DEMO)

    assert retired.status_code == 200
    assert sum(counts.new + counts.changed for counts in report.files.values()) == 0
    assert await everything(db) == before


async def test_stock_that_was_there_before_and_is_sold_since_comes_in_again(
    db: Database, callers: Callers, tmp_path: Path
) -> None:
    """Two cases were received, not imported. Three are sold, so the pool is overdrawn, which the format calls 0."""
    till = await callers(Role.TERMINAL, channel="retail-de", location="berlin")
    await import_folder(db, write_folder(tmp_path / "shop", changed("locations", closed_on={1: ""})))
    await put_stock(db, "CASE-1", "berlin", 2)
    counted = write_folder(tmp_path / "counted", {"stock": [["CASE-1", "berlin", "2"]]})
    first = await import_folder(db, counted)
    sold = await till.post("/v1/till-sales", sale(("CASE-1", 3), total=8700, tenders=[cash(8700)]))
    before = await rows(db, "SELECT supply FROM stock_pools WHERE sku = 'CASE-1'")

    same = await import_folder(db, counted)
    await export_folder(db, tmp_path / "out")
    exported = await import_folder(db, tmp_path / "out")

    assert sold.status_code == 201, sold.text
    assert before == await rows(db, "SELECT supply FROM stock_pools WHERE sku = 'CASE-1'") == [(-1,)]
    assert ["CASE-1", "berlin", "0"] in read_folder(tmp_path / "out")["stock"]
    assert [report.files["stock"].unchanged for report in (first, same, exported)] == [1, 1, 3]
