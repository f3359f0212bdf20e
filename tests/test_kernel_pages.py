"""Pages: nothing is skipped, nothing comes twice, and a cursor that is not ours is refused."""

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commerce.kernel.pages import decode_cursor, encode_cursor, page_of
from commerce.kernel.refusals import InvalidInput

Row = tuple[str, str]
rows_of = st.sets(st.tuples(st.text(max_size=3), st.text(max_size=3)), max_size=40)


def read_from(rows: list[Row], cursor: str | None, limit: int) -> list[Row]:
    """What a keyset query finds: up to `limit + 1` rows behind the cursor."""
    after = decode_cursor(cursor, 2)
    return [row for row in rows if after is None or row > after][: limit + 1]


@settings(max_examples=1_000, deadline=None)
@given(rows_of, st.integers(1, 12))
def test_all_pages_together_are_the_list(given_rows: set[Row], limit: int) -> None:
    rows = sorted(given_rows)
    seen: list[Row] = []
    cursor, pages = None, 0
    while True:
        page = page_of(read_from(rows, cursor, limit), limit, lambda row: row, lambda row: row)
        assert len(page.items) <= limit
        seen += page.items
        cursor, pages = page.next_cursor, pages + 1
        if cursor is None:
            break

    assert seen == rows
    assert pages == max(1, -(-len(rows) // limit)), "no empty last page"


@settings(max_examples=1_000, deadline=None)
@given(rows_of.filter(bool), rows_of, st.integers(1, 12))
def test_rows_that_come_or_go_meanwhile_make_no_other_row_skip_or_return(
    before: set[Row], change: set[Row], limit: int
) -> None:
    first = page_of(read_from(sorted(before), None, limit), limit, lambda row: row, lambda row: row)
    after = sorted(before ^ change)

    seen = list(first.items)
    cursor = first.next_cursor
    while cursor is not None:
        page = page_of(read_from(after, cursor, limit), limit, lambda row: row, lambda row: row)
        seen += page.items
        cursor = page.next_cursor

    assert len(seen) == len(set(seen))
    if first.next_cursor is not None:
        assert before - change <= set(seen), "whoever was there all the time was seen"


@settings(max_examples=1_000, deadline=None)
@given(st.lists(st.text(max_size=20), min_size=1, max_size=4))
def test_a_cursor_says_where_it_ended(key: list[str]) -> None:
    cursor = encode_cursor(*key)

    assert decode_cursor(cursor, len(key)) == tuple(key)
    assert cursor.isascii()
    assert not set(cursor) & set("=+/&? "), "it needs no quoting in a URL"


def test_without_a_cursor_it_is_the_first_page() -> None:
    assert decode_cursor(None, 2) is None


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "not a cursor",
        "é",
        "%%%%",
        base64.urlsafe_b64encode(b"{}").decode(),
        base64.urlsafe_b64encode(b'["a", {"b": 1}]').decode(),
        base64.urlsafe_b64encode(b'["a", null]').decode(),
        base64.urlsafe_b64encode(b"\xff\xfe").decode(),
        encode_cursor("one"),
        encode_cursor("one", "two", "three"),
        "A" * 10_000,
    ],
)
def test_a_cursor_that_is_not_of_this_list_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        decode_cursor(cursor, 2)
    assert refused.value.field == "cursor"


@settings(max_examples=1_000, deadline=None)
@given(st.text(max_size=60))
def test_no_text_at_all_breaks_the_reader(cursor: str) -> None:
    try:
        key = decode_cursor(cursor, 2)
    except InvalidInput:
        return
    assert key is not None
    assert len(key) == 2
