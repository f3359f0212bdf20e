"""Our programs as real processes: several APIs over one database, or the whole stack, and buyers who do not give up."""

import asyncio
import os
import signal
import subprocess
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple, Self, cast

import msgspec
import psutil  # type: ignore[import-untyped]  # its annotations are not published with it

from commerce.embedded.folder import DataFolder, StackState
from commerce.embedded.locate import running_stack
from commerce.embedded.parts import Program
from commerce.embedded.supervisor import OUR_COMMAND, free_port
from commerce.kernel.access import Role
from commerce.kernel.db import Database
from commerce.kernel.keys import WantedKey, issue_key
from tests.stories import open_lawful_shop
from tests.waiting import a_moment, eventually, status_at

REPOSITORY = Path(__file__).parent.parent
ANSWER_S_MAX = 20
"""A buyer who waits longer for an answer asks again, with the same key."""

AGAIN_S = 0.05
UNDER_WAY = {"idempotency_key_in_flight", "payment_being_opened"}
"""Somebody is at it; the same request is answered in a moment."""


class Answer(NamedTuple):
    """What came back."""

    status: int
    body: bytes

    @property
    def code(self) -> str:
        """The code of a refusal."""
        return cast("str", msgspec.json.decode(self.body)["code"])


class Line(asyncio.Protocol):
    """One kept-open HTTP/1.1 connection, as lean as Python allows: a thousand of them are one crowd."""

    def __init__(self) -> None:
        self._buffer = b""
        self._waiting: asyncio.Future[Answer] | None = None
        self._transport: asyncio.Transport | None = None

    @classmethod
    async def to(cls, port: int) -> Self:
        """Connect. Raises OSError."""
        _, line = await asyncio.get_running_loop().create_connection(cls, "127.0.0.1", port)
        return line

    async def ask(self, request: bytes) -> Answer:
        """Send one request and hear its answer. Raises ConnectionError when the line breaks first."""
        if self._transport is None or self._transport.is_closing():
            raise ConnectionResetError
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._waiting

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport; asyncio calls this."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Hand over the answer when it is whole; asyncio calls this."""
        self._buffer += data
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        if len(rest) >= length and self._waiting is not None and not self._waiting.done():
            self._buffer = b""
            self._waiting.set_result(Answer(int(head[9:12]), rest))

    def connection_lost(self, exc: Exception | None) -> None:
        """Let whoever waits know; asyncio calls this."""
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(exc or ConnectionResetError())


class Buyer:
    """Somebody at one API who asks until there is a final answer: a lost line or a "not now" is none.

    `retries` counts, over everybody who shares it, what made a buyer ask again.
    """

    def __init__(self, port: int, retries: Counter[str] | None = None) -> None:
        self._port = port
        self._line: Line | None = None
        self._retries: Counter[str] = Counter() if retries is None else retries

    async def insist(self, request: bytes) -> Answer:
        """Send the same request, with the same key, until it is decided."""
        while True:
            try:
                async with asyncio.timeout(ANSWER_S_MAX):
                    answer = await self.ask(request)
            except OSError as broken:  # TimeoutError is one, too
                self.close()
                self._retries[type(broken).__name__] += 1
            else:
                if not is_passing(answer):
                    return answer
                self._retries[f"{answer.status} {answer.code}"] += 1
            await a_moment(AGAIN_S)

    async def ask(self, request: bytes) -> Answer:
        """Send a request once, over the line that is open or a new one. Raises OSError."""
        if self._line is None:
            self._line = await Line.to(self._port)
        return await self._line.ask(request)

    def close(self) -> None:
        """Hang up."""
        if self._line is not None:
            self._line.close()
            self._line = None


def is_passing(answer: Answer) -> bool:
    """Whether an answer says "not now"; anything else is final."""
    return answer.status == 503 or (answer.status == 409 and answer.code in UNDER_WAY)


async def crowd(ports: Sequence[int], requests: Iterator[bytes], at_once: int, retries: Counter[str]) -> list[Answer]:
    """Let so many buyers at once, spread over the APIs, send these requests; the final answers."""
    answers: list[Answer] = []

    async def stand_in_line(n: int) -> None:
        buyer = Buyer(ports[n % len(ports)], retries)
        try:
            answers.extend([await buyer.insist(request) for request in requests])
        finally:
            buyer.close()

    async with asyncio.TaskGroup() as everybody:
        for n in range(at_once):
            everybody.create_task(stand_in_line(n))
    return answers


class Apis(NamedTuple):
    """API processes over one database with the stories' shop in it, and its keys by role."""

    db: Database
    ports: list[int]
    keys: dict[Role, str]


@asynccontextmanager
async def api_processes(url: str, processes: int = 2) -> AsyncIterator[Apis]:
    """Open the shop in an empty database and serve it from several processes of their own."""
    db = Database(url, pool_size=4)
    await open_lawful_shop(db)
    keys = await issue_keys(db)
    with tempfile.TemporaryDirectory(prefix="commerce-tests-") as folder:
        ports = [free_port() for _ in range(processes)]
        programs = [_api(Path(folder), url, port) for port in ports]
        try:
            for program in programs:
                program.launch()
            eventually(lambda: all(program.ready() for program in programs), 60)
            yield Apis(db, ports, keys)
        finally:
            for program in programs:
                program.stop()
            await db.close()


