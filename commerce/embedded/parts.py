"""A part of the stack: one process that is started, watched, asked to stop, and made to stop."""

import os
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

from commerce.embedded.accounts import Account, die_with
from commerce.embedded.errors import PartFailed
from commerce.embedded.processes import PartState, pause, state_of

LOG_BYTES_MAX = 10_000_000
"""A log this long is put aside (as `.1`) when its part starts next."""


class Part(ABC):
    """One process of the stack. Start parts from the main thread: they die with the thread that started them."""

    name: str
    log: Path
    needs: tuple["Part", ...] = ()
    """What must answer before this part can; until then it is neither started again nor blamed for its silence."""

    start_s_max: ClassVar[int] = 60
    last_words: ClassVar[tuple[tuple[signal.Signals, int], ...]] = ((signal.SIGTERM, 15),)
    """What asks it to stop, and for how many seconds each is given a chance before the next, and then SIGKILL."""

    _process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def launch(self) -> None:
        """Start the process and return at once."""

    @abstractmethod
    def ready(self) -> bool:
        """Whether it answers, by a look that never blocks for long."""

    @property
    def pid(self) -> int:
        """The process; it must have been launched."""
        assert self._process is not None
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative is the signal that ended it."""
        assert self._process is not None
        return self._process.poll()

    def is_up(self) -> bool:
        """Whether it runs and answers; a dead server's files may still say that it is ready."""
        return self.exit_code is None and self.ready()

    def can_be_up(self) -> bool:
        """Whether everything it needs is up."""
        return all(part.is_up() for part in self.needs)

    def state(self) -> PartState:
        """The process, told apart from any later one."""
        return state_of(self.pid)

    def start(self, keep_waiting: Callable[[], bool] = lambda: True) -> None:
        """Launch it and wait until it answers. Raises PartFailed when it ends or does not answer in time."""
        self.launch()
        deadline = time.monotonic() + self.start_s_max
        while not self.ready():
            if self.exit_code is not None:
                raise PartFailed(self.name, f"did not start: it {how_it_ended(self.exit_code)}", self.log)
            if time.monotonic() > deadline:
                raise PartFailed(self.name, f"did not answer within {self.start_s_max} s", self.log)
            if not keep_waiting():
                return
            pause()

    def stop(self, pressing: Callable[[], bool] = lambda: False) -> None:
        """Ask it to end, wait (unless `pressing`), insist, and take what it left of itself along. Twice is fine."""
        if self._process is None:
            return
        for word, patience_s in self.last_words:
            if self._process.poll() is None:
                self._process.send_signal(word)
                deadline = time.monotonic() + patience_s
                while self._process.poll() is None and time.monotonic() < deadline and not pressing():
                    pause()
        self.sweep()

    def sweep(self) -> None:
        """End whatever is left of it: every part leads a process group of its own."""
        assert self._process is not None
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _spawn(
        self,
        command: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: Path = Path("/"),
        account: Account | None = None,
    ) -> None:
        self._process = spawn(command, log=self.log, env=env, cwd=cwd, account=account, word=self.last_words[0][0])


class Program(Part):
    """A command of ours as a part of the stack; `answers` looks whether it is ready (None: once it runs)."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        log: Path,
        env: Mapping[str, str],
        answers: Callable[[], bool] | None = None,
        needs: tuple[Part, ...] = (),
    ) -> None:
        self.name = name
        self.needs = needs
        self.log = log
        self._command = command
        self._env = env
        self._answers = answers

    def launch(self) -> None:
        """Start the command."""
        self._spawn(self._command, env=self._env, cwd=Path.cwd())

    def ready(self) -> bool:
        """Whether it runs and answers."""
        return self.exit_code is None and (self._answers is None or self._answers())


def spawn(
    command: Sequence[str],
    *,
    log: Path,
    env: Mapping[str, str],
    cwd: Path = Path("/"),
    account: Account | None = None,
    word: signal.Signals = signal.SIGTERM,
    stdin: bytes | None = None,
) -> subprocess.Popen[bytes]:
    """Start a process that writes to `log` and gets `word` from the kernel when we die.

    It leads a session of its own: Ctrl-C in the terminal reaches only the supervisor, which stops the parts in order.
    """
    parent = os.getpid()

    def before_exec() -> None:
        if account:
            account.become()
        die_with(parent, word)

    if log.exists() and log.stat().st_size > LOG_BYTES_MAX:
        log.replace(log.with_suffix(".log.1"))
    with log.open("ab") as out:
        process = subprocess.Popen(  # noqa: S603 - the commands are ours
            command,
            stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
            stdout=out,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env=env,
            start_new_session=True,
            preexec_fn=before_exec,  # noqa: PLW1509 - nothing else can set the death signal after the account
        )
    if process.stdin is not None:
        with process.stdin as pipe:
            pipe.write(stdin or b"")
    return process


def run_to_end(process: subprocess.Popen[bytes], keep_waiting: Callable[[], bool] = lambda: True) -> int | None:
    """Wait for a process; its exit code, or None when waiting was given up (it is then ended)."""
    try:
        while process.poll() is None:
            if not keep_waiting():
                return None
            pause()
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return process.returncode


def how_it_ended(exit_code: int) -> str:
    """An exit code in words."""
    if exit_code >= 0:
        return f"exited with code {exit_code}"
    try:
        return f"was ended by {signal.Signals(-exit_code).name}"
    except ValueError:  # Between the first and the last real-time signal, none has a name.
        return f"was ended by signal {-exit_code}"
