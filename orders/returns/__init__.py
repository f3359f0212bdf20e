"""Returns: goods that came back, and what was refunded for them.

Owns      return records.
Does not  decide whether goods go back on the shelf.
Promises  no line comes back more often than it was sold.
Tells     nothing yet.
"""
