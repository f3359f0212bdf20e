"""Codes: written by hand or made by the million, looked up for many baskets at once, and told to no one who may not."""

import asyncio
import re
import tracemalloc
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest
from sqlalchemy import text

from commerce.kernel.access import Role
from commerce.kernel.clock import SetClock
from commerce.kernel.db import Database, Session
from commerce.kernel.ids import new_id
from pricing.promotions import make_codes as making
from pricing.promotions import watch
from pricing.promotions.claim import UseClaim, claim_uses
from pricing.promotions.errors import TooManyCodes
from pricing.promotions.make_codes import ALPHABET, length_for, make_codes
from pricing.promotions.schemas import MakeCodesBody
from pricing.promotions.unlock import Unlocked, unlocked_by
from tests.conftest import NOON, Callers, problem
from tests.promoting import Desk, do_sql, open_desk, order_id, promotion, said
from tests.shop import rows
from tests.statements import statements
from tests.stories import every_law_holds

UNIQUE = {"unique_codes": True}
MADE_BY_HAND = text("""
    INSERT INTO promotion_codes (promotion_id, code, market, shared, batch, most)
    SELECT :id, upper(code), 'de', false, 1, 1 FROM unnest(CAST(:codes AS text[])) AS c (code)
""")


@pytest.fixture
async def desk(db: Database, clock: SetClock, callers: Callers) -> Desk:
    """Two merchandisers."""
    return await open_desk(db, clock, callers)


async def test_codes_are_made_in_batches_and_read_page_by_page_or_as_csv(desk: Desk) -> None:
    promotion_id = await desk.approved(conditions=UNIQUE)
    first = said(await desk.do(promotion_id, "codes", {"count": 3, "prefix": "XMAS-"}), 201)
    second = said(await desk.do(promotion_id, "codes", {"count": 2, "length": 12}), 201)
    page = said(await desk.ada.get(f"/v1/promotions/{promotion_id}/codes", limit=4))
    rest = said(await desk.ada.get(f"/v1/promotions/{promotion_id}/codes", limit=4, cursor=page["next_cursor"]))
    csv = await desk.ada.get(f"/v1/promotions/{promotion_id}/codes.csv", batch=1)
    shown = await desk.show(promotion_id)

    assert [(made["batch"], made["count"]) for made in (first, second)] == [(1, 3), (2, 2)]
    codes = [one["code"] for one in [*page["items"], *rest["items"]]]
    assert codes == sorted(set(codes))
    assert len(codes) == 5
    assert {one["most"] for one in page["items"]} == {1}
    assert csv.headers["content-type"].startswith("text/csv")
    assert csv.text.splitlines()[0] == "code,batch,uses,most"
    assert len(re.findall(rf"^XMAS-[{ALPHABET}]{{10}},1,0,1$", csv.text.replace("\r", ""), re.MULTILINE)) == 3
    assert (shown["unique_codes"], shown["codes"]) == (5, []), "the detail tells how many, not which"
    assert shown["steps"][-1]["step"] == "codes_made"
    await every_law_holds(desk.db)


async def test_codes_are_made_once_it_says_what_they_open_and_until_it_ends(desk: Desk, callers: Callers) -> None:
    draft, shared = await desk.drafted(conditions=UNIQUE), await desk.approved(codes=["ALL"])
    refused = [await desk.do(promotion_id, "codes", {"count": 1}) for promotion_id in (draft, shared)]

    assert [problem(answer) for answer in refused] == [(409, "not_made_for_codes")] * 2
    analyst = await callers(Role.ANALYST)
    assert problem(await analyst.get(f"/v1/promotions/{draft}/codes")) == (403, "wrong_role")
    assert problem(await analyst.get(f"/v1/promotions/{draft}/codes.csv")) == (403, "wrong_role")
    nothing = f"/v1/promotions/prm_{'0' * 32}"
    assert problem(await desk.ada.get(f"{nothing}/codes")) == (404, "not_found")
    assert problem(await desk.ada.get(f"{nothing}/codes.csv")) == (404, "not_found")


