"""Turns: what takes long is done in a thread, and few do it at once."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, Protocol, TypeVar
from weakref import WeakSet

from commerce.kernel.refusals import Busy

_Taken = ParamSpec("_Taken")
_Given = TypeVar("_Given")


class Closable(Protocol):
    """Something that takes room until it is closed."""

    @property
    def closed(self) -> bool:
        """Whether it takes none any more."""


class Turns:
    """Whose turn it is: few work at once, and nobody begins while there is too much that is not fetched yet."""

    def __init__(self, most: int, refusal: Callable[[int], Busy], kept_most: int | None = None) -> None:
        """`refusal` says no to whoever comes when there are so many."""
        self._most, self._kept_most = most, kept_most
        self._refusal = refusal
        self._working = 0
        self._kept: WeakSet[Closable] = WeakSet()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """A turn for as long as the block takes. Raises the refusal at once: nobody waits in line."""
        if self._working >= self._most:
            raise self._refusal(self._most)
        if self._kept_most is not None and self._working + self._unfetched() >= self._kept_most:
            raise self._refusal(self._kept_most)
        self._working += 1
        try:
            yield
        finally:
            self._working -= 1

    def keep(self, made: Closable) -> None:
        """Count what was made until it is closed, or nobody has it any more."""
        self._kept.add(made)

    def _unfetched(self) -> int:
        return sum(not made.closed for made in self._kept)


async def in_thread(work: Callable[_Taken, _Given], *args: _Taken.args, **kwargs: _Taken.kwargs) -> _Given:
    """Do what keeps others waiting, in a thread. Who is cancelled meanwhile leaves when the thread has let go."""
    under_way = asyncio.ensure_future(asyncio.to_thread(work, *args, **kwargs))
    try:
        return await asyncio.shield(under_way)
    except asyncio.CancelledError:
        await asyncio.wait({under_way})
        raise
