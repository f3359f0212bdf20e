"""Ids: prefixed, time-ordered, and makeable by a client that may have to retry."""

import os
import re
import secrets
import threading
from collections import OrderedDict
from datetime import UTC, datetime, timedelta

from uuid_utils import UUID, uuid7

_ID = re.compile(r"([a-z]{3})_([0-9a-f]{32})")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_TAIL_BITS, _STEP_BYTES = 74, 5
_VERSION, _VARIANT = 7 << 76, 2 << 62
_BELOW_VARIANT = (1 << 62) - 1
_NUMBER = (1 << 25) - 1
_APART = 1 << 14
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class _Tails:
    """What stands below the millisecond: it begins at random and goes on by random steps (RFC 9562, 6.2, method 2).

    No two of 16,384 that follow each other end alike, so orders of one millisecond have numbers of their own.
    """

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Begin somewhere: also where two processes that were one go apart."""
        self._lock = threading.Lock()  # Whoever held the old one may not be here any more.
        self._last = secrets.randbits(_TAIL_BITS - 1)
        self._ends: OrderedDict[int, None] = OrderedDict()

    def next(self) -> int:
        """Greater than the one before, and not to be guessed from it."""
        with self._lock:
            end = self._step()
            while end in self._ends:
                end = self._step()
            self._ends[end] = None
            if len(self._ends) == _APART:
                self._ends.popitem(last=False)
            return self._last

    def _step(self) -> int:
        self._last = (self._last + 1 + int.from_bytes(os.urandom(_STEP_BYTES))) % (1 << _TAIL_BITS)
        return self._last & _NUMBER


_tails = _Tails()
os.register_at_fork(after_in_child=_tails.begin)


def new_id(prefix: str, now: datetime | None = None) -> str:
    """A fresh id such as `ord_0198…`: three letters, then a UUIDv7 in hex, so that later ids sort later.

    Of one millisecond, too, as long as one process makes them.
    """
    millisecond = uuid7().int >> 80 if now is None else (now - _EPOCH) // _MILLISECOND
    tail = _tails.next()
    below = _VERSION | tail >> 62 << 64 | _VARIANT | tail & _BELOW_VARIANT
    return f"{prefix}_{millisecond << 80 | below:032x}"


def is_id(text: str, prefix: str) -> bool:
    """Whether a client's text is an id of this kind: right prefix, and a real UUIDv7 behind it (RFC 9562)."""
    match = _ID.fullmatch(text)
    return match is not None and match[1] == prefix and UUID(match[2]).version == 7  # noqa: PLR2004 - UUIDv7


def order_number(order_id: str) -> str:
    """The short number people read out: the id's millisecond and 25 of its random bits, in Crockford's base 32.

    Numbers sort by time, can be made without asking anybody, and contain no I, L, O or U.
    """
    value = int(order_id[-32:], 16)
    text = _base32(value >> 80, 9) + _base32(value & _NUMBER, 5)
    return f"{text[:9]}-{text[9:]}"


def _base32(value: int, width: int) -> str:
    return "".join([_ALPHABET[value >> bits & 31] for bits in range(5 * width - 5, -1, -5)])
