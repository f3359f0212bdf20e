"""Seed: make a program of each pairing of the catalog that has none yet."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import text

from catalog.goes_with import goes_with
from catalog.schemas import PairingView
from commerce.kernel.db import ReadSession, Session
from commerce.kernel.refusals import Refusal
from orders.reports.programs.rules import Definition, ProgramState
from orders.reports.programs.schemas import NotSeeded, SeedBody, SeededView, SeedGoals
from orders.reports.programs.versions import Written, check_code, must_be_askable, write_first

_SETS = text("""
    SELECT p.code, v.definition -> 'anchor' AS anchor, v.definition -> 'attach' AS attach
      FROM attach_programs p JOIN attach_program_versions v ON v.code = p.code AND v.version = p.version
""")

Sets = tuple[frozenset[str], frozenset[str]]


async def seed_programs(tx: Session, body: SeedBody, actor: str, now: datetime) -> SeededView:
    """Make a program of each pairing, called as it is, unless there is one of that code or of the same two sets.

    What could not be asked as the catalog is now is passed over, and told: a pairing may be of what is still to come.
    """
    seeded = SeededView([], [], [])
    codes, sets = await _known(tx)
    for pairing in await goes_with(tx):
        if pairing.code in codes or _sets(pairing.anchor, pairing.attach) in sets:
            seeded.there.append(pairing.code)
            continue
        try:
            check_code(pairing.code)
            await must_be_askable(tx, definition := _definition(pairing, body), now)
        except Refusal as refusal:
            seeded.refused.append(NotSeeded(pairing.code, refusal.code, str(refusal)))
            continue
        written = Written(pairing.code, 1, ProgramState.ACTIVE, definition, pairing.note, actor, now)
        (seeded.made if await write_first(tx, written) else seeded.there).append(pairing.code)
    return seeded


async def _known(tx: ReadSession) -> tuple[set[str], set[Sets]]:
    rows = (await tx.execute(_SETS)).all()
    return {row.code for row in rows}, {_sets(row.anchor, row.attach) for row in rows}


def _sets(anchor: Sequence[str], attach: Sequence[str]) -> Sets:
    return frozenset(anchor), frozenset(attach)


def _definition(pairing: PairingView, body: SeedBody) -> Definition:
    goals = body.goals.get(pairing.code, SeedGoals())
    return Definition(
        name=pairing.code,
        owner=body.owner,
        anchor=pairing.anchor,
        attach=pairing.attach,
        basis=body.basis,
        window_days=body.window_days,
        goal=goals.goal,
        goals_by_kind=goals.goals_by_kind,
    )
