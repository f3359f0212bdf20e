"""A program of somebody else's that answers questions: one line of JSON in, one line out, in step."""

import asyncio
import os
import shlex
import signal
from asyncio.subprocess import PIPE, SubprocessStreamProtocol
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from commerce.kernel.refusals import Refusal

LINE_BYTES_MAX = 16 * 1024 * 1024
"""Of an answer. Questions and right answers have a hundredth of that."""


class FellSilent(Exception):  # noqa: N818 - it is told, not handled
    """The program answers no more, and why."""


@dataclass(eq=False)
class CommandNotStarted(Refusal):
    """What was named cannot be run."""

    status = 400
    code = "command_not_started"
    command: str
    reason: str
    hint = 'Write it as in a shell: --command "python3 my_till.py". Pipes and variables need one: sh -c "..."'

    def __str__(self) -> str:
        return f"{self.command!r} cannot be started: {self.reason}."


class _Heard(SubprocessStreamProtocol):
    """A program's lines, and that it ended, whoever else may still hold on to what it wrote into."""

    def __init__(self) -> None:
        super().__init__(limit=LINE_BYTES_MAX, loop=asyncio.get_running_loop())
        self.ended = asyncio.Event()

    def process_exited(self) -> None:
        """It ended."""
        self.ended.set()
        super().process_exited()


class ForeignEngine:
    """A program that was started, and waits for questions."""

    def __init__(self, transport: asyncio.SubprocessTransport, heard: _Heard, patience_s: int) -> None:
        process = asyncio.subprocess.Process(transport, heard, asyncio.get_running_loop())
        assert process.stdin is not None
        assert process.stdout is not None
        self._transport, self._heard, self._patience_s = transport, heard, patience_s
        self._stdin, self._stdout = process.stdin, process.stdout

    async def ask(self, question: bytes) -> bytes:
        """The line with which it answers a line. Raises FellSilent."""
        try:
            async with asyncio.timeout(self._patience_s):
                self._stdin.write(question + b"\n")
                await self._stdin.drain()
                answer = await self._stdout.readline()
        except TimeoutError:
            raise FellSilent(f"it did not answer within {self._patience_s} s") from None
        except ConnectionError:
            raise FellSilent(await self._how_it_ended()) from None
        except ValueError:  # What asyncio says of a line beyond the limit.
            raise FellSilent(f"its line is longer than {LINE_BYTES_MAX // 2**20} MiB") from None
        if not answer:
            raise FellSilent(await self._how_it_ended())
        return answer

    async def finish(self) -> None:
        """Let it end. Raises FellSilent where it says more than it was asked, does not end, or ends in failure."""
        self._stdin.close()
        try:
            async with asyncio.timeout(self._patience_s):
                while line := await self._stdout.readline():
                    if line.strip():
                        raise FellSilent("it wrote more lines than it was asked for")
        except TimeoutError:
            raise FellSilent(f"it did not end within {self._patience_s} s after its standard input had") from None
        except ValueError:  # As above.
            raise FellSilent(f"it wrote on, a line longer than {LINE_BYTES_MAX // 2**20} MiB") from None
        if await self._status() != 0:
            raise FellSilent(await self._how_it_ended())

    async def _how_it_ended(self) -> str:
        status = await self._status()
        if status is None:
            return "it closed its standard output and went on"
        return f"it was ended by signal {-status}" if status < 0 else f"it ended with status {status}"

    async def _status(self) -> int | None:
        try:
            async with asyncio.timeout(self._patience_s):
                await self._heard.ended.wait()
        except TimeoutError:
            return None
        return self._transport.get_returncode()

    async def end(self) -> None:
        """End it with all that it started: a shell leaves behind what it waits for, if the shell alone is ended."""
        with suppress(ProcessLookupError):
            os.killpg(self._transport.get_pid(), signal.SIGKILL)
        await self._heard.ended.wait()
        self._transport.close()


@asynccontextmanager
async def started(command: str, patience_s: int) -> AsyncIterator[ForeignEngine]:
    """The program, for as long as the block lasts; its standard error is ours. Raises CommandNotStarted.

    Whoever breaks it off while it is being started has it ended, too.
    """
    starting = asyncio.ensure_future(_start(command, patience_s))
    try:
        yield await asyncio.shield(starting)
    finally:
        with suppress(CommandNotStarted):  # That was raised above.
            await (await starting).end()


async def _start(command: str, patience_s: int) -> ForeignEngine:
    """The program, at the head of a group of its own: what it starts is in that group, and is ended with it."""
    try:
        words = shlex.split(command)
        if not words:
            raise CommandNotStarted(command, "no program is named")
        transport, heard = await asyncio.get_running_loop().subprocess_exec(
            _Heard, *words, stdin=PIPE, stdout=PIPE, stderr=None, start_new_session=True
        )
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise CommandNotStarted(command, reason) from error
    return ForeignEngine(transport, heard, patience_s)
