"""The parity report: wherever a channel charges something else than what is recommended, and by whose leave."""

import base64
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from commerce.kernel.access import Role
from commerce.kernel.db import Database
from pricing.write_prices import PriceWrite, write_prices
from tests.conftest import NOON, Api, Callers, Json, problem
from tests.shop import open_shop, reprice

SATURDAY, MONDAY = datetime(2026, 11, 7, tzinfo=UTC), datetime(2026, 11, 9, tzinfo=UTC)
_EXCEPTION = text("""
    INSERT INTO parity_exceptions (id, channel, sku, reason, approved_by, approved_at, expires_at)
    VALUES ('pex_1', 'web-de', 'WATCH', 'The fair in Berlin', 'key_boss', '2026-11-01Z', '2026-11-09Z')
""")


@pytest.fixture
async def analyst(db: Database, callers: Callers) -> Api:
    """Somebody who reads the report, in a shop in which four prices of channels differ."""
    await open_shop(db)
    async with db.transaction() as tx:
        await tx.execute(_EXCEPTION)
        excepted = PriceWrite("WATCH", "web-de", SATURDAY, MONDAY, 19900, "pex_1")
        await write_prices(tx, "de", [excepted], "chg_fair", NOON)
    await reprice(db, "CASE-BLK", 2900, channel="web-de")
    await reprice(db, "CASE-BLK", 2800, channel="retail-de")
    await reprice(db, "CHARGER", 4000, channel="retail-de")
    await reprice(db, "PHONE-BLK", 70000, market="us", channel="web-us")
    return await callers(Role.ANALYST)


def brief(row: Json) -> tuple[str, str, int, int, str]:
    """A deviation in short."""
    return (
        row["sku"],
        row["channel"],
        row["recommended"]["amount"],
        row["channel_price"]["amount"],
        row["standing"],
    )


async def report(caller: Api, at: str) -> list[tuple[str, str, int, int, str]]:
    """The German deviations in short."""
    answer = await caller.get("/v1/parity-report", market="de", at=at)
    return [brief(row) for row in answer.json()["items"]]


async def test_every_deviation_is_reported_with_what_allows_it(analyst: Api) -> None:
    answer = (await analyst.get("/v1/parity-report", market="de")).json()

    assert [brief(row) for row in answer["items"]] == [
        ("CASE-BLK", "retail-de", 2900, 2800, "broken"),
        ("CHARGER", "retail-de", 3900, 4000, "broken"),
        ("WATCH", "web-de", 24900, 19900, "exception"),
    ]
    assert answer["next_cursor"] is None
    assert answer["items"][2] == {
        "sku": "WATCH",
        "channel": "web-de",
        "valid_from": "2026-11-07T00:00:00Z",
        "valid_to": "2026-11-09T00:00:00Z",
        "recommended": {"amount": 24900, "currency": "EUR"},
        "channel_price": {"amount": 19900, "currency": "EUR"},
        "standing": "exception",
        "exception": {
            "id": "pex_1",
            "reason": "The fair in Berlin",
            "approved_by": "key_boss",
            "expires_at": "2026-11-09T00:00:00Z",
        },
        "change_id": "chg_fair",
    }


async def test_what_is_over_is_not_in_it(analyst: Api) -> None:
    assert [row[0] for row in await report(analyst, at="2026-11-09T00:00:00Z")] == ["CASE-BLK", "CHARGER"]
    assert [row[0] for row in await report(analyst, at="2026-11-08T23:59:59Z")] == ["CASE-BLK", "CHARGER", "WATCH"]


@pytest.mark.parametrize(
    ("policy", "standings"),
    [
        ({"parity": "equal"}, ["broken", "broken", "exception"]),
        ({"parity": "floor"}, ["broken", "policy", "exception"]),
        ({"parity": "band", "band_bp": 300}, ["broken", "policy", "exception"]),
        ({"parity": "band", "band_bp": 3000}, ["policy", "policy", "policy"]),
    ],
)
async def test_the_policy_says_what_is_allowed(
    analyst: Api, callers: Callers, policy: Json, standings: list[str]
) -> None:
    """100 cents of 29.00 are 3.45 %, of 39.00 they are 2.56 %; 50.00 of 249.00 are 20.08 %."""
    changed = await (await callers(Role.OPERATOR)).send("PUT", "/v1/pricing-policies/de", policy)

    assert changed.status_code == 200
    assert [row[4] for row in await report(analyst, at="2026-11-02T12:00:00Z")] == standings


async def test_a_recommended_price_that_moves_shows_in_stretches(analyst: Api, db: Database) -> None:
    await reprice(db, "CHARGER", 4000, at=SATURDAY)
    await reprice(db, "CHARGER", 4100, at=MONDAY)

    items = (await analyst.get("/v1/parity-report", market="de")).json()["items"]

    chargers = [(row["recommended"]["amount"], row["valid_from"], row["valid_to"]) for row in items[1:-1]]
    assert chargers == [
        (3900, "2026-11-02T12:00:00Z", "2026-11-07T00:00:00Z"),
        (4100, "2026-11-09T00:00:00Z", None),
    ]


async def test_the_report_is_read_page_by_page(analyst: Api, db: Database) -> None:
    await reprice(db, "CHARGER", 4100, at=MONDAY)
    whole = (await analyst.get("/v1/parity-report", market="de")).json()["items"]
    seen, cursor = [], None
    for _ in range(4):
        more: Json = {"cursor": cursor} if cursor else {}
        page = (await analyst.get("/v1/parity-report", market="de", limit=1, **more)).json()
        seen += page["items"]
        cursor = page["next_cursor"]

    assert len(whole) == 4
    assert (seen, cursor) == (whole, None)


async def test_who_may_read_it_and_of_what(analyst: Api, callers: Callers) -> None:
    assert problem(await analyst.get("/v1/parity-report", market="fr")) == (422, "unknown_reference")
    assert problem(await analyst.get("/v1/parity-report")) == (400, "invalid_input")
    assert problem(await analyst.get("/v1/parity-report", market="de", cursor="zz")) == (400, "invalid_input")
    forged = base64.urlsafe_b64encode(b'["A", "B", "yesterday"]').decode()
    assert problem(await analyst.get("/v1/parity-report", market="de", cursor=forged)) == (400, "invalid_input")
    for role in (Role.STOREFRONT, Role.TERMINAL):
        caller = await callers(role, channel="web-de")
        assert problem(await caller.get("/v1/parity-report", market="de")) == (403, "wrong_role")
