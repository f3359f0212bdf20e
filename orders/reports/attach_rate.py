"""Attach rate: which share of anchors left with an attach, or was followed by one; with its definition."""

from datetime import datetime
from typing import NamedTuple

import msgspec

from commerce.kernel.db import Database, ReadSession
from commerce.kernel.refusals import InvalidInput
from orders.reports.asking import Asked, Clear, understand
from orders.reports.cite import said
from orders.reports.compare import Figures, compared, must_be_comparable
from orders.reports.definitions import Meaning, attach_in, meaning_of, rules_for, rules_of_comparison
from orders.reports.kept import Errand, KeptAnswers
from orders.reports.rates import Hands, Tally, count_rates, make_room, shared
from orders.reports.rules import Basis, GroupBy, Interval, Kind, Question, follows, is_small, rate, wilson
from orders.reports.schemas import (
    AttachRateView,
    DefinitionView,
    IntervalView,
    OpenView,
    PeriodView,
    ProgramCited,
    RateRow,
    SetView,
)

_MONTH_LENGTH = len("2026-05")


class AttachRates(KeptAnswers[AttachRateView]):
    """A process's attach rates of this quarter of an hour."""

    def rows_in(self, answer: AttachRateView) -> int:
        """Its rows, and those of the period beside it."""
        return 1 + len(answer.rows) + (2 * len(answer.comparison.rows) if answer.comparison else 0)


class Comparison(NamedTuple):
    """The other period, as it was written."""

    first: str | None
    last: str | None


async def attach_rate(
    db: Database, kept: AttachRates, asked: Asked, other: Comparison | None = None, program: ProgramCited | None = None
) -> AttachRateView:
    """Answer a question about attach rates from one snapshot, beside another period's answer if that is named.

    Raises InvalidInput, UnknownReference and SetsOverlap, naming the field.
    """

    async def understood(tx: ReadSession, now: datetime) -> Errand[AttachRateView]:
        clear = await understand(tx, asked, now)

        async def work() -> AttachRateView:
            async with shared(db, tx, clear.question) as hands:
                return await _answer(hands, asked, clear, now, other, program)

        return Errand((msgspec.json.encode((asked, other, program)), _what_is_known(clear)), work)

    return await kept.answer(db, understood)


async def attach_rate_in(tx: ReadSession, asked: Asked, now: datetime) -> AttachRateView:
    """The same within a snapshot of the caller's own, kept for nobody."""
    clear = await understand(tx, asked, now)
    await make_room(tx)
    return await _answer([tx], asked, clear, now, None, None)


def _what_is_known(clear: Clear) -> tuple[object, ...]:
    """What may change without a mark: what the catalog says, what names stand for, and what its markets are."""
    versions = tuple(tuple(cited.items()) for cited in clear.versions)
    return (*(tuple(members) for members in clear.known[1:]), versions, tuple(p[:5] for p in clear.known.places))


async def _answer(
    hands: Hands,
    asked: Asked,
    clear: Clear,
    now: datetime,
    other: Comparison | None,
    program: ProgramCited | None,
) -> AttachRateView:
    question = clear.question
    beside = None if other is None else await _beside(hands[0], asked, clear, other, now)
    figures = await _figures(hands, clear)
    comparison = None
    if beside is not None:
        comparison = compared(question.basis, _period(beside.question), await _figures(hands, beside), figures)
    return AttachRateView(
        definition=definition_of(clear, *(rules_of_comparison(question.basis) if beside else ())),
        as_of=said(question.as_of.day or question.as_of.instant),
        believed_at=question.as_of.believed_at,
        settled=clear.settled,
        rows=list(figures.rows),
        total=figures.total,
        comparison=comparison,
        program=program,
    )


async def _figures(hands: Hands, clear: Clear) -> Figures:
    groups, whole = await count_rates(hands, clear.question, clear.known)
    return Figures([_row(clear.question, tally) for tally in groups], _row(clear.question, whole))


async def _beside(tx: ReadSession, asked: Asked, clear: Clear, other: Comparison, now: datetime) -> Clear:
    """The same question of the other period. Raises what a question raises, its fields named as they were asked."""
    try:
        beside = await understand(tx, msgspec.structs.replace(asked, first=other.first, last=other.last), now)
    except InvalidInput as refusal:
        if refusal.field in {"from", "to"}:
            raise InvalidInput(f"compare_{refusal.field}", refusal.reason) from None
        raise
    must_be_comparable(clear.question.period, beside.question.period, clear.question.group_by)
    return beside


def _row(question: Question, tally: Tally) -> RateRow:
    below, above = tally.denominator, tally.numerator
    if question.complete_only:
        below, above = below - tally.open_denominator, above - tally.open_numerator
    is_share = question.basis is not Basis.UNITS
    return RateRow(
        group={str(group): _name(group, word) for group, word in zip(question.group_by, tally.key, strict=False)},
        numerator=above,
        denominator=below,
        rate=rate(above, below),
        interval=shown_interval(wilson(above, below)) if is_share else None,
        small_sample=is_small(below),
        open=OpenView(tally.open_numerator, tally.open_denominator) if follows(question.basis) else None,
    )


def shown_interval(interval: Interval | None) -> IntervalView | None:
    """An interval as it is answered."""
    return None if interval is None else IntervalView(*interval)


def _name(group: GroupBy, word: str | None) -> str | None:
    """Months are called by year and month, everything else as it is stored."""
    return word[:_MONTH_LENGTH] if word and group in {GroupBy.MONTH, GroupBy.COHORT} else word


def definition_of(clear: Clear, *more: str, meaning: Meaning | None = None) -> DefinitionView:
    """What the figures of this question mean; `more` are rules of its own kind, `meaning` is what else it counts."""
    question = clear.question
    meaning = meaning or meaning_of(question.basis, attach_in(question.attach_channel, question.attach_channel_kind))
    anchor_versions, attach_versions = clear.versions
    return DefinitionView(
        basis=question.basis,
        denominator=meaning.denominator,
        numerator=meaning.numerator,
        rules=[*rules_for(question, cohort=GroupBy.COHORT in question.group_by), *more],
        anchor=SetView(list(question.anchor), clear.skus[0], anchor_versions),
        attach=SetView(list(question.attach), clear.skus[1], attach_versions),
        window_days=question.window_days,
        period=_period(question),
        filters=_filters(question),
        complete_only=question.complete_only,
        count_at=question.count_at,
        group_by=list(question.group_by),
    )


def _period(question: Question) -> PeriodView:
    return PeriodView(*(None if bound is None else said(bound) for bound in question.period))


def _filters(question: Question) -> dict[str, str]:
    kind, attach_kind = question.channel_kind, question.attach_channel_kind
    named = {
        "channel_kind": None if kind is Kind.ALL else str(kind),
        "channel": question.channel,
        "market": question.market,
        "store": question.store,
        "launch": question.launch,
        "wave": question.wave,
        "attach_channel": question.attach_channel,
        "attach_channel_kind": None if attach_kind is None else str(attach_kind),
    }
    return {name: said for name, said in named.items() if said is not None}
