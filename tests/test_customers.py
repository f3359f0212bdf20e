"""Customers: one person across channels, found by any identity, merged with a trail."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from commerce.embedded.postgres import EmbeddedPostgres
from commerce.exchange.export_folder import export_folder
from commerce.exchange.import_folder import import_folder
from commerce.kernel.access import Role
from commerce.kernel.db import Database
from commerce.kernel.laws import broken
from tests.conftest import Api, Callers, own_database, problem
from tests.people import buyers, count, findings, open_shop, order_of
from tests.shop import rows
from tests.stories import cash, open_lawful_shop, order, sale


@pytest.fixture(autouse=True)
async def _the_laws_hold(db: Database) -> AsyncIterator[None]:
    """After every story."""
    yield
    assert broken(await findings(db)) == []


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
        "email": "Mara@Example.com",
        "phone": "030 23125051",
        "country": "DE",
        "merged_into": None,
        "identities": [
            {"kind": "account", "value": "acc-1"},
            {"kind": "email", "value": "mara@example.com"},
            {"kind": "phone", "value": "+493023125051"},
        ],
    }, "who registers sees what they sent"
    hidden = {
        **mara,
        "email": "M***@Example.com",
        "phone": "•••••51",
        "identities": [
            {"kind": "account", "value": "•••••"},
            {"kind": "email", "value": "m***@example.com"},
            {"kind": "phone", "value": "+49•••••51"},
        ],
    }
    assert found.json() == {
        "items": [
            {
                **hidden,
                "phone": "030 23125051",
                "identities": [*hidden["identities"][:2], {"kind": "phone", "value": "+493023125051"}],
            }
        ],
        "next_cursor": None,
    }, "and who searches, what they searched by"
    for caller in (web, till):
        assert (await caller.get(f"/v1/customers/{mara['id']}")).json() == hidden


async def test_the_office_sees_a_customer_in_full(callers: Callers, office: Api) -> None:
    body = {"account": "acc-1", "email": "Mara@Example.com", "phone": "030 23125051", "country": "DE"}

    mara = (await office.post("/v1/customers", body)).json()

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
    for caller in (office, await callers(Role.ADMIN)):
        assert (await caller.get(f"/v1/customers/{mara['id']}")).json() == mara
        assert (await caller.get("/v1/customers", account="acc-1")).json() == {"items": [mara], "next_cursor": None}


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

    answer = await office.post("/v1/customers", {"phone": "+493023125051", "email": "MARA@example.com"})

    assert problem(answer) == (409, "identity_taken")
    assert answer.json()["facts"] == {"field": "email", "value": "mara@example.com", "customer_id": mara["id"]}
    assert await count(db, "customers") == 1


async def test_an_account_is_made_whoever_has_its_email_and_leaves_it_to_them(office: Api) -> None:
    mara = (await office.post("/v1/customers", {"email": "mara@example.com"})).json()

    made = await office.post("/v1/customers", {"account": "acc-2", "email": "MARA@example.com"})
    again = await office.post("/v1/customers", {"account": "acc-2", "email": "other@example.com"})

    assert made.status_code == 201, made.text
    assert made.json()["identities"] == [{"kind": "account", "value": "acc-2"}]
    assert (await office.get(f"/v1/customers/{mara['id']}")).json() == mara
    assert problem(again) == (409, "identity_taken")
    assert again.json()["facts"]["field"] == "account"
    assert (await office.get("/v1/customers", email="other@example.com")).json()["items"] == []


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
            "dropped": {},
        },
    }
    assert trail["actor"].startswith("opk_")
    survivor = (await office.get("/v1/customers", phone="+493023125051")).json()["items"]
    assert [(one["id"], one["phone"], one["country"]) for one in survivor] == [(web, "030 23125051", "DE")]
    gone = (await office.get(f"/v1/customers/{till}")).json()
    assert (gone["merged_into"], gone["identities"]) == (web, [])
    assert (gone["email"], gone["phone"], gone["country"]) == (None, None, None)
    assert await buyers(db) == {kept: web, moved: web}
    for customer in (web, till):
        assert (await office.get(f"/v1/customers/{customer}/merges")).json() == {"items": [trail], "next_cursor": None}
    async with db.read() as tx:
        told = (await tx.execute(text("SELECT topic, body FROM outbox_messages"))).all()
    assert told == [("customers_merged", {"merge_id": trail["id"], "merged": till, "survivor": web})]


async def test_a_merge_outlives_an_export_and_an_import(
    db: Database, server: EmbeddedPostgres, template: str, office: Api, tmp_path: Path
) -> None:
    till = (await office.post("/v1/customers", {"email": "Mara@example.com", "phone": "+49 30 23125051"})).json()["id"]
    web = (await office.post("/v1/customers", {"account": "acc-1", "email": "mara@web.example"})).json()["id"]
    merged = await office.post(f"/v1/customers/{till}/merge", {"into": web, "reason": "same person"})
    assert merged.json()["moved"]["dropped"] == {"email": "Mara@example.com"}, "the trail knows what went"
    await export_folder(db, tmp_path)

    async with own_database(server, template, "elsewhere") as url:
        elsewhere = Database(url, clock=db.clock, pool_size=2)
        await import_folder(elsewhere, tmp_path)
        owners = "SELECT i.value, c.code FROM customer_identities i JOIN customers c ON c.id = i.customer_id ORDER BY 1"
        assert await rows(elsewhere, owners) == [("+493023125051", web), ("mara@web.example", web)]
        await elsewhere.close()


TIDY = [
    ("  Spaced.x@X.de \n", "+49 30 23125064 ", "Spaced.x@X.de", "+49 30 23125064"),
    ("\u00a0mara@example.com", "\t030 23125051", "mara@example.com", "030 23125051"),
    (None, "+49\u00a030\u00a023125064", None, "+49\u00a030\u00a023125064"),
]


@pytest.mark.parametrize(("email", "phone", "kept_email", "kept_phone"), TIDY)
async def test_the_space_around_an_address_is_not_kept(
    office: Api, email: str | None, phone: str, kept_email: str | None, kept_phone: str
) -> None:
    made = (await office.post("/v1/customers", {"email": email, "phone": phone, "country": "DE"})).json()
    path = f"/v1/customers/{made['id']}"
    emptied = (await office.send("PATCH", path, {"email": None, "phone": None})).json()
    edited = (await office.send("PATCH", path, {"email": email, "phone": phone})).json()

    assert [(one["email"], one["phone"]) for one in (made, emptied, edited)] == [
        (kept_email, kept_phone),
        (None, None),
        (kept_email, kept_phone),
    ]


UNSEEN = [
    {"phone": "\u0000+49 89 5551234x"},
    {"phone": "+49 30 23125064\u0001\u0007"},
    {"phone": "\u202a+49 30 23125064\u202c"},
    {"phone": "call me at +49 30 23125066"},
    {"email": "mara\u202e@example.com"},
    {"email": "ma\u200bra@example.com"},
    {"email": "mara@exam\u00adple.com"},
    {"email": "mara\u0085x@example.com"},
]


@pytest.mark.parametrize("contact", UNSEEN, ids=repr)
async def test_what_nobody_sees_in_an_address_is_refused_wherever_it_comes_in(
    callers: Callers, db: Database, office: Api, contact: dict[str, str]
) -> None:
    [field] = contact
    await open_lawful_shop(db)
    web = await callers(Role.STOREFRONT, channel="web-de")
    till = await callers(Role.TERMINAL, channel="retail-de", location="berlin")
    nils = (await office.post("/v1/customers", {"account": "acc-1"})).json()

    answers = {
        f"buyer.{field}": [
            await web.post("/v1/orders", order(("WATCH", 1), total=24900, buyer=contact)),
            await till.post("/v1/till-sales", sale(("WATCH", 1), total=24900, tenders=[cash(24900)], buyer=contact)),
        ],
        field: [
            await office.post("/v1/customers", contact),
            await office.send("PATCH", f"/v1/customers/{nils['id']}", contact),
            await office.get("/v1/customers", headers=None, **contact),
        ],
    }

    for named, refused in answers.items():
        for answer in refused:
            assert problem(answer) == (400, "invalid_input")
            assert [error["field"] for error in answer.json()["errors"]] == [named]
    assert (await office.get(f"/v1/customers/{nils['id']}")).json() == nils
    assert await count(db, "customers") == 1


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
    blank = await office.post(f"/v1/customers/{a}/merge", {"into": b, "reason": " "})
    assert (problem(blank), blank.json()["errors"][0]["field"]) == ((400, "invalid_input"), "reason")
    assert (await merge(a, b)).status_code == 201
    assert problem(await merge(b, a)) == (409, "same_person")
    assert problem(await merge(a, c)) == (409, "customer_merged")
    assert (await merge(c, a)).json()["survivor"] == b
    assert problem(await office.send("PATCH", f"/v1/customers/{a}", {"country": "DE"})) == (409, "customer_merged")
    found = (await office.get("/v1/customers", account="acc-2")).json()["items"]
    assert [customer["id"] for customer in found] == [b]
