"""Documentation: what the API speaks, and a page to read and try it that needs nothing from outside.

The page is Swagger UI from its wheel. Its content security policy lets it load from this server only, so that a
change which fetches something from elsewhere is seen by whoever opens the page, not by whom it was fetched from.
"""

import hashlib
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec
from litestar import Litestar, MediaType, Request, Response, Router, get
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme, Tag
from litestar.params import FromPath
from litestar.routes import BaseRoute, HTTPRoute
from litestar.types import ControllerRouterHandler

from commerce.kernel.access import may
from commerce.kernel.http import PROBLEM_JSON, Problem
from commerce.kernel.idempotency import KEY_LENGTH_MAX
from commerce.kernel.refusals import NotFound
from commerce.operations.defaults import forget_shared, tell_defaults
from commerce.operations.examples import Example, examples, first_of_each_route, show

Document = dict[str, Any]


class Unserved(Router):
    """Litestar would serve the schema on routes of its own, which name no roles. The routes below do it instead."""

    def register(self, value: ControllerRouterHandler) -> list[BaseRoute]:
        """Take no route."""
        del value
        return []


OPENAPI = OpenAPIConfig(
    title="commerce",
    version="1",
    description=(
        "One backend for a hardware brand's web shop, its stores and its launches.\n\n"
        "Send your key as `Authorization: Bearer <key>`. Money is an integer of the currency's smallest unit. "
        "Whatever is refused is answered as `application/problem+json` (RFC 9457): switch on `code`, never on prose. "
        "A POST that names an `Idempotency-Key` may be sent again with the same key, and has its effect once."
    ),
    tags=[
        Tag("orders", "Quote, place, sell, send, cancel."),
        Tag("payments", "Pay, refund, and what the payment provider says of it."),
        Tag("customers", "One person across channels."),
        Tag("catalog", "What is sold, where and from when."),
        Tag("prices", "Recommended prices and tax."),
        Tag("reports", "What leaves with what, and what the channels teach: figures with their definitions."),
        Tag("promotions", "What is given to whom, from when to when, and how often."),
        Tag("price books", "What tills and shops quote from, signed, and who holds it."),
        Tag("stock", "What there is, what is held, what moved."),
        Tag("keys", "Who may call."),
        Tag("operations", "For whoever runs this."),
    ],
    components=Components(
        security_schemes={
            "key": SecurityScheme(type="http", scheme="bearer", description="An API key: `prefix_id_secret`.")
        }
    ),
    security=[{"key": []}],
    use_handler_docstrings=True,
    openapi_router=Unserved(path="/", route_handlers=[]),
)

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>commerce: API</title>
<link rel="icon" type="image/png" href="/docs/assets/favicon-32x32.png">
<link rel="stylesheet" href="/docs/assets/swagger-ui.css">
<div id="page"><noscript>This page needs JavaScript. The bare document is at /openapi.json.</noscript></div>
<script src="/docs/assets/swagger-ui-bundle.js"></script>
<script src="/docs/assets/start.js"></script>
</html>
"""
START = """SwaggerUIBundle({
  url: "/openapi.json", dom_id: "#page", deepLinking: true, validatorUrl: null, persistAuthorization: true,
  docExpansion: "list", defaultModelsExpandDepth: 0, displayRequestDuration: true, filter: true,
});
"""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'"
)
_HEADERS = {"Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
_ASSETS = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "favicon-32x32.png": "image/png",
}


@get("/docs", opt=may(), include_in_schema=False, media_type=MediaType.HTML, sync_to_thread=False)
def page() -> Response[str]:
    """Show the documentation page."""
    return Response(PAGE, media_type=MediaType.HTML, headers=_HEADERS)


@get("/docs/assets/{name:str}", opt=may(), include_in_schema=False, sync_to_thread=False)
def asset(name: FromPath[str], request: Request[Any, Any, Any]) -> Response[bytes]:
    """Serve one of the page's files; a browser that has it already is told so."""
    if name == "start.js":
        return _unless_known(request, START.encode(), "text/javascript")
    if name not in _ASSETS:
        raise NotFound("file", name)
    return _unless_known(request, _vendored(name), _ASSETS[name])


