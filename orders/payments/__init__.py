"""Payments: how what is owed becomes paid.

Owns      tenders and the ledger of what is owed and paid for each order; nobody else writes either.
Does not  know stock or products.
Promises  the ledger of a completed order balances; a cancelled one owes nothing. How an online order is paid is a
          port (see port.py), behind which a buyer pays on collection for now.
Tells     nothing yet.
"""
