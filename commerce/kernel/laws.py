"""Laws: statements that are always true, each with the query that would find the offenders."""

import re
from collections.abc import Iterable, Sequence
from typing import ClassVar

import msgspec
from sqlalchemy import text

from commerce.kernel.db import ReadSession

SHOWN_MAX = 20
PATIENCE = "15min"


class Law:
    """A sentence about the stored state, and the SELECT that returns one row for each offender."""

    offenders: ClassVar[str]

    @classmethod
    def code(cls) -> str:
        """The law's name as reports print it: `held_units_match_holds`."""
        return re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()

    @classmethod
    def sentence(cls) -> str:
        """The law in words: the first line of its docstring."""
        return (cls.__doc__ or "").strip().splitlines()[0]


class Finding(msgspec.Struct, frozen=True):
    """What looking for a law's offenders found."""

    law: str
    sentence: str
    offenders: int
    shown: list[str]


async def check_laws(tx: ReadSession, laws: Iterable[type[Law]]) -> list[Finding]:
    """Look for the offenders of every law, in one consistent reading if `tx` is a snapshot.

    A law reads whole tables, so it may take longer than a request may.
    """
    await tx.execute(text(f"SET LOCAL statement_timeout = '{PATIENCE}'"))
    return [await _find(tx, law) for law in laws]


def broken(findings: Sequence[Finding]) -> list[Finding]:
    """The findings that found somebody."""
    return [finding for finding in findings if finding.offenders]


async def _find(tx: ReadSession, law: type[Law]) -> Finding:
    rows = (await tx.execute(text(law.offenders))).all()
    shown = [" ".join(str(value) for value in row) for row in rows[:SHOWN_MAX]]
    return Finding(law.code(), law.sentence(), len(rows), shown)
