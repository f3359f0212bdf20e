"""Serial numbers: a device is sold once, however its number is written and whoever else is at it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from sqlalchemy import text

from commerce.kernel.clock import Clock
from commerce.kernel.db import Database
from orders.errors import SerialNamedTwice, SerialsWanted, TooManySerials
from orders.rules import NumberedLine, serials_must_fit
from tests.conftest import Api, Json, application_on, problem
from tests.people import somebody_waits
from tests.shop import rows
from tests.stories import card, every_law_holds, lines, numbered, open_store, sale


@pytest.fixture(autouse=True)
async def shop(db: Database) -> AsyncIterator[None]:
    """The store in Berlin; whatever happens in it, every law holds."""
    await open_store(db)
    yield
    await every_law_holds(db)


@asynccontextmanager
async def another_process(url: str, clock: Clock, till: Api) -> AsyncIterator[Api]:
    """The same till at a second application over the same database, with a committer of its own."""
    db = Database(url, clock=clock, pool_size=4)
    async with application_on(db) as app:
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)  # type: ignore[arg-type]  # Litestar types its scope
        async with httpx.AsyncClient(transport=transport, base_url="http://other") as http:
            yield Api(http, till.key)
    await db.close()


def phone(*serials: str) -> Json:
    """A sale of phones."""
    total = 79900 * len(serials)
    return {**sale(total=total, tenders=[card(total)]), "lines": [numbered(len(serials), *serials)]}


async def test_of_two_processes_that_sell_one_device_one_hears_that_it_is_sold(
    db: Database, url: str, till: Api
) -> None:
    """Both look before the other has claimed; a pool that somebody else has keeps them there together."""
    watch_and_phone = phone("A")
    watch_and_phone["lines"].insert(0, *lines(("WATCH", 1)))
    watch_and_phone |= {"shown_total": {"amount": 104800, "currency": "EUR"}, "tenders": [card(104800)]}

    async with another_process(url, db.clock, till) as other:
        async with db.transaction() as tx:
            await tx.execute(text("SELECT FROM stock_pools WHERE sku = 'PHONE-BLK' FOR UPDATE"))
            first = asyncio.create_task(till.post("/v1/till-sales", phone("A")))
            await somebody_waits(db)
            second = asyncio.create_task(other.post("/v1/till-sales", watch_and_phone))
            await somebody_waits(db, 2)
        answers = [await first, await second]

    sold = await rows(db, "SELECT sku, serial FROM sold_serials")
    assert sold == [("PHONE-BLK", "A")]
    assert [answer.status_code for answer in answers] == [201, 409]
    assert problem(answers[1]) == (409, "serial_already_sold")
    assert answers[1].json()["facts"] == {"field": "lines[1].serials", "sku": "PHONE-BLK", "serial": "A"}


async def test_upper_and_lower_case_are_the_same_device(db: Database, till: Api) -> None:
    first = await till.post("/v1/till-sales", phone("sn-J1"))
    again = await till.post("/v1/till-sales", phone("SN-j1"))
    twice = await till.post("/v1/till-sales", phone("k1", "K1"))

    assert first.status_code == 201, first.text
    assert problem(again) == (409, "serial_already_sold")
    assert again.json()["facts"] == {"field": "lines[0].serials", "sku": "PHONE-BLK", "serial": "SN-J1"}
    assert problem(twice) == (422, "serial_named_twice")
    assert await rows(db, "SELECT serial FROM sold_serials") == [("SN-J1",)]
    assert await rows(db, "SELECT serials FROM shipment_lines") == [(["SN-J1"],)], "what is shown is what is known"


@pytest.mark.parametrize(
    ("line", "refusal", "said"),
    [
        (
            NumberedLine("f", "A", 2, wanted=True, serials=["1"]),
            SerialsWanted,
            "2 of A need a serial number each; 1 came.",
        ),
        (
            NumberedLine("f", "A", 1, wanted=True, serials=["1", "2"]),
            TooManySerials,
            "2 serial numbers came for 1 of A.",
        ),
        (
            NumberedLine("f", "A", 1, wanted=False, serials=["1", "2"]),
            TooManySerials,
            "2 serial numbers came for 1 of A.",
        ),
        (
            NumberedLine("f", "A", 2, wanted=False, serials=["1", "1"]),
            SerialNamedTwice,
            "A with the serial number 1 is named twice.",
        ),
        (
            NumberedLine("f", "A", 1, wanted=False, serials=["0"]),
            SerialNamedTwice,
            "A with the serial number 0 is named twice.",
        ),
    ],
)
def test_what_is_wrong_with_serial_numbers_is_said(line: NumberedLine, refusal: type[Exception], said: str) -> None:
    with pytest.raises(refusal) as refused:
        serials_must_fit([NumberedLine("before", "A", 1, wanted=True, serials=["0"]), line])

    assert str(refused.value) == said
    assert getattr(refused.value, "field", None) == "f"
