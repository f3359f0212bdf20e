"""Recommended prices: set from an instant on, ended, asked for many at once, and never two at a time."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import text

from commerce.kernel.access import Role
from commerce.kernel.bodies import Amount
from commerce.kernel.clock import SetClock
from commerce.kernel.db import Database, Session
from commerce.kernel.laws import check_laws
from pricing.errors import PriceOverlaps
from pricing.laws import PricesNeverOverlap
from pricing.prices import prices_in_force, prices_in_force_many
from pricing.schemas import PriceBody
from pricing.set_price import set_price
from tests.conftest import NOON, Api, Callers, Json, problem
from tests.shop import open_shop, rows
from tests.statements import statements

EUR = "EUR"
TOMORROW = "2026-11-03T00:00:00Z"
WEEKEND = {"valid_from": "2026-11-07T00:00:00Z", "valid_to": "2026-11-09T00:00:00Z"}


def body(amount: int = 69900, sku: str = "PHONE-BLK", **more: object) -> Json:
    """A price to set in Germany, by default for a phone from now on."""
    return {"sku": sku, "market": "de", "price": {"amount": amount, "currency": EUR}, **more}


@pytest.fixture
async def merchandiser(db: Database, callers: Callers) -> Api:
    """Somebody who may set prices, in the fixed shop: PHONE-BLK costs 799.00 in Germany since January."""
    await open_shop(db)
    return await callers(Role.MERCHANDISER)


async def history(caller: Api, sku: str = "PHONE-BLK") -> list[tuple[int, str, str | None]]:
    """Amounts and intervals, oldest first, without the year's noise."""
    answer = await caller.get("/v1/recommended-prices/history", market="de", sku=sku)
    return [(row["price"]["amount"], row["valid_from"], row["valid_to"]) for row in answer.json()["prices"]]


async def test_a_new_price_ends_the_old_one_where_it_begins(merchandiser: Api, db: Database) -> None:
    answer = await merchandiser.post("/v1/recommended-prices", body(69900, valid_from=TOMORROW))

    assert (answer.status_code, answer.json()) == (
        201,
        {**body(69900), "valid_from": TOMORROW, "valid_to": None},
    )
    assert await history(merchandiser) == [(79900, "2026-01-01T00:00:00Z", TOMORROW), (69900, TOMORROW, None)]
    [(topic, told)] = await rows(db, "SELECT topic, body FROM outbox_messages")
    assert (topic, told) == (
        "recommended_price_set",
        {
            "sku": "PHONE-BLK",
            "market": "de",
            "amount": 69900,
            "currency": EUR,
            "valid_from": TOMORROW,
            "valid_to": None,
        },
    )


async def test_many_skus_are_asked_in_one_statement(merchandiser: Api, db: Database, clock: SetClock) -> None:
    await merchandiser.post("/v1/recommended-prices", body(69900, valid_from=TOMORROW))
    asked = ["WATCH", "PHONE-BLK", "GHOST", "WATCH", *(f"SKU-{n}" for n in range(496))]

    with statements(db) as sent:
        answer = await merchandiser.get("/v1/recommended-prices", market="de", sku=asked)

    assert answer.status_code == 200
    assert len(sent) == 1
    view = answer.json()
    assert (view["market"], view["currency"], view["at"]) == ("de", EUR, "2026-11-02T12:00:00Z")
    assert [row["sku"] for row in view["prices"]] == list(dict.fromkeys(asked))
    assert view["prices"][:3] == [
        {
            "sku": "WATCH",
            "price": {"amount": 24900, "currency": EUR},
            "valid_from": "2026-01-01T00:00:00Z",
            "valid_to": None,
        },
        {
            "sku": "PHONE-BLK",
            "price": {"amount": 79900, "currency": EUR},
            "valid_from": "2026-01-01T00:00:00Z",
            "valid_to": TOMORROW,
        },
        {"sku": "GHOST", "price": None, "valid_from": None, "valid_to": None},
    ]
    clock.advance(timedelta(hours=12))
    later = await merchandiser.get("/v1/recommended-prices", market="de", sku="PHONE-BLK")
    assert later.json()["prices"][0]["price"]["amount"] == 69900


AROUND_MIDNIGHT: list[tuple[str, int | None]] = [
    ("2025-12-31T23:59:59.999999Z", None),
    ("2026-01-01T00:00:00Z", 79900),
    ("2026-01-01T00:30:00+01:00", None),
    ("2026-11-02T23:59:59.999999Z", 79900),
    ("2026-11-03T00:00:00Z", 69900),
    ("2026-11-03T01:00:00+01:00", 69900),
]


