"""Who may call: keys, roles, and what a caller without them hears."""

from tests.conftest import Callers, problem


async def test_an_unknown_route_is_a_typed_refusal(callers: Callers) -> None:
    nobody = callers.nobody()

    answer = await nobody.get("/v1/nothing-here")

    assert problem(answer) == (404, "no_such_route")
