"""The lines of an order that leave: which, how many, and with which serial numbers."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import text

from commerce.kernel.db import Session
from commerce.kernel.refusals import UnknownReference
from orders.errors import NothingToSend, SerialsWanted
from orders.schemas import SentLineBody


class OpenLine(NamedTuple):
    """A line of an order, and how much of it has not left yet."""

    line: int
    sku: str
    quantity: int
    sent: int
    serial_numbered: bool

    @property
    def left(self) -> int:
        """Units that have not left."""
        return self.quantity - self.sent


class Leaving(NamedTuple):
    """Units of a line that leave now."""

    line: OpenLine
    quantity: int
    serials: Sequence[str]


_LINES = text("""
    SELECT l.line, l.sku, l.quantity, l.sent, v.serial_numbered
      FROM order_lines l JOIN variants v ON v.sku = l.sku WHERE l.order_id = :id ORDER BY l.line
""")
_SEND = text("""
    UPDATE order_lines l SET sent = l.sent + s.units
      FROM unnest(CAST(:lines AS int[]), CAST(:units AS int[])) AS s (line, units)
     WHERE l.order_id = :id AND l.line = s.line
""")


async def open_lines(tx: Session, order_id: str) -> dict[int, OpenLine]:
    """The lines of a locked order by number."""
    return {row[0]: OpenLine(*row) for row in await tx.execute(_LINES, {"id": order_id})}


async def mark_sent(tx: Session, order_id: str, leaving: Sequence[Leaving]) -> None:
    """Note on the lines that these units have left."""
    facts = {"id": order_id, "lines": [x.line.line for x in leaving], "units": [x.quantity for x in leaving]}
    await tx.execute(_SEND, facts)


def everything_waiting(
    lines: Mapping[int, OpenLine], waiting: Mapping[str, int], serials: Mapping[int, Sequence[str]]
) -> list[SentLineBody]:
    """All that waits at a location, line by line, as if each had been named."""
    left = dict(waiting)
    named = []
    for line in lines.values():
        units = min(line.left, left.get(line.sku, 0))
        if units:
            left[line.sku] -= units
            named.append(SentLineBody(line=line.line, quantity=units, serials=list(serials.get(line.line, ()))))
    return named


def leaving_now(
    lines: Mapping[int, OpenLine], named: Sequence[SentLineBody], waiting: Mapping[str, int], location: str
) -> list[Leaving]:
    """What leaves, checked: the line exists, the units wait here, a numbered device has its number.

    Raises UnknownReference, NothingToSend and SerialsWanted, each naming the field.
    """
    left = dict(waiting)
    leaving: dict[int, Leaving] = {}
    for n, wish in enumerate(named):
        line = lines.get(wish.line)
        if line is None or wish.line in leaving:
            raise UnknownReference(f"lines[{n}].line", str(wish.line))
        here = min(line.left, left.get(line.sku, 0))
        if wish.quantity > here:
            raise NothingToSend(f"lines[{n}].quantity", line.sku, location, here)
        wanted = wish.quantity if line.serial_numbered else len(wish.serials)
        if len(wish.serials) != wanted or len(set(wish.serials)) != wanted:
            raise SerialsWanted(f"lines[{n}].serials", line.sku, wanted)
        left[line.sku] -= wish.quantity
        leaving[wish.line] = Leaving(line, wish.quantity, wish.serials)
    return list(leaving.values())


def units_of(leaving: Sequence[Leaving]) -> dict[str, int]:
    """What leaves, by sku."""
    units: dict[str, int] = {}
    for part in leaving:
        units[part.line.sku] = units.get(part.line.sku, 0) + part.quantity
    return units
