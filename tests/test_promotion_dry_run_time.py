"""The dry run: whether a promotion can still begin, and whether anybody is open then."""

from datetime import datetime, timedelta

import pytest

from commerce.kernel.clock import SetClock
from commerce.kernel.db import Database
from pricing.promotions import market
from pricing.promotions.never import never_by_time
from pricing.rules.promotion import Hours
from tests.conftest import Callers, Json, problem
from tests.promoting import Desk, do_sql, open_desk, said
from tests.stories import eur

WEEKEND: Json = {"starts_at": "2026-11-06T23:00:00Z", "ends_at": "2026-11-08T23:00:00Z"}
"""Saturday and Sunday in Berlin."""


@pytest.fixture
async def desk(db: Database, clock: SetClock, callers: Callers) -> Desk:
    """Two merchandisers."""
    return await open_desk(db, clock, callers)


def blamed(seen: Json) -> list[tuple[str, str]]:
    """The clauses because of which it can never apply."""
    return [(flag["clause"], flag["code"]) for flag in seen["flags"] if flag["level"] == "never"]


async def test_whatever_misses_its_start_can_never_apply(desk: Desk, clock: SetClock) -> None:
    """Just as it is refused when it is scheduled. What is in the book by then begins when it says."""
    missed = await desk.approved(starts_at="2026-11-02T12:00:30Z")
    booked = await desk.scheduled(starts_at="2026-11-02T12:00:30Z")
    in_time = await desk.dry_run(missed)
    clock.advance(timedelta(seconds=25))
    seen, known = await desk.dry_run(missed), await desk.dry_run(booked)
    refused = await desk.do(missed, "schedule")

    assert (in_time["can_apply"], in_time["flags"]) == (True, [])
    assert (seen["can_apply"], blamed(seen)) == (False, [("starts_at", "starts_too_soon")])
    assert problem(refused) == (409, "start_missed")
    assert (known["can_apply"], known["flags"]) == (True, [])


@pytest.mark.parametrize("floor", [{}, {"cost": True}])
async def test_it_says_the_same_however_few_skus_are_read_at_a_time(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, floor: Json
) -> None:
    """Thousands are read some at a time, so that others are answered meanwhile."""
    skus = ("CASE-BLK", "CHARGER", "PHONE-BLK", "WATCH")
    body = {
        "market": "de",
        "name": "Everything",
        "reason": "Round",
        "items": [{"sku": sku, "price": eur(2500)} for sku in skus],
    }
    change = said(await desk.ada.post("/v1/price-changes", body), 201)["id"]
    said(await desk.ada.post(f"/v1/price-changes/{change}/submit"))
    drafted = await desk.drafted(floor=floor)

    seen = []
    for at_once in (market.AT_ONCE, 1):
        monkeypatch.setattr(market, "AT_ONCE", at_once)
        seen.append(await desk.dry_run(drafted))

    assert seen[0] == seen[1]
    assert [(one["id"], one["shared_skus"]) for one in seen[0]["changes"]] == [(change, 4)]
    assert all(one["sold"] > 1 for one in seen[0]["reach"])


@pytest.mark.parametrize(
    ("closed_on", "opened_on", "stores", "open_then"),
    [
        ("2026-11-01", None, ["munich"], False),
        ("2026-11-06", None, ["munich"], False),
        ("2026-11-07", None, ["munich"], True),
        (None, "2026-11-08", ["munich"], True),
        (None, "2026-11-09", ["munich"], False),
        ("2026-11-01", None, ["munich", "berlin"], True),
    ],
)
async def test_where_no_store_is_open_while_it_runs_it_can_never_apply(
    desk: Desk, closed_on: str | None, opened_on: str | None, stores: list[str], *, open_then: bool
) -> None:
    """Saturday and Sunday, by the calendar of the market."""
    days = {"opened_on": opened_on, "closed_on": closed_on}
    said = ", ".join(f"{name} = '{day}'" for name, day in days.items() if day is not None)
    await do_sql(desk.db, f"UPDATE locations SET {said} WHERE code = 'munich'")

    seen = await desk.dry_run(await desk.drafted(conditions={"stores": stores}, **WEEKEND))

    assert (seen["can_apply"], blamed(seen)) == (
        open_then,
        [] if open_then else [("conditions.stores", "stores_closed")],
    )


def test_hours_are_those_of_the_market_on_the_day_the_clocks_change() -> None:
    """On 2026-10-25 it is 02:30 twice in Berlin; a night of one hour lasts two."""
    night = [Hours(days=[6], begins=120, until=180)]

    def never(starts_at: str, ends_at: str) -> list[str]:
        start, end = (datetime.fromisoformat(f"2026-10-25T{at}Z") for at in (starts_at, ends_at))
        return [found.code for found in never_by_time(start, end, night, "Europe/Berlin", start)]

    assert never("00:00:00", "00:00:01") == []
    assert never("01:59:59", "02:30:00") == [], "the second time"
    assert never("02:00:00", "03:00:00") == ["hours_never"]
    assert never("23:00:00", "23:59:59") == ["hours_never"]
