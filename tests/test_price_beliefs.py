"""What a channel charged at an instant, and what was believed of it at another: history is bitemporal."""

from datetime import UTC, datetime, timedelta

import pytest

from commerce.kernel.access import Role
from commerce.kernel.clock import SetClock
from commerce.kernel.db import Database
from pricing.take_back import take_back
from pricing.write_prices import PriceWrite, write_prices
from tests.conftest import NOON, Api, Callers, Json, problem
from tests.shop import open_shop, put_stock, reprice
from tests.statements import statements

JANUARY = "2026-01-01T00:00:00Z"
SATURDAY, MONDAY = datetime(2026, 11, 7, tzinfo=UTC), datetime(2026, 11, 9, tzinfo=UTC)


@pytest.fixture
async def analyst(db: Database, callers: Callers) -> Api:
    """Somebody who asks, in the fixed shop: WATCH costs 249.00 in Germany since January."""
    await open_shop(db)
    return await callers(Role.ANALYST)


def eur(amount: int) -> Json:
    """An amount in the German market."""
    return {"amount": amount, "currency": "EUR"}


def z(instant: datetime) -> str:
    """An instant as it is written on the wire."""
    return instant.isoformat().replace("+00:00", "Z")


async def charged(caller: Api, at: datetime, believed_at: datetime | None = None) -> tuple[int | None, str | None]:
    """What the web shop charges for a watch, and which price counts."""
    asked: Json = {"believed_at": z(believed_at)} if believed_at else {}
    answer = await caller.get("/v1/prices", channel="web-de", sku="WATCH", at=z(at), **asked)
    assert answer.status_code == 200, answer.text
    [price] = answer.json()["prices"]
    return price["charge"] and price["charge"]["amount"], price["counted"]


async def test_a_channel_charges_its_own_price_or_else_the_recommended_one(analyst: Api, db: Database) -> None:
    async with db.transaction() as tx:
        wanted = PriceWrite("WATCH", "web-de", SATURDAY, MONDAY, 22900)
        await write_prices(tx, "de", [wanted], "chg_fair", db.clock.now())

    with statements(db) as sent:
        answer = await analyst.get("/v1/prices", channel="web-de", sku=["WATCH", "GHOST", "WATCH"], at=z(SATURDAY))

    assert len([one for one in sent if "api_keys" not in one]) == 3
    assert answer.json() == {
        "channel": "web-de",
        "market": "de",
        "currency": "EUR",
        "at": z(SATURDAY),
        "believed_at": None,
        "prices": [
            {
                "sku": "WATCH",
                "charge": eur(22900),
                "counted": "channel",
                "recommended": eur(24900),
                "channel_price": eur(22900),
                "valid_from": z(SATURDAY),
                "valid_to": z(MONDAY),
                "change_id": "chg_fair",
                "exception_id": None,
            },
            dict.fromkeys(answer.json()["prices"][1]) | {"sku": "GHOST"},
        ],
    }
    assert await charged(analyst, NOON) == (24900, "recommended")
    assert await charged(analyst, MONDAY) == (24900, "recommended")
    store = await analyst.get("/v1/prices", channel="retail-de", sku="WATCH", at=z(SATURDAY))
    assert store.json()["prices"][0]["charge"] == eur(24900)


async def test_the_history_of_what_was_charged_follows_both_prices(analyst: Api, db: Database) -> None:
    sunday = SATURDAY + timedelta(days=1)
    await reprice(db, "WATCH", 22900, at=SATURDAY, channel="web-de")
    await reprice(db, "WATCH", 23900, at=sunday)
    await reprice(db, "WATCH", None, at=MONDAY)

    answer = await analyst.get("/v1/prices/history", channel="web-de", sku="WATCH")

    assert [
        (row["charge"]["amount"], row["recommended"]["amount"], row["counted"], row["valid_from"], row["valid_to"])
        for row in answer.json()["prices"]
    ] == [
        (24900, 24900, "recommended", JANUARY, z(SATURDAY)),
        (22900, 24900, "channel", z(SATURDAY), z(sunday)),
        (22900, 23900, "channel", z(sunday), z(MONDAY)),
    ]
    assert await charged(analyst, MONDAY) == (None, None), "what has no recommended price is not sold"


