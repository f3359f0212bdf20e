"""Who calls: a secret key may do everything, a publishable one what a browser has to."""

import base64
import binascii
from collections.abc import Mapping
from typing import Literal

from commerce.stripe_sandbox.errors import Json, unauthorised

Caller = Literal["server", "browser"]


def caller_of(headers: Mapping[bytes, bytes], said: Json, accepted: frozenset[str]) -> Caller:
    """Who holds the key of this request; `accepted` are the secret keys that count (none: any test key).

    Raises StripeError when there is no key or it opens nothing.
    """
    key = _key(headers.get(b"authorization", b"").decode("latin-1")) or str(said.get("key", ""))
    if not key:
        raise unauthorised(
            "You did not provide an API key. You need to provide your API key in the Authorization header, using"
            " Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY')."
        )
    if key.startswith("pk_test_"):
        return "browser"
    if key in accepted or (not accepted and key.startswith("sk_test_")):
        return "server"
    raise unauthorised(f"Invalid API Key provided: {key[:8]}{'*' * 8}{key[-4:]}")


def _key(authorization: str) -> str:
    scheme, _, rest = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(rest, validate=True).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return ""
