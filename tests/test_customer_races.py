"""Customers in a rush: nobody is made twice, and a merge leaves nothing behind."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from commerce.kernel.access import Role
from commerce.kernel.db import Database, Session, is_lost_race
from commerce.kernel.ids import new_id
from commerce.kernel.laws import broken
from orders.customers.errors import IdentityTaken
from orders.customers.find_or_make import find_or_make
from orders.customers.identities import Who, identities_of
from orders.customers.register import register
from tests.conftest import NOON, Api, Callers, problem
from tests.people import (
    buyers,
    count,
    findings,
    identities,
    open_shop,
    order_in,
    point,
    somebody_waits,
    statements,
    unmerged,
    write_down,
)

PHONE = "+493023125051"


@pytest.fixture(autouse=True)
async def _the_laws_hold(db: Database, request: pytest.FixtureRequest) -> AsyncIterator[None]:
    """After every story, unless it breaks a law on purpose."""
    yield
    if "breaks_a_law" not in request.fixturenames:
        assert broken(await findings(db)) == []


@pytest.fixture
def breaks_a_law() -> None:
    """The story plants a violation, and looks itself whether it was found."""


@pytest.fixture
async def office(callers: Callers) -> Api:
    """An operator."""
    return await callers(Role.OPERATOR)


async def test_two_merges_in_both_directions_at_once_one_wins(office: Api) -> None:
    for n in range(10):
        a, b = [(await office.post("/v1/customers", {"account": f"acc-{n}-{m}"})).json()["id"] for m in range(2)]

        answers = await asyncio.gather(
            office.post(f"/v1/customers/{a}/merge", {"into": b, "reason": "same"}),
            office.post(f"/v1/customers/{b}/merge", {"into": a, "reason": "same"}),
        )

        won, lost = sorted(answers, key=lambda answer: answer.status_code)
        assert won.status_code == 201
        assert problem(lost) == (409, "same_person")


@pytest.mark.usefixtures("breaks_a_law")
async def test_the_twin_without_the_lock_merges_in_a_circle(db: Database, office: Api) -> None:
    a, b = [(await office.post("/v1/customers", {"account": f"acc-{n}"})).json()["id"] for n in range(2)]

    async with db.transaction() as one, db.transaction() as other:
        for tx in (one, other):
            assert await unmerged(tx, a, b)
        await point(one, a, b)
        await point(other, b, a)

    circle = {finding.law: finding.shown for finding in broken(await findings(db))}
    assert circle["every_merge_ends_at_a_survivor"] == sorted([a, b])


async def test_a_group_names_its_people_in_two_statements(db: Database) -> None:
    async with db.transaction() as tx:
        [mara] = await find_or_make(tx, [Who(account="acc-1", email="mara@example.com")], NOON)
    group = [
        None,
        Who(email="MARA@example.com", loyalty="L-1"),
        Who(email="nils@example.com"),
        Who(email="Nils@Example.com", phone="030 23125051", country="DE"),
        Who(phone="+49 30 23125051"),
        Who(country="DE"),
        Who(loyalty="L-1", email="third@example.com"),
    ]

    with statements(db) as asked:
        async with db.transaction() as tx:
            found = await find_or_make(tx, group, NOON)
    with statements(db) as again:
        async with db.transaction() as tx:
            assert await find_or_make(tx, group, NOON) == found
    with statements(db) as nothing:
        async with db.transaction() as tx:
            assert await find_or_make(tx, [None, Who()], NOON) == [None, None]

    loyal, nils, phone = found[1], found[2], found[4]
    assert found == [None, loyal, nils, nils, phone, None, loyal]
    assert len({mara, loyal, nils, phone, None}) == 5
    assert (len(asked), len(again), len(nothing)) == (2, 1, 0)
    assert await identities(db) == {
        ("account", "acc-1"): mara,
        ("email", "mara@example.com"): mara,
        ("email", "third@example.com"): loyal,
        ("loyalty", "L-1"): loyal,
        ("email", "nils@example.com"): nils,
        ("phone", "+493023125051"): phone,
    }
    async with db.read() as tx:
        rows = (await tx.execute(text("SELECT id, code, email, phone FROM customers"))).all()
    assert set(rows) == {
        (mara, mara, "mara@example.com", None),
        (loyal, loyal, "MARA@example.com", None),
        (nils, nils, "nils@example.com", None),
        (phone, phone, None, "+49 30 23125051"),
    }


async def test_the_strongest_identity_finds_and_nothing_is_stolen(db: Database) -> None:
    async with db.transaction() as tx:
        by_email, by_account = await find_or_make(tx, [Who(email="m@example.com"), Who(account="acc-1")], NOON)

        [found] = await find_or_make(tx, [Who(account="acc-1", email="m@example.com", phone="+493023125051")], NOON)

    assert found == by_account
    assert await identities(db) == {
        ("account", "acc-1"): by_account,
        ("email", "m@example.com"): by_email,
        ("phone", "+493023125051"): by_account,
    }


TAKEOVERS = [
    ("a stranger's account with Mara's phone", Who(account="acc-x", email="x@evil.example", phone="+493023125051")),
    ("a stranger's loyalty card with Mara's e-mail", Who(loyalty="L-x", email="m@example.com", phone="+493023125052")),
    ("an unknown account with her loyalty card", Who(account="acc-x", loyalty="L-1", email="x@evil.example")),
]


@pytest.mark.parametrize("who", [case[1] for case in TAKEOVERS], ids=[case[0] for case in TAKEOVERS])
async def test_whoever_signed_in_is_never_found_by_what_anybody_can_type(db: Database, who: Who) -> None:
    mara_is = Who(account="acc-1", loyalty="L-1", email="m@example.com", phone="+493023125051")
    async with db.transaction() as tx:
        [mara] = await find_or_make(tx, [mara_is], NOON)
    hers = await identities(db)

    async with db.transaction() as tx:
        [stranger] = await find_or_make(tx, [who], NOON)
    async with db.transaction() as tx:
        assert await find_or_make(tx, [who], NOON) == [stranger], "and is the same customer the next time"

    assert stranger != mara
    now = await identities(db)
    assert {identity: now[identity] for identity in hers} == hers
    assert [identity for identity, customer in now.items() if customer == mara] == list(hers)


async def test_a_guest_who_is_found_leaves_nothing_behind(db: Database) -> None:
    async with db.transaction() as tx:
        [mara] = await find_or_make(tx, [Who(account="acc-1", email="m@example.com")], NOON)
    before = await identities(db)

    async with db.transaction() as tx:
        [found] = await find_or_make(tx, [Who(email="m@example.com", phone="+493023125059")], NOON)

    assert found == mara
    assert await identities(db) == before, "the phone number may be anybody's"


async def make_without_looking_again(tx: Session, wanted: Sequence[Who | None], now: datetime) -> list[str | None]:
    """What one would write first: look, then make, and let the database ignore a second identity."""
    [who] = wanted
    assert who is not None
    look = text("SELECT customer_id FROM customer_identities WHERE kind = 'email' AND value = :email")
    found = (await tx.execute(look, {"email": who.email})).scalar_one_or_none()
    if found:
        return [str(found)]
    fresh = new_id("cus", now)
    await tx.execute(text("INSERT INTO customers (id, code) VALUES (:id, :id)"), {"id": fresh})
    make = text("INSERT INTO customer_identities VALUES ('email', :email, :id) ON CONFLICT DO NOTHING")
    await tx.execute(make, {"email": who.email, "id": fresh})
    return [fresh]


@pytest.mark.parametrize(("finder", "people"), [(make_without_looking_again, 2), (find_or_make, 1)])
async def test_two_channels_meet_a_new_customer_at_once(db: Database, finder: Any, people: int) -> None:  # noqa: ANN401 - either finder
    """The second looks before the first has committed; if that cannot double a person, we prove nothing."""
    who = [Who(email="mara@example.com")]

    async def second() -> Any:  # noqa: ANN401 - what the finder finds
        async with db.transaction() as tx:
            return await finder(tx, who, NOON)

    async with db.transaction() as tx:
        [first] = await finder(tx, who, NOON)
        other = asyncio.create_task(second())
        await somebody_waits(db)
    [found] = await other

    assert len({first, found}) == people
    assert await count(db, "customers") == people


async def make_in_two_passes(tx: Session, wanted: Sequence[Who | None], now: datetime) -> list[str | None]:
    """What stood here before: what finds the new people first, then the rest, each in order but not both."""
    make = text("INSERT INTO customers (id, code) VALUES (:id, :id)")
    claim = text("INSERT INTO customer_identities VALUES (:kind, :value, :id) ON CONFLICT DO NOTHING")
    made = [(new_id("cus", now), identities_of(person)) for person in wanted if person is not None]
    for customer, _ in made:
        await tx.execute(make, {"id": customer})
    for claims in (
        [(identity, customer) for customer, found in made for identity in found[:1]],
        [(identity, customer) for customer, found in made for identity in found[1:]],
    ):
        for identity, customer in sorted(claims):
            await tx.execute(claim, {"kind": identity.kind, "value": identity.value, "id": customer})
    return [customer for customer, _ in made]


@pytest.mark.usefixtures("breaks_a_law")
@pytest.mark.parametrize(("finder", "dead"), [(make_in_two_passes, 1), (find_or_make, 0)])
async def test_a_group_and_a_sale_take_the_same_identities_in_one_order(db: Database, finder: Any, dead: int) -> None:  # noqa: ANN401 - either finder
    """The group is stopped half way, at an address that is somebody else's in a moment, while the sale goes on."""
    group = [Who(account="acc-1", email="a@example.com"), Who(account="acc-2", email="e@example.com"), Who(phone=PHONE)]
    sale = [Who(email="e@example.com", phone=PHONE)]

    async def ask(wanted: list[Who]) -> Any:  # noqa: ANN401 - what the finder finds
        async with db.transaction() as tx:
            return await finder(tx, wanted, NOON)

    async with db.transaction() as other:
        await find_or_make(other, [Who(email="a@example.com")], NOON)
        grouped = asyncio.create_task(ask(group))
        await somebody_waits(db)
        sold = asyncio.create_task(ask(sale))
        both_wait = asyncio.create_task(somebody_waits(db, 2))
        await asyncio.wait({sold, both_wait}, return_when=asyncio.FIRST_COMPLETED)
        both_wait.cancel()
    ends = await asyncio.gather(grouped, sold, return_exceptions=True)

    assert [isinstance(end, DBAPIError) and is_lost_race(end) for end in ends].count(True) == dead
    if not dead:
        [buyer] = await sold
        first, second, third = await grouped
        assert third == buyer, "who was made while the group waited is found by it"
        found = await identities(db)
        assert found.pop(("email", "a@example.com")) not in {first, second, buyer}
        assert found == {
            ("account", "acc-1"): first,
            ("account", "acc-2"): second,
            ("email", "e@example.com"): buyer,
            ("phone", PHONE): buyer,
        }
        assert await count(db, "customers") == 4, "nobody is left who was made in vain"


