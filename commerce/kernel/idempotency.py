"""Idempotency is data: the key, the request's fingerprint and the answer are stored with the effect.

Only effects are remembered. A refusal wrote nothing, so the same key may be sent again and is judged anew.
Keys are kept 30 days, because tills come back after a week (field practice keeps at least one day).
"""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec
from sqlalchemy import Index, LargeBinary, text
from sqlalchemy.orm import Mapped, mapped_column

from commerce.kernel.access import Principal
from commerce.kernel.db import Code, Session, Table, rows_changed
from commerce.kernel.refusals import Refusal
from commerce.kernel.rows import Into, Rows, write

KEPT = timedelta(days=30)
KEY_LENGTH_MAX = 255


class IdempotencyKey(Table):
    """A key that had an effect, who sent it where, what they asked, and the answer byte for byte."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (Index("ix_idempotency_keys_created_at", "created_at"),)

    principal: Mapped[Code] = mapped_column(primary_key=True)
    key: Mapped[Code] = mapped_column(primary_key=True)
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary)
    status: Mapped[int]
    body: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime]


class KeyMissing(Refusal):
    """This route creates or moves money or stock, and a retry must be recognisable."""

    status = 400
    code = "idempotency_key_missing"

    def __str__(self) -> str:
        return f"Send an Idempotency-Key header of 1 to {KEY_LENGTH_MAX} characters, new for each new intent."


class KeyReused(Refusal):
    """The key was used for another request."""

    status = 422
    code = "idempotency_key_reused"

    def __str__(self) -> str:
        return "This Idempotency-Key was used for a different request. Use a new key for a new intent."


class InFlight(Refusal):
    """The first request with this key has not been answered yet."""

    code = "idempotency_key_in_flight"
    retry_after_s = 1

    def __str__(self) -> str:
        return "A request with this Idempotency-Key is under way. Send it again in a moment."


class Answer(msgspec.Struct, frozen=True):
    """What was answered: the status and the exact bytes of the body."""

    status: int
    body: bytes


class Replay(Exception):  # noqa: N818 - not an error: the answer of the first time
    """This request was answered before; here is that answer."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer


class Call(msgspec.Struct, frozen=True):
    """One request that must be safe to repeat: who sends it, where to, and under which key."""

    principal: Principal
    route: str
    key: str

    def fingerprint(self, data: object) -> bytes:
        """What was asked, as 16 bytes: the same for the same route and the same facts, however they were spaced."""
        asked = hashlib.sha256(self.route.encode())
        asked.update(b"\0")
        asked.update(msgspec.json.encode(data))
        return asked.digest()[:16]


# A function of the database (migration 0002): claimed and looked up in one round trip, but in that order.
_RECALL = text("SELECT * FROM claim_and_recall(CAST(:principals AS text[]), CAST(:keys AS text[]))")
_KEYS = Into("idempotency_keys", {
    "principal": "text", "key": "text", "fingerprint": "bytea", "status": "int", "body": "bytea",
    "created_at": "timestamptz",
})  # fmt: skip
_PRUNE = text("""
    DELETE FROM idempotency_keys WHERE (principal, key) IN (
        SELECT principal, key FROM idempotency_keys WHERE created_at < :before LIMIT :most)
""")


class Recalled(NamedTuple):
    """What is known of keys, by (principal, key): which somebody else has claimed, which were answered, and how."""

    under_way: set[tuple[str, str]]
    answered: dict[tuple[str, str], tuple[bytes, Answer]]


async def first_time(tx: Session, call: Call, data: object) -> None:
    """Go on only if this request was never answered. Raises Replay, KeyReused or InFlight."""
    for verdict in (await answered_before(tx, [(call, call.fingerprint(data))])).values():
        raise verdict


async def answered_before(tx: Session, calls: Sequence[tuple[Call, bytes]]) -> dict[int, Refusal | Replay]:
    """What to say to those of these calls (each with its fingerprint) that are no news, by their place among them.

    A Replay, KeyReused, or InFlight where another process is deciding. The others are claimed until the end.
    """
    recalled = await claim_and_recall(tx, [call for call, _ in calls])
    verdicts: dict[int, Refusal | Replay] = {}
    for n, (call, fingerprint) in enumerate(calls):
        name = (call.principal.id, call.key)
        if name in recalled.answered:
            stored, answer = recalled.answered[name]
            verdicts[n] = Replay(answer) if stored == fingerprint else KeyReused()
        elif name in recalled.under_way:
            verdicts[n] = InFlight()
    return verdicts


async def claim_and_recall(tx: Session, calls: Sequence[Call]) -> Recalled:
    """Claim the keys of these calls until the transaction ends, and then look what was answered to them before.

    In this order: whoever looks first may miss an answer that is being kept just then, and find its goods gone - to
    itself.
    """
    wanted = {"principals": [call.principal.id for call in calls], "keys": [call.key for call in calls]}
    recalled = Recalled(set(), {})
    for principal, key, claimed, fingerprint, status, body in await tx.execute(_RECALL, wanted):
        if not claimed:
            recalled.under_way.add((principal, key))
        if fingerprint is not None:
            recalled.answered[principal, key] = (fingerprint, Answer(status, body))
    return recalled


async def keep(tx: Session, call: Call, data: object, answer: Answer, now: datetime) -> Answer:
    """Remember the answer in the transaction of its effect, and hand it back."""
    await write(tx, [kept([(call, call.fingerprint(data), answer)], now)])
    return answer


def kept(answered: Iterable[tuple[Call, bytes, Answer]], now: datetime) -> Rows:
    """Many answers with their keys, as rows, in key order."""
    in_order = sorted(answered, key=lambda one: (one[0].principal.id, one[0].key))
    return _KEYS.rows(
        (call.principal.id, call.key, fingerprint, answer.status, answer.body, now)
        for call, fingerprint, answer in in_order
    )


async def prune_keys(tx: Session, now: datetime, most: int) -> int:
    """Forget up to `most` keys older than 30 days, and tell how many there were."""
    return rows_changed(await tx.execute(_PRUNE, {"before": now - KEPT, "most": most}))
