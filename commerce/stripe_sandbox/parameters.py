"""What a caller may say: the installed SDK's own types, read once, so that what it can send is what is accepted."""

import re
import types
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from sys import modules
from typing import Any, Literal, NotRequired, Required, Union, get_args, get_origin, get_type_hints

import stripe
from stripe import RequestOptions
from typing_extensions import is_typeddict

from commerce.stripe_sandbox.errors import missing_parameter, unknown_parameter, unread
from commerce.stripe_sandbox.forms import Tree, indexed

API_VERSION = stripe.api_version
"""The version of Stripe's API that the SDK was made for, and that this sandbox speaks."""

TEXT_MAX = 5_000
_WHOLE = re.compile(r"-?[0-9]{1,18}")
_DECIMAL = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,12})?")
_NOT_PARAMETERS = frozenset(RequestOptions.__annotations__)
_ONLY_FOR_TYPE_CHECKERS = {"StripeContext": object, "Decimal": Decimal}
"""Names that the SDK imports under TYPE_CHECKING only."""


@dataclass(slots=True)
class Shape:
    """What a parameter may look like: any of these."""

    text: bool = False
    empty: bool = False
    whole: bool = False
    truth: bool = False
    decimal: bool = False
    anything: bool = False
    words: frozenset[str] = frozenset()
    items: "Shape | None" = None
    fields: "Mapping[str, Shape] | None" = None
    required: tuple[str, ...] = field(default=())


@cache
def shape_of(name: str) -> Shape:
    """The parameters of an endpoint, by the name of their type in `stripe.params`."""
    return _shape(getattr(stripe.params, name))


@cache
def event_types() -> frozenset[str]:
    """Every type of events that a webhook endpoint may be subscribed to."""
    fields = shape_of("WebhookEndpointCreateParams").fields or {}
    kinds = fields["enabled_events"].items
    assert kinds is not None
    return kinds.words - {"*"}


@cache
def _shape(kind: Any) -> Shape:  # noqa: ANN401 - whatever can stand in an annotation
    origin = get_origin(kind)
    if origin in {NotRequired, Required}:
        return _shape(get_args(kind)[0])
    if origin is Union or origin is types.UnionType:
        return _merged([_shape(each) for each in get_args(kind)])
    if origin is Literal:
        words = frozenset(str(word) for word in get_args(kind))
        return Shape(words=words - {""}, empty="" in words)
    if origin is list:
        return Shape(items=_shape(get_args(kind)[0]))
    if is_typeddict(kind):
        return _shape_of_dictionary(kind)
    plain = {str: "text", int: "whole", bool: "truth", float: "decimal", Decimal: "decimal"}.get(kind)
    return Shape(**{plain: True}) if plain else Shape(anything=True)  # type: ignore[arg-type]  # the names are Shape's


def _shape_of_dictionary(kind: Any) -> Shape:  # noqa: ANN401 - a TypedDict has no type of its own
    names = {**vars(modules[RequestOptions.__module__]), **vars(modules[kind.__module__]), **_ONLY_FOR_TYPE_CHECKERS}
    hints = get_type_hints(kind, names, include_extras=True)
    own = {name: hint for name, hint in hints.items() if name not in _NOT_PARAMETERS}
    required = tuple(name for name, hint in own.items() if get_origin(hint) is not NotRequired)
    return Shape(fields={name: _shape(hint) for name, hint in own.items()}, required=required)


def _merged(shapes: list[Shape]) -> Shape:
    """Any of them.

    The SDK writes a closed list as `Literal[...] | str`, to be ready for words to come; here they are the list.
    """
    words = frozenset[str]().union(*(shape.words for shape in shapes))
    fields = [shape for shape in shapes if shape.fields is not None]
    return Shape(
        text=any(shape.text for shape in shapes) and not words,
        empty=any(shape.empty for shape in shapes),
        whole=any(shape.whole for shape in shapes),
        truth=any(shape.truth for shape in shapes),
        decimal=any(shape.decimal for shape in shapes),
        anything=any(shape.anything for shape in shapes),
        words=words,
        items=next((shape.items for shape in shapes if shape.items), None),
        fields=fields[0].fields if fields else None,
        required=fields[0].required if fields else (),
    )


def check(said: Tree, shape: Shape, more: frozenset[str] = frozenset()) -> Tree:
    """What was said, typed; `more` are names that are welcome although the SDK never sends them.

    Raises StripeError for the first parameter that is unknown, missing, or cannot be read.
    """
    extra = {name: said[name] for name in more if name in said}
    rest = {name: value for name, value in said.items() if name not in extra} if extra else said
    return {**_check_fields(rest, shape, ""), **extra}


def _check_fields(said: Tree, shape: Shape, path: str) -> Tree:
    assert shape.fields is not None
    checked = {}
    for name, value in said.items():
        known = shape.fields.get(name)
        full = f"{path}[{name}]" if path else name
        if known is None:
            raise unknown_parameter(full)
        checked[name] = _check(value, known, full)
    for name in shape.required:
        if name not in checked:
            raise missing_parameter(f"{path}[{name}]" if path else name)
    return checked


def _check(said: Any, shape: Shape, path: str) -> Any:  # noqa: ANN401 - a tree's nodes are of any kind
    if isinstance(said, str):
        return _check_text(said, shape, path)
    if isinstance(said, dict):
        if shape.fields is not None:
            return _check_fields(said, shape, path)
        if shape.anything:
            return _check_map(said, path)
        listed = indexed(said)
        if shape.items and listed is not None:
            said = listed
    if shape.items and isinstance(said, list):
        return [_check(each, shape.items, f"{path}[{place}]") for place, each in enumerate(said)]
    raise unread(f"Invalid {'array' if isinstance(said, list) else 'hash'}", path)


def _check_map(said: Tree, path: str) -> Tree:
    """A dictionary of strings, such as metadata."""
    for name, value in said.items():
        if not isinstance(value, str):
            raise unread(f"Invalid string: {path}[{name}] is not one.", f"{path}[{name}]")
    return said


def _check_text(said: str, shape: Shape, path: str) -> str | int | bool:
    """A string as what it stands for."""
    if said in shape.words:
        return said
    if said == "":
        return _check_empty(shape, path)
    if shape.whole and _WHOLE.fullmatch(said):
        return int(said)
    if shape.truth and said in {"true", "false"}:
        return said == "true"
    if shape.text or (shape.decimal and _DECIMAL.fullmatch(said)):
        if len(said) > TEXT_MAX:
            raise unread(f"Invalid string: at most {TEXT_MAX} characters.", path, "parameter_invalid_string")
        return said
    raise _unreadable(said, shape, path)


def _check_empty(shape: Shape, path: str) -> str:
    if shape.empty:
        return ""
    raise unread(
        f"You passed an empty string for '{path}'. We assume empty values are an attempt to unset a parameter; however"
        f" '{path}' cannot be unset. You should remove '{path}' from your request or supply a non-empty value.",
        path,
        "parameter_invalid_empty",
    )


def _unreadable(said: str, shape: Shape, path: str) -> Exception:
    if shape.words:
        return unread(f"Invalid {path}: must be one of {', '.join(sorted(shape.words))}", path)
    if shape.whole:
        return unread(f"Invalid integer: {said}", path, "parameter_invalid_integer")
    kind = "boolean" if shape.truth else "array" if shape.items else "object"
    return unread(f"Invalid {kind}: {said}", path)
