"""The wish to stop: Ctrl-C, SIGTERM, or a terminal that was closed."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, Self


class StopAsked(BaseException):
    """Somebody wants us to stop, and what we are doing may be interrupted."""


class StopWish:
    """Remembers the wish to stop, so that nothing is ever torn in the middle of being started.

    Only inside `interruptible()` does the wish break into running code.
    """

    def __init__(self) -> None:
        self._times = 0
        self._interruptible = False
        self._before: dict[signal.Signals, Any] = {}

    @property
    def asked(self) -> bool:
        """Whether to stop."""
        return self._times > 0

    def not_asked(self) -> bool:
        """Whether to go on."""
        return self._times == 0

    def pressing(self) -> bool:
        """Whether it was said twice: stop without waiting for anybody."""
        return self._times > 1

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Let the wish interrupt what is done inside, by raising StopAsked."""
        self._interruptible = True
        try:
            if self.asked:
                raise StopAsked
            yield
        finally:
            self._interruptible = False

    def __enter__(self) -> Self:
        for word in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if word is signal.SIGHUP and signal.getsignal(word) is signal.SIG_IGN:
                continue  # Started with nohup: to outlive its terminal is what was asked for.
            self._before[word] = signal.signal(word, self._hear)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for word, handler in self._before.items():
            signal.signal(word, handler)

    def _hear(self, _word: int, _frame: FrameType | None) -> None:
        self._times += 1
        if self._interruptible:
            self._interruptible = False
            raise StopAsked
