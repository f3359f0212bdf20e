"""Other processes, be they ours or not: found, told apart, waited for, and ended."""

import os
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from signal import SIGKILL, SIGTERM, Signals

import msgspec
import psutil  # type: ignore[import-untyped]  # its annotations are not published with it

LOOK_EVERY_S = 0.02


def pause(seconds: float = LOOK_EVERY_S) -> None:
    """Let a moment pass before another look: a part's end, its first answer, a lock and Ctrl-C share no event."""
    time.sleep(seconds)


class PartState(msgspec.Struct, frozen=True):
    """A running part: its process, and when that began, which tells it from a later one with the same number."""

    pid: int
    began: float


def state_of(pid: int) -> PartState:
    """The process that has this number now; began at 0 when it is gone already."""
    try:
        return PartState(pid, psutil.Process(pid).create_time())
    except psutil.Error:
        return PartState(pid, 0)


def standing_in(folder: Path, name: str) -> list[psutil.Process]:
    """The processes of that name whose working directory is the folder."""
    place = os.path.realpath(folder)
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.name() == name and process.cwd() == place:
                found.append(process)
    return found


def tell(processes: Sequence[psutil.Process], word: Signals, patience_s: int) -> None:
    """Send a signal to those that still run, and wait for them to end."""
    running = [process for process in processes if process.is_running()]
    for process in running:
        with suppress(psutil.Error):
            process.send_signal(word)
    psutil.wait_procs(running, timeout=patience_s)


def end_group(was: PartState) -> None:
    """End the process and the group it leads, unless the number belongs to somebody else by now."""
    with suppress(psutil.Error, ProcessLookupError):
        process = psutil.Process(was.pid)
        if abs(process.create_time() - was.began) <= 1:
            tell([process], SIGTERM, patience_s=5)
            os.killpg(was.pid, SIGKILL)
