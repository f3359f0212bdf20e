"""The laws of price changes hold after every story, and each catches what somebody does by hand."""

import pytest

from commerce.kernel.laws import Law, check_laws
from pricing.changes.laws import (
    LAWS,
    ChangedPricesWereScheduled,
    ChangesFitTheirDiaries,
    RolledBackChangesHoldNoPrice,
    ScheduledChangesHaveFourEyes,
    WithdrawnChangesHoldNoPrice,
)
from tests.price_changes import Desk, desk, item
from tests.stories import plant

__all__ = ["desk"]

_PRICE = """
    INSERT INTO {table} (sku, {scope}, valid_from, valid_to, amount, change_id, recorded_at)
    SELECT 'DRAFT-1', '{where}', '2027-01-01Z', NULL, 1, id, '2026-11-02Z' FROM price_changes WHERE state = '{state}'
"""


def price(state: str, *, channel: str | None = None, market: str = "de") -> str:
    """A price by hand that says that it comes from the change in that state."""
    if channel is not None:
        return _PRICE.format(table="channel_prices", scope="channel", where=channel, state=state)
    end = "UPDATE recommended_prices SET superseded_at = '2026-11-02Z', superseded_by = 'x' WHERE sku = 'DRAFT-1'"
    return f"{end}; " + _PRICE.format(table="recommended_prices", scope="market", where=market, state=state)


def step(state: str, place: int, of: str, moved_at: str = "2026-11-02T12:00:00Z") -> str:
    """A line in the diary of the change in that state."""
    return (
        "INSERT INTO price_change_steps (change_id, place, state, actor, moved_at)"
        f" SELECT id, {place}, '{state}', 'x', '{moved_at}' FROM price_changes WHERE state = '{of}'"
    )


PLANTED: list[tuple[type[Law], str]] = [
    (ScheduledChangesHaveFourEyes, "UPDATE price_changes SET approved_by = created_by WHERE state = 'live'"),
    (ScheduledChangesHaveFourEyes, "UPDATE price_changes SET submitted_by = approved_by WHERE state = 'live'"),
    (ScheduledChangesHaveFourEyes, "UPDATE price_changes SET approved_by = NULL WHERE state = 'live'"),
    (ScheduledChangesHaveFourEyes, "UPDATE price_changes SET approved_by = 'nobody' WHERE state = 'live'"),
    (ChangedPricesWereScheduled, price("draft")),
    (ChangedPricesWereScheduled, price("approved", channel="web-de")),
    (ChangedPricesWereScheduled, price("live", market="us")),
    (ChangedPricesWereScheduled, price("live", channel="web-us")),
    (WithdrawnChangesHoldNoPrice, price("withdrawn")),
    (WithdrawnChangesHoldNoPrice, price("withdrawn", channel="web-de")),
    (RolledBackChangesHoldNoPrice, price("rolled_back")),
    (RolledBackChangesHoldNoPrice, price("rolled_back", channel="web-de")),
    (
        ChangesFitTheirDiaries,
        "UPDATE price_changes SET state = 'live', starts_at = created_at WHERE state = 'approved'",
    ),
    (ChangesFitTheirDiaries, step("live", 3, "approved")),
    (ChangesFitTheirDiaries, step("ended", 5, "live", "2020-01-01Z")),
    (
        ChangesFitTheirDiaries,
        (
            "INSERT INTO price_changes (id, market, name, reason, origin, state, created_by, created_at)"
            " VALUES ('pch_x', 'de', 'x', 'x', 'items', 'draft', 'x', '2026-11-02Z')"
        ),
    ),
    (
        ChangesFitTheirDiaries,
        (
            "INSERT INTO price_changes (id, market, name, reason, origin, state, created_by, created_at)"
            " VALUES ('pch_x', 'de', 'x', 'x', 'items', 'submitted', 'x', '2026-11-02Z');"
            " INSERT INTO price_change_steps (change_id, place, state, actor, moved_at)"
            " VALUES ('pch_x', 0, 'submitted', 'x', '2026-11-02Z')"
        ),
    ),
]


@pytest.fixture
async def busy(desk: Desk) -> Desk:
    """A desk with a change in every state that laws speak of."""
    await desk.draft(item("WATCH", 1))
    await desk.approved(item("CHARGER", 3500))
    await desk.do(await desk.scheduled(item("PHONE-WHT", 1)), "withdraw")
    await desk.rolled_back(await desk.live(item("PHONE-BLK", 1)))
    await plant(desk.db, "UPDATE price_changes SET name = 'counter' WHERE origin = 'counter'")
    return desk


async def found(desk: Desk) -> set[str]:
    """The codes of the laws that have offenders."""
    async with desk.db.snapshot() as tx:
        return {finding.law for finding in await check_laws(tx, LAWS) if finding.offenders}


@pytest.mark.parametrize(("law", "violation"), PLANTED)
async def test_each_law_catches_its_culprit(busy: Desk, law: type[Law], violation: str) -> None:
    before = await found(busy)
    await plant(busy.db, *violation.split("; "))

    assert before == set()
    assert law.code() in await found(busy)


def test_every_law_is_shown_to_catch_something() -> None:
    assert {law for law, _ in PLANTED} == set(LAWS)


async def test_the_diary_is_never_rewritten(busy: Desk) -> None:
    for rewriting in ("UPDATE price_change_steps SET actor = 'x'", "DELETE FROM price_change_steps"):
        with pytest.raises(Exception, match="is a diary"):
            await plant(busy.db, rewriting)


_ITEM = "INSERT INTO price_change_items (change_id, place, sku, amount) SELECT id, 7, 'WATCH', 1 FROM price_changes"
OTHER_ITEMS = [
    "UPDATE price_change_items SET amount = 1",
    "UPDATE price_change_items SET old_amount = 1",
    "UPDATE price_change_items SET exception_id = 'x'",
    "DELETE FROM price_change_items",
    "TRUNCATE price_change_items",
    f"{_ITEM} WHERE state = 'submitted'",
    f"{_ITEM} WHERE state = 'approved'",
    f"{_ITEM} WHERE state = 'live'",
]


@pytest.mark.parametrize("rewriting", OTHER_ITEMS)
async def test_the_prices_of_a_change_stay_as_they_were_drafted(busy: Desk, rewriting: str) -> None:
    """What was approved is what is written: the database itself refuses anything else."""
    await busy.do(await busy.draft(item("WATCH", 2)), "submit")

    with pytest.raises(Exception, match=r"are kept as they were drafted|is a diary"):
        await plant(busy.db, rewriting)
