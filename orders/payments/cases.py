"""Cases: what no rule may decide about money waits here for a person, once for each thing."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec
import structlog
from sqlalchemy import text

from commerce.kernel.db import ReadSession, Session
from commerce.kernel.ids import new_id
from commerce.kernel.outbox import tell
from commerce.kernel.refusals import MoveNotAllowed, NotFound
from orders.payments.events import PaymentCaseOpened
from orders.payments.port import AccountRefused

ACCOUNT_REFUSED = "provider_account_refused"
IN_DOUBT = "call_stays_in_doubt"
TRIES_MAX = 10
"""After so many tries (a quarter of an hour) a person hears of what stays unknown; it is tried on."""
_log = structlog.get_logger()

_OPEN = text("""
    INSERT INTO payment_cases AS c (id, kind, subject, order_id, facts, opened_at)
    VALUES (:id, :kind, :subject, :order_id, CAST(:facts AS jsonb), :now)
    ON CONFLICT (kind, subject) WHERE closed_at IS NULL DO UPDATE
       SET order_id = coalesce(c.order_id, excluded.order_id), facts = c.facts || excluded.facts
     WHERE NOT c.facts @> excluded.facts OR c.order_id IS NULL AND excluded.order_id IS NOT NULL
 RETURNING id
""")
_CLOSE = text("""
    UPDATE payment_cases SET closed_at = :now, closed_by = :actor, note = :note
     WHERE id = :id AND closed_at IS NULL
 RETURNING id
""")
_IS_REFUSED = text("SELECT EXISTS (SELECT 1 FROM payment_cases WHERE kind = :kind AND closed_at IS NULL)")
_PASSED = text("""
    UPDATE payment_cases SET closed_at = :now, closed_by = 'worker', note = 'it passed by itself'
     WHERE kind = :kind AND subject = ANY(CAST(:subjects AS text[])) AND closed_at IS NULL
""")
_EXISTS = text("SELECT EXISTS (SELECT 1 FROM payment_cases WHERE id = :id)")


async def open_case(
    tx: Session, kind: str, subject: str, order_id: str | None, facts: Mapping[str, object], now: datetime
) -> None:
    """Put something before a person; if it is before them already, they see how it stands now."""
    fresh = new_id("pcs", now)
    row = {
        "id": fresh,
        "kind": kind,
        "subject": subject,
        "order_id": order_id,
        "facts": msgspec.json.encode(facts).decode(),
        "now": now,
    }
    if (await tx.execute(_OPEN, row)).scalar_one_or_none() == fresh:
        await tell(tx, PaymentCaseOpened(fresh, kind, subject), now)


async def close_passed(tx: Session, kind: str, subjects: Sequence[str], now: datetime) -> None:
    """Close cases of what could not be done for long and is done now: nobody need see to it any more."""
    if subjects:
        await tx.execute(_PASSED, {"kind": kind, "subjects": list(subjects), "now": now})


async def note_trouble(tx: Session, trouble: Exception, now: datetime) -> None:
    """Put it before a person, once, if the provider does not let us in: all else passes by itself."""
    if isinstance(trouble, AccountRefused):
        _log.error("provider_account_refused", error=str(trouble))
        await open_case(tx, ACCOUNT_REFUSED, "account", None, {"error": str(trouble)}, now)


async def account_is_refused(tx: ReadSession) -> bool:
    """Whether a person has still to see to it that the provider lets us in."""
    return bool((await tx.execute(_IS_REFUSED, {"kind": ACCOUNT_REFUSED})).scalar_one())


async def close_case(tx: Session, case_id: str, note: str, actor: str, now: datetime) -> None:
    """Note what was done about a case. Raises NotFound, MoveNotAllowed."""
    facts = {"id": case_id, "actor": actor, "note": note, "now": now}
    if (await tx.execute(_CLOSE, facts)).scalar_one_or_none() is not None:
        return
    if not (await tx.execute(_EXISTS, {"id": case_id})).scalar_one():
        raise NotFound("payment case", case_id)
    raise MoveNotAllowed("payment case", "closed", "closed")