async def test_an_interval_has_its_beginning_and_not_its_end(merchandiser: Api, subtests: pytest.Subtests) -> None:
    await merchandiser.post("/v1/recommended-prices", body(69900, valid_from=TOMORROW))

    for at, amount in AROUND_MIDNIGHT:
        with subtests.test(at):
            answer = await merchandiser.get("/v1/recommended-prices", market="de", sku="PHONE-BLK", at=at)
            [price] = answer.json()["prices"]
            assert price["price"] == (None if amount is None else {"amount": amount, "currency": EUR})


async def test_a_weekend_price_gives_way_to_the_price_it_interrupted(merchandiser: Api) -> None:
    await merchandiser.post("/v1/recommended-prices", body(74900, **WEEKEND))

    assert await history(merchandiser) == [
        (79900, "2026-01-01T00:00:00Z", WEEKEND["valid_from"]),
        (74900, WEEKEND["valid_from"], WEEKEND["valid_to"]),
        (79900, WEEKEND["valid_to"], None),
    ]


async def test_a_plan_is_not_overwritten_but_can_be_led_up_to(merchandiser: Api) -> None:
    await merchandiser.post("/v1/recommended-prices", body(74900, valid_from=WEEKEND["valid_from"]))

    over = await merchandiser.post("/v1/recommended-prices", body(69900))
    same = await merchandiser.post("/v1/recommended-prices", body(69900, valid_from=WEEKEND["valid_from"]))
    up_to = await merchandiser.post("/v1/recommended-prices", body(69900, valid_to=WEEKEND["valid_from"]))

    assert [problem(over), problem(same)] == [(409, "price_overlaps")] * 2
    assert over.json()["facts"]["begins"] == WEEKEND["valid_from"]
    assert up_to.status_code == 201
    assert await history(merchandiser) == [
        (79900, "2026-01-01T00:00:00Z", "2026-11-02T12:00:00Z"),
        (69900, "2026-11-02T12:00:00Z", WEEKEND["valid_from"]),
        (74900, WEEKEND["valid_from"], None),
    ]


async def test_an_ended_price_leaves_a_gap_and_a_plan_can_be_taken_back(merchandiser: Api, db: Database) -> None:
    plan = {"sku": "PHONE-BLK", "market": "de", "at": WEEKEND["valid_from"]}
    await merchandiser.post("/v1/recommended-prices", body(74900, valid_from=WEEKEND["valid_from"]))

    taken_back = await merchandiser.post("/v1/recommended-prices/end", plan)
    gap = await merchandiser.post("/v1/recommended-prices/end", plan)
    ended = await merchandiser.post("/v1/recommended-prices/end", {"sku": "WATCH", "market": "de"})
    asked = await merchandiser.get("/v1/recommended-prices", market="de", sku="WATCH")

    assert (taken_back.status_code, taken_back.json()["price"]["amount"]) == (200, 74900)
    assert await history(merchandiser) == [(79900, "2026-01-01T00:00:00Z", WEEKEND["valid_from"])]
    assert (gap.status_code, gap.json()["price"]["amount"]) == (200, 79900)
    assert ended.json()["valid_to"] == "2026-11-02T12:00:00Z"
    assert asked.json()["prices"][0]["price"] is None
    assert await rows(db, "SELECT topic FROM outbox_messages ORDER BY topic") == [
        ("recommended_price_ended",),
        ("recommended_price_ended",),
        ("recommended_price_set",),
        ("recommended_price_set",),
    ]


@pytest.mark.parametrize("ends", [None, WEEKEND["valid_to"]])
async def test_the_price_before_one_that_is_taken_back_goes_on(
    merchandiser: Api, db: Database, ends: str | None
) -> None:
    await merchandiser.post("/v1/recommended-prices", body(74900, valid_from=WEEKEND["valid_from"], valid_to=ends))

    plan = {"sku": "PHONE-BLK", "market": "de", "at": WEEKEND["valid_from"]}
    taken_back = await merchandiser.post("/v1/recommended-prices/end", plan)

    january = "2026-01-01T00:00:00Z"
    assert taken_back.status_code == 200
    assert await history(merchandiser) == [(79900, january, None)], "in one piece, as it was before the plan"
    [(told,)] = await rows(db, "SELECT body FROM outbox_messages WHERE CAST(body ->> 'amount' AS int) = 79900")
    assert (told["valid_from"], told["valid_to"]) == (WEEKEND["valid_from"], ends)


async def test_a_price_that_begins_and_is_ended_at_one_instant_leaves_a_gap(merchandiser: Api) -> None:
    """It has begun, so it is ended and not taken back: what is wanted is that the phone is not sold."""
    await merchandiser.post("/v1/recommended-prices", body(74900))

    await merchandiser.post("/v1/recommended-prices/end", {"sku": "PHONE-BLK", "market": "de"})

    assert await history(merchandiser) == [(79900, "2026-01-01T00:00:00Z", "2026-11-02T12:00:00Z")]