async def test_an_edit_gives_up_an_address_only_when_it_has_the_new_one(db: Database, office: Api) -> None:
    """Who waits for what an edit gives up may have what it still wants; so it gives up last, and waits no more."""
    mara = (await office.post("/v1/customers", {"phone": PHONE})).json()["id"]

    async with db.transaction() as tx:
        [nils] = await find_or_make(tx, [Who(email="new@example.com")], NOON)
        editing = asyncio.create_task(
            office.send("PATCH", f"/v1/customers/{mara}", {"email": "new@example.com", "phone": None})
        )
        await somebody_waits(db)
        with pytest.raises(IdentityTaken):
            await register(tx, Who(phone=PHONE), NOON)
    edited = await editing

    assert problem(edited) == (409, "identity_taken")
    assert await identities(db) == {("email", "new@example.com"): nils, ("phone", PHONE): mara}


@pytest.mark.parametrize(
    "first", [Who(account="acc-x", email="e@example.com"), Who(account="known", email="e@example.com")]
)
async def test_whoever_was_found_by_what_a_group_lost_is_looked_for_again(db: Database, first: Who) -> None:
    """The second of the group is found by an address that the first one takes along, but somebody else was quicker."""
    async with db.transaction() as tx:
        await find_or_make(tx, [Who(account="known")], NOON)

    async def order_together() -> list[str | None]:
        async with db.transaction() as there:
            return await find_or_make(there, [first, Who(email="e@example.com")], NOON)

    async with db.transaction() as here:
        [quicker] = await find_or_make(here, [Who(account="acc-z", email="e@example.com")], NOON)
        together = asyncio.create_task(order_together())
        await somebody_waits(db)

    [theirs, guest] = await together
    assert guest == quicker
    assert theirs not in {None, quicker}


