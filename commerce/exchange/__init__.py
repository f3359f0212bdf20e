"""Exchange: a shop's past comes in as a folder of CSV files, and goes out again as one.

Owns      the exchange format as data, the way of its rows into and out of the domains' tables, and the memory of
          what each row of reference data and of stock said when it was last imported.
Does not  decide what a shop may do: it writes history as it was, which takes no stock and starts no payment.
Promises  a folder is kept whole or not at all; every fault is named by file, line and column; importing a folder
          twice changes nothing, and undoes nothing that was decided in between; an export of what was imported says
          the same; memory stays small however long the files are.
Tells     nothing: nobody reacts to the past.
"""
