"""The exchange format, version 1, as data: the files, their columns, and what each cell may hold."""

from typing import NamedTuple

from commerce.exchange.kinds import (
    AMOUNT,
    BOOLEAN,
    CODE,
    COUNT,
    COUNTRIES,
    COUNTRY,
    CURRENCY,
    DATE,
    GTIN,
    INSTANT,
    LATITUDE,
    LONGITUDE,
    OBJECT,
    STOCK,
    TEXT,
    TIME_ZONE,
    Kind,
    one_of,
)


class Column(NamedTuple):
    """A column of a file. Where it may be empty, an empty cell says that there is no such fact."""

    name: str
    kind: Kind
    may_be_empty: bool = False


class File(NamedTuple):
    """A file of the format, the columns that make a row's key, and the prefix of the ids its rows are given."""

    name: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    id_prefix: str = ""

    @property
    def column_names(self) -> list[str]:
        """The columns in the format's order."""
        return [column.name for column in self.columns]


def _maybe(name: str, kind: Kind) -> Column:
    return Column(name, kind, may_be_empty=True)


FORMAT = (
    File(
        "markets",
        ("code",),
        (
            Column("code", CODE),
            Column("currency", CURRENCY),
            Column("countries", COUNTRIES),
            Column("prices_include_tax", BOOLEAN),
            Column("time_zone", TIME_ZONE),
        ),
    ),
    File(
        "channels",
        ("code",),
        (
            Column("code", CODE),
            Column("kind", one_of("online", "retail")),
            Column("market", CODE),
            Column("name", TEXT),
        ),
    ),
    File(
        "locations",
        ("code",),
        (
            Column("code", CODE),
            Column("kind", one_of("warehouse", "store")),
            Column("name", TEXT),
            Column("market", CODE),
            Column("country", COUNTRY),
            _maybe("city", TEXT),
            _maybe("latitude", LATITUDE),
            _maybe("longitude", LONGITUDE),
            _maybe("opened_on", DATE),
            _maybe("closed_on", DATE),
        ),
    ),
    File("categories", ("code",), (Column("code", CODE), _maybe("parent", CODE), Column("name", TEXT))),
    File(
        "products",
        ("sku",),
        (
            Column("sku", CODE),
            Column("product", CODE),
            Column("name", TEXT),
            Column("category", CODE),
            _maybe("brand", TEXT),
            _maybe("gtin", GTIN),
            Column("tax_class", one_of("standard", "reduced", "zero")),
            _maybe("attributes", OBJECT),
            Column("status", one_of("draft", "active", "retired")),
        ),
    ),
    File(
        "recommended_prices",
        ("sku", "market", "valid_from"),
        (
            Column("sku", CODE),
            Column("market", CODE),
            Column("amount", AMOUNT),
            Column("valid_from", INSTANT),
            _maybe("valid_to", INSTANT),
        ),
    ),
    File(
        "customers",
        ("code",),
        (
            Column("code", CODE),
            _maybe("email", TEXT),
            _maybe("phone", TEXT),
            _maybe("country", COUNTRY),
            _maybe("created_at", INSTANT),
        ),
        id_prefix="cus",
    ),
    File(
        "stock",
        ("sku", "location"),
        (Column("sku", CODE), Column("location", CODE), Column("on_hand", STOCK)),
        id_prefix="pol",
    ),
    File(
        "orders",
        ("order_number",),
        (
            Column("order_number", CODE),
            Column("channel", CODE),
            _maybe("location", CODE),
            _maybe("customer", CODE),
            Column("currency", CURRENCY),
            Column("placed_at", INSTANT),
            Column("status", one_of("completed", "cancelled")),
        ),
        id_prefix="ord",
    ),
    File(
        "order_lines",
        ("order_number", "line"),
        (
            Column("order_number", CODE),
            Column("line", COUNT),
            Column("sku", CODE),
            Column("quantity", COUNT),
            Column("unit_price", AMOUNT),
            Column("discount_total", AMOUNT),
            Column("tax_total", AMOUNT),
            Column("line_total", AMOUNT),
        ),
    ),
    File(
        "returns",
        ("return_number",),
        (
            Column("return_number", CODE),
            Column("order_number", CODE),
            Column("line", COUNT),
            Column("quantity", COUNT),
            Column("channel", CODE),
            _maybe("location", CODE),
            Column("returned_at", INSTANT),
            Column("refund_total", AMOUNT),
        ),
    ),
)
"""Every file that can be imported, in the order in which rows may refer to earlier ones."""

BY_NAME = {file.name: file for file in FORMAT}

LAUNCH_FILES = ("launches", "launch_shares", "waves", "supply_batches", "preorders")
"""Files of the format that this release cannot import yet; they are refused, not ignored."""
