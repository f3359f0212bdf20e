"""JSON Schema, as much of it as our document uses; what it does not know it refuses, so that nothing goes unchecked."""

import re
from collections.abc import Callable, Iterator
from datetime import date, datetime
from typing import Any

Schema = dict[str, Any]

_TYPES: dict[str, Callable[[Any], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
}
_FORMATS: dict[str, Callable[[str], object]] = {
    "date-time": lambda value: datetime.fromisoformat(value).utcoffset() is not None or 1 / 0,
    "date": date.fromisoformat,
}
_LIMITS: dict[str, tuple[str, Callable[[Any, Any], bool]]] = {
    "minLength": ("string", lambda value, limit: len(value) >= limit),
    "maxLength": ("string", lambda value, limit: len(value) <= limit),
    "pattern": ("string", lambda value, limit: re.search(limit, value) is not None),
    "minimum": ("number", lambda value, limit: value >= limit),
    "maximum": ("number", lambda value, limit: value <= limit),
    "minItems": ("array", lambda value, limit: len(value) >= limit),
    "maxItems": ("array", lambda value, limit: len(value) <= limit),
}
_SAYS_NOTHING = {"title", "description", "examples", "default", "deprecated"}


def faults(value: object, schema: Schema, shapes: dict[str, Schema], at: str = "$") -> Iterator[str]:
    """Where and why a value is not what the schema says."""
    for keyword, said in schema.items():
        if keyword in _SAYS_NOTHING:
            continue
        if keyword in _LIMITS:
            kind, holds = _LIMITS[keyword]
            if _TYPES[kind](value) and not holds(value, said):
                yield f"{at}: {keyword} {said}"
        else:
            yield from _CHECKS[keyword](value, schema, shapes, at)


def _reference(value: object, schema: Schema, shapes: dict[str, Schema], at: str) -> Iterator[str]:
    yield from faults(value, shapes[schema["$ref"].removeprefix("#/components/schemas/")], shapes, at)


def _kind(value: object, schema: Schema, _: dict[str, Schema], at: str) -> Iterator[str]:
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    if not any(_TYPES[kind](value) for kind in kinds):
        yield f"{at}: {value!r} is not {' or '.join(kinds)}"


def _shape(value: object, schema: Schema, _: dict[str, Schema], at: str) -> Iterator[str]:
    if isinstance(value, str):
        try:
            _FORMATS[schema["format"]](value)
        except (ValueError, ZeroDivisionError):
            yield f"{at}: {value!r} is no {schema['format']}"


def _one_of_these(value: object, schema: Schema, _: dict[str, Schema], at: str) -> Iterator[str]:
    if value not in schema["enum"]:
        yield f"{at}: {value!r} is none of {schema['enum']}"


def _matches(value: object, schema: Schema, shapes: dict[str, Schema], at: str) -> Iterator[str]:
    for keyword, enough in (("allOf", "all"), ("anyOf", "any"), ("oneOf", "one")):
        if keyword in schema:
            fit = [not list(faults(value, one, shapes, at)) for one in schema[keyword]]
            if not {"all": all(fit), "any": any(fit), "one": sum(fit) == 1}[enough]:
                yield f"{at}: it fits {sum(fit)} of {keyword}"


def _fields(value: object, schema: Schema, shapes: dict[str, Schema], at: str) -> Iterator[str]:
    if isinstance(value, dict):
        for name, shape in schema["properties"].items():
            if name in value:
                yield from faults(value[name], shape, shapes, f"{at}.{name}")


def _others(value: object, schema: Schema, shapes: dict[str, Schema], at: str) -> Iterator[str]:
    rest = schema["additionalProperties"]
    others = value.items() if isinstance(value, dict) else ()
    for name, one in others:
        if name in schema.get("properties", {}):
            continue
        if rest is False:
            yield f"{at}: nothing is called {name}"
        elif isinstance(rest, dict):
            yield from faults(one, rest, shapes, f"{at}.{name}")


def _required(value: object, schema: Schema, _: dict[str, Schema], at: str) -> Iterator[str]:
    missing = [name for name in schema["required"] if isinstance(value, dict) and name not in value]
    if missing:
        yield f"{at}: {', '.join(missing)} missing"


def _items(value: object, schema: Schema, shapes: dict[str, Schema], at: str) -> Iterator[str]:
    for place, one in enumerate(value if isinstance(value, list) else ()):
        yield from faults(one, schema["items"], shapes, f"{at}[{place}]")


_CHECKS: dict[str, Callable[[Any, Schema, dict[str, Schema], str], Iterator[str]]] = {
    "$ref": _reference,
    "type": _kind,
    "format": _shape,
    "enum": _one_of_these,
    "allOf": _matches,
    "anyOf": _matches,
    "oneOf": _matches,
    "properties": _fields,
    "additionalProperties": _others,
    "required": _required,
    "items": _items,
}
