"""What is said of named sets, and what is answered."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from catalog.schemas import SelectorText
from commerce.kernel.bodies import Body, ShortText

MEMBERS_MAX = 100

SetCode = Annotated[str, Meta(examples=["protection"])]
Members = Annotated[list[str], Meta(examples=[["category:cases", "category:screen-protectors"]])]
Version = Annotated[int, Meta(ge=1, examples=[1])]


class SetBody(Body, frozen=True, kw_only=True):
    """What a name stands for. A set holds no other sets."""

    members: Annotated[
        list[SelectorText],
        Meta(
            min_length=1,
            max_length=MEMBERS_MAX,
            description="All that any of them means.",
            examples=[["category:cases", "category:screen-protectors"]],
        ),
    ]
    note: ShortText | None = None


class SetVersionView(msgspec.Struct, frozen=True, kw_only=True):
    """What a named set is, or was, since it was so defined."""

    code: SetCode
    version: Version
    members: Members
    note: str | None
    defined_by: Annotated[str, Meta(description="Whose key it was.")]
    defined_at: datetime


class SetDetailView(msgspec.Struct, frozen=True, kw_only=True):
    """A named set as it is now, and what it was."""

    code: SetCode
    version: Version
    members: Members
    note: str | None
    defined_by: Annotated[str, Meta(description="Whose key it was.")]
    defined_at: datetime
    skus: Annotated[int, Meta(ge=0, description="So many are in it now.", examples=[14])]
    versions: Annotated[list[SetVersionView], Meta(description="The newest first, a hundred at the most.")]
