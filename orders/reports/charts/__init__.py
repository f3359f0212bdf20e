"""Charts: an attach rate as a picture that says what it shows, how sure it is, and what may still change.

Owns      what of an answer is drawn, and how.
Does not  compute a figure; every number in a picture is in the answer.
Promises  the same answer is the same picture, byte for byte; nobody has to tell colours apart to read it.
Tells     nothing.
"""
