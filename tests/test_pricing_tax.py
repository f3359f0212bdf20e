"""Tax rates: seeded when a market opens, dated, always there, and changed only from now on."""

import asyncio

import pytest
from sqlalchemy import text

from commerce.kernel.access import Role
from commerce.kernel.clock import SetClock
from commerce.kernel.db import Database
from commerce.kernel.laws import Law, broken, check_laws
from pricing.laws import (
    LAWS,
    MarketsAlwaysHaveTaxRates,
    RecommendedPricesNeverOverlap,
    TaxRatesNeverOverlap,
    ZeroIsTaxedAtNought,
)
from pricing.tax import seed_tax_rates, tax_rates_in_force
from tests.conftest import NOON, Api, Callers, Json, problem
from tests.shop import no_law_is_broken, rows
from tests.statements import statements

NEXT_YEAR = "2027-01-01T00:00:00Z"
GERMANY = {
    "code": "de",
    "currency": "EUR",
    "countries": ["DE", "AT"],
    "prices_include_tax": True,
    "time_zone": "Europe/Berlin",
}
STATES = {
    "code": "us",
    "currency": "USD",
    "countries": ["US"],
    "prices_include_tax": False,
    "time_zone": "America/New_York",
}


@pytest.fixture
async def operator(callers: Callers) -> Api:
    """Somebody who opened two markets: one whose rates a table knows, one whose rates nobody knows."""
    operator = await callers(Role.OPERATOR)
    for market in (GERMANY, STATES):
        assert (await operator.post("/v1/markets", market)).status_code == 201
    return operator


def rate(rate_bp: int, **more: object) -> Json:
    """A standard rate to set in Germany."""
    return {"market": "de", "tax_class": "standard", "rate_bp": rate_bp, "source": "Tax act", **more}


async def standing(caller: Api, market: str = "de", at: str = "2026-11-02T12:00:00Z") -> dict[str, tuple[int, str]]:
    """The rates in force by class, and where each is written."""
    view = (await caller.get("/v1/tax-rates", market=market, at=at)).json()
    return {row["tax_class"]: (row["rate_bp"], row["source"]) for row in view["rates"]}


async def test_a_market_opens_with_its_rates(operator: Api, db: Database) -> None:
    germany, states = await standing(operator), await standing(operator, "us")

    assert {name: bp for name, (bp, _) in germany.items()} == {"standard": 1900, "reduced": 700, "zero": 0}
    assert all(source.startswith("eu-vat-rates-data 20") and source.endswith(" DE") for _, source in germany.values())
    assert states["standard"] == (0, "assumed: no table knows US; set it with POST /v1/tax-rates")
    assert len(await standing(operator, at="1999-12-31T23:59:59Z")) == 3
    view = (await operator.get("/v1/tax-rates", market="us")).json()
    assert (view["market"], view["prices_include_tax"], view["at"]) == ("us", False, "2026-11-02T12:00:00Z")
    await no_law_is_broken(db, *LAWS)


async def test_a_refused_market_has_no_rates(operator: Api, db: Database) -> None:
    assert problem(await operator.post("/v1/markets", {**GERMANY, "code": "at", "currency": "XXX"})) == (
        400,
        "invalid_input",
    )
    assert await rows(db, "SELECT count(*) FROM tax_rates") == [(6,)]


async def test_seeding_leaves_a_market_alone_that_has_a_rate(operator: Api, db: Database) -> None:
    before = await standing(operator)
    async with db.transaction() as tx:
        await seed_tax_rates(tx, "de", ["FI"])

    assert await standing(operator) == before


async def test_a_rate_changes_at_its_instant(operator: Api, db: Database) -> None:
    scheduled = await operator.post("/v1/tax-rates", rate(2000, valid_from=NEXT_YEAR))
    now = await operator.post("/v1/tax-rates", rate(1600))

    assert (scheduled.status_code, scheduled.json()) == (201, {**rate(2000), "valid_from": NEXT_YEAR, "valid_to": None})
    soon = "2026-11-02T12:00:10Z"
    assert (now.status_code, now.json()["valid_from"], now.json()["valid_to"]) == (201, soon, NEXT_YEAR)
    assert (await standing(operator, at="2026-11-02T12:00:09Z"))["standard"][0] == 1900
    assert (await standing(operator, at=soon))["standard"] == (1600, "Tax act")
    assert (await standing(operator, at=NEXT_YEAR))["standard"][0] == 2000
    assert (await standing(operator))["reduced"][0] == 700
    await no_law_is_broken(db, *LAWS)


async def test_a_rate_that_has_not_begun_is_mended(operator: Api, db: Database) -> None:
    await operator.post("/v1/tax-rates", rate(200, valid_from=NEXT_YEAR))

    mended = await operator.post("/v1/tax-rates", rate(2000, valid_from=NEXT_YEAR))

    assert mended.status_code == 201
    assert await rows(
        db, "SELECT rate_bp FROM tax_rates WHERE tax_class = 'standard' AND market = 'de' ORDER BY 1"
    ) == [
        (1900,),
        (2000,),
    ]
    await no_law_is_broken(db, *LAWS)


