"""Facts: what the catalog and the price series know of whatever a promotion names."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import text

from commerce.kernel.db import ReadSession
from commerce.kernel.refusals import UnknownReference
from pricing.promotions.clauses import Known, Store
from pricing.rules.promotion import Benefit, Bundle, BuyGet, Conditions, Gift, Matching, Selector

_KNOWN = text("""
    SELECT 'market' AS what, code AS word, time_zone AS more, NULL AS kind FROM markets WHERE code = :market
     UNION ALL
    SELECT 'sku', sku, NULL, NULL FROM variants WHERE sku = ANY (CAST(:skus AS text[]))
     UNION ALL
    SELECT 'product', code, NULL, NULL FROM products WHERE code = ANY (CAST(:products AS text[]))
     UNION ALL
    SELECT 'category', code, NULL, NULL FROM categories WHERE code = ANY (CAST(:categories AS text[]))
     UNION ALL
    SELECT 'brand', w.brand, NULL, NULL FROM unnest(CAST(:brands AS text[])) AS w (brand)
     WHERE EXISTS (SELECT 1 FROM variants v WHERE v.brand = w.brand)
     UNION ALL
    SELECT 'channel', code, market, kind FROM channels WHERE code = ANY (CAST(:channels AS text[]))
     UNION ALL
    SELECT 'store', code, market, kind FROM locations WHERE code = ANY (CAST(:stores AS text[]))
     UNION ALL
    SELECT DISTINCT 'sold', sku, NULL, NULL FROM recommended_prices
     WHERE market = :market AND sku = ANY (CAST(:gifts AS text[])) AND superseded_at IS NULL
       AND (valid_to IS NULL OR valid_to > :since)
""")


def selectors_of(conditions: Conditions, benefit: Benefit) -> list[Matching]:
    """Every clause that says which items, in the whole of a promotion."""
    said: list[Selector] = [conditions.items]
    if isinstance(benefit, BuyGet) and benefit.gets is not None:
        said.append(benefit.gets)
    if isinstance(benefit, Bundle):
        said.extend(part.items for part in benefit.parts)
    return [one for selector in said for one in (selector, selector.but_not) if one is not None]


async def known_facts(tx: ReadSession, market: str, conditions: Conditions, benefit: Benefit, since: datetime) -> Known:
    """Which of the things there are that a promotion names, in one statement. Raises UnknownReference: no market."""
    said = selectors_of(conditions, benefit)
    gifts = [benefit.sku] if isinstance(benefit, Gift) else []
    facts = {
        "market": market,
        "skus": _words((one.skus for one in said), gifts),
        "products": _words(one.products for one in said),
        "categories": _words(one.categories for one in said),
        "brands": _words(one.brands for one in said),
        "channels": conditions.channels,
        "stores": conditions.stores,
        "gifts": gifts,
        "since": since,
    }
    found: dict[str, dict[str, Store]] = {}
    for what, word, more, kind in await tx.execute(_KNOWN, facts):
        found.setdefault(what, {})[word] = Store(more, kind)
    if "market" not in found:
        raise UnknownReference("market", market)
    return Known(
        skus=frozenset(found.get("sku", ())),
        products=frozenset(found.get("product", ())),
        categories=frozenset(found.get("category", ())),
        brands=frozenset(found.get("brand", ())),
        channels={code: channel.market for code, channel in found.get("channel", {}).items()},
        stores=found.get("store", {}),
        sold=frozenset(found.get("sold", ())),
    )


def _words(lists: Iterable[Iterable[str]], more: Iterable[str] = ()) -> list[str]:
    return sorted({word for words in lists for word in words} | set(more))
