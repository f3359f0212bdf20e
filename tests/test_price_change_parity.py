"""A channel's own price stands beside the recommended one as the market's policy allows, or on an exception."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from commerce.kernel.db import Database
from pricing.changes.parity import newly_broken
from pricing.rules.parity import ParityPolicy
from pricing.rules.series import Priced, priced_at
from pricing.series import Histories
from tests.conftest import NOON, Json, problem
from tests.price_changes import LEAD, Desk, at, desk, item
from tests.shop import rows
from tests.stories import eur, plant

__all__ = ["desk"]

WEEK, MONTH = timedelta(days=7), timedelta(days=30)
CHRISTMAS = {"reason": "The fair in Leipzig", "expires_at": at(NOON + WEEK)}


def prior(effect: Json) -> tuple[Json, int]:
    """The prior price of an effect, and the reduction that may be announced."""
    return effect["prior"]["price"], effect["prior"]["reduction_bp"]


async def policy(db: Database, parity: str, band_bp: int | None = None) -> None:
    """Set the policy of Germany."""
    band = "NULL" if band_bp is None else str(band_bp)
    await plant(
        db,
        "INSERT INTO pricing_policies (market, parity, band_bp, tax_rounding, prior_window_days, prior_announced_days,"
        " prior_progressive, prior_new_arrivals, horizon_days, readiness_minutes, set_by, set_at)"
        f" VALUES ('de', '{parity}', {band}, 'line', 30, 90, false, 'shorter', 92, 15, 'test', '2026-01-01Z')",
    )


async def test_a_channel_charges_what_is_recommended_unless_an_exception_says_why(desk: Desk) -> None:
    plain = await desk.draft(item("CHARGER", 3500), item("WATCH", 19900, "web-de"))
    refused = await desk.do(plain, "submit")
    change_id = await desk.scheduled(item("WATCH", 19900, "web-de", exception=CHRISTMAS))

    assert problem(refused) == (409, "parity_broken")
    facts = refused.json()["facts"]
    assert (facts["field"], facts["policy"], facts["more"]) == ("items[1].price", "equal", 0)
    assert facts["deviations"] == [
        {
            "item": 1,
            "sku": "WATCH",
            "channel": "web-de",
            "begins": at(NOON + LEAD),
            "ends": None,
            "recommended": 24900,
            "price": 19900,
            "change_id": None,
        }
    ]
    assert await desk.series("WATCH", "web-de") == [(at(NOON + LEAD), at(NOON + WEEK), 19900)], "it ends as it expires"
    whole = await desk.shown(change_id)
    [exception] = await rows(
        desk.db, "SELECT id, channel, sku, reason, approved_by, expires_at, change_id FROM parity_exceptions"
    )
    assert exception[1:] == (
        *("web-de", "WATCH", "The fair in Leipzig", whole["change"]["approved_by"], NOON + WEEK),
        change_id,
    )
    assert whole["items"][0]["exception"]["id"] == exception[0]
    await desk.laws_hold()


async def test_a_recommended_price_does_not_walk_away_from_a_channels_own(desk: Desk) -> None:
    await desk.live(item("WATCH", 24900, "web-de"))
    alone = await desk.draft(item("WATCH", 22900))
    refused = await desk.do(alone, "submit")
    await desk.scheduled(item("WATCH", 21900), item("WATCH", None, "web-de"))

    assert problem(refused) == (409, "parity_broken")
    assert refused.json()["facts"]["deviations"][0]["item"] == 0
    assert await desk.state(alone) == "draft"


async def test_a_change_that_mends_what_it_breaks_may_be(desk: Desk) -> None:
    await desk.live(item("WATCH", 24900, "web-de"), item("WATCH", 24900, "retail-de"))
    both = await desk.draft(item("WATCH", 21900), item("WATCH", 21900, "web-de"))
    half = await desk.do(both, "submit")
    await desk.scheduled(item("WATCH", 21900), item("WATCH", 21900, "web-de"), item("WATCH", None, "retail-de"))

    assert [one["channel"] for one in half.json()["facts"]["deviations"]] == ["retail-de"]
    assert await desk.series("WATCH", "web-de") == [
        (at(NOON + LEAD), at(desk.clock.now() + LEAD), 24900),
        (at(desk.clock.now() + LEAD), None, 21900),
    ]


async def test_each_deviation_stands_beside_the_item_that_leads_to_it(desk: Desk) -> None:
    change_id = await desk.draft(
        item("CHARGER", 3500), item("WATCH", 19900, "web-de"), item("CASE-BLK", 2500, "retail-de")
    )

    refused = await desk.do(change_id, "submit")

    when = f"from {(NOON + LEAD).isoformat()} on; the market's policy is 'equal'."
    assert refused.json()["errors"] == [
        {
            "field": "items[2].price",
            "reason": f"'CASE-BLK' would cost 2500 in 'retail-de', and 2900 as recommended, {when}",
        },
        {
            "field": "items[1].price",
            "reason": f"'WATCH' would cost 19900 in 'web-de', and 24900 as recommended, {when}",
        },
    ]


async def test_a_floor_and_a_band(desk: Desk) -> None:
    await policy(desk.db, "band", 500)
    near = await desk.draft(item("CASE-BLK", 3045, "web-de"), item("CHARGER", 3705, "web-de"))
    far = await desk.draft(item("CASE-BLK", 2754, "web-de"))
    answers = [await desk.do(each, "submit") for each in (near, far)]
    await plant(desk.db, "UPDATE pricing_policies SET parity = 'floor', band_bp = NULL")
    above = await desk.draft(item("CASE-BLK", 9900, "web-de"))
    below = await desk.draft(item("CASE-BLK", 2899, "web-de"))
    answers += [await desk.do(each, "submit") for each in (above, below)]

    assert [answer.status_code for answer in answers] == [200, 409, 200, 409]


async def test_what_a_policy_left_behind_keeps_nobody_from_other_prices(desk: Desk) -> None:
    await policy(desk.db, "band", 1000)
    await desk.live(item("WATCH", 23900, "web-de"))
    await plant(desk.db, "UPDATE pricing_policies SET parity = 'equal', band_bp = NULL")
    other = await desk.draft(item("WATCH", 24900, "retail-de"))

    assert (await desk.do(other, "submit")).status_code == 200


async def test_a_deviation_that_is_about_to_end_is_not_made_to_last(desk: Desk) -> None:
    """What a policy left behind is excused until it is mended, and no longer."""
    await policy(desk.db, "band", 1000)
    await desk.live(item("WATCH", 23900, "web-de"))
    await plant(desk.db, "UPDATE pricing_policies SET parity = 'equal', band_bp = NULL")
    monday = NOON + WEEK
    mends = await desk.scheduled(item("WATCH", 23900), starts_at=at(monday))
    refused = await desk.do(mends, "withdraw")

    assert problem(refused) == (409, "parity_broken")
    [told] = refused.json()["facts"]["deviations"]
    assert (told["begins"], told["ends"], told["price"]) == (at(monday), None, 23900)
    assert await desk.state(mends) == "scheduled"


BROKEN = st.lists(st.tuples(st.integers(1, 8), st.sampled_from([None, 950, 1000, 1050])), max_size=6)


def one_after_the_other(drawn: list[tuple[int, int | None]]) -> list[Priced]:
    """Prices of so many days each; None is a gap."""
    found, begins = [], NOON
    for lasts, amount in drawn:
        ends = begins + timedelta(days=lasts)
        if amount is not None:
            found.append(Priced(begins, ends, amount))
        begins = ends
    return found


@given(BROKEN, BROKEN)
def test_a_day_is_excused_if_it_deviated_just_so_before(
    was: list[tuple[int, int | None]], is_: list[tuple[int, int | None]]
) -> None:
    recommended = [Priced(NOON, None, 1000)]
    before, after = one_after_the_other(was), one_after_the_other(is_)
    old_ones, new_ones = ({"WATCH": Histories(recommended, {"web-de": own})} for own in (before, after))

    found = newly_broken(old_ones, new_ones, ParityPolicy("equal"), {}, NOON)

    for number in range(50):
        day = NOON + timedelta(days=number)
        old, new = priced_at(before, day), priced_at(after, day)
        broken = new is not None and new.amount != 1000 and (old is None or old.amount != new.amount)
        told = [one for _, one in found if one.valid_from <= day and (one.valid_to is None or day < one.valid_to)]
        assert [one.own for one in told] == ([new.amount] if broken and new else [])


async def test_what_others_rely_on_is_not_withdrawn(desk: Desk) -> None:
    later = NOON + timedelta(days=1)
    raised = await desk.scheduled(item("WATCH", 26900), starts_at=at(later))
    await desk.scheduled(item("WATCH", 26900, "web-de"), starts_at=at(later))
    refused = await desk.do(raised, "withdraw")

    assert problem(refused) == (409, "parity_broken")
    assert await desk.state(raised) == "scheduled"
    assert (await desk.series("WATCH"))[1] == (at(later), None, 26900)


async def test_a_dry_run_tells_what_every_price_becomes(desk: Desk) -> None:
    await plant(
        desk.db,
        "INSERT INTO unit_costs (sku, market, valid_from, amount) VALUES ('WATCH', 'de', '2026-01-01Z', 15000),"
        " ('WATCH', 'de', '2026-11-02T12:00:05Z', 17000)",
    )
    change_id = await desk.draft(
        item("WATCH", 19900),
        item("CASE-BLK", 1400, "web-de"),
        item("CHARGER", 3900),
        item("PHONE-WHT", None),
    )
    seen = await desk.tried(change_id)

    assert seen["change"]["state"] == "draft"
    assert seen["begins"] == at(NOON + LEAD)
    assert (seen["affected"], seen["cheaper"], seen["dearer"], seen["same"]) == (7, 3, 0, 2)
    assert seen["warnings"] == {
        "below_cost": 2,
        "changes_nothing": 2,
        "drops_by_half": 1,
        "ends_the_price": 2,
        "parity_broken": 1,
    }
    [refusal] = seen["refusals"]
    assert refusal.startswith("parity_broken: items[1].price: 'CASE-BLK' would cost 1400 in 'web-de', and 2900 as")
    retail, web, case, *_, phone = seen["effects"]
    assert (retail["channel"], web["channel"]) == ("retail-de", "web-de")
    assert web == {
        "item": 0,
        "sku": "WATCH",
        "channel": "web-de",
        "begins": at(NOON + LEAD),
        "old": eur(24900),
        "new": eur(19900),
        "difference": eur(-5000),
        "difference_bp": -2008,
        "parity": {"before": True, "after": True, "excepted": False},
        "cost": eur(17000),
        "margin": {"amount": eur(-277), "share_bp": -165},
        "pays": {"old": eur(24900), "new": eur(19900)},
        "prior": {
            "price": eur(24900),
            "since": at(NOON + LEAD),
            "reduction_bp": 2008,
            "evidence": [{"begins": at(NOON + LEAD - MONTH), "ends": at(NOON + LEAD), "price": eur(24900)}],
        },
        "prior_today": None,
        "promotions": [],
        "warnings": ["below_cost"],
    }
    assert case["parity"] == {"before": True, "after": False, "excepted": False}
    assert case["warnings"] == ["drops_by_half", "parity_broken"]
    assert (phone["new"], phone["warnings"]) == (None, ["ends_the_price"])
    assert await desk.series("WATCH") == [("2026-01-01T00:00:00Z", None, 24900)], "nothing is written"


async def test_a_dry_run_sees_the_lowest_price_of_the_days_before(desk: Desk) -> None:
    """A reduction on top of last week's lower price: nothing may be announced."""
    await desk.live(item("WATCH", 18900), ends_at=at(NOON + WEEK))
    desk.clock.set(NOON + 2 * WEEK)
    await desk.tick()
    higher = await desk.draft(item("WATCH", 19900), item("CHARGER", 3500))
    seen = await desk.tried(higher)
    desk.clock.set(NOON + 6 * WEEK)
    later = await desk.tried(higher)

    watch, charger = seen["effects"][0], seen["effects"][2]
    assert (prior(watch), watch["warnings"]) == ((eur(18900), 0), ["no_reduction_to_show"])
    assert (prior(charger), charger["warnings"]) == ((eur(3900), 1025), [])
    assert prior(later["effects"][0]) == (eur(24900), 2008)
    assert [(one["begins"], one["price"]) for one in watch["prior"]["evidence"]] == [
        (at(NOON + 2 * WEEK + LEAD - MONTH), eur(24900)),
        (at(NOON + LEAD), eur(18900)),
        (at(NOON + WEEK), eur(24900)),
    ]


