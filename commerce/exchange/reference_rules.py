"""What must hold of a shop's reference data: markets, channels, locations, categories, products, prices, stock."""

from catalog.rules import MOVES
from commerce.exchange.files import BY_NAME
from commerce.exchange.rules import Rule, amounts_fit, keys_are_unique, refers

_HAS_ORDERS = """
    EXISTS (SELECT FROM channels c JOIN orders o ON o.channel = c.code WHERE c.market = s.code)
"""

_NO_MOVES = ", ".join(
    f"('{before}', '{after}')" for before in MOVES for after in MOVES if after not in {before, *MOVES[before]}
)

_MARKETS = (
    keys_are_unique(BY_NAME["markets"]),
    Rule(
        "markets",
        "currency",
        "Its prices and orders are in {} for good.",
        f"""
        SELECT g.at, s.currency AS word FROM given_markets g JOIN markets s USING (code)
         WHERE g.currency <> s.currency
           AND (EXISTS (SELECT FROM recommended_prices p WHERE p.market = s.code) OR {_HAS_ORDERS})
        """,  # noqa: S608 - a constant of this module
    ),
    Rule(
        "markets",
        "prices_include_tax",
        "It has orders, whose prices keep their meaning ({}).",
        f"""
        SELECT g.at, s.prices_include_tax::text AS word FROM given_markets g JOIN markets s USING (code)
         WHERE g.prices_include_tax <> s.prices_include_tax AND {_HAS_ORDERS}
        """,  # noqa: S608 - a constant of this module
    ),
)
_CHANNELS = (
    keys_are_unique(BY_NAME["channels"]),
    refers("channels", "market", "market", "known_markets.code", "markets"),
    Rule(
        "channels",
        None,
        "It has orders, so this stays {}.",
        """
        SELECT g.at, c.col, c.stored AS word FROM given_channels g JOIN channels s USING (code)
         CROSS JOIN LATERAL (VALUES ('kind', g.kind <> s.kind, s.kind), ('market', g.market <> s.market, s.market))
               AS c (col, differs, stored)
         WHERE c.differs AND EXISTS (SELECT FROM orders o WHERE o.channel = s.code)
        """,
    ),
)
_LOCATIONS = (
    keys_are_unique(BY_NAME["locations"]),
    refers("locations", "market", "market", "known_markets.code", "markets"),
    Rule(
        "locations",
        "closed_on",
        "It cannot close before it opens ({}).",
        "SELECT at, opened_on::text AS word FROM given_locations WHERE closed_on < opened_on",
    ),
    Rule(
        "locations",
        None,
        "It has orders, so this stays {}.",
        """
        SELECT g.at, c.col, c.stored AS word FROM given_locations g JOIN locations s USING (code)
         CROSS JOIN LATERAL (VALUES ('kind', g.kind <> s.kind, s.kind), ('market', g.market <> s.market, s.market))
               AS c (col, differs, stored)
         WHERE c.differs AND EXISTS (SELECT FROM orders o WHERE o.location = s.code)
        """,
    ),
)
_CATEGORIES = (
    keys_are_unique(BY_NAME["categories"]),
    Rule(
        "categories",
        "parent",
        "There is no category '{}', neither in the folder nor stored.",
        """
        SELECT g.at, g.parent AS word FROM given_categories g
         WHERE g.parent IS NOT NULL
           AND NOT EXISTS (SELECT FROM given_categories k WHERE k.code = g.parent)
           AND NOT EXISTS (SELECT FROM categories k WHERE k.code = g.parent)
        """,
        needs=("categories",),
    ),
)
_PRODUCTS = (
    keys_are_unique(BY_NAME["products"]),
    Rule(
        "products",
        "category",
        "There is no category '{}', neither in the folder nor stored.",
        """
        SELECT g.at, g.category AS word FROM given_products g
         WHERE NOT EXISTS (SELECT FROM given_categories k WHERE k.code = g.category)
           AND NOT EXISTS (SELECT FROM categories k WHERE k.code = g.category)
           AND g.category IS NOT NULL
        """,
        needs=("categories",),
    ),
    Rule(
        "products",
        "status",
        "It is {}, and what was once public does not become a draft again.",
        f"""
        SELECT g.at, v.status AS word FROM given_products g JOIN variants v USING (sku)
         WHERE (v.status, g.status) IN ({_NO_MOVES})
        """,  # noqa: S608 - the catalog's own words
    ),
    Rule(
        "products",
        "gtin",
        "It is the GTIN of '{}' already.",
        """
        SELECT at, min(sku) AS word
          FROM (SELECT f.at, f.sku
                  FROM (SELECT at, sku AS own, first_value(sku) OVER of_one AS sku
                          FROM given_products WHERE gtin IS NOT NULL
                        WINDOW of_one AS (PARTITION BY lpad(gtin, 14, '0') ORDER BY at)) AS f
                 WHERE f.sku <> f.own
                 UNION ALL
                SELECT g.at, v.sku FROM given_products g
                  JOIN variants v ON lpad(v.gtin, 14, '0') = lpad(g.gtin, 14, '0') AND v.sku <> g.sku) AS taken
         GROUP BY at
        """,
    ),
)
_PRICES = (
    keys_are_unique(BY_NAME["recommended_prices"]),
    refers("recommended_prices", "sku", "product", "known_skus.sku", "products"),
    refers("recommended_prices", "market", "market", "known_markets.code", "markets"),
    *amounts_fit(BY_NAME["recommended_prices"], "JOIN known_markets d ON d.code = g.market"),
    Rule(
        "recommended_prices",
        "amount",
        "A price is not less than nothing.",
        "SELECT at, NULL AS word FROM given_recommended_prices WHERE amount < 0",
    ),
    Rule(
        "recommended_prices",
        "valid_to",
        "It must be later than valid_from.",
        "SELECT at, NULL AS word FROM given_recommended_prices WHERE valid_to <= valid_from",
    ),
    Rule(
        "recommended_prices",
        "valid_from",
        "An earlier price is in force until {}.",
        """
        SELECT at, CASE WHEN taken_to = 'infinity' THEN 'further notice' ELSE taken_to::text END AS word
          FROM (SELECT at, valid_from, max(coalesce(valid_to, 'infinity')) OVER earlier AS taken_to
                  FROM (SELECT at, sku, market, valid_from, valid_to FROM given_recommended_prices
                         WHERE sound AND (valid_to IS NULL OR valid_to > valid_from)
                         UNION ALL
                        SELECT NULL, p.sku, p.market, p.valid_from, p.valid_to
                          FROM recommended_prices p
                         WHERE p.superseded_at IS NULL
                           AND (p.sku, p.market) IN (SELECT sku, market FROM given_recommended_prices)
                           AND NOT EXISTS (SELECT FROM given_recommended_prices g
                                            WHERE g.sku = p.sku AND g.market = p.market
                                              AND g.valid_from = p.valid_from)) AS every_price
                WINDOW earlier AS (PARTITION BY sku, market ORDER BY valid_from
                                   RANGE BETWEEN UNBOUNDED PRECEDING AND '1 microsecond' PRECEDING)) AS in_order
         WHERE at IS NOT NULL AND valid_from < taken_to
        """,
    ),
    Rule(
        "recommended_prices",
        "valid_to",
        "It overlaps the stored price that begins at {}.",
        """
        SELECT g.at, min(p.valid_from)::text AS word
          FROM given_recommended_prices g
          JOIN recommended_prices p ON p.sku = g.sku AND p.market = g.market AND p.valid_from > g.valid_from
                                   AND (g.valid_to IS NULL OR p.valid_from < g.valid_to) AND p.superseded_at IS NULL
         WHERE g.sound
           AND NOT EXISTS (SELECT FROM given_recommended_prices k
                            WHERE k.sku = p.sku AND k.market = p.market AND k.valid_from = p.valid_from)
         GROUP BY g.at
        """,
    ),
    Rule(
        "recommended_prices",
        "valid_to",
        "A price change ends the sale at {}.",
        """
        SELECT g.at, min(p.valid_to)::text AS word
          FROM given_recommended_prices g
          JOIN recommended_prices p ON p.sku = g.sku AND p.market = g.market AND p.valid_to > g.valid_from
                                   AND (g.valid_to IS NULL OR p.valid_to < g.valid_to) AND p.superseded_at IS NULL
         WHERE g.sound
           AND NOT EXISTS (SELECT FROM recommended_prices n
                            WHERE n.sku = p.sku AND n.market = p.market AND n.valid_from = p.valid_to
                              AND n.superseded_at IS NULL)
           AND EXISTS (SELECT FROM recommended_prices c
                        WHERE c.sku = p.sku AND c.market = p.market AND c.superseded_by IS NOT NULL
                          AND c.valid_from < p.valid_to AND (c.valid_to IS NULL OR c.valid_to > p.valid_to))
         GROUP BY g.at
        """,
    ),
)
_CUSTOMERS = (keys_are_unique(BY_NAME["customers"]),)
_STOCK = (
    keys_are_unique(BY_NAME["stock"]),
    refers("stock", "sku", "product", "known_skus.sku", "products"),
    refers("stock", "location", "location", "known_locations.code", "locations"),
    # A row that says what the pool was opened with, or what is there now, says nothing new. An overdrawn pool is empty.
    Rule(
        "stock",
        "on_hand",
        "There are {} units already; an import opens stock, a stock count corrects it.",
        """
        SELECT g.at, greatest(p.supply, 0)::text AS word
          FROM given_stock g
          JOIN stock_pools p ON p.sku = g.sku AND p.location = g.location AND p.purpose = 'general'
         WHERE g.on_hand <> greatest(p.supply, 0)
           AND g.on_hand <> (SELECT coalesce(sum(m.units), 0) FROM movements m
                              WHERE m.pool_id = p.id AND m.kind = 'opening')
        """,
    ),
)

REFERENCE_RULES = (
    *_MARKETS,
    *_CHANNELS,
    *_LOCATIONS,
    *_CATEGORIES,
    *_PRODUCTS,
    *_PRICES,
    *_CUSTOMERS,
    *_STOCK,
)
"""In no particular order: every rule is asked, whatever the others found."""
