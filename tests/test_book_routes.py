"""Price books over HTTP: fetched whole, as a delta or not at all; by whom; and with what keys."""

import json

import pytest
from sqlalchemy import event
from sqlalchemy.util import await_only

from commerce.kernel.access import Role
from commerce.kernel.clock import SetClock
from commerce.kernel.db import Database
from pricing.books.errors import BookTampered, BookTooOld
from pricing.books.verify import verify
from tests.book_stories import LEAD, cheaper_case, publish, reprice, till_in_berlin, trusted
from tests.conftest import NOON, Api, Callers, Json, problem
from tests.shop import rows
from tests.stories import every_law_holds, plant

HELD = "SELECT principal, market, number FROM book_holders ORDER BY principal"


@pytest.fixture
async def till(db: Database, callers: Callers) -> Api:
    """The till in Berlin, and a German book."""
    return await till_in_berlin(db, callers)


async def many_cases(db: Database) -> None:
    """The next book: it has three hundred more prices."""
    numbered = "SELECT 'S-' || lpad(n::text, 3, '0')"
    await plant(
        db,
        "INSERT INTO variants (sku, product, name, category, tax_class, status)"
        f" {numbered}, 'case', 'Case', 'cases', 'standard', 'active' FROM generate_series(1, 300) n",
        "INSERT INTO recommended_prices (sku, market, valid_from, amount)"
        f" {numbered}, 'de', '2026-01-01Z', 1000 + n FROM generate_series(1, 300) n",
    )
    await publish(db, at_once=True)


async def cheaper_cases(db: Database, first: int, last: int) -> None:
    """The next book: each of these costs 10 % less soon."""
    those = f"sku BETWEEN 'S-{first:03}' AND 'S-{last:03}' AND superseded_at IS NULL"
    now, soon = (f"CAST('{at.isoformat()}' AS timestamptz)" for at in (db.clock.now(), db.clock.now() + LEAD))
    await plant(
        db,
        f"WITH gone AS (UPDATE recommended_prices SET superseded_at = {now} WHERE {those} RETURNING *)"
        " INSERT INTO recommended_prices (sku, market, valid_from, valid_to, amount, recorded_at)"
        f" SELECT sku, market, valid_from, {soon}, amount, {now} FROM gone UNION ALL"
        f" SELECT sku, market, {soon}, NULL, amount * 9 / 10, {now} FROM gone",
    )
    await publish(db)


@pytest.mark.parametrize(
    ("changes", "sent"),
    [([(1, 30)], ["delta"]), ([(1, 300)], ["book"]), ([(1, 150), (151, 300)], ["book", "delta"])],
    ids=["a few", "all at once", "all by halves"],
)
async def test_whatever_is_shorter_is_sent(
    till: Api, db: Database, clock: SetClock, changes: list[tuple[int, int]], sent: list[str]
) -> None:
    await many_cases(db)
    for first, last in changes:
        await cheaper_cases(db, first, last)
        clock.advance(LEAD)

    whole = await till.get(f"/v1/price-books/de/{2 + len(changes)}")
    since = [await till.get("/v1/price-books/de", since=2 + held) for held in range(len(changes))]

    assert [answer.json()["number"] for answer in since] == [2 + len(changes)] * len(since)
    assert [{"book", "delta"} & answer.json().keys() for answer in since] == [{one} for one in sent]
    assert all(len(answer.content) <= len(whole.content) for answer in since)
    await every_law_holds(db)


async def test_a_till_fetches_a_book_then_what_changed_then_nothing(till: Api, db: Database) -> None:
    answer = await till.get("/v1/price-books/de")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    first = verify(answer.content, await trusted(db))
    assert answer.headers["etag"] == f'"{first.sha256}"'
    assert answer.headers["cache-control"] == "private, no-cache"

    await cheaper_case(db)
    answer = await till.get("/v1/price-books/de", since=1, headers={"If-None-Match": f'"{first.sha256}"'})
    assert answer.status_code == 200
    assert list(answer.json()["delta"]["items"]["put"]) == ["CASE-BLK"]
    second = verify(answer.content, first.trusted, first.body)
    assert second.book.number == 2

    answer = await till.get("/v1/price-books/de", headers={"If-None-Match": f'"{second.sha256}"'})
    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["etag"] == f'"{second.sha256}"'
    answer = await till.get("/v1/price-books/de", since=2)
    assert verify(answer.content, second.trusted, second.body).body == second.body
    await every_law_holds(db)


