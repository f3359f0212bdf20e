"""What is said of attach programs and alerts, and what is answered."""

from datetime import date, datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from commerce.kernel.bodies import Body, CodeText, ShortText
from orders.reports.programs.rules import AlertState, Definition, Goal, Outcome, ProgramState, Side
from orders.reports.rules import WINDOW_DAYS_MAX, Basis, Kind, follows
from orders.reports.schemas import Count, IntervalView, PeriodView, Rate

Version = Annotated[int, Meta(ge=1, le=2**31 - 1, examples=[1])]
ProgramCode = Annotated[str, Meta(examples=["phones-cases"])]
Scope = Annotated[Kind, Meta(description="The kind of channels; `all` is the program as it is defined.")]


class NewProgramBody(Definition, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A program that there is not yet."""

    code: Annotated[CodeText, Meta(examples=["phones-cases"])]
    note: ShortText | None = None


class ProgramBody(Definition, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a program says from now on, all of it. `version` is the one that this is to come after."""

    version: Version
    note: Annotated[ShortText, Meta(description="Why.")] | None = None


class RetireBody(Body, frozen=True, kw_only=True):
    """Why nobody looks after a program any more. `version` is the one that was looked at."""

    version: Version
    note: ShortText | None = None


class ProgramVersionView(Definition, frozen=True, kw_only=True):
    """What a program says, or said, since this version was written."""

    code: ProgramCode
    version: Version
    state: ProgramState
    note: str | None
    changed_by: Annotated[str, Meta(description="Whose key it was.")]
    changed_at: datetime


class RefusedView(msgspec.Struct, frozen=True):
    """Why a program cannot be evaluated, which is tried again and again."""

    code: Annotated[str, Meta(examples=["sets_overlap"])]
    detail: str
    since: datetime


class LinksView(msgspec.Struct, frozen=True):
    """The same question's addresses. More parameters may be put behind them."""

    rate: Annotated[str, Meta(description="The rate as this version defines it.")]
    orders: Annotated[str, Meta(description="The orders behind it.")]
    chart: Annotated[str, Meta(description="Its picture.")]


class ProgramView(ProgramVersionView, frozen=True, kw_only=True):
    """A program as it is now."""

    out_of_band: Annotated[list[Kind], Meta(description="What has an open alert.", examples=[["retail"]])]
    evaluated_for: Annotated[
        date | None, Meta(description="The last day whose end it was looked at for; none before the first look.")
    ]
    refused: Annotated[
        RefusedView | None, Meta(description="While this stands, nobody looks, and its alerts stay as they are.")
    ]
    links: LinksView


class ProgramDetailView(ProgramView, frozen=True, kw_only=True):
    """A program as it is now, and what it said before."""

    versions: Annotated[list[ProgramVersionView], Meta(description="The newest first, a hundred at the most.")]


WINDOW_DAYS = 30
"""So long customers are followed if nobody says."""
_WINDOW = f"[{WINDOW_DAYS} where the basis follows customers]"
_GOALS = "By the pairing's code. A pairing that there is not is refused, and so are other goals than its program has."


class SeedGoals(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The goals of a program that is made of a pairing."""

    goal: Goal = Goal()
    goals_by_kind: dict[str, Goal] = {}


class SeedBody(Body, frozen=True, kw_only=True):
    """What the programs have in common that are made of what goes with what."""

    owner: Annotated[ShortText, Meta(examples=["accessories team"])] = "merchandising"
    basis: Basis = Basis.CUSTOMERS
    window_days: Annotated[int, Meta(ge=0, le=WINDOW_DAYS_MAX, description=_WINDOW)] | None = None
    goals: Annotated[dict[CodeText, SeedGoals], Meta(max_length=1_000, description=_GOALS)] = {}

    @property
    def days(self) -> int | None:
        """For how long customers are followed, if the basis follows them."""
        return WINDOW_DAYS if self.window_days is None and follows(self.basis) else self.window_days


class NotSeeded(msgspec.Struct, frozen=True):
    """A pairing that no program can be made of as it is, and why."""

    pairing: str
    code: str
    reason: str


class SeededView(msgspec.Struct, frozen=True):
    """What became of each pairing."""

    made: Annotated[list[str], Meta(description="Programs, called as their pairings.", examples=[["phones-cases"]])]
    there: Annotated[list[str], Meta(description="Pairings that had a program.")]
    refused: list[NotSeeded]


class AcknowledgeBody(Body, frozen=True, kw_only=True):
    """What whoever takes note of an alert says to it."""

    note: ShortText | None = None


class AcknowledgedView(msgspec.Struct, frozen=True):
    """Who took note of an alert."""

    by: Annotated[str, Meta(description="Whose key it was.")]
    at: datetime
    note: str | None


class FoundView(msgspec.Struct, frozen=True, kw_only=True):
    """What a later look found."""

    side: Annotated[Side | None, Meta(description="Where it was out of its band; none inside of it.")]
    sure: bool
    as_of: date
    believed_at: datetime
    period: PeriodView
    numerator: Count
    denominator: Count
    rate: Rate
    interval: IntervalView | None


class AlertView(msgspec.Struct, frozen=True, kw_only=True):
    """A rate that left its band, as it was found, and how it goes on.

    The rate of its program, asked for its `version`, `period`, `as_of` and `believed_at`, has the same answer: `links`
    ask for all of that. A kind of channels is the row of that group.
    """

    id: str
    program: ProgramCode
    version: Version
    scope: Scope
    state: AlertState
    side: Side
    sure: Annotated[bool, Meta(description="The whole interval was out of the band, and not the rate alone.")]
    as_of: date
    believed_at: Annotated[datetime, Meta(description="What was recorded later is not in it.")]
    period: PeriodView
    numerator: Count
    denominator: Count
    rate: Rate
    interval: IntervalView | None
    band: Goal
    latest: Annotated[FoundView | None, Meta(description="What the last look found; none if nobody looked again.")]
    told_again: Annotated[
        FoundView | None,
        Meta(description="What was told since: it became sure, or clearly worse than what was told before."),
    ]
    links: LinksView
    opened_at: datetime
    closed_at: datetime | None
    outcome: Outcome | None
    acknowledged: AcknowledgedView | None


class VerdictView(msgspec.Struct, frozen=True, kw_only=True):
    """Where a rate is, as seen from its goal."""

    scope: Scope
    numerator: Count
    denominator: Count
    rate: Rate | None
    interval: IntervalView | None
    goal: Goal
    small_sample: Annotated[bool, Meta(description="Too few to say anything: no alert opens or closes.")]
    side: Annotated[Side | None, Meta(description="Where it is out of its band; none inside of it.")]
    sure: bool


class EvaluationView(msgspec.Struct, frozen=True, kw_only=True):
    """What looking at a program found."""

    program: ProgramCode
    version: Version
    as_of: date
    believed_at: datetime
    period: PeriodView
    verdicts: list[VerdictView]
    opened: Annotated[list[str], Meta(description="Alerts.")]
    closed: Annotated[list[str], Meta(description="Alerts.")]
    refused: Annotated[str | None, Meta(description="Why it could not be answered as of that day.")]
