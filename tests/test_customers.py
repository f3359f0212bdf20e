"""Customers: one person across channels, made once, merged with a trail."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import event, text

from commerce.kernel.access import Role
from commerce.kernel.db import Database, ReadSession, Session
from commerce.kernel.ids import new_id
from commerce.kernel.laws import Finding, broken, check_laws
from orders.customers.find_or_make import find_or_make
from orders.customers.identities import Who
from orders.customers.laws import LAWS
from tests.conftest import NOON, Api, Callers, problem


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


async def test_a_customer_of_the_web_shop_is_known_at_the_till(callers: Callers) -> None:
    web = await callers(Role.STOREFRONT, channel="web-de")
    till = await callers(Role.TERMINAL, channel="retail-de", location="berlin")

    made = await web.post(
        "/v1/customers",
        {"account": "acc-1", "email": "Mara@Example.com", "phone": "030 23125051", "country": "DE"},
    )
    found = await till.get("/v1/customers", phone="+49 (30) 231 250 51")

    assert made.status_code == 201
    mara = made.json()
    assert mara == {
        "id": mara["id"],
        "code": mara["id"],
        "email": "Mara@Example.com",
        "phone": "030 23125051",
        "country": "DE",
        "created_at": "2026-11-02T12:00:00Z",
        "merged_into": None,
        "identities": [
            {"kind": "account", "value": "acc-1"},
            {"kind": "email", "value": "mara@example.com"},
            {"kind": "phone", "value": "+493023125051"},
        ],
    }
    assert found.json() == {"items": [mara], "next_cursor": None}
    assert (await till.get(f"/v1/customers/{mara['id']}")).json() == mara


async def test_registering_twice_with_one_key_makes_one_customer(db: Database, office: Api) -> None:
    body = {"email": "mara@example.com"}

    first = await office.post("/v1/customers", body, once="k1")
    again = await office.post("/v1/customers", body, once="k1")

    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers["idempotent-replayed"] == "true"
    assert await count(db, "customers") == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "body"),
        ({"country": "DE"}, "body"),
        ({"email": "mara at example.com"}, "email"),
        ({"email": "m" * 250 + "@e.de"}, "email"),
        ({"phone": "030 23125051"}, "phone"),
        ({"phone": "12", "country": "DE"}, "phone"),
        ({"email": "mara@example.com", "country": "Germany"}, "country"),
        ({"account": "a\x00b"}, "account"),
        ({"account": 7}, "account"),
        ({"email": "mara@example.com", "nickname": "mara"}, "nickname"),
    ],
)
async def test_what_cannot_be_read_is_refused_by_its_field(
    db: Database, office: Api, body: dict[str, Any], field: str
) -> None:
    answer = await office.post("/v1/customers", body)

    assert problem(answer) == (400, "invalid_input")
    assert [error["field"].rpartition(".")[2] for error in answer.json()["errors"]] == [field]
    assert await count(db, "customers") + await count(db, "idempotency_keys") == 0


async def test_an_identity_finds_one_person_only(db: Database, office: Api) -> None:
    mara = (await office.post("/v1/customers", {"email": "mara@example.com"})).json()

    answer = await office.post("/v1/customers", {"account": "acc-2", "email": "MARA@example.com"})

    assert problem(answer) == (409, "identity_taken")
    assert answer.json()["facts"] == {"field": "email", "value": "mara@example.com", "customer_id": mara["id"]}
    assert await count(db, "customers") == 1


async def test_who_may_see_personal_data(callers: Callers, office: Api) -> None:
    mara = (await office.post("/v1/customers", {"email": "mara@example.com"})).json()
    path = f"/v1/customers/{mara['id']}"
    for role in (Role.ANALYST, Role.MERCHANDISER):
        caller = await callers(role)
        for answer in (await caller.get(path), await caller.get("/v1/customers", email="mara@example.com")):
            assert problem(answer) == (403, "wrong_role")
    web = await callers(Role.STOREFRONT, channel="web-de")
    assert problem(await web.send("PATCH", path, {"country": "DE"})) == (403, "wrong_role")
    assert problem(await web.post(f"{path}/merge", {"into": mara["id"], "reason": "x"})) == (403, "wrong_role")
    assert problem(await web.get(f"{path}/merges")) == (403, "wrong_role")


async def test_looking_for_nobody_is_refused_and_finding_nobody_is_not(office: Api) -> None:
    assert problem(await office.get("/v1/customers")) == (400, "invalid_input")
    assert problem(await office.get("/v1/customers", email="nonsense")) == (400, "invalid_input")
    assert (await office.get("/v1/customers", email="mara@example.com")).json() == {"items": [], "next_cursor": None}
    assert problem(await office.get("/v1/customers/cus_unknown")) == (404, "not_found")
    assert problem(await office.get("/v1/customers/cus_unknown/merges")) == (404, "not_found")


async def test_identities_of_two_people_find_both_the_stronger_first(office: Api) -> None:
    phone = (await office.post("/v1/customers", {"phone": "+493023125051"})).json()
    account = (await office.post("/v1/customers", {"account": "acc-1"})).json()

    found = await office.get("/v1/customers", phone="+493023125051", account="acc-1")

    assert [customer["id"] for customer in found.json()["items"]] == [account["id"], phone["id"]]


async def test_editing_replaces_what_is_sent_and_leaves_the_rest(office: Api) -> None:
    mara = (
        await office.post("/v1/customers", {"account": "acc-1", "email": "old@example.com", "country": "DE"})
    ).json()
    path = f"/v1/customers/{mara['id']}"

    edited = await office.send("PATCH", path, {"email": "New@example.com", "phone": "030 23125051"})
    without = await office.send("PATCH", path, {"phone": None})

    assert edited.status_code == 200
    assert edited.json()["email"] == "New@example.com"
    assert edited.json()["identities"] == [
        {"kind": "account", "value": "acc-1"},
        {"kind": "email", "value": "new@example.com"},
        {"kind": "phone", "value": "+493023125051"},
    ]
    assert without.json()["phone"] is None
    assert [identity["kind"] for identity in without.json()["identities"]] == ["account", "email"]
    assert (await office.get("/v1/customers", email="old@example.com")).json()["items"] == []


async def test_editing_never_takes_what_is_somebody_elses(office: Api) -> None:
    mara = (await office.post("/v1/customers", {"email": "mara@example.com"})).json()
    nils = (await office.post("/v1/customers", {"email": "nils@example.com"})).json()
    path = f"/v1/customers/{nils['id']}"

    taken = await office.send("PATCH", path, {"email": "mara@example.com", "country": "DE"})
    bad = await office.send("PATCH", path, {"email": "mara"})

    assert problem(taken) == (409, "identity_taken")
    assert taken.json()["facts"]["customer_id"] == mara["id"]
    assert problem(bad) == (400, "invalid_input")
    assert (await office.get(path)).json() == nils
    assert problem(await office.send("PATCH", "/v1/customers/cus_unknown", {})) == (404, "not_found")


async def test_a_merge_moves_everything_and_writes_down_what(db: Database, office: Api) -> None:
    web = (await office.post("/v1/customers", {"account": "acc-1", "email": "mara@example.com"})).json()["id"]
    till = (await office.post("/v1/customers", {"phone": "030 23125051", "country": "DE"})).json()["id"]
    await open_shop(db)
    kept, moved = await order_of(db, web), await order_of(db, till)

    answer = await office.post(f"/v1/customers/{till}/merge", {"into": web, "reason": "same person"})

    assert answer.status_code == 201
    trail = answer.json()
    assert trail == {
        "id": trail["id"],
        "merged": till,
        "survivor": web,
        "actor": trail["actor"],
        "reason": "same person",
        "merged_at": "2026-11-02T12:00:00Z",
        "moved": {
            "identities": [{"kind": "phone", "value": "+493023125051"}],
            "orders": [moved],
            "contact": {"phone": "030 23125051", "country": "DE"},
        },
    }
    assert trail["actor"].startswith("opk_")
    survivor = (await office.get("/v1/customers", phone="+493023125051")).json()["items"]
    assert [(one["id"], one["phone"], one["country"]) for one in survivor] == [(web, "030 23125051", "DE")]
    gone = (await office.get(f"/v1/customers/{till}")).json()
    assert (gone["merged_into"], gone["identities"]) == (web, [])
    assert await buyers(db) == {kept: web, moved: web}
    for customer in (web, till):
        assert (await office.get(f"/v1/customers/{customer}/merges")).json() == {"items": [trail], "next_cursor": None}
    async with db.read() as tx:
        told = (await tx.execute(text("SELECT topic, body FROM outbox_messages"))).all()
    assert told == [("customers_merged", {"merge_id": trail["id"], "merged": till, "survivor": web})]


async def test_merges_are_listed_latest_first_in_pages(office: Api) -> None:
    one, two, three = [(await office.post("/v1/customers", {"account": f"acc-{n}"})).json()["id"] for n in range(3)]
    await office.post(f"/v1/customers/{one}/merge", {"into": three, "reason": "first"})
    await office.post(f"/v1/customers/{two}/merge", {"into": three, "reason": "second"})

    page = (await office.get(f"/v1/customers/{three}/merges", limit=1)).json()
    rest = (await office.get(f"/v1/customers/{three}/merges", limit=1, cursor=page["next_cursor"])).json()

    assert {merge["reason"] for merge in page["items"] + rest["items"]} == {"first", "second"}
    assert (len(page["items"]), len(rest["items"]), rest["next_cursor"]) == (1, 1, None)


async def test_chains_are_followed_and_circles_refused(office: Api) -> None:
    a, b, c = [(await office.post("/v1/customers", {"account": f"acc-{n}"})).json()["id"] for n in range(3)]

    async def merge(who: str, into: str) -> Any:  # noqa: ANN401 - an httpx response
        return await office.post(f"/v1/customers/{who}/merge", {"into": into, "reason": "same"})

    assert problem(await merge(a, a)) == (409, "same_person")
    assert problem(await merge(a, "cus_unknown")) == (422, "unknown_reference")
    assert problem(await merge("cus_unknown", a)) == (404, "not_found")
    assert (await merge(a, b)).status_code == 201
    assert problem(await merge(b, a)) == (409, "same_person")
    assert problem(await merge(a, c)) == (409, "customer_merged")
    assert (await merge(c, a)).json()["survivor"] == b
    assert problem(await office.send("PATCH", f"/v1/customers/{a}", {"country": "DE"})) == (409, "customer_merged")
    found = (await office.get("/v1/customers", account="acc-2")).json()["items"]
    assert [customer["id"] for customer in found] == [b]


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

    nils = found[2]
    assert found == [None, mara, nils, nils, nils, None, mara]
    assert nils not in (None, mara)
    assert (len(asked), len(again), len(nothing)) == (2, 1, 0)
    assert await identities(db) == {
        ("account", "acc-1"): mara,
        ("email", "mara@example.com"): mara,
        ("email", "third@example.com"): mara,
        ("loyalty", "L-1"): mara,
        ("email", "nils@example.com"): nils,
        ("phone", "+493023125051"): nils,
    }
    async with db.read() as tx:
        rows = (await tx.execute(text("SELECT id, code, email, phone, country FROM customers ORDER BY email"))).all()
    assert rows == [(mara, mara, "mara@example.com", None, None), (nils, nils, "nils@example.com", None, None)]


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


async def findings(db: Database) -> list[Finding]:
    """What the customers' laws find."""
    async with db.snapshot() as tx:
        return await check_laws(tx, LAWS)


