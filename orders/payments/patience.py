"""Patience: what cannot be looked at does not stand in the way of the rest, and is counted."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import structlog

from orders.payments.port import AccountRefused, InDoubt, NotNow, ProviderRefused

IN_A_ROW_MAX = 5
"""After so many things in a row that could not be looked at, the provider is away, and the others of the kind wait."""
Something = TypeVar("Something")
_log = structlog.get_logger()


class Away(Exception):  # noqa: N818 - what it says is the error
    """Too much in a row could not be looked at."""


class Patience:
    """Passes over what cannot be looked at, and tells how much that was. Where our account is refused, nothing can be.

    Whoever uses it does what it was about once more: nothing is looked at again here.
    """

    def __init__(self) -> None:
        self.passed_over = 0
        self.first: Exception | None = None
        """What stood in the way of the first."""
        self.read = 0
        """How many kinds were gone through, list and all."""
        self._in_a_row = 0

    @property
    def trouble(self) -> str | None:
        """The first trouble in words."""
        return None if self.first is None else (str(self.first) or repr(self.first))[:300]

    @contextmanager
    def over_all(self, kind: str) -> Iterator[None]:
        """Go on with other kinds where a list breaks off, or nothing of this kind can be looked at."""
        self._in_a_row = 0
        try:
            yield
        except AccountRefused:
            raise
        except Away:
            _log.warning("too_much_not_seen", about=kind)
        except Exception as trouble:  # noqa: BLE001 - it is counted, and done once more
            self._count(kind, trouble)
        else:
            self.read += 1

    @contextmanager
    def over_one(self, provider_id: str) -> Iterator[None]:
        """Go on with the next one. Raises Away."""
        try:
            yield
        except AccountRefused:
            raise
        except Exception as trouble:
            self._count(provider_id, trouble)
            self._in_a_row += 1
            if self._in_a_row >= IN_A_ROW_MAX:
                raise Away from trouble
        else:
            self._in_a_row = 0

    def _count(self, about: str, trouble: Exception) -> None:
        expected = isinstance(trouble, InDoubt | NotNow | ProviderRefused)
        _log.warning("not_seen", about=about, error=repr(trouble)[:300], exc_info=None if expected else trouble)
        self.passed_over += 1
        self.first = self.first or trouble


async def twice(looking: Callable[[], Awaitable[Something]]) -> Something:
    """Look, and once more where the answer was lost. What is done must change nothing there."""
    try:
        return await looking()
    except InDoubt:
        return await looking()
