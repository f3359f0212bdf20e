"""Promotion uses: what orders use of limited promotions is taken with them, and given back when they do not last.

The last use of a promotion goes to one of all who want it, in the web and at tills, since its counter is locked from
here to the end of the transaction, before any goods are.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from sqlalchemy import text

from commerce.kernel.committer import NotTogetherError
from commerce.kernel.db import Session
from orders.customers.first_purchase import claim_first_purchases
from orders.desk import Desk
from pricing.promotions.claim import UseClaim, claim_for_persons, claim_uses, drop_claims
from pricing.promotions.errors import PromotionUsedUp
from pricing.promotions.give_back import GivenBack, give_back_uses
from pricing.promotions.rules import Why

# What a promotion touched: the lines it took something off, or the whole order where that was its shipping.
_OVER = text("""
    WITH came_back AS (
        SELECT line, sum(quantity) AS units FROM refunds
         WHERE order_id = :id AND line IS NOT NULL AND state <> 'replaced' GROUP BY line
    )
    SELECT u.promotion_id, bool_and(l.cancelled = l.quantity) AS never_left
      FROM promotion_uses u
      JOIN order_lines l ON l.order_id = u.order_id
      LEFT JOIN came_back b ON b.line = l.line
     WHERE u.order_id = :id AND u.given_back_at IS NULL
       AND (EXISTS (SELECT FROM order_line_discounts d
                     WHERE d.order_id = u.order_id AND d.promotion_id = u.promotion_id AND d.line = l.line)
            OR NOT EXISTS (SELECT FROM order_line_discounts d
                            WHERE d.order_id = u.order_id AND d.promotion_id = u.promotion_id))
     GROUP BY u.promotion_id HAVING bool_and(l.cancelled + coalesce(b.units, 0) >= l.quantity)
     ORDER BY u.promotion_id
""")


class Claiming(Protocol):
    """An order on its way, and the promotions it uses."""

    @property
    def order_id(self) -> str:
        """The order's id."""
        ...

    @property
    def uses(self) -> tuple[tuple[str, str | None], ...]:
        """Promotions whose uses are counted, each with the unique code that opened it, if one did."""
        ...

    @property
    def first_for(self) -> str | None:
        """A promotion it has because it is its buyer's first; None where it need not be."""
        ...

    @property
    def customer(self) -> str | None:
        """Who buys; None for a guest."""
        ...


class Claimed(NamedTuple):
    """What came of the claims of a group."""

    won: Sequence[UseClaim]
    lost: frozenset[str]
    """Promotions whose uses did not suffice for everybody."""


async def claim_or_refuse(tx: Session, desk: Desk[Any, Any]) -> Claimed:
    """Take the uses that the pending cases want, in the order they came, and refuse those that come too late."""
    claims = [(n, claim) for n, case in desk.pending() for claim in _claims(case)]
    verdicts = await claim_uses(tx, [claim for _, claim in claims])
    for (n, _), verdict in zip(claims, verdicts, strict=True):
        if verdict is not None:
            desk.refuse(n, verdict.refusal())
    won = [claim for (_, claim), verdict in zip(claims, verdicts, strict=True) if verdict is None]
    return Claimed(won, frozenset(verdict.promotion_id for verdict in verdicts if verdict is not None))


async def drop_refused(tx: Session, desk: Desk[Any, Any], claimed: Claimed) -> None:
    """Put back what was claimed for cases that were refused since.

    Raises NotTogetherError where somebody was refused for want of such a use: they must be decided after it came back.
    """
    pending = {case.order_id for _, case in desk.pending()}
    free = [claim for claim in claimed.won if claim.order_id not in pending]
    if any(claim.promotion_id in claimed.lost for claim in free):
        raise NotTogetherError
    if free:
        await drop_claims(tx, free)


async def claim_at_the_end(tx: Session, desk: Desk[Any, Any], now: datetime) -> None:
    """Take each buyer's own uses and first purchase, and write all uses down, for orders that are written.

    They are taken in the order in which the orders came. Where a buyer has had theirs, the transaction is given up:
    raises what `Desk.lose` says.
    """
    cases: list[Claiming] = desk.cases()
    used_up = await claim_for_persons(tx, [(claim, case.customer) for case in cases for claim in _claims(case)], now)
    lost = {order_id: use.refusal() for order_id, use in used_up.items()}
    firsts = {case.order_id: case.first_for for case in cases if case.first_for is not None}
    won = await claim_first_purchases(tx, [(case.order_id, case.customer) for case in cases], firsts.keys())
    lost |= {one: PromotionUsedUp(promotion, "first_purchase") for one, promotion in firsts.items() if one not in won}
    if lost:
        desk.lose({n: lost[case.order_id] for n, case in desk.pending() if case.order_id in lost})


async def give_back_what_is_over(tx: Session, order_id: str, now: datetime) -> list[GivenBack]:
    """Of a locked order, let others use the promotions of which nothing is left, as far as these say so.

    What was cancelled to the last unit was cancelled; what its buyer had in part, and brought back, was returned.
    Call it before goods are locked, and `give_back_to_persons` with the answer after them.
    """
    over: dict[Why, list[str]] = {}
    for promotion, never_left in await tx.execute(_OVER, {"id": order_id}):
        over.setdefault(Why.CANCELLED if never_left else Why.RETURNED, []).append(promotion)
    given: list[GivenBack] = []
    for why, promotions in over.items():
        given += await give_back_uses(tx, [order_id], why, now, only=promotions)
    return given


def _claims(case: Claiming) -> list[UseClaim]:
    return [UseClaim(case.order_id, promotion, code) for promotion, code in case.uses]
