"""Promotions: what is given to whom, from when to when, how often, and who decided so.

Owns      promotions with the diary of what was done to them, the codes that open them, and every use of a limited one.
Does not  price a basket (pricing.rules does), nor know what an order is: that is only a reference here.
Promises  nobody approves their own, and what runs is what was approved, its start and its number of codes too;
          what can be said wrongly is refused clause by clause; the last use goes to one.
Tells     PromotionScheduled, PromotionStarted, PromotionStopped, PromotionEnded, PromotionWithdrawn (see events.py).
"""
