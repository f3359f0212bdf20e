"""Tax: the part of a price, or what comes on top of it, rounded line by line or once for an order."""

from commerce.kernel.money import half_up

WHOLE_BP = 10_000
"""One hundred percent in basis points."""


def tax_of(line_total: int, rate_bp: int, *, included: bool) -> int:
    """The tax of a line in minor units, rounded half up once for the line.

    Where prices include tax it is the part of the total that is tax; otherwise it is what comes on top of it.
    """
    return half_up(line_total * rate_bp, WHOLE_BP + rate_bp if included else WHOLE_BP)


def price_for(net: int, rate_bp: int, *, included: bool) -> int:
    """The lowest price of a unit of which so much is left once tax is paid, however many units are sold.

    Where prices include tax that is the tax more, rounded up: for some units together a cent would be missing else.
    """
    return -(-net * (WHOLE_BP + rate_bp) // WHOLE_BP) if included else net