async def test_what_was_believed_is_told_as_it_was_believed(analyst: Api, db: Database, clock: SetClock) -> None:
    """Planned on Monday, planned otherwise on Tuesday, taken back on Wednesday."""
    async with db.transaction() as tx:
        await write_prices(tx, "de", [PriceWrite("WATCH", None, SATURDAY, None, 19900)], "chg_1", clock.now())
    tuesday = clock.advance(timedelta(days=1))
    async with db.transaction() as tx:
        await write_prices(tx, "de", [PriceWrite("WATCH", None, MONDAY, None, 17900)], "chg_2", clock.now())
    wednesday = clock.advance(timedelta(days=1))
    async with db.transaction() as tx:
        await take_back(tx, "de", "chg_1", clock.now())

    before = NOON - timedelta(microseconds=1)
    assert [await charged(analyst, SATURDAY, seen) for seen in (before, NOON, tuesday, wednesday)] == [
        (24900, "recommended"),
        (19900, "recommended"),
        (19900, "recommended"),
        (24900, "recommended"),
    ]
    assert [(await charged(analyst, MONDAY, seen))[0] for seen in (before, NOON, tuesday, wednesday, None)] == [
        24900,
        19900,
        17900,
        17900,
        17900,
    ]
    assert await charged(analyst, SATURDAY) == (24900, "recommended")


async def test_every_belief_is_shown_with_its_time(analyst: Api, db: Database, clock: SetClock) -> None:
    await reprice(db, "WATCH", 19900, at=SATURDAY)
    path = "/v1/recommended-prices/history"
    asked: Json = {"market": "de", "sku": "WATCH"}

    now = (await analyst.get(path, **asked)).json()["prices"]
    ever = (await analyst.get(path, **asked, superseded="true")).json()["prices"]
    then = (await analyst.get(path, **asked, believed_at="2026-11-01T00:00:00Z")).json()["prices"]
    both = await analyst.get(path, **asked, superseded="true", believed_at=z(clock.now()))

    assert [(row["price"]["amount"], row["recorded_at"], row["superseded_at"]) for row in ever] == [
        (24900, None, z(NOON)),
        (24900, z(NOON), None),
        (19900, z(NOON), None),
    ]
    assert now == ever[1:]
    assert [(row["price"]["amount"], row["valid_to"]) for row in then] == [(24900, None)]
    assert (problem(both), both.json()["errors"][0]["field"]) == ((400, "invalid_input"), "believed_at")


async def test_a_shelf_shows_what_its_channel_charges(callers: Callers, analyst: Api, db: Database) -> None:
    del analyst
    await put_stock(db, "WATCH", "wh-de", 1)
    await reprice(db, "WATCH", 22900, channel="web-de")
    web, till = await callers(Role.STOREFRONT, channel="web-de"), await callers(Role.TERMINAL, channel="retail-de")

    for caller, channel, amount in ((web, "web-de", 22900), (till, "retail-de", 24900)):
        shelf = await caller.get("/v1/products/watch", channel=channel)
        assert shelf.json()["variants"][0]["price"] == eur(amount)


UNANSWERABLE: list[tuple[str, Json, tuple[int, str]]] = [
    ("/v1/prices", {"channel": "fr", "sku": "WATCH"}, (422, "unknown_reference")),
    ("/v1/prices", {"channel": "web-de"}, (400, "invalid_input")),
    ("/v1/prices", {"sku": "WATCH"}, (400, "invalid_input")),
    ("/v1/prices", {"channel": "web-de", "sku": "WATCH", "at": "2026-11-02T12:00:00"}, (400, "invalid_input")),
    ("/v1/prices", {"channel": "web-de", "sku": "WATCH", "believed_at": "2026-11-02T12:00"}, (400, "invalid_input")),
    ("/v1/prices", {"channel": "web-de", "sku": [f"S{n}" for n in range(501)]}, (400, "invalid_input")),
    ("/v1/prices/history", {"channel": "fr", "sku": "WATCH"}, (422, "unknown_reference")),
    ("/v1/recommended-prices/history", {"market": "fr", "sku": "WATCH"}, (422, "unknown_reference")),
]


async def test_a_question_that_cannot_be_answered_is_refused(analyst: Api, subtests: pytest.Subtests) -> None:
    for path, wanted, answer in UNANSWERABLE:
        with subtests.test(path=path, wanted=wanted):
            assert problem(await analyst.get(path, **wanted)) == answer


@pytest.mark.usefixtures("analyst")
async def test_what_was_believed_is_for_the_office(callers: Callers) -> None:
    asked: Json = {"channel": "web-de", "sku": "WATCH"}
    for role in Role:
        caller = await callers(role, channel="web-de")
        office = role not in {Role.STOREFRONT, Role.TERMINAL}
        assert (await caller.get("/v1/prices", **asked)).status_code == 200
        believed = await caller.get("/v1/prices", **asked, believed_at=z(NOON))
        assert believed.status_code == (200 if office else 403)
        assert (await caller.get("/v1/prices/history", **asked)).status_code == (200 if office else 403)
