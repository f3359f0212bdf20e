"""Keys over HTTP: made, listed, rotated, revoked. None of these takes an Idempotency-Key, on purpose.

What is remembered for a repeated request is its answer, byte for byte, and the answer to a new key holds its secret,
which is stored nowhere. Whoever did not hear the answer makes another key and revokes the one that nobody knows.
"""

from datetime import timedelta
from itertools import dropwhile
from typing import Annotated

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import Meta

from commerce.kernel.access import Role, may
from commerce.kernel.bodies import At, Body, CodeText, ShortText
from commerce.kernel.db import Database
from commerce.kernel.keys import IssuedKey, KeyView, WantedKey, list_keys, revoke_key, rotate_key
from commerce.kernel.pages import Limit, Page, decode_cursor, page_of
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
    name: Annotated[ShortText, Meta(description="Who will use it.", examples=["web shop, Germany"])]
    channel: Annotated[CodeText | None, Meta(examples=["web-de"])] = None
    location: Annotated[CodeText | None, Meta(description="The store a till stands in.", examples=["berlin"])] = None
    expires_at: Annotated[At | None, Meta(description="Null: it does not expire.")] = None


class RotationBody(Body, frozen=True):
    """How long the old key is good beside the new one."""

    overlap_s: Annotated[
        int, Meta(ge=0, le=OVERLAP_S_MAX, description="Seconds, up to 30 days; 0 ends it now.", examples=[3600])
    ] = OVERLAP_S


@post("/v1/keys", opt=may(Role.ADMIN), tags=["keys"])
async def create_key(data: JSONBody[KeyBody], db: NamedDependency[Database]) -> Response[IssuedKey]:
    """Make a key. The answer shows it this once; it takes no Idempotency-Key, since then it would have to be stored."""
    wanted = WantedKey(data.role, data.name, data.channel, data.location, data.expires_at)
    async with db.transaction() as tx:
        issued = await issue_bound_key(tx, wanted, db.clock.now())
    return _shown_once(issued)


@get("/v1/keys", opt=may(Role.ADMIN), tags=["keys"])
async def show_keys(
    db: NamedDependency[Database], limit: FromQuery[Limit] = 50, cursor: FromQuery[Cursor | None] = None
) -> Page[KeyView]:
    """List every key there ever was, the newest first, without secrets."""
    after = decode_cursor(cursor, 1)
    async with db.read() as tx:
        keys = await list_keys(tx)
    rest = keys if after is None else list(dropwhile(lambda key: key.id != after[0], keys))[1:]
    return page_of(rest[: limit + 1], limit, lambda key: key, lambda key: (key.id,))


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


def _shown_once(issued: IssuedKey) -> Response[IssuedKey]:
    return Response(issued, status_code=201, headers={"Cache-Control": "no-store"})
