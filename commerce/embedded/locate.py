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
    """Where the servers are. `redis` is None when nobody asked for a queue and none is there."""

    database: str
    redis: str | None


@asynccontextmanager
async def open_stack(data_dir: Path, settings: Settings, *, redis: bool = False) -> AsyncIterator[Urls]:
    """The servers to work with, for as long as the block lasts; what had to be started is stopped after it.

    A URL in the settings wins; then the stack that runs in the folder; then a database of our own (and a queue, if
    `redis`), which others wait for. Starting blocks the event loop, since a child dies with the thread that made it.
    """
    with stack_at(data_dir, settings, redis=redis) as urls:
        yield urls


@contextmanager
def stack_at(data_dir: Path, settings: Settings, *, redis: bool = False) -> Iterator[Urls]:
    """As open_stack, for commands that are not asynchronous."""
    if settings.database_url and (settings.redis_url or not redis):
        yield Urls(settings.database_url, settings.redis_url)
        return
    with ExitStack() as resources:
        yield _find_or_start(DataFolder(data_dir.absolute()), settings, resources, redis=redis)


def running_stack(folder: DataFolder) -> StackState | None:
    """The stack that runs in the folder, if one does: its words are true as long as its lock is held."""
    return folder.read_state() if folder.is_held() else None


def _find_or_start(folder: DataFolder, settings: Settings, resources: ExitStack, *, redis: bool) -> Urls:
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
        return _start(folder, settings, resources, redis=redis)


def _start(folder: DataFolder, settings: Settings, resources: ExitStack, *, redis: bool) -> Urls:
    def started(part: Part) -> None:
        resources.callback(part.stop)
        part.start()

    postgres, valkey = EmbeddedPostgres(folder.root), EmbeddedValkey(folder.root)
    if settings.database_url is None:
        started(postgres)
    if settings.redis_url is None and redis:
        started(valkey)
    return Urls(settings.database_url or postgres.url, settings.redis_url or (valkey.url if redis else None))


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
            os.write(2, f"Waiting for {other}, which is using {folder.root} ...\n".encode())
        return folder.read_state() is None

    return wait
