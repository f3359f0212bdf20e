"""Alerts: a rate that is out of its band is told of once, and once more when it is back."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple

from sqlalchemy import text

from commerce.kernel.db import Session
from commerce.kernel.ids import new_id
from commerce.kernel.outbox import tell
from orders.reports.programs.events import AttachRateCameBack, AttachRateLeftBand
from orders.reports.programs.rules import Goal, Outcome, Side
from orders.reports.rules import Interval, Kind, rate

# Of two that open at once, one does: whoever comes second waits for the first, and finds its alert there.
_OPEN = text("""
    INSERT INTO attach_alerts (id, program, version, scope, side, sure, as_of, first_day, last_day, numerator,
                               denominator, rate, interval_low, interval_high, target_bp, low_bp, high_bp, opened_at)
    VALUES (:id, :program, :version, :scope, :side, :sure, :as_of, :first_day, :last_day, :numerator, :denominator,
            :rate, :interval_low, :interval_high, :target_bp, :low_bp, :high_bp, :now)
    ON CONFLICT (program, scope) WHERE closed_at IS NULL DO NOTHING RETURNING id
""")
_END = text("""
    UPDATE attach_alerts SET closed_at = :now, outcome = :outcome
     WHERE program = :program AND closed_at IS NULL
       AND (CAST(:scope AS text) IS NULL OR scope = :scope) AND (CAST(:unless AS text) IS NULL OR side <> :unless)
 RETURNING id
""")


class Look(NamedTuple):
    """Which version of a program was looked at, over which days, and as of the end of which."""

    program: str
    version: int
    as_of: date
    first: date
    last: date


class Verdict(NamedTuple):
    """The rate of a kind of channels, its goal, and on which side it is out of its band."""

    scope: Kind
    numerator: int
    denominator: int
    interval: Interval | None
    goal: Goal
    side: Side | None
    sure: bool


async def open_alert(tx: Session, look: Look, verdict: Verdict, now: datetime) -> str | None:
    """Open the alert of a rate that is out of its band and tell, unless one is open; its id."""
    assert verdict.side is not None
    low, high = verdict.interval or (None, None)
    facts = {
        "id": new_id("ata", now), "program": look.program, "version": look.version, "scope": str(verdict.scope),
        "side": str(verdict.side), "sure": verdict.sure, "as_of": look.as_of, "first_day": look.first,
        "last_day": look.last, "numerator": verdict.numerator, "denominator": verdict.denominator,
        "rate": rate(verdict.numerator, verdict.denominator), "interval_low": low, "interval_high": high,
        "target_bp": verdict.goal.target_bp, "low_bp": verdict.goal.low_bp, "high_bp": verdict.goal.high_bp,
        "now": now,
    }  # fmt: skip
    opened: str | None = (await tx.execute(_OPEN, facts)).scalar_one_or_none()
    if opened is not None:
        news = AttachRateLeftBand(
            opened, look.program, look.version, str(verdict.scope), str(verdict.side), verdict.sure, look.as_of,
            verdict.numerator, verdict.denominator,
        )  # fmt: skip
        await tell(tx, news, now)
    return opened


async def end_crossed(tx: Session, look: Look, verdict: Verdict, now: datetime) -> Sequence[str]:
    """End the alert of a rate that was out of its band on the other side."""
    return await _end(tx, look.program, Outcome.CROSSED, now, scope=verdict.scope, unless=verdict.side)


async def end_back(tx: Session, look: Look, verdict: Verdict, now: datetime) -> Sequence[str]:
    """End the alert of a rate that is in its band again, if there is one, and tell."""
    ended = await _end(tx, look.program, Outcome.BACK, now, scope=verdict.scope)
    for alert in ended:
        news = AttachRateCameBack(
            alert, look.program, look.version, str(verdict.scope), look.as_of, verdict.numerator, verdict.denominator
        )
        await tell(tx, news, now)
    return ended


async def end_alerts(tx: Session, program: str, outcome: Outcome, now: datetime) -> Sequence[str]:
    """End every alert of a program of which nobody can say that its rate came back."""
    return await _end(tx, program, outcome, now)


async def _end(
    tx: Session, program: str, outcome: Outcome, now: datetime, *, scope: Kind | None = None, unless: Side | None = None
) -> Sequence[str]:
    facts = {
        "program": program,
        "outcome": str(outcome),
        "scope": scope and str(scope),
        "unless": unless and str(unless),
    }
    return (await tx.execute(_END, {**facts, "now": now})).scalars().all()
