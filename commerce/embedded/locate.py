"""Finding the database: the one in the settings, the one that runs, or one of our own for a while."""

import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from commerce.embedded.errors import FolderTaken
from commerce.embedded.folder import DataFolder, StackState
from commerce.embedded.parts import Part
from commerce.embedded.postgres import EmbeddedPostgres
from commerce.embedded.supervisor import end_leftovers
from commerce.embedded.valkey import EmbeddedValkey
from commerce.settings import Settings


@dataclass(frozen=True, slots=True)
class Urls:
    """Where the servers are. `redis` is None for a short command where no queue is."""

    database: str
    redis: str | None


@asynccontextmanager
async def open_stack(data_dir: Path, settings: Settings, *, lasting: bool = False) -> AsyncIterator[Urls]:
    """The servers to work with, for as long as the block lasts; what had to be started is stopped after it.

    A URL in the settings wins; then what runs in the folder; then servers of our own. A short command starts a
    database, which others wait for, since it is gone in a moment. A `lasting` one starts a queue, too, and lends both
    to every other command as long as it lasts. Starting blocks the event loop, since a child dies with the thread
    that made it.
    """
    with stack_at(data_dir, settings, lasting=lasting) as urls:
        yield urls


@contextmanager
def stack_at(data_dir: Path, settings: Settings, *, lasting: bool = False) -> Iterator[Urls]:
    """As open_stack, for commands that are not asynchronous."""
    if settings.database_url and (settings.redis_url or not lasting):
        yield Urls(settings.database_url, settings.redis_url)
        return
    with ExitStack() as resources:
        yield _find_or_start(DataFolder(data_dir.absolute()), settings, resources, lasting=lasting)


def running_stack(folder: DataFolder) -> StackState | None:
    """What runs in the folder for everybody, if anything: its words are true as long as its lock is held."""
    return folder.read_state() if folder.is_held() else None


def _find_or_start(folder: DataFolder, settings: Settings, resources: ExitStack, *, lasting: bool) -> Urls:
    wait = _wait_aloud(folder)
    while True:
        running = running_stack(folder)
        if running:
            return Urls(settings.database_url or running.database_url, settings.redis_url or running.redis_url)
        try:
            stale = resources.enter_context(folder.hold(_our_name(), wait))
        except FolderTaken:
            continue  # The stack came up while we waited.
        end_leftovers(stale)
        return _start(folder, settings, resources, lasting=lasting)


def _start(folder: DataFolder, settings: Settings, resources: ExitStack, *, lasting: bool) -> Urls:
    postgres, valkey = EmbeddedPostgres(folder.root), EmbeddedValkey(folder.root)
    parts: list[Part] = []
    if settings.database_url is None:
        parts.append(postgres)
    if settings.redis_url is None and lasting:
        parts.append(valkey)
    for part in parts:
        resources.callback(part.stop)
        part.start()
    database = settings.database_url or postgres.url
    if not lasting:
        return Urls(database, settings.redis_url)
    redis = settings.redis_url or valkey.url
    resources.callback(folder.state_file.unlink, missing_ok=True)  # Before the parts stop: last in, first out.
    lent = {part.name: part.state() for part in parts}
    folder.write_state(StackState(os.getpid(), url="", port=0, database_url=database, redis_url=redis, parts=lent))
    return Urls(database, redis)


def _our_name() -> str:
    """What another command is told about us while it waits: the command, but none of its words."""
    program = Path(sys.argv[0])
    return f"commerce {sys.argv[1]}" if program.name == "__main__.py" and len(sys.argv) > 1 else program.name


def _wait_aloud(folder: DataFolder) -> Callable[[str], bool]:
    """Wait as long as it takes, or until a stack has come up here; say so when it takes longer than a moment."""
    speak_at = time.monotonic() + 1
    spoken = False

    def wait(other: str) -> bool:
        nonlocal spoken
        if not spoken and time.monotonic() > speak_at:
            spoken = True
            os.write(2, f"Waiting for {other}, which is using {folder.root} ...\n".encode(errors="replace"))
        return folder.read_state() is None

    return wait
