"""Compile a market's book: what its tables say is in force or scheduled, as one value. Nothing is decided here.

What it says is read in one statement, so it is all of one instant, the catalog included, which no market lock protects.
"""

import asyncio
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Row, text

from commerce.kernel.db import ReadSession
from commerce.kernel.refusals import UnknownReference
from pricing.books.canonical import canonical
from pricing.books.zones import instant_of, microseconds, offsets_of
from pricing.rules.book import Book, BookKey, Category, Channel, Item, PriorRule, Tax, TimeZone
from pricing.rules.promotion import Promotion

ZONE_YEARS = 2
"""A book knows the zone to the end of the year after its horizon: who is offline for long must not err by an hour."""

A_DAY = timedelta(days=1)
AHEAD = timedelta(days=8)
"""Whoever asks what something costs at an instant learns how it goes on for a week."""


class Window(NamedTuple):
    """From when to when a book is complete: whole days, so that the hour at which it is compiled changes nothing."""

    since: datetime
    until: datetime


class Options(NamedTuple):
    """What a market's policy says of its books."""

    time_zone: str
    tax_rounding: str
    window_days: int
    announced_days: int
    progressive: bool
    new_arrivals: str
    horizon_days: int
    readiness_minutes: int

    def window(self, now: datetime) -> Window:
        """How far back prior prices may look, and how far ahead plans are published.

        The day on which it is compiled comes on top of the horizon. So the last day of the window is known as it begins
        a whole horizon ahead, a day at least, and nothing enters a book shortly before it holds.
        """
        today = _day_of(now)
        back = timedelta(days=self.window_days + self.announced_days)
        return Window(today - back, today + A_DAY + timedelta(days=self.horizon_days))


