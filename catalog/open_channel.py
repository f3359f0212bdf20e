"""Open a channel: a way to sell in one market."""

from catalog.models import Channel, Market
from catalog.schemas import ChannelBody, ChannelView
from catalog.writes import fields_of, insert_new, must_know
from commerce.kernel.db import Session


async def open_channel(tx: Session, wanted: ChannelBody) -> ChannelView:
    """Open a channel in a market that exists. Raises UnknownReference, AlreadyExists."""
    await must_know(tx, Market.code, {"market": wanted.market})
    fields = fields_of(wanted)
    await insert_new(tx, Channel.code, {"code": fields})
    return ChannelView(**fields)
