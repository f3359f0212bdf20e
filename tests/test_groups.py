"""Groups of customers: who put whom into one, and when, stays written down."""

from datetime import timedelta

import pytest

from commerce.kernel.access import Role
from commerce.kernel.clock import SetClock
from commerce.kernel.db import Database
from orders.customers.laws import GroupsAreWhatTheirDiarySays
from tests.conftest import Api, Callers, Json
from tests.promoting import said
from tests.shop import no_law_is_broken
from tests.stories import every_law_holds, open_lawful_shop, plant


@pytest.fixture
async def office(db: Database, callers: Callers) -> Api:
    """An operator of the shop."""
    await open_lawful_shop(db)
    return await callers(Role.OPERATOR)


async def somebody(office: Api, account: str) -> str:
    """A new customer's id."""
    return str(said(await office.post("/v1/customers", {"account": account}), 201)["id"])


async def put(api: Api, customer: str, *groups: str) -> Json:
    """Let a customer be in these groups alone."""
    return said(await api.send("PUT", f"/v1/customers/{customer}/groups", {"groups": list(groups)}))


def steps(view: Json) -> list[tuple[str, str]]:
    """What was done, in order."""
    return [(step["step"], step["code"]) for step in view["steps"]]


async def test_the_diary_says_who_did_it_and_when(db: Database, clock: SetClock, office: Api, callers: Callers) -> None:
    boss = await callers(Role.ADMIN)
    mara = await somebody(office, "mara")
    await put(office, mara, "staff", "students")
    clock.advance(timedelta(hours=1))
    await put(boss, mara, "staff")
    await put(boss, mara, "staff")

    view = said(await office.get(f"/v1/customers/{mara}/groups"))

    assert view["groups"] == ["staff"]
    assert steps(view) == [("joined", "staff"), ("joined", "students"), ("left", "students")]
    assert [step["at"] for step in view["steps"]] == ["2026-11-02T12:00:00Z"] * 2 + ["2026-11-02T13:00:00Z"]
    one, _, other = (step["actor"] for step in view["steps"])
    assert one != other
    await every_law_holds(db)


async def test_a_merge_is_in_the_diaries_of_both(db: Database, office: Api) -> None:
    mara, anna = await somebody(office, "mara"), await somebody(office, "anna")
    await put(office, mara, "staff", "students")
    await put(office, anna, "students")

    said(await office.post(f"/v1/customers/{mara}/merge", {"into": anna, "reason": "one person"}), 201)

    gone, kept = [said(await office.get(f"/v1/customers/{who}/groups")) for who in (mara, anna)]
    assert (gone["groups"], kept["groups"]) == ([], ["staff", "students"])
    assert steps(gone)[2:] == [("left", "staff"), ("left", "students")]
    assert steps(kept) == [("joined", "students"), ("joined", "staff")]
    await every_law_holds(db)


@pytest.mark.parametrize(
    "planted",
    ["INSERT INTO customer_groups SELECT id, 'board' FROM customers", "DELETE FROM customer_groups"],
)
async def test_who_is_put_into_a_group_by_hand_is_found(db: Database, office: Api, planted: str) -> None:
    await put(office, await somebody(office, "mara"), "staff")
    await every_law_holds(db)

    await plant(db, planted)

    with pytest.raises(AssertionError):
        await no_law_is_broken(db, GroupsAreWhatTheirDiarySays)


@pytest.mark.parametrize("change", ["UPDATE {} SET actor = 'nobody'", "DELETE FROM {}", "TRUNCATE {}"])
async def test_the_diary_is_never_changed(db: Database, office: Api, change: str) -> None:
    await put(office, await somebody(office, "mara"), "staff")

    with pytest.raises(Exception, match="is a diary"):
        await plant(db, change.format("customer_group_steps"))
