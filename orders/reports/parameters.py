"""Parameters: how a question is written in an address, the same for every route that answers one."""

from typing import Annotated

from litestar.params import QueryParameter

from orders.reports.asking import Asked
from orders.reports.rules import WINDOW_DAYS_MAX, Basis, CountAt, Kind

SELECTORS_MAX = 100
_SET = (
    "sku:…, product:…, category:… (with all below), brand:…, attribute:name=value or set:… (a named set). "
    "Several are one set together."
)
_MOMENT = "A day, or an instant with its offset."

Code = Annotated[str | None, QueryParameter(max_length=100)]
Moment = Annotated[str | None, QueryParameter(max_length=40, description=_MOMENT)]


def provide_asked(  # noqa: PLR0913, PLR0917 - each is a parameter of the question
    anchor: Annotated[list[str], QueryParameter(min_items=1, max_items=SELECTORS_MAX, description=_SET)],
    attach: Annotated[list[str], QueryParameter(min_items=1, max_items=SELECTORS_MAX, description=_SET)],
    basis: Annotated[Basis, QueryParameter(description="What is counted.")],
    window_days: Annotated[
        int | None,
        QueryParameter(ge=0, le=WINDOW_DAYS_MAX, description="Calendar days; for the bases events and customers."),
    ] = None,
    first: Annotated[
        str | None, QueryParameter(name="from", max_length=40, description=f"{_MOMENT} It is in the period.")
    ] = None,
    last: Annotated[
        str | None,
        QueryParameter(name="to", max_length=40, description=f"{_MOMENT} A day is in the period, an instant is not."),
    ] = None,
    as_of: Annotated[
        str | None,
        QueryParameter(max_length=40, description=f"{_MOMENT} What was known then, or at that day's end. [now]"),
    ] = None,
    believed_at: Annotated[
        str | None,
        QueryParameter(max_length=40, description="An instant: leave out what was recorded later, imports too. [now]"),
    ] = None,
    complete_only: Annotated[bool, QueryParameter(description="Leave out windows that are not over.")] = False,  # noqa: FBT002 - an address has names
    channel_kind: Annotated[Kind, QueryParameter(description="Of the anchor's order.")] = Kind.ALL,
    channel: Annotated[str | None, QueryParameter(max_length=100, description="Of the anchor's order.")] = None,
    market: Annotated[str | None, QueryParameter(max_length=100, description="Of the anchor's order.")] = None,
    store: Annotated[str | None, QueryParameter(max_length=100, description="Of the anchor's order.")] = None,
    launch: Annotated[str | None, QueryParameter(max_length=100, description="It came through.")] = None,
    wave: Annotated[str | None, QueryParameter(max_length=100, description="Of that launch.")] = None,
    attach_channel: Annotated[
        str | None, QueryParameter(max_length=100, description="Only later orders there count as an attach.")
    ] = None,
    attach_channel_kind: Annotated[
        Kind | None, QueryParameter(description="Only later orders in such channels count as an attach.")
    ] = None,
    count_at: Annotated[CountAt, QueryParameter(description="When a preorder counts.")] = CountAt.PLACING,
    group_by: Annotated[
        list[str] | None,
        QueryParameter(
            max_items=10,
            description="day, week, month, channel, channel_kind, market, store, anchor_product, attach_product, "
            "cohort; several, or one with commas.",
        ),
    ] = None,
) -> Asked:
    """What a query asks."""
    return Asked(
        anchor=anchor, attach=attach, basis=basis, window_days=window_days, first=first, last=last, as_of=as_of,
        believed_at=believed_at, complete_only=complete_only, channel_kind=channel_kind, channel=channel,
        market=market, store=store, launch=launch, wave=wave, attach_channel=attach_channel,
        attach_channel_kind=attach_channel_kind, count_at=count_at, group_by=group_by or [],
    )  # fmt: skip