async def test_the_same_request_sent_again_makes_no_more_codes(desk: Desk) -> None:
    promotion_id = await desk.approved(conditions=UNIQUE)
    path = f"/v1/promotions/{promotion_id}/codes"
    answers = [await desk.ada.post(path, {"count": 4}, once="these four") for _ in range(2)]

    assert answers[0].content == answers[1].content
    assert (await desk.show(promotion_id))["unique_codes"] == 4


async def test_so_many_codes_are_too_long_to_guess(desk: Desk) -> None:
    """However few of them are made in one go: it is all that there may be of which somebody guesses one."""
    promotion_id = await desk.approved(conditions=UNIQUE, limits={"codes": 1_000_000})
    short = await desk.do(promotion_id, "codes", {"count": 1, "length": 9})

    assert problem(short) == (422, "codes_too_short")
    assert short.json()["facts"] == {"field": "length", "length": 9, "least": 10}
    for count in (1, 1_000, 1_000_000):
        least = length_for(count)
        assert len(ALPHABET) ** (least - 1) < count * 10**8 <= len(ALPHABET) ** least


async def test_no_transaction_waits_for_a_slow_reader(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL ends one that waits too long, and whoever reads a million codes through `less` takes his time."""
    waiting = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction'"
    )
    promotion_id = await desk.approved(conditions=UNIQUE)
    made = await desk.codes(promotion_id, 5)
    monkeypatch.setattr(watch, "PAGE", 2)

    pages = [
        ([one.code for one in page], await rows(desk.db, waiting))
        async for page in watch.all_codes(desk.db, promotion_id, None)
    ]
    async with desk.db.read() as tx:
        await watch.one_promotion(tx, promotion_id, desk.clock.now())
        held = await rows(desk.db, waiting)

    assert pages == [(made[:2], [(0,)]), (made[2:4], [(0,)]), (made[4:], [(0,)])]
    assert held == [(1,)], "it would be seen"


@pytest.mark.parametrize("prefix", ["-", "-AB", "ab", "A B", "AB\n", "\0"])
async def test_a_prefix_that_no_code_begins_with_is_refused_as_such(desk: Desk, prefix: str) -> None:
    promotion_id = await desk.approved(conditions=UNIQUE)

    refused = await desk.do(promotion_id, "codes", {"count": 1, "prefix": prefix})

    assert problem(refused) == (400, "invalid_input"), refused.text
    assert refused.json()["errors"][0]["field"] == "prefix"


async def test_there_are_no_more_codes_than_it_was_approved_with(desk: Desk) -> None:
    """Who wrote it does not give away more by themselves than somebody else said yes to."""
    promotion_id = await desk.approved(conditions=UNIQUE, limits={"codes": 5})
    answers = [await desk.do(promotion_id, "codes", {"count": count}) for count in (3, 3, 2, 1)]
    unsaid = await desk.approved(conditions=UNIQUE)

    assert [answer.status_code for answer in answers] == [201, 409, 201, 409]
    assert problem(answers[1]) == (409, "too_many_codes")
    assert answers[1].json()["facts"] == {"field": "count", "promotion": promotion_id, "most": 5, "made": 3}
    assert (await desk.show(promotion_id))["unique_codes"] == 5
    assert (await desk.show(unsaid))["promotion"]["limits"]["codes"] == 1000
    assert problem(await desk.do(unsaid, "codes", {"count": 1001})) == (409, "too_many_codes")
    assert problem(await desk.ada.post("/v1/promotions", promotion(limits={"codes": 5}))) == (
        422,
        "malformed_promotion",
    )
    await every_law_holds(desk.db)


Maker = Callable[[Session, str, MakeCodesBody, asyncio.Barrier], Awaitable[None]]
MAKERS = 4


async def make_unguarded(tx: Session, promotion_id: str, wanted: MakeCodesBody, everybody: asyncio.Barrier) -> None:
    """Look first, and make afterwards: in between everybody else has looked, too."""
    facts = {"id": promotion_id}
    there = (
        await tx.execute(text("SELECT count(*) FROM promotion_codes WHERE promotion_id = :id"), facts)
    ).scalar_one()
    await everybody.wait()
    assert there + wanted.count <= 5, "they all see what there is"
    await tx.execute(MADE_BY_HAND, {**facts, "codes": [new_id("code") for _ in range(wanted.count)]})


async def make_guarded(tx: Session, promotion_id: str, wanted: MakeCodesBody, everybody: asyncio.Barrier) -> None:
    """As the shop does."""
    await everybody.wait()
    with suppress(TooManyCodes):
        await make_codes(tx, promotion_id, wanted, "test", NOON)


@pytest.mark.parametrize(("maker", "made"), [(make_unguarded, 3 * MAKERS), (make_guarded, 3)])
async def test_who_makes_codes_at_once_makes_no_more_together(desk: Desk, maker: Maker, made: int) -> None:
    """The unguarded maker lets everybody look before anybody makes; if that cannot make too many, we prove nothing."""
    promotion_id = await desk.approved(conditions=UNIQUE, limits={"codes": 5})
    everybody = asyncio.Barrier(MAKERS)

    async def make() -> None:
        async with desk.db.transaction() as tx:
            await maker(tx, promotion_id, MakeCodesBody(count=3), everybody)

    await asyncio.gather(*(make() for _ in range(MAKERS)))

    assert await rows(desk.db, "SELECT count(*) FROM promotion_codes") == [(made,)]
    await do_sql(desk.db, "DELETE FROM promotion_codes")  # What the twin did is seen; nobody else need see it.


async def test_a_code_that_is_there_already_is_passed_over(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Chance would not bring it about in a thousand years, so the alphabet is made small."""
    promotion_id = await desk.approved(conditions=UNIQUE, limits={"codes": 64})
    monkeypatch.setattr(making, "ALPHABET", "AB")
    monkeypatch.setattr(making, "ODDS", 1)

    async with desk.db.transaction() as tx:
        made = await make_codes(tx, promotion_id, MakeCodesBody(count=64, length=6), "test", desk.clock.now())

    assert made.count == 64
    assert await rows(desk.db, "SELECT count(*), count(DISTINCT code) FROM promotion_codes") == [(64, 64)]


async def test_a_unique_code_opens_one_promotion_of_its_market(desk: Desk) -> None:
    one, other = await desk.approved(conditions=UNIQUE), await desk.approved(conditions=UNIQUE, limits={"per_code": 3})
    [mine], [yours] = await desk.codes(one, 1), await desk.codes(other, 1)
    await desk.approved(codes=["SHARED"])
    async with desk.db.transaction() as tx:
        await claim_uses(tx, [UseClaim(order_id(), other, yours)])
    asked = [("de", mine), ("de", yours), ("us", mine), ("de", "SHARED"), ("de", "GHOST"), ("de", mine)]

    with statements(desk.db) as sent:
        async with desk.db.read() as tx:
            found = await unlocked_by(tx, asked)
            nothing = await unlocked_by(tx, [])

    assert found == {("de", mine): Unlocked(one, 1), ("de", yours): Unlocked(other, 2)}
    assert nothing == {}
    assert len(sent) == 1


async def test_a_hundred_thousand_are_made_in_little_memory(desk: Desk) -> None:
    promotion_id = await desk.approved(conditions=UNIQUE, limits={"codes": 100_000})
    tracemalloc.start()
    try:
        said(await desk.do(promotion_id, "codes", {"count": 100_000}), 201)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert await rows(desk.db, "SELECT count(*) FROM promotion_codes") == [(100_000,)]
    assert peak < 30_000_000
