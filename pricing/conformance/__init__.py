"""Conformance: questions and their answers, with which whoever builds a till proves that it computes the same cents.

Owns      the vectors (book, basket, instant -> quote or refusal), their schema, and how two answers are compared.
Does not  know how a price is found; start a program; read a database or a clock. What is in a vector is made from the
          tables in `tests/conformance`, where most totals and discounts are worked out by hand.
Promises  a vector keeps its id and its meaning. `version` is raised when an expectation changes (an implementation
          that was right has to change), and `minor` when vectors or fields of a quote are only added.
Tells     nothing: it answers.

Ties between lines go by sku, then to the larger quantity, and by the line's key only where both are the same; shares go
to the larger remainder first, then to the larger line, then by that order. So a till may name its lines as it likes.
Amounts are whole numbers up to 2**53, as JSON readers have them; what is multiplied on the way may be larger.
"""

from pricing.conformance.vectors import (
    NOTHING,
    Difference,
    Engine,
    Vector,
    Vectors,
    answer,
    differences,
    published_schema,
    published_vectors,
    read_vectors,
)

__all__ = [
    "NOTHING",
    "Difference",
    "Engine",
    "Vector",
    "Vectors",
    "answer",
    "differences",
    "published_schema",
    "published_vectors",
    "read_vectors",
]
