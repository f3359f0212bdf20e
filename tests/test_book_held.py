"""Who holds which book: what a till says of it, and who is not ready for what begins."""

import pytest

from commerce.kernel.access import Role
from commerce.kernel.clock import SetClock
from commerce.kernel.db import Database
from pricing.books.readiness import report_readiness
from tests import promoting
from tests.book_stories import LEAD, SOON, cheaper_case, hold, promote, publish, till_in_berlin
from tests.conftest import NOON, Api, Callers, problem
from tests.shop import rows
from tests.stories import told

HELD = "SELECT principal, market, number FROM book_holders ORDER BY principal"


@pytest.fixture
async def till(db: Database, callers: Callers) -> Api:
    """The till in Berlin, and a German book."""
    return await till_in_berlin(db, callers)


async def test_a_till_holds_what_it_names_by_its_hash(till: Api, db: Database, callers: Callers) -> None:
    first = await till.get("/v1/price-books/de")
    assert await rows(db, HELD) == []
    await till.get("/v1/price-books/de", headers={"If-None-Match": first.headers["etag"]})
    [(principal, _, _)] = held = await rows(db, HELD)
    assert held == [(principal, "de", 1)]

    await cheaper_case(db)
    second = await till.get("/v1/price-books/de", headers={"If-None-Match": first.headers["etag"]})
    assert second.status_code == 200
    assert await rows(db, HELD) == [(principal, "de", 1)]
    answer = await till.get("/v1/price-books/de", since=1, headers={"If-None-Match": second.headers["etag"]})
    assert answer.status_code == 304
    assert await rows(db, HELD) == [(principal, "de", 2)]
    await till.get("/v1/price-books/de", since=1, headers={"If-None-Match": first.headers["etag"]})
    assert await rows(db, HELD) == [(principal, "de", 1)], "it lost what it had, and says so"

    analyst = await callers(Role.ANALYST)
    await analyst.get("/v1/price-books/de", headers={"If-None-Match": first.headers["etag"]})
    assert len(await rows(db, HELD)) == 1


@pytest.mark.parametrize("held", [None, 1, 2])
async def test_neither_a_number_nor_what_was_sent_says_what_a_till_holds(
    till: Api, db: Database, callers: Callers, held: int | None
) -> None:
    """Nobody knows of which book the number is, nor whether what was sent arrived and was ours."""
    merchandiser = await callers(Role.MERCHANDISER)
    await cheaper_case(db)
    if held is not None:
        await hold(till, held)
    for headers in ({}, {"If-None-Match": f'"{"0" * 64}"'}):
        for since in (1, 2):
            assert (await till.get("/v1/price-books/de", headers=headers, since=since)).status_code == 200
        assert (await till.get("/v1/price-books/de", headers=headers)).status_code == 200
        ready = (await merchandiser.get("/v1/price-books/de/readiness")).json()
        assert [(one["number"], one["ready"]) for one in ready["terminals"]] == [(held, held == 2)]


async def test_a_holder_says_what_it_has_verified(till: Api, db: Database, clock: SetClock) -> None:
    envelope = (await till.get("/v1/price-books/de")).json()
    said = {"number": 1, "sha256": envelope["sha256"]}
    await cheaper_case(db)

    answer = await till.post("/v1/price-books/de/held", said)
    assert (answer.status_code, answer.json()) == (200, {"market": "de", "number": 1, "newest": 2})
    clock.advance(LEAD)
    assert (await till.post("/v1/price-books/de/held", said)).status_code == 200
    assert await rows(db, "SELECT number, held_at FROM book_holders") == [(1, NOON)]

    answer = await till.post("/v1/price-books/de/held", {**said, "number": 2})
    assert problem(answer) == (409, "not_that_book")
    answer = await till.post("/v1/price-books/de/held", {**said, "number": 3})
    assert problem(answer) == (422, "unknown_book")
    answer = await till.post("/v1/price-books/us/held", said)
    assert problem(answer) == (403, "wrong_channel")


