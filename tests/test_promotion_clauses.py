"""A malformed promotion is refused clause by clause: each that makes no sense by its name, with why, all at once."""

import msgspec
import pytest

from commerce.kernel.access import Role
from commerce.kernel.bodies import Quantity
from commerce.kernel.clock import SetClock
from commerce.kernel.db import Database
from orders.schemas import Lines
from pricing.promotions.rules import ORDER_UNITS_MAX
from tests.conftest import Callers, Json, problem
from tests.promoting import Desk, faults, open_desk, promotion, said

ALL: Json = {}
CASES, PHONES = {"categories": ["cases"]}, {"categories": ["phones"]}
PERCENT = {"kind": "percent", "share": 1000}


def on(where: str, **more: object) -> Json:
    """Ten percent off something else than lines."""
    return {**PERCENT, "on": where, **more}


def bundle(*parts: Json, price: int = 80000) -> Json:
    """One of each for a price together."""
    return {"kind": "bundle", "price": price, "parts": [{"items": part} for part in parts]}


def tiers(*steps: Json) -> Json:
    """Steps by quantity."""
    return {"kind": "tiers", "by": "quantity", "steps": list(steps)}


def given(**conditions: object) -> Json:
    """Ten percent off, on conditions."""
    return promotion(conditions=conditions)


MALFORMED: list[tuple[Json, Json]] = [
    (
        promotion(starts_at="2026-11-03T00:00:00Z", ends_at="2026-11-03T01:00:00+01:00"),
        {"ends_at": "It ends before it starts."},
    ),
    (
        given(channels=["web-de", "web-us", "web-fr", "web-de"]),
        {
            "conditions.channels[3]": "'web-de' is named twice.",
            "conditions.channels[1]": "'web-us' sells in 'us', not in 'de'.",
            "conditions.channels[2]": "There is no channel 'web-fr'.",
        },
    ),
    (
        given(stores=["berlin", "nyc", "wh-de", "rome"]),
        {
            "conditions.stores[1]": "'nyc' is in 'us', not in 'de'.",
            "conditions.stores[2]": "'wh-de' is a warehouse; nothing is sold there.",
            "conditions.stores[3]": "There is no location 'rome'.",
        },
    ),
    (
        given(groups=["staff", " ", "a\nb"]),
        {
            "conditions.groups[1]": "No customer can be in a group that is called ' '.",
            "conditions.groups[2]": "No customer can be in a group that is called 'a\\nb'.",
        },
    ),
    (given(groups=["staff", "staff"]), {"conditions.groups[1]": "'staff' is named twice."}),
    (
        given(
            items={"skus": ["CASE-BLK", "GHOST"], "products": ["fax"], "categories": ["tvs"], "brands": ["Brand", "X"]}
        ),
        {
            "conditions.items.skus[1]": "There is no sku 'GHOST'.",
            "conditions.items.products[0]": "There is no product 'fax'.",
            "conditions.items.categories[0]": "There is no category 'tvs'.",
            "conditions.items.brands[1]": "There is no brand 'X'.",
        },
    ),
    (
        given(items={"attributes": [["colour", "black"], ["colour", "black"]]}),
        {"conditions.items.attributes[1]": "('colour', 'black') is named twice."},
    ),
    (
        given(items={"but_not": {"skus": ["GHOST"]}}),
        {"conditions.items.but_not.skus[0]": "There is no sku 'GHOST'."},
    ),
    (
        given(items={"but_not": {}}),
        {"conditions.items.but_not": "It says nothing, so everything would be left out."},
    ),
    (
        given(code_hashes=["abc"]),
        {"conditions.code_hashes": "Write the codes themselves, in `codes`; their hashes are made of them."},
    ),
    (
        given(hours=[{"days": [0, 4, 0]}, {"days": [5], "begins": 1200, "until": 1200}]),
        {
            "conditions.hours[0].days[2]": "0 is named twice.",
            "conditions.hours[1].until": "It is over before it begins; a window never spans midnight, write two.",
        },
    ),
    (
        promotion(on("lines", units=2)),
        {"benefit.units": "How many units is said for `cheapest` only, not for 'lines'."},
    ),
    (promotion({"kind": "amount", "amount": 0}), {"benefit.amount": "It takes nothing off."}),
    (
        promotion(on("shipping"), conditions={"items": CASES}, floor={"minimum": 100, "cost": True}),
        {
            "conditions.items": "Shipping is none of them; say with `quantity` or `subtotal` how much "
            "of them must be there.",
            "floor.minimum": "A floor is for units; shipping has none.",
            "floor.cost": "A floor is for units; nobody knows what shipping costs us.",
        },
    ),
    (
        promotion({"kind": "fixed_price", "price": 100}, cap=5),
        {"cap": "With a cap the price would not be what was promised."},
    ),
    (
        promotion(tiers({"at": 2, "share": 1000}, {"at": 3, "price": 100}), cap=5),
        {"cap": "With a cap the price would not be what was promised."},
    ),
    (promotion(bundle(PHONES, CASES), cap=5), {"cap": "With a cap the price would not be what was promised."}),
    (
        promotion({"kind": "buy_get", "buy": 1, "get": 1, "gets": {"skus": ["GHOST"]}}),
        {"benefit.gets.skus[0]": "There is no sku 'GHOST'."},
    ),
    (
        promotion(bundle(PHONES, {"skus": ["GHOST"]}, PHONES)),
        {
            "benefit.parts[1].items.skus[0]": "There is no sku 'GHOST'.",
            "benefit.parts[2].items": "An earlier part takes just this; say there how many.",
        },
    ),
    (
        promotion(bundle(ALL, CASES)),
        {"benefit.parts[1].items": "Nothing is left for it: benefit.parts[0] takes everything."},
    ),
    (promotion(bundle(CASES)), {"benefit.parts": "One unit is no bundle; a fixed price says the same."}),
    (
        promotion(bundle(PHONES, CASES), conditions={"items": PHONES}),
        {
            "conditions.items": "A bundle says itself what belongs to it; say with `quantity` or `subtotal` how much "
            "of them must be there."
        },
    ),
    (
        promotion(tiers({"at": ORDER_UNITS_MAX, "share": 1000}, {"at": ORDER_UNITS_MAX + 1, "share": 2000})),
        {"benefit.steps[1].at": "No order has more than 1000000 units; an amount goes by `subtotal`."},
    ),
    (
        promotion(
            tiers({"at": 2, "share": 1000}, {"at": 2, "amount": 0}, {"at": 5}, {"at": 9, "share": 1, "price": 5})
        ),
        {
            "benefit.steps[1].amount": "It takes nothing off.",
            "benefit.steps[1].at": "It is not further than the step before, which is at 2.",
            "benefit.steps[2]": "A step says one of share, amount and price; this one says none of them.",
            "benefit.steps[3]": "A step says one of share, amount and price; this one says share and price.",
        },
    ),
    (promotion({"kind": "gift", "sku": "GHOST"}), {"benefit.sku": "There is no sku 'GHOST'."}),
    (
        promotion({"kind": "gift", "sku": "UNPRICED"}),
        {"benefit.sku": "'UNPRICED' is not sold in this market: it has no price there."},
    ),
    (
        promotion(limits={"per_code": 2}),
        {"limits.per_code": "Uses are counted code by code only for unique codes."},
    ),
    (
        promotion(limits={"total": 5, "per_person": 6}),
        {"limits.per_person": "It is more than there are in total (5)."},
    ),
    (
        promotion(codes=["ok1", "a", "OK 1", "-no", "ümlaut"], conditions={"unique_codes": True}),
        {
            "codes": "With unique codes nobody may type a shared one.",
            "codes[1]": "A code has 3 to 40 letters, digits and hyphens, and no hyphen first.",
            "codes[3]": "A code has 3 to 40 letters, digits and hyphens, and no hyphen first.",
            "codes[4]": "A code has 3 to 40 letters, digits and hyphens, and no hyphen first.",
            "codes[2]": "'OK1' is named twice; upper and lower case are the same.",
        },
    ),
]

