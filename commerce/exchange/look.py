"""Look into a folder: which files of the format are there, and which CSV files have no business there."""

from pathlib import Path
from typing import NamedTuple

from commerce.exchange.faults import Faults, FolderUnreadable, file_of
from commerce.exchange.files import BY_NAME, FORMAT, LAUNCH_FILES, File


class Source(NamedTuple):
    """A file of the format, and where it lies in this folder."""

    file: File
    path: Path


def look_into(folder: Path, faults: Faults) -> list[Source]:
    """The files to import, in the format's order. Raises FolderUnreadable; notes what does not belong there.

    Only what looks like CSV counts, however its ending is spelled; hidden files and subfolders do not. A link that
    leads nowhere counts, so that it is complained about.
    """
    try:
        paths = sorted(path for path in folder.iterdir() if is_csv(path.name) and _is_meant(path))
    except OSError as error:
        raise FolderUnreadable(str(folder), error.strerror or str(error)) from error
    found: dict[str, Path] = {}
    for path in paths:
        name = file_of(path.name)
        if name in LAUNCH_FILES:
            faults.add(path.name, None, None, "Launches cannot be imported yet; take this file out of the folder.")
        elif name not in BY_NAME:
            faults.add(path.name, None, None, "The exchange format has no such file.")
        elif name in found:
            faults.add(path.name, None, None, f"The folder has {found[name].name} as well; which one is meant?")
        else:
            found[name] = path
    return [Source(file, found[file.name]) for file in FORMAT if file.name in found]


def is_csv(name: str) -> bool:
    """Whether a file's name says that it is CSV, plain or gzipped."""
    return not name.startswith(".") and name.lower().endswith((".csv", ".csv.gz"))


def _is_meant(path: Path) -> bool:
    return path.is_file() or (path.is_symlink() and not path.exists())
