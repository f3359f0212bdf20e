"""Valkey out of a wheel: the doorbell. What it holds may be lost, and is kept anyway."""

import os
import socket
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from commerce.embedded.folder import DataFolder
from commerce.embedded.parts import Part
from commerce.embedded.wheels import valkey_server
from commerce.settings import BROKER_DATABASE


class EmbeddedValkey(Part):
    """A Valkey of our own in `data_dir`, reachable over a Unix socket only, in database 1.

    Every write is appended to a file, synced each second, and nothing is ever evicted: a queue that forgets is worse
    than one that says it is full. Synchronous, as EmbeddedPostgres.
    """

    name = "valkey"

    def __init__(self, data_dir: Path) -> None:
        self.folder = DataFolder(data_dir.absolute())
        self.log = self.folder.logs / "valkey.log"

    @property
    def _socket(self) -> Path:
        return self.folder.sockets / "valkey.sock"

    @property
    def url(self) -> str:
        """The address for redis-py and dramatiq."""
        return f"unix://{quote(str(self._socket))}?db={BROKER_DATABASE}"

    def launch(self) -> None:
        """Start the server where its append-only file is."""
        self.folder.make()
        home = self.folder.root / "valkey"
        home.mkdir(mode=0o700, exist_ok=True)
        self.folder.make_sockets(account=None)
        settings = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "dir": ".",
            "save": "",
            "appendonly": "yes",
            "appendfsync": "everysec",
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
        }
        words = [word for name, value in settings.items() for word in (f"--{name}", value)]
        environment = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
        self._spawn([str(valkey_server()), *words], env=environment, cwd=home)

    def ready(self) -> bool:
        """Whether it answers a PING; it does not while it reads its file."""
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(1)
            try:
                line.connect(str(self._socket))
                line.sendall(b"PING\r\n")
                return line.recv(16).startswith(b"+PONG")
            except OSError:
                return False

    def stop(self, pressing: Callable[[], bool] = lambda: False) -> None:
        """Sync what was written and leave no socket behind."""
        super().stop(pressing)
        self._socket.unlink(missing_ok=True)
        self.folder.drop_sockets()
