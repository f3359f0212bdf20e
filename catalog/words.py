"""Words: which variants a text search finds, by their own words, their product's, or those of their categories."""

import re

_TERM = re.compile(r'-?"[^"]*"?|\S+')
_OR = re.compile("or", re.IGNORECASE)

FOUND = r"""
    asked AS MATERIALIZED (
        SELECT w.n, w.query
          FROM (SELECT n, CAST(regexp_replace(CAST(websearch_to_tsquery('simple', term) AS text),
                                              '''(([^'']|'''')+)''', '''\1'':*', 'g') AS tsquery) AS query
                  FROM unnest(CAST(:places AS int[]), CAST(:terms AS text[])) AS t (n, term)) AS w
         WHERE numnode(w.query) > 0),
    named (n, code) AS (
        SELECT a.n, c.code FROM asked a JOIN categories c ON to_tsvector('simple', c.name) @@ a.query
         UNION SELECT h.n, c.code FROM named h JOIN categories c ON c.parent = h.code),
    hits AS MATERIALIZED (
        SELECT a.n, v.sku FROM asked a JOIN variants v ON v.words @@ a.query
         UNION
        SELECT a.n, v.sku FROM asked a JOIN products p ON p.words @@ a.query JOIN variants v ON v.product = p.code
         UNION
        SELECT h.n, v.sku FROM named h JOIN variants v ON v.category = h.code)
"""
"""What each term finds, in a WITH RECURSIVE; terms that are not wanted have numbers below nought.

Every word of a web search also finds the words that begin with it. Each way to a variant has its index.
"""

WITH_ALL = """
    v.sku IN (SELECT sku FROM hits WHERE n >= 0 GROUP BY sku
              HAVING count(*) = (SELECT count(*) FROM asked WHERE n >= 0))
"""
"""The variant is found by every term that is wanted, each of them anywhere."""

WITHOUT_ANY = "v.sku NOT IN (SELECT sku FROM hits WHERE n < 0)"


def terms_of(q: str) -> tuple[list[str], list[str]]:
    """The terms that are wanted and those that are not: words, "phrases", alternatives (this or that), -exclusions.

    An exclusion has no alternative: beside one, `or` says nothing.
    """
    wanted: list[str] = []
    unwanted: list[str] = []
    alternative = False
    words = _TERM.findall(q)
    for place, word in enumerate(words):
        if _OR.fullmatch(word) and 0 < place < len(words) - 1:
            alternative = bool(wanted) and not words[place - 1].startswith("-")
            continue
        if word.startswith("-"):
            unwanted.append(word.lstrip("-"))
        elif alternative:
            wanted[-1] = f"{wanted[-1]} or {word}"
        else:
            wanted.append(word)
        alternative = False
    return wanted, unwanted
