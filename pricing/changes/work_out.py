"""Work out: what a rule makes of the prices that hold when a change begins."""

from datetime import datetime

from sqlalchemy import text

from commerce.kernel.bodies import Amount
from commerce.kernel.db import ReadSession
from commerce.kernel.money import half_up
from commerce.kernel.refusals import InvalidInput, UnknownReference
from pricing.changes.errors import RuleSelectsNothing, TooManyItems
from pricing.changes.rules import ITEMS_MAX, RoundTo, changed, rounded
from pricing.changes.schemas import ItemBody, RuleBody, SelectBody
from pricing.errors import MixedCurrency
from pricing.series import histories

_UNKNOWN = text("""
    SELECT 'skus', w.place, w.word FROM unnest(CAST(:skus AS text[])) WITH ORDINALITY AS w (word, place)
     WHERE NOT EXISTS (SELECT FROM variants v WHERE v.sku = w.word)
     UNION ALL
    SELECT 'products', w.place, w.word FROM unnest(CAST(:products AS text[])) WITH ORDINALITY AS w (word, place)
     WHERE NOT EXISTS (SELECT FROM products p WHERE p.code = w.word)
     UNION ALL
    SELECT 'categories', w.place, w.word FROM unnest(CAST(:categories AS text[])) WITH ORDINALITY AS w (word, place)
     WHERE NOT EXISTS (SELECT FROM categories c WHERE c.code = w.word)
     UNION ALL
    SELECT 'brands', w.place, w.word FROM unnest(CAST(:brands AS text[])) WITH ORDINALITY AS w (word, place)
     WHERE NOT EXISTS (SELECT FROM variants v WHERE v.brand = w.word)
     ORDER BY 2 LIMIT 1
""")
_CHANNEL = text("SELECT 1 FROM channels WHERE code = :channel AND market = :market")
_SELECT = text("""
    WITH RECURSIVE below (code) AS (
        SELECT code FROM categories WHERE code = ANY (CAST(:categories AS text[]))
         UNION
        SELECT c.code FROM categories c JOIN below b ON c.parent = b.code)
    SELECT v.sku FROM variants v
     WHERE v.status <> 'retired'
       AND (CAST(:skus AS text[]) = '{}' OR v.sku = ANY (CAST(:skus AS text[])))
       AND (CAST(:products AS text[]) = '{}' OR v.product = ANY (CAST(:products AS text[])))
       AND (CAST(:categories AS text[]) = '{}' OR v.category IN (SELECT code FROM below))
       AND (CAST(:brands AS text[]) = '{}' OR v.brand = ANY (CAST(:brands AS text[])))
     ORDER BY v.sku
""")


async def work_out(tx: ReadSession, market: str, currency: str, rule: RuleBody, begins: datetime) -> list[ItemBody]:
    """The prices that a rule makes, by sku; those that it leaves as they are are left out.

    Raises InvalidInput, UnknownReference, MixedCurrency, RuleSelectsNothing, TooManyItems.
    """
    _check_rule(rule, currency)
    if rule.channel is not None:
        known = await tx.execute(_CHANNEL, {"channel": rule.channel, "market": market})
        if known.one_or_none() is None:
            raise UnknownReference("rule.channel", rule.channel)
    skus = await _selected(tx, rule.select)
    known_prices = await histories(tx, market, skus, begins)
    items = []
    for sku in skus:
        old = known_prices[sku].charged(rule.channel, begins)
        new = None if old is None else made_of(old, rule)
        if new is not None and new != old:
            items.append(ItemBody(sku=sku, channel=rule.channel, price=Amount(new, currency)))
    if not items:
        raise RuleSelectsNothing(len(skus))
    if len(items) > ITEMS_MAX:
        raise TooManyItems("rule", len(items), ITEMS_MAX)
    return items


def made_of(old: int, rule: RuleBody) -> int:
    """The price that a rule makes of another one: changed, and only then rounded, once."""
    wanted = changed(old, rule.change_bp, None if rule.change_by is None else rule.change_by.amount)
    if rule.round_to is None:
        return half_up(wanted.numerator, wanted.denominator)
    return rounded(wanted, RoundTo(rule.round_to.ending, rule.round_to.unit, rule.round_to.way))


def _check_rule(rule: RuleBody, currency: str) -> None:
    if (rule.change_bp is None) == (rule.change_by is None):
        raise InvalidInput("rule.change_bp", "Give exactly one of change_bp and change_by.")
    if rule.change_by is not None and rule.change_by.currency != currency:
        raise MixedCurrency("rule.change_by.currency", rule.change_by.currency, currency)
    if rule.round_to is not None and rule.round_to.ending >= rule.round_to.unit:
        raise InvalidInput("rule.round_to.ending", "It must be less than the unit.")
    if rule.select == SelectBody():
        raise InvalidInput("rule.select", "Name skus, products, categories or brands.")


async def _selected(tx: ReadSession, select: SelectBody) -> list[str]:
    words = {name: getattr(select, name) for name in ("skus", "products", "categories", "brands")}
    unknown = (await tx.execute(_UNKNOWN, words)).first()
    if unknown is not None:
        field, place, word = unknown
        raise UnknownReference(f"rule.select.{field}[{place - 1}]", word)
    return list((await tx.execute(_SELECT, words)).scalars())
