"""Histories as folders in exchange format: reading one, and writing what the format can say."""

import csv
import gzip
import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from tests.attach_loading import is_cancelled
from tests.attach_world import Category, Channel, History, Line, Market, Reduction, Sale, Variant
from tests.exchange_folders import Files

Row = dict[str, str]


def read_history(folder: Path) -> History:
    """All that a folder tells of what was sold; history was recorded when it happened."""
    sold, returned = _grouped(folder, "order_lines"), _grouped(folder, "returns")
    return History(
        tuple(Market(row["code"], row["time_zone"]) for row in _rows(folder, "markets")),
        tuple(Channel(row["code"], row["kind"], row["market"]) for row in _rows(folder, "channels")),
        tuple((row["code"], row["market"]) for row in _rows(folder, "locations") if row["kind"] == "store"),
        tuple(Category(row["code"], row["parent"] or None) for row in _rows(folder, "categories")),
        tuple(map(_variant, _rows(folder, "products"))),
        tuple(
            _sale(row, sold.get(row["order_number"], []), returned.get(row["order_number"], []))
            for row in _rows(folder, "orders")
        ),
        customers=tuple(row["code"] for row in _rows(folder, "customers")),
    )


def _rows(folder: Path, file: str) -> Iterator[Row]:
    plain, packed = folder / f"{file}.csv", folder / f"{file}.csv.gz"
    if plain.exists():
        with plain.open(encoding="utf-8", newline="") as stream:
            yield from csv.DictReader(stream)
    elif packed.exists():
        with gzip.open(packed, "rt", encoding="utf-8", newline="") as stream:
            yield from csv.DictReader(stream)


def _grouped(folder: Path, file: str) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in _rows(folder, file):
        found.setdefault(row["order_number"], []).append(row)
    return found


def _variant(row: Row) -> Variant:
    attributes = json.loads(row["attributes"] or "{}")
    return Variant(row["sku"], row["product"], row["category"], row["brand"] or None, tuple(sorted(attributes.items())))


def _sale(row: Row, sold: list[Row], returned: list[Row]) -> Sale:
    placed_at = datetime.fromisoformat(row["placed_at"])
    sold = sorted(sold, key=lambda line: int(line["line"]))
    numbers = {line["line"]: number for number, line in enumerate(sold, 1)}
    gone = [(one["line"], one["quantity"], datetime.fromisoformat(one["returned_at"]), True) for one in returned]
    if row["status"] == "cancelled":
        gone += [(line["line"], line["quantity"], placed_at, False) for line in sold]
    return Sale(
        at=placed_at,
        recorded_at=placed_at,
        imported=True,
        number=row["order_number"],
        channel=row["channel"],
        store=row["location"] or None,
        customer=row["customer"] or None,
        lines=tuple(Line(line["sku"], int(line["quantity"])) for line in sold),
        reductions=tuple(
            Reduction(at=at, recorded_at=at, imported=True, line=numbers[line], units=int(units), returned=came_back)
            for line, units, at, came_back in gone
        ),
    )


COUNTRIES = ("DE", "US", "AU", "NZ", "NP", "CU", "EG")
"""As many as a history has markets at the most."""


def files_of(history: History) -> Files:
    """The folder of a history. The format knows no merges, preorders, late sales and parts that were cancelled."""
    return {
        "markets": [
            [market.code, "EUR", country, "true", market.zone]
            for market, country in zip(history.markets, COUNTRIES, strict=False)
        ],
        "channels": [[one.code, one.kind, one.market, one.code] for one in history.channels],
        "locations": [
            [code, "store", code, market, "DE", "", "", "", "", ""] for code, market in history.stores
        ],
        "categories": [[one.code, one.parent or "", one.code] for one in history.categories],
        "products": [
            [one.code, one.product, one.code, one.category, one.brand or "", "", "standard",
             json.dumps(dict(one.attributes)) if one.attributes else "", "active"]
            for one in history.variants
        ],
        "recommended_prices": [],
        "customers": [[code, "", "", "", ""] for code in history.customers],
        "stock": [],
        "orders": [
            [sale.number, sale.channel, sale.store or "", sale.customer or "", "EUR", sale.at.isoformat(),
             "cancelled" if is_cancelled(sale) else "completed"]
            for sale in history.sales
        ],
        "order_lines": [
            [sale.number, str(number), line.sku, str(line.units), "10.00", "0.00", "0.00", f"{10 * line.units}.00"]
            for sale in history.sales
            for number, line in enumerate(sale.lines, 1)
        ],
        "returns": [
            [f"R-{sale.number}-{number}", sale.number, str(one.line), str(one.units), sale.channel, sale.store or "",
             one.at.isoformat(), "0.00"]
            for sale in history.sales
            for number, one in enumerate(sale.reductions)
            if one.returned
        ],
    }  # fmt: skip
