"""What we are measured beside is no dependency of ours: a lock says what is installed, in an environment of its own."""

import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path


def python_with(lock: Path) -> Path:
    """The Python of an environment with exactly what the lock names; made once for each lock and Python."""
    wanted = hashlib.sha256(lock.read_bytes() + sys.version.encode()).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    folder = cache / "commerce-bench" / f"{lock.stem}-{wanted}"
    python = folder / "bin" / "python"
    ready = folder / "ready"
    if not ready.exists():
        venv.create(folder, clear=True, with_pip=True)
        words = [str(python), "-m", "pip", "install", "--quiet", "--require-hashes", "--only-binary", ":all:"]
        subprocess.run([*words, "-r", lock], check=True, stderr=subprocess.DEVNULL)  # noqa: S603 - our own words
        ready.touch()
    return python
