"""Finding the database: the one in the settings, the one that runs, or one of our own for a while."""

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from commerce.embedded.errors import FolderTaken
from commerce.embedded.folder import DataFolder, StackState
from commerce.embedded.parts import Part
from commerce.embedded.postgres import EmbeddedPostgres
from commerce.embedded.sandbox import EmbeddedSandbox, sandbox_account, tell_sandbox
from commerce.embedded.supervisor import OUR_COMMAND, end_leftovers, free_port
from commerce.embedded.valkey import EmbeddedValkey
from commerce.settings import Settings, StripeSettings


@dataclass(frozen=True, slots=True)
class Urls:
    """Where the servers are. `redis` is None for a short command where no queue is.

    `stripe` is the account at the payment provider: the one in the settings, or that of the sandbox that runs.
    """

    database: str
    redis: str | None
    stripe: StripeSettings | None = None


Start = Callable[[DataFolder, Settings, ExitStack], Urls]


@contextmanager
def stack_at(
    data_dir: Path, settings: Settings, *, lasting: bool = False, api_url: str | None = None
) -> Iterator[Urls]:
    """The servers to work with, for as long as the block lasts; what had to be started is stopped after it.

    A URL in the settings wins; then what runs in the folder; then servers of our own. A short command starts a
    database, which others wait for, since it is gone in a moment. A `lasting` one starts a queue and a sandbox of the
    payment provider, too, and lends all of them to every other command as long as it lasts.

    A sandbox tells the API at `api_url` what happens; without one its news wait for a command that serves. Where both
    servers are somebody's own, none is started: a shop in earnest must not take play money for want of a setting.
    """
    if settings.database_url and (settings.redis_url or not lasting):
        yield Urls(settings.database_url, settings.redis_url, settings.stripe)
        return
    with ExitStack() as resources:
        start = partial(_start_lasting, api_url) if lasting else _start
        urls, running = _find_or_start(DataFolder(data_dir.absolute()), settings, resources, start)
        if api_url and running and running.stripe_url and not running.url:
            tell_sandbox(running.stripe_url, api_url)
        yield urls


def running_stack(folder: DataFolder) -> StackState | None:
    """What runs in the folder for everybody, if anything: its words are true as long as its lock is held."""
    return folder.read_state() if folder.is_held() else None


def _find_or_start(
    folder: DataFolder, settings: Settings, resources: ExitStack, start: Start
) -> tuple[Urls, StackState | None]:
    """The servers, and what lends them to us if we did not start them."""
    wait = _wait_aloud(folder)
    while True:
        running = running_stack(folder)
        if running:
            return _lent(folder, settings, running), running
        try:
            stale = resources.enter_context(folder.hold(_our_name(), wait))
        except FolderTaken:
            continue  # The stack came up while we waited.
        end_leftovers(stale)
        return start(folder, settings, resources), None


def _lent(folder: DataFolder, settings: Settings, running: StackState) -> Urls:
    stripe = settings.stripe
    if stripe is None and running.stripe_url:
        stripe = sandbox_account(folder, running.stripe_url)
    return Urls(settings.database_url or running.database_url, settings.redis_url or running.redis_url, stripe)


def _start(folder: DataFolder, settings: Settings, resources: ExitStack) -> Urls:
    """A database of our own, for a short command."""
    postgres = EmbeddedPostgres(folder.root)
    if settings.database_url is None:
        _bring_up([postgres], resources)
    return Urls(settings.database_url or postgres.url, settings.redis_url, settings.stripe)


def _start_lasting(api_url: str | None, folder: DataFolder, settings: Settings, resources: ExitStack) -> Urls:
    """Everything that no setting replaces, for whoever works in the folder meanwhile."""
    postgres, valkey = EmbeddedPostgres(folder.root), EmbeddedValkey(folder.root)
    sandbox = None
    if settings.stripe is None:
        sandbox = EmbeddedSandbox(folder.root, free_port(besides=urlsplit(api_url or "").port), api_url, OUR_COMMAND)
    parts: list[Part] = [] if settings.database_url else [postgres]
    parts += [] if settings.redis_url else [valkey]
    parts += [sandbox] if sandbox else []
    _bring_up(parts, resources)
    urls = Urls(
        settings.database_url or postgres.url,
        settings.redis_url or valkey.url,
        sandbox.account if sandbox else settings.stripe,
    )
    state = StackState(
        os.getpid(),
        url="",
        port=0,
        database_url=urls.database,
        redis_url=urls.redis or "",
        parts={part.name: part.state() for part in parts},
        stripe_url=sandbox.url if sandbox else "",
    )
    resources.callback(folder.state_file.unlink, missing_ok=True)  # Before the parts stop: last in, first out.
    folder.write_state(state)
    return urls


def _bring_up(parts: Sequence[Part], resources: ExitStack) -> None:
    for part in parts:
        resources.callback(part.stop)
        part.start()


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
