"""Pricing: what things cost where, from when, and what tax is in it.

Owns      recommended and channel prices with what was believed of them when, parity policies and exceptions, costs and
          tax rates; the pure rules of prices, discounts and tax.
Does not  know stock or orders.
Promises  one price in force for a sku, a channel and an instant, or none at all; the past is never rewritten.
Tells     nothing itself: its rooms do.
"""
