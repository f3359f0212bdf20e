"""The desk: keeps the verdicts of many requests apart while they are decided together."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Generic, NoReturn, TypeVar

import msgspec
from sqlalchemy import text

from commerce.kernel.committer import NotTogetherError
from commerce.kernel.db import ReadSession, Session
from commerce.kernel.idempotency import Answer, Call, KeyReused, Replay, answered_before, kept
from commerce.kernel.ids import order_number
from commerce.kernel.refusals import AlreadyExists, Busy, Refusal
from commerce.kernel.rows import Rows
from orders.queries import order_history

Request = TypeVar("Request")
Case = TypeVar("Case")
Verdict = Answer | Refusal | Replay

# A client that makes its own id makes the order's number with it, and either may be somebody else's.
_KNOWN = text("""
    SELECT w.id, (SELECT o.sale_fingerprint FROM orders o WHERE o.id = w.id)
      FROM unnest(CAST(:ids AS text[]), CAST(:numbers AS text[])) AS w (id, number)
     WHERE EXISTS (SELECT 1 FROM orders o WHERE o.id = w.id)
        OR EXISTS (SELECT 1 FROM orders o WHERE o.order_number = w.number)
""")


async def _as_stored(tx: ReadSession, order_id: str) -> Replay:
    return Replay(Answer(201, msgspec.json.encode((await order_history(tx, order_id)).order)))


class Desk(Generic[Request, Case]):
    """Requests in the order they came: some settled already, some with a case in preparation, the others open."""

    def __init__(self, requests: Sequence[Request]) -> None:
        self._requests = requests
        self._verdicts: dict[int, Verdict] = {}
        self._cases: dict[int, Case] = {}
        self._same_as: dict[int, int] = {}
        self._behind: dict[int, tuple[int, Refusal]] = {}
        self._calls: list[tuple[Call, bytes]] = []

    async def set_aside_what_was_answered(self, tx: Session, read: Callable[[Request], tuple[Call, object]]) -> None:
        """Replay what was answered before, and refuse keys that are reused or that another process is deciding on.

        Twins in one group share a verdict.
        """
        self._calls = [(call, call.fingerprint(data)) for call, data in map(read, self._requests)]
        self._verdicts |= await answered_before(tx, self._calls)
        first: dict[tuple[str, str], tuple[int, bytes]] = {}
        for n, (call, fingerprint) in enumerate(self._calls):
            seen, print_of_seen = first.setdefault((call.principal.id, call.key), (n, fingerprint))
            if n in self._verdicts:
                continue
            if print_of_seen != fingerprint:
                self._behind[n] = (seen, KeyReused())
            elif seen != n:
                self._same_as[n] = seen

    async def refuse_known_orders(
        self, tx: ReadSession, read: Callable[[Request], str | None], *, replay_same: bool = False
    ) -> None:
        """Refuse requests whose own order id (or the number that follows from it) some order has already.

        With `replay_same`, an order that was made of the same request is the answer, under whatever key it comes.
        """
        asked = {n: order_id for n, request in self.open() if (order_id := read(request))}
        if not asked:
            return
        facts = {"ids": list(asked.values()), "numbers": [order_number(order_id) for order_id in asked.values()]}
        known = {row[0]: row[1] for row in await tx.execute(_KNOWN, facts)}
        first: dict[str, int] = {}
        for n, order_id in asked.items():
            seen = first.setdefault(order_number(order_id), n)
            if order_id in known:
                same = replay_same and known[order_id] == self._calls[n][1]
                self._verdicts[n] = await _as_stored(tx, order_id) if same else AlreadyExists("id", order_id)
            elif seen == n:
                continue
            elif replay_same and self._calls[n][1] == self._calls[seen][1]:
                self._same_as[n] = seen
            else:
                self._behind[n] = (seen, AlreadyExists("id", order_id))

    def open(self) -> list[tuple[int, Request]]:
        """The requests that nobody has decided anything about."""
        settled = self._verdicts.keys() | self._cases.keys() | self._same_as.keys() | self._behind.keys()
        return [(n, request) for n, request in enumerate(self._requests) if n not in settled]

    def decide(self, n: int, make: Callable[[], Case]) -> None:
        """Prepare a case for a request, or settle it with the refusal that making the case raises."""
        try:
            self._cases[n] = make()
        except Refusal as refusal:
            self._verdicts[n] = refusal

    def refuse(self, n: int, refusal: Refusal) -> None:
        """Settle a request with a no."""
        self._cases.pop(n, None)
        self._verdicts[n] = refusal

    def lose(self, lost: Mapping[int, Refusal]) -> NoReturn:
        """Give up a transaction in which these lost, after rows were written, to somebody who was quicker.

        Whoever came alone hears it; in a group the others are decided first, then those who lost, on what is then.
        """
        if len(self._requests) == 1:
            raise lost[0]
        raise NotTogetherError(n for n in range(len(self._requests)) if self._leader(n) in lost)

    def pending(self) -> list[tuple[int, Case]]:
        """The cases in preparation, with their numbers."""
        return sorted(self._cases.items(), key=lambda item: item[0])

    def cases(self) -> list[Case]:
        """The cases in preparation, in the order they came."""
        return [case for _, case in self.pending()]

    def fingerprints(self) -> list[bytes]:
        """What was asked for each case, in the order they came."""
        return [self._calls[n][1] for n, _ in self.pending()]

    def settle(self, views: Sequence[msgspec.Struct], now: datetime) -> Rows:
        """Settle every case with what came of it; the rows keep that with the requests' keys."""
        answers = {
            n: Answer(201, msgspec.json.encode(view)) for (n, _), view in zip(self.pending(), views, strict=True)
        }
        self._verdicts |= answers
        return kept(((*self._calls[n], answer) for n, answer in answers.items()), now)

    def verdicts(self) -> list[Verdict]:
        """One verdict for each request, in the order they came."""
        return [self._verdict(self._same_as.get(n, n)) for n in range(len(self._requests))]

    def _leader(self, n: int) -> int:
        """The request whose verdict decides about this one: an earlier one of the same key or order id, or itself."""
        return self._behind[n][0] if n in self._behind else self._same_as.get(n, n)

    def _verdict(self, n: int) -> Verdict:
        """A request in the way of an earlier one is refused if that one was accepted, and else must be sent again."""
        if n not in self._behind:
            return self._verdicts[n]
        first, refusal = self._behind[n]
        return refusal if isinstance(self._verdict(first), Answer) else Busy()
