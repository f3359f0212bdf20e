"""Access: six roles, and who is calling. Every route says which roles may use it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec

from commerce.kernel.refusals import Refusal, with_article


class Role(StrEnum):
    """What a key may be used for."""

    STOREFRONT = "storefront"
    TERMINAL = "terminal"
    MERCHANDISER = "merchandiser"
    ANALYST = "analyst"
    OPERATOR = "operator"
    ADMIN = "admin"


EVERY_ROLE = frozenset(Role)
NOBODY_ASKED: frozenset[Role] = frozenset()


class Principal(msgspec.Struct, frozen=True):
    """Who is calling: a family of keys (rotation does not make it somebody else), its role, and its bounds."""

    id: str
    role: Role
    name: str
    channel: str | None = None
    location: str | None = None


class NoKey(Refusal):
    """The request carries no key we know, or one that is over."""

    status = 401
    code = "unauthenticated"

    def __str__(self) -> str:
        return "Send a valid API key: 'Authorization: Bearer <key>'."


class WrongRole(Refusal):
    """The key is good, but not for this."""

    status = 403
    code = "wrong_role"

    def __init__(self, role: Role, wanted: list[str]) -> None:
        self.role = role
        self.wanted = wanted

    def facts(self) -> dict[str, object]:
        """The key's role, and the roles that may do this."""
        return {"role": str(self.role), "wanted": self.wanted}

    def __str__(self) -> str:
        return f"{with_article(self.role)} key may not do this; it takes {' or '.join(self.wanted)}."


@dataclass(eq=False)
class WrongChannel(Refusal):
    """The key sells in another channel, or the channel cannot do this."""

    status = 403
    code = "wrong_channel"
    field: str
    channel: str
    reason: str

    def __str__(self) -> str:
        return f"{self.channel}: {self.reason}"


@dataclass(eq=False)
class WrongLocation(Refusal):
    """The till stands in another store, or the location cannot do this."""

    status = 403
    code = "wrong_location"
    field: str
    location: str
    reason: str

    def __str__(self) -> str:
        return f"{self.location}: {self.reason}"


def must_sell_in(principal: Principal, channel: str, field: str = "channel") -> None:
    """Let a key through that is bound to this channel. Raises WrongChannel."""
    if principal.channel != channel:
        raise WrongChannel(field, channel, f"This key sells in {principal.channel or 'no channel'}.")


def must_stand_in(principal: Principal, location: str, field: str = "location") -> None:
    """Let a terminal through that stands in this store, and whoever is not a terminal. Raises WrongLocation."""
    if principal.role is Role.TERMINAL and principal.location != location:
        raise WrongLocation(field, location, f"This till stands in {principal.location or 'no store'}.")


def may(*roles: Role, idempotent: bool = False) -> dict[str, Any]:
    """What a route declares: the roles that may use it, and whether it takes an Idempotency-Key.

    `may()` without a role is a public route. A route that declares nothing fails start-up.
    """
    return {"roles": frozenset(roles), "idempotent": idempotent}
