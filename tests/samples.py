"""Samples: something that fits a schema, made of the schema's own examples wherever it has one."""

import re
from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]

HEX = "019a4bd2c0c07b5c8f5b0e6f3d1c2a9e"
"""A UUIDv7, as ids have it behind their prefix."""


def sample(schema: Schema, whole: Schema) -> object:
    """A value for a schema of the document `whole`: its required fields, each as its example shows it."""
    if "$ref" in schema:
        return sample(whole["components"]["schemas"][schema["$ref"].rpartition("/")[2]], whole)
    for said in ("examples", "enum"):
        if schema.get(said):
            return schema[said][0]
    for shown in ("example", "const", "default"):
        if shown in schema:
            return schema[shown]
    for several in ("allOf", "oneOf", "anyOf"):
        if several in schema:
            return sample(schema[several][0], whole)
    return _by_type(schema, whole)


def _by_type(schema: Schema, whole: Schema) -> object:
    kind = schema.get("type")
    if kind == "object":
        fields = schema.get("properties", {})
        return {name: sample(fields[name], whole) for name in schema.get("required", ())}
    if kind == "array":
        return [sample(schema["items"], whole)] * max(1, schema.get("minItems", 0))
    if kind == "string":
        an_id = re.match(r"\^([a-z]{3}_)\[0-9a-f\]", schema.get("pattern", ""))
        if an_id:
            return an_id[1] + HEX
        formats = {"date-time": "2026-11-02T12:00:00Z", "date": "2026-11-02", "decimal": "1.5"}
        return formats.get(schema.get("format", ""), "x" * max(1, schema.get("minLength", 1)))
    if kind in {"integer", "number"}:
        return schema.get("minimum", 1)
    return kind == "boolean" or None