UNREADABLE: list[tuple[Json, str]] = [
    (promotion({"kind": "percent", "share": 10001}), "benefit.share"),
    (promotion({"kind": "percent", "share": 0}), "benefit.share"),
    (promotion({"kind": "magic"}), "benefit.kind"),
    (promotion({"kind": "percent", "share": 10, "colour": "red"}), "benefit.colour"),
    (promotion({"kind": "percent", "share": 10, "on": "heads"}), "benefit.on"),
    (promotion({"kind": "percent", "share": 10.0}), "benefit.share"),
    (promotion(tiers()), "benefit.steps"),
    (promotion(lane=10), "lane"),
    (promotion(name="  "), "name"),
    (promotion(cap=0), "cap"),
    (promotion(limits={"total": 0}), "limits.total"),
    (given(hours=[{"days": [7]}]), "conditions.hours[0].days[0]"),
    (given(hours=[{"days": []}]), "conditions.hours[0].days"),
    (given(hours=[{"days": [1], "until": 1441}]), "conditions.hours[0].until"),
    (given(subtotal=-1), "conditions.subtotal"),
    (promotion(starts_at="2026-11-03T00:00:00"), "starts_at"),
    (given(groups=["a\0b"]), "conditions.groups[0]"),
    (given(channels=["web-de", "\0"]), "conditions.channels[1]"),
    (given(items={"skus": ["a\0b"]}), "conditions.items.skus[0]"),
    (given(items={"attributes": [["colour", "\0"]]}), "conditions.items.attributes[0][1]"),
]

