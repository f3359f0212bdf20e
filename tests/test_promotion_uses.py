"""Uses of limited promotions: the last one goes to one, whoever cancels gives it back once, and persons are counted."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from commerce.kernel.clock import SetClock
from commerce.kernel.db import LIMITS, Database, Session
from commerce.kernel.laws import check_laws
from pricing.promotions.claim import UseClaim, UsedUp, claim_for_persons, claim_uses, drop_claims
from pricing.promotions.errors import PromotionUsedUp
from pricing.promotions.give_back import give_back_to_persons, give_back_uses, merge_person_counters
from pricing.promotions.laws import LAWS, NobodyUsesMoreThanAllowed
from pricing.promotions.rules import Demand, Short, Why, decide_uses
from pricing.promotions.unlock import used_up
from tests.conftest import NOON, Callers
from tests.promoting import Desk, open_desk, order_id
from tests.shop import no_law_is_broken, rows
from tests.statements import statements

UNIQUE = {"unique_codes": True}
BUYERS = 200
COUNTERS = "SELECT uses, most FROM promotion_counters"
CODES = "SELECT uses, most FROM promotion_codes ORDER BY code"


@pytest.fixture
async def desk(db: Database, clock: SetClock, callers: Callers) -> AsyncIterator[Desk]:
    """Two merchandisers; whatever was used, the books agree afterwards."""
    yield await open_desk(db, clock, callers)
    await no_law_is_broken(db, *LAWS)


async def take(db: Database, *claims: UseClaim, customer: str | None = None) -> list[UsedUp | None]:
    """Claim, and write down what was won, as whoever places orders does."""
    async with db.transaction() as tx:
        verdicts = await claim_uses(tx, claims)
        won = [(claim, customer) for claim, lost in zip(claims, verdicts, strict=True) if lost is None]
        for used_up in (await claim_for_persons(tx, won, db.clock.now())).values():
            raise used_up.refusal()
    return verdicts


async def give_back(db: Database, order: str, why: Why = Why.CANCELLED, **more: list[str]) -> int:
    """What becomes of an order's uses."""
    async with db.transaction() as tx:
        given = await give_back_uses(tx, [order], why, db.clock.now(), **more)
        await give_back_to_persons(tx, given)
    return len(given)


Taker = Callable[[Session, UseClaim, asyncio.Barrier], Awaitable[bool]]


async def take_unguarded(tx: Session, claim: UseClaim, everybody: asyncio.Barrier) -> bool:
    """Look whether somebody used the code, then use it: between the two, everybody else has looked as well."""
    used = (await tx.execute(text("SELECT count(*) FROM promotion_uses"))).scalar_one()
    await everybody.wait()
    if used:
        return False
    await claim_for_persons(tx, [(claim, None)], NOON)
    return True


async def take_guarded(tx: Session, claim: UseClaim, everybody: asyncio.Barrier) -> bool:
    """Everybody stands before the last use, then claims it under the law of locking."""
    await tx.execute(text("SELECT 1"))
    await everybody.wait()
    [lost] = await claim_uses(tx, [claim])
    if lost is None:
        await claim_for_persons(tx, [(claim, None)], NOON)
    return lost is None


@pytest.mark.parametrize(("taker", "winners"), [(take_unguarded, BUYERS), (take_guarded, 1)])
async def test_two_hundred_buyers_on_the_web_and_at_tills_want_the_last_use_of_a_code(
    desk: Desk, url: str, taker: Taker, winners: int
) -> None:
    promotion_id = await desk.live(conditions=UNIQUE, limits={"total": 1})
    [code] = await desk.codes(promotion_id, 1)
    buyers = [order_id() for _ in range(BUYERS)]
    everybody = asyncio.Barrier(BUYERS)
    crowd = Database(url, clock=desk.clock, pool_size=BUYERS, limits={**LIMITS, "lock_timeout": "30s"})

    async def buy(order: str) -> bool:
        async with crowd.transaction() as tx:
            return await taker(tx, UseClaim(order, promotion_id, code), everybody)

    try:
        results = await asyncio.gather(*(buy(order) for order in buyers))
    finally:
        await crowd.close()

    assert results.count(True) == winners
    if winners > 1:
        async with desk.db.transaction() as tx:
            assert {finding.law for finding in await check_laws(tx, LAWS) if finding.offenders} == {
                "promotion_counters_are_their_uses",
                "promotion_codes_are_their_uses",
            }
            await tx.execute(text("DELETE FROM promotion_uses"))  # What the twin did is seen; nobody else need see it.
        return
    assert await rows(desk.db, COUNTERS) == [(1, 1)]
    assert await rows(desk.db, CODES) == [(1, 1)]
    winner = buyers[results.index(True)]
    assert [await give_back(desk.db, winner) for _ in range(2)] == [1, 0], "a cancelled order returns it once"
    assert await rows(desk.db, COUNTERS) == [(0, 1)]
    assert await rows(desk.db, CODES) == [(0, 1)]
    assert await take(desk.db, UseClaim(order_id(), promotion_id, code)) == [None]


