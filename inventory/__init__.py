"""Inventory: what we may promise, where, and until when.

Owns      stock pools, holds, movements, overdraft cases.
Does not  know prices, orders or money; an order is only a reference here.
Promises  supply is never promised twice, even under a launch-day rush. Only facts overdraw (a sale at a till, a count,
          held goods that left although a fact had said they are gone), and each is a case for a person.
Tells     HoldExpired, StockOverdrawn (see events.py).
"""
