"""A market's pricing policy, and what units cost us."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta

import msgspec
import pytest

from commerce.kernel.access import Role
from commerce.kernel.clock import SetClock
from commerce.kernel.db import Database, Session
from pricing.policies import change_policy, policy_of, set_policy
from pricing.schemas import PolicyBody, PolicyView
from tests.conftest import Api, Callers, Json, problem
from tests.people import somebody_waits
from tests.shop import open_shop, rows

USUAL = {
    "market": "de",
    "parity": "equal",
    "band_bp": None,
    "tax_rounding": "line",
    "prior_window_days": 30,
    "prior_announced_days": 90,
    "prior_progressive": False,
    "prior_new_arrivals": "shorter",
    "horizon_days": 92,
    "readiness_minutes": 15,
    "set_by": None,
    "set_at": None,
}
PATH = "/v1/pricing-policies/de"


@pytest.fixture
async def operator(db: Database, callers: Callers) -> Api:
    """Somebody who sets policies, in the fixed shop."""
    await open_shop(db)
    return await callers(Role.OPERATOR)


@pytest.fixture
async def merchandiser(operator: Api, callers: Callers) -> Api:
    """Somebody who knows what things cost."""
    del operator
    return await callers(Role.MERCHANDISER)


async def test_a_market_has_the_usual_policy_until_somebody_sets_another(operator: Api, db: Database) -> None:
    before = await operator.get(PATH)
    wanted = {"parity": "band", "band_bp": 250, "tax_rounding": "order", "prior_new_arrivals": "none"}
    put = await operator.send("PUT", PATH, wanted)
    after = await operator.get(PATH)

    [(set_by,)] = await rows(db, "SELECT family FROM api_keys WHERE role = 'operator'")
    assert before.json() == USUAL
    assert put.json() == after.json() == {**USUAL, **wanted, "set_by": set_by, "set_at": "2026-11-02T12:00:00Z"}
    assert (await operator.send("PUT", PATH, {})).json()["parity"] == "equal", "it is set whole"
    assert (await operator.get("/v1/pricing-policies/us")).json() == {**USUAL, "market": "us"}


NO_POLICY: list[tuple[str, Json, tuple[int, str], str]] = [
    (PATH, {"parity": "band"}, (400, "invalid_input"), "band_bp"),
    (PATH, {"parity": "floor", "band_bp": 1}, (400, "invalid_input"), "band_bp"),
    (PATH, {"parity": "band", "band_bp": 10_001}, (400, "invalid_input"), "band_bp"),
    (PATH, {"parity": "loose"}, (400, "invalid_input"), "parity"),
    (PATH, {"tax_rounding": "up"}, (400, "invalid_input"), "tax_rounding"),
    (PATH, {"prior_window_days": 0}, (400, "invalid_input"), "prior_window_days"),
    (PATH, {"horizon_days": 401}, (400, "invalid_input"), "horizon_days"),
    (PATH, {"readiness_minutes": True}, (400, "invalid_input"), "readiness_minutes"),
    (PATH, {"colour": "red"}, (400, "invalid_input"), "colour"),
    ("/v1/pricing-policies/fr", {}, (422, "unknown_reference"), "market"),
]


async def test_a_policy_that_cannot_be_is_refused_by_field(operator: Api, subtests: pytest.Subtests) -> None:
    for path, wanted, answer, field in NO_POLICY:
        with subtests.test(wanted=wanted):
            refused = await operator.send("PUT", path, wanted)
            assert (problem(refused), refused.json()["errors"][0]["field"]) == (answer, field)

    assert (await operator.get(PATH)).json() == USUAL


@pytest.mark.usefixtures("operator")
async def test_who_may_look_at_a_policy_and_who_may_set_it(callers: Callers) -> None:
    for role in Role:
        caller = await callers(role, channel="web-de")
        looked, put = await caller.get(PATH), await caller.send("PUT", PATH, {})
        assert looked.status_code == (403 if role in {Role.STOREFRONT, Role.TERMINAL} else 200)
        assert put.status_code == (200 if role in {Role.OPERATOR, Role.ADMIN} else 403)


def costs(*amounts: tuple[str, int], **more: str) -> Json:
    """What units cost us in Germany."""
    told = [{"sku": sku, "cost": {"amount": amount, "currency": "EUR"}} for sku, amount in amounts]
    return {"market": "de", "costs": told, **more}


async def change_as_it_was(
    tx: Session, market: str, said: Mapping[str, object], set_by: str, now: datetime
) -> PolicyView:
    """Read what the rest of it is, then wait for who changes it: whoever waits undoes what the other did."""
    found = await policy_of(tx, market)
    whole = {name: getattr(found, name) for name in PolicyBody.__struct_fields__}
    return await set_policy(tx, market, msgspec.convert({**whole, **said}, PolicyBody), set_by, now)


@pytest.mark.parametrize(("change", "kept"), [(change_policy, [("order", 45)]), (change_as_it_was, [("line", 45)])])
async def test_two_who_change_different_things_at_once_undo_nothing(
    operator: Api, db: Database, change: Callable[..., Awaitable[PolicyView]], kept: list[object]
) -> None:
    """The second begins before the first has committed. The careless one shows that there is something to lose."""
    del operator

    async def second() -> None:
        async with db.transaction() as tx:
            await change(tx, "de", {"prior_window_days": 45}, "bea", db.clock.now())

    async with db.transaction() as tx:
        await change(tx, "de", {"tax_rounding": "order"}, "ada", db.clock.now())
        waiting = asyncio.ensure_future(second())
        await somebody_waits(db)
    await waiting

    assert await rows(db, "SELECT tax_rounding, prior_window_days FROM pricing_policies") == kept


async def test_costs_hold_until_the_next_ones_begin(merchandiser: Api, clock: SetClock) -> None:
    first = await merchandiser.send("PUT", "/v1/costs", costs(("WATCH", 15000), ("CASE-BLK", 400)))
    await merchandiser.send("PUT", "/v1/costs", costs(("WATCH", 14000), valid_from="2026-11-03T00:00:00Z"))
    await merchandiser.send("PUT", "/v1/costs", costs(("WATCH", 14500), valid_from="2026-11-03T00:00:00Z"))

    assert first.json() == {
        "market": "de",
        "at": "2026-11-02T12:00:10Z",
        "costs": [
            {"sku": "WATCH", "cost": {"amount": 15000, "currency": "EUR"}, "valid_from": "2026-11-02T12:00:10Z"},
            {"sku": "CASE-BLK", "cost": {"amount": 400, "currency": "EUR"}, "valid_from": "2026-11-02T12:00:10Z"},
        ],
    }
    asked: Json = {"market": "de", "sku": ["GHOST", "WATCH"]}
    seen = []
    clock.advance(timedelta(seconds=10))
    for _ in range(2):
        answer = await merchandiser.get("/v1/costs", **asked)
        seen.append([row["cost"] and row["cost"]["amount"] for row in answer.json()["costs"]])
        clock.advance(timedelta(hours=12))
    assert seen == [[None, 15000], [None, 14500]]
    before = await merchandiser.get("/v1/costs", **asked, at="2026-11-02T12:00:09Z")
    assert [row["cost"] for row in before.json()["costs"]] == [None, None]


NO_COSTS: list[tuple[Json, tuple[int, str], str]] = [
    (costs(("WATCH", 1), ("GHOST", 1)), (422, "unknown_reference"), "costs[1].sku"),
    (costs(("WATCH", 1), ("WATCH", 2)), (400, "invalid_input"), "costs[1].sku"),
    (costs(("WATCH", -1)), (400, "invalid_input"), "costs[0].cost.amount"),
    (costs(), (400, "invalid_input"), "costs"),
    ({**costs(("WATCH", 1)), "market": "fr"}, (422, "unknown_reference"), "market"),
    ({**costs(("WATCH", 1)), "market": "us"}, (422, "mixed_currency"), "costs[0].cost.currency"),
    (costs(("WATCH", 1), valid_from="2026-11-02T11:59:59Z"), (422, "price_in_the_past"), "valid_from"),
    (costs(("WATCH", 1), valid_from="2026-11-02T12:00:09.999Z"), (422, "too_soon"), "valid_from"),
    (costs(("WATCH", 1), valid_from="2026-11-03"), (400, "invalid_input"), "valid_from"),
]


async def test_costs_that_cannot_be_are_refused_by_field(
    merchandiser: Api, db: Database, subtests: pytest.Subtests
) -> None:
    for wanted, answer, field in NO_COSTS:
        with subtests.test(wanted=wanted):
            refused = await merchandiser.send("PUT", "/v1/costs", wanted)
            assert (problem(refused), refused.json()["errors"][0]["field"]) == (answer, field)

    assert await rows(db, "SELECT * FROM unit_costs") == []


@pytest.mark.usefixtures("operator")
async def test_costs_are_nobodys_business_but_the_offices(callers: Callers) -> None:
    for role in Role:
        caller = await callers(role, channel="web-de")
        asked = await caller.get("/v1/costs", market="de", sku="WATCH")
        told = await caller.send("PUT", "/v1/costs", costs(("WATCH", 1)))
        assert asked.status_code == (403 if role in {Role.STOREFRONT, Role.TERMINAL} else 200)
        assert told.status_code == (200 if role is Role.MERCHANDISER else 403)
