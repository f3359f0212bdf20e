"""Examples: a body for each route that takes one, put together from the examples of its fields."""

from typing import Any

Document = dict[str, Any]
_PLAIN: dict[str, object] = {"integer": 1, "number": 1, "boolean": True, "object": {}, "null": None}


def example_of(schema: Document, shapes: Document) -> object:
    """What somebody could send for this schema: a field's own example, else its default, else the plainest value."""
    schema = _resolved(schema, shapes)
    for known in ("examples", "enum"):
        if schema.get(known):
            return schema[known][0]
    for known in ("default", "const"):
        if schema.get(known) is not None:
            return schema[known]
    if "properties" in schema:
        return _object(schema, shapes)
    kind = schema.get("type")
    if kind == "array":
        return [example_of(schema["items"], shapes)] if schema.get("minItems") else []
    if kind == "string":
        return {"date-time": "2027-03-01T09:00:00+01:00", "date": "2027-03-01"}.get(schema.get("format", ""), "text")
    return _PLAIN.get(kind if isinstance(kind, str) else "null")


def _object(schema: Document, shapes: Document) -> Document:
    """The fields that must be sent, and those that say themselves how they look."""
    required = set(schema.get("required", ()))
    return {
        name: example_of(field, shapes)
        for name, field in schema["properties"].items()
        if name in required or _resolved(field, shapes).get("examples")
    }


def _resolved(schema: Document, shapes: Document) -> Document:
    """The schema itself: references followed, and of alternatives the first that is something."""
    while True:
        if "$ref" in schema:
            schema = {**shapes[schema["$ref"].rpartition("/")[2]], **{k: v for k, v in schema.items() if k != "$ref"}}
            continue
        choices = schema.get("oneOf") or schema.get("anyOf") or schema.get("allOf")
        if not choices:
            return schema
        something = next((choice for choice in choices if choice.get("type") != "null"), choices[0])
        schema = {**something, **{k: v for k, v in schema.items() if k not in {"oneOf", "anyOf", "allOf"}}}
