"""Markets, channels, locations and the tree: opened, changed, read, and refused with the field to blame."""

import asyncio
from datetime import datetime
from typing import Any

import httpx
import pytest

from catalog.edit_category import edit_category
from catalog.errors import CategoryCycle
from catalog.laws import CategoriesHangFromRoots
from catalog.models import Category
from catalog.queries import parents
from catalog.rules import would_cycle
from catalog.schemas import CategoryPatch
from catalog.writes import change
from commerce.kernel.access import Role
from commerce.kernel.db import Database, Session
from commerce.kernel.laws import check_laws
from commerce.kernel.refusals import Refusal
from tests.conftest import NOON, Api, Callers, Json, problem

GERMANY = {
    "code": "de",
    "currency": "EUR",
    "countries": ["DE", "AT"],
    "prices_include_tax": True,
    "time_zone": "Europe/Berlin",
}
WEB = {"code": "web-de", "kind": "online", "market": "de", "name": "Web shop"}
BERLIN = {
    "code": "berlin",
    "kind": "store",
    "name": "Berlin Mitte",
    "market": "de",
    "country": "DE",
    "city": "Berlin",
    "latitude": "52.5200",
    "longitude": "13.4050",
    "opened_on": "2021-03-01",
}


BOTH_LOOKED = asyncio.Barrier(2)


async def test_a_market_opens_with_its_channels_and_places(callers: Callers) -> None:
    operator, till = await callers(Role.OPERATOR), await callers(Role.TERMINAL)

    opened = [
        await operator.post("/v1/markets", GERMANY),
        await operator.post("/v1/channels", WEB),
        await operator.post("/v1/locations", BERLIN),
    ]

    assert [(answer.status_code, answer.json()) for answer in opened] == [
        (201, GERMANY),
        (201, WEB),
        (201, {**BERLIN, "closed_on": None}),
    ]
    assert (await till.get("/v1/markets/de")).json() == GERMANY
    assert (await till.get("/v1/channels", market="de")).json() == {"items": [WEB], "next_cursor": None}
    assert (await till.get("/v1/channels", market="fr")).json()["items"] == []
    assert (await till.get("/v1/locations/berlin")).json() == {**BERLIN, "closed_on": None}
    assert [row["code"] for row in (await till.get("/v1/locations")).json()["items"]] == ["berlin"]


async def test_what_may_change_changes_and_the_rest_is_not_a_field(callers: Callers) -> None:
    operator = await with_germany(callers)
    await operator.post("/v1/channels", WEB)
    await operator.post("/v1/locations", BERLIN)

    market = await operator.send("PATCH", "/v1/markets/de", {"countries": ["DE"], "time_zone": "Europe/Vienna"})
    channel = await operator.send("PATCH", "/v1/channels/web-de", {"name": "Shop"})
    location = await operator.send("PATCH", "/v1/locations/berlin", {"city": None, "closed_on": "2026-12-31"})
    currency = await operator.send("PATCH", "/v1/markets/de", {"currency": "USD"})

    assert market.json() == {**GERMANY, "countries": ["DE"], "time_zone": "Europe/Vienna"}
    assert channel.json() == {**WEB, "name": "Shop"}
    assert location.json() == {**BERLIN, "city": None, "closed_on": "2026-12-31"}
    assert problem(currency) == (400, "invalid_input")
    assert (await operator.send("PATCH", "/v1/markets/de", {})).json()["currency"] == "EUR"


