"""Loading a history into the database as those would have left it who sold, cancelled, took back and merged."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from sqlalchemy import text

from commerce.kernel.db import Database, Session
from commerce.kernel.rows import Into, Rows, write
from orders.reports.facts import (
    leave_mark,
    record_cancellation,
    record_handover,
    record_rest_cancelled,
    record_returned,
    write_sold,
)
from tests.attach_world import FOR_EVER, Category, History, Market, Reduction, Sale, Variant, gone_by, said_by

CLEARED = (
    "report_handovers", "report_reductions", "report_sales", "report_sets", "payment_plans", "returns", "order_lines",
    "customer_merges", "orders", "customers", "variant_pasts", "category_pasts", "market_pasts", "variants", "products",
    "categories", "locations", "channels", "markets",
)  # fmt: skip

_MARKETS = Into("markets", {
    "code": "text", "currency": "text", "countries": "text[]", "prices_include_tax": "bool", "time_zone": "text",
})  # fmt: skip
_MARKET_PASTS = Into("market_pasts", {"code": "text", "time_zone": "text", "until": "timestamptz"})
_CHANNELS = Into("channels", {"code": "text", "kind": "text", "market": "text", "name": "text"})
_LOCATIONS = Into("locations", {"code": "text", "kind": "text", "name": "text", "market": "text", "country": "text"})
_CATEGORIES = Into("categories", {"code": "text", "parent": "text", "name": "text"})
_CATEGORY_PASTS = Into("category_pasts", {"code": "text", "parent": "text", "until": "timestamptz"})
_PRODUCTS = Into("products", {"code": "text", "title": "text"})
_VARIANTS = Into("variants", {
    "sku": "text", "product": "text", "name": "text", "category": "text", "brand": "text", "tax_class": "text",
    "attributes": "json", "status": "text",
})  # fmt: skip
_VARIANT_PASTS = Into("variant_pasts", {
    "sku": "text", "product": "text", "category": "text", "brand": "text", "options": "jsonb", "until": "timestamptz",
})  # fmt: skip
_SETS = Into("report_sets", {
    "code": "text", "version": "int", "members": "text[]", "defined_by": "text", "defined_at": "timestamptz",
})  # fmt: skip
_CUSTOMERS = Into("customers", {"id": "text", "code": "text"})
_ORDERS = Into("orders", {
    "id": "text", "order_number": "text", "source": "text", "channel": "text", "location": "text",
    "customer_id": "text", "currency": "text", "prices_include_tax": "bool", "fulfilment": "text", "state": "text",
    "placed_at": "timestamptz", "recorded_at": "timestamptz", "subtotal": "bigint", "discount_total": "bigint",
    "tax_total": "bigint", "total": "bigint", "launch": "text", "wave": "text",
})  # fmt: skip
_LINES = Into("order_lines", {
    "order_id": "text", "line": "int", "sku": "text", "quantity": "int", "unit_price": "bigint",
    "discount_total": "bigint", "tax_total": "bigint", "line_total": "bigint", "sent": "int", "cancelled": "int",
})  # fmt: skip
_PLANS = Into("payment_plans", {"order_id": "text", "plan": "text", "deposit": "bigint"})
_VARIANT_NOW = text("""
    UPDATE variants SET product = :product, category = :category, brand = :brand, attributes = CAST(:attributes AS json)
     WHERE sku = :sku
""")
_MARKET_NOW = text("UPDATE markets SET time_zone = :zone WHERE code = :code")
_CATEGORY_NOW = text("UPDATE categories SET parent = :parent WHERE code = :code")
# What an import writes down of what it stores (see the exchange's store_history).
_IMPORTED = text("""
    INSERT INTO report_reductions (placed_at, happened_at, recorded_at, sku_no, units, line, historic, kind,
                                   order_number, channel)
    SELECT o.placed_at, :at, :recorded_at, v.no, :units, l.line, true, :kind, o.order_number, o.channel
      FROM orders o JOIN order_lines l ON l.order_id = o.id JOIN variants v ON v.sku = l.sku
     WHERE o.id = :order AND l.line = :line
""")
_CANCEL = text("""
    UPDATE order_lines SET cancelled = :units, sent = quantity - :units WHERE order_id = :order AND line = :line
