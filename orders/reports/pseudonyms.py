"""Pseudonyms: one name for each customer that is always the same, and leads to nobody."""

import hmac
from base64 import b32encode

from sqlalchemy import text

from commerce.kernel.db import ReadSession

_BYTES = 10
"""Eighty bits: of ten million customers, two share a name once in twenty billion shops."""

_SECRET = text("SELECT secret FROM report_secrets")


class Pseudonyms:
    """The names that this shop's customers have in reports.

    A name is the HMAC-SHA256 of a customer's number, so whoever does not have the secret cannot tell whose it is, not
    by trying all numbers either. The secret is made with the tables, is in no report, and never changes; another shop
    has another one.
    """

    __slots__ = ("_secret",)

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def of(self, customer: int | None) -> str | None:
        """The name of the customer with this number: `person_` and sixteen letters and digits. A guest has none."""
        if customer is None:
            return None
        digest = hmac.digest(self._secret, customer.to_bytes(8), "sha256")
        return f"person_{b32encode(digest[:_BYTES]).decode().lower()}"


async def pseudonyms(tx: ReadSession) -> Pseudonyms:
    """The pseudonyms of this shop; a replica knows them, too."""
    return Pseudonyms((await tx.execute(_SECRET)).scalar_one())
