"""Events on their way to the merchant: signed, sent again until they are taken, and never forgotten in a restart."""

import hashlib
import heapq
import hmac
from collections import deque
from collections.abc import Callable, Iterable
from itertools import count
from typing import NamedTuple

from commerce.stripe_sandbox.errors import Json
from commerce.stripe_sandbox.faults import Faults
from commerce.stripe_sandbox.world import Event, World

PAUSES_S = (1, 5, 30, 120, 600, 3600, 3 * 3600, *[6 * 3600] * 12)
"""Between one attempt and the next; together about three days."""


class Delivery(NamedTuple):
    """One copy of an event to be delivered. `order` tells copies that are due at the same time apart."""

    due: float
    order: int
    event_id: str
    attempt: int = 0


class Outgoing:
    """What still has to be delivered. `faults` is asked anew each time, since scripts come and go."""

    def __init__(
        self,
        world: World,
        faults: Callable[[], Faults],
        secrets: Iterable[str],
        subscribed: frozenset[str] = frozenset(),
    ) -> None:
        self.secrets = tuple(secrets)
        self._subscribed = subscribed
        self.on_news: Callable[[], None] = lambda: None
        self._world = world
        self._faults = faults
        self._waiting: list[Delivery] = []
        self._ready: deque[Delivery] = deque()
        self._copies: dict[str, int] = {}
        self._order = count()

    def add(self, events: Iterable[Event]) -> None:
        """Send events on their way, as the script will have it."""
        faults = self._faults()
        script, dice, now = faults.script.events, faults.event_dice, self._world.now()
        dropped = []
        for event in events:
            if self._subscribed and event.type not in self._subscribed:
                dropped.append(event.id)
                continue
            if script.drop and dice.random() < script.drop:
                dropped.append(event.id)
                continue
            self._copies[event.id] = script.duplicate
            for _ in range(script.duplicate):
                due = now + dice.uniform(*script.delay_s) if any(script.delay_s) else now
                heapq.heappush(self._waiting, Delivery(due, next(self._order), event.id))
        self._settled(dropped)
        self.on_news()

    def add_again(self, events: Iterable[Event]) -> None:
        """After a restart: what was not delivered is due now."""
        for event in events:
            self._copies[event.id] = 1
            heapq.heappush(self._waiting, Delivery(event.created, next(self._order), event.id))

    def clear(self) -> None:
        """Forget what was on its way."""
        self._waiting.clear()
        self._ready.clear()
        self._copies.clear()

    def next_due(self) -> float | None:
        """When the next one is due."""
        first = self._ready or self._waiting
        return first[0].due if first else None

    def due(self, most: int) -> list[Delivery]:
        """Take out what is due, in the order in which it is to arrive."""
        now, faults = self._world.now(), self._faults()
        while self._waiting and self._waiting[0].due <= now:
            self._ready.append(heapq.heappop(self._waiting))
        taken: list[Delivery] = []
        while self._ready and len(taken) < most:
            if faults.script.events.shuffle:
                chosen = faults.event_dice.randrange(len(self._ready))
                self._ready[0], self._ready[chosen] = self._ready[chosen], self._ready[0]
            taken.append(self._ready.popleft())
        return taken

    def hand_out(self, most: int) -> list[Json]:
        """Give what is due to whoever delivers it for us."""
        taken = self.due(most)
        bodies = [(delivery, self.body(delivery.event_id)) for delivery in taken]
        self.arrived(delivery.event_id for delivery in taken)
        return [
            {"event_id": each.event_id, "body": body, "signature": self.sign(body), "due_at": each.due}
            for each, body in bodies
        ]

    def body(self, event_id: str) -> str:
        """An event's text, the same each time."""
        return bytes(self._world.events.rows[event_id].body).decode()

    def sign(self, body: str) -> str:
        """The value of Stripe-Signature, with one signature for each secret."""
        now = self._world.now()
        signed = f"{now}.{body}".encode()
        marks = (hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest() for secret in self.secrets)
        return ",".join((f"t={now}", *(f"v1={mark}" for mark in marks)))

    def arrived(self, event_ids: Iterable[str]) -> None:
        """Copies arrived; an event is settled with its last."""
        settled = []
        for event_id in event_ids:
            left = self._copies.get(event_id, 1) - 1
            if left > 0:
                self._copies[event_id] = left
            else:
                self._copies.pop(event_id, None)
                settled.append(event_id)
        self._settled(settled)

    def failed(self, delivery: Delivery) -> None:
        """Try again later, each time later than before, and give up after three days."""
        if delivery.attempt >= len(PAUSES_S):
            self.arrived([delivery.event_id])
            return
        due = self._world.now() + PAUSES_S[delivery.attempt]
        heapq.heappush(self._waiting, Delivery(due, next(self._order), delivery.event_id, delivery.attempt + 1))
        self.on_news()

    def _settled(self, event_ids: list[str]) -> None:
        if event_ids:
            self._world.write({"settled": event_ids})