REFUSED: list[tuple[str, Json, tuple[int, str], str]] = [
    ("markets", {**GERMANY, "currency": "EUX"}, (400, "invalid_input"), "currency"),
    ("markets", {**GERMANY, "currency": "XAU"}, (400, "invalid_input"), "currency"),
    ("markets", {**GERMANY, "currency": "EUR\n"}, (400, "invalid_input"), "currency"),
    ("markets", {**GERMANY, "countries": ["DE", "DE"]}, (400, "invalid_input"), "countries"),
    ("markets", {**GERMANY, "countries": ["de"]}, (400, "invalid_input"), "countries[0]"),
    ("markets", {**GERMANY, "countries": []}, (400, "invalid_input"), "countries"),
    ("markets", {**GERMANY, "time_zone": "Europe/Bonn"}, (400, "invalid_input"), "time_zone"),
    ("markets", {**GERMANY, "time_zone": "../etc/passwd"}, (400, "invalid_input"), "time_zone"),
    ("markets", {**GERMANY, "moon": "full"}, (400, "invalid_input"), "moon"),
    ("markets", GERMANY, (409, "already_exists"), "code"),
    ("channels", {**WEB, "market": "fr"}, (422, "unknown_reference"), "market"),
    ("channels", {**WEB, "kind": "fax"}, (400, "invalid_input"), "kind"),
    ("locations", {**BERLIN, "market": "fr"}, (422, "unknown_reference"), "market"),
    ("locations", {**BERLIN, "latitude": "90.01"}, (400, "invalid_input"), "latitude"),
    ("locations", {**BERLIN, "latitude": "NaN"}, (400, "invalid_input"), "latitude"),
    ("locations", {**BERLIN, "latitude": "1e-999999"}, (400, "invalid_input"), "latitude"),
    ("locations", {**BERLIN, "longitude": None}, (400, "invalid_input"), "longitude"),
    ("locations", {**BERLIN, "closed_on": "2021-02-28"}, (400, "invalid_input"), "closed_on"),
    ("categories", {"code": "cases", "parent": "goods", "name": "Cases"}, (422, "unknown_reference"), "parent"),
    ("categories", {"code": "cases/leather", "name": "Leather"}, (400, "invalid_input"), "code"),
    ("locations", {**BERLIN, "code": ".."}, (400, "invalid_input"), "code"),
    ("categories", {"code": "cases", "name": "Ca\x00ses"}, (400, "invalid_input"), "name"),
]


async def test_bad_input_is_refused_by_its_field_and_leaves_no_trace(
    callers: Callers, subtests: pytest.Subtests
) -> None:
    admin = await with_germany(callers)

    for path, body, answer, field in REFUSED:
        with subtests.test(path, body=body):
            refused = await admin.post(f"/v1/{path}", body)
            assert problem(refused) == answer
            assert [error["field"] for error in refused.json()["errors"]] == [field]

    assert len((await admin.get("/v1/markets")).json()["items"]) == 1
    for empty in ("channels", "locations", "categories"):
        assert (await admin.get(f"/v1/{empty}")).json()["items"] == []


async def test_a_refused_change_leaves_the_place_as_it_was(callers: Callers) -> None:
    operator = await with_germany(callers)
    await operator.post("/v1/locations", BERLIN)

    refused = await operator.send("PATCH", "/v1/locations/berlin", {"name": "Mitte", "latitude": None})

    assert problem(refused) == (400, "invalid_input")
    assert (await operator.get("/v1/locations/berlin")).json()["name"] == "Berlin Mitte"


async def test_lists_come_in_pages_and_nothing_is_skipped(callers: Callers) -> None:
    operator = await with_germany(callers)
    for number in range(5):
        await operator.post("/v1/channels", {**WEB, "code": f"web-{number}"})

    seen, cursor = [], None
    while True:
        page = (await operator.get("/v1/channels", limit=2, **({"cursor": cursor} if cursor else {}))).json()
        seen.append([row["code"] for row in page["items"]])
        cursor = page["next_cursor"]
        if cursor is None:
            break

    assert seen == [["web-0", "web-1"], ["web-2", "web-3"], ["web-4"]]
    assert problem(await operator.get("/v1/channels", cursor="nonsense")) == (400, "invalid_input")
    assert problem(await operator.get("/v1/channels", limit=0)) == (400, "invalid_input")


async def test_who_has_the_answer_is_told_so(callers: Callers) -> None:
    operator = await with_germany(callers)
    first = await operator.get("/v1/markets/de")
    tag = first.headers["etag"]

    same = await operator.get("/v1/markets/de", headers={"If-None-Match": f'"other", W/{tag}'})
    await operator.send("PATCH", "/v1/markets/de", {"countries": ["DE"]})
    changed = await operator.get("/v1/markets/de", headers={"If-None-Match": tag})

    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
    assert changed.status_code == 200
    assert changed.headers["etag"] != tag
    assert (await operator.get("/v1/markets/de", headers={"If-None-Match": "*"})).status_code == 304


async def test_the_tree_reads_from_its_roots(callers: Callers) -> None:
    admin = await with_tree(callers)

    tree = (await admin.get("/v1/categories")).json()

    assert [(row["code"], row["parent"], row["path"]) for row in tree["items"]] == [
        ("accessories", None, ["accessories"]),
        ("cases", "accessories", ["accessories", "cases"]),
        ("leather", "cases", ["accessories", "cases", "leather"]),
        ("phones", None, ["phones"]),
    ]
    assert (await admin.get("/v1/categories/leather")).json()["path"] == ["accessories", "cases", "leather"]


