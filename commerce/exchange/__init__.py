"""Exchange: a shop's past comes in as a folder of CSV files, and goes out again as one.

Owns      the exchange format as data, and the way of its rows into and out of the domains' tables.
Does not  decide what a shop may do: it writes history as it was, which takes no stock and starts no payment.
Promises  a folder is kept whole or not at all; every fault is named by file, line and column; importing a folder
          twice changes nothing; an export of what was imported says the same; memory stays small however long the
          files are.
Tells     nothing: nobody reacts to the past.
"""
