"""What is always true of price books."""

from typing import ClassVar

from commerce.kernel.laws import Law


class BooksAreNumberedWithoutGaps(Law):
    """A market's books are numbered from one on, and none is missing."""

    offenders: ClassVar[str] = """
        SELECT market, max(number), count(*) FROM price_books GROUP BY market HAVING max(number) <> count(*)
         ORDER BY market
    """


class HeadIsTheNewestBook(Law):
    """A market's current book is its newest one, and has the hash that is said of it."""

    offenders: ClassVar[str] = """
        SELECT b.market, max(b.number), h.number
          FROM price_books b LEFT JOIN price_book_heads h ON h.market = b.market
         GROUP BY b.market, h.number, h.sha256
        HAVING h.number IS DISTINCT FROM max(b.number)
            OR h.sha256 IS DISTINCT FROM (SELECT n.sha256 FROM price_books n
                                           WHERE n.market = b.market AND n.number = max(b.number))
         ORDER BY b.market
    """


class BooksAreWhatTheirHashSays(Law):
    """The bytes of a market's newest books have the hash that names them."""

    # Older ones cannot change either (see migration 0008); to hash them all would take longer than there is patience.
    offenders: ClassVar[str] = """
        SELECT b.market, b.number FROM price_books b JOIN price_book_heads h ON h.market = b.market
         WHERE b.number > h.number - 5 AND encode(sha256(b.body), 'hex') <> b.sha256 ORDER BY b.market, b.number
    """


class KeysHangTogether(Law):
    """One key was the first, each other one was introduced by the one before it, and one signs if there are books."""

    offenders: ClassVar[str] = """
        SELECT 'first', string_agg(id, ' ') FROM book_keys WHERE introduced_by IS NULL HAVING count(*) > 1
        UNION ALL
        SELECT 'not before it', k.id FROM book_keys k JOIN book_keys b ON b.id = k.introduced_by
         WHERE b.created_at > k.created_at OR b.state = 'next'
        UNION ALL
        SELECT 'none signs', min(market) FROM price_books
        HAVING count(*) > 0 AND NOT EXISTS (SELECT FROM book_keys WHERE state = 'current')
         ORDER BY 1, 2
    """


class KeysSignOneAfterTheOther(Law):
    """Every book was signed with a key that was activated, and none with an older key than the book before it."""

    # Whether the signature is that key's no SQL can say: whoever receives a book looks (`pricing/books/verify.py`).
    offenders: ClassVar[str] = """
        WITH RECURSIVE chain AS (
            SELECT id, activated_at, 1 AS place FROM book_keys WHERE introduced_by IS NULL
            UNION ALL
            SELECT k.id, k.activated_at, c.place + 1 FROM chain c JOIN book_keys k ON k.introduced_by = c.id
        ), signed AS (
            SELECT b.market, b.number, c.activated_at, c.place,
                   lag(c.place) OVER (PARTITION BY b.market ORDER BY b.number) AS before
              FROM price_books b LEFT JOIN chain c ON c.id = b.key_id
        )
        SELECT market, number FROM signed WHERE activated_at IS NULL OR place < before ORDER BY market, number
    """


class StartsAreInTheirBooks(Law):
    """No start is promised by a book that is newer than the market's current one."""

    offenders: ClassVar[str] = """
        SELECT s.market, s.starts_at FROM book_starts s LEFT JOIN price_book_heads h ON h.market = s.market
         WHERE h.number IS NULL OR s.number > h.number ORDER BY s.market, s.starts_at
    """


LAWS: tuple[type[Law], ...] = (
    BooksAreNumberedWithoutGaps,
    HeadIsTheNewestBook,
    BooksAreWhatTheirHashSays,
    KeysHangTogether,
    KeysSignOneAfterTheOther,
    StartsAreInTheirBooks,
)
