"""Examples: requests to the demo shop and what it answered. A test sends every one of them and compares.

They stand in `examples.json`, in the order in which they are sent; of a route's requests the first one is shown.
"""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

FILE = Path(__file__).with_name("examples.json")
Document = dict[str, Any]
_HOLD_ENDS = "2026-11-02T14:00:00Z"
_HOLD_MAX = timedelta(hours=2)


class Example(msgspec.Struct, omit_defaults=True):
    """One request, and what the shop answered. `etag`: the answer had an ETag."""

    route: str
    role: str | None = None
    path: dict[str, str | int] = {}
    query: Document = {}
    request: Document | None = None
    status: int = 200
    etag: bool = False
    answer: Any = None


def examples(now: datetime | None = None) -> list[Example]:
    """Every example, as it was recorded, or so that the shop would take it now: a hold ends within two hours.

    It then ends two hours after the last full hour, for an hour's examples to be the same.
    """
    text = FILE.read_text(encoding="utf-8")
    if now is not None:
        ends = now.replace(minute=0, second=0, microsecond=0) + _HOLD_MAX
        text = text.replace(_HOLD_ENDS, ends.strftime("%Y-%m-%dT%H:%M:%SZ"))
    return msgspec.json.decode(text, type=list[Example])


def first_of_each_route(kept: list[Example]) -> dict[str, Example]:
    """The example that is shown for each route, by method and path."""
    return {one.route: one for one in reversed(kept) if one.status < 400}  # noqa: PLR2004 - from there on, refusals


def show(operation: Document, example: Example) -> None:
    """Write an example into the operation it is of; where the answer has an ETag, say so, and how it is used."""
    for parameter in operation.get("parameters", ()):
        known = example.path | example.query
        if parameter["name"] in known:
            parameter["example"] = known[parameter["name"]]
    for content in operation.get("requestBody", {}).get("content", {}).values():
        content["example"] = example.request
    answer = operation["responses"][str(example.status)]
    for content in answer.get("content", {}).values():
        content["example"] = example.answer
    if example.etag:
        operation.setdefault("parameters", []).append(_IF_NONE_MATCH)
        answer.setdefault("headers", {})["ETag"] = _ETAG
        operation["responses"]["304"] = {
            "description": "What you have is what there is: `If-None-Match` names the answer's tag. There is no body.",
            "headers": {"ETag": _ETAG},
        }


_TAG = '"5d41402abc4b2a76b9719d911017c592"'
_ETAG = {
    "description": "A tag of these very bytes. Send it as `If-None-Match` to learn whether anything changed.",
    "schema": {"type": "string"},
    "example": _TAG,
}
_IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "The ETag of an answer you have; if that is still what there is, you are told so with a 304.",
    "schema": {"type": "string"},
}