def _day_of(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


_OPTIONS = text("""
    SELECT m.time_zone, coalesce(p.tax_rounding, 'line'), coalesce(p.prior_window_days, 30),
           coalesce(p.prior_announced_days, 90), coalesce(p.prior_progressive, false),
           coalesce(p.prior_new_arrivals, 'shorter'), coalesce(p.horizon_days, 92), coalesce(p.readiness_minutes, 15)
      FROM markets m LEFT JOIN pricing_policies p ON p.market = m.code
     WHERE m.code = :market
""")


def _us(instant: str) -> str:
    return f"(extract(epoch FROM {instant}) * 1000000)::bigint"


_SPAN = f"'[' || {_us('valid_from')} || ',' || coalesce({_us('valid_to')}::text, 'null') || ',' || amount || ']'"
_SPANS = f"'[' || string_agg({_SPAN}, ',' ORDER BY valid_from) || ']'"
_WITHIN = "valid_from < :until AND (valid_to IS NULL OR valid_to > :since)"
_ATTRIBUTES = """
    (SELECT string_agg('[' || to_json(key) || ',' || to_json(value) || ']', ',' ORDER BY key COLLATE "C")
       FROM jsonb_each_text(v.options) WHERE value IS NOT NULL)
"""

_PRICED = "recommended r FULL JOIN elsewhere e USING (sku) JOIN variants v USING (sku)"
_NAMED = "variants v LEFT JOIN recommended r USING (sku) LEFT JOIN elsewhere e USING (sku)"
_IF_NEEDED = "EXISTS (SELECT FROM running WHERE promotion -> 'floor' ->> 'cost' = 'true')"
_OF_THEM = "sku = ANY (CAST(:skus AS text[]))"


def _statement(items: str, sku: str, costs: str) -> str:
    """What a book says: of which items, with the prices of which skus, and with costs on which condition."""
    return f"""
    WITH recommended AS (
        SELECT sku, {_SPANS} AS prices FROM recommended_prices
         WHERE market = :market AND superseded_at IS NULL AND {_WITHIN} AND {sku} GROUP BY sku
    ), by_channel AS (
        SELECT p.sku, p.channel, {_SPANS} AS prices
          FROM channel_prices p JOIN channels c ON c.code = p.channel AND c.market = :market
         WHERE p.superseded_at IS NULL AND {_WITHIN} AND {sku} GROUP BY p.sku, p.channel
    ), elsewhere AS (
        SELECT sku, string_agg('{{"channel":' || to_json(channel) || ',"prices":' || prices || '}}', ','
                               ORDER BY channel) AS channels
          FROM by_channel GROUP BY sku
    ), running AS (
        SELECT id, definition || jsonb_build_object('id', id, 'name', name, 'limited', limited,
                                                    'starts', {_us("starts_at")}, 'ends', {_us("ends_at")}) AS promotion
          FROM promotions
         WHERE market = :market AND state IN ('scheduled', 'live', 'ended')
           AND starts_at < :until AND (ends_at IS NULL OR ends_at > :since)
    ), known_costs AS (
        SELECT sku, {_SPANS} AS costs
          FROM (SELECT sku, valid_from, amount,
                       lead(valid_from) OVER (PARTITION BY sku ORDER BY valid_from) AS valid_to
                  FROM unit_costs WHERE market = :market AND {sku}) AS dated
         WHERE {_WITHIN} AND {costs}
         GROUP BY sku
    )
    SELECT m.currency, m.prices_include_tax,
           (SELECT json_agg(json_build_object('code', code, 'kind', kind) ORDER BY code)::text
              FROM channels WHERE market = :market) AS channels,
           (SELECT json_agg(json_build_object('code', code, 'parent', parent) ORDER BY code)::text
              FROM categories) AS categories,
           (SELECT json_agg(json_build_object('tax_class', tax_class, 'rates', rates) ORDER BY tax_class)::text
              FROM (SELECT tax_class, json_agg(json_build_array({_us("valid_from")}, {_us("valid_to")}, rate_bp)
                                               ORDER BY valid_from) AS rates
                      FROM tax_rates WHERE market = :market AND {_WITHIN} GROUP BY tax_class) AS t) AS taxes,
           (SELECT string_agg(
                       '{{"attributes":['
                       || coalesce(CASE WHEN jsonb_typeof(v.options) = 'object' THEN {_ATTRIBUTES} END, '')
                       || '],"brand":' || coalesce(to_json(v.brand)::text, 'null')
                       || ',"category":' || to_json(v.category)
                       || ',"channels":[' || coalesce(e.channels, '')
                       || '],"costs":' || coalesce(k.costs, '[]')
                       || ',"product":' || to_json(v.product)
                       || ',"recommended":' || coalesce(r.prices, '[]')
                       || ',"sku":' || to_json(v.sku)
                       || ',"tax_class":' || to_json(v.tax_class) || '}}', ',' ORDER BY v.sku)
              FROM {items} LEFT JOIN known_costs k USING (sku) WHERE {sku}) AS items,
           (SELECT json_agg(promotion ORDER BY id)::text FROM running) AS promotions,
           (SELECT json_agg(json_build_object('id', id, 'public', encode(public, 'hex')) ORDER BY id)::text
              FROM book_keys WHERE state <> 'retired') AS keys
      FROM markets m WHERE m.code = :market
    """  # noqa: S608 - made of this module's constants; what a caller gave is bound


_EVERYTHING = text(_statement(_PRICED, "true", _IF_NEEDED))
"""Items come in their canonical form: reading and writing a hundred thousand of them would take longer than the rest.
PostgreSQL escapes a text as RFC 8785 does. Whatever is new in a book is read all the same before it is signed."""
_PART = text(_statement(_NAMED, _OF_THEM, "true"))
"""The same about some items, priced or not: what a promotion that is still to come may ask of them."""


def known_since(book: Book) -> datetime:
    """From when on a book knows every price that was charged: as far back as prior prices may look from its day on."""
    back = timedelta(days=book.prior.window_days + book.prior.announced_days)
    return _day_of(instant_of(book.compiled_at)) - back


async def options_of(tx: ReadSession, market: str) -> Options:
    """What a market's policy says of its books, the usual where it has none. Raises UnknownReference."""
    row = (await tx.execute(_OPTIONS, {"market": market})).one_or_none()
    if row is None:
        raise UnknownReference("market", market)
    return Options._make(row)


async def compile_book(tx: ReadSession, market: str, number: int, now: datetime) -> bytes:
    """The canonical bytes of the book that says what is in force or scheduled now; its number is the caller's to give.

    Items without any price in the window are left out. Raises UnknownReference for a market that does not exist.
    """
    options = await options_of(tx, market)
    window = options.window(now)
    facts = {"market": market, "since": window.since, "until": window.until}
    row = (await tx.execute(_EVERYTHING, facts)).one()
    frame = _frame(row, options, market, number, now)
    return await asyncio.to_thread(_filled, frame, row.items or "")


async def compile_part(tx: ReadSession, market: str, skus: Collection[str], at: datetime, now: datetime) -> Book:
    """What a book would say of these skus if it were published now, with whatever begins until then.

    It is for looking ahead: it has no number, and is never published. Skus without a price are in it, and costs
    whether or not a promotion asks for them. Raises UnknownReference for a market that does not exist.
    """
    options = await options_of(tx, market)
    window = options.window(now)
    until = max(window.until, at + AHEAD)
    facts = {"market": market, "since": window.since, "until": until, "skus": sorted(set(skus))}
    row = (await tx.execute(_PART, facts)).one()
    frame = _frame(row, options, market, 0, now)
    return msgspec.structs.replace(frame, items=_decoded(f"[{row.items or ''}]", list[Item]))


def _frame(row: Row[Any], options: Options, market: str, number: int, now: datetime) -> Book:
    """The book without its items."""
    window = options.window(now)
    zone, known_until = options.time_zone, datetime(window.until.year + ZONE_YEARS, 1, 1, tzinfo=UTC)
    return Book(
        market=market,
        number=number,
        compiled_at=microseconds(now),
        complete_until=microseconds(window.until),
        currency=row.currency,
        prices_include_tax=row.prices_include_tax,
        tax_rounding="order" if options.tax_rounding == "order" else "line",
        time_zone=TimeZone(zone, offsets_of(zone, window.since, known_until)),
        prior=PriorRule(
            window_days=options.window_days,
            announced_days=options.announced_days,
            progressive=options.progressive,
            new_arrivals="none" if options.new_arrivals == "none" else "shorter",
        ),
        keys=_decoded(row.keys, list[BookKey]),
        channels=_decoded(row.channels, list[Channel]),
        categories=_decoded(row.categories, list[Category]),
        taxes=_decoded(row.taxes, list[Tax]),
        items=[],
        promotions=_decoded(row.promotions, list[Promotion]),
    )


def _filled(frame: Book, items: str) -> bytes:
    """The whole book: every member before `items` sorts before it, and every one after it behind."""
    before, after = canonical(frame).split(b'"items":[]', 1)
    return b"".join((before, b'"items":[', items.encode(), b"]", after))


def _decoded(stored: str | None, shape: Any) -> Any:  # noqa: ANN401 - a list of whatever is asked for
    return msgspec.json.decode(stored, type=shape, strict=True) if stored else []
