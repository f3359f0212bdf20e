"""Buyers: the customers behind the orders of a group."""

from collections.abc import Sequence
from datetime import datetime

from commerce.kernel.db import Session
from orders.customers.find_or_make import find_or_make
from orders.customers.identities import Who, must_make_sense
from orders.customers.schemas import BuyerBody


def who(buyer: BuyerBody | None) -> Who | None:
    """The person a request names, if it names one."""
    if buyer is None:
        return None
    return Who(buyer.account, buyer.email, buyer.phone, buyer.loyalty, buyer.country)


def must_be_findable(buyer: BuyerBody | None) -> None:
    """Let a buyer through whose identities can be read. Raises InvalidInput naming the field."""
    person = who(buyer)
    if person is not None:
        must_make_sense(person, "buyer")


async def find_buyers(tx: Session, buyers: Sequence[BuyerBody | None], now: datetime) -> list[str | None]:
    """The customer of each order; None for a guest."""
    return await find_or_make(tx, [who(buyer) for buyer in buyers], now)
