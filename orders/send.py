"""Shipments: which units of an order left which location, with their serial numbers."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec
from sqlalchemy import text

from commerce.kernel.db import Session
from commerce.kernel.ids import new_id


class Sent(NamedTuple):
    """Goods that left a location for a buyer: (line, quantity, serials) for each line."""

    order_id: str
    location: str
    kind: str
    """`shipped`, `collected` or `carried`; the last two are in the buyer's hands at once."""
    actor: str
    lines: Sequence[tuple[int, int, Sequence[str]]]


_SHIPMENTS = text("""
    INSERT INTO shipments (id, order_id, location, kind, actor, left_at, handed_over_at)
    SELECT s.id, s.order_id, s.location, s.kind, s.actor, :now,
           CASE WHEN s.kind <> 'shipped' THEN CAST(:now AS timestamptz) END
      FROM unnest(CAST(:ids AS text[]), CAST(:orders AS text[]), CAST(:locations AS text[]), CAST(:kinds AS text[]),
                  CAST(:actors AS text[])) AS s (id, order_id, location, kind, actor)
""")
_LINES = text("""
    INSERT INTO shipment_lines (shipment_id, line, order_id, quantity, serials)
    SELECT s.shipment_id, s.line, s.order_id, s.quantity,
           ARRAY(SELECT jsonb_array_elements_text(s.serials::jsonb))
      FROM unnest(CAST(:shipments AS text[]), CAST(:lines AS int[]), CAST(:orders AS text[]),
                  CAST(:quantities AS int[]), CAST(:serials AS text[]))
           AS s (shipment_id, line, order_id, quantity, serials)
""")


async def record_shipments(tx: Session, sent: Sequence[Sent], now: datetime) -> list[str]:
    """Store shipments with their lines, many at once; their ids in the same order."""
    ids = [new_id("shp", now) for _ in sent]
    heads = {
        "ids": ids,
        "orders": [s.order_id for s in sent],
        "locations": [s.location for s in sent],
        "kinds": [s.kind for s in sent],
        "actors": [s.actor for s in sent],
        "now": now,
    }
    await tx.execute(_SHIPMENTS, heads)
    rows = [(shipment, s.order_id, *line) for shipment, s in zip(ids, sent, strict=True) for line in s.lines]
    lines = {
        "shipments": [shipment for shipment, _, _, _, _ in rows],
        "orders": [order_id for _, order_id, _, _, _ in rows],
        "lines": [line for _, _, line, _, _ in rows],
        "quantities": [quantity for _, _, _, quantity, _ in rows],
        "serials": [msgspec.json.encode(list(serials)).decode() for _, _, _, _, serials in rows],
    }
    await tx.execute(_LINES, lines)
    return ids
