"""Ids: prefixed, time-ordered, and makeable by a client that may have to retry."""

import re
from datetime import UTC, datetime, timedelta

from uuid_utils import UUID, uuid7

_ID = re.compile(r"([a-z]{3})_([0-9a-f]{32})")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BELOW_TIME = (1 << 80) - 1
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def new_id(prefix: str, now: datetime | None = None) -> str:
    """A fresh id such as `ord_0198…`: three letters, then a UUIDv7 in hex, so that later ids sort later."""
    fresh = uuid7()
    if now is None:
        return f"{prefix}_{fresh.hex}"
    return f"{prefix}_{(now - _EPOCH) // timedelta(milliseconds=1) << 80 | fresh.int & _BELOW_TIME:032x}"


def is_id(text: str, prefix: str) -> bool:
    """Whether a client's text is an id of this kind: right prefix, and a real UUIDv7 behind it (RFC 9562)."""
    match = _ID.fullmatch(text)
    return match is not None and match[1] == prefix and UUID(match[2]).version == 7  # noqa: PLR2004 - UUIDv7


def order_number(order_id: str) -> str:
    """The short number people read out: the id's millisecond and 25 of its random bits, in Crockford's base 32.

    Numbers sort by time, can be made without asking anybody, and contain no I, L, O or U.
    """
    value = int(order_id[-32:], 16)
    text = _base32(value >> 80, 9) + _base32(value & (1 << 25) - 1, 5)
    return f"{text[:9]}-{text[9:]}"


def _base32(value: int, width: int) -> str:
    return "".join(_ALPHABET[value >> 5 * place & 31] for place in reversed(range(width)))
