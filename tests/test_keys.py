"""Keys: made, shown once, rotated, over when they should be."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text

from commerce.__main__ import commerce
from commerce.embedded.postgres import EmbeddedPostgres
from commerce.kernel.access import Role
from commerce.kernel.clock import SetClock
from commerce.kernel.db import Database
from commerce.kernel.pages import encode_cursor
from tests.conftest import NOON, Api, Callers, Json, own_database, problem
from tests.statements import statements

MARKETS = "INSERT INTO markets VALUES ('de', 'EUR', '{DE}', true, 'Europe/Berlin'), ('us', 'USD', '{US}', false, 'UTC')"
CHANNELS = """
    INSERT INTO channels VALUES ('web-de', 'online', 'de', 'Web'), ('retail-de', 'retail', 'de', 'Stores')
"""
LOCATIONS = """
    INSERT INTO locations (code, kind, name, market, country)
    VALUES ('berlin', 'store', 'Berlin', 'de', 'DE'), ('hub', 'warehouse', 'Hub', 'de', 'DE'),
           ('austin', 'store', 'Austin', 'us', 'US')
"""


@pytest.fixture
async def admin(db: Database, callers: Callers) -> Api:
    """An administrator of a shop with a web shop and a store."""
    async with db.transaction() as tx:
        for rows in (MARKETS, CHANNELS, LOCATIONS):
            await tx.execute(text(rows))
    return await callers(Role.ADMIN)


def with_key(api: Api, key: str) -> Api:
    """The same client with another key."""
    return Api(api.client, key)


async def make(admin: Api, **wanted: Any) -> Json:  # noqa: ANN401 - a body's fields
    """A new key, as it was shown this once."""
    answer = await admin.post("/v1/keys", {"name": "a test's", **wanted})
    assert answer.status_code == 201, answer.text
    made: Json = answer.json()
    return made


async def test_a_key_is_shown_once_and_stored_nowhere(db: Database, admin: Api) -> None:
    answer = await admin.post("/v1/keys", {"role": "storefront", "name": "web shop", "channel": "web-de"})

    made = answer.json()
    key = made.pop("key")
    assert made == {
        "id": made["id"],
        "role": "storefront",
        "name": "web shop",
        "channel": "web-de",
        "location": None,
        "expires_at": None,
    }
    assert answer.headers["cache-control"] == "no-store"
    prefix, _, rest = key.partition("_")
    key_id, _, secret = rest.partition("_")
    assert (prefix, f"{prefix}_{key_id}") == ("sfk", made["id"])
    assert len(secret) == 43
    assert secret not in json.dumps((await admin.get("/v1/keys")).json())
    async with db.read() as tx:
        for table in ("api_keys", "idempotency_keys", "outbox_messages"):
            for row in await tx.execute(text(f"SELECT t::text FROM {table} t")):
                assert secret not in row[0]
                assert secret.encode().hex() not in row[0]
    assert (await with_key(admin, key).get("/v1/customers", email="mara@example.com")).status_code == 200


async def test_the_same_request_twice_makes_two_keys(admin: Api) -> None:
    body = {"role": "operator", "name": "Mara"}

    first = await admin.post("/v1/keys", body, once="k1")
    second = await admin.post("/v1/keys", body, once="k1")

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["id"] != second.json()["id"]


@pytest.mark.parametrize(
    ("wanted", "refusal", "field"),
    [
        ({"role": "storefront"}, (422, "key_out_of_bounds"), "channel"),
        ({"role": "storefront", "channel": "retail-de"}, (422, "key_out_of_bounds"), "channel"),
        ({"role": "storefront", "channel": "nowhere"}, (422, "unknown_reference"), "channel"),
        ({"role": "storefront", "channel": "web-de", "location": "berlin"}, (422, "key_out_of_bounds"), "location"),
        ({"role": "terminal", "location": "berlin"}, (422, "key_out_of_bounds"), "channel"),
        ({"role": "terminal", "channel": "retail-de"}, (422, "key_out_of_bounds"), "location"),
        ({"role": "terminal", "channel": "web-de", "location": "berlin"}, (422, "key_out_of_bounds"), "channel"),
        ({"role": "terminal", "channel": "retail-de", "location": "hub"}, (422, "key_out_of_bounds"), "location"),
        ({"role": "terminal", "channel": "retail-de", "location": "austin"}, (422, "key_out_of_bounds"), "location"),
        ({"role": "terminal", "channel": "retail-de", "location": "x"}, (422, "unknown_reference"), "location"),
        ({"role": "analyst", "channel": "web-de"}, (422, "key_out_of_bounds"), "channel"),
        ({"role": "admin", "location": "berlin"}, (422, "key_out_of_bounds"), "location"),
        ({"role": "king"}, (400, "invalid_input"), "role"),
        ({"role": "admin", "name": ""}, (400, "invalid_input"), "name"),
        ({"role": "admin", "expires_at": "2026-11-02T11:59:59Z"}, (400, "invalid_input"), "expires_at"),
        ({"role": "admin", "expires_at": "2026-11-03T12:00:00"}, (400, "invalid_input"), "expires_at"),
        ({"role": "admin", "expires_at": "9999-12-31T23:59:59-10:00"}, (400, "invalid_input"), "expires_at"),
        ({"role": "admin", "secret": "x"}, (400, "invalid_input"), "secret"),
    ],
)
async def test_a_key_that_makes_no_sense_is_refused(
    admin: Api, wanted: Json, refusal: tuple[int, str], field: str
) -> None:
    answer = await admin.post("/v1/keys", {"name": "a test's", **wanted})

    assert problem(answer) == refusal
    assert answer.json()["errors"][0]["field"].rpartition(".")[2] == field
    assert len((await admin.get("/v1/keys")).json()["items"]) == 1


async def test_a_terminal_is_tied_to_its_store(admin: Api) -> None:
    made = await make(admin, role="terminal", channel="retail-de", location="berlin")

    assert (made["channel"], made["location"]) == ("retail-de", "berlin")
    assert made["key"].startswith("trk_")


async def test_only_an_administrator_hands_out_keys(callers: Callers, admin: Api) -> None:
    made = await make(admin, role="operator")
    for role in set(Role) - {Role.ADMIN}:
        caller = await callers(role)
        assert problem(await caller.get("/v1/keys")) == (403, "wrong_role")
        assert problem(await caller.post("/v1/keys", {"role": "admin", "name": "me"})) == (403, "wrong_role")
        assert problem(await caller.post(f"/v1/keys/{made['id']}/revoke")) == (403, "wrong_role")
        assert problem(await caller.post(f"/v1/keys/{made['id']}/rotate")) == (403, "wrong_role")


async def test_a_revoked_key_is_refused_within_a_second(admin: Api, clock: SetClock) -> None:
    made = await make(admin, role="operator")
    operator = with_key(admin, made["key"])
    assert (await operator.get("/v1/outbox")).status_code == 200

    revoked = await admin.post(f"/v1/keys/{made['id']}/revoke")
    clock.advance(timedelta(seconds=1))

    assert (revoked.status_code, revoked.content) == (204, b"")
    assert problem(await operator.get("/v1/outbox")) == (401, "unauthenticated")
    again = clock.advance(timedelta(hours=1))
    assert (await admin.post(f"/v1/keys/{made['id']}/revoke")).status_code == 204
    [shown] = [key for key in (await admin.get("/v1/keys")).json()["items"] if key["id"] == made["id"]]
    assert shown["revoked_at"] == "2026-11-02T12:00:00Z"
    assert again == NOON + timedelta(seconds=1, hours=1)
    assert problem(await admin.post("/v1/keys/opk_unknown/revoke")) == (404, "not_found")


async def test_a_key_expires_at_its_instant(admin: Api, clock: SetClock) -> None:
    made = await make(admin, role="operator", expires_at="2026-11-02T13:00:00+00:00")
    operator = with_key(admin, made["key"])

    clock.advance(timedelta(minutes=59))
    assert (await operator.get("/v1/outbox")).status_code == 200
    clock.advance(timedelta(minutes=1))

    assert problem(await operator.get("/v1/outbox")) == (401, "unauthenticated")
    assert problem(await admin.post(f"/v1/keys/{made['id']}/rotate")) == (404, "not_found")


async def test_what_is_not_a_key_of_ours_is_refused(admin: Api) -> None:
    key = (await make(admin, role="operator"))["key"]
    other = (await make(admin, role="operator"))["key"]
    key_id, secret = key.rpartition("_")[0], key.rpartition("_")[2]
    forged = [
        f"{key_id}_{secret[:-1]}{'A' if secret[-1] != 'A' else 'B'}",
        f"{key_id}_{other.rpartition('_')[2]}",
        key.replace("opk_", "adk_"),
        key_id,
        f"{key_id}_",
        "_",
        "x" * 5000,
        key + "\u00e9",
    ]
    for presented in forged:
        headers = {b"Authorization": f"Bearer {presented}".encode()}
        answer = await admin.client.get("/v1/outbox", headers=headers)
        assert problem(answer) == (401, "unauthenticated"), presented
    assert problem(await with_key(admin, "").get("/v1/outbox")) == (401, "unauthenticated")
    basic = await admin.client.get("/v1/outbox", headers={"Authorization": f"Basic {key}"})
    assert problem(basic) == (401, "unauthenticated")


async def test_two_keys_live_while_rotating_and_a_third_is_refused(admin: Api, clock: SetClock) -> None:
    old = await make(admin, role="operator")

    answer = await admin.post(f"/v1/keys/{old['id']}/rotate", {"overlap_s": 600})

    assert answer.status_code == 201
    new = answer.json()
    assert (new["role"], new["name"]) == ("operator", "a test's")
    for made in (old, new):
        assert (await with_key(admin, made["key"]).get("/v1/outbox")).status_code == 200
    for made in (old, new):
        assert problem(await admin.post(f"/v1/keys/{made['id']}/rotate")) == (409, "rotation_in_progress")
    clock.advance(timedelta(minutes=10))
    assert problem(await with_key(admin, old["key"]).get("/v1/outbox")) == (401, "unauthenticated")
    assert (await with_key(admin, new["key"]).get("/v1/outbox")).status_code == 200
    third = await admin.post(f"/v1/keys/{new['id']}/rotate", {"overlap_s": 0})
    assert third.status_code == 201
    clock.advance(timedelta(seconds=1))
    assert problem(await with_key(admin, new["key"]).get("/v1/outbox")) == (401, "unauthenticated")


async def test_the_successor_of_a_key_that_never_ends_does_not_end_before_it(admin: Api, clock: SetClock) -> None:
    never = "9999-12-31T23:59:59Z"
    old = await make(admin, role="operator", expires_at=never)
    clock.advance(timedelta(days=1))

    answer = await admin.post(f"/v1/keys/{old['id']}/rotate", {"overlap_s": 600})

    assert answer.status_code == 201
    assert answer.json()["expires_at"] == never


async def test_rotation_does_not_make_it_somebody_else(admin: Api) -> None:
    old = await make(admin, role="operator")
    first = await with_key(admin, old["key"]).post("/v1/customers", {"email": "mara@example.com"}, once="k1")

    new = (await admin.post(f"/v1/keys/{old['id']}/rotate")).json()
    again = await with_key(admin, new["key"]).post("/v1/customers", {"email": "mara@example.com"}, once="k1")

    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["idempotent-replayed"] == "true"
    families = {key["family"] for key in (await admin.get("/v1/keys")).json()["items"]}
    assert len(families) == 2


async def test_keys_are_listed_in_pages_newest_first(admin: Api, clock: SetClock) -> None:
    made = []
    for _ in range(3):
        clock.advance(timedelta(minutes=1))
        made.append((await make(admin, role="operator"))["id"])

    first = (await admin.get("/v1/keys", limit=2)).json()
    rest = (await admin.get("/v1/keys", limit=2, cursor=first["next_cursor"])).json()

    assert [key["id"] for key in first["items"]] == [made[2], made[1]]
    assert rest["items"][0]["id"] == made[0]
    assert (len(rest["items"]), rest["next_cursor"]) == (2, None)
    assert "secret_hash" not in first["items"][0]
    assert problem(await admin.get("/v1/keys", cursor="nonsense")) == (400, "invalid_input")


async def test_a_page_of_keys_is_cut_by_the_database_also_within_one_instant(db: Database, admin: Api) -> None:
    made = {(await make(admin, role="operator"))["id"] for _ in range(3)}

    shown: list[str] = []
    cursor: Json = {}
    with statements(db) as sent:
        for _ in range(4):
            page = (await admin.get("/v1/keys", limit=1, **cursor)).json()
            shown += [key["id"] for key in page["items"]]
            cursor = {"cursor": page["next_cursor"]}

    assert shown == sorted(shown, reverse=True)
    assert made < set(shown)
    assert (len(shown), cursor) == (4, {"cursor": None})
    assert ["LIMIT" in sql for sql in sent if "ORDER BY api_keys" in sql] == [True] * 4


@pytest.mark.parametrize(
    "forged",
    [
        ("opk_unknown",),
        ("yesterday", "opk_unknown"),
        ("2026-11-02T12:00:00", "opk_unknown"),
        ("0001-01-01T00:00:00+14:00", "opk_unknown"),
        ("2026-11-02T12:00:00+00:00", "opk\x00"),
    ],
)
async def test_a_cursor_that_is_not_ours_is_refused(admin: Api, forged: tuple[str, ...]) -> None:
    answer = await admin.get("/v1/keys", cursor=encode_cursor(*forged))

    assert problem(answer) == (400, "invalid_input")
    assert answer.json()["errors"][0]["field"] == "cursor"


def test_the_first_key_is_made_on_the_command_line(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMMERCE_DATABASE_URL", url)
    terminal = CliRunner()

    def typed(*words: str, exits: int = 0) -> str:
        result = terminal.invoke(commerce, ["keys", *words])
        assert result.exit_code == exits, result.output
        return result.stdout

    made = json.loads(typed("create", "--role", "admin", "--name", "first", "--expires", "2099-01-01", "--json"))
    successor = typed("rotate", made["id"], "--overlap", "60").splitlines()[-1]
    typed("revoke", made["id"])
    listed = json.loads(typed("list", "--json"))["keys"]
    refused = terminal.invoke(commerce, ["keys", "create", "--role", "storefront", "--name", "x", "--channel", "nope"])

    assert made["key"].startswith(made["id"])
    assert made["expires_at"] == "2099-01-01T00:00:00Z"
    assert [key["id"] in successor for key in listed] == [True, False]
    assert [key["revoked_at"] is None for key in listed] == [True, False]
    assert {key["family"] for key in listed} == {made["id"]}
    assert typed("list").count("adk_") == 2
    assert (refused.exit_code, refused.stderr) == (2, "channel: 'nope' is not known here.\n")


@pytest.fixture
async def unused(server: EmbeddedPostgres) -> AsyncIterator[str]:
    """The address of a database without tables."""
    async with own_database(server, "template0", "unused") as url:
        yield url


async def typed(url: str, *words: str) -> Result:
    """What a command line prints, with the database in the settings. Commands bring an event loop of their own."""
    return await asyncio.to_thread(CliRunner(env={"COMMERCE_DATABASE_URL": url}).invoke, commerce, list(words))


async def test_a_database_without_tables_gets_them_with_its_first_key(unused: str) -> None:
    looked = await typed(unused, "check")
    made = await typed(unused, "keys", "create", "--role", "admin", "--name", "first", "--json")
    looked_again = await typed(unused, "check")

    assert (looked.exit_code, looked.stderr) == (2, "The database has no tables yet.\nRun: commerce migrate\n")
    assert (made.exit_code, json.loads(made.stdout)["name"]) == (0, "first")
    assert looked_again.exit_code == 0


@pytest.mark.parametrize("words", [("check",), ("keys", "list"), ("migrate",), ("export", "nowhere")])
async def test_tables_of_another_release_are_refused(db: Database, url: str, words: tuple[str, ...]) -> None:
    async with db.transaction() as tx:
        await tx.execute(text("UPDATE alembic_version SET version_num = 'later'"))

    answer = await typed(url, *words, "--json")

    said = json.loads(answer.stdout)
    assert (answer.exit_code, said["code"], said["status"]) == (2, "other_tables", 409)
    assert said["detail"].startswith("The database's tables are at later, but this release wants ")
    assert said["hint"] == "Use the release that made them, or a newer one."


@pytest.mark.parametrize(
    ("words", "field"),
    [
        (("--role", "admin", "--name", ""), "name"),
        (("--role", "admin", "--name", "x" * 5000), "name"),
        (("--role", "storefront", "--name", "x", "--channel", " web"), "channel"),
        (("--role", "terminal", "--name", "x", "--channel", "retail-de", "--location", "y" * 101), "location"),
    ],
)
async def test_a_typed_key_has_the_limits_of_a_sent_one(url: str, words: tuple[str, ...], field: str) -> None:
    answer = await typed(url, "keys", "create", *words, "--json")

    said = json.loads(answer.stdout)
    assert (answer.exit_code, said["code"], said["status"]) == (2, "invalid_input", 400)
    assert said["errors"][0]["field"] == said["facts"]["field"] == field
    assert json.loads((await typed(url, "keys", "list", "--json")).stdout) == {"keys": []}


async def test_a_word_that_is_wrong_is_a_problem_to_programs_too(url: str) -> None:
    for_programs = await typed(url, "keys", "create", "--role", "king", "--name", "x", "--json")
    for_people = await typed(url, "keys", "create", "--role", "king", "--name", "x")
    half = await typed(url, "keys", "revoke", "\udcff", "--json")

    said = json.loads(for_programs.stdout)
    assert (for_programs.exit_code, said["code"], said["status"]) == (2, "invalid_usage", 400)
    assert "'king'" in said["detail"]
    assert (for_people.exit_code, for_people.stdout) == (2, "")
    assert (half.exit_code, json.loads(half.stdout)["code"]) == (2, "invalid_usage")
