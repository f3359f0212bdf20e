"""Edit a channel: its name."""

from catalog.models import Channel
from catalog.queries import channel_by_code
from catalog.schemas import ChannelPatch, ChannelView
from catalog.writes import change, fields_of
from commerce.kernel.db import Session


async def edit_channel(tx: Session, code: str, wanted: ChannelPatch) -> ChannelView:
    """Rename a channel; its market and its kind are what its orders were made in. Raises NotFound."""
    await change(tx, Channel.code, code, fields_of(wanted))
    return await channel_by_code(tx, code)