async def point(tx: Session, merged: str, survivor: str) -> None:
    """Mark a customer as merged, and do nothing else."""
    found = await tx.execute(
        text("UPDATE customers SET merged_into = :survivor WHERE id = :id"), {"id": merged, "survivor": survivor}
    )
    assert getattr(found, "rowcount", 0) == 1


async def write_down(tx: Session, merged: str, survivor: str) -> None:
    """Write an entry of the audit trail, whether or not it happened."""
    entry = "INSERT INTO customer_merges VALUES (:id, :merged, :survivor, 'test', 'test', :now, '{}')"
    await tx.execute(text(entry), {"id": new_id("cmg"), "merged": merged, "survivor": survivor, "now": NOON})


async def unmerged(tx: ReadSession, *customers: str) -> bool:
    """Whether none of them was merged, as this transaction sees it."""
    look = text("SELECT count(*) FROM customers WHERE id = ANY(:ids) AND merged_into IS NULL")
    return bool((await tx.execute(look, {"ids": list(customers)})).scalar_one() == len(customers))


async def somebody_waits(db: Database) -> None:
    """Come back once another transaction of this database waits for a lock."""
    look = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
    async with db.read() as tx:
        while (await tx.execute(look)).scalar_one() == 0:
            pass


async def open_shop(db: Database) -> None:
    """A market and a channel, for orders to be placed in."""
    async with db.transaction() as tx:
        await tx.execute(text("INSERT INTO markets VALUES ('de', 'EUR', '{DE}', true, 'Europe/Berlin')"))
        await tx.execute(text("INSERT INTO channels VALUES ('web-de', 'online', 'de', 'Web')"))


