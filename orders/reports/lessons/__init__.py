"""Lessons: what the channels teach beside attach rates, about goods and about those who buy them.

Owns      nothing: it reads the facts that reports own, what the catalog said, and what inventory's diary tells.
Does not  know a person: customers are counted, never shown.
Promises  an answer says what each of its figures is and as of when; money of two currencies is never added.
Tells     nothing.
"""
