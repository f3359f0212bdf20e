"""A request that cannot be read is refused with what would be right there, wherever the type of its body says it."""

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Any, Literal

import msgspec
import pytest
from litestar import Litestar
from msgspec import Meta, inspect

from commerce.app import build_app
from commerce.kernel.access import Role
from commerce.kernel.db import Database
from commerce.kernel.unreadable import what_is_wrong
from tests.conftest import Callers, Json, problem
from tests.promoting import promotion


class Colour(StrEnum):
    """What a door may be painted in."""

    RED = "red"
    SEA_GREEN = "sea_green"


Letters = Annotated[str, Meta(pattern="^[a-z]+$", description="Who lives here.", extra={"words": "Small letters."})]


class Knob(msgspec.Struct, tag="knob", tag_field="kind"):
    """To turn."""

    side: Literal["left", "right"] = "left"


class Lever(msgspec.Struct, tag="lever", tag_field="kind"):
    """To press."""

    side: Annotated[str, Meta(pattern="^(left|right|both)$")] = "left"


class Door(msgspec.Struct):
    """Something that can be described wrongly in many ways."""

    colour: Colour | None = None
    handle: Knob | Lever | None = None
    colours: list[Colour] = []
    name: Annotated[Letters, Meta(description="On the plate.")] = "a"
    code: Annotated[str, Meta(pattern="^[0-9]$", description="One digit.")] = "0"
    plain: Annotated[str, Meta(pattern="^[0-9]$")] = "0"
    by_name: dict[Letters, Colour] = {}
    pair: tuple[int, Colour] = (1, Colour.RED)
    width: int = 1


@pytest.mark.parametrize(
    ("said", "field", "reason"),
    [
        ({"colour": "blue"}, "colour", "Invalid enum value 'blue'; known are red, sea_green."),
        ({"colours": ["red", "x"]}, "colours[1]", "Invalid enum value 'x'; known are red, sea_green."),
        ({"pair": [1, "x"]}, "pair[1]", "Invalid enum value 'x'; known are red, sea_green."),
        ({"by_name": {"a": "x"}}, "by_name[...]", "Invalid enum value 'x'; known are red, sea_green."),
        ({"by_name": {"A": "red"}}, "by_name", "Expected: Small letters."),
        ({"handle": {"kind": "ring"}}, "handle.kind", "Invalid value 'ring'; known are knob, lever."),
        ({"handle": {}}, "handle.kind", "Object missing required field `kind`; known are knob, lever."),
        ({"handle": {"kind": 1}}, "handle.kind", "Expected `str`; known are knob, lever."),
        (
            {"handle": {"kind": "knob", "side": "top"}},
            "handle.side",
            "Invalid enum value 'top'; known are left, right.",
        ),
        ({"handle": {"kind": "lever", "side": "top"}}, "handle.side", "Expected: left, right, both."),
        ({"name": "A"}, "name", "Expected: Small letters."),
        ({"code": "A"}, "code", "Expected: One digit."),
        ({"plain": "A"}, "plain", "Expected `str` matching regex '^[0-9]$'"),
        ({"width": "A"}, "width", "Expected `int`, got `str`"),
        ([], "body", "Expected `object`, got `array`"),
    ],
)
def test_a_reason_says_what_would_be_right(said: object, field: str, reason: str) -> None:
    with pytest.raises(msgspec.ValidationError) as refused:
        msgspec.json.decode(msgspec.json.encode(said), type=Door)

    assert what_is_wrong(str(refused.value), Door) == (field, reason)


def test_where_two_kinds_know_other_values_none_are_named() -> None:
    """The message does not say which of the two it was."""

    class One(msgspec.Struct, tag="one"):
        side: Literal["a", "b"]

    class Other(msgspec.Struct, tag="other"):
        side: Literal["c", "d"]

    assert what_is_wrong("Invalid enum value 'x' - at `$.side`", One | Other) == ("side", "Invalid enum value 'x'")


@pytest.mark.parametrize(
    ("path", "body", "field", "reason"),
    [
        (
            "/v1/promotions",
            promotion({"kind": "magic"}),
            "benefit.kind",
            "Invalid value 'magic'; known are percent, amount, fixed_price, buy_get, bundle, tiers, gift.",
        ),
        (
            "/v1/promotions",
            promotion(limits={"on_cancel": "maybe"}),
            "limits.on_cancel",
            "Invalid enum value 'maybe'; known are give_back, keep.",
        ),
        (
            f"/v1/promotions/prm_{'0' * 32}/codes",
            {"count": 1, "prefix": "xmas"},
            "prefix",
            "Expected: Capital letters, digits and hyphens, and no hyphen first.",
        ),
        (
            "/v1/promotions",
            promotion(name=" "),
            "name",
            "Expected: 1 to 200 characters, and not only blank ones.",
        ),
    ],
)
async def test_a_body_is_refused_with_what_would_be_right(
    callers: Callers, path: str, body: Json, field: str, reason: str
) -> None:
    answer = await (await callers(Role.MERCHANDISER)).post(path, body)

    assert problem(answer) == (400, "invalid_input")
    assert answer.json()["facts"] == {"field": field, "reason": reason}


async def test_a_filter_is_refused_with_what_would_be_right(callers: Callers) -> None:
    answer = await (await callers(Role.MERCHANDISER)).get("/v1/promotions", state="lively")

    assert problem(answer) == (400, "invalid_input")
    assert answer.json()["facts"] == {
        "field": "state",
        "reason": "Invalid enum value 'lively'; "
        "known are draft, submitted, approved, rejected, scheduled, live, ended, withdrawn.",
    }


def inner(kind: inspect.Type) -> list[inspect.Type]:
    """The types that a type is made of."""
    single = [getattr(kind, name) for name in ("type", "item_type", "key_type", "value_type") if hasattr(kind, name)]
    fields = [field.type for field in getattr(kind, "fields", ())]
    return [*single, *fields, *getattr(kind, "types", ()), *getattr(kind, "item_types", ())]


def wordless(kind: inspect.Type, words: str | None, above: tuple[inspect.Type, ...] = ()) -> Iterator[str]:
    """Every pattern within a type that is said in nothing but signs."""
    if isinstance(kind, inspect.Metadata):
        words = (kind.extra or {}).get("words") or (kind.extra_json_schema or {}).get("description") or words
    elif isinstance(kind, inspect.StrType):
        if kind.pattern and not words and not kind.pattern.strip("^()$").replace("|", "").isidentifier():
            yield kind.pattern
    elif not isinstance(kind, inspect.UnionType):
        words = None
    for one in inner(kind):
        if one not in above:
            yield from wordless(one, words, (*above, kind))


def bodies(app: Litestar) -> Iterator[tuple[str, Any]]:
    """What each route reads."""
    for route in app.routes:
        for handler in getattr(route, "route_handlers", ()):
            data = handler.parsed_fn_signature.parameters.get("data")
            if data is not None:
                yield route.path, data.annotation


def test_every_pattern_that_a_body_has_to_match_is_told_in_words() -> None:
    read = list(bodies(build_app(Database("postgresql+asyncpg://"))))

    assert len(read) > 40, "it looks at the routes"
    for path, body in read:
        assert list(wordless(inspect.type_info(body), None)) == [], path
    assert list(wordless(inspect.type_info(Door), None)) == ["^[0-9]$"], "it finds one"
