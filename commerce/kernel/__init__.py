"""Kernel: the words everyone speaks.

Owns      money, ids, the clock, refusals, the database and its transactions, outbox, inbox, idempotency,
          API keys and roles, pages, the group committer, laws, logs and metrics.
Does not  know products, prices, stock, orders or settings.
Promises  what it stores is stored in the caller's transaction, or not at all.
Tells     nothing of its own; it carries what the domains tell.
"""
