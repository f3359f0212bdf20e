"""Known channels: whoever asks for a channel's shelf should hear that there is no such channel."""

from sqlalchemy import select

from catalog.models import Channel
from commerce.kernel.db import ReadSession
from commerce.kernel.refusals import UnknownReference


async def channel_must_be_known(tx: ReadSession, channel: str) -> None:
    """Go on only if there is such a channel. Raises UnknownReference for the field `channel`."""
    if (await tx.execute(select(Channel.code).where(Channel.code == channel))).scalar_one_or_none() is None:
        raise UnknownReference("channel", channel)
