"""The guard matters: among hundreds of pairs that mean nothing, chance alone makes dozens look as if they did."""

from random import Random

import numpy as np
import pytest

from commerce.kernel.access import Role
from commerce.kernel.db import Database
from orders.reports.discovery.chance import Share, at_least, guarded, holds
from tests.attach_loading import load
from tests.attach_world import Variant
from tests.baskets import Basket, past
from tests.conftest import Api, Callers, Json

SKUS = [f"S{number:02}" for number in range(30)]
VARIANTS = [Variant(sku, f"product-{sku}", "phones") for sku in SKUS]
ORDERS = 1500
ALL: Json = {"level": "sku", "min_support": 1, "min_lift": "0", "sort": "lift", "limit": 200}


@pytest.fixture
async def analyst(callers: Callers) -> Api:
    """Somebody who may look at figures."""
    return await callers(Role.ANALYST)


def independent(seed: int) -> list[Basket]:
    """Orders in which each sku is or is not, whatever else is in them."""
    dice = Random(seed)  # noqa: S311 - nothing here is secret
    often = {sku: dice.uniform(0.05, 0.3) for sku in SKUS}
    wanted = ([sku for sku in SKUS if dice.random() < often[sku]] for _ in range(ORDERS))
    return [Basket(" ".join(skus)) for skus in wanted if skus]


async def every_pair(analyst: Api) -> list[Json]:
    """All rows of all pages."""
    rows: list[Json] = []
    cursor: Json = {}
    while True:
        answer = await analyst.get("/v1/reports/attach-pairs", **ALL, **cursor)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        rows += page["rows"]
        assert page["tests"] == 435
        if page["next_cursor"] is None:
            return rows
        cursor = {"cursor": page["next_cursor"]}


async def test_without_the_guard_chance_is_full_of_discoveries(db: Database, analyst: Api) -> None:
    await load(db, past(independent(1), VARIANTS))

    rows = await every_pair(analyst)

    assert len([row for row in rows if float(row["p"]) <= 0.05]) >= 20
    assert [row for row in rows if row["worth_a_program"]] == []


def test_in_one_of_twenty_worlds_without_any_pair_the_guard_lets_one_through_and_without_it_all_have_some() -> None:
    """What Benjamini and Hochberg promise where there is nothing to find: an answer of nothing, 95 times of 100."""
    without, with_guard = [], []
    for seed in range(100):
        chances = chances_of(independent(seed))
        without.append(int((chances <= 0.05).sum()))
        with_guard.append(int(holds(guarded(chances, len(chances))).sum()))

    assert min(without) >= 5
    assert len([number for number in with_guard if number]) <= 5


def chances_of(baskets: list[Basket]) -> Share:
    """The chance of every pair."""
    held = np.array([[sku in basket.skus for sku in SKUS] for basket in baskets], "i8")
    both, (one, other) = held.T @ held, np.triu_indices(len(SKUS), 1)
    return at_least(both[one, other], both[one, one], both[other, other], np.full(len(one), len(baskets)))


async def test_what_was_planted_is_found_and_nothing_else(db: Database, analyst: Api) -> None:
    baskets = [*independent(1), *[Basket("S03 S17")] * 60]
    await load(db, past(baskets, VARIANTS))

    rows = await every_pair(analyst)

    found = [row for row in rows if row["worth_a_program"]]
    assert {(row["anchor"], row["attach"]) for row in found} == {("S03", "S17"), ("S17", "S03")}
    assert max(float(row["q"]) for row in found) < 1e-6
    assert len([row for row in rows if float(row["p"]) <= 0.05]) >= 20
