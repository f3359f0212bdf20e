"""Evaluate: look at a program's last days, and say where its rates are."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from sqlalchemy import text

from commerce.kernel.db import Database, ReadSession, Session
from commerce.kernel.refusals import NotFound, Refusal
from orders.reports.attach_rate import attach_rate_in, shown_interval
from orders.reports.cite import said
from orders.reports.places import places
from orders.reports.programs.alerts import (
    Look,
    Verdict,
    alert_there,
    end_back,
    end_crossed,
    open_alert,
    see_again,
)
from orders.reports.programs.errors import ImportUnderWay
from orders.reports.programs.looks import note_look
from orders.reports.programs.note_refusal import note_refusal
from orders.reports.programs.rules import Definition, days_looked_at, is_back, is_sure, opens_on, side_of
from orders.reports.programs.schemas import EvaluationView, VerdictView
from orders.reports.programs.versions import COLUMNS, Written, asked_of, must_be_askable
from orders.reports.rules import SETTLES_AFTER, GroupBy, Interval, Kind, is_small, rate
from orders.reports.schemas import AttachRateView, PeriodView, RateRow
from orders.reports.under_way import is_under_way

_ACTIVE = f"""
    SELECT {COLUMNS} FROM attach_programs p JOIN attach_program_versions v ON v.code = p.code AND v.version = p.version
     WHERE p.state = 'active'
"""  # noqa: S608 - the columns are a constant; no value is in the text
_DUE = text(f"{_ACTIVE} AND (p.evaluated_for IS NULL OR p.evaluated_for < :day) ORDER BY p.code")
_EVERY = text(f"{_ACTIVE} ORDER BY p.code")
# Nothing is said of a version that is not the newest any more, nor of a day before one that was looked at.
_TAKE = text("""
    UPDATE attach_programs
       SET evaluated_for = :day, refused_code = NULL, refused_detail = NULL, refused_since = NULL
     WHERE code = :code AND version = :version AND state = 'active'
       AND (evaluated_for IS NULL OR evaluated_for <= :day)
 RETURNING code