async def test_readiness_names_every_terminal_and_what_it_holds(till: Api, db: Database, callers: Callers) -> None:
    other = await callers(Role.TERMINAL, channel="retail-de", location="munich")
    await callers(Role.TERMINAL, channel="retail-us", location="nyc")
    gone = await callers(Role.TERMINAL, channel="retail-de", location="berlin")
    assert gone.key is not None
    admin = await callers(Role.ADMIN)
    await admin.send("DELETE", f"/v1/keys/{gone.key.rpartition('_')[0]}")
    merchandiser = await callers(Role.MERCHANDISER)
    await cheaper_case(db)
    await hold(till, 2)
    await hold(other, 1)

    ready = (await merchandiser.get("/v1/price-books/de/readiness")).json()
    assert (ready["market"], ready["number"], ready["ready"]) == ("de", 2, False)
    shown = [
        (one["location"], one["channel"], one["number"], one["held_at"], one["ready"]) for one in ready["terminals"]
    ]
    noon = "2026-11-02T12:00:00Z"
    assert [one for one in shown if one[0] == "munich"] == [("munich", "retail-de", 1, noon, False)]
    assert ("berlin", "retail-de", 2, noon, True) in shown
    ready = (await merchandiser.get("/v1/price-books/de/readiness", number=1)).json()
    assert [one["ready"] for one in ready["terminals"] if one["location"] == "munich"] == [True]
    answer = await merchandiser.get("/v1/price-books/de/readiness", number=3)
    assert problem(answer) == (422, "unknown_book")
    assert problem(await merchandiser.get("/v1/price-books/nowhere/readiness")) == (404, "not_found")


async def test_what_begins_soon_and_who_is_not_ready_for_it(till: Api, db: Database, callers: Callers) -> None:
    operator = await callers(Role.OPERATOR)
    await promote(db, SOON)
    await publish(db)
    [(number,)] = await rows(db, "SELECT number FROM price_book_heads WHERE market = 'de'")

    soon = (await operator.get("/v1/readiness")).json()["starts"]
    assert [(one["market"], one["starts_at"], one["number"], one["ready"], one["terminals"]) for one in soon] == [
        ("de", "2026-11-02T12:02:00Z", number, False, 1)
    ]
    assert [(one["location"], one["number"]) for one in soon[0]["not_ready"]] == [("berlin", None)]
    await hold(till, number)
    [start] = (await operator.get("/v1/readiness")).json()["starts"]
    assert (start["ready"], start["not_ready"]) == (True, [])
    assert (await operator.get("/v1/readiness", starts_within_minutes=1)).json() == {"starts": []}


async def test_a_till_that_would_start_what_was_taken_back_is_told_of(
    till: Api, db: Database, clock: SetClock, callers: Callers
) -> None:
    """It holds the book with the promotion, and has not heard of the one without it."""
    desk = promoting.Desk(db, clock, await callers(Role.MERCHANDISER), await callers(Role.MERCHANDISER))
    promotion_id = await desk.scheduled(starts_at=SOON.isoformat())
    await hold(till, 2)
    assert [one["ready"] for one in (await desk.ada.get("/v1/readiness")).json()["starts"]] == [True]

    promoting.said(await desk.do(promotion_id, "withdraw"))
    [start] = (await desk.ada.get("/v1/readiness")).json()["starts"]
    await report_readiness(db, clock.now())
    [(terminal,)] = await rows(db, "SELECT family FROM api_keys WHERE role = 'terminal'")
    late = {"market": "de", "starts_at": "2026-11-02T12:02:00Z", "number": 3}
    assert {name: start[name] for name in late} == late
    assert [(one["terminal"], one["number"]) for one in start["not_ready"]] == [(terminal, 2)]
    assert await told(db, "terminals_not_ready") == [{**late, "terminals": [terminal]}]

    await hold(till, 3)
    assert [one["ready"] for one in (await desk.ada.get("/v1/readiness")).json()["starts"]] == [True]
    clock.set(SOON)
    assert (await desk.ada.get("/v1/readiness")).json() == {"starts": []}
