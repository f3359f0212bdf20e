"""Who PostgreSQL runs as. It refuses root, so root lends it an unprivileged account, and a way to its files.

An account that is no one's home often cannot reach the files it is to work with: with the program or the data below
`/root` (mode 0700), every path ends there. Opening those folders to everybody would change what is not ours, and
moving the data would break the promise of `--data`. So, only when a folder on the way is closed, PostgreSQL is given
one ambient capability, CAP_DAC_OVERRIDE: it may pass and read where its account may not. (CAP_DAC_READ_SEARCH would
be less, but containers usually withhold it, and it does not run programs that only root may run.) It is still less
than what root had given it by running it as root, which is what everybody else in the stack is.
"""

import ctypes
import os
import pwd
import signal
import stat
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from commerce.embedded.errors import FolderUnusable

LIBC = ctypes.CDLL(None, use_errno=True)
PR_SET_PDEATHSIG, PR_SET_SECUREBITS, PR_CAP_AMBIENT = 1, 28, 47
PR_CAP_AMBIENT_RAISE = 2
SECBIT_NO_SETUID_FIXUP = 1 << 2
CAP_DAC_OVERRIDE, CAP_SETPCAP = 1, 8
CAPABILITY_VERSION = 0x20080522
"""Numbers from linux/prctl.h and linux/capability.h, which Python has no names for."""


@dataclass(frozen=True, slots=True)
class Account:
    """An account to run a program as; with `passage` it may pass folders that are closed to it."""

    uid: int
    gid: int
    passage: bool = False

    def become(self) -> None:
        """Turn this very process into the account, for good. Called between fork and exec."""
        if self.passage:
            # Keeps capabilities over setuid, and lets access(2) see them: PostgreSQL looks before it runs a program.
            LIBC.prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0)
        os.setgroups([])
        os.setgid(self.gid)
        os.setuid(self.uid)
        if self.passage:
            mask = 1 << CAP_DAC_OVERRIDE
            header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION, 0)
            # Effective, permitted and inheritable, for capabilities 0-31 and again for the rest.
            LIBC.capset(header, (ctypes.c_uint32 * 6)(mask, mask, mask, 0, 0, 0))
            LIBC.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, 0, 0)


def die_with(parent: int, word: signal.Signals) -> None:
    """Ask the kernel to send us `word` when the parent is gone, however it went (Linux).

    Called after any change of account, which would clear the wish. Where there is no such wish (macOS), the next
    start cleans up instead.
    """
    if sys.platform == "linux":
        LIBC.prctl(PR_SET_PDEATHSIG, word, 0, 0, 0)
        if os.getppid() != parent:  # It died before we could ask.
            os._exit(1)


def account_for(data: Path, needed: Iterable[Path]) -> Account | None:
    """The account PostgreSQL runs as: ourselves (None), or, for root, the owner of the data or a spare one.

    `needed` are folders and programs it must reach. Raises FolderUnusable when it cannot be helped to.
    """
    if os.geteuid() != 0:
        return None
    owner = data.stat().st_uid if data.exists() else 0
    entry = _passwd_entry(owner) if owner else _spare_account()
    account = Account(entry.pw_uid, entry.pw_gid)
    closed = next((path for path in needed if not _reaches(account, path)), None)
    if closed is None:
        return account
    if not _may_grant_passage():
        raise FolderUnusable(
            closed,
            f"PostgreSQL does not run as root, and the account {entry.pw_name!r} cannot reach it.",
            "Choose a folder that everybody may enter (--data DIR), or run this as an ordinary user.",
        )
    return Account(entry.pw_uid, entry.pw_gid, passage=True)


def _passwd_entry(uid: int) -> pwd.struct_passwd:
    try:
        return pwd.getpwuid(uid)
    except KeyError:
        return _spare_account()


def _spare_account() -> pwd.struct_passwd:
    """PostgreSQL's own account where a system has one, else the one that every system has."""
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise FolderUnusable(
        Path("/etc/passwd"),
        "PostgreSQL does not run as root, and there is neither an account 'postgres' nor 'nobody'.",
        "Run this as an ordinary user, or make the account: useradd --system postgres",
    )


def _reaches(account: Account, path: Path) -> bool:
    """Whether the account may enter every folder on the way, by their modes alone (no access lists)."""
    way = [path, *path.parents]
    return all(_may_enter(account, place.stat()) for place in way if place.exists())


def _may_enter(account: Account, info: os.stat_result) -> bool:
    if info.st_uid == account.uid:
        return bool(info.st_mode & stat.S_IXUSR)
    if info.st_gid == account.gid:
        return bool(info.st_mode & stat.S_IXGRP)
    return bool(info.st_mode & stat.S_IXOTH)


def _may_grant_passage() -> bool:
    """Whether this process holds the capability itself and may pass it on; a container may have taken it from root."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return False
    held = next((line.split()[1] for line in status.splitlines() if line.startswith("CapPrm:")), "0")
    needed = 1 << CAP_DAC_OVERRIDE | 1 << CAP_SETPCAP
    return int(held, 16) & needed == needed
