"""JSON Schema as OpenAPI 3.1 means it (draft 2020-12), for values and the schemas of our own document."""

from collections.abc import Iterator
from typing import Any

from jsonschema import Draft202012Validator

Schema = dict[str, Any]


def faults(value: object, schema: Schema, shapes: dict[str, Schema]) -> Iterator[str]:
    """Where and why a value is not what the schema says; `shapes` are what it may refer to, by name."""
    whole = {**schema, "components": {"schemas": shapes}}
    checked = Draft202012Validator(whole, format_checker=Draft202012Validator.FORMAT_CHECKER)
    yield from (f"{error.json_path}: {error.message}" for error in checked.iter_errors(value))


def is_schema(schema: Schema) -> bool:
    """Whether it is a schema at all."""
    Draft202012Validator.check_schema(schema)
    return True
