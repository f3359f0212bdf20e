"""Goes with: every pairing, for whoever makes something of what goes with what."""

from catalog.queries import pairings
from catalog.schemas import PairingView
from commerce.kernel.db import ReadSession

AT_ONCE = 200


async def goes_with(tx: ReadSession) -> list[PairingView]:
    """All that the shop says goes together, by the pairings' codes."""
    found: list[PairingView] = []
    while True:
        some = await pairings(tx, found[-1].code if found else "", AT_ONCE)
        found += some[:AT_ONCE]
        if len(some) <= AT_ONCE:
            return found
