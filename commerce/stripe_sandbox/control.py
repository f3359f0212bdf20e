"""The sandbox's own addresses, below /_sandbox: for whoever plays with it. No key is asked, but nobody from afar."""

import ipaddress
from collections.abc import Callable
from html import escape
from typing import Annotated
from urllib.parse import parse_qs, urlencode

import msgspec

from commerce.stripe_sandbox import confirm, disputes, setup_intents
from commerce.stripe_sandbox.box import Sandbox
from commerce.stripe_sandbox.connections import Scope, Send, send_answer
from commerce.stripe_sandbox.errors import Json, StripeError
from commerce.stripe_sandbox.faults import Script, SearchLag
from commerce.stripe_sandbox.journal import ENCODE
from commerce.stripe_sandbox.options import LATENCY_MS_MAX, SIGNS, is_web_address
from commerce.stripe_sandbox.world import Work

TAKE_MOST = 1_000_000
INSTANT_MAX = 253_402_300_799
"""The last second of the year 9999."""
ONE_OR_MORE = msgspec.Meta(min_length=1)


class ClockBody(msgspec.Struct, forbid_unknown_fields=True):
    """An instant in seconds at which the clock stands still, or null for the real one."""

    now: Annotated[int, msgspec.Meta(ge=0, le=INSTANT_MAX)] | None


class TakeBody(msgspec.Struct, forbid_unknown_fields=True):
    """How many deliveries at most."""

    most: Annotated[int, msgspec.Meta(ge=1, le=TAKE_MOST)] = TAKE_MOST


class DisputeBody(msgspec.Struct, forbid_unknown_fields=True):
    """A payment to dispute, or whose dispute is to move on."""

    payment_intent: str
    status: str | None = None


class LatencyBody(msgspec.Struct, forbid_unknown_fields=True):
    """How long every answer takes."""

    ms: Annotated[int, msgspec.Meta(ge=0, le=LATENCY_MS_MAX)]


class SearchLagBody(msgspec.Struct, forbid_unknown_fields=True):
    """How long it takes until search finds what was made, where the fault script does not say otherwise."""

    s: SearchLag


class MulticaptureBody(msgspec.Struct, forbid_unknown_fields=True):
    """Whether holds may be captured in parts, as they may where IC+ pricing was agreed, and nowhere else."""

    available: bool


class WebhookBody(msgspec.Struct, forbid_unknown_fields=True):
    """Where webhooks go (null: they are handed out), and the secrets they are signed with (null: as before)."""

    url: str | None
    secrets: Annotated[tuple[Annotated[str, msgspec.Meta(pattern=SIGNS)], ...], ONE_OR_MORE] | None = None

    def __post_init__(self) -> None:
        """Somebody must be able to hear there."""
        if self.url is not None and not is_web_address(self.url):
            raise ValueError("url: webhooks are posted to an address that begins with http:// or https://")


def _health(box: Sandbox, body: bytes, query: Json) -> object:
    del body, query
    return {"status": "up", "now": box.world.now()}


def _reset(box: Sandbox, body: bytes, query: Json) -> object:
    del body, query
    box.reset()
    return {}


def _clock(box: Sandbox, body: bytes, query: Json) -> object:
    del query
    box.world.set_clock(msgspec.json.decode(body, type=ClockBody).now)
    box.pass_time()
    box.outgoing.on_news()
    return {"now": box.world.now()}


def _set_faults(box: Sandbox, body: bytes, query: Json) -> object:
    del query
    box.play(msgspec.json.decode(body, type=Script))
    return {}


def _no_faults(box: Sandbox, body: bytes, query: Json) -> object:
    del body, query
    box.play(Script())
    return {}


def _latency(box: Sandbox, body: bytes, query: Json) -> object:
    del query
    box.latency_ms = msgspec.json.decode(body, type=LatencyBody).ms
    return {"ms": box.latency_ms}


def _search_lag(box: Sandbox, body: bytes, query: Json) -> object:
    del query
    box.lag_search(msgspec.json.decode(body, type=SearchLagBody).s)
    return {"s": box.search_lag_s}


def _multicapture(box: Sandbox, body: bytes, query: Json) -> object:
    """Be the account of a shop with or without IC+ pricing, for payments that are made from now on."""
    del query
    box.world.multicapture = msgspec.json.decode(body, type=MulticaptureBody).available
    return {"available": box.world.multicapture}


def _webhook(box: Sandbox, body: bytes, query: Json) -> object:
    del query
    wanted = msgspec.json.decode(body, type=WebhookBody)
    box.webhook_url = wanted.url
    if wanted.secrets is not None:
        box.outgoing.secrets = wanted.secrets
    box.outgoing.on_news()
    return {"url": box.webhook_url}


def _take(box: Sandbox, body: bytes, query: Json) -> object:
    del query
    if box.webhook_url is not None:
        raise ValueError("deliveries are posted to " + box.webhook_url)
    return box.outgoing.hand_out(msgspec.json.decode(body or b"{}", type=TakeBody).most)


def _ledger(box: Sandbox, body: bytes, query: Json) -> object:
    del body
    return box.world.ledger[int(query.get("after", 0)) :]


def _calls(box: Sandbox, body: bytes, query: Json) -> object:
    del body, query
    return [asked.told() for asked in box.calls]


