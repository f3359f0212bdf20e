"""Bought before: what promotions may ask of people, for many of them at once and without making anybody."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Row, text

from commerce.kernel.db import ReadSession
from orders.customers.identities import ASSERTED, Identity, Who, identities_of
from orders.customers.queries import owners_of

_ABOUT = text("""
    SELECT c.id, ARRAY(SELECT g.code FROM customer_groups g WHERE g.customer_id = c.id ORDER BY g.code) AS groups,
           EXISTS (SELECT FROM orders o WHERE o.customer_id = c.id AND o.state <> 'cancelled') AS bought
      FROM unnest(CAST(:ids AS text[])) AS c (id)
""")


class Known(NamedTuple):
    """What is known of somebody: whom their identities find, their groups, and whether any of those ever bought.

    Groups are of somebody who signed in or showed a card. Whose e-mail address or phone number was only typed may be
    anybody, and the price for employees is for none of them. What only restricts counts for whoever is found by
    anything that was sent: a new account with a known e-mail address has bought before.
    """

    customers: tuple[str, ...]
    groups: tuple[str, ...]
    bought: bool


STRANGER = Known((), (), bought=False)


async def known_of(tx: ReadSession, people: Sequence[Who | None]) -> list[Known]:
    """What is known of each of these people; a stranger's are what nobody knows of. Two statements at the most.

    Whose groups they have is decided as when an order is placed: by an account or a loyalty id alone, and by nothing
    where none was sent. Raises InvalidInput for an identity that cannot be one.
    """
    asked = [identities_of(who) if who is not None else () for who in people]
    wanted = sorted({identity for identities in asked for identity in identities})
    if not wanted:
        return [STRANGER] * len(people)
    owners = await owners_of(tx, wanted)
    ids = sorted(set(owners.values()))
    rows = await tx.execute(_ABOUT, {"ids": ids}) if ids else ()
    about = {row.id: row for row in rows}
    return [_known(identities, owners, about) for identities in asked]


def _known(identities: Sequence[Identity], owners: Mapping[Identity, str], about: Mapping[str, Row[Any]]) -> Known:
    found = {owners[identity] for identity in identities if identity in owners}
    signed_in = owners.get(identities[0]) if identities and identities[0].kind in ASSERTED else None
    groups = tuple(about[signed_in].groups) if signed_in is not None else ()
    return Known(tuple(sorted(found)), groups, bought=any(about[customer].bought for customer in found))
