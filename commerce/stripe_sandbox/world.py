"""The sandbox's world: what it holds, how a change comes to be as a whole or not at all, and what time it is."""

import heapq
from collections import defaultdict
from collections.abc import Iterator
from hashlib import blake2b
from itertools import count
from typing import Any, Generic, TypeVar

import msgspec

from commerce.kernel.clock import Clock
from commerce.stripe_sandbox.errors import Json, no_such
from commerce.stripe_sandbox.journal import ENCODE, Journal
from commerce.stripe_sandbox.keys import Kept, Keys
from commerce.stripe_sandbox.parameters import API_VERSION

PREFIXES = {
    "customer": "cus_",
    "payment_method": "pm_",
    "payment_intent": "pi_",
    "setup_intent": "seti_",
    "charge": "ch_",
    "refund": "re_",
    "dispute": "dp_",
}


Row = TypeVar("Row")


class Table(Generic[Row]):
    """The objects of one kind in the order in which they were made."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self.ids: list[str] = []
        self.places: dict[str, int] = {}

    def put(self, id_: str, row: Row) -> None:
        """Add an object, or take its new version."""
        if id_ not in self.rows:
            self.places[id_] = len(self.ids)
            self.ids.append(id_)
        self.rows[id_] = row

    def newest_first(self) -> Iterator[Row]:
        """Every object, the one made last at first."""
        return (self.rows[id_] for id_ in reversed(self.ids))


class Event(msgspec.Struct, frozen=True):
    """Something that happened, with its body as it will be sent for ever."""

    id: str
    type: str
    created: int
    body: msgspec.Raw


class World:
    """Everything the sandbox knows. Work on it is done in a Work, one at a time."""

    def __init__(self, clock: Clock, journal: Journal | None = None, *, seed: int = 0) -> None:
        self.tables: defaultdict[str, Table[Json]] = defaultdict(Table)
        self.events: Table[Event] = Table()
        self.ledger: list[Json] = []
        self.keys = Keys()
        self.made = count(1)
        self.set_now: int | None = None
        self.multicapture = True
        """Whether charges that are made now may be captured in parts; each keeps what it was told when it was made."""
        self.search_lag_s = 0
        """So many seconds nothing that was made is found by search."""
        self._clock = clock
        self._journal = journal
        self._seed = seed
        self._due: list[tuple[int, int, str, str]] = []
        self._order = count()

    def now(self) -> int:
        """The time in seconds; it stands still while it is set."""
        return int(self._clock.now().timestamp()) if self.set_now is None else self.set_now

    def make_id(self, prefix: str) -> str:
        """An id that never comes twice: a digest of how many there were."""
        number = next(self.made)
        return prefix + blake2b(f"{self._seed}:{number}".encode(), digest_size=12).hexdigest()

    def write(self, line: Json) -> None:
        """Remember a line beyond this process, if there is anywhere to."""
        if self._journal is not None:
            self._journal.write(line)

    def set_clock(self, now: int | None) -> None:
        """Stop the clock at an instant, or let it run again."""
        self.set_now = now
        self.write({"clock": now})

    def schedule(self, due: int, what: str, id_: str) -> None:
        """Something has to be looked at when it is time. Told again after a restart by whoever looks at the objects."""
        heapq.heappush(self._due, (due, next(self._order), what, id_))

    def take_due(self, now: int) -> Iterator[tuple[str, str]]:
        """What has come due, and for which object, the earliest first."""
        while self._due and self._due[0][0] <= now:
            _, _, what, id_ = heapq.heappop(self._due)
            yield what, id_

    def apply(self, line: Json) -> list[Event]:
        """Make true what a line of the journal says; the events in it."""
        if "clock" in line:
            self.set_now = line["clock"]
        if "made" in line:
            self.made = count(line["made"])
        for kind, rows in line.get("put", {}).items():
            for row in rows:
                self.tables[kind].put(row["id"], row)
        events = [
            Event(body["id"], body["type"], body["created"], msgspec.Raw(ENCODE(body)))
            for body in line.get("events", ())
        ]
        for event in events:
            self.events.put(event.id, event)
        self.ledger.extend(line.get("ledger", ()))
        if "kept" in line:
            self.keys.keep(msgspec.convert(line["kept"], Kept))
        return events

    def forget(self) -> None:
        """Be as new. Ids go on, so that nothing old is ever taken for something new."""
        self.tables.clear()
        self.events = Table()
        self.ledger.clear()
        self.keys = Keys()
        self.set_now = None
        self._due.clear()
        if self._journal is not None:
            self._journal.empty()
        self.write({"made": next(self.made)})


class Work:
    """One request's changes: seen by itself, and by all the others once it is done, or never."""

    def __init__(self, world: World, request_id: str | None = None, key: str | None = None) -> None:
        self.world = world
        self.now = world.now()
        self.events: list[Event] = []
        self._request = {"id": request_id, "idempotency_key": key}
        self._put: dict[tuple[str, str], Json] = {}
        self._ledger: list[Json] = []

    def find(self, kind: str, id_: str) -> Json | None:
        """An object as it is now, changes of this work included. Not to be changed: see edit."""
        return self._put.get((kind, id_)) or self.world.tables[kind].rows.get(id_)

    def get(self, kind: str, id_: str, param: str = "id", *, status: int = 404) -> Json:
        """An object that must be there, and not be deleted. Raises StripeError."""
        found = self.find(kind, id_)
        if found is None or found.get("deleted"):
            raise no_such(kind, id_, param, status=status)
        return found

    def edit(self, kind: str, id_: str, param: str = "id") -> Json:
        """An object to change. Raises StripeError where there is none.

        Its own values may be replaced, but not changed in themselves: others may share them.
        """
        row = self._put.get((kind, id_))
        if row is None:
            row = self._put[kind, id_] = dict(self.get(kind, id_, param))
        return row

    def add(self, kind: str, row: Json) -> Json:
        """Make an object. `row` is its content; id, kind and time come in front."""
        made = {"id": self.world.make_id(PREFIXES[kind]), "object": kind, "created": self.now, "livemode": False, **row}
        self._put[kind, made["id"]] = made
        return made

    def note(self, kind: str, id_: str, **facts: Any) -> None:  # noqa: ANN401 - notes are facts of any kind
        """Remember something about an object that no answer shows."""
        self._put[kind, id_] = {**(self.find(kind, id_) or {"id": id_}), **facts}

    def tell(self, kind: str, row: Json) -> None:
        """An event that shows an object as it is at this moment."""
        id_ = self.world.make_id("evt_")
        body = {
            "id": id_,
            "object": "event",
            "api_version": API_VERSION,
            "created": self.now,
            "data": {"object": row},
            "livemode": False,
            "pending_webhooks": 1,
            "request": self._request,
            "type": kind,
        }
        self.events.append(Event(id_, kind, self.now, msgspec.Raw(ENCODE(body))))

    def book(self, kind: str, intent: Json, object_id: str, amount: int) -> None:
        """Money moved: a row for the ledger. What leaves the merchant is negative."""
        self._ledger.append(
            {
                "seq": len(self.world.ledger) + len(self._ledger) + 1,
                "at": self.now,
                "kind": kind,
                "payment_intent": intent["id"],
                "object": object_id,
                "amount": amount,
                "currency": intent["currency"],
                "metadata": intent["metadata"],
            }
        )

    def drop(self) -> None:
        """Let none of it have happened."""
        self._put.clear()
        self._ledger.clear()
        self.events.clear()

    def done(self, kept: Kept | None = None) -> None:
        """Make it so: in one line of the journal, and for everybody."""
        if not (self._put or self.events or kept):
            return
        world = self.world
        put: defaultdict[str, list[Json]] = defaultdict(list)
        for (kind, _), row in self._put.items():
            put[kind].append(row)
        events = [event.body for event in self.events]
        line = {"made": next(world.made), "put": put, "events": events, "ledger": self._ledger}
        world.write({**line, "kept": kept} if kept else line)  # First: what cannot be written has not happened.
        for (kind, _), row in self._put.items():
            world.tables[kind].put(row["id"], row)
        for event in self.events:
            world.events.put(event.id, event)
        world.ledger.extend(self._ledger)
        if kept:
            world.keys.keep(kept)