REFUSED: list[tuple[Json, tuple[int, str], str]] = [
    ({"valid_from": "2026-11-02T11:59:59Z"}, (422, "rate_in_the_past"), "valid_from"),
    ({"valid_from": "2026-11-02T12:00:09Z"}, (422, "too_soon"), "valid_from"),
    ({"rate_bp": 10_001}, (400, "invalid_input"), "rate_bp"),
    ({"rate_bp": -1}, (400, "invalid_input"), "rate_bp"),
    ({"rate_bp": 19.5}, (400, "invalid_input"), "rate_bp"),
    ({"tax_class": "zero"}, (400, "invalid_input"), "rate_bp"),
    ({"tax_class": "luxury"}, (400, "invalid_input"), "tax_class"),
    ({"market": "fr"}, (422, "unknown_reference"), "market"),
    ({"source": ""}, (400, "invalid_input"), "source"),
    ({"country": "DE"}, (400, "invalid_input"), "country"),
]


async def test_a_rate_that_cannot_be_is_refused_by_field(
    operator: Api, db: Database, subtests: pytest.Subtests
) -> None:
    for change, answer, field in REFUSED:
        with subtests.test(change=change):
            refused = await operator.post("/v1/tax-rates", {**rate(2000), **change})
            assert problem(refused) == answer
            assert refused.json()["errors"][0]["field"] == field

    assert await rows(db, "SELECT count(*) FROM tax_rates") == [(6,)]


async def test_ten_people_change_one_rate_at_once_and_one_succeeds(operator: Api, db: Database) -> None:
    answers = await asyncio.gather(*(operator.post("/v1/tax-rates", rate(2000 + n)) for n in range(10)))

    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 9
    assert {problem(answer)[1] for answer in answers if answer.status_code == 409} == {"rate_overlaps"}
    await no_law_is_broken(db, *LAWS)


async def test_who_may_ask_and_who_may_set(operator: Api, callers: Callers, clock: SetClock) -> None:
    assert problem(await operator.get("/v1/tax-rates", market="fr")) == (422, "unknown_reference")
    for minute, role in enumerate(Role):
        clock.set(NOON.replace(minute=minute))
        caller = await callers(role)
        assert len(await standing(caller)) == 3
        answer = await caller.post("/v1/tax-rates", rate(2000))
        assert answer.status_code == (201 if role in {Role.OPERATOR, Role.ADMIN} else 403)


@pytest.mark.usefixtures("operator")
async def test_other_rooms_ask_in_one_statement(db: Database) -> None:
    with statements(db) as sent:
        async with db.read() as tx:
            rates = await tax_rates_in_force(tx, {"de", "us", "fr"}, NOON)

    assert rates == {
        ("de", "standard"): 1900,
        ("de", "reduced"): 700,
        ("de", "zero"): 0,
        ("us", "standard"): 0,
        ("us", "reduced"): 0,
        ("us", "zero"): 0,
    }
    assert len(sent) == 1


_GOODS = """
    INSERT INTO categories (code, name) VALUES ('phones', 'Phones');
    INSERT INTO products (code, title) VALUES ('phone', 'Phone');
    INSERT INTO variants (sku, product, name, category, tax_class, status)
    VALUES ('PHONE', 'phone', 'Phone', 'phones', 'standard', 'active');
    INSERT INTO recommended_prices VALUES ('PHONE', 'de', '2026-01-01Z', NULL, 79900)
"""
_TWO_PRICES = """
    ALTER TABLE recommended_prices DROP CONSTRAINT ex_recommended_prices_overlap;
    INSERT INTO recommended_prices VALUES ('PHONE', 'de', '2026-03-01Z', '2026-04-01Z', 1)
"""
_TWO_RATES = """
    ALTER TABLE tax_rates DROP CONSTRAINT ex_tax_rates_overlap;
    INSERT INTO tax_rates VALUES ('de', 'reduced', '2026-03-01Z', '2026-04-01Z', 1, 'planted')
"""
_LATE = """
    UPDATE tax_rates SET valid_to = '2026-03-01Z' WHERE market = 'us' AND tax_class = 'reduced';
    INSERT INTO tax_rates VALUES ('us', 'reduced', '2026-03-02Z', NULL, 1, 'planted')
"""


@pytest.mark.parametrize(
    ("law", "planted", "offender"),
    [
        (RecommendedPricesNeverOverlap, _TWO_PRICES, "PHONE de 2026-03-01 00:00:00+00:00"),
        (TaxRatesNeverOverlap, _TWO_RATES, "de reduced 2026-03-01 00:00:00+00:00"),
        (MarketsAlwaysHaveTaxRates, "DELETE FROM tax_rates WHERE market = 'us' AND tax_class = 'zero'", "us zero"),
        (MarketsAlwaysHaveTaxRates, _LATE, "us reduced"),
        (
            MarketsAlwaysHaveTaxRates,
            "UPDATE tax_rates SET valid_to = '2030-01-01Z' WHERE market = 'us' AND tax_class = 'standard'",
            "us standard",
        ),
        (
            ZeroIsTaxedAtNought,
            "UPDATE tax_rates SET rate_bp = 1 WHERE tax_class = 'zero' AND market = 'de'",
            "de 1970-01-01 00:00:00+00:00",
        ),
    ],
)
@pytest.mark.usefixtures("operator")
async def test_a_broken_law_is_seen(db: Database, law: type[Law], planted: str, offender: str) -> None:
    await run(db, _GOODS)
    await no_law_is_broken(db, *LAWS)

    await run(db, planted)

    async with db.snapshot() as tx:
        [finding] = broken(await check_laws(tx, LAWS))
    assert (finding.law, finding.shown) == (law.code(), [offender])


async def run(db: Database, sql: str) -> None:
    """Do what no use-case would."""
    async with db.transaction() as tx:
        for statement in sql.split(";\n"):
            await tx.execute(text(statement))
