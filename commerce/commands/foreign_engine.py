"""A program of somebody else's that answers questions: one line of JSON in, one line out, in step."""

import asyncio
import shlex
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
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


class ForeignEngine:
    """A program that was started, and waits for questions."""

    def __init__(self, process: asyncio.subprocess.Process, patience_s: int) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process, self._patience_s = process, patience_s
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
                return await self._process.wait()
        except TimeoutError:
            return None


@asynccontextmanager
async def started(command: str, patience_s: int) -> AsyncIterator[ForeignEngine]:
    """The program, for as long as the block lasts; its standard error is ours. Raises CommandNotStarted."""
    try:
        words = shlex.split(command)
        if not words:
            raise CommandNotStarted(command, "no program is named")
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(*words, stdin=pipe, stdout=pipe, limit=LINE_BYTES_MAX)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise CommandNotStarted(command, reason) from error
    try:
        yield ForeignEngine(process, patience_s)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
