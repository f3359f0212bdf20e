"""The desk: keeps the verdicts of many requests apart while they are decided together."""

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from commerce.kernel.db import ReadSession
from commerce.kernel.idempotency import Answer, Call, KeyReused, Replay, remembered, replayed
from commerce.kernel.refusals import Refusal

Request = TypeVar("Request")
Case = TypeVar("Case")
Verdict = Answer | Refusal | Replay


class Desk(Generic[Request, Case]):
    """Requests in the order they came: some settled already, some with a case in preparation, the others open."""

    def __init__(self, requests: Sequence[Request]) -> None:
        self._requests = requests
        self._verdicts: dict[int, Verdict] = {}
        self._cases: dict[int, Case] = {}
        self._same_as: dict[int, int] = {}

    async def set_aside_what_was_answered(
        self, tx: ReadSession, read: Callable[[Request], tuple[Call, object]]
    ) -> None:
        """Replay what was answered before, refuse keys that are reused, and let twins in one group share a verdict."""
        calls = [read(request) for request in self._requests]
        found = await remembered(tx, [call for call, _ in calls])
        first: dict[tuple[str, str], tuple[int, bytes]] = {}
        for n, (call, data) in enumerate(calls):
            fingerprint = call.fingerprint(data)
            seen, print_of_seen = first.setdefault((call.principal.id, call.key), (n, fingerprint))
            try:
                answer = replayed(found, call, fingerprint)
            except KeyReused as refusal:
                self._verdicts[n] = refusal
                continue
            if answer is not None:
                self._verdicts[n] = Replay(answer)
            elif print_of_seen != fingerprint:
                self._verdicts[n] = KeyReused()
            elif seen != n:
                self._same_as[n] = seen

    def open(self) -> list[tuple[int, Request]]:
        """The requests that nobody has decided anything about."""
        settled = self._verdicts.keys() | self._cases.keys() | self._same_as.keys()
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

    def pending(self) -> list[tuple[int, Case]]:
        """The cases in preparation, with their numbers."""
        return sorted(self._cases.items(), key=lambda item: item[0])

    def cases(self) -> list[Case]:
        """The cases in preparation, in the order they came."""
        return [case for _, case in self.pending()]

    def answered(self, answers: Sequence[Answer]) -> list[Verdict]:
        """Settle every case with its answer, and hand out all verdicts."""
        for (n, _), answer in zip(self.pending(), answers, strict=True):
            self._verdicts[n] = answer
        return self.verdicts()

    def verdicts(self) -> list[Verdict]:
        """One verdict for each request, in the order they came."""
        return [self._verdicts[self._same_as.get(n, n)] for n in range(len(self._requests))]
