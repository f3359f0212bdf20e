"""The examples in the documentation are bodies that the API can read."""

from typing import Any

import msgspec
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from commerce.operations.docs import document
from commerce.operations.examples import example_of


def _with_bodies(app: Litestar) -> list[tuple[str, str, HTTPRouteHandler]]:
    return [
        (route.path_format, next(iter(handler.http_methods)).lower(), handler)
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for handler in route.route_handlers
        if handler.parsed_data_field is not None
    ]


async def test_every_body_has_an_example_that_can_be_read(app: Litestar) -> None:
    paths = document(app)["paths"]
    with_bodies = _with_bodies(app)

    assert len(with_bodies) > 20
    for path, method, handler in with_bodies:
        example = paths[path][method]["requestBody"]["content"]["application/json"]["example"]
        declared: Any = handler.parsed_data_field
        msgspec.json.decode(msgspec.json.encode(example), type=declared.annotation)


def test_an_example_is_put_together_from_the_fields_own() -> None:
    shapes = {
        "Line": {"properties": {"sku": {"examples": ["A-1"]}, "quantity": {"type": "integer"}}, "required": ["sku"]}
    }
    basket = {
        "properties": {"lines": {"type": "array", "minItems": 1, "items": {"$ref": "#/x/Line"}}},
        "required": ["lines"],
    }

    assert example_of(basket, shapes) == {"lines": [{"sku": "A-1"}]}
