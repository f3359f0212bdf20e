"""Payments: how what is owed becomes paid.

Owns      tenders and the ledger of what is owed and paid for each order.
Does not  know stock or products.
Promises  the ledger of a completed order balances; a cancelled one owes nothing.
Tells     nothing yet.
"""