async def test_a_branch_moves_with_all_below_but_never_below_itself(callers: Callers) -> None:
    admin = await with_tree(callers)

    moved = await admin.send("PATCH", "/v1/categories/cases", {"parent": "phones"})
    circle = await admin.send("PATCH", "/v1/categories/phones", {"parent": "leather"})
    itself = await admin.send("PATCH", "/v1/categories/phones", {"parent": "phones"})
    anew = await admin.post("/v1/categories", {"code": "phones", "parent": "phones", "name": "Phones"})
    lost = await admin.send("PATCH", "/v1/categories/phones", {"parent": "nowhere"})
    nobody = await admin.send("PATCH", "/v1/categories/nowhere", {"name": "Nowhere"})
    root = await admin.send("PATCH", "/v1/categories/leather", {"parent": None, "name": "Leather"})

    assert moved.json()["path"] == ["phones", "cases"]
    assert problem(circle) == (409, "category_cycle")
    assert circle.json()["facts"] == {"field": "parent", "category": "phones", "parent": "leather"}
    assert problem(itself) == (409, "category_cycle")
    assert problem(anew) == (409, "category_cycle")
    assert anew.json()["errors"][0]["field"] == "parent"
    assert problem(lost) == (422, "unknown_reference")
    assert problem(nobody) == (404, "not_found")
    assert root.json() == {"code": "leather", "parent": None, "name": "Leather", "path": ["leather"]}


async def edit_unguarded(tx: Session, code: str, wanted: CategoryPatch, now: datetime) -> None:
    """Look, wait until the other has looked as well, and move."""
    del now  # What was is not this twin's concern.
    assert wanted.parent
    if would_cycle(await parents(tx), code, wanted.parent):
        raise CategoryCycle("parent", code, wanted.parent)
    await BOTH_LOOKED.wait()
    await change(tx, Category.code, code, {"parent": wanted.parent})


@pytest.mark.parametrize(("edit", "moved", "lost"), [(edit_unguarded, 2, 4), (edit_category, 1, 0)])
async def test_two_moves_at_once_cannot_close_a_circle(
    callers: Callers,
    db: Database,
    edit: Any,  # noqa: ANN401 - the verb, or its unguarded twin
    moved: int,
    lost: int,
) -> None:
    """Each move is harmless alone; the unguarded twin closes the circle, so the race is real."""
    await with_tree(callers)

    async def attempt(code: str, parent: str) -> bool:
        try:
            async with db.transaction() as tx:
                await edit(tx, code, CategoryPatch(parent=parent), NOON)
        except Refusal:
            return False
        return True

    done = await asyncio.gather(attempt("phones", "accessories"), attempt("accessories", "phones"))

    assert done.count(True) == moved
    async with db.snapshot() as tx:
        [finding] = await check_laws(tx, [CategoriesHangFromRoots])
    assert finding.offenders == lost


async def test_a_repeated_post_answers_the_same_and_opens_once(callers: Callers) -> None:
    operator = await callers(Role.OPERATOR)

    first = await operator.post("/v1/markets", GERMANY, once="germany")
    again = await operator.post("/v1/markets", GERMANY, once="germany")
    other = await operator.post("/v1/markets", {**GERMANY, "code": "at"}, once="germany")

    assert (first.status_code, first.content) == (again.status_code, again.content)
    assert again.headers["idempotent-replayed"] == "true"
    assert problem(other) == (422, "idempotency_key_reused")


async def test_ten_people_open_one_market_and_one_succeeds(callers: Callers) -> None:
    operator = await callers(Role.OPERATOR)

    answers: list[httpx.Response] = await asyncio.gather(*(operator.post("/v1/markets", GERMANY) for _ in range(10)))

    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 9
    assert {problem(answer)[1] for answer in answers if answer.status_code == 409} == {"already_exists"}


async def test_only_its_roles_write(callers: Callers) -> None:
    merchandiser, analyst = await callers(Role.MERCHANDISER), await callers(Role.ANALYST)

    assert problem(await merchandiser.post("/v1/markets", GERMANY)) == (403, "wrong_role")
    assert problem(await analyst.post("/v1/categories", {"code": "a", "name": "A"})) == (403, "wrong_role")
    assert (await merchandiser.post("/v1/categories", {"code": "a", "name": "A"})).status_code == 201


async def with_germany(callers: Callers) -> Api:
    """An administrator in a world with one market."""
    admin = await callers(Role.ADMIN)
    assert (await admin.post("/v1/markets", GERMANY)).status_code == 201
    return admin


async def with_tree(callers: Callers) -> Api:
    """An administrator in a world with four categories."""
    admin = await callers(Role.ADMIN)
    for code, parent in [("phones", None), ("accessories", None), ("cases", "accessories"), ("leather", "cases")]:
        body = {"code": code, "parent": parent, "name": code.capitalize()}
        assert (await admin.post("/v1/categories", body)).status_code == 201
    return admin
