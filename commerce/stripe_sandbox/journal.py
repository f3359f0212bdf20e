"""The journal: one line for each thing that happened, from which everything is there again after a restart.

A line is handed to the operating system before the answer leaves, so killing the process loses nothing that was
answered. It is not forced to the disk: this is a sandbox, and a machine that loses its power may lose its last second.
"""

import fcntl
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from commerce.stripe_sandbox.errors import Json

ENCODE = msgspec.json.Encoder().encode


@dataclass(eq=False)
class JournalBroken(Exception):  # noqa: N818 - whoever shows it makes a refusal of it
    """The journal cannot be worked with; nothing was changed in it."""

    path: Path
    reason: str

    def __str__(self) -> str:
        return f"The journal {self.path} {self.reason}."


class Journal:
    """An append-only file of JSON lines that belongs to one process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise JournalBroken(path, "belongs to another sandbox that is running") from error
        except OSError as error:
            raise JournalBroken(path, f"cannot be opened ({error.strerror})") from error

    def replay(self, apply: Callable[[Json], None]) -> None:
        """Hand over every line, oldest first. A last line that was torn by a crash never happened, and is cut off."""
        whole = 0
        with self._path.open("rb") as lines:
            for line in lines:
                if not line.endswith(b"\n"):
                    break
                try:
                    apply(msgspec.json.decode(line))
                except (msgspec.DecodeError, KeyError, TypeError) as error:
                    raise JournalBroken(self._path, f"cannot be read at byte {whole} ({error})") from error
                whole += len(line)
        os.ftruncate(self._file, whole)

    def write(self, line: Json) -> None:
        """Add a line."""
        data = ENCODE(line) + b"\n"
        while data:
            data = data[os.write(self._file, data) :]

    def empty(self) -> None:
        """Forget everything."""
        os.ftruncate(self._file, 0)

    def close(self) -> None:
        """Let another process have it."""
        os.close(self._file)