def _dispute(box: Sandbox, body: bytes, query: Json) -> object:
    """Open a dispute, or move the one there is."""
    del query
    wanted = msgspec.json.decode(body, type=DisputeBody)
    if wanted.status is not None and wanted.status not in disputes.STATUSES:
        raise ValueError(f"a dispute's status is one of {', '.join(sorted(disputes.STATUSES))}")
    work = Work(box.world)
    intent = work.get("payment_intent", wanted.payment_intent)
    if not intent["amount_received"]:
        raise ValueError("nothing was paid that could be disputed")
    known = [row for row in box.world.tables["dispute"].newest_first() if row["payment_intent"] == intent["id"]]
    if known:
        dispute = disputes.move(work, known[0]["id"], wanted.status or "lost")
    else:
        dispute = disputes.open_dispute(work, intent, work.get("charge", intent["latest_charge"]), "fraudulent")
        if wanted.status not in {None, dispute["status"]}:
            dispute = disputes.move(work, dispute["id"], wanted.status or "")
    box.finish(work)
    return dispute


ROUTES: dict[tuple[str, str], Callable[[Sandbox, bytes, Json], object]] = {
    ("GET", "health"): _health,
    ("POST", "reset"): _reset,
    ("POST", "clock"): _clock,
    ("POST", "faults"): _set_faults,
    ("DELETE", "faults"): _no_faults,
    ("POST", "latency"): _latency,
    ("POST", "search-lag"): _search_lag,
    ("POST", "multicapture"): _multicapture,
    ("POST", "webhook"): _webhook,
    ("POST", "deliveries/take"): _take,
    ("POST", "disputes"): _dispute,
    ("GET", "ledger"): _ledger,
    ("GET", "calls"): _calls,
}


async def respond(box: Sandbox, scope: Scope, body: bytes, send: Send) -> None:
    """Answer a request below /_sandbox."""
    path = scope["path"].removeprefix("/_sandbox/")
    query = {name: values[-1] for name, values in parse_qs(scope["query_string"].decode("latin-1")).items()}
    if not ipaddress.ip_address(scope["client"][0]).is_loopback:
        await _send_json(send, 403, {"error": "Only this machine may do that."})
    elif path.startswith("authenticate/"):
        await _authenticate(box, path.removeprefix("authenticate/"), query.get("outcome"), send)
    else:
        await _send_json(send, *_do(box, (scope["method"], path), body, query))


def _do(box: Sandbox, wanted: tuple[str, str], body: bytes, query: Json) -> tuple[int, object]:
    handler = ROUTES.get(wanted)
    if handler is None:
        return 404, {"error": f"There is no {wanted[0]} /_sandbox/{wanted[1]}."}
    try:
        return 200, handler(box, body, query)
    except (ValueError, msgspec.DecodeError) as error:
        return 400, {"error": str(error)}
    except StripeError as error:
        return error.status, {"error": error.error["message"]}


async def _authenticate(box: Sandbox, id_: str, outcome: str | None, send: Send) -> None:
    """The card's own page: its holder says yes or no there, and is led back to the shop."""
    box.pass_time()
    work = Work(box.world)
    kind = "setup_intent" if id_.startswith("seti_") else "payment_intent"
    intent = work.find(kind, id_)
    if intent is None or intent["status"] != "requires_action":
        status = "unknown" if intent is None else intent["status"]
        await _send_json(
            send, 409 if intent else 404, {"error": f"There is nothing to authenticate: {id_} is {status}."}
        )
        return
    if outcome not in {"succeed", "fail"}:
        await _send_page(send, id_)
        return
    back = intent["next_action"].get("redirect_to_url", {}).get("return_url")
    go_on = setup_intents.set_up if kind == "setup_intent" else confirm.pay
    intent = confirm.authenticated(work, work.edit(kind, id_), go_on, succeeded=outcome == "succeed")
    box.finish(work)
    if back is None:
        await _send_json(send, 200, intent)
        return
    facts = {kind: id_, f"{kind}_client_secret": intent["client_secret"], "redirect_status": _redirect_status(intent)}
    location = f"{back}{'&' if '?' in back else '?'}{urlencode(facts)}"
    await send_answer(send, 302, b"", [(b"location", location.encode())])


def _redirect_status(intent: Json) -> str:
    return "failed" if intent["status"] == "requires_payment_method" else "succeeded"


async def _send_page(send: Send, id_: str) -> None:
    page = (
        "<!doctype html><html lang='en'><meta charset='utf-8'><title>Your bank</title><h1>Is it you who pays?</h1>"
        "<p>This page stands for the bank's, which asks the holder of a test card.</p>"
        f"<form method='post' action='/_sandbox/authenticate/{escape(id_)}?outcome=succeed'><button>Yes, it is me"
        f"</button></form><form method='post' action='/_sandbox/authenticate/{escape(id_)}?outcome=fail'><button>No"
        "</button></form></html>"
    )
    await send_answer(send, 200, page.encode(), [(b"content-type", b"text/html; charset=utf-8")])


async def _send_json(send: Send, status: int, said: object) -> None:
    await send_answer(send, status, ENCODE(said), [(b"content-type", b"application/json")])
