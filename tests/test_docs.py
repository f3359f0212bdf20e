"""Documentation: the page and the document, on a machine without the internet."""

import re
from importlib.resources import files

from litestar import Litestar
from litestar.routes import HTTPRoute

from commerce.app import build_app
from commerce.kernel.db import Database
from commerce.operations.docs import document
from tests.conftest import NOON, Callers


async def test_the_documentation_page_needs_nothing_from_outside(callers: Callers) -> None:
    nobody = callers.nobody()

    page = await nobody.get("/docs")

    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert page.headers["content-security-policy"].startswith("default-src 'none'; script-src 'self';")
    named = re.findall(r"""(?:src|href)="([^"]+)\"""", page.text)
    assert len(named) == 4
    for path in (*named, "/docs"):
        file = await nobody.get(path)
        assert file.status_code == 200, path
        assert path.startswith("/docs")
        again = await nobody.get(path, headers={"If-None-Match": file.headers.get("etag", "none")})
        assert again.status_code == (304 if "etag" in file.headers else 200)
    start = (await nobody.get("/docs/assets/start.js")).text
    css = (await nobody.get("/docs/assets/swagger-ui.css")).text
    for written in (page.text, start):
        assert "//" not in written
    assert re.findall(r"url\((?!['\"]?data:)", css) == []
    assert "@import" not in css
    assert re.search(r"url: \"(/openapi.json)\"", start)
    for path in ("/docs/assets/nothing.js", "/docs/assets/..%2f__init__.py", "/docs/assets/%2e%2e"):
        assert (await nobody.get(path)).status_code == 404


def test_the_page_reads_openapi_31() -> None:
    """Swagger UI reads OpenAPI 3.1 from its fifth version on; an older one shows an error and nothing else."""
    [version] = [folder.name for folder in (files("swagger_ui_bundle") / "vendor").iterdir() if folder.is_dir()]
    assert int(version.removeprefix("swagger-ui-").split(".")[0]) >= 5


async def test_the_document_tells_whose_groups_count(callers: Callers) -> None:
    """Wherever somebody would look for why a customer of a group does not get its price."""
    whole = (await callers.nobody().get("/openapi.json")).json()

    kinds = whole["components"]["schemas"]
    told = [
        whole["paths"]["/v1/customers/{customer_id}/groups"]["put"]["description"],
        kinds["GroupsBody"]["properties"]["groups"]["description"],
        kinds["QuoteBody"]["properties"]["buyer"]["description"],
        kinds["VerdictView"]["properties"]["reason"]["description"],
    ]
    assert all("e-mail address" in words for words in told), told


async def test_the_document_tells_roles_keys_and_refusals_of_every_route(app: Litestar, callers: Callers) -> None:
    answer = await callers.nobody().get("/openapi.json")

    whole = answer.json()
    assert whole == document(app, NOON)
    assert whole["openapi"] == "3.1.0"
    assert whole["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    assert whole["security"] == [{"key": []}]
    merge = whole["paths"]["/v1/customers/{customer_id}/merge"]["post"]
    assert merge["description"].endswith("Roles: `admin`, `operator`.")
    assert merge["summary"] == "Merge customers"
    assert "Idempotency-Key" in [parameter["name"] for parameter in merge["parameters"]]
    assert "security" not in merge
    assert whole["paths"]["/health/live"]["get"]["security"] == []
    refused = {"$ref": "#/components/schemas/Problem"}
    for path, operations in whole["paths"].items():
        for method, operation in operations.items():
            assert operation["description"], (path, method)
            assert operation["responses"]["default"]["content"]["application/problem+json"]["schema"] == refused
            assert "400" not in operation["responses"]
    pointed = set(re.findall(r'"#/components/schemas/([^"]+)"', answer.text))
    assert pointed <= set(whole["components"]["schemas"])


def test_what_holds_where_nothing_is_said_is_told_at_each_place() -> None:
    """An enumeration that many places share has no default: what is one's own would else be told of all."""
    whole = document(build_app(Database("postgresql+asyncpg://")))

    shapes = whole["components"]["schemas"]
    assert [name for name, shape in shapes.items() if "enum" in shape and "default" in shape] == []
    asked = {one["name"]: one for one in whole["paths"]["/v1/reports/attach-rate"]["get"]["parameters"]}
    said = ("basis", "channel_kind", "attach_channel_kind", "count_at", "format")
    assert [asked[name]["schema"].get("default") for name in said] == [None, "all", None, "placing", "json"]
    assert asked["attach_channel_kind"]["description"] == "Only later orders in such channels count as an attach."
    assert shapes["Kind"]["description"] == "The kind of channels that is meant."
    levels = [whole["paths"][f"/v1/reports/{name}"]["get"]["parameters"] for name in ("attach-pairs", "channel-gaps")]
    assert [one["schema"]["default"] for of in levels for one in of if one["name"] == "level"] == ["category", "sku"]
    limits = shapes["LimitsBody"]["properties"]
    assert [limits[name]["default"] for name in ("on_cancel", "on_return")] == ["give_back", "keep"]
    assert "default" not in shapes["NewProgramBody"]["properties"]["basis"]
    assert (asked["window_days"]["schema"]["minimum"], asked["window_days"]["schema"]["maximum"]) == (0, 365)
    assert shapes["NewProgramBody"]["properties"]["window_days"]["minimum"] == 0


async def test_every_v1_route_is_documented(app: Litestar) -> None:
    documented = document(app)["paths"]
    for route in app.routes:
        if isinstance(route, HTTPRoute) and route.path.startswith("/v1/"):
            methods = {method.lower() for handler in route.route_handlers for method in handler.http_methods}
            assert methods - {"options"} <= set(documented[route.path_format]), route.path


def test_a_route_whose_answer_has_an_etag_says_so_and_how_it_is_used() -> None:
    paths = document(build_app(Database("postgresql+asyncpg://")))["paths"]
    told = {
        path
        for path, methods in paths.items()
        for operation in methods.values()
        if "If-None-Match" in [parameter["name"] for parameter in operation.get("parameters", ())]
    }

    assert told == {
        "/v1/catalog/pairings",
        "/v1/catalog/pairings/{code}",
        "/v1/catalog/products",
        "/v1/catalog/products/{code}",
        "/v1/catalog/variants/{sku}",
        "/v1/categories",
        "/v1/categories/{code}",
        "/v1/channels",
        "/v1/channels/{code}",
        "/v1/listings/{channel}/{sku}",
        "/v1/locations",
        "/v1/locations/{code}",
        "/v1/markets",
        "/v1/markets/{code}",
        "/v1/price-books/{market}",
        "/v1/price-books/{market}/{number}",
        "/v1/products",
        "/v1/products/{code}",
    }
    for path, methods in paths.items():
        for method, operation in methods.items():
            answers = operation["responses"]
            tagged = {status for status, answer in answers.items() if "ETag" in answer.get("headers", {})}
            assert tagged == ({"200", "304"} if path in told and method == "get" else set()), (method, path)
            assert "content" not in answers.get("304", {})
