"""Paired: which pairings of the catalog, and which attach programs, say already that two things go together."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from catalog.goes_with import goes_with
from catalog.members import members
from catalog.selectors import Selector
from commerce.kernel.db import ReadSession
from orders.reports.programs.rules import ProgramState
from orders.reports.programs.watch import first_programs
from orders.reports.sets import expand

PROGRAMS_MAX = 1_000
Skus = frozenset[int]


class Paired(NamedTuple):
    """What somebody put together, and under which code."""

    code: str
    anchor: Skus
    attach: Skus

    def covers(self, anchor: Skus, attach: Skus) -> bool:
        """Whether all of both things are in its sets."""
        return anchor <= self.anchor and attach <= self.attach


class Known(NamedTuple):
    """All that somebody put together, by their codes."""

    pairings: list[Paired]
    programs: list[Paired]


async def paired_at(tx: ReadSession, at: datetime) -> Known:
    """Every pairing and every active program there is now, with what their sets held at that instant."""
    look = _Sets(tx, at)
    pairings = [(one.code, one.anchor, one.attach) for one in await goes_with(tx)]
    programs = await first_programs(tx, ProgramState.ACTIVE, PROGRAMS_MAX)
    asked = [(one.code, one.anchor, one.attach) for one in programs[:PROGRAMS_MAX]]
    return Known(await look.all(pairings), await look.all(asked))


class _Sets:
    """What selectors held at an instant; each is looked up once, since most stand in several places."""

    def __init__(self, tx: ReadSession, at: datetime) -> None:
        self._tx = tx
        self._at = at
        self._found: dict[Selector, Skus] = {}

    async def all(self, named: Iterable[tuple[str, Sequence[str], Sequence[str]]]) -> list[Paired]:
        return [Paired(code, await self._skus(anchor), await self._skus(attach)) for code, anchor, attach in named]

    async def _skus(self, said: Sequence[str]) -> Skus:
        wanted, _ = await expand(self._tx, "paired", said, self._at)
        for one in wanted:
            if one not in self._found:
                found = await members(self._tx, [one], self._at)
                self._found[one] = frozenset(member.sku_no for member in found)
        return frozenset[int]().union(*(self._found[one] for one in wanted))