GOOD: list[Json] = [
    given(channels=["web-de", "retail-de"], stores=["berlin", "munich"], groups=["staff"], first_purchase=True),
    given(items={"skus": ["CASE-BLK"], "but_not": {"attributes": [["colour", "white"]]}}, quantity=2, subtotal=5000),
    given(hours=[{"days": [0, 1, 2, 3, 4], "begins": 1020, "until": 1440}]),
    promotion(on("cheapest", units=2), cap=1000, floor={"minimum": 100, "cost": True}),
    promotion(on("order"), exclusive=True, priority=7, lane=9),
    promotion(on("shipping"), conditions={"items": PHONES, "quantity": 1}),
    promotion({"kind": "fixed_price", "price": 0, "on": "shipping"}),
    promotion(bundle(PHONES, CASES)),
    promotion({"kind": "bundle", "price": 5000, "parts": [{"items": CASES, "quantity": 2}], "times": 3}),
    promotion({"kind": "buy_get", "buy": 2, "get": 1, "times": 2}),
    promotion({"kind": "buy_get", "buy": 1, "get": 1, "share": 5000, "gets": CASES}, conditions={"items": PHONES}),
    promotion(tiers({"at": 2, "share": 500}, {"at": 5, "price": 2000}, {"at": 9, "amount": 9000})),
    promotion({"kind": "gift", "sku": "CASE-BLK"}, conditions={"items": PHONES}),
    promotion(conditions={"unique_codes": True}, limits={"per_code": 3, "total": 9, "per_person": 3}),
]


@pytest.fixture
async def desk(db: Database, clock: SetClock, callers: Callers) -> Desk:
    """Two merchandisers, in a shop that has a sku without a price."""
    opened = await open_desk(db, clock, callers)
    await opened.unpriced("UNPRICED")
    return opened


async def test_every_clause_that_makes_no_sense_is_named_with_why(desk: Desk, subtests: pytest.Subtests) -> None:
    for body, expected in MALFORMED:
        with subtests.test(str(expected)):
            answer = await desk.ada.post("/v1/promotions", body)
            found = faults(answer)
            assert (found, list(found)) == (expected, list(expected)), "in the order in which they are written"
            assert answer.json()["errors"] == [{"field": at, "reason": why} for at, why in expected.items()]


async def test_what_cannot_even_be_read_is_named_too(desk: Desk, subtests: pytest.Subtests) -> None:
    for body, field in UNREADABLE:
        with subtests.test(field):
            answer = await desk.ada.post("/v1/promotions", body)
            assert problem(answer) == (400, "invalid_input"), answer.text
            assert answer.json()["errors"][0]["field"] == field


async def test_what_makes_sense_is_taken_and_shown_as_it_was_written(desk: Desk, subtests: pytest.Subtests) -> None:
    for body in GOOD:
        with subtests.test(str(body)):
            shown = said(await desk.ada.post("/v1/promotions", body), 201)
            assert shown["benefit"] == body["benefit"]
            assert shown["conditions"] == body.get("conditions", {})


async def test_the_market_must_be_there(desk: Desk) -> None:
    answer = await desk.ada.post("/v1/promotions", promotion(market="fr"))

    assert problem(answer) == (422, "unknown_reference")
    assert answer.json()["errors"][0]["field"] == "market"


async def test_what_is_gone_since_is_told_when_it_is_submitted_and_when_it_is_scheduled(desk: Desk) -> None:
    gift = {"kind": "gift", "sku": "CASE-BLK"}
    drafted, approved = await desk.drafted(gift), await desk.approved(gift)
    await desk.unprice("CASE-BLK")

    gone = {"benefit.sku": "'CASE-BLK' is not sold in this market: it has no price there."}
    assert faults(await desk.do(drafted, "submit")) == gone
    assert faults(await desk.do(approved, "schedule")) == gone
    assert await desk.state(drafted) == "draft"
    assert await desk.state(approved) == "approved"


def test_an_order_may_have_so_many_units() -> None:
    """Pricing does not know orders; this is where both are seen."""
    [lines], _ = msgspec.json.schema_components([Lines])
    [quantity], _ = msgspec.json.schema_components([Quantity])

    assert lines["maxItems"] * quantity["maximum"] == ORDER_UNITS_MAX


async def test_only_merchandisers_write(callers: Callers) -> None:
    for role in (Role.ANALYST, Role.OPERATOR):
        assert problem(await (await callers(role)).post("/v1/promotions", promotion())) == (403, "wrong_role")
