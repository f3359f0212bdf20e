"""The tables that the conformance vectors are made from, one module for each matter.

Owns      questions about prices and promotions, with answers worked out by hand.
Does not  compute an answer: what is not said by hand is the engine's, and is there to be compared with.
Promises  the checked-in vectors are what these tables give: `python -m tests.conformance` writes them anew.
Tells     nothing.
"""