""")
_MERGED = text("""
    INSERT INTO customer_merges (id, merged, survivor, actor, reason, merged_at, moved)
    SELECT 'cmg_' || :merged, :merged, :survivor, 'test', 'test', :at,
           jsonb_build_object('orders', coalesce(jsonb_agg(o.id), '[]'))
      FROM orders o WHERE o.customer_id = :merged
""")
_MERGE = (
    text("UPDATE orders SET customer_id = :survivor WHERE customer_id = :merged"),
    text("UPDATE customers SET merged_into = :survivor WHERE id = :merged"),
)
_FORGET = "; ".join(f"DELETE FROM {table}" for table in CLEARED)
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


async def load(db: Database, history: History, until: datetime = FOR_EVER) -> None:
    """Put a history, as far as it was told by then, in the place of whatever was there before."""
    async with db.transaction() as tx:
        await clear(tx)
        await write(tx, catalog_rows(history, until))
        await _tell(tx, history, LONG_AGO, until)


async def clear(tx: Session) -> None:
    """Forget everything that was sold, and what there was to sell; for a moment no diary minds."""
    connection = (await (await tx.connection()).get_raw_connection()).driver_connection
    assert connection is not None
    await connection.execute(f"SET session_replication_role = replica; {_FORGET}; RESET session_replication_role")


async def tell(tx: Session, history: History, after: datetime) -> None:
    """Let happen what was recorded after an instant."""
    await _tell(tx, history, after, FOR_EVER)
    await _change_catalog(tx, history, after)


async def _tell(tx: Session, history: History, after: datetime, until: datetime) -> None:
    """Let happen what was recorded after an instant, and not after another."""
    told = [sale for sale in history.sales if after < sale.recorded_at <= until]
    await _sell(tx, history, told, until)
    for sale in history.sales:
        await _reduce(tx, sale, [one for one in sale.reductions if after < one.recorded_at <= until])
        if sale.handed_over is not None and after < sale.handed_over.at <= until:
            await record_handover(tx, _id(sale), sale.handed_over.at)
    await write(tx, [_SETS.rows(row for row in _versions(history) if after < row[-1] <= until)])
    for merge in sorted(history.merges, key=lambda merge: merge.at):
        if merge.at <= until:
            pair = {"merged": _person(merge.merged), "survivor": _person(merge.survivor)}
            if merge.at > after:
                await tx.execute(_MERGED, pair | {"at": merge.at})
            for statement in _MERGE:
                await tx.execute(statement, pair)
    await leave_mark(tx, until)


async def _sell(tx: Session, history: History, told: Sequence[Sale], until: datetime) -> None:
    """Let sales happen, each while its market had the zone it had then; markets end up as they were in the end."""
    changes = sorted(one.until for one in history.markets if one.until)
    for begin, end in pairwise((LONG_AGO, *changes, FOR_EVER)):
        await _set_zones(tx, said_by(history.markets, begin))
        await write_sold(tx, order_rows([sale for sale in told if begin <= sale.recorded_at < end]), until)
    await _set_zones(tx, said_by(history.markets, until))


async def _set_zones(tx: Session, markets: Sequence[Market]) -> None:
    for one in markets:
        await tx.execute(_MARKET_NOW, {"code": one.code, "zone": one.zone})


def _versions(history: History) -> list[tuple[str, int, list[str], str, datetime]]:
    """The versions of each named set; a version is defined when the one before is not said any more."""
    found = []
    for code in {one.code for one in history.sets}:
        defined_at = LONG_AGO + timedelta.resolution
        versions = sorted((one for one in history.sets if one.code == code), key=lambda one: one.until or FOR_EVER)
        for number, one in enumerate(versions, 1):
            found.append((code, number, list(one.members), "test", defined_at))
            defined_at = one.until or FOR_EVER
    return found


async def _change_catalog(tx: Session, history: History, after: datetime) -> None:
    """The catalog comes to say what it says now, and what it said is kept."""
    categories = [one for one in history.categories if one.until and one.until > after]
    variants = [one for one in history.variants if one.until and one.until > after]
    await write(
        tx, past_rows(categories, variants, [one for one in history.markets if one.until and one.until > after])
    )
    for variant in said_by(history.variants, FOR_EVER):
        facts = {"sku": variant.code, "product": variant.product, "category": variant.category, "brand": variant.brand}
        await tx.execute(_VARIANT_NOW, facts | {"attributes": json.dumps(dict(variant.attributes))})
    for category in said_by(history.categories, FOR_EVER):
        await tx.execute(_CATEGORY_NOW, {"code": category.code, "parent": category.parent})


def catalog_rows(history: History, at: datetime) -> list[Rows]:
    """Markets, channels, stores and all that the catalog says and had said by then; customers as they were."""
    return [
        _MARKETS.rows((one.code, "EUR", [one.code.upper()], True, one.zone) for one in said_by(history.markets, at)),
        _CHANNELS.rows((one.code, one.kind, one.market, one.code) for one in history.channels),
        _LOCATIONS.rows((code, "store", code, market, market.upper()) for code, market in history.stores),
        _CATEGORIES.rows((one.code, one.parent, one.code) for one in said_by(history.categories, at)),
        _PRODUCTS.rows((code, code) for code in sorted({one.product for one in history.variants})),
        _VARIANTS.rows(
            (one.code, one.product, one.code, one.category, one.brand, "standard", dict(one.attributes), "active")
            for one in said_by(history.variants, at)
        ),
        _CUSTOMERS.rows((_person(code), code) for code in history.customers),
        *past_rows(gone_by(history.categories, at), gone_by(history.variants, at), gone_by(history.markets, at)),
    ]


def past_rows(
    categories: Sequence[Category], variants: Sequence[Variant], markets: Sequence[Market] = ()
) -> list[Rows]:
    """What the catalog says no more."""
    return [
        _MARKET_PASTS.rows((one.code, one.zone, one.until) for one in markets),
        _CATEGORY_PASTS.rows((one.code, one.parent, one.until) for one in categories),
        _VARIANT_PASTS.rows(
            (one.code, one.product, one.category, one.brand, dict(one.attributes), one.until) for one in variants
        ),
    ]


def order_rows(sales: Sequence[Sale]) -> list[Rows]:
    """The orders as they were recorded, if nothing had become of them."""
    return [
        _ORDERS.rows(_order(sale) for sale in sales),
        _LINES.rows(
            (_id(sale), number, line.sku, line.units, 1000, 0, 0, 1000 * line.units, 0, 0)
            for sale in sales
            for number, line in enumerate(sale.lines, 1)
        ),
        _PLANS.rows((_id(sale), "later", 0) for sale in sales if sale.pays_later),
    ]


def _order(sale: Sale) -> tuple[object, ...]:
    source = "import" if sale.imported else "till" if sale.recorded_at > sale.at else "api"
    total = 1000 * sum(line.units for line in sale.lines)
    return (
        _id(sale), sale.number, source, sale.channel, sale.store or sale.collect_at, _person(sale.customer), "EUR",
        True, "ship", "shipped", sale.at, sale.recorded_at if source != "api" else None, total, 0, 0, total,
        sale.launch, sale.wave,
    )  # fmt: skip


async def _reduce(tx: Session, sale: Sale, reductions: Sequence[Reduction]) -> None:
    """Write down what was cancelled, and what came back."""
    cancelled = [one for one in reductions if not one.returned and not one.imported]
    if cancelled and is_cancelled(sale):
        await record_cancellation(tx, _id(sale), cancelled[0].at)
    elif cancelled:
        for one in cancelled:
            await tx.execute(_CANCEL, {"order": _id(sale), "line": one.line, "units": one.units})
        await record_rest_cancelled(tx, _id(sale), cancelled[0].at)
    for one in reductions:
        if one.imported:
            await tx.execute(_IMPORTED, _imported(sale, one))
        elif one.returned:
            await record_returned(tx, _id(sale), one.line, one.units, one.at)


def is_cancelled(sale: Sale) -> bool:
    """Whether all of it was cancelled."""
    gone = [one for one in sale.reductions if not one.returned]
    return sum(one.units for one in gone) == sum(line.units for line in sale.lines)


def _imported(sale: Sale, one: Reduction) -> dict[str, object]:
    kind = "returned" if one.returned else "cancelled"
    facts = {"order": _id(sale), "line": one.line, "units": one.units, "kind": kind}
    return facts | {"at": one.at, "recorded_at": one.recorded_at}


def _id(sale: Sale) -> str:
    return f"ord_{sale.number}"


def _person(code: str | None) -> str | None:
    return None if code is None else f"cus_{code}"