async def test_a_check_stands_behind_every_counter(desk: Desk) -> None:
    promotion_id = await desk.live(conditions=UNIQUE, limits={"total": 1, "per_person": 1})
    [code] = await desk.codes(promotion_id, 1)
    await take(desk.db, UseClaim(order_id(), promotion_id, code), customer="cus_1")

    for table in ("promotion_counters", "promotion_codes", "promotion_person_counters"):
        with pytest.raises(IntegrityError, match="no_more_than_allowed"):
            async with desk.db.transaction() as tx:
                await tx.execute(text(f"UPDATE {table} SET uses = uses + 1"))


async def test_many_orders_are_decided_in_the_order_in_which_they_came(desk: Desk) -> None:
    few = await desk.live(limits={"total": 2})
    coded = await desk.live(conditions=UNIQUE, limits={"per_code": 2})
    [code] = await desk.codes(coded, 1)
    a, b, c, d, e = (order_id() for _ in range(5))
    claims = [
        UseClaim(a, few),
        UseClaim(b, coded, "GHOST"),
        UseClaim(b, few),
        UseClaim(c, coded, code),
        UseClaim(c, few),
        UseClaim(d, few),
        UseClaim(d, coded, code),
        UseClaim(e, coded, code),
    ]

    with statements(desk.db) as sent:
        verdicts = await take(desk.db, *claims)

    lost_code, lost_total = UsedUp(coded, Short.CODE), UsedUp(few, Short.TOTAL)
    assert verdicts == [None, lost_code, lost_code, None, None, lost_total, lost_total, None]
    assert await rows(desk.db, COUNTERS) == [(2, 2)]
    assert await rows(desk.db, CODES) == [(2, 2)]
    assert len(sent) == 6, "however many orders there are"
    refusal = lost_total.refusal()
    assert (refusal.status, refusal.code, refusal.facts()) == (
        409,
        "promotion_used_up",
        {"field": "shown_total.amount", "promotion": few, "limit": "total"},
    )


async def test_whoever_is_turned_down_after_all_leaves_no_trace(desk: Desk) -> None:
    promotion_id = await desk.live(conditions=UNIQUE, limits={"total": 1})
    [code] = await desk.codes(promotion_id, 1)
    claim = UseClaim(order_id(), promotion_id, code)
    async with desk.db.transaction() as tx:
        assert await claim_uses(tx, [claim]) == [None]
        await drop_claims(tx, [claim])

    assert await rows(desk.db, f"{COUNTERS} UNION ALL SELECT uses, most FROM promotion_codes") == [(0, 1), (0, 1)]


async def test_a_person_has_their_uses_in_web_and_store_together(desk: Desk) -> None:
    promotion_id = await desk.live(limits={"per_person": 2})
    for who in ("cus_ada", "cus_ada", "cus_bob"):
        await take(desk.db, UseClaim(order_id(), promotion_id), customer=who)

    refusals: list[tuple[str | None, str]] = [("cus_ada", "person"), (None, "nobody")]
    for customer, limit in refusals:
        with pytest.raises(PromotionUsedUp) as refused:
            await take(desk.db, UseClaim(order_id(), promotion_id), customer=customer)
        assert refused.value.facts() == {"field": "buyer", "promotion": promotion_id, "limit": limit}
    with pytest.raises(PromotionUsedUp):
        await take(desk.db, UseClaim(order_id(), promotion_id), UseClaim(order_id(), promotion_id), customer="cus_bob")
    people = "SELECT customer_id, uses, most FROM promotion_person_counters ORDER BY 1"
    assert await rows(desk.db, people) == [("cus_ada", 2, 2), ("cus_bob", 1, 2)]
    assert (await desk.show(promotion_id))["promotion"]["uses"] == 3