async def order_of(db: Database, customer: str) -> str:
    """An order of this customer; its id."""
    async with db.transaction() as tx:
        return await order_in(tx, customer)


async def order_in(tx: Session, customer: str) -> str:
    """An order of this customer in a transaction; its id."""
    order = new_id("ord", NOON)
    insert = """
        INSERT INTO orders (id, order_number, source, channel, customer_id, currency, prices_include_tax, fulfilment,
                            state, placed_at, subtotal, discount_total, tax_total, total)
        VALUES (:id, :id, 'import', 'web-de', :customer, 'EUR', true, 'ship', 'completed', :now, 0, 0, 0, 0)
    """
    await tx.execute(text(insert), {"id": order, "customer": customer, "now": NOON})
    return order


async def buyers(db: Database) -> dict[str, str]:
    """Whose each order is."""
    async with db.read() as tx:
        return {row[0]: row[1] for row in await tx.execute(text("SELECT id, customer_id FROM orders"))}


async def identities(db: Database) -> dict[tuple[str, str], str]:
    """Whom each identity finds."""
    async with db.read() as tx:
        rows = await tx.execute(text("SELECT kind, value, customer_id FROM customer_identities"))
        return {(row[0], row[1]): row[2] for row in rows}


async def count(db: Database, table: str) -> int:
    """How many rows a table has."""
    async with db.read() as tx:
        return int((await tx.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one())


@contextmanager
def statements(db: Database) -> Iterator[list[str]]:
    """Every statement that is sent inside the block."""
    sent: list[str] = []

    def note(_c: object, _u: object, statement: str, *_: object) -> None:
        sent.append(statement)

    event.listen(db.engine.sync_engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(db.engine.sync_engine, "before_cursor_execute", note)
