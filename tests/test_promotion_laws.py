"""Each law of promotions is shown to catch somebody who breaks it, and nobody who does not."""

from contextlib import suppress

import pytest
from sqlalchemy import text

from commerce.kernel.clock import SetClock
from commerce.kernel.db import Database
from commerce.kernel.laws import Law, broken, check_laws
from pricing.promotions.claim import UseClaim, claim_for_persons, claim_uses
from pricing.promotions.laws import (
    LAWS,
    CodesAreNoMoreThanApproved,
    NobodyUsesMoreThanAllowed,
    PersonsCountersAreTheirUses,
    PromotionCodesAreTheirUses,
    PromotionCountersAreTheirUses,
    PromotionsAreDecidedByTwo,
    PromotionsRunNoSoonerThanTheyBegin,
    PromotionsStandWhereTheirDiarySays,
)
from tests.conftest import Callers
from tests.promoting import Desk, open_desk


class _UndoneError(Exception):
    """What was planted is taken out again."""


@pytest.fixture
async def desk(db: Database, clock: SetClock, callers: Callers) -> Desk:
    """A promotion that is limited in every way and was used once, one that is over, and a draft."""
    desk = await open_desk(db, clock, callers)
    limits = {"total": 9, "per_person": 2, "per_code": 3}
    promotion_id = await desk.live(conditions={"unique_codes": True}, limits=limits, name="Limited")
    [code] = await desk.codes(promotion_id, 1)
    async with db.transaction() as tx:
        claim = UseClaim("ord_1", promotion_id, code)
        assert await claim_uses(tx, [claim]) == [None]
        await claim_for_persons(tx, [(claim, "cus_1")], clock.now())
    await desk.live(name="Over", ends_at="2026-11-02T12:00:30Z")
    await desk.drafted(name="Draft")
    return desk


DIARY = "ALTER TABLE promotion_steps DISABLE TRIGGER append_only"
LIMITED = "(SELECT id FROM promotions WHERE name = 'Limited')"
USED_AGAIN = """
    INSERT INTO promotion_uses (order_id, promotion_id, customer_id, code, used_at, nth)
    SELECT 'ord_2', promotion_id, {}, {}, used_at, nth FROM promotion_uses
"""
ONE_TOO_MANY = """
    INSERT INTO promotion_uses (order_id, promotion_id, customer_id, used_at, nth)
    SELECT 'ord_' || n, promotion_id, customer_id, used_at, n FROM promotion_uses CROSS JOIN generate_series(2, 3) n
"""
COUNTED = "UPDATE promotion_{} SET uses = uses + 1"
HAND_IN_IT = f"""
    INSERT INTO promotion_steps (promotion_id, step, actor, at)
    SELECT id, 'edited', approved_by, created_at FROM promotions WHERE id = {LIMITED}
"""
FORGOTTEN = f"DELETE FROM promotion_steps WHERE promotion_id = {LIMITED} AND step = 'draft'"
LATER = f"UPDATE promotions SET starts_at = starts_at + interval '1 h' WHERE id = {LIMITED}"
ONE_MORE = f"""
    INSERT INTO promotion_codes (promotion_id, code, market, shared, batch, most)
    SELECT id, 'ONE-MORE', market, false, 2, 3 FROM promotions WHERE id = {LIMITED}
"""
FEWER = f"UPDATE promotions SET limit_total = 2 WHERE id = {LIMITED}"
PLANTED: list[tuple[list[type[Law]], list[str]]] = [
    ([PromotionsAreDecidedByTwo], [f"UPDATE promotions SET approved_by = created_by WHERE id = {LIMITED}"]),
    ([PromotionsAreDecidedByTwo], [f"UPDATE promotions SET approved_by = NULL WHERE id = {LIMITED}"]),
    ([PromotionsAreDecidedByTwo], [f"UPDATE promotions SET approved_by = 'a passer-by' WHERE id = {LIMITED}"]),
    (
        [PromotionsAreDecidedByTwo],
        [HAND_IN_IT],
    ),
    ([PromotionsStandWhereTheirDiarySays], ["UPDATE promotions SET state = 'submitted' WHERE name = 'Draft'"]),
    ([PromotionsStandWhereTheirDiarySays], [DIARY, FORGOTTEN]),
    ([PromotionsRunNoSoonerThanTheyBegin], [LATER]),
    ([PromotionCountersAreTheirUses], [COUNTED.format("counters")]),
    ([PromotionCountersAreTheirUses], ["UPDATE promotion_counters SET most = 10"]),
    ([PromotionCountersAreTheirUses], ["DELETE FROM promotion_counters"]),
    ([PromotionCountersAreTheirUses], ["UPDATE promotion_counters SET most = 1", FEWER]),
    ([PromotionCodesAreTheirUses], [COUNTED.format("codes")]),
    ([CodesAreNoMoreThanApproved], [f"UPDATE promotions SET limit_codes = 1 WHERE id = {LIMITED}", ONE_MORE]),
    ([PromotionCodesAreTheirUses], ["DELETE FROM promotion_codes"]),
    (
        [PromotionCodesAreTheirUses],
        [USED_AGAIN.format("customer_id", "'GHOST'"), COUNTED.format("counters"), COUNTED.format("person_counters")],
    ),
    ([PersonsCountersAreTheirUses], [COUNTED.format("person_counters")]),
    ([PersonsCountersAreTheirUses], ["UPDATE promotion_uses SET customer_id = 'cus_2'"]),
    (
        [PersonsCountersAreTheirUses],
        [USED_AGAIN.format("NULL", "code"), COUNTED.format("counters"), COUNTED.format("codes")],
    ),
    ([NobodyUsesMoreThanAllowed], ["UPDATE promotion_person_counters SET most = 3"]),
    ([NobodyUsesMoreThanAllowed], ["UPDATE promotion_person_counters SET most = 1"]),
    ([NobodyUsesMoreThanAllowed], ["UPDATE promotion_uses SET nth = NULL"]),
    (
        [NobodyUsesMoreThanAllowed],
        ["UPDATE promotion_person_counters SET uses = 3, merged = true", "UPDATE promotion_counters SET uses = 3",
         ONE_TOO_MANY],
    ),
    (
        [PromotionCountersAreTheirUses, PromotionCodesAreTheirUses, PersonsCountersAreTheirUses],
        ["UPDATE promotion_uses SET given_back_at = used_at, given_back_for = 'cancelled'"],
    ),
]  # fmt: skip


async def judged(db: Database, planted: list[str]) -> list[str]:
    """Which laws are broken after somebody changed rows by hand; the change is undone."""
    found: list[str] = []
    with suppress(_UndoneError):
        async with db.transaction() as tx:
            for statement in planted:
                await tx.execute(text(statement))
            found = [finding.law for finding in broken(await check_laws(tx, LAWS))]
            raise _UndoneError
    return found


async def test_each_law_catches_its_culprit(desk: Desk, subtests: pytest.Subtests) -> None:
    assert await judged(desk.db, []) == []
    for laws, planted in PLANTED:
        with subtests.test(planted[-1]):
            assert await judged(desk.db, planted) == [law.code() for law in laws]


def test_every_law_is_shown_to_catch_somebody() -> None:
    assert {law for laws, _ in PLANTED for law in laws} == set(LAWS)


async def test_the_diary_is_never_changed(desk: Desk) -> None:
    for change in (
        "UPDATE promotion_steps SET actor = 'nobody'",
        "DELETE FROM promotion_steps",
        "TRUNCATE promotion_steps",
    ):
        with pytest.raises(Exception, match="is a diary"):
            await judged(desk.db, [change])
