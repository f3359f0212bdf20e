"""Pricing's rules: one pure engine that says what a basket costs, in the shop, at a till, or in anybody's program.

Owns      what a book and a basket are made of; prices, promotions, tax and prior prices at an instant; dated facts.
Does not  read a database, a file, a clock or a zone's rules; know an order; use a float.
Promises  the same book, basket, instant and facts give the same quote to the cent, on every machine, for ever.
Tells     nothing: it answers.
"""

from pricing.rules.facts import SHIPPING_CLASS
from pricing.rules.horizon import Needs, holds_until, needs_of
from pricing.rules.prepared import Prepared, prepare
from pricing.rules.quoting import quote
from pricing.rules.spans import Span, first_beginning, span_at
from pricing.rules.tax import WHOLE_BP, tax_of
from pricing.rules.unit import UnitPrice, unit_price

__all__ = [
    "SHIPPING_CLASS",
    "WHOLE_BP",
    "Needs",
    "Prepared",
    "Span",
    "UnitPrice",
    "first_beginning",
    "holds_until",
    "needs_of",
    "prepare",
    "quote",
    "span_at",
    "tax_of",
    "unit_price",
]
