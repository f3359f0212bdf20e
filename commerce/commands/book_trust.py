"""Whom a book that was sent is believed from: one key that somebody entered, and those that it leads to."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from commerce.commands.options import stored_text
from pricing.books.errors import BookKeyUnknown

if TYPE_CHECKING:
    from pricing.books.verify import Verified

key_option = click.option(
    "--key",
    metavar="HEX",
    callback=stored_text,
    help="The public key to trust, 64 digits. [default: those that the book names itself]",
)
keys_option = click.option(
    "--keys",
    "chain",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The chain of keys, as GET /v1/price-book-keys answers it: trust whatever the --key introduces, too.",
)


@dataclass(eq=False)
class SignedWithAnotherKey(BookKeyUnknown):
    """The key that was given is not the one that signed, as is the case after a rotation, too."""

    followed: bool
    """Whether a chain of keys was there to lead on from it."""

    @property
    def hint(self) -> str:
        """What to do next."""
        if self.followed:
            return "The chain of keys does not lead to it. Fetch both anew; if they still disagree, use neither."
        return "Keys change: follow the chain from the key that was given with --keys FILE (GET /v1/price-book-keys)."


def verified_file(file: Path, market: str | None, key: str | None, chain: Path | None) -> "Verified":
    """The book in a file, believed from the key that is given and those that it leads to.

    Raises UsageError, SignedWithAnotherKey, and as `verify_file` and `read_chain` do.
    """
    from pricing.books.verify import read_chain, verify_file  # noqa: PLC0415 - cryptography: --help needs none

    if chain is not None and key is None:
        raise click.UsageError("--keys leads on from a key that is trusted: name that one with --key.")
    introduced = read_chain(chain.read_bytes()) if chain is not None else []
    try:
        return verify_file(file.read_bytes(), market, key, introduced)
    except BookKeyUnknown as unknown:
        raise SignedWithAnotherKey(unknown.key, chain is not None) from None
