"""Bought before: what promotions may ask of people, for many of them at once and without making anybody."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import text

from commerce.kernel.db import ReadSession
from orders.customers.identities import ASSERTED, Identity, Who, identities_of
from orders.customers.queries import owners_of

_ABOUT = text("""
    SELECT c.id, ARRAY(SELECT g.code FROM customer_groups g WHERE g.customer_id = c.id ORDER BY g.code) AS groups,
           EXISTS (SELECT FROM orders o WHERE o.customer_id = c.id AND o.state <> 'cancelled') AS bought
      FROM unnest(CAST(:ids AS text[])) AS c (id)
""")


class Known(NamedTuple):
    """What is known of somebody: who they are if they were here before, their groups, and whether they ever bought.

    Groups are of somebody who signed in or showed a card. Whose e-mail address or phone number was only typed may be
    anybody, and the price for employees is for none of them.
    """

    customer: str | None
    groups: tuple[str, ...]
    bought: bool


STRANGER = Known(None, (), bought=False)


async def known_of(tx: ReadSession, people: Sequence[Who | None]) -> list[Known]:
    """What is known of each of these people; a stranger's are what nobody knows of. Two statements at the most.

    Who they are is decided as when an order is placed: by the strongest identity, and by an account or a loyalty id
    alone where one was sent. Raises InvalidInput for an identity that cannot be one.
    """
    asked = [identities_of(who) if who is not None else () for who in people]
    wanted = sorted({identity for identities in asked for identity in identities})
    if not wanted:
        return [STRANGER] * len(people)
    owners = await owners_of(tx, wanted)
    found = [_decisive(identities, owners) for identities in asked]
    ids = sorted({customer for customer in found if customer is not None})
    rows = await tx.execute(_ABOUT, {"ids": ids}) if ids else ()
    about = {row.id: Known(row.id, tuple(row.groups), bought=row.bought) for row in rows}
    return [
        STRANGER if customer is None else about[customer] if _asserted(who) else about[customer]._replace(groups=())
        for customer, who in zip(found, asked, strict=True)
    ]


def _asserted(identities: Sequence[Identity]) -> bool:
    return bool(identities) and identities[0].kind in ASSERTED


def _decisive(identities: Sequence[Identity], owners: dict[Identity, str]) -> str | None:
    finding = identities[:1] if _asserted(identities) else identities
    return next((owners[identity] for identity in finding if identity in owners), None)
