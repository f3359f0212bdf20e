"""Recommended prices: asked for many at once, by an interval that has its beginning and not its end."""

from datetime import UTC, datetime, timedelta

import pytest

from commerce.kernel.access import Role
from commerce.kernel.clock import SetClock
from commerce.kernel.db import Database
from tests.conftest import Api, Callers, Json, problem
from tests.shop import open_shop, reprice
from tests.statements import statements

EUR = "EUR"
TOMORROW = "2026-11-03T00:00:00Z"
MIDNIGHT = datetime(2026, 11, 3, tzinfo=UTC)


@pytest.fixture
async def merchandiser(db: Database, callers: Callers) -> Api:
    """Somebody who asks, in the fixed shop: PHONE-BLK costs 799.00 in Germany since January."""
    await open_shop(db)
    return await callers(Role.MERCHANDISER)


async def test_many_skus_are_asked_in_one_statement(merchandiser: Api, db: Database, clock: SetClock) -> None:
    await reprice(db, "PHONE-BLK", 69900, at=MIDNIGHT)
    asked = ["WATCH", "PHONE-BLK", "GHOST", "WATCH", *(f"SKU-{n}" for n in range(496))]

    await merchandiser.get("/v1/recommended-prices", market="de", sku="WATCH")  # The key is looked up once.

    with statements(db) as sent:
        answer = await merchandiser.get("/v1/recommended-prices", market="de", sku=asked)

    assert answer.status_code == 200
    assert len(sent) == 1
    view = answer.json()
    assert (view["market"], view["currency"], view["at"]) == ("de", EUR, "2026-11-02T12:00:00Z")
    assert [row["sku"] for row in view["prices"]] == list(dict.fromkeys(asked))
    assert view["prices"][:3] == [
        {
            "sku": "WATCH",
            "price": {"amount": 24900, "currency": EUR},
            "valid_from": "2026-01-01T00:00:00Z",
            "valid_to": None,
        },
        {
            "sku": "PHONE-BLK",
            "price": {"amount": 79900, "currency": EUR},
            "valid_from": "2026-01-01T00:00:00Z",
            "valid_to": TOMORROW,
        },
        {"sku": "GHOST", "price": None, "valid_from": None, "valid_to": None},
    ]
    clock.advance(timedelta(hours=12))
    later = await merchandiser.get("/v1/recommended-prices", market="de", sku="PHONE-BLK")
    assert later.json()["prices"][0]["price"]["amount"] == 69900


AROUND_MIDNIGHT: list[tuple[str, int | None]] = [
    ("2025-12-31T23:59:59.999999Z", None),
    ("2026-01-01T00:00:00Z", 79900),
    ("2026-01-01T00:30:00+01:00", None),
    ("2026-11-02T23:59:59.999999Z", 79900),
    ("2026-11-03T00:00:00Z", 69900),
    ("2026-11-03T01:00:00+01:00", 69900),
]


async def test_an_interval_has_its_beginning_and_not_its_end(
    merchandiser: Api, db: Database, subtests: pytest.Subtests
) -> None:
    await reprice(db, "PHONE-BLK", 69900, at=MIDNIGHT)

    for at, amount in AROUND_MIDNIGHT:
        with subtests.test(at):
            answer = await merchandiser.get("/v1/recommended-prices", market="de", sku="PHONE-BLK", at=at)
            [price] = answer.json()["prices"]
            assert price["price"] == (None if amount is None else {"amount": amount, "currency": EUR})


UNANSWERABLE: list[tuple[Json, tuple[int, str]]] = [
    ({"market": "fr", "sku": "WATCH"}, (422, "unknown_reference")),
    ({"market": "de"}, (400, "invalid_input")),
    ({"sku": "WATCH"}, (400, "invalid_input")),
    ({"market": "de", "sku": "WATCH", "at": "yesterday"}, (400, "invalid_input")),
    ({"market": "de", "sku": "WATCH", "at": "2026-11-02T12:00:00"}, (400, "invalid_input")),
    ({"market": "de", "sku": "WATCH", "at": "0001-01-01T00:00:00+23:59"}, (400, "invalid_input")),
    ({"market": "de", "sku": [f"S{n}" for n in range(501)]}, (400, "invalid_input")),
    ({"market": "de", "sku": ["WATCH", ""]}, (400, "invalid_input")),
    ({"market": "de", "sku": "A\x00B"}, (400, "invalid_input")),
]


async def test_a_question_that_cannot_be_answered_is_refused(merchandiser: Api, subtests: pytest.Subtests) -> None:
    for wanted, answer in UNANSWERABLE:
        with subtests.test(wanted=wanted):
            assert problem(await merchandiser.get("/v1/recommended-prices", **wanted)) == answer


@pytest.mark.usefixtures("merchandiser")
async def test_everybody_may_ask(callers: Callers) -> None:
    for role in Role:
        caller = await callers(role)
        asked = await caller.get("/v1/recommended-prices", market="us", sku="WATCH")
        assert asked.json()["prices"][0]["price"] == {"amount": 22900, "currency": "USD"}