async def test_a_dry_run_comes_in_pages_and_tells_of_overlaps(desk: Desk) -> None:
    await desk.scheduled(item("WATCH", 22900), starts_at=at(NOON + WEEK))
    change_id = await desk.draft(item("WATCH", 19900), item("CHARGER", 3500))
    first = await desk.tried(change_id, limit=3)
    second = await desk.tried(change_id, limit=3, cursor=first["next_cursor"])

    assert first["refusals"][0].startswith("price_overlaps: 'WATCH' has another price in 'de'")
    assert [(one["sku"], one["warnings"]) for one in (*first["effects"], *second["effects"])] == [
        ("WATCH", ["overlaps"]),
        ("WATCH", ["overlaps"]),
        ("CHARGER", []),
        ("CHARGER", []),
    ]
    assert second["next_cursor"] is None
    strange = await desk.ada.get(f"/v1/price-changes/{change_id}/dry-run", cursor="Ig")
    assert problem(strange) == (400, "invalid_input")


async def test_an_excepted_price_is_shown_as_such(desk: Desk) -> None:
    change_id = await desk.draft(item("WATCH", 19900, "web-de", exception=CHRISTMAS))
    [effect] = (await desk.tried(change_id))["effects"]

    assert effect["parity"] == {"before": True, "after": False, "excepted": True}
    assert effect["warnings"] == []


