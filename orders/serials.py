"""Serial numbers: a device is sold once, in whichever way it leaves."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import text

from commerce.kernel.db import ReadSession, Session
from orders.errors import SerialAlreadySold
from orders.lines import Leaving


class Device(NamedTuple):
    """One device, whoever has it."""

    sku: str
    serial: str


class Claim(NamedTuple):
    """A device that leaves with a line of an order."""

    device: Device
    order_id: str
    line: int


_SOLD = text("""
    SELECT s.sku, s.serial FROM unnest(CAST(:skus AS text[]), CAST(:serials AS text[])) AS w (sku, serial)
      JOIN sold_serials s ON s.sku = w.sku AND s.serial = w.serial
""")
# In one order for everybody, so that two who claim the same devices wait for each other in a line, not in a circle.
_CLAIM = text("""
    INSERT INTO sold_serials (sku, serial, order_id, line)
    SELECT c.sku, c.serial, c.order_id, c.line
      FROM unnest(CAST(:skus AS text[]), CAST(:serials AS text[]), CAST(:orders AS text[]), CAST(:lines AS int[]))
           AS c (sku, serial, order_id, line)
     ORDER BY c.sku, c.serial
    ON CONFLICT DO NOTHING
 RETURNING sku, serial
""")


async def sold_before(tx: ReadSession, devices: Collection[Device]) -> set[Device]:
    """Those of these devices that somebody was sold already."""
    if not devices:
        return set()
    found = await tx.execute(_SOLD, {"skus": [d.sku for d in devices], "serials": [d.serial for d in devices]})
    return {Device(*row) for row in found}


async def claim_devices(tx: Session, claims: Sequence[Claim]) -> set[Device]:
    """Note for good whose these devices are; answers those that are somebody's already, after waiting for who is at it.

    The lines must be there already.
    """
    if not claims:
        return set()
    facts = {
        "skus": [claim.device.sku for claim in claims],
        "serials": [claim.device.serial for claim in claims],
        "orders": [claim.order_id for claim in claims],
        "lines": [claim.line for claim in claims],
    }
    claimed = {Device(*row) for row in await tx.execute(_CLAIM, facts)}
    return {claim.device for claim in claims} - claimed


async def claim_leaving(tx: Session, order_id: str, leaving: Sequence[Leaving], fields: Mapping[int, str]) -> None:
    """Note whose the devices are that leave now. Raises SerialAlreadySold; `fields` names the one to blame, by line."""
    claims = [
        Claim(Device(part.line.sku, serial), order_id, part.line.line) for part in leaving for serial in part.serials
    ]
    lost = await claim_devices(tx, claims)
    for claim in claims:
        if claim.device in lost:
            raise SerialAlreadySold(fields.get(claim.line, "serials"), *claim.device)
