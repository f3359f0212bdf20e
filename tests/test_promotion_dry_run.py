"""The dry run: what a promotion touches and meets, and that it can never apply, with the clause to blame."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from commerce.kernel.access import Role
from commerce.kernel.clock import SetClock
from commerce.kernel.db import Database
from pricing.write_prices import PriceWrite, write_prices
from tests.conftest import NOON, Callers, Json
from tests.promoting import Desk, do_sql, open_desk
from tests.shop import reprice
from tests.stories import eur

CASES, PHONES, DRAFTS = {"categories": ["cases"]}, {"categories": ["phones"]}, {"skus": ["DRAFT-1"]}
TEN_OFF = {"kind": "percent", "share": 1000}
WEEKEND = {"starts_at": "2026-11-06T23:00:00Z", "ends_at": "2026-11-08T23:00:00Z"}
"""Saturday and Sunday in Berlin."""


@pytest.fixture
async def desk(db: Database, clock: SetClock, callers: Callers) -> Desk:
    """Two merchandisers."""
    return await open_desk(db, clock, callers)


def bundle(price: int, *parts: Json) -> Json:
    """One of each part for a price."""
    return {"kind": "bundle", "price": price, "parts": [{"items": part} for part in parts]}


def on_shipping() -> Json:
    """Nothing to pay for bringing it."""
    return {"kind": "percent", "share": 10000, "on": "shipping"}


def tiers(*steps: Json) -> Json:
    """One of these for each unit more."""
    return {"kind": "tiers", "by": "quantity", "steps": [{"at": n + 1, **step} for n, step in enumerate(steps)]}


NEVER: list[tuple[Json | None, Json, list[tuple[str, str]]]] = [
    (None, {"conditions": {"items": {"brands": ["Brand"], "attributes": [["colour", "pink"]]}}}, [
        ("conditions.items", "no_sku"),
    ]),
    (None, {"conditions": {"items": {**CASES, "but_not": {"products": ["case"]}}}}, [("conditions.items", "no_sku")]),
    (None, {"conditions": {"items": DRAFTS}}, [("conditions.items", "not_sold")]),
    (
        None, {"starts_at": "2026-11-01T00:00:00Z", "ends_at": "2026-11-02T12:00:00Z"},
        [("starts_at", "starts_too_soon"), ("ends_at", "window_over")],
    ),
    (None, {**WEEKEND, "conditions": {"hours": [{"days": [0, 1, 2, 3, 4]}]}}, [("conditions.hours", "hours_never")]),
    (None, {"conditions": {"channels": ["web-de"], "stores": ["berlin"]}}, [
        ("conditions.stores", "no_store_channel"),
    ]),
    (None, {"conditions": {"items": CASES}, "floor": {"minimum": 2900}}, [("floor.minimum", "floor_too_high")]),
    ({"kind": "fixed_price", "price": 2900}, {"conditions": {"items": CASES}}, [("benefit.price", "price_too_high")]),
    (bundle(82800, PHONES, CASES), {}, [("benefit.price", "price_too_high")]),
    (bundle(80000, PHONES, {"skus": ["PHONE-BLK"]}), {}, [("benefit.parts[1].items", "no_sku")]),
    (bundle(80000, PHONES, DRAFTS), {}, [("benefit.parts[1].items", "no_sku")]),
    (bundle(80000, CASES, DRAFTS), {}, [("benefit.parts[1].items", "not_sold")]),
    ({"kind": "buy_get", "buy": 1, "get": 1, "gets": DRAFTS}, {}, [("benefit.gets", "not_sold")]),
    ({"kind": "gift", "sku": "DRAFT-1"}, {}, [("benefit.sku", "not_sold")]),
    ({"kind": "gift", "sku": "CASE-BLK"}, {"conditions": {"items": CASES}}, [("conditions.items", "all_is_got")]),
    ({"kind": "buy_get", "buy": 1, "get": 1, "gets": {"categories": ["accessories"]}}, {"conditions": {"items": CASES}},
     [("conditions.items", "all_is_got")]),
    (None, {"conditions": {"items": CASES, "subtotal": 2_900_000_001}}, [("conditions.subtotal", "out_of_reach")]),
    ({**tiers({"share": 1000}), "by": "subtotal", "steps": [{"at": 2_900_000_001, "share": 1000}]},
     {"conditions": {"items": CASES}}, [("benefit.steps[0].at", "out_of_reach")]),
    (on_shipping(), {"conditions": {"channels": ["retail-de"]}}, [("benefit.on", "nothing_is_shipped")]),
    (on_shipping(), {"conditions": {"stores": ["berlin"]}}, [("benefit.on", "nothing_is_shipped")]),
    (tiers({"price": 2900}, {"price": 3000}), {"conditions": {"items": CASES}}, [
        ("benefit.steps", "price_too_high"),
    ]),
]  # fmt: skip

CAN: list[tuple[Json | None, Json]] = [
    (None, {"conditions": {"items": {"attributes": [["colour", "pink"], ["colour", "black"]]}}}),
    (None, {**WEEKEND, "conditions": {"hours": [{"days": [6], "begins": 1439}]}}),
    (None, {**WEEKEND, "conditions": {"hours": [{"days": [5], "until": 1}]}}),
    (None, {"conditions": {"channels": ["retail-de"], "stores": ["berlin"]}}),
    (None, {"conditions": {"items": CASES}, "floor": {"minimum": 2899}}),
    ({"kind": "fixed_price", "price": 2899}, {"conditions": {"items": CASES}}),
    (bundle(82799, PHONES, CASES), {}),
    (tiers({"price": 2900}, {"price": 2899}), {"conditions": {"items": CASES}}),
    (tiers({"price": 2900}, {"amount": 1}), {"conditions": {"items": CASES}}),
    (on_shipping(), {"conditions": {"channels": ["retail-de", "web-de"]}}),
    ({"kind": "percent", "share": 10000, "on": "shipping"}, {}),
    ({"kind": "gift", "sku": "CASE-BLK"}, {"conditions": {"items": PHONES}}),
    (None, {"conditions": {"items": CASES, "subtotal": 2_900_000_000}}),
    (tiers({"share": 1000}, {"share": 1000}, {"price": 100}, {"price": 99}), {"conditions": {"items": CASES}}),
]


async def test_what_can_never_apply_is_flagged_with_the_clause_to_blame(desk: Desk, subtests: pytest.Subtests) -> None:
    for benefit, more, expected in NEVER:
        with subtests.test(str(expected), body=str(more)):
            seen = await desk.dry_run(await desk.drafted(benefit, **more))
            flags = [(flag["clause"], flag["code"]) for flag in seen["flags"] if flag["level"] == "never"]
            assert (flags, seen["can_apply"]) == (expected, False)
            assert all(flag["reason"] for flag in seen["flags"])


async def test_what_just_can_apply_is_not(desk: Desk, subtests: pytest.Subtests) -> None:
    for benefit, more in CAN:
        with subtests.test(str(benefit), body=str(more)):
            seen = await desk.dry_run(await desk.drafted(benefit, **more))
            assert (seen["can_apply"], seen["flags"]) == (True, [])


@pytest.mark.parametrize(
    ("benefit", "items", "clause"),
    [
        (TEN_OFF, CASES, "conditions.items"),
        ({**TEN_OFF, "on": "order"}, CASES, "conditions.items"),
        ({"kind": "gift", "sku": "CASE-BLK"}, PHONES, "benefit.sku"),
        ({"kind": "buy_get", "buy": 1, "get": 1, "gets": CASES}, PHONES, "benefit.gets"),
        (tiers({"share": 1000}), CASES, "conditions.items"),
    ],
)
async def test_what_costs_nothing_is_never_reduced(desk: Desk, benefit: Json, items: Json, clause: str) -> None:
    """Where one of the skus costs something, it can be."""
    about = await desk.drafted(benefit, conditions={"items": items})
    before = await desk.dry_run(about)
    await reprice(desk.db, "CASE-BLK", 0)

    seen = await desk.dry_run(about)

    assert (before["can_apply"], before["flags"]) == (True, [])
    assert [(one["level"], one["clause"], one["code"]) for one in seen["flags"]] == [("never", clause, "costs_nothing")]


async def test_what_no_channel_sells_together_can_never_apply(desk: Desk) -> None:
    """The watch is sold in stores alone, the charger in the web alone: nobody has both in one basket."""
    await do_sql(
        desk.db,
        "DELETE FROM listings WHERE sku = 'WATCH' AND channel = 'web-de'",
        "DELETE FROM listings WHERE sku = 'CHARGER' AND channel = 'retail-de'",
    )
    charger, watch = {"skus": ["CHARGER"]}, {"skus": ["WATCH"]}
    benefits: list[tuple[Json, Json, str]] = [
        ({"kind": "gift", "sku": "WATCH"}, charger, "benefit.sku"),
        ({"kind": "buy_get", "buy": 1, "get": 1, "gets": watch}, charger, "benefit.gets"),
        (bundle(1000, charger, watch), {}, "benefit.parts[1].items"),
    ]
    for benefit, items, clause in benefits:
        apart = await desk.dry_run(await desk.drafted(benefit, conditions={"items": items}))
        together = await desk.dry_run(await desk.drafted(benefit_of(benefit, "CASE-BLK"), conditions={"items": items}))

        assert apart["can_apply"] is False
        told = {flag["clause"]: (flag["code"], flag["reason"][:10]) for flag in apart["flags"]}
        assert told[clause] == ("not_sold", "In web-de:")
        assert ("not_sold", "In retail-") in told.values()
        assert (together["can_apply"], together["flags"]) == (True, [])


def benefit_of(benefit: Json, sku: str) -> Json:
    """The same with something that is sold everywhere instead of the watch."""
    return dict(json.loads(json.dumps(benefit).replace("WATCH", sku)))


async def test_a_floor_at_cost_is_laid_beside_the_prices(desk: Desk) -> None:
    """What is never dearer than it costs us is never reduced; of what nobody knows the cost, nobody knows the floor."""
    about: Json = {"conditions": {"items": {"skus": ["CASE-BLK", "CHARGER"]}}, "floor": {"cost": True}}
    unknown = await desk.dry_run(await desk.drafted(**about))
    seen = []
    for cost in (2437, 2436):  # 29.01 and 28.99 with tax, beside 29.00
        body = {
            "market": "de",
            "costs": [{"sku": "CASE-BLK", "cost": eur(cost)}, {"sku": "CHARGER", "cost": eur(9900)}],
        }
        assert (await desk.ada.send("PUT", "/v1/costs", body)).status_code == 200
        seen.append(await desk.dry_run(await desk.drafted(**about)))

    assert [(flag["level"], flag["clause"], flag["code"]) for flag in unknown["flags"]] == [
        ("warning", "floor.cost", "cost_unknown")
    ]
    assert unknown["flags"][0]["reason"] == "What 2 skus cost us is not known: CASE-BLK, CHARGER."
    assert [(flag["level"], flag["clause"], flag["code"]) for flag in seen[0]["flags"]] == [
        ("never", "floor.cost", "floor_too_high")
    ]
    assert (seen[1]["can_apply"], seen[1]["flags"]) == (True, [])


async def test_it_says_what_is_touched_where_and_what_it_then_costs(desk: Desk) -> None:
    await do_sql(desk.db, "UPDATE listings SET visible_to = '2026-11-02T12:00:10Z' WHERE sku = 'CHARGER'")
    await do_sql(desk.db, "DELETE FROM listings WHERE sku = 'WATCH' AND channel = 'web-de'")
    promotion_id = await desk.drafted(
        conditions={"items": {"categories": ["accessories"]}}, floor={"minimum": 2700}, name="Accessories"
    )
    seen = await desk.dry_run(promotion_id)

    assert (seen["starts_at"], seen["ends_at"]) == ("2026-11-02T12:00:10Z", None), "as soon as it can"
    assert seen["reach"] == [
        {"channel": "retail-de", "matching": 3, "sold": 2},
        {"channel": "web-de", "matching": 3, "sold": 1},
    ]
    assert seen["examples"] == [
        {"channel": "retail-de", "sku": "CASE-BLK", "before": 2900, "after": 2700},
        {"channel": "retail-de", "sku": "WATCH", "before": 24900, "after": 22410},
        {"channel": "web-de", "sku": "CASE-BLK", "before": 2900, "after": 2700},
    ]
    assert (seen["rivals"], seen["prices"]) == ([], [])


async def test_a_channel_counts_at_its_own_price(desk: Desk) -> None:
    write = PriceWrite("CASE-BLK", "retail-de", NOON, None, 2000)
    async with desk.db.transaction() as tx:
        await write_prices(tx, "de", [write], None, NOON)
    half = {"kind": "fixed_price", "price": 1500}
    seen = await desk.dry_run(await desk.drafted(half, conditions={"items": CASES}))

    assert [(one["channel"], one["before"], one["after"]) for one in seen["examples"]] == [
        ("retail-de", 2000, 1500),
        ("web-de", 2900, 1500),
    ]


@pytest.mark.parametrize(
    ("benefit", "after"),
    [
        ({"kind": "percent", "share": 333}, 2803),
        ({"kind": "amount", "amount": 5000}, 0),
        ({"kind": "fixed_price", "price": 1}, 1),
        ({"kind": "percent", "share": 5000, "on": "cheapest"}, 1450),
        ({"kind": "buy_get", "buy": 1, "get": 1}, None),
    ],
)
async def test_an_example_is_given_where_a_single_unit_has_a_price(
    desk: Desk, benefit: Json, after: int | None
) -> None:
    where = {"items": CASES, "channels": ["web-de"]}
    seen = await desk.dry_run(await desk.drafted(benefit, conditions=where))
    of_two = await desk.dry_run(await desk.drafted(benefit, conditions={**where, "quantity": 2}))

    assert [one["after"] for one in seen["examples"]] == ([] if after is None else [after])
    assert of_two["examples"] == []


async def test_examples_are_the_engines_with_whatever_else_runs(desk: Desk) -> None:
    """In its own lane the best one wins, in a later one it takes from what is left; a code is taken as shown."""
    await desk.scheduled({"kind": "percent", "share": 1000}, conditions={"items": CASES})
    where = {"items": CASES, "channels": ["web-de"]}
    worse = await desk.dry_run(await desk.drafted({"kind": "percent", "share": 500}, conditions=where))
    later = await desk.dry_run(await desk.drafted({"kind": "percent", "share": 5000}, lane=2, conditions=where))
    coded = await desk.dry_run(
        await desk.drafted(
            {"kind": "percent", "share": 2000}, conditions={**where, "groups": ["staff"]}, codes=["WELCOME"]
        )
    )
    assert [(flag["level"], flag["clause"], flag["code"]) for flag in coded["flags"]] == [
        ("warning", "conditions.groups", "group_empty")
    ]
    assert "staff" in coded["flags"][0]["reason"], "and nobody is in it yet"
    running = await desk.live({"kind": "percent", "share": 4000}, conditions=where)
    again = await desk.dry_run(running)

    assert worse["examples"] == []
    assert [(one["before"], one["after"]) for one in later["examples"]] == [(2610, 1305)]
    assert [(one["before"], one["after"]) for one in coded["examples"]] == [(2610, 2320)]
    assert [(one["before"], one["after"]) for one in again["examples"]] == [(2610, 1740)], "it is not its own rival"


async def test_price_changes_that_may_come_and_tills_that_are_behind_are_named(desk: Desk, callers: Callers) -> None:
    till = await callers(Role.TERMINAL, channel="retail-de", location="berlin")
    body = {
        "market": "de",
        "name": "Cases",
        "reason": "Round",
        "items": [{"sku": sku, "price": eur(2500)} for sku in ("CASE-BLK", "CHARGER", "PHONE-BLK")],
    }
    changes = [
        (await desk.ada.post("/v1/price-changes", {**body, **more})).json()["id"]
        for more in ({}, {"starts_at": "2026-11-09T00:00:00Z"}, {})
    ]
    for change_id in changes[:2]:
        await desk.ada.post(f"/v1/price-changes/{change_id}/submit")
    about = {"items": {"categories": ["accessories"]}}
    seen = await desk.dry_run(await desk.drafted(conditions=about, ends_at="2026-11-08T00:00:00Z"))
    book = (await till.get("/v1/price-books/de")).json()
    held = await till.post("/v1/price-books/de/held", {"number": book["number"], "sha256": book["sha256"]})
    ready = await desk.dry_run(await desk.drafted(conditions=about))

    assert [(one["id"], one["state"], one["shared_skus"]) for one in seen["changes"]] == [(changes[0], "submitted", 2)]
    assert [(one["location"], one["number"]) for one in seen["terminals_behind"]] == [("berlin", None)]
    assert held.status_code == 200
    assert [one["id"] for one in ready["changes"]] == changes[:2]
    assert ready["terminals_behind"] == []


async def test_it_says_whom_it_meets_and_which_prices_change_meanwhile(desk: Desk) -> None:
    window: dict[str, Any] = {"starts_at": "2026-11-04T00:00:00Z", "ends_at": "2026-11-06T00:00:00Z"}
    rival = await desk.scheduled(conditions={"items": {"skus": ["CASE-BLK", "WATCH"]}}, name="Rival", **window)
    await desk.scheduled(conditions={"items": PHONES}, **window)
    await desk.scheduled(lane=1, **window)
    await desk.scheduled(starts_at=window["ends_at"])
    await desk.drafted(**window)
    begins = [datetime.fromisoformat(f"2026-11-0{day}T00:00:00Z") for day in (4, 5, 6)]
    writes = [PriceWrite("CASE-BLK", None, at, at + timedelta(hours=1), 2000 + n) for n, at in enumerate(begins)]
    async with desk.db.transaction() as tx:
        await write_prices(tx, "de", writes, "pch_1", NOON)
    seen = await desk.dry_run(await desk.drafted(conditions={"items": {"categories": ["accessories"]}}, **window))

    assert [(one["id"], one["state"], one["shared_skus"]) for one in seen["rivals"]] == [(rival, "scheduled", 2)]
    assert [(one["sku"], one["channel"], one["begins"], one["amount"]) for one in seen["prices"]] == [
        ("CASE-BLK", None, "2026-11-04T01:00:00Z", 2900),
        ("CASE-BLK", None, "2026-11-05T00:00:00Z", 2001),
        ("CASE-BLK", None, "2026-11-05T01:00:00Z", 2900),
    ]


async def test_a_step_that_gives_less_than_the_one_before_is_a_warning(desk: Desk) -> None:
    fall = tiers({"share": 5000}, {"share": 100}, {"price": 100}, {"price": 101})
    seen = await desk.dry_run(await desk.drafted(fall, conditions={"items": CASES}))

    assert (seen["can_apply"], [(flag["level"], flag["clause"], flag["code"]) for flag in seen["flags"]]) == (
        True,
        [("warning", "benefit.steps[1]", "step_gives_less"), ("warning", "benefit.steps[3]", "step_gives_less")],
    )


async def test_what_might_surprise_is_a_warning(desk: Desk) -> None:
    unlimited = await desk.approved(conditions={"unique_codes": True})
    seen = await desk.dry_run(unlimited)
    await desk.codes(unlimited, 1)

    assert [(flag["level"], flag["code"]) for flag in seen["flags"]] == [("warning", "no_codes_yet")]
    assert seen["can_apply"] is True
    assert (await desk.dry_run(unlimited))["flags"] == []
