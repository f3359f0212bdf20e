"""Reports: what the channels teach, in figures that can be traced to the orders behind them and given again.

Owns      the facts that reports read (sales, reductions, hand-overs), and named sets.
Does not  know a person: customers are numbers here, and stable pseudonyms outside.
Promises  an answer says what it means and as of when; asked again for that as-of, it is the same to the row.
Tells     nothing itself; `programs` tells of rates that leave their band.
"""
