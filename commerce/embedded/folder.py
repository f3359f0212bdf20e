"""The data folder: where things lie in it, who works in it, and what runs there now."""

import fcntl
import hashlib
import os
import re
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import msgspec

from commerce.embedded.accounts import Account
from commerce.embedded.errors import FolderTaken, FolderUnusable
from commerce.embedded.processes import PartState, pause

SOCKET_PATH_BYTES_MAX = 100
"""A Unix socket's path may have 107 bytes on Linux and 103 on macOS."""

LONGEST_SOCKET_NAME = "/.s.PGSQL.5432"
TRIES, AGAIN_S = 10, 0.03
"""How often the lock is tried, and after what pause, before it counts as held."""


class StackState(msgspec.Struct, frozen=True):
    """What `stack.json` says about what runs in a folder: a whole stack, or the servers that a command lends.

    Such a command serves no API for others: its `url` is empty and its `port` is 0. `stripe_url` is the sandbox's; it
    is empty where the settings name an account.
    """

    pid: int
    url: str
    port: int
    database_url: str
    redis_url: str
    parts: dict[str, PartState]
    stripe_url: str = ""


@dataclass(frozen=True, slots=True)
class DataFolder:
    """A folder that holds everything one installation keeps. Paths are absolute."""

    root: Path

    @property
    def logs(self) -> Path:
        """One file for each part."""
        return self.root / "logs"

    @property
    def state_file(self) -> Path:
        """There while a stack runs here."""
        return self.root / "stack.json"

    @property
    def sockets(self) -> Path:
        """Where the servers listen: in the folder, or, when its path is too long or odd, in a short private one."""
        near = self.root / "sockets"
        if len(os.fsencode(near)) + len(LONGEST_SOCKET_NAME) <= SOCKET_PATH_BYTES_MAX and _is_plain(near):
            return near
        name = "commerce-" + hashlib.sha256(os.fsencode(self.root)).hexdigest()[:16]
        for temp in (Path(tempfile.gettempdir()), Path("/tmp")):  # noqa: S108 - the folder made there is private
            if len(os.fsencode(temp / name)) + len(LONGEST_SOCKET_NAME) <= SOCKET_PATH_BYTES_MAX:
                return temp / name
        raise FolderUnusable(self.root, "its path is too long for sockets.", "Choose a shorter one: --data DIR")

    def make(self) -> None:
        """Make the folder and what every part expects in it."""
        try:
            self.logs.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FolderUnusable(
                self.root, f"it cannot be made ({error.strerror}).", "Choose another: --data DIR"
            ) from error

    def make_sockets(self, account: Account | None) -> Path:
        """Make the folder of the sockets, private to the account that listens there. Never trusts a stranger's."""
        folder = self.sockets
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        info = folder.lstat()
        cluster = self.root / "postgres"
        ours = {os.geteuid(), cluster.stat().st_uid if cluster.exists() else os.geteuid()}
        if not stat.S_ISDIR(info.st_mode) or info.st_uid not in ours:
            raise FolderUnusable(folder, "it belongs to somebody else.", "Remove it, or set another TMPDIR.")
        if account:
            os.chown(folder, account.uid, account.gid)
        return folder

    def drop_sockets(self) -> None:
        """Remove the folder of the sockets once the last server has left it."""
        with suppress(OSError):
            self.sockets.rmdir()

    @contextmanager
    def hold(self, holder: str, wait: Callable[[str], bool]) -> Iterator[StackState | None]:
        """Be the only one who starts things here; yields what a killed stack left written about itself.

        The kernel frees the folder when we die, however we die. While another holds it, asks `wait` (with who that
        is) whether to go on waiting; no raises FolderTaken.
        """
        self.make()
        with self._open_lock() as lock:
            while not _try_lock_for_a_while(lock):
                lock.seek(0)
                other = lock.read().strip() or "another command"
                if not wait(other):
                    raise FolderTaken(self.root, other)
                pause()
            lock.truncate(0)
            lock.seek(0)
            lock.write(f"{holder} (process {os.getpid()})")
            lock.flush()
            try:
                stale = self.read_state()
                self.state_file.unlink(missing_ok=True)
                yield stale
            finally:
                lock.truncate(0)  # Nobody is to be refused in our name once we are gone.

    def is_held(self) -> bool:
        """Whether somebody works here right now."""
        if not (self.root / "lock").exists():
            return False
        with self._open_lock() as lock:
            return not _try_lock(lock, fcntl.LOCK_SH)  # Shared, so that two who look do not see each other.

    def write_state(self, state: StackState) -> None:
        """Say what runs here. URLs hold passwords."""
        write_privately(self.state_file, msgspec.json.format(msgspec.json.encode(state)) + b"\n")

    def read_state(self) -> StackState | None:
        """What was last said to run here; true only as long as somebody holds the folder."""
        try:
            return msgspec.json.decode(self.state_file.read_bytes(), type=StackState)
        except FileNotFoundError:
            return None
        except msgspec.MsgspecError:
            return None
        except OSError as error:
            raise FolderUnusable(
                self.root, f"its state cannot be read ({error.strerror}).", "Run this as the folder's owner."
            ) from error

    def _open_lock(self) -> IO[str]:
        try:
            return (self.root / "lock").open("a+")
        except OSError as error:
            raise FolderUnusable(
                self.root, f"it cannot be written ({error.strerror}).", "Run this as its owner, or use --data DIR"
            ) from error


def write_privately(file: Path, words: bytes) -> None:
    """Write a file that only its owner reads; he sees the old words or the new ones, and never half of them."""
    draft = file.with_suffix(".new")
    draft.unlink(missing_ok=True)
    draft.touch(mode=0o600)
    draft.write_bytes(words)
    draft.replace(file)


def _is_plain(path: Path) -> bool:
    """PostgreSQL reads its socket folder as a list, and URLs have their own special characters."""
    return re.fullmatch(r"[A-Za-z0-9._/-]+", str(path)) is not None


def _try_lock_for_a_while(lock: IO[str]) -> bool:
    """Whether the lock is ours. Who only looks has it for a moment, while the words in it are of an older holder."""
    for _ in range(TRIES):
        if _try_lock(lock):
            return True
        pause(AGAIN_S)
    return False


def _try_lock(lock: IO[str], kind: int = fcntl.LOCK_EX) -> bool:
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