async def test_whoever_named_no_beginning_is_not_blamed_for_it(merchandiser: Api) -> None:
    answers = await asyncio.gather(*(merchandiser.post("/v1/recommended-prices", body(60000 + n)) for n in range(20)))

    refused = [answer for answer in answers if answer.status_code != 201]
    assert len(refused) == 19
    assert {problem(answer) for answer in refused} == {(409, "price_overlaps")}
    assert {answer.json()["facts"]["field"] for answer in refused} == {"sku"}


REFUSED: list[tuple[Json, tuple[int, str], str]] = [
    ({"valid_from": "2026-11-02T11:59:59Z"}, (422, "price_in_the_past"), "valid_from"),
    ({"valid_from": TOMORROW, "valid_to": TOMORROW}, (400, "invalid_input"), "valid_to"),
    ({"valid_to": "2026-11-02T11:00:00Z"}, (400, "invalid_input"), "valid_to"),
    ({"valid_from": "2026-11-03T00:00:00"}, (400, "invalid_input"), "valid_from"),
    ({"valid_from": "2026-11-03"}, (400, "invalid_input"), "valid_from"),
    ({"valid_from": "9999-12-31T23:59:59-23:59"}, (400, "invalid_input"), "valid_from"),
    ({"valid_to": "9999-12-31T23:59:59-23:59"}, (400, "invalid_input"), "valid_to"),
    ({"sku": "GHOST"}, (422, "unknown_reference"), "sku"),
    ({"market": "fr"}, (422, "unknown_reference"), "market"),
    ({"price": {"amount": 1, "currency": "USD"}}, (422, "mixed_currency"), "price.currency"),
    ({"price": {"amount": -1, "currency": EUR}}, (400, "invalid_input"), "price.amount"),
    ({"price": {"amount": 1.5, "currency": EUR}}, (400, "invalid_input"), "price.amount"),
    ({"price": {"amount": 10**18, "currency": EUR}}, (400, "invalid_input"), "price.amount"),
    ({"price": {"amount": "1", "currency": EUR}}, (400, "invalid_input"), "price.amount"),
    ({"discount": 5}, (400, "invalid_input"), "discount"),
]


async def test_a_price_that_cannot_be_is_refused_by_field(
    merchandiser: Api, db: Database, subtests: pytest.Subtests
) -> None:
    before = await rows(db, "SELECT * FROM recommended_prices ORDER BY sku, market")

    for change, answer, field in REFUSED:
        with subtests.test(change=change):
            refused = await merchandiser.post("/v1/recommended-prices", {**body(), **change})
            assert problem(refused) == answer
            assert refused.json()["errors"][0]["field"] == field

    assert await rows(db, "SELECT * FROM recommended_prices ORDER BY sku, market") == before
    assert await rows(db, "SELECT count(*) FROM outbox_messages") == [(0,)]


UNANSWERABLE: list[tuple[Json, tuple[int, str]]] = [
    ({"market": "fr", "sku": "WATCH"}, (422, "unknown_reference")),
    ({"market": "de"}, (400, "invalid_input")),
    ({"sku": "WATCH"}, (400, "invalid_input")),
    ({"market": "de", "sku": "WATCH", "at": "yesterday"}, (400, "invalid_input")),
    ({"market": "de", "sku": "WATCH", "at": "2026-11-02T12:00:00"}, (400, "invalid_input")),
    ({"market": "de", "sku": "WATCH", "at": "0001-01-01T00:00:00+23:59"}, (400, "invalid_input")),
    ({"market": "de", "sku": [f"S{n}" for n in range(501)]}, (400, "invalid_input")),
    ({"market": "de", "sku": ["WATCH", ""]}, (400, "invalid_input")),
    ({"market": "de", "sku": "A\x00B"}, (400, "invalid_input")),
]


async def test_a_question_that_cannot_be_answered_is_refused(merchandiser: Api, subtests: pytest.Subtests) -> None:
    for wanted, answer in UNANSWERABLE:
        with subtests.test(wanted=wanted):
            assert problem(await merchandiser.get("/v1/recommended-prices", **wanted)) == answer


async def test_the_past_cannot_be_ended(merchandiser: Api) -> None:
    yesterday = {"sku": "WATCH", "market": "de", "at": "2026-11-01T00:00:00Z"}

    assert problem(await merchandiser.post("/v1/recommended-prices/end", yesterday)) == (422, "price_in_the_past")


async def test_who_may_ask_and_who_may_set(merchandiser: Api, callers: Callers) -> None:
    for role in Role:
        caller = await callers(role)
        asked = await caller.get("/v1/recommended-prices", market="us", sku="WATCH")
        assert asked.json()["prices"][0]["price"] == {"amount": 22900, "currency": "USD"}
        if role is not Role.MERCHANDISER:
            assert problem(await caller.post("/v1/recommended-prices", body())) == (403, "wrong_role")
    assert (await merchandiser.post("/v1/recommended-prices", body())).status_code == 201


