"""HTTP: one shape for every refusal, one check of every key, one way to repeat a request safely."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from http import HTTPStatus
from typing import Any, TypeVar, cast

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.handlers.base import BaseRouteHandler
from litestar.types import ASGIApp, HTTPResponseStartEvent, Receive, Scope, Send
from litestar.typing import FieldDefinition
from sqlalchemy.exc import DBAPIError

from commerce.kernel.access import NoKey, Principal, WrongRole
from commerce.kernel.db import Database, Session, is_passing
from commerce.kernel.idempotency import KEY_LENGTH_MAX, Answer, Call, KeyMissing, Replay, first_time, keep
from commerce.kernel.ids import new_id
from commerce.kernel.keys import KeyRing
from commerce.kernel.refusals import Busy, FieldError, InvalidInput, Refusal
from commerce.kernel.unreadable import what_is_wrong

_NOT_QUERY = {"request", "data", "body", "state", "scope", "headers", "cookies", "query", "socket"}
PROBLEM_JSON = "application/problem+json"
_UNTRANSLATABLE = {"22021", "22P05"}
_log = structlog.get_logger()

View = TypeVar("View")
AnyRequest = Request[Any, Any, Any]


class Problem(msgspec.Struct, frozen=True):
    """A refusal on the wire (RFC 9457).

    Switch on `code`; `facts` are its typed details; `errors` say which fields of the request are wrong, one by one.
    """

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    facts: dict[str, Any] = {}
    errors: list[FieldError] = []


class StrictRequest(Request[Any, Any, Any]):
    """A request whose body is read straight into the type its route declares: "1" is not a number, nor is 1.0.

    (The framework itself would read the body loosely into plain objects first, and convert those.)
    """

    async def json(self) -> Any:  # noqa: ANN401 - whatever type the route declares
        """The body. Raises NotJson, and InvalidInput naming the field that cannot be read."""
        kind = self.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise NotJson(kind)
        field = cast("Any", self.route_handler).parsed_data_field
        try:
            return _decoder(field.annotation).decode(await self.body())
        except msgspec.MsgspecError as error:
            raise InvalidInput(*what_is_wrong(str(error), field.annotation)) from None
        except UnicodeDecodeError:
            raise InvalidInput("body", "It is not UTF-8.") from None
        except RecursionError:
            raise InvalidInput("body", "It is nested too deeply.") from None


@dataclass(eq=False)
class NotJson(Refusal):
    """The body is announced as something else than JSON."""

    status = 415
    code = "not_json"
    content_type: str

    def __str__(self) -> str:
        return f"Send JSON, with Content-Type: application/json; not {self.content_type}."


@cache
def _decoder(annotation: Any) -> msgspec.json.Decoder[Any]:  # noqa: ANN401 - whatever type the route declares
    return msgspec.json.Decoder(annotation, strict=True)


async def authorise(request: AnyRequest) -> None:
    """Let a request through if its key's role is among those the route declares, before anything of it is read.

    Raises NoKey, WrongRole, InvalidInput for a query parameter that does not exist. (It runs before the handler and not
    as one of the framework's guards, for which the handler would be copied at every request.)
    """
    handler = request.route_handler
    roles = handler.opt.get("roles")
    if not roles:
        return
    scheme, _, presented = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not presented:
        raise NoKey
    ring: KeyRing = request.app.state["key_ring"]
    principal = await ring.principal(presented.strip())
    if principal.role not in roles:
        raise WrongRole(principal.role, sorted(roles))
    request.scope["user"] = principal
    for name, value in request.scope["path_params"].items():
        _refuse_nul(name, value)
    _refuse_unknown_query(request, handler)


def _refuse_unknown_query(request: AnyRequest, handler: BaseRouteHandler) -> None:
    """Let nothing in a query go unread: a misspelt filter, or one of two, would else change what is asked.

    Raises InvalidInput.
    """
    if not request.scope["query_string"]:
        return
    known = _query_names(handler)
    seen = set()
    for name, value in request.query_params.multi_items():
        if name not in known:
            raise InvalidInput(name, f"There is no such query parameter here; known are {', '.join(sorted(known))}.")
        if name in seen and not known[name]:
            raise InvalidInput(name, "It may be given only once.")
        seen.add(name)
        _refuse_nul(name, value)


def _refuse_nul(name: str, value: object) -> None:
    """Refuse what no database text can hold, while it is known where it stood. Raises InvalidInput."""
    if isinstance(value, str) and "\0" in value:
        raise InvalidInput(name, "A text holds a character that cannot be stored.")


@cache
def _query_names(handler: BaseRouteHandler) -> Mapping[str, bool]:
    """The query parameters a route declares, by the names they have on the wire, and whether each may be repeated."""
    elsewhere = _NOT_QUERY | handler.resolve_dependencies().keys() | set(handler.opt.get("path", ()))
    ours = [(name, field) for name, field in _parameters(handler).items() if name not in elsewhere]
    return {getattr(field.kwarg_definition, "name", None) or name: _may_be_repeated(field) for name, field in ours}


@cache
def _parameters(handler: BaseRouteHandler) -> Mapping[str, FieldDefinition]:
    """What a route declares, and what those declare that provide something for it."""
    provided = (provider.parsed_fn_signature.parameters for provider in handler.resolve_dependencies().values())
    declared: dict[str, FieldDefinition] = {}
    for parameters in (*provided, handler.parsed_fn_signature.parameters):
        declared |= parameters
    return declared


def _may_be_repeated(field: FieldDefinition) -> bool:
    """A list may be written by naming it again; so may one that may be left out."""
    return field.is_non_string_sequence or any(part.is_non_string_sequence for part in field.inner_types)


def provide_principal(request: AnyRequest) -> Principal:
    """Who is calling, as the guard found out."""
    return cast("Principal", request.scope["user"])


def provide_call(request: AnyRequest) -> Call:
    """The request as something that can be recognised when it is repeated. Raises KeyMissing."""
    key = request.headers.get("idempotency-key", "")
    if not 0 < len(key) <= KEY_LENGTH_MAX or not key.isprintable():
        raise KeyMissing
    return Call(provide_principal(request), f"{request.method} {request.scope['path']}", key)


class Ready(Response[bytes]):
    """A response whose bytes are fixed. It goes out as it is: there is nothing to encode, and no type to look up."""

    def to_asgi_response(  # type: ignore[override]  # the framework calls whatever it is given, as any ASGI application
        self, app: object, request: object, *, headers: Mapping[str, str] | None = None, **_: object
    ) -> ASGIApp:
        """What sends it."""
        del app, request
        body, status = self.content, self.status_code
        own = {**(headers or {}), **self.headers, "content-type": self.media_type, "content-length": len(body)}
        encoded = [(name.lower().encode("latin-1"), str(value).encode("latin-1")) for name, value in own.items()]

        async def sending(scope: Scope, receive: Receive, send: Send) -> None:
            del scope, receive
            await send(cast("HTTPResponseStartEvent", {
                "type": "http.response.start", "status": status, "headers": encoded
            }))  # fmt: skip
            await send({"type": "http.response.body", "body": body, "more_body": False})

        return sending


def replay(answer: Answer, shape: type[View], *, again: bool = False) -> Response[View]:
    """An answer whose bytes are already fixed, as the response of a route that answers `shape`."""
    del shape
    headers = {"Idempotent-Replayed": "true"} if again else None
    response = Ready(answer.body, status_code=answer.status, media_type="application/json", headers=headers)
    return cast("Response[View]", response)


Work = Callable[[Session, datetime], Awaitable[View]]


async def once(db: Database, call: Call, data: object, work: Work[View], status: int = 201) -> Response[View]:
    """Do what a request asks, all or nothing, and answer the same whenever it is sent again.

    `work` gets the transaction and the instant, and gives what to answer. Raises Replay, KeyReused, InFlight.
    """
    async with db.transaction() as tx:
        now = db.clock.now()
        await first_time(tx, call, data)
        view = await work(tx, now)
        answer = await keep(tx, call, data, Answer(status, msgspec.json.encode(view)), now)
    return replay(answer, type(view))


def request_id(request: AnyRequest) -> str:
    """The id by which this request is found in the logs."""
    state = request.scope["state"]
    if "request_id" not in state:
        state["request_id"] = new_id("req")
    return cast("str", state["request_id"])


def render_refusal(
    request: AnyRequest, refusal: Refusal, errors: Sequence[FieldError] | None = None
) -> Response[Problem]:
    """A refusal in the one shape all refusals have."""
    problem = Problem(
        f"/errors/{refusal.code}",
        refusal.title,
        refusal.status,
        str(refusal),
        refusal.code,
        request_id(request),
        refusal.facts(),
        list(errors) if errors else refusal.field_errors(),
    )
    headers = {"Retry-After": str(refusal.retry_after_s)} if refusal.retry_after_s else {}
    if refusal.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    response = Ready(msgspec.json.encode(problem), status_code=refusal.status, media_type=PROBLEM_JSON, headers=headers)
    return cast("Response[Problem]", response)


def render_replay(_: AnyRequest, seen: Replay) -> Response[bytes]:
    """The answer of the first time, byte for byte."""
    return replay(seen.answer, bytes, again=True)


def render_invalid(request: AnyRequest, error: ValidationException) -> Response[Problem]:
    """A body or parameter that cannot be read, each field by name."""
    errors = [FieldError(*_field_and_reason(found, request.route_handler)) for found in _extras(error)]
    errors = errors or [FieldError(*what_is_wrong(str(error.detail), Any))]
    first = errors[0]
    return render_refusal(request, InvalidInput(first.field, first.reason), errors)


def render_http(request: AnyRequest, error: HTTPException) -> Response[Problem]:
    """What the framework refuses: no such route, wrong method, a body that is too large or not JSON."""
    code = {400: "invalid_input", 404: "no_such_route", 405: "method_not_allowed", 413: "too_large"}
    problem = Problem(
        f"/errors/{code.get(error.status_code, 'http_error')}",
        code.get(error.status_code, "http_error").replace("_", " ").capitalize(),
        error.status_code,
        str(error.detail),
        code.get(error.status_code, "http_error"),
        request_id(request),
    )
    headers = cast("Mapping[str, str] | None", error.headers)
    return Response(problem, status_code=error.status_code, media_type=PROBLEM_JSON, headers=dict(headers or {}))


def render_failure(request: AnyRequest, error: Exception) -> Response[Problem]:
    """Not now (the database is away or busy), or a bug: a request id and nothing else."""
    if isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", None) in _UNTRANSLATABLE:
        return render_refusal(request, InvalidInput("request", "A text holds a character that cannot be stored."))
    if isinstance(error, DBAPIError) and "invalid input for query argument" in str(error.orig):
        return render_refusal(request, InvalidInput("request", "A number or an instant is beyond what can be stored."))
    if is_passing(error):
        _log.warning("not_now", error=repr(error)[:300])
        return render_refusal(request, Busy())
    _log.error("bug", exc_info=error)
    problem = Problem(
        "/errors/bug", "Internal error", 500, "Something is wrong on our side.", "bug", request_id(request)
    )
    return Response(problem, status_code=500, media_type=PROBLEM_JSON)


def _extras(error: ValidationException) -> list[Mapping[str, Any]]:
    return [found for found in error.extra or [] if isinstance(found, Mapping)]


def _field_and_reason(found: Mapping[str, Any], handler: BaseRouteHandler) -> tuple[str, str]:
    message, name = str(found.get("message", "")), str(found.get("key") or "")
    if message == repr(name):  # It is not there at all.
        return ("body" if name == "data" else _name_on_the_wire(name, handler)), "It is required."
    declared = _parameters(handler).get(name)
    field, reason = what_is_wrong(message, declared.annotation if declared else Any)
    key = _name_on_the_wire(name, handler)
    if key in {"", "data"} or key in field:
        return field, reason
    return (key if field == "body" else f"{key}.{field}"), reason


def _name_on_the_wire(key: str, handler: BaseRouteHandler) -> str:
    """What a caller calls a parameter, which may not be what we call it."""
    declared = _parameters(handler).get(key)
    return (declared and getattr(declared.kwarg_definition, "name", None)) or key


HANDLERS: dict[int | type[Exception], Any] = {
    Refusal: render_refusal,
    Replay: render_replay,
    ValidationException: render_invalid,
    HTTPException: render_http,
    Exception: render_failure,
}
"""One place that turns exceptions into responses."""
