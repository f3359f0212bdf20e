"""Open a location: a warehouse or a store."""

from catalog.models import Location, Market
from catalog.rules import check_days, check_position
from catalog.schemas import LocationBody, LocationView
from catalog.writes import fields_of, insert_new, must_know
from commerce.kernel.db import Session


async def open_location(tx: Session, wanted: LocationBody) -> LocationView:
    """Open a location in a market that exists. Raises InvalidInput, UnknownReference, AlreadyExists."""
    check_position(wanted.latitude, wanted.longitude)
    check_days(wanted.opened_on, wanted.closed_on)
    await must_know(tx, Market.code, {"market": wanted.market})
    fields = fields_of(wanted)
    await insert_new(tx, Location.code, {"code": fields})
    return LocationView(**fields)