async def test_whoever_holds_several_books_is_given_what_came_since_the_one_it_asks_from(
    till: Api, db: Database
) -> None:
    """It names both, truthfully; and says of which one it wants the current one made."""
    first = verify((await till.get("/v1/price-books/de")).content, await trusted(db))
    await cheaper_case(db)
    second = await till.get("/v1/price-books/de")
    await reprice(db, "WATCH", 19900, db.clock.now() + LEAD)
    await publish(db)
    for tags in (f'"{first.sha256}", {second.headers["etag"]}', f'W/{second.headers["etag"]},"{first.sha256}", "no"'):
        answer = await till.get("/v1/price-books/de", since=1, headers={"If-None-Match": tags})
        assert (answer.status_code, "delta" in answer.json()) == (200, True)
        assert verify(answer.content, first.trusted, first.body).book.number == 3
    other = await till.get("/v1/price-books/de", since=2, headers={"If-None-Match": f'"{first.sha256}"'})

    assert "book" in other.json(), "what is not named is not taken to be held"
    assert [number for _, _, number in await rows(db, HELD)] == [1]


async def test_whatever_there_is_is_not_sent_again(till: Api, db: Database) -> None:
    """RFC 9110, 13.1.2. It says nothing of which book is held."""
    for path, params in (
        ("/v1/price-books/de", {}),
        ("/v1/price-books/de", {"since": 1}),
        ("/v1/price-books/de/1", {}),
    ):
        answer = await till.get(path, headers={"If-None-Match": "*"}, **params)
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["etag"]

    assert await rows(db, HELD) == []


async def test_a_delta_leads_over_any_number_of_books(till: Api, db: Database) -> None:
    first = verify((await till.get("/v1/price-books/de")).content, await trusted(db))
    for amount in (2500, 2600, 2700):
        await cheaper_case(db, amount)
        assert isinstance(db.clock, SetClock)
        db.clock.advance(LEAD)

    answer = await till.get("/v1/price-books/de", since=1)
    fourth = verify(answer.content, first.trusted, first.body)
    assert fourth.book.number == 4
    assert verify((await till.get("/v1/price-books/de")).content, first.trusted).body == fourth.body


async def test_what_a_till_holds_from_before_a_backup_is_no_base_for_a_delta(till: Api, db: Database) -> None:
    """The backup is older than book 2, and another book 2 was published since. Its hash tells them apart."""
    await cheaper_case(db)
    lost = verify((await till.get("/v1/price-books/de")).content, await trusted(db))
    await plant(
        db,
        "ALTER TABLE price_books DISABLE TRIGGER append_only",
        "UPDATE price_book_heads h SET number = 1, sha256 = (SELECT sha256 FROM price_books b"
        " WHERE b.market = h.market AND b.number = 1)",
        "DELETE FROM book_starts",
        "DELETE FROM price_books WHERE number = 2",
        "ALTER TABLE price_books ENABLE TRIGGER append_only",
    )
    held = {"If-None-Match": f'"{lost.sha256}"'}
    alone = await till.get("/v1/price-books/de", since=2, headers=held)
    for sku in ("WATCH", "CHARGER"):
        await reprice(db, sku, 9900, NOON + LEAD)
        await publish(db)
    after = await till.get("/v1/price-books/de", since=2, headers=held)
    by_number_alone = await till.get("/v1/price-books/de", since=2)

    assert [(one.json()["number"], "book" in one.json()) for one in (alone, after)] == [(1, True), (3, True)]
    assert verify(after.content, lost.trusted, lost.body).book.number == 3
    with pytest.raises(BookTampered):
        verify(by_number_alone.content, lost.trusted, lost.body)
    with pytest.raises(BookTooOld):
        verify(alone.content, lost.trusted, lost.body)


@pytest.mark.parametrize("asked", [{}, {"since": 1}])
async def test_an_answer_is_of_one_book_also_where_the_next_one_is_published_meanwhile(
    till: Api, db: Database, asked: Json
) -> None:
    """Somebody publishes right after it was looked up which book is the newest."""
    await cheaper_case(db)
    looked: list[str] = []

    async def cheaper_watch() -> None:
        await reprice(db, "WATCH", 19900, NOON + LEAD)
        await publish(db)

    def publish_then(_conn: object, _cursor: object, statement: str, *_: object) -> None:
        if "FROM price_book_heads" in statement and not looked:
            looked.append(statement)
            await_only(cheaper_watch())

    event.listen(db.engine.sync_engine, "after_cursor_execute", publish_then)
    answer = await till.get("/v1/price-books/de", **asked)
    event.remove(db.engine.sync_engine, "after_cursor_execute", publish_then)

    assert len(looked) == 1
    assert (answer.json()["number"], answer.headers["etag"]) == (2, f'"{answer.json()["sha256"]}"')
    assert await rows(db, "SELECT number FROM price_book_heads WHERE market = 'de'") == [(3,)]


