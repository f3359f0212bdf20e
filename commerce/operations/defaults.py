"""Defaults: what holds where a caller says nothing, told at each place by itself.

Litestar tells it, and what a parameter is for, of an enumeration that many places share: so what holds at one of them
is told of all. And it leaves out a least number that is 0.
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import Any

from litestar.handlers import HTTPRouteHandler
from litestar.typing import FieldDefinition
from msgspec import inspect

Document = dict[str, Any]
_REFERENCE = "#/components/schemas/"


def forget_shared(shapes: Document) -> None:
    """Let no enumeration have a default: the places that use it have."""
    for shape in shapes.values():
        if "enum" in shape:
            shape.pop("default", None)


def tell_defaults(operation: Document, handler: HTTPRouteHandler, shapes: Document) -> None:
    """Tell of each parameter of a route, and of each field of its body, what holds if it is left out."""
    fields = dict(_parameters(handler))
    for parameter in operation.get("parameters", ()):
        if parameter["name"] in fields:
            _tell_of_parameter(parameter["schema"], fields[parameter["name"]], shapes)
    body = handler.parsed_fn_signature.parameters.get("data")
    if body is not None:
        structs: dict[type, inspect.StructType] = {}
        _gather(inspect.type_info(body.annotation), structs)
        for struct in structs.values():
            _tell_of_struct(struct, shapes)


def _parameters(handler: HTTPRouteHandler) -> Iterator[tuple[str, FieldDefinition]]:
    """What a route and those it depends on are given, by the name that it has in an address."""
    providers = handler.resolve_dependencies().values()
    for signature in (handler.parsed_fn_signature, *(provider.parsed_fn_signature for provider in providers)):
        for name, field in signature.parameters.items():
            yield getattr(field.kwarg_definition, "name", None) or name, field


def _tell_of_parameter(schema: Document, field: FieldDefinition, shapes: Document) -> None:
    words = next((one for one in (field, *(field.inner_types or ())) if one.is_subclass_of(StrEnum)), None)
    if words is not None:
        for part in (*schema.get("allOf", ()), *schema.get("oneOf", ())):
            if "$ref" in part:
                shapes[part["$ref"].removeprefix(_REFERENCE)]["description"] = words.annotation.__doc__
    if isinstance(field.default, StrEnum):
        schema["default"] = field.default.value
    if getattr(field.kwarg_definition, "ge", None) == 0:
        schema.setdefault("minimum", 0)


def _gather(found: inspect.Type, structs: dict[type, inspect.StructType]) -> None:
    """Every struct that a body is, or may have in it."""
    if isinstance(found, inspect.StructType):
        if found.cls not in structs:
            structs[found.cls] = found
            for field in found.fields:
                _gather(field.type, structs)
    elif isinstance(found, inspect.UnionType):
        for one in found.types:
            _gather(one, structs)
    elif isinstance(found, inspect.Metadata):
        _gather(found.type, structs)
    elif isinstance(found, inspect.ListType):
        _gather(found.item_type, structs)


def _tell_of_struct(struct: inspect.StructType, shapes: Document) -> None:
    name, fields = struct.cls.__name__, {field.encode_name: field for field in struct.fields}
    for key, shape in shapes.items():
        properties = shape.get("properties", {})
        if (key == name or key.endswith(f"_{name}")) and fields.keys() <= properties.keys():
            for field in fields.values():
                if isinstance(field.default, StrEnum):
                    properties[field.encode_name]["default"] = field.default.value
                if _is_at_least_0(field.type):
                    properties[field.encode_name].setdefault("minimum", 0)


def _is_at_least_0(found: inspect.Type) -> bool:
    if isinstance(found, inspect.Metadata):
        return _is_at_least_0(found.type)
    if isinstance(found, inspect.UnionType):
        return any(_is_at_least_0(one) for one in found.types)
    return isinstance(found, inspect.IntType) and found.ge == 0
