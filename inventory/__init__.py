"""Inventory: what we may promise, where, and until when.

Owns      stock pools, holds, movements, overdraft cases.
Does not  know prices, orders or money; an order is only a reference here.
Promises  supply is never promised twice, even under a launch-day rush; only a sale at a till, a fact, may overdraw.
Tells     HoldExpired, StockOverdrawn (see events.py).
"""
