"""Codes that open promotions: how they are written, and how a book knows them without saying them."""

import hashlib
import re

_CODE = re.compile(r"[A-Z0-9][A-Z0-9-]{2,39}", re.ASCII)
_BLANK = re.compile(r"[ \t]+")


def normal_code(typed: str) -> str | None:
    """A code as it is kept: ASCII capitals, digits and hyphens, 3 to 40 of them; None for what cannot be one."""
    code = _BLANK.sub("", typed)
    return code.upper() if code.isascii() and _CODE.fullmatch(code.upper()) else None


def hash_of(market: str, code: str) -> str:
    """How a book names a code: the SHA-256 of the market, a line feed and the normal code, in hex."""
    return hashlib.sha256(f"{market}\n{code}".encode()).hexdigest()
