"""Phones that were sold with a case or without one, as an import brings them."""

from datetime import UTC, date, datetime, time
from itertools import count
from pathlib import Path

from commerce.exchange.import_folder import import_folder
from commerce.kernel.db import Database
from tests.exchange_folders import write_folder

PHONES, CASES = ["category:phones"], ["category:cases"]
_numbers = count(1)
_LINES = {"PHONE-BLK": "799.00", "CASE-BLK": "29.00"}


async def sell(db: Database, folder: Path, channel: str, day: date, phones: int, cases: int) -> None:
    """Import phones of one day, one to each customer who was never here before; with so many of them a case."""
    people = [f"B-{next(_numbers):05}" for _ in range(phones)]
    at = datetime.combine(day, time(12), UTC).isoformat()
    place = "berlin" if channel == "retail-de" else ""
    files = {
        "customers": [[one, "", "", "", ""] for one in people],
        "orders": [[one, channel, place, one, "EUR", at, "completed"] for one in people],
        "order_lines": [
            [one, str(line), sku, "1", _LINES[sku], "0.00", "0.00", _LINES[sku]]
            for n, one in enumerate(people)
            for line, sku in enumerate(["PHONE-BLK", *(["CASE-BLK"] if n < cases else [])], 1)
        ],
    }
    await import_folder(db, write_folder(folder / people[0], files))