async def test_of_a_persons_orders_at_once_the_later_ones_lose(desk: Desk) -> None:
    few, many = await desk.live(limits={"per_person": 2}), await desk.live(limits={"per_person": 9})
    await take(desk.db, UseClaim(order_id(), few), customer="cus_ada")
    claims: list[tuple[UseClaim, str | None]] = [
        (UseClaim("ord_1", few), "cus_ada"),
        (UseClaim("ord_2", few), "cus_bob"),
        (UseClaim("ord_3", many), "cus_ada"),
        (UseClaim("ord_4", few), "cus_ada"),
        (UseClaim("ord_5", few), None),
        *((UseClaim(f"ord_{n}", few), "cus_eve") for n in (6, 7, 8)),
    ]

    async with desk.db.transaction() as tx:
        lost = await claim_for_persons(tx, claims, NOON)
        await tx.rollback()

    person, nobody = UsedUp(few, Short.PERSON), UsedUp(few, Short.NOBODY)
    assert lost == {"ord_4": person, "ord_5": nobody, "ord_8": person}
    left = [one for one in claims if one[0].order_id not in lost]
    async with desk.db.transaction() as tx:
        assert await claim_for_persons(tx, left, NOON) == {}
    assert await rows(desk.db, "SELECT order_id, nth FROM promotion_uses WHERE length(order_id) < 9 ORDER BY 1") == [
        ("ord_1", 2),
        ("ord_2", 1),
        ("ord_3", 1),
        ("ord_6", 1),
        ("ord_7", 2),
    ]


async def test_the_last_use_of_a_person_goes_to_one_of_their_orders(desk: Desk) -> None:
    promotion_id = await desk.live(limits={"per_person": 1})

    async def buy() -> bool:
        try:
            await take(desk.db, UseClaim(order_id(), promotion_id), customer="cus_ada")
        except PromotionUsedUp:
            return False
        return True

    assert (await asyncio.gather(*(buy() for _ in range(8)))).count(True) == 1


async def test_what_is_gone_is_known_beforehand_in_one_statement(desk: Desk) -> None:
    total, person = await desk.live(limits={"total": 1}), await desk.live(limits={"per_person": 1})
    free = await desk.live()
    await take(desk.db, UseClaim(order_id(), total), UseClaim(order_id(), person), customer="cus_ada")

    with statements(desk.db) as sent:
        async with desk.db.read() as tx:
            gone = await used_up(tx, [total, person, free], ["cus_ada", "cus_bob"])
            assert (await used_up(tx, [], [])).for_customers(["cus_ada"]) == frozenset()

    assert gone.for_customers(["cus_ada"]) == {total, person}
    assert gone.for_customers(["cus_bob"]) == gone.for_customers([]) == {total}
    assert gone.for_customers(["cus_bob", "cus_ada"]) == {total, person}, "who may be either had Ada's"
    assert gone.per_person == {person: 1}, "nobody in particular cannot be counted"
    assert len(sent) == 1


GIVEN_BACK: Sequence[tuple[str, str, Why, int]] = [
    ("give_back", "keep", Why.CANCELLED, 1),
    ("give_back", "keep", Why.RETURNED, 0),
    ("keep", "give_back", Why.CANCELLED, 0),
    ("keep", "give_back", Why.RETURNED, 1),
]


@pytest.mark.parametrize(("on_cancel", "on_return", "why", "given"), GIVEN_BACK)
async def test_uses_are_given_back_as_the_promotion_says(
    desk: Desk, on_cancel: str, on_return: str, why: Why, given: int
) -> None:
    limits = {"total": 5, "per_person": 5, "per_code": 5, "on_cancel": on_cancel, "on_return": on_return}
    promotion_id = await desk.live(conditions=UNIQUE, limits=limits)
    other = await desk.live(limits={**limits, "per_code": None})
    [code] = await desk.codes(promotion_id, 1)
    order = order_id()
    await take(desk.db, UseClaim(order, promotion_id, code), UseClaim(order, other), customer="cus_ada")

    assert await give_back(desk.db, order, why, only=[promotion_id]) == given
    assert await give_back(desk.db, order, why) == given, "the other one"
    assert await give_back(desk.db, order, why) == 0
    left = 1 - given
    assert await rows(desk.db, COUNTERS) == [(left, 5), (left, 5)]
    assert await rows(desk.db, CODES) == [(left, 5)]
    assert await rows(desk.db, "SELECT uses FROM promotion_person_counters") == [(left,), (left,)]
    assert await rows(desk.db, "SELECT DISTINCT given_back_for FROM promotion_uses") == [(str(why) if given else None,)]


