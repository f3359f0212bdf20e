"""Give back a basket's hold: its owner no longer wants the goods."""

from datetime import datetime

from commerce.kernel.db import Session
from commerce.kernel.refusals import MoveNotAllowed, NotFound
from inventory.queries import hold_view
from inventory.release import release_holds
from inventory.rules import HoldState
from inventory.schemas import HoldView


async def give_back(tx: Session, reference: str, owner: str, now: datetime) -> HoldView:
    """Free what is held. What was given back stays so; what is over by its time is over, tidied up or not.

    Only the owner's own. Raises NotFound, MoveNotAllowed.
    """
    if (await _seen(tx, reference, owner, now)).state is HoldState.HELD:
        await release_holds(tx, [reference], now)
    # Seen again, since an order may have taken it over, or its end may have been noted, in between.
    view = await _seen(tx, reference, owner, now)
    if view.state is not HoldState.RELEASED:
        raise MoveNotAllowed("hold", str(view.state), str(HoldState.RELEASED))
    return view


async def _seen(tx: Session, reference: str, owner: str, now: datetime) -> HoldView:
    view = await hold_view(tx, reference, owner, now)
    if view is None:
        raise NotFound("hold", reference)
    return view