""")


async def evaluate_due(db: Database, now: datetime) -> list[EvaluationView]:
    """Look at every program with a band that was not yet looked at for the last day that is over everywhere.

    Nothing is due while an import is under way: what it brings was recorded as of its beginning.
    """
    async with db.read() as tx:
        if await is_under_way(tx, now - SETTLES_AFTER):
            return []
        day = await last_day_over(tx, now - SETTLES_AFTER)
        due = [Written.of(row) for row in await tx.execute(_DUE, {"day": day})] if day else []
    watched = [program for program in due if program.definition.is_watched]
    return await _each(db, watched, day, now) if day else []


async def evaluate_all(db: Database, codes: Sequence[str], now: datetime) -> list[EvaluationView]:
    """Look at every active program, or at those that are named, whether or not that was done for this day.

    Raises NotFound for a name that no active program has, and ImportUnderWay.
    """
    async with db.read() as tx:
        if await is_under_way(tx, now - SETTLES_AFTER):
            raise ImportUnderWay
        day = await last_day_over(tx, now - SETTLES_AFTER)
        found = [Written.of(row) for row in await tx.execute(_EVERY)]
        unknown = sorted(set(codes) - {program.code for program in found})
    if unknown:
        raise NotFound("active attach program", unknown[0])
    wanted = [program for program in found if not codes or program.code in codes]
    return await _each(db, wanted, day, now) if day else []


async def _each(db: Database, programs: Sequence[Written], day: date, now: datetime) -> list[EvaluationView]:
    """One after the other. What goes wrong with one is raised when the others are done."""
    done: list[EvaluationView] = []
    trouble: list[Exception] = []
    for program in programs:
        try:
            done.append(await evaluate(db, program, day, now))
        except Exception as error:  # noqa: BLE001 - whoever is slow or broken must not keep the others from being seen
            trouble.append(error)
    if trouble:
        raise trouble[0]
    return done


async def last_day_over(tx: ReadSession, now: datetime) -> date | None:
    """The last day that is over in every market; none where there is no market."""
    days = [place.as_of_day for place in await places(tx, None, now)]
    return min(days) - timedelta(days=1) if days else None


async def evaluate(db: Database, program: Written, day: date, now: datetime) -> EvaluationView:
    """Work out a program's rates as of the end of a day, and open and end its alerts.

    What the catalog does not let be answered any more is noted, told once and passed over; what it did not let be
    answered at the end of that day, and does now, is passed over. Twice is as good as once.
    """
    definition = program.definition
    first, last = days_looked_at(day, definition.window_days, definition.period_days)
    look = Look(program.code, program.version, day, first, last, now - SETTLES_AFTER)
    try:
        async with db.snapshot() as tx:
            verdicts = await _judge(tx, program, look, now)
    except Refusal as refusal:
        async with db.transaction() as tx:
            if not await _can_be_asked(tx, definition, now):
                await note_refusal(tx, look, refusal, now)
        return _told(look, [], [], [], str(refusal))
    async with db.transaction() as tx:
        opened, closed = await _write_down(tx, look, verdicts, now)
    return _told(look, verdicts, opened, closed, None)


async def _can_be_asked(tx: ReadSession, definition: Definition, now: datetime) -> bool:
    """Whether a question is one as the catalog is now: a channel that it names may have opened since the day ended."""
    try:
        await must_be_askable(tx, definition, now)
    except Refusal:
        return False
    return True


async def _judge(tx: ReadSession, program: Written, look: Look, now: datetime) -> list[Verdict]:
    asked = asked_of(
        program.definition,
        first=said(look.first),
        last=said(look.last),
        as_of=said(look.as_of),
        believed_at=said(look.believed_at),
        group_by=[str(GroupBy.CHANNEL_KIND)] if program.definition.goals_by_kind else [],
    )
    answer = await attach_rate_in(tx, asked, now)
    return [_verdict(program, kind, _row_of(answer, kind)) for kind in program.definition.goals or [Kind.ALL]]


def _row_of(answer: AttachRateView, kind: Kind) -> RateRow | None:
    """The row of a kind of channels; none where nothing was sold in them."""
    if kind is Kind.ALL:
        return answer.total
    return next((row for row in answer.rows if row.group.get(str(GroupBy.CHANNEL_KIND)) == kind), None)


def _verdict(program: Written, kind: Kind, row: RateRow | None) -> Verdict:
    goal = program.definition.goals.get(kind, program.definition.goal)
    if row is None:
        return Verdict(kind, 0, 0, None, goal, None, sure=False)
    interval = None if row.interval is None else Interval(row.interval.low, row.interval.high)
    side = None if row.small_sample else side_of(row.numerator, row.denominator, goal)
    sure = side is not None and is_sure(interval, goal, side)
    return Verdict(kind, row.numerator, row.denominator, interval, goal, side, sure)


async def _write_down(
    tx: Session, look: Look, verdicts: Sequence[Verdict], now: datetime
) -> tuple[list[str], list[str]]:
    """Open and end alerts as the verdicts want it; those of which too little is known stay as they are."""
    opened: list[str] = []
    closed: list[str] = []
    taken = await tx.execute(_TAKE, {"code": look.program, "version": look.version, "day": look.as_of})
    if taken.scalar_one_or_none() is None:
        return opened, closed
    for verdict in verdicts:
        if is_small(verdict.denominator):
            continue
        ended, alert = await _go_on(tx, look, verdict, now)
        closed += ended
        opened += [alert] if alert else []
    return opened, closed


async def _go_on(tx: Session, look: Look, verdict: Verdict, now: datetime) -> tuple[Sequence[str], str | None]:
    """Open, go on with, or end the alert of one rate; those that ended, and the one that opened."""
    sides = await note_look(tx, look.program, verdict.scope, look.as_of, verdict.side)
    side = opens_on(verdict.figure, verdict.goal, sides)
    there = await alert_there(tx, look, verdict.scope)
    ended: Sequence[str] = []
    if there is not None:
        await see_again(tx, there, look, verdict, now)
        if is_back(verdict.figure, verdict.goal, there.side, sides):
            return await end_back(tx, look, there, verdict, now), None
        if side in {None, there.side}:
            return ended, None
        ended = await end_crossed(tx, look, there, now)
    return ended, None if side is None else await open_alert(tx, look, verdict, now)


def _told(
    look: Look, verdicts: Sequence[Verdict], opened: list[str], closed: list[str], refused: str | None
) -> EvaluationView:
    return EvaluationView(
        program=look.program,
        version=look.version,
        as_of=look.as_of,
        believed_at=look.believed_at,
        period=PeriodView(said(look.first), said(look.last)),
        verdicts=[_shown(verdict) for verdict in verdicts],
        opened=opened,
        closed=closed,
        refused=refused,
    )


def _shown(verdict: Verdict) -> VerdictView:
    return VerdictView(
        scope=verdict.scope,
        numerator=verdict.numerator,
        denominator=verdict.denominator,
        rate=rate(verdict.numerator, verdict.denominator),
        interval=shown_interval(verdict.interval),
        goal=verdict.goal,
        small_sample=is_small(verdict.denominator),
        side=verdict.side,
        sure=verdict.sure,
    )