async def test_two_customers_who_are_one_have_had_what_both_had(desk: Desk, clock: SetClock) -> None:
    promotion_id = await desk.live(limits={"per_person": 2})
    orders: dict[str, str] = {}
    for who in ("cus_a", "cus_a", "cus_b", "cus_c"):
        orders[who] = order_id()
        await take(desk.db, UseClaim(orders[who], promotion_id), customer=who)
    async with desk.db.transaction() as tx:
        await merge_person_counters(tx, "cus_a", "cus_b")
        await merge_person_counters(tx, "cus_nobody", "cus_b")
        await merge_person_counters(tx, "cus_c", "cus_d")
    people = "SELECT customer_id, uses, most, merged FROM promotion_person_counters ORDER BY 1"

    assert await rows(desk.db, people) == [("cus_b", 3, 2, True), ("cus_d", 1, 2, False)]
    await no_law_is_broken(desk.db, NobodyUsesMoreThanAllowed)
    clock.advance(timedelta(days=1))
    for left, another in ((3, False), (2, False), (1, True)):
        assert await rows(desk.db, people) == [("cus_b", left, 2, True), ("cus_d", 1, 2, False)]
        if another:
            await take(desk.db, UseClaim(order_id(), promotion_id), customer="cus_b")
        with pytest.raises(PromotionUsedUp):
            await take(desk.db, UseClaim(order_id(), promotion_id), customer="cus_b")
        if not another:
            assert await give_back(desk.db, orders["cus_a" if left == 3 else "cus_b"]) == 1
    assert await rows(desk.db, "SELECT nth FROM promotion_uses WHERE customer_id = 'cus_b' ORDER BY used_at, nth") == [
        (1,),
        (1,),
        (2,),
        (2,),
    ]


# The decision, without a database


PROMOTIONS, WORDS, ORDERS = ("p", "q"), (None, "x", "y"), tuple("abcdef")
demands = st.lists(
    st.builds(Demand, st.sampled_from(ORDERS), st.sampled_from(PROMOTIONS), st.sampled_from(WORDS)), max_size=20
)
few = st.integers(0, 4)


@given(
    demands,
    st.dictionaries(st.sampled_from(PROMOTIONS), few),
    st.dictionaries(st.tuples(st.sampled_from(PROMOTIONS), st.sampled_from(["x", "y"])), few | st.none()),
)
def test_no_more_is_given_than_there_is_and_nobody_is_passed_over(
    wanted: list[Demand], left: dict[str, int], codes: dict[tuple[str, str], int | None]
) -> None:
    lost = decide_uses(wanted, left, codes)

    used = Counter(demand.promotion_id for demand in wanted if demand.order_id not in lost)
    assert all(used[promotion] <= most for promotion, most in left.items())
    typed = Counter((d.promotion_id, d.code) for d in wanted if d.order_id not in lost and d.code is not None)
    assert all((codes.get(key, 0) or 0) >= n for key, n in typed.items() if codes.get(key, 0) is not None)
    assert lost == naive(wanted, left, codes)


def naive(
    wanted: list[Demand], left: dict[str, int], codes: dict[tuple[str, str], int | None]
) -> dict[str, tuple[str, Short]]:
    """One order after the other, each counted anew from the beginning."""
    won: list[Demand] = []
    lost = {}
    for order in dict.fromkeys(demand.order_id for demand in wanted):
        mine: list[Demand] = []
        for demand in (demand for demand in wanted if demand.order_id == order):
            before = [*won, *mine]
            uses = sum(one.promotion_id == demand.promotion_id for one in before)
            of_code = sum((one.promotion_id, one.code) == (demand.promotion_id, demand.code) for one in before)
            if demand.promotion_id in left and uses >= left[demand.promotion_id]:
                lost[order] = (demand.promotion_id, Short.TOTAL)
                break
            most = codes.get((demand.promotion_id, demand.code), 0) if demand.code is not None else None
            if most is not None and of_code >= most:
                lost[order] = (demand.promotion_id, Short.CODE)
                break
            mine.append(demand)
        else:
            won.extend(mine)
    return lost
