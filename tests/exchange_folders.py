"""Folders in exchange format for stories, and how to read one back."""

import csv
import gzip
from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path

from commerce.exchange.files import BY_NAME

Rows = list[list[str]]
Files = Mapping[str, Sequence[Sequence[str]]]

CONTOSO = Path(__file__).parent.parent.parent / "shared" / "data" / "contoso-10k"
"""A real shop's past, where it lies beside the repository."""

SHOP: Files = {
    "markets": [["de", "EUR", "DE AT", "true", "Europe/Berlin"], ["us", "USD", "US", "false", "America/New_York"]],
    "channels": [
        ["web-de", "online", "de", "Web Germany"],
        ["retail-de", "retail", "de", "Stores Germany"],
        ["web-us", "online", "us", "Web United States"],
        ["retail-us", "retail", "us", "Stores United States"],
    ],
    "locations": [
        ["wh-de", "warehouse", "Warehouse Kassel", "de", "DE", "Kassel", "51.3127", "9.4797", "2020-01-01", ""],
        ["berlin", "store", "Store Berlin", "de", "DE", "Berlin", "", "", "2020-01-01", "2026-10-31"],
        ["nyc", "store", "Store New York", "us", "US", "", "40.7", "-74.0060", "", ""],
    ],
    "categories": [["cases", "accessories", "Cases"], ["phones", "", "Phones"], ["accessories", "", "Accessories"]],
    "products": [
        [
            "PHONE-1",
            "phone",
            "Phone One, black",
            "phones",
            "Acme",
            "4006381333931",
            "standard",
            '{"b":1, "a": 2}',
            "active",
        ],
        ["PHONE-2", "phone", "Phone One, white", "phones", "Acme", "", "standard", "", "draft"],
        ["CASE-1", "case", "Case", "cases", "", "", "reduced", "", "active"],
    ],
    "recommended_prices": [
        ["PHONE-1", "de", "799.00", "2026-01-01T00:00:00+01:00", "2026-06-01T00:00:00+02:00"],
        ["PHONE-1", "de", "749.00", "2026-06-01T00:00:00+02:00", ""],
        ["PHONE-1", "us", "749.00", "2026-02-01T00:00:00-05:00", ""],
        ["PHONE-2", "de", "799.00", "2026-01-01T00:00:00+01:00", ""],
        ["CASE-1", "de", "29.00", "2026-01-01T00:00:00+01:00", ""],
    ],
    "customers": [
        ["c2", "Ann@Example.com", "030 1234567", "DE", "2025-01-01T12:00:00Z"],
        ["c1", " ann@example.com", "+1 212 555 2368", "US", ""],
        ["c3", "", "no phone", "", ""],
    ],
    "stock": [["PHONE-1", "wh-de", "10"], ["PHONE-1", "berlin", "0"]],
    "orders": [
        ["A-1", "web-de", "", "c1", "EUR", "2026-03-01T09:00:00+01:00", "completed"],
        ["A-2", "retail-de", "berlin", "", "EUR", "2026-03-02T10:00:00+01:00", "completed"],
        ["A-3", "web-us", "", "c2", "USD", "2026-03-03T11:00:00-05:00", "cancelled"],
    ],
    "order_lines": [
        ["A-1", "1", "PHONE-1", "1", "799.00", "79.90", "114.81", "719.10"],
        ["A-1", "3", "CASE-1", "2", "29.00", "0.00", "9.26", "58.00"],
        ["A-2", "1", "CASE-1", "1", "29.00", "0", "4.63", "29.00"],
        ["A-3", "1", "PHONE-1", "1", "749.00", "0.00", "59.92", "749.00"],
    ],
    "returns": [["R-1", "A-1", "3", "1", "retail-de", "berlin", "2026-03-09T16:30:00+01:00", "29.00"]],
}
"""A shop in which everything is right. Its rows may be changed one by one with `changed`."""


def changed(file: str, *, add: Sequence[Sequence[str]] = (), **cells: Mapping[int, str]) -> Files:
    """The shop with some cells of a file replaced, by column and row (from 0), and with rows added at its end."""
    rows = [list(row) for row in SHOP[file]]
    for column, by_row in cells.items():
        for number, cell in by_row.items():
            rows[number][BY_NAME[file].column_names.index(column)] = cell
    return {**SHOP, file: [*rows, *map(list, add)]}


def write_folder(folder: Path, files: Files) -> Path:
    """Write files of the format with their header rows, as a spreadsheet program would."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in files.items():
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as stream:
            csv.writer(stream).writerows([BY_NAME[name].column_names, *rows])
    return folder


def read_folder(folder: Path) -> dict[str, Rows]:
    """The rows of every file, header and all, in the order of their texts."""
    files = {}
    for path in folder.iterdir():
        if path.name.endswith((".csv", ".csv.gz")):
            content = path.read_bytes()
            text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode()
            files[path.name.partition(".")[0]] = sorted(csv.reader(StringIO(text, newline="")))
    return files