@get("/openapi.json", opt=may(), include_in_schema=False, sync_to_thread=False)
def openapi(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Serve the OpenAPI 3.1 document, made anew each hour for its examples to be taken."""
    state = request.app.state
    now = state["db"].clock.now()
    hour = now.replace(minute=0, second=0, microsecond=0)
    if state.get("openapi", (None,))[0] != hour:
        state["openapi"] = hour, msgspec.json.encode(document(request.app, now))
    return _unless_known(request, state["openapi"][1], "application/vnd.oai.openapi+json")


ROUTES = [page, asset, openapi]


def document(app: Litestar, now: datetime | None = None) -> Document:
    """The OpenAPI 3.1 document: roles, Idempotency-Key, ETag, examples, and what refusals look like.

    The examples are those that would be taken `now`; without it, those that were recorded.
    """
    # As plain values: a default that is a struct would else stay one.
    whole: Document = msgspec.to_builtins(app.openapi_schema.to_schema())
    _, shapes = msgspec.json.schema_components([Problem], ref_template="#/components/schemas/{name}")
    whole["components"].setdefault("schemas", {}).update(shapes)
    shapes = whole["components"]["schemas"]
    forget_shared(shapes)
    kept = examples(now)
    shown, refused = first_of_each_route(kept), _refused(kept)
    for route in app.routes:
        if not isinstance(route, HTTPRoute):
            continue
        operations = whole["paths"].get(route.path_format, {})
        for handler in route.route_handlers:
            for method in handler.http_methods:
                if method.lower() in operations:
                    operation = operations[method.lower()]
                    _complete(operation, handler)
                    tell_defaults(operation, handler, shapes)
                    operation["responses"]["default"] = refused
                    if f"{method} {route.path_format}" in shown:
                        show(operation, shown[f"{method} {route.path_format}"])
                    _declare_files(operation, shapes)
    _open_unions(whole)
    return whole


def _open_unions(node: object) -> None:
    """Make every oneOf an anyOf: a value of a union may fit two of its types, and oneOf would then refuse it."""
    if isinstance(node, dict):
        if isinstance(node.get("oneOf"), list):
            node["anyOf"] = node.pop("oneOf")
        for child in node.values():
            _open_unions(child)
    elif isinstance(node, list):
        for child in node:
            _open_unions(child)


def _complete(operation: Document, handler: HTTPRouteHandler) -> None:
    roles = sorted(handler.opt["roles"])
    operation["summary"] = handler.handler_name.replace("_", " ").capitalize()
    who = f"Roles: {', '.join(f'`{role}`' for role in roles)}." if roles else "Public: needs no key."
    operation["description"] = "\n\n".join(part for part in (operation.get("description"), who) if part)
    if not roles:
        operation["security"] = []
    if handler.opt["idempotent"]:
        operation.setdefault("parameters", []).append(_IDEMPOTENCY_KEY)
    operation["responses"].pop("400", None)  # Litestar's own shape of a bad request, which we do not use.


_FILES: Document = {
    "csv": {"text/csv": {"schema": {"type": "string"}}},
    "parquet": {"application/vnd.apache.parquet": {"schema": {"type": "string", "format": "binary"}}},
    "png": {"image/png": {"schema": {"type": "string", "format": "binary"}}},
}
"""What is answered for a `format`, beside what the route declares."""


def _declare_files(operation: Document, shapes: Document) -> None:
    """Where a route is asked for a format, it may answer each of them; Litestar knows of one."""
    wanted = next((each for each in operation.get("parameters", ()) if each["name"] == "format"), None)
    if wanted is None:
        return
    [shape] = wanted["schema"]["allOf"]
    for word in shapes[shape["$ref"].rpartition("/")[-1]]["enum"]:
        operation["responses"]["200"]["content"].update(_FILES.get(word, {}))


_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "description": "New for each new intent; the same when the same request is sent again. Kept for 30 days.",
    "schema": {"type": "string", "minLength": 1, "maxLength": KEY_LENGTH_MAX},
    "example": "0b6f2f0e-5a0c-4f3e-9c55-6a1d1f7c2b11",
}


def _refused(kept: list[Example]) -> Document:
    example = next((one.answer for one in kept if one.status >= 400), None)  # noqa: PLR2004 - from there on, refusals
    return {
        "description": "Refused. Switch on `code`; `facts` are its typed details, `errors` the fields to blame.",
        "content": {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example}},
    }


@cache
def _vendored(name: str) -> bytes:
    """A file of the wheel, whichever version of Swagger UI it carries."""
    [version] = [folder for folder in (files("swagger_ui_bundle") / "vendor").iterdir() if folder.is_dir()]
    return (version / name).read_bytes()


def _unless_known(request: Request[Any, Any, Any], body: bytes, media_type: str) -> Response[bytes]:
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {**_HEADERS, "ETag": tag, "Cache-Control": "no-cache"}
    if tag in request.headers.get("if-none-match", ""):
        return Response(b"", status_code=304, media_type=media_type, headers=headers)
    return Response(body, media_type=media_type, headers=headers)
