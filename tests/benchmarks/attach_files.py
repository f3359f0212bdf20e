"""The made-up past of `attach_history`, written down: as a shop brings it in, and as an analyst would keep it.

The folder in exchange format goes through `commerce import`. The Parquet files have the same facts as a table for
DuckDB: what an export by hand would have, with the local day worked out and customers as numbers, so that it has the
least to do.
"""

from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import compute, csv, parquet

from commerce.exchange.files import BY_NAME
from tests.benchmarks.attach_history import (
    BRANCHES,
    CHANNELS,
    FIRST_DAY,
    GUEST,
    LEAVES,
    MARKETS,
    NO_STORE,
    STORES,
    History,
    Ints,
)

ROW_GROUP = 122_880
"""DuckDB's own number of rows for a group: it shares groups out among its threads."""

Table = dict[str, pa.Array]


def write_folder(history: History, folder: Path) -> None:
    """Write the shop and its past in exchange format."""
    folder.mkdir(parents=True)
    orders, lines, returns = history.orders, history.lines, history.returns
    channels, currencies = _of(CHANNELS), _of(market.currency for market in MARKETS)
    stores, skus, numbers = _of(store for _, store in STORES), _skus(history), order_numbers(history)
    of_line = lines.order[returns.line]
    total = lines.quantity * lines.unit_price - lines.discount
    refund = total[returns.line] * returns.quantity // lines.quantity[returns.line]
    tables: dict[str, Table] = {
        **_shop(history),
        "customers": _customers(history),
        "orders": {
            "order_number": numbers,
            "channel": channels.take(orders.channel),
            "location": _maybe(stores, orders.store, NO_STORE),
            "customer": _maybe(_numbered("c", history.customers), orders.customer, GUEST),
            "currency": currencies.take(orders.channel // 2),
            "placed_at": _instants(orders.placed_at),
            "status": _of(("completed", "cancelled")).take(orders.cancelled.astype(int)),
        },
        "order_lines": {
            "order_number": numbers.take(lines.order),
            "line": pa.array(lines.line),
            "sku": skus.take(lines.sku),
            "quantity": pa.array(lines.quantity),
            "unit_price": _amounts(lines.unit_price),
            "discount_total": _amounts(lines.discount),
            "tax_total": _amounts(lines.tax),
            "line_total": _amounts(total),
        },
        "returns": {
            "return_number": _numbered("R", len(returns.line)),
            "order_number": numbers.take(of_line),
            "line": pa.array(lines.line[returns.line]),
            "quantity": pa.array(returns.quantity),
            "channel": channels.take(orders.channel[of_line]),
            "location": _maybe(stores, orders.store[of_line], NO_STORE),
            "returned_at": _instants(returns.returned_at),
            "refund_total": _amounts(refund),
        },
    }
    for name, table in tables.items():
        assert list(table) == BY_NAME[name].column_names, name
        csv.write_csv(pa.table(table), folder / f"{name}.csv", csv.WriteOptions(quoting_style="none"))


def write_parquet(history: History, folder: Path) -> None:
    """Write the sales and the returns as Parquet, in the order in which they happened."""
    folder.mkdir(parents=True)
    orders, lines, returns = history.orders, history.lines, history.returns
    numbers, epoch = order_numbers(history), (FIRST_DAY - date(1970, 1, 1)).days
    of_line = lines.order
    sales = {
        "order_number": numbers.take(of_line),
        "line": pa.array(lines.line, pa.int16()),
        "sku": _skus(history).take(lines.sku),
        "category": _of(leaf.code for leaf in LEAVES).take(history.leaf_of[lines.sku]),
        "customer": pa.array(orders.customer, pa.int32(), mask=orders.customer == GUEST).take(of_line),
        "market": _of(market.code for market in MARKETS).take(orders.channel[of_line] // 2),
        "channel": _of(CHANNELS).take(orders.channel[of_line]),
        "placed_at": pa.array(orders.placed_at[of_line] * 1_000_000, pa.timestamp("us", "UTC")),
        "day": pa.array((orders.day[of_line] + epoch).astype(np.int32), pa.date32()),
        "quantity": pa.array(lines.quantity, pa.int32()),
        "cancelled": pa.array(orders.cancelled[of_line]),
    }
    came_back = {
        "order_number": numbers.take(lines.order[returns.line]),
        "line": pa.array(lines.line[returns.line], pa.int16()),
        "quantity": pa.array(returns.quantity, pa.int32()),
        "returned_at": pa.array(returns.returned_at * 1_000_000, pa.timestamp("us", "UTC")),
    }
    for name, table in (("sales", sales), ("returns", came_back)):
        parquet.write_table(pa.table(table), folder / f"{name}.parquet", row_group_size=ROW_GROUP)


def order_numbers(history: History) -> pa.Array:
    """Each order's number: its channel's letter and a running number."""
    running = _numbered("", len(history.orders.channel))
    letters = _of("ABCDEFGH").take(history.orders.channel)
    return compute.binary_join_element_wise(letters, running, "")


def _shop(history: History) -> dict[str, Table]:
    """What there is before anything is sold."""
    kinds = [channel.partition("-")[0] for channel in CHANNELS]
    stores, places = [store for _, store in STORES], [MARKETS[place] for place, _ in STORES]
    empty = _of([""] * len(STORES))
    tree = BRANCHES | {leaf.code: leaf.parent for leaf in LEAVES}
    skus, leaf_of = len(history.leaf_of), history.leaf_of
    return {
        "markets": {
            "code": _of(market.code for market in MARKETS),
            "currency": _of(market.currency for market in MARKETS),
            "countries": _of(market.code.upper() for market in MARKETS),
            "prices_include_tax": _of(str(market.tax_included).lower() for market in MARKETS),
            "time_zone": _of(market.zone for market in MARKETS),
        },
        "channels": {
            "code": _of(CHANNELS),
            "kind": _of(kinds),
            "market": _of(channel.partition("-")[2] for channel in CHANNELS),
            "name": _of(CHANNELS),
        },
        "locations": {
            "code": _of(stores),
            "kind": _of(["store"] * len(stores)),
            "name": _of(stores),
            "market": _of(place.code for place in places),
            "country": _of(place.code.upper() for place in places),
            **dict.fromkeys(("city", "latitude", "longitude", "opened_on", "closed_on"), empty),
        },
        "categories": {"code": _of(tree), "parent": _of(tree.values()), "name": _of(tree)},
        "products": {
            "sku": _skus(history),
            "product": _numbered("p", skus // 4 + 1).take(np.arange(skus) // 4),
            "name": _skus(history),
            "category": _of(leaf.code for leaf in LEAVES).take(leaf_of),
            "brand": _of(["Ours"] * skus),
            "gtin": _of([""] * skus),
            "tax_class": _of(["standard"] * skus),
            "attributes": _of([""] * skus),
            "status": _of(["active"] * skus),
        },
    }


def _customers(history: History) -> Table:
    """Everybody; the first one is the house account."""
    codes = _numbered("c", history.customers)
    empty = _of([""]).take(np.zeros(history.customers, int))
    emails = compute.binary_join_element_wise(codes, "example.com", "@")
    return {"code": codes, "email": emails, "phone": empty, "country": empty, "created_at": empty}


def _skus(history: History) -> pa.Array:
    return _numbered("SKU-", len(history.leaf_of))


def _numbered(prefix: str, count: int) -> pa.Array:
    """As many codes, all as long as the others, so that they stand in order as text."""
    digits = compute.utf8_lpad(pa.array(np.arange(count)).cast(pa.string()), width=8, padding="0")
    return compute.binary_join_element_wise(prefix, digits, "")


def _of(words: object) -> pa.Array:
    return pa.array(words, pa.string())


def _maybe(codes: pa.Array, places: Ints, nobody: int) -> pa.Array:
    """Codes by place, or nothing."""
    return codes.take(pa.array(places, mask=places == nobody))


def _instants(seconds: Ints) -> pa.Array:
    return compute.strftime(pa.array(seconds, pa.timestamp("s", "UTC")), format="%Y-%m-%dT%H:%M:%SZ")


def _amounts(hundredths: Ints) -> pa.Array:
    """Hundredths as amounts: a decimal of Arrow's is nothing but a whole number of 16 bytes."""
    wide = np.stack([hundredths, hundredths >> 63], axis=1)
    return pa.Array.from_buffers(pa.decimal128(18, 2), len(hundredths), [None, pa.py_buffer(wide)])
