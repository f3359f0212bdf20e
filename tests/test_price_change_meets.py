"""A dry run tells of the promotions that a change meets, and of the tills that do not hold the current book."""

import json
from datetime import timedelta

from commerce.kernel.access import Role
from tests.conftest import NOON, Callers, Json
from tests.price_changes import Desk, at, desk, item
from tests.stories import eur, plant

__all__ = ["desk"]

DAY = timedelta(days=1)


def promotion(name: str, conditions: Json, benefit: Json, *, state: str = "scheduled", days: tuple[int, int]) -> str:
    """A promotion by hand, that runs from one day to another."""
    says: Json = {"lane": 1, "priority": 0, "exclusive": False, "cap": None, "floor": {}}
    definition = json.dumps({**says, "conditions": conditions, "benefit": benefit})
    starts, ends = (at(NOON + day * DAY) for day in days)
    return (
        "INSERT INTO promotions (id, market, name, state, starts_at, ends_at, definition, version, on_cancel,"
        " on_return, created_by, created_at)"
        f" VALUES ('prm_{name}', 'de', '{name}', '{state}', '{starts}', '{ends}', '{definition}', 1, 'give_back',"
        f" 'keep', 'ada', '{at(NOON)}')"
    ).replace(":", "\\:")


PERCENT: Json = {"kind": "percent", "share": 1000}
ACCESSORIES: Json = {"items": {"categories": ["accessories"]}}


async def test_promotions_that_run_meanwhile_and_may_land_on_it_are_named(desk: Desk) -> None:
    await plant(
        desk.db,
        promotion("tree", ACCESSORIES, PERCENT, days=(0, 9)),
        promotion("web", {"channels": ["web-de"], **ACCESSORIES}, PERCENT, state="live", days=(-1, 9)),
        promotion("black", {"items": {"attributes": [["colour", "black"]]}}, PERCENT, days=(1, 2)),
        promotion("gift", {"items": {"skus": ["PHONE-WHT"]}}, {"kind": "gift", "sku": "WATCH"}, days=(1, 2)),
        promotion("over", ACCESSORIES, PERCENT, state="live", days=(-9, 0)),
        promotion("later", ACCESSORIES, PERCENT, days=(5, 9)),
        promotion("draft", ACCESSORIES, PERCENT, state="draft", days=(0, 9)),
    )
    change_id = await desk.draft(item("CASE-BLK", 2500), item("WATCH", 22900), ends_at=at(NOON + 4 * DAY))
    seen = await desk.tried(change_id)

    assert [one["id"] for one in seen["promotions"]] == ["prm_web", "prm_tree", "prm_black", "prm_gift"]
    assert [(one["sku"], one["channel"], one["promotions"]) for one in seen["effects"]] == [
        ("CASE-BLK", "retail-de", ["prm_tree", "prm_black"]),
        ("CASE-BLK", "web-de", ["prm_web", "prm_tree", "prm_black"]),
        ("WATCH", "retail-de", ["prm_tree", "prm_gift"]),
        ("WATCH", "web-de", ["prm_web", "prm_tree", "prm_gift"]),
    ]


async def test_a_dry_run_says_what_is_paid_and_announced_with_the_promotions_that_run(desk: Desk) -> None:
    """The engine says it, promotions and all: ten percent off since yesterday is the lowest price of the month."""
    await plant(desk.db, promotion("live", ACCESSORIES, PERCENT, state="live", days=(-1, 2)))
    change_id = await desk.draft(item("WATCH", 19900), item("PHONE-BLK", 74900), starts_at=at(NOON + 3 * DAY))
    now = await desk.draft(item("WATCH", 19900))
    later, soon = await desk.tried(change_id), await desk.tried(now)

    watch, phone = later["effects"][0], later["effects"][2]
    assert watch["pays"] == {"old": eur(24900), "new": eur(19900)}
    assert watch["prior_today"] == eur(24900)
    assert watch["prior"] == {
        "price": eur(22410),
        "since": at(NOON + 3 * DAY),
        "reduction_bp": 1120,
        "evidence": [
            {"begins": at(NOON - 27 * DAY), "ends": at(NOON - DAY), "price": eur(24900)},
            {"begins": at(NOON - DAY), "ends": at(NOON + 2 * DAY), "price": eur(22410)},
            {"begins": at(NOON + 2 * DAY), "ends": at(NOON + 3 * DAY), "price": eur(24900)},
        ],
    }
    assert (phone["pays"], phone["prior_today"]) == ({"old": eur(79900), "new": eur(74900)}, None)
    assert phone["prior"]["price"] == eur(79900)
    assert soon["effects"][0]["pays"] == {"old": eur(22410), "new": eur(17910)}
    assert (soon["effects"][0]["prior_today"], soon["effects"][0]["prior"]["price"]) == (eur(24900), eur(22410))


async def test_tills_that_do_not_hold_the_current_book_are_named(desk: Desk, callers: Callers) -> None:
    till = await callers(Role.TERMINAL, channel="retail-de", location="berlin")
    await desk.scheduled(item("WATCH", 22900), starts_at=at(NOON + DAY))
    change_id = await desk.draft(item("CHARGER", 3500))
    before = (await desk.tried(change_id))["terminals_behind"]
    del till

    assert [(one["location"], one["number"]) for one in before] == [("berlin", None)]
