"""Keys over HTTP: made, listed, rotated, revoked. None of these takes an Idempotency-Key, on purpose.

What is remembered for a repeated request is its answer, byte for byte, and the answer to a new key holds its secret,
which is stored nowhere. Whoever did not hear the answer makes another key and revokes the one that nobody knows.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import Meta

from commerce.kernel.access import Role, may
from commerce.kernel.bodies import At, Body, CodeText, ShortText
from commerce.kernel.db import Database
from commerce.kernel.keys import IssuedKey, KeyView, WantedKey, list_keys, revoke_key, rotate_key
from commerce.kernel.pages import Limit, Page, decode_cursor, page_of
from commerce.kernel.refusals import InvalidInput
from commerce.operations.bounds import issue_bound_key

OVERLAP_S = 86_400
OVERLAP_S_MAX = 30 * 86_400

KeyId = Annotated[
    str, Meta(max_length=100, description="A key's id.", examples=["opk_019a4bd2c0c07b5c8f5b0e6f3d1c2a9e"])
]
Cursor = Annotated[str, Meta(max_length=1000, description="Where to go on: the last page's `next_cursor`.")]


class KeyBody(Body, frozen=True):
    """A key to be made. A storefront key belongs to an online channel, a terminal key to a store, others to nothing."""

    role: Role
    name: Annotated[ShortText, Meta(description="Who will use it.", examples=["Web shop, Germany"])]
    channel: Annotated[CodeText | None, Meta(examples=["de-web"])] = None
    location: Annotated[CodeText | None, Meta(description="A till's store.", examples=["store-hamburg"])] = None
    expires_at: Annotated[At | None, Meta(description="Null: it does not expire.")] = None

    def wanted(self) -> WantedKey:
        """The key that this asks for."""
        return WantedKey(self.role, self.name, self.channel, self.location, self.expires_at)


class RotationBody(Body, frozen=True):
    """How long the old key is good beside the new one."""

    overlap_s: Annotated[
        int, Meta(ge=0, le=OVERLAP_S_MAX, description="Seconds, up to 30 days; 0 ends it now.", examples=[3600])
    ] = OVERLAP_S


@post("/v1/keys", opt=may(Role.ADMIN), tags=["keys"])
async def create_key(data: JSONBody[KeyBody], db: NamedDependency[Database]) -> Response[IssuedKey]:
    """Make a key. The answer shows it this once; it takes no Idempotency-Key, since then it would have to be stored."""
    async with db.transaction() as tx:
        issued = await issue_bound_key(tx, data.wanted(), db.clock.now())
    return _shown_once(issued)


@get("/v1/keys", opt=may(Role.ADMIN), tags=["keys"])
async def show_keys(
    db: NamedDependency[Database], limit: FromQuery[Limit] = 50, cursor: FromQuery[Cursor | None] = None
) -> Page[KeyView]:
    """List every key there ever was, the newest first, without secrets."""
    before = _place_in_list(cursor)
    async with db.read() as tx:
        keys = await list_keys(tx, before, limit + 1)
    return page_of(keys, limit, lambda key: key, lambda key: (key.created_at.isoformat(), key.id))


@post("/v1/keys/{key_id:str}/revoke", opt=may(Role.ADMIN), status_code=204, tags=["keys"])
async def end_key(key_id: FromPath[KeyId], db: NamedDependency[Database]) -> None:
    """End a key. Every process stops honouring it within a second; doing it twice changes nothing."""
    async with db.transaction() as tx:
        await revoke_key(tx, key_id, db.clock.now())


@post("/v1/keys/{key_id:str}/rotate", opt=may(Role.ADMIN), tags=["keys"])
async def replace_key(
    key_id: FromPath[KeyId], data: JSONBody[RotationBody], db: NamedDependency[Database]
) -> Response[IssuedKey]:
    """Make the successor of a key; both are good for the overlap, and both are the same caller to us."""
    async with db.transaction() as tx:
        issued = await rotate_key(tx, key_id, db.clock.now(), timedelta(seconds=data.overlap_s))
    return _shown_once(issued)


ROUTES = [create_key, show_keys, end_key, replace_key]


def read_key(said: Mapping[str, object]) -> WantedKey:
    """A key to be made, as somebody typed it: within the very limits of a request's body. Raises InvalidInput."""
    try:
        return msgspec.convert(said, KeyBody).wanted()
    except msgspec.ValidationError as error:
        reason, _, path = str(error).partition(" - at `$.")
        raise InvalidInput(path.rstrip("`") or "key", f"{reason}.") from None


def _place_in_list(cursor: str | None) -> tuple[datetime, str] | None:
    """The last key of the page before: when it was made, and its id. Raises InvalidInput."""
    key = decode_cursor(cursor, 2)
    if key is None:
        return None
    try:
        made_at = datetime.fromisoformat(key[0])
        if made_at.tzinfo is not None and key[1].isprintable():
            return made_at.astimezone(UTC), key[1]
    except (ValueError, OverflowError):
        pass
    raise InvalidInput("cursor", "This is not a cursor of ours.")


def _shown_once(issued: IssuedKey) -> Response[IssuedKey]:
    return Response(issued, status_code=201, headers={"Cache-Control": "no-store"})
