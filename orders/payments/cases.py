"""Cases: what no rule may decide about money waits here for a person, once for each thing."""

from collections.abc import Mapping
from datetime import datetime

import msgspec
from sqlalchemy import text

from commerce.kernel.db import Session
from commerce.kernel.ids import new_id
from commerce.kernel.outbox import tell
from commerce.kernel.refusals import MoveNotAllowed, NotFound
from orders.payments.events import PaymentCaseOpened

_OPEN = text("""
    INSERT INTO payment_cases (id, kind, subject, order_id, facts, opened_at)
    VALUES (:id, :kind, :subject, :order_id, CAST(:facts AS jsonb), :now)
    ON CONFLICT (kind, subject) WHERE closed_at IS NULL DO NOTHING
 RETURNING id
""")
_CLOSE = text("""
    UPDATE payment_cases SET closed_at = :now, closed_by = :actor, note = :note
     WHERE id = :id AND closed_at IS NULL
 RETURNING id
""")
_EXISTS = text("SELECT EXISTS (SELECT 1 FROM payment_cases WHERE id = :id)")


async def open_case(
    tx: Session, kind: str, subject: str, order_id: str | None, facts: Mapping[str, object], now: datetime
) -> None:
    """Put something before a person, unless the same is before them already."""
    row = {
        "id": new_id("pcs", now),
        "kind": kind,
        "subject": subject,
        "order_id": order_id,
        "facts": msgspec.json.encode(facts).decode(),
        "now": now,
    }
    case_id = (await tx.execute(_OPEN, row)).scalar_one_or_none()
    if case_id is not None:
        await tell(tx, PaymentCaseOpened(case_id, kind, subject), now)


async def close_case(tx: Session, case_id: str, note: str, actor: str, now: datetime) -> None:
    """Note what was done about a case. Raises NotFound, MoveNotAllowed."""
    facts = {"id": case_id, "actor": actor, "note": note, "now": now}
    if (await tx.execute(_CLOSE, facts)).scalar_one_or_none() is not None:
        return
    if not (await tx.execute(_EXISTS, {"id": case_id})).scalar_one():
        raise NotFound("payment case", case_id)
    raise MoveNotAllowed("payment case", "closed", "closed")