async def test_a_rush_of_groups_makes_each_new_person_once(db: Database) -> None:
    async def ask(n: int) -> list[str | None]:
        group = [Who(email=f"p{m}@example.com", phone=f"+4930231250{m:02}") for m in range(8)]
        async with db.transaction() as tx:
            return await find_or_make(tx, group[n:] + group[:n], NOON)

    answers = await asyncio.gather(*(ask(n) for n in range(8)))

    assert {frozenset(answer) for answer in answers} == {frozenset(answers[0])}
    assert await count(db, "customers") == 8
    assert await count(db, "customer_identities") == 16


async def test_a_merge_waits_for_an_order_on_its_way(db: Database, office: Api) -> None:
    one, two = [(await office.post("/v1/customers", {"account": f"acc-{n}"})).json()["id"] for n in range(2)]
    await open_shop(db)

    async with db.transaction() as tx:
        [buyer] = await find_or_make(tx, [Who(account="acc-0")], NOON)
        merging = asyncio.create_task(office.post(f"/v1/customers/{one}/merge", {"into": two, "reason": "same"}))
        await somebody_waits(db)
        order = await order_in(tx, str(buyer))
    merged = await merging

    assert merged.json()["moved"]["orders"] == [order]
    assert await buyers(db) == {order: two}


