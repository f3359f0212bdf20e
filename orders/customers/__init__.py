"""Customers: one person across channels.

Owns      customers, the identities that find them (account, e-mail, phone, loyalty id), merges and their audit trail,
          groups and who put whom there, and which order was whose first.
Does not  know what they bought; an order points here.
Promises  one identity belongs to one person; a merge can be traced back row by row.
Tells     CustomersMerged (see events.py).
"""
