"""Acknowledge: somebody has taken note of an alert, and says what they make of it."""

from datetime import datetime

from sqlalchemy import text

from commerce.kernel.db import Session
from commerce.kernel.refusals import NotFound
from orders.reports.programs import queries
from orders.reports.programs.errors import AlertAcknowledged
from orders.reports.programs.schemas import AlertView

_ACKNOWLEDGE = text("""
    UPDATE attach_alerts SET acknowledged_by = :actor, acknowledged_at = :now, note = :note
     WHERE id = :id AND acknowledged_at IS NULL
 RETURNING id
""")


async def acknowledge_alert(tx: Session, alert_id: str, note: str | None, actor: str, now: datetime) -> AlertView:
    """Write down who took note of an alert, open or not. Raises NotFound, AlertAcknowledged for the second one."""
    facts = {"id": alert_id, "note": note, "actor": actor, "now": now}
    took_note = (await tx.execute(_ACKNOWLEDGE, facts)).scalar_one_or_none() is not None
    alert = await queries.alert_by_id(tx, alert_id)
    if alert is None:
        raise NotFound("attach alert", alert_id)
    if not took_note:
        assert alert.acknowledged is not None
        raise AlertAcknowledged(alert_id, alert.acknowledged.by, alert.acknowledged.at)
    return alert
