"""Edit a location: its name, where it is, and its first and last day."""

from catalog.models import Location
from catalog.queries import location_by_code
from catalog.rules import check_days, check_position
from catalog.schemas import LocationPatch, LocationView
from catalog.writes import change, fields_of
from commerce.kernel.db import Session


async def edit_location(tx: Session, code: str, wanted: LocationPatch) -> LocationView:
    """Change what may change, and judge the whole that comes of it. Raises InvalidInput, NotFound.

    A refusal undoes the change: it leaves the transaction's block.
    """
    await change(tx, Location.code, code, fields_of(wanted))
    changed = await location_by_code(tx, code)
    check_position(changed.latitude, changed.longitude)
    check_days(changed.opened_on, changed.closed_on)
    return changed