async def test_where_the_book_is_smaller_than_what_changed_it_is_sent_whole(till: Api, db: Database) -> None:
    for amount in range(2500, 2530):
        await cheaper_case(db, amount)
        assert isinstance(db.clock, SetClock)
        db.clock.advance(LEAD)

    answer = await till.get("/v1/price-books/de", since=1)
    assert "delta" not in answer.json()
    assert verify(answer.content, await trusted(db, number=1)).book.number == 31


@pytest.mark.parametrize("since", [0, -1, 2, 10**9])
async def test_a_number_that_was_never_given_is_refused(till: Api, since: int) -> None:
    answer = await till.get("/v1/price-books/de", since=since)

    assert problem(answer) == (422, "unknown_book")
    assert answer.json()["facts"] == {"field": "since", "market": "de", "number": since, "newest": 1}
    assert answer.json()["errors"][0]["field"] == "since"


async def test_old_books_stay_to_be_looked_at(till: Api, db: Database) -> None:
    first = await till.get("/v1/price-books/de")
    await cheaper_case(db)

    again = await till.get("/v1/price-books/de/1")
    assert again.content == first.content
    assert again.headers["etag"] == first.headers["etag"]
    held = await till.get("/v1/price-books/de/1", headers={"If-None-Match": first.headers["etag"]})
    assert (held.status_code, held.content) == (304, b"")
    assert problem(await till.get("/v1/price-books/de/3")) == (404, "not_found")


async def test_whoever_sells_sees_the_books_of_its_own_market(till: Api, callers: Callers) -> None:
    american = await callers(Role.STOREFRONT, channel="web-us")
    for path in ("/v1/price-books/us", "/v1/price-books/us/1", "/v1/price-books/nowhere"):
        answer = await till.get(path)
        assert problem(answer) == (403, "wrong_channel")
    assert (await american.get("/v1/price-books/us")).status_code == 200
    assert problem(await american.get("/v1/price-books/de")) == (403, "wrong_channel")

    for role in (Role.ANALYST, Role.MERCHANDISER, Role.OPERATOR, Role.ADMIN):
        staff = await callers(role)
        assert (await staff.get("/v1/price-books/us")).status_code == 200
        assert problem(await staff.get("/v1/price-books/nowhere")) == (404, "not_found")


# Keys


async def test_an_admin_turns_the_keys_and_a_till_follows(till: Api, db: Database, callers: Callers) -> None:
    admin = await callers(Role.ADMIN)
    held = verify((await till.get("/v1/price-books/de")).content, await trusted(db))

    made = await admin.post("/v1/price-book-keys/rotate", once="turn")
    assert made.status_code == 201
    again = await admin.post("/v1/price-book-keys/rotate", once="turn")
    assert (again.content, again.headers["idempotent-replayed"]) == (made.content, "true")
    assert problem(await admin.post("/v1/price-book-keys/rotate")) == (409, "key_rotation_open")
    held = verify((await till.get("/v1/price-books/de")).content, held.trusted)
    assert made.json()["key"] in held.trusted.keys

    moved = await admin.post("/v1/price-book-keys/activate")
    assert (moved.status_code, moved.json()) == (200, made.json())
    assert problem(await admin.post("/v1/price-book-keys/activate")) == (409, "no_next_key")
    held = verify((await till.get("/v1/price-books/de")).content, held.trusted)
    assert list(held.trusted.keys) == [made.json()["key"]]

    chain: Json = (await till.get("/v1/price-book-keys")).json()
    assert [(one["state"], one["introduced_by"]) for one in chain["keys"]] == [
        ("retired", None),
        ("current", chain["keys"][0]["id"]),
    ]
    assert "secret" not in json.dumps(chain)
    operator = await callers(Role.OPERATOR)
    assert problem(await operator.post("/v1/price-book-keys/rotate")) == (403, "wrong_role")
    await every_law_holds(db)
