"""Price books: all that decides what a market charges, in numbered, signed, unchangeable editions.

Owns      books and what changed between them, the keys that sign them, who holds which number; when a start is told.
Does not  set a price, a tax rate or a promotion: it reads what the others wrote, and publishes it.
Promises  numbers without gaps; one book, one form in bytes, one hash; nobody here quotes from a book that misses a
          change which is in force (see lead.py).
Tells     PriceBookPublished, TerminalsReady, TerminalsNotReady (see events.py).
"""
