"""Kept answers: what was just worked out is given again, as long as nothing was written that it could have found."""

from collections import OrderedDict
from collections.abc import Hashable
from datetime import datetime, timedelta
from typing import Generic, NamedTuple, TypeVar

from sqlalchemy import text

from commerce.kernel.db import ReadSession, Session, rows_changed

Answer = TypeVar("Answer")

KEPT_MAX = 256
KEPT_FOR = timedelta(minutes=15)
"""Midnight comes at a quarter of an hour in every time zone, and with it other windows are over."""
MARKS_KEPT_FOR = timedelta(hours=1)
"""Longer than any answer is kept and any transaction takes."""
_SLOW = timedelta(minutes=10)
_SINCE = text("""
    SELECT coalesce(max(id), 0) FROM report_marks
     WHERE left_at < (SELECT left_at FROM report_marks ORDER BY id DESC LIMIT 1) - CAST(:slow AS interval)
""")
_MARKS = text("SELECT coalesce(max(id), 0), count(*) FROM report_marks WHERE id > :since")
# The newest one stays: were it gone, whoever never saw it would find the same marks as before it.
_PRUNE = text("""
    DELETE FROM report_marks WHERE id IN (
        SELECT id FROM report_marks WHERE left_at < :before AND id < (SELECT max(id) FROM report_marks)
         ORDER BY id LIMIT :most)
""")


class Marks(NamedTuple):
    """The marks that a snapshot sees behind one of them."""

    since: int
    last: int
    number: int


async def marks_seen(tx: ReadSession, since: int | None = None) -> Marks:
    """The marks that this snapshot sees. Equal ones since the same mark mean that nobody has written in between.

    They are counted, and not only looked at: a slow transaction's mark is lower than those that came before it. So
    they are counted from the last one that is older than any transaction takes, unless another is named.
    """
    if since is None:
        since = (await tx.execute(_SINCE, {"slow": _SLOW})).scalar_one()
    return Marks(since, *(await tx.execute(_MARKS, {"since": since})).one())


async def prune_marks(tx: Session, now: datetime, most: int) -> int:
    """Forget up to `most` marks that no kept answer needs any more, and tell how many there were."""
    return rows_changed(await tx.execute(_PRUNE, {"before": now - MARKS_KEPT_FOR, "most": most}))


class KeptAnswers(Generic[Answer]):
    """A process's answers of the last quarter of an hour, the least used ones forgotten first."""

    def __init__(self, most: int = KEPT_MAX) -> None:
        """Know nothing, and later so many answers at the most."""
        self._most = most
        self._answers: OrderedDict[Hashable, tuple[int, Marks, Answer]] = OrderedDict()

    async def find(self, tx: ReadSession, question: Hashable, now: datetime) -> Answer | None:
        """What was answered in this quarter of an hour, if this snapshot would answer the same."""
        found = self._answers.get(question)
        if found is None:
            return None
        quarter, marks, answer = found
        if quarter != _quarter(now) or await marks_seen(tx, marks.since) != marks:
            del self._answers[question]
            return None
        self._answers.move_to_end(question)
        return answer

    def keep(self, question: Hashable, marks: Marks, answer: Answer, now: datetime) -> None:
        """Remember what a snapshot that saw these marks was answered."""
        self._answers[question] = (_quarter(now), marks, answer)
        self._answers.move_to_end(question)
        while len(self._answers) > self._most:
            self._answers.popitem(last=False)


def _quarter(now: datetime) -> int:
    return int(now.timestamp()) // int(KEPT_FOR.total_seconds())
