"""A supervisor of its own process, over real servers and stand-ins for our programs."""

import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from commerce.embedded.folder import DataFolder
from commerce.embedded.locate import running_stack
from commerce.embedded.supervisor import free_port
from tests.processes import environment

ALL = {"postgres", "valkey", "stripe", "api", "worker"}
"""Every part of a stack that no setting replaces."""

STAND_IN = """
import http.server, os, signal, socket, sys, time
from urllib.parse import parse_qs, urlsplit

def database_answers():
    server = parse_qs(urlsplit(os.environ["COMMERCE_DATABASE_URL"]).query)["host"][0] + "/.s.PGSQL.5432"
    with socket.socket(socket.AF_UNIX) as line:
        return line.connect_ex(server) == 0

class Ready(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if database_answers() else 503)
        self.end_headers()

class Sandbox(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(404)
        self.end_headers()

word = sys.argv[1]
if word == "serve":
    if "--slow" in sys.argv[0]:
        time.sleep(1)  # A program that takes its time; nobody who tests waits for this.
    port = int(sys.argv[sys.argv.index("--port") + 1])
    http.server.ThreadingHTTPServer(("127.0.0.1", port), Ready).serve_forever()
if word == "stripe-sandbox":
    port = int(sys.argv[sys.argv.index("--port") + 1])
    http.server.ThreadingHTTPServer(("127.0.0.1", port), Sandbox).serve_forever()
if word == "work":
    if "--broken" in sys.argv[0]:
        sys.exit("The worker has lost its tools.")
    signal.pause()
"""

SUPERVISE = """
import asyncio, os, sys
import asyncpg
from commerce.embedded.errors import PartFailed
from commerce.embedded.supervisor import Plan, Supervisor
from commerce.settings import Settings

settings = Settings.from_environment(os.environ)

def load(url):
    with (settings.data / "postgres" / "postmaster.pid").open() as file:
        os.kill(int(file.readline()), 9)
    return asyncio.run(asyncpg.connect(url.replace("+asyncpg", "")))

plan = Plan(
    settings=settings,
    port=int(sys.argv[1]),
    announce=lambda state, keys: None,
    tell=lambda sentence: None,
    command=(sys.executable, sys.argv[2]),
    load=load if "--load" in sys.argv else None,
)
try:
    Supervisor(plan).run()
except PartFailed as failure:
    sys.exit(f"{failure.last_lines} | {failure}")
"""


@contextmanager
def supervised(
    folder: Path, *words: str, worker: str = "stand_in.py", settings: Mapping[str, str] | None = None
) -> Iterator[tuple[subprocess.Popen[str], DataFolder]]:
    """A supervisor of its own process, over real servers and stand-ins for our programs."""
    script, supervise = folder / worker, folder / "supervise.py"
    script.write_text(STAND_IN)
    supervise.write_text(SUPERVISE)
    data = DataFolder(folder / "data")
    command = [sys.executable, str(supervise), str(free_port()), str(script), *words]
    with subprocess.Popen(  # noqa: S603 - our own command
        command, env={**environment(data.root), **(settings or {})}, stderr=subprocess.PIPE, text=True
    ) as supervisor:
        try:
            yield supervisor, data
        finally:
            supervisor.send_signal(signal.SIGINT)


def pids(data: DataFolder) -> dict[str, int]:
    """The process of each part, as the stack says; none when no stack runs."""
    state = running_stack(data)
    return {name: part.pid for name, part in state.parts.items()} if state else {}
