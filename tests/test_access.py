"""Who may call, and how a caller hears that a request cannot be read."""

import pytest

from commerce.kernel.access import Role
from tests.conftest import Callers, problem


async def test_an_unknown_route_is_a_typed_refusal(callers: Callers) -> None:
    answer = await callers.nobody().get("/v1/nothing-here")

    assert problem(answer) == (404, "no_such_route")


async def test_a_wrong_method_is_a_typed_refusal(callers: Callers) -> None:
    answer = await callers.nobody().send("DELETE", "/v1/orders")

    assert problem(answer) == (405, "method_not_allowed")


async def test_a_bad_filter_is_called_what_the_caller_calls_it(callers: Callers) -> None:
    operator = await callers(Role.OPERATOR)

    answer = await operator.get("/v1/orders", state="lost")

    assert problem(answer) == (400, "invalid_input")
    assert answer.json()["errors"][0]["field"] == "state"


@pytest.mark.parametrize(
    "body",
    [b'{"name": "\xff"}', b'{"role": ', b"", b"[1]", b'{"role": "analyst", "name": "\\ud800"}'],
    ids=["not UTF-8", "cut off", "empty", "a list", "half a character"],
)
async def test_a_body_that_is_no_object_of_ours_is_refused(callers: Callers, body: bytes) -> None:
    admin = await callers(Role.ADMIN)
    headers = {"Authorization": f"Bearer {admin.key}", "Content-Type": "application/json"}

    answer = await admin.client.post("/v1/keys", content=body, headers=headers)

    assert problem(answer) == (400, "invalid_input")
    [error] = answer.json()["errors"]
    assert error["field"] == "body"
    assert body or error["reason"] == "It is required."


async def test_our_own_names_are_no_query_parameters(callers: Callers) -> None:
    operator = await callers(Role.OPERATOR)

    answer = await operator.get("/v1/orders", db="1")

    assert problem(answer) == (400, "invalid_input")
    assert "principal" not in answer.text


async def test_a_missing_parameter_is_named(callers: Callers) -> None:
    answer = await (await callers(Role.ANALYST)).get("/v1/recommended-prices", sku="PHONE-BLK")

    assert problem(answer) == (400, "invalid_input")
    assert answer.json()["errors"][0]["field"] == "market"


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/v1/orders?channel=a%00b", "channel"),
        ("/v1/catalog/products?q=%00", "q"),
        ("/v1/markets/d%00e", "code"),
        ("/v1/dead-deliveries?cursor=%00", "cursor"),
    ],
)
async def test_what_no_text_can_hold_is_refused_by_the_name_of_its_place(
    callers: Callers, path: str, field: str
) -> None:
    admin = await callers(Role.ADMIN)

    answer = await admin.client.get(path, headers={"Authorization": f"Bearer {admin.key}"})

    assert problem(answer) == (400, "invalid_input")
    assert [error["field"] for error in answer.json()["errors"]] == [field]


async def test_who_shows_no_key_is_told_what_kind_is_wanted(callers: Callers) -> None:
    client = (await callers(Role.ADMIN)).client

    answer = await client.get("/v1/orders")

    assert problem(answer) == (401, "unauthenticated")
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_a_form_is_not_read_as_json(callers: Callers) -> None:
    admin = await callers(Role.ADMIN)
    headers = {"Authorization": f"Bearer {admin.key}"}

    answer = await admin.client.post("/v1/keys", data={"role": "analyst"}, headers=headers)

    assert problem(answer) == (415, "not_json")
