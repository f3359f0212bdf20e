"""The words that go out with a figure are those of the figure: another question is another definition."""

import csv
import io
from datetime import timedelta

import pytest

from commerce.kernel.access import Role
from commerce.kernel.clock import SetClock
from commerce.kernel.db import Database
from tests.attach_shop import IDA, JON, PHONES_TO_CASES, RATE, buy, sell
from tests.conftest import Api, Callers, Json
from tests.shop import put_stock
from tests.stories import open_lawful_shop

EVENTS: Json = {**PHONES_TO_CASES, "basis": "events", "window_days": 30}
DAYS = "whose day is no more than window_days calendar days after the anchor's"


@pytest.fixture
async def analyst(db: Database, web: Api, till: Api, callers: Callers, clock: SetClock) -> Api:
    """An analyst of a shop that sold two phones online, one with a case; for the other, one came in the store."""
    await open_lawful_shop(db)
    for sku in ("PHONE-BLK", "CASE-BLK"):
        for place in ("wh-de", "berlin"):
            await put_stock(db, sku, place, 50)
    await buy(web, ("PHONE-BLK", 1), ("CASE-BLK", 1), buyer=IDA)
    await buy(web, ("PHONE-BLK", 1), buyer=JON)
    clock.advance(timedelta(days=1))
    await sell(till, ("CASE-BLK", 1), buyer=JON)
    return await callers(Role.ANALYST)


@pytest.mark.parametrize(
    ("more", "counted", "words"),
    [
        ({}, 2, f"in the same order, or in a later order {DAYS}"),
        ({"attach_channel_kind": "all"}, 1, f"in a later order in any channel, {DAYS}"),
        ({"attach_channel_kind": "retail"}, 1, f"in a later order in a channel of the kind retail, {DAYS}"),
        ({"attach_channel": "web-de"}, 0, f"in a later order in the channel web-de, {DAYS}"),
        ({"attach_channel": "retail-de", "attach_channel_kind": "retail"}, 1,
         f"in a later order in the channel retail-de, {DAYS}"),
    ],
)  # fmt: skip
async def test_where_only_later_orders_count_the_numerator_says_so(
    analyst: Api, more: Json, counted: int, words: str
) -> None:
    rate = (await analyst.get(RATE, **EVENTS, **more)).json()
    chart = (await analyst.get(f"{RATE}/chart", **EVENTS, **more)).text

    assert rate["total"]["numerator"] == counted
    assert rate["definition"]["numerator"] == (
        f"events that were followed: their customer has at least one net attach unit {words}"
    )
    assert ("followed by a later order within 30 days" in chart) == bool(more)
    assert any("not the anchor's own" in rule for rule in rate["definition"]["rules"]) == bool(more)


async def test_units_say_of_which_orders_they_are(analyst: Api) -> None:
    """A definition speaks for itself: of no other basis and of nothing that was not said."""
    told = (await analyst.get(RATE, **PHONES_TO_CASES, basis="units")).json()

    definition, total = told["definition"], told["total"]
    assert (total["numerator"], total["denominator"]) == (1, 2)
    assert definition["denominator"] == "net anchor units, of all orders that hold one"
    assert definition["numerator"] == "net attach units in those orders; may exceed 100 %"


@pytest.mark.parametrize(
    ("by", "narrowed", "there"),
    [
        ("kind", "the kind of channels in `channel`", "in a channel of the kind in `attach_channel`"),
        ("channel", "the channel in `channel`", "in the channel in `attach_channel`"),
    ],
)
async def test_a_matrix_says_what_its_cells_are(analyst: Api, by: str, narrowed: str, there: str) -> None:
    asked: Json = {**EVENTS, "by": by}

    definition = (await analyst.get(f"{RATE}/matrix", **asked)).json()["definition"]
    table = (await analyst.get(f"{RATE}/matrix", **asked, format="csv")).text

    assert definition["denominator"] == (
        "orders of known customers with at least one net anchor unit, each one an event; each cell's narrowed to "
        f"{narrowed}"
    )
    assert definition["numerator"] == (
        f"events that were followed: their customer has at least one net attach unit in a later order {there}, {DAYS}; "
        "where `attach_channel` is `same_order`, those with at least one net attach unit in the anchor's own order"
    )
    [stamp] = {row["definition"] for row in csv.DictReader(io.StringIO(table))}
    assert stamp == (
        f"matrix by {by}; basis events; anchor category:phones; attach category:cases; window 30 days; all time; "
        "preorders at placing"
    )