async def test_one_key_sets_one_price(merchandiser: Api) -> None:
    first = await merchandiser.post("/v1/recommended-prices", body(), once="cheaper")
    again = await merchandiser.post("/v1/recommended-prices", body(), once="cheaper")

    assert (first.status_code, first.content) == (again.status_code, again.content)
    assert len(await history(merchandiser)) == 2


async def test_ten_merchandisers_set_one_price_at_once_and_one_succeeds(merchandiser: Api) -> None:
    answers = await asyncio.gather(
        *(merchandiser.post("/v1/recommended-prices", body(60000 + n, valid_from=TOMORROW)) for n in range(10))
    )

    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 9
    assert {problem(answer)[1] for answer in answers if answer.status_code == 409} == {"price_overlaps"}
    assert len(await history(merchandiser)) == 2


_INSERT = text("INSERT INTO recommended_prices VALUES ('WATCH', 'de', :valid_from, NULL, :amount)")
_OPEN = text("SELECT 1 FROM recommended_prices WHERE sku = 'WATCH' AND market = 'de' AND valid_to IS NULL")
_UNCHECKED = text("""
    ALTER TABLE recommended_prices DROP CONSTRAINT ex_recommended_prices_overlap,
                                   DROP CONSTRAINT pk_recommended_prices
""")
BOTH_LOOKED = asyncio.Barrier(2)


async def set_unguarded(tx: Session, wanted: PriceBody, _now: datetime) -> None:
    """Look whether there is a price, wait until the other has looked as well, and insert."""
    assert (await tx.execute(_OPEN)).first() is None
    await BOTH_LOOKED.wait()
    await tx.execute(_INSERT, {"valid_from": wanted.valid_from, "amount": wanted.price.amount})


@pytest.mark.parametrize(("verb", "successes", "offenders"), [(set_unguarded, 2, 1), (set_price, 1, 0)])
async def test_two_first_prices_race(
    merchandiser: Api,
    db: Database,
    verb: Callable[[Session, PriceBody, datetime], Awaitable[object]],
    successes: int,
    offenders: int,
) -> None:
    """Without the constraint the unguarded twin sets two prices at once; the verb's lock alone prevents it already."""
    await merchandiser.post("/v1/recommended-prices/end", {"sku": "WATCH", "market": "de"})
    async with db.transaction() as tx:
        await tx.execute(_UNCHECKED)

    async def attempt(amount: int) -> bool:
        wanted = PriceBody(sku="WATCH", market="de", price=Amount(amount, EUR), valid_from=NOON + timedelta(hours=1))
        try:
            async with db.transaction() as tx:
                await verb(tx, wanted, NOON)
        except PriceOverlaps:
            return False
        return True

    done = await asyncio.gather(attempt(1), attempt(2))

    assert done.count(True) == successes
    async with db.snapshot() as reading:
        [finding] = await check_laws(reading, [PricesNeverOverlap])
    assert finding.offenders == offenders


async def test_the_constraint_has_the_last_word(merchandiser: Api, db: Database) -> None:
    """Somebody writes past the lock: the database refuses the second price, and the caller hears why."""
    await merchandiser.post("/v1/recommended-prices/end", {"sku": "WATCH", "market": "de"})
    wanted = body(2, "WATCH", valid_from=TOMORROW)

    async with db.transaction() as other:
        await other.execute(_INSERT, {"valid_from": NOON, "amount": 1})
        waiting = asyncio.create_task(merchandiser.post("/v1/recommended-prices", wanted))
        await somebody_waits(db)
    refused = await waiting

    assert problem(refused) == (409, "price_overlaps")
    assert refused.json()["facts"]["begins"] is None


async def somebody_waits(db: Database) -> None:
    """Come back when some transaction of this database waits for another."""
    waiting = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    async with asyncio.timeout(5):
        while not await rows(db, waiting):
            pass


async def test_other_rooms_ask_in_one_statement(merchandiser: Api, db: Database) -> None:
    await merchandiser.post("/v1/recommended-prices", body(69900))
    with statements(db) as sent:
        async with db.read() as reading:
            german = await prices_in_force(reading, "de", {"PHONE-BLK", "CASE-BLK", "GHOST"}, NOON)
            both = await prices_in_force_many(reading, [("de", "WATCH"), ("us", "WATCH"), ("fr", "WATCH")], NOON)

    assert german == {"PHONE-BLK": 69900, "CASE-BLK": 2900}
    assert both == {("de", "WATCH"): 24900, ("us", "WATCH"): 22900}
    assert len(sent) == 2
