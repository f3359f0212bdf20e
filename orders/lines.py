"""The lines of an order that leave: which, how many, and with which serial numbers."""

from collections.abc import Container, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import text

from commerce.kernel.db import Session
from commerce.kernel.money import cumulative_part
from commerce.kernel.refusals import InvalidInput, UnknownReference
from orders.errors import NothingToSend
from orders.fulfilment_schemas import SentLineBody, SerialsBody
from orders.rules import NumberedLine, normal_serials, serials_must_fit


class OpenLine(NamedTuple):
    """A line of an order, and how much of it has not left yet."""

    line: int
    sku: str
    quantity: int
    sent: int
    serial_numbered: bool
    worth: int
    """What the buyer pays for the line, tax and all, in minor units."""

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
    SELECT l.line, l.sku, l.quantity, l.sent, v.serial_numbered,
           l.line_total + CASE WHEN o.prices_include_tax THEN 0 ELSE l.tax_total END
      FROM order_lines l JOIN variants v ON v.sku = l.sku JOIN orders o ON o.id = l.order_id
     WHERE l.order_id = :id ORDER BY l.line
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
) -> list[Leaving]:
    """All that waits at a location, line by line."""
    left = dict(waiting)
    leaving = []
    for line in lines.values():
        units = min(line.left, left.get(line.sku, 0))
        if units:
            left[line.sku] -= units
            leaving.append(Leaving(line, units, serials.get(line.line, ())))
    return leaving


def named_lines(
    lines: Mapping[int, OpenLine], named: Sequence[SentLineBody], waiting: Mapping[str, int], location: str
) -> list[Leaving]:
    """The lines that were named, checked: each exists, is named once, and its units wait here.

    Raises UnknownReference, InvalidInput and NothingToSend, each naming the field.
    """
    left = dict(waiting)
    leaving: dict[int, Leaving] = {}
    for n, wish in enumerate(named):
        line = _known_once(lines, wish.line, leaving, f"lines[{n}].line")
        here = min(line.left, left.get(line.sku, 0))
        if wish.quantity > here:
            raise NothingToSend(f"lines[{n}].quantity", line.sku, location, here)
        left[line.sku] -= wish.quantity
        leaving[wish.line] = Leaving(line, wish.quantity, normal_serials(wish.serials))
    return list(leaving.values())


def serials_of(lines: Mapping[int, OpenLine], named: Sequence[SerialsBody]) -> dict[int, Sequence[str]]:
    """The serial numbers that were named, by line. Raises UnknownReference and InvalidInput, each naming the field."""
    serials: dict[int, Sequence[str]] = {}
    for n, numbered in enumerate(named):
        _known_once(lines, numbered.line, serials, f"serials[{n}].line")
        serials[numbered.line] = normal_serials(numbered.serials)
    return serials


def must_be_numbered(leaving: Sequence[Leaving], fields: Mapping[int, str]) -> None:
    """Let goods go whose serial numbers fit; `fields` names the one to blame, by line.

    Raises SerialNamedTwice, TooManySerials, SerialsWanted.
    """
    serials_must_fit(
        NumberedLine(fields.get(line.line, "serials"), line.sku, units, line.serial_numbered, serials)
        for line, units, serials in leaving
    )


def _known_once(lines: Mapping[int, OpenLine], line: int, before: Container[int], field: str) -> OpenLine:
    if line not in lines:
        raise UnknownReference(field, str(line))
    if line in before:
        raise InvalidInput(field, "This line is named twice.")
    return lines[line]


def units_of(leaving: Sequence[Leaving]) -> dict[str, int]:
    """What leaves, by sku."""
    units: dict[str, int] = {}
    for part in leaving:
        units[part.line.sku] = units.get(part.line.sku, 0) + part.quantity
    return units


def worth_of(leaving: Sequence[Leaving]) -> int:
    """What the buyer pays for what leaves, in minor units; all shipments of a line add up to its price to the cent."""
    return sum(cumulative_part(part.line.worth, part.line.quantity, part.line.sent, part.quantity) for part in leaving)
