"""Events, as they can be asked for afterwards: what was told is listed whether it was delivered or not."""

import fnmatch
from collections.abc import Iterable

import msgspec

from commerce.stripe_sandbox.calls import Call
from commerce.stripe_sandbox.errors import Json, no_such
from commerce.stripe_sandbox.lists import limit_of, made_within
from commerce.stripe_sandbox.world import Event, Work

KEPT_S = 30 * 24 * 3600


def retrieve(work: Work, call: Call) -> Json:
    """An event of the last thirty days."""
    event = work.world.events.get(call.id)
    if event is None or work.now - event.created > KEPT_S:
        raise no_such("event", call.id, "id")
    return _whole(event)


def list_all(work: Work, call: Call) -> Json:
    """The events of the last thirty days, the newest first."""
    said = call.said
    limit = limit_of(said)
    ids = list(work.world.events)
    before = "ending_before" in said
    walk: Iterable[str] = ids[_after(ids, said["ending_before"]) :] if before else reversed(ids[: _until(ids, said)])
    kinds = said.get("types") or [said.get("type", "*")]
    found: list[Event] = []
    for id_ in walk:
        event = work.world.events[id_]
        fresh = work.now - event.created <= KEPT_S and made_within(event.created, said.get("created"))
        if fresh and any(fnmatch.fnmatchcase(event.type, kind) for kind in kinds):
            found.append(event)
            if len(found) > limit:
                break
    page = found[:limit][:: -1 if before else 1]
    return {
        "object": "list",
        "data": [_whole(event) for event in page],
        "has_more": len(found) > limit,
        "url": "/v1/events",
    }


def _after(ids: list[str], id_: str) -> int:
    return _place(ids, id_, "ending_before") + 1


def _until(ids: list[str], said: Json) -> int:
    return _place(ids, said["starting_after"], "starting_after") if "starting_after" in said else len(ids)


def _place(ids: list[str], id_: str, param: str) -> int:
    try:
        return ids.index(id_)
    except ValueError:
        raise no_such("event", id_, param, status=400) from None


def _whole(event: Event) -> Json:
    whole: Json = msgspec.json.decode(event.body)
    return whole
