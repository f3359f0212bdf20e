"""Migrations: how the tables came to be what they are.

Owns      the order of changes to the schema.
Does not  know why; the domains' models do.
Promises  gentle and phased: short lock and statement timeouts, expand before contract, one migrator at a time.
Tells     nothing.
"""
