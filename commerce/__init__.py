"""Commerce: the wiring and the edges of one backend for web shop, stores and launches.

Owns      how the parts are built, started and connected; what crosses the edge as files, pages and commands.
Does not  decide anything about prices, stock or orders: the domains do.
Promises  imports only go down: wiring, edges, orders, inventory beside pricing, catalog, kernel.
Tells     nothing.
"""
