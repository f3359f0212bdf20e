"""Phones that were sold with a case or without one, as an import brings them, and the program that looks at them."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from commerce.exchange.import_folder import import_folder
from commerce.kernel.clock import SetClock
from commerce.kernel.db import Database, Session
from orders.reports.programs.tasks import evaluate_attach_programs
from tests.conftest import NOON, Api, Json
from tests.exchange_folders import write_folder

PHONES, CASES = ["category:phones"], ["category:cases"]
PLACE, ALERTS = "/v1/reports/attach-programs", "/v1/reports/attach-alerts"
LAST = date(2026, 10, 25)
"""The last day whose week was over at the end of 1 November, which is over everywhere at the story's noon."""
A_WHILE = timedelta(hours=1)
FIRST = date(2026, 10, 12)
FORTY_UP: Json = {"target_bp": 4500, "low_bp": 4000, "high_bp": None}
_numbers = count(1)
_LINES = {"PHONE-BLK": "799.00", "CASE-BLK": "29.00"}


async def sell(
    db: Database,
    folder: Path,
    channel: str,
    day: date,
    *,
    phones: int,
    cases: int,
    meanwhile: Callable[[], Awaitable[None]] | None = None,
) -> None:
    """Import phones of one day, one to each customer who was never here before; with so many of them a case.

    That was done an hour ago, so that all of it is settled; `meanwhile` is done when that is not over yet.
    """
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
    clock = db.clock
    assert isinstance(clock, SetClock)
    clock.advance(-A_WHILE)

    async def before_it_is_over(_: Session) -> None:
        if meanwhile is not None:
            clock.advance(A_WHILE)
            await meanwhile()
            clock.advance(-A_WHILE)

    await import_folder(db, write_folder(folder / people[0], files), finish=before_it_is_over)
    clock.advance(A_WHILE)


def program(code: str = "phones-cases", **more: object) -> Json:
    """Phones and cases, within a week, judged by two weeks."""
    body: Json = {
        "code": code,
        "name": "Phones and cases",
        "owner": "accessories team",
        "anchor": PHONES,
        "attach": CASES,
        "basis": "customers",
        "window_days": 7,
        "period_days": 14,
    }
    return {**body, **more}


def changed(body: Json, version: int, **more: object) -> Json:
    """The body of a change: all of it, after the version that was read."""
    return {**{name: said for name, said in body.items() if name != "code"}, **more, "version": version}


async def write(caller: Api, **more: Any) -> None:  # noqa: ANN401 - fields are of any kind
    """Write the program that is looked after."""
    answer = await caller.post(PLACE, program(**more))
    assert answer.status_code == 201, answer.text


async def look(db: Database, clock: SetClock, *, at: datetime | None = None) -> None:
    """Let the worker do what is due."""
    if at is not None:
        clock.set(at)
    await evaluate_attach_programs(db, clock.now())


async def alerts(caller: Api, **asked: Any) -> list[Json]:  # noqa: ANN401 - query parameters are of any kind
    """The alerts, the newest first."""
    return list((await caller.get(ALERTS, **asked)).json()["items"])


async def days(db: Database, clock: SetClock, folder: Path, cases: Sequence[int], start: int = 0) -> None:
    """A hundred phones a day with so many cases, and a look at each day by itself."""
    for day, with_case in enumerate(cases, start):
        await sell(db, folder, "web-de", LAST + timedelta(days=day), phones=100, cases=with_case)
        await look(db, clock, at=NOON + timedelta(days=day))
