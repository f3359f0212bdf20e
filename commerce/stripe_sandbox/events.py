"""Events, as they can be asked for afterwards: what was told is listed whether it was delivered or not."""

import fnmatch
from collections.abc import Iterator

import msgspec

from commerce.stripe_sandbox.calls import Call
from commerce.stripe_sandbox.errors import Json, no_such
from commerce.stripe_sandbox.lists import made_within, page_of
from commerce.stripe_sandbox.world import Event, Work

KEPT_S = 30 * 24 * 3600


def retrieve(work: Work, call: Call) -> Json:
    """An event of the last thirty days."""
    event = work.world.events.rows.get(call.id)
    if event is None or work.now - event.created > KEPT_S:
        raise no_such("event", call.id, "id")
    return _whole(event)


def list_all(work: Work, call: Call) -> Json:
    """The events of the last thirty days, the newest first."""
    kinds = call.said.get("types") or [call.said.get("type", "*")]
    created = call.said.get("created")

    def matching(events: Iterator[Event]) -> Iterator[Json]:
        for event in events:
            fresh = work.now - event.created <= KEPT_S and made_within(event.created, created)
            if fresh and any(fnmatch.fnmatchcase(event.type, kind) for kind in kinds):
                yield _whole(event)

    return page_of(work.world.events, call.said, matching, "/v1/events")


def _whole(event: Event) -> Json:
    whole: Json = msgspec.json.decode(event.body)
    return whole
