"""Kept answers: what was just worked out is given again, as long as nothing was written that it could have found."""

from collections import OrderedDict
from collections.abc import Hashable
from datetime import datetime, timedelta
from typing import Generic, NamedTuple, TypeVar

from sqlalchemy import text

from commerce.kernel.db import ReadSession

Answer = TypeVar("Answer")

KEPT_MAX = 256
KEPT_FOR = timedelta(minutes=15)
"""Midnight comes at a quarter of an hour in every time zone, and with it other windows are over."""
_MARKS = text("SELECT coalesce(min(id), 0), coalesce(max(id), 0), count(*) FROM report_marks WHERE id >= :since")
_RAN_OUT = text("DELETE FROM report_marks WHERE left_at < :before")


class Marks(NamedTuple):
    """The marks a snapshot sees, from the first one on."""

    first: int
    last: int
    number: int


async def marks_seen(tx: ReadSession, since: int = 0) -> Marks:
    """The marks that this snapshot sees. Equal counts since the same mark mean that nobody has written in between.

    Marks are counted and not only looked at: a slow transaction's is lower than those that came before it.
    """
    return Marks(*(await tx.execute(_MARKS, {"since": since})).one())


class KeptAnswers(Generic[Answer]):
    """A process's answers of the last quarter of an hour, the least used ones forgotten first."""

    def __init__(self) -> None:
        """Know nothing."""
        self._answers: OrderedDict[Hashable, tuple[int, Marks, Answer]] = OrderedDict()

    async def find(self, tx: ReadSession, question: Hashable, now: datetime) -> Answer | None:
        """What was answered in this quarter of an hour, if this snapshot would answer the same."""
        found = self._answers.get(question)
        if found is None:
            return None
        quarter, marks, answer = found
        if quarter != _quarter(now) or (await marks_seen(tx, marks.first))[1:] != marks[1:]:
            del self._answers[question]
            return None
        self._answers.move_to_end(question)
        return answer

    def keep(self, question: Hashable, marks: Marks, answer: Answer, now: datetime) -> None:
        """Remember what a snapshot that saw these marks was answered."""
        self._answers[question] = (_quarter(now), marks, answer)
        self._answers.move_to_end(question)
        while len(self._answers) > KEPT_MAX:
            self._answers.popitem(last=False)


def _quarter(now: datetime) -> int:
    return int(now.timestamp()) // int(KEPT_FOR.total_seconds())
