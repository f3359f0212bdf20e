"""Pricing: what things cost where, from when, and what tax is in it.

Owns      recommended prices and tax rates, both dated; the pure rules of prices, discounts and tax.
Does not  know stock or orders.
Promises  one price in force for a sku, a market and an instant, or none at all.
Tells     RecommendedPriceSet, RecommendedPriceEnded (see events.py).
"""
