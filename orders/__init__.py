"""Orders: promises made to buyers, in every channel, in one model.

Owns      customers, orders and their lines, timelines, ledger, shipments; payments and returns in their own rooms.
Does not  keep stock or prices; it asks inventory and pricing.
Promises  an acknowledged order exists once, with the goods held and the price fixed, whatever dies or repeats.
Tells     OrderPlaced, OrderCancelled, OrderPartlyCancelled, OrderFulfilled, TillSaleBooked (see events.py).
"""