@pytest.mark.usefixtures("breaks_a_law")
async def test_the_twin_that_only_looks_leaves_an_order_with_a_merged_customer(db: Database, office: Api) -> None:
    one, two = [(await office.post("/v1/customers", {"account": f"acc-{n}"})).json()["id"] for n in range(2)]
    await open_shop(db)

    async with db.transaction() as tx:
        look = text("SELECT customer_id FROM customer_identities WHERE value = 'acc-0'")
        buyer = (await tx.execute(look)).scalar_one()
        await office.post(f"/v1/customers/{one}/merge", {"into": two, "reason": "same"})
        order = await order_in(tx, buyer)

    [finding] = broken(await findings(db))
    assert (finding.law, finding.shown) == ("nobody_points_at_a_merged_customer", [f"order {order} {one}"])


async def test_an_order_that_waits_for_a_merge_follows_it(db: Database, office: Api) -> None:
    one, two = [(await office.post("/v1/customers", {"account": f"acc-{n}"})).json()["id"] for n in range(2)]

    async def ask() -> list[str | None]:
        async with db.transaction() as tx:
            return await find_or_make(tx, [Who(account="acc-0")], NOON)

    async with db.transaction() as tx:
        await tx.execute(text("SELECT FROM customers WHERE id = :id FOR UPDATE"), {"id": one})
        asking = asyncio.create_task(ask())
        await somebody_waits(db)
        await tx.execute(text("UPDATE customer_identities SET customer_id = :two WHERE value = 'acc-0'"), {"two": two})
        await point(tx, one, two)
        await write_down(tx, one, two)

    assert await asking == [two]


@pytest.mark.usefixtures("breaks_a_law")
async def test_a_planted_identity_of_a_merged_customer_is_found(db: Database, office: Api) -> None:
    one, two = [(await office.post("/v1/customers", {"account": f"acc-{n}"})).json()["id"] for n in range(2)]
    async with db.transaction() as tx:
        await point(tx, one, two)
        await write_down(tx, one, two)

    [finding] = broken(await findings(db))

    assert (finding.law, finding.shown) == ("nobody_points_at_a_merged_customer", [f"account acc-0 {one}"])


@pytest.mark.usefixtures("breaks_a_law")
async def test_a_merge_that_was_not_written_down_is_found(db: Database) -> None:
    async with db.transaction() as tx:
        for customer in ("cus_1", "cus_2", "cus_3", "cus_4"):
            await tx.execute(text("INSERT INTO customers (id, code) VALUES (:id, :id)"), {"id": customer})
        await point(tx, "cus_1", "cus_2")
        await write_down(tx, "cus_3", "cus_2")
        await point(tx, "cus_4", "cus_2")
        await write_down(tx, "cus_4", "cus_3")

    [finding] = broken(await findings(db))

    assert (finding.law, finding.shown) == ("every_merge_is_written_down", ["cus_1", "cus_3", "cus_4"])
