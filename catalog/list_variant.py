"""List a variant in a channel: when it is shown there, and from when it may be sold."""

from sqlalchemy.dialects.postgresql import insert

from catalog.models import Channel, Listing, Variant
from catalog.rules import check_instant
from catalog.schemas import ListingBody, ListingView
from catalog.writes import fields_of
from commerce.kernel.db import Session
from commerce.kernel.refusals import InvalidInput, NotFound


async def list_variant(tx: Session, channel: str, sku: str, wanted: ListingBody) -> ListingView:
    """Say when a channel shows a variant, in place of what was said before. Raises NotFound, InvalidInput.

    A draft may be listed ahead of its day: it is shown once it is published.
    """
    for field, instant in fields_of(wanted).items():
        check_instant(field, instant)
    if wanted.visible_to is not None and wanted.visible_to <= wanted.visible_from:
        raise InvalidInput("visible_to", "It must be after visible_from.")
    if await tx.get(Channel, channel) is None:
        raise NotFound("channel", channel)
    if await tx.get(Variant, sku) is None:
        raise NotFound("variant", sku)
    said = fields_of(wanted)
    row = insert(Listing).values(channel=channel, sku=sku, **said)
    await tx.execute(row.on_conflict_do_update(index_elements=["channel", "sku"], set_=said))
    return ListingView(channel, sku, wanted.visible_from, wanted.visible_to, wanted.certified_from)