async def test_a_roll_back_that_parity_forbids_says_whose_price_is_in_the_way(desk: Desk) -> None:
    """Once 199.00 is recommended, a channel may charge 209.00; beside 249.00 it would be too cheap."""
    await policy(desk.db, "floor")
    slip = await desk.live(item("WATCH", 19900))
    beside = await desk.scheduled(item("WATCH", 20900, "web-de"), starts_at=at(NOON + timedelta(hours=6)))
    refused = await desk.do(slip, "roll-back", reason="A slip of the pen")

    assert problem(refused) == (409, "parity_broken")
    facts = refused.json()["facts"]
    assert (facts["field"], facts["deviations"][0]["change_id"]) == ("change_id", beside)
    assert [error["field"] for error in refused.json()["errors"]] == ["change_id"], "no item of the request leads to it"


async def test_what_would_cost_nothing_is_looked_at_twice(desk: Desk) -> None:
    """A rule that takes off more than a price leaves nothing of it."""
    rule = {"select": {"skus": ["CHARGER"]}, "change_by": {"amount": -10_000_00, "currency": "EUR"}}
    change_id = await desk.draft(rule=rule)
    seen = await desk.tried(change_id)

    assert [one["new"] for one in seen["effects"]] == [eur(0)] * 2
    assert seen["warnings"] == {"drops_by_half": 2, "free": 2}