def _api(folder: Path, url: str, port: int) -> Program:
    # No Redis answers there; nothing that is asked of the API here needs one.
    env = {**environment(folder), "COMMERCE_DATABASE_URL": url, "COMMERCE_REDIS_URL": "redis://127.0.0.1:1"}
    command = [*OUR_COMMAND, "serve", "--port", str(port), "--workers", "1"]
    live = f"http://127.0.0.1:{port}/health/live"
    return Program("api", command, log=folder / f"api-{port}.log", env=env, answers=lambda: status_at(live) == 200)


async def issue_keys(db: Database) -> dict[Role, str]:
    """A key for each role that these stories need, in the shop's own channels."""
    wanted = (
        WantedKey(Role.STOREFRONT, "web", "web-de"),
        WantedKey(Role.TERMINAL, "till", "retail-de", "berlin"),
        WantedKey(Role.OPERATOR, "operator"),
        WantedKey(Role.ADMIN, "admin"),
    )
    async with db.transaction() as tx:
        return {want.role: (await issue_key(tx, want, db.clock.now())).key for want in wanted}


class Stack:
    """The whole stack as `commerce run` brings it up, for whoever wants to kill parts of it."""

    def __init__(self, supervisor: subprocess.Popen[bytes], data: DataFolder) -> None:
        self._supervisor = supervisor
        self._data = data

    @property
    def state(self) -> StackState:
        """What runs now, as the stack itself says."""
        state = running_stack(self._data)
        assert state is not None, "the stack is down"
        return state

    @property
    def data(self) -> Path:
        """The stack's data folder."""
        return self._data.root

    def pid(self, part: str) -> int:
        """The process of a part."""
        return self.state.parts[part].pid

    def kill(self, part: str) -> Callable[[], bool]:
        """Kill the process of a part outright; tells whether another one has taken its place."""
        pid = self.pid(part)
        os.kill(pid, signal.SIGKILL)
        return lambda: self.pid(part) != pid

    def kill_the_database_while_the_api_starts(self) -> Callable[[], bool]:
        """Kill the API, and PostgreSQL as soon as another API is on its way; tells whether that is back."""
        api_is_back = self.kill("api")
        eventually(api_is_back, 20)
        return self.kill("postgres")

    def kill_an_api_worker(self) -> Callable[[], bool]:
        """Kill one of the processes that answer requests; tells whether another one has taken its place."""
        workers = self._api_workers()
        os.kill(workers[0], signal.SIGKILL)
        return lambda: len(set(self._api_workers()) - {workers[0]}) == len(workers)

    def stop(self) -> None:
        """Ctrl-C, and see that it ends well and leaves nothing running."""
        left = [self._supervisor.pid, *(child.pid for child in self._children())]
        self._supervisor.send_signal(signal.SIGINT)
        assert self._supervisor.wait(60) == 0
        assert [pid for pid in left if not is_gone(pid)] == []
        assert standing_around(self._data.root) == []

    def _api_workers(self) -> list[int]:
        try:
            return sorted(child.pid for child in psutil.Process(self.pid("api")).children() if not is_gone(child.pid))
        except psutil.NoSuchProcess:
            return []

    def _children(self) -> list[psutil.Process]:
        return cast("list[psutil.Process]", psutil.Process(self._supervisor.pid).children(recursive=True))


@contextmanager
def running_shop(*, demo: bool = False, settings: Mapping[str, str] | None = None) -> Iterator[Stack]:
    """`commerce run` on a new folder and a free port, with these settings; stopped in the end, however that comes."""
    with tempfile.TemporaryDirectory(prefix="commerce-tests-") as folder:
        Path(folder).chmod(0o711)  # For the account without rights that root's PostgreSQL runs as.
        data = DataFolder(Path(folder) / "data")
        command = [*OUR_COMMAND, "run", "--data", str(data.root), "--port", "0", "--demo" if demo else "--no-demo"]
        with subprocess.Popen(  # noqa: S603 - our own command
            command,
            env={**environment(data.root), **(settings or {})},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as supervisor:
            try:
                eventually(lambda: running_stack(data) is not None or supervisor.poll() is not None, 60)
                assert supervisor.poll() is None, "the stack did not start"
                yield Stack(supervisor, data)
            finally:
                supervisor.send_signal(signal.SIGINT)


def environment(data: Path) -> dict[str, str]:
    """Ours, without the settings of whoever runs the tests."""
    own = {name: word for name, word in os.environ.items() if not name.startswith(("COMMERCE_", "STRIPE_"))}
    return {**own, "COMMERCE_DATA": str(data), "COMMERCE_LOG": "json", "PYTHONPATH": str(REPOSITORY)}


def is_gone(pid: int) -> bool:
    """Whether the process has ended (a zombie has)."""
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def standing_around(folder: Path) -> list[str]:
    """Processes that work in a folder, or were told to."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            words = [process.cwd(), *process.cmdline(), process.environ().get("COMMERCE_DATA", "")]
            if process.pid != os.getpid() and any(word.startswith(str(folder)) for word in words):
                found.append(f"{process.pid} {process.name()}")
    return found
