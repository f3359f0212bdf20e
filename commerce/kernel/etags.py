"""ETags: whoever has the answer already need not be sent it again (RFC 9110, 8.8.3 and 13.1.2)."""

import hashlib
from typing import TypeVar, cast

import msgspec
from litestar import Response
from litestar.enums import MediaType

from commerce.kernel.http import AnyRequest

View = TypeVar("View")


def with_etag(request: AnyRequest, view: View) -> Response[View]:
    """The view with a tag of its very bytes, or 304 and no body where the caller's tag is that one.

    The caller may keep the answer but asks again each time: what is sold may change at any instant.
    """
    body = msgspec.json.encode(view)
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if names(tags_of(request), tag):
        return cast("Response[View]", Response(b"", status_code=304, headers=headers, media_type=MediaType.JSON))
    return cast("Response[View]", Response(body, status_code=200, headers=headers, media_type=MediaType.JSON))


def tags_of(request: AnyRequest) -> frozenset[str]:
    """What If-None-Match names; a tag that is marked weak counts, since it compares weakly."""
    said = (one.strip() for one in request.headers.get("if-none-match", "").split(","))
    return frozenset(one.removeprefix("W/") for one in said if one)


def names(tags: frozenset[str], tag: str) -> bool:
    """Whether a tag is among those that are named; `*` is whatever there is."""
    return tag in tags or "*" in tags
