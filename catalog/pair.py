"""Pair: say what goes with what, such as cases with phones."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.dialects.postgresql import insert

from catalog.members import members, must_be_apart
from catalog.models import Pairing
from catalog.queries import pairing_by_code
from catalog.rules import check_new_code
from catalog.schemas import PairingBody, PairingView
from catalog.selectors import Selector, selector_of
from catalog.writes import fields_of
from commerce.kernel.db import Session


async def pair(tx: Session, code: str, wanted: PairingBody, now: datetime) -> PairingView:
    """Say what goes with what, in place of what this pairing said before.

    A set may be empty as yet. What is in both now is refused; that somebody later edits the catalog so that the sets
    meet is not. Raises InvalidInput, UnknownReference, SetsOverlap.
    """
    check_new_code("code", code)
    anchor = await members(tx, _read("anchor", wanted.anchor), now)
    attach = await members(tx, _read("attach", wanted.attach), now)
    must_be_apart("attach", anchor, attach)
    said = fields_of(wanted)
    row = insert(Pairing).values(code=code, created_at=now, **said)
    await tx.execute(row.on_conflict_do_update(index_elements=["code"], set_=said))
    return await pairing_by_code(tx, code)


def _read(field: str, texts: Sequence[str]) -> list[Selector]:
    return [selector_of(f"{field}[{place}]", text) for place, text in enumerate(texts)]
