"""Files: tables of reports as CSV and Parquet, complete before the first byte of them is sent.

Owns      the formats, the files while they are made and sent, and how many of them there may be.
Does not  know what the tables tell.
Promises  a file that is sent is whole; it takes bounded memory, and is gone with the caller, or with the process.
Tells     nothing.
"""
