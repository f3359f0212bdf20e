"""Keyset pages: a cursor remembers where the last page ended, so nothing is skipped while rows come and go."""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Annotated, Generic, TypeVar

import msgspec
from litestar.params import QueryParameter

from commerce.kernel.refusals import InvalidInput

Item = TypeVar("Item")
Row = TypeVar("Row")

LIMIT_MAX = 200
Limit = Annotated[int, QueryParameter(ge=1, le=LIMIT_MAX, description="How many rows at the most.")]


class Page(msgspec.Struct, Generic[Item], frozen=True):
    """Some rows, and where to go on: `next_cursor` is null on the last page."""

    items: list[Item]
    next_cursor: str | None = None


def encode_cursor(*key: str | int) -> str:
    """The last row's sort key as opaque text."""
    return base64.urlsafe_b64encode(msgspec.json.encode(key)).decode().rstrip("=")


def decode_cursor(cursor: str | None, parts: int) -> tuple[str, ...] | None:
    """The sort key a cursor stands for, or None for the first page. Raises InvalidInput for one we did not make."""
    if cursor is None:
        return None
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        key = msgspec.json.decode(raw, type=tuple[str, ...])
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        raise InvalidInput("cursor", "This is not a cursor of ours.") from None
    if len(key) != parts:
        raise InvalidInput("cursor", "This cursor belongs to another list.")
    return key


def page_of(
    rows: Sequence[Row], limit: int, show: Callable[[Row], Item], key: Callable[[Row], tuple[str, ...]]
) -> Page[Item]:
    """A page from up to `limit + 1` rows in key order; the extra row only says that there is more."""
    more = len(rows) > limit
    kept = rows[:limit]
    return Page([show(row) for row in kept], encode_cursor(*key(kept[-1])) if more else None)
