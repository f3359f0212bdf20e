"""The demo shop is written the same way every time, and it obeys the exchange format it is an example of."""

import csv
import json
import re
import subprocess
import sys
from collections import Counter, defaultdict
from datetime import date, datetime
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import phonenumbers
import pytest
from stdnum import ean

from commerce.demo.generate import HEADERS, SHOP, write_shop

Row = dict[str, str]

ROWS = {
    "markets": 2,
    "channels": 4,
    "locations": 5,
    "categories": 19,
    "products": 61,
    "recommended_prices": 158,
    "customers": 800,
    "stock": 260,
    "orders": 3038,
    "order_lines": 5095,
    "returns": 122,
}
KEYS = {
    "recommended_prices": ("sku", "market", "valid_from"),
    "stock": ("sku", "location"),
    "order_lines": ("order_number", "line"),
}
MONEY = re.compile(r"[0-9]+\.[0-9]{2}")
REPOSITORY = Path(__file__).parent.parent


@cache
def rows(name: str) -> list[Row]:
    with (SHOP / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


@cache
def by_key(name: str) -> dict[str, Row]:
    key = next(iter(rows(name)[0]))
    return {row[key]: row for row in rows(name)}


@cache
def lines_by_key() -> dict[tuple[str, str], Row]:
    return {(line["order_number"], line["line"]): line for line in rows("order_lines")}


def cents(amount: str) -> int:
    assert MONEY.fullmatch(amount), amount
    return int(amount.replace(".", ""))


def half_up(numerator: int, denominator: int) -> int:
    return (2 * numerator + denominator) // (2 * denominator)


def market_of(row: Row) -> Row:
    return by_key("markets")[by_key("channels")[row["channel"]]["market"]]


def price_in_force(sku: str, market: str, instant: datetime) -> int:
    (price,) = (
        cents(price["amount"])
        for price in prices_of().get((sku, market), [])
        if datetime.fromisoformat(price["valid_from"]) <= instant
        and (not price["valid_to"] or instant < datetime.fromisoformat(price["valid_to"]))
    )
    return price


@cache
def prices_of() -> dict[tuple[str, str], list[Row]]:
    prices = defaultdict(list)
    for price in rows("recommended_prices"):
        prices[price["sku"], price["market"]].append(price)
    return dict(prices)


def test_writing_the_shop_again_gives_the_same_bytes(tmp_path: Path) -> None:
    assert write_shop(tmp_path) == ROWS

    assert sorted(path.name for path in SHOP.iterdir()) == sorted(f"{name}.csv" for name in ROWS)
    for path in SHOP.iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes(), path.name


def test_the_command_line_writes_the_same_bytes_whatever_the_hash_seed(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "commerce.demo.generate", "--out", str(tmp_path)]
    environment = {"PYTHONHASHSEED": "4711"}

    answer = subprocess.run(  # noqa: S603 - our own module, with our own arguments
        command, cwd=REPOSITORY, env=environment, check=True, capture_output=True, text=True
    )

    assert "orders                3,038\n" in answer.stdout
    for path in SHOP.iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes(), path.name


def test_the_shop_is_small() -> None:
    assert sum(path.stat().st_size for path in SHOP.iterdir()) < 1_500_000


@pytest.mark.parametrize("name", ROWS)
def test_each_file_has_its_header_its_rows_and_no_key_twice(name: str) -> None:
    head, *_ = (SHOP / f"{name}.csv").read_text(encoding="utf-8").split("\n", 1)
    columns = HEADERS[name].split(",")
    key = KEYS.get(name, columns[:1])

    assert head.split(",") == columns
    assert len(rows(name)) == ROWS[name]
    assert all(set(row) == set(columns) and None not in row.values() for row in rows(name))
    assert len({tuple(row[column] for column in key) for row in rows(name)}) == ROWS[name]


@pytest.mark.parametrize(
    ("name", "column", "target"),
    [
        ("channels", "market", "markets"),
        ("locations", "market", "markets"),
        ("categories", "parent", "categories"),
        ("products", "category", "categories"),
        ("recommended_prices", "sku", "products"),
        ("recommended_prices", "market", "markets"),
        ("stock", "sku", "products"),
        ("stock", "location", "locations"),
        ("orders", "channel", "channels"),
        ("orders", "location", "locations"),
        ("orders", "customer", "customers"),
        ("order_lines", "order_number", "orders"),
        ("order_lines", "sku", "products"),
        ("returns", "order_number", "orders"),
        ("returns", "channel", "channels"),
        ("returns", "location", "locations"),
    ],
)
def test_what_refers_to_a_row_finds_it(name: str, column: str, target: str) -> None:
    may_be_empty = {"parent", "location", "customer"}
    missing = {row[column] for row in rows(name)} - set(by_key(target))
    assert missing <= ({""} if column in may_be_empty else set())


def test_a_warehouse_and_four_stores_in_two_markets() -> None:
    places = Counter((place["market"], place["kind"]) for place in rows("locations"))
    assert places == {("de", "warehouse"): 1, ("de", "store"): 2, ("us", "store"): 2}
    assert {(row["code"], row["currency"], row["prices_include_tax"]) for row in rows("markets")} == {
        ("de", "EUR", "true"),
        ("us", "USD", "false"),
    }


def test_products_have_valid_gtins_of_nobody_and_a_closed_list_of_states() -> None:
    products = rows("products")
    gtins = [product["gtin"] for product in products]

    assert all(ean.is_valid(gtin) and len(gtin) == 13 and gtin.startswith("2") for gtin in gtins)
    assert len(set(gtins)) == 61
    assert len({product["product"] for product in products}) == 22
    assert Counter(product["status"] for product in products) == {"active": 55, "draft": 3, "retired": 3}
    assert all(product["tax_class"] == "standard" for product in products)
    assert all(isinstance(value, str) for product in products for value in json.loads(product["attributes"]).values())


def test_what_is_made_for_something_names_a_product_we_have() -> None:
    fits = {json.loads(product["attributes"]).get("fits") for product in rows("products")} - {None}
    assert fits == {"tern-3", "tern-3-pro", "tern-2", "plover-2", "wren-1", "wren-2", "lapwing"}
    assert fits <= {product["product"] for product in rows("products")}


def test_each_price_begins_where_the_one_before_it_ends() -> None:
    for history in prices_of().values():
        assert all(cents(price["amount"]) > 0 for price in history)
        ends = [price["valid_to"] for price in history]
        assert ends[:-1] == [price["valid_from"] for price in history[1:]]
        begins = [datetime.fromisoformat(price["valid_from"]) for price in history]
        assert begins == sorted(set(begins))
    assert Counter(len(history) for history in prices_of().values()) == {1: 81, 2: 28, 3: 7}


def test_what_is_retired_has_an_end_and_what_is_drafted_has_a_price_to_come() -> None:
    season_end = datetime.fromisoformat("2026-11-01T00:00:00-04:00")
    for (sku, _), history in prices_of().items():
        status = by_key("products")[sku]["status"]
        assert bool(history[-1]["valid_to"]) == (status == "retired")
        assert (datetime.fromisoformat(history[0]["valid_from"]) > season_end) == (status == "draft")


def test_stock_is_of_what_is_active_and_sold_there() -> None:
    for stock in rows("stock"):
        assert by_key("products")[stock["sku"]]["status"] == "active"
        assert (stock["sku"], by_key("locations")[stock["location"]]["market"]) in prices_of()
        assert int(stock["on_hand"]) >= 0
    assert sum(stock["on_hand"] == "0" for stock in rows("stock")) == 15


def test_every_customer_can_be_told_apart_and_reached_by_nobody() -> None:
    customers = rows("customers")
    phones = [customer["phone"] for customer in customers if customer["phone"]]

    assert len({customer["email"] for customer in customers}) == 800
    assert all(re.fullmatch(r"[a-z]+\.[a-z]+[0-9]*@example\.(com|net|org)", row["email"]) for row in customers)
    assert len(phones) == len(set(phones)) == 316
    for phone in phones:
        number = phonenumbers.parse(phone)
        assert phonenumbers.is_valid_number(number)
        assert phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) == phone
    assert {customer["country"] for customer in customers} == {"DE", "US", ""}
    signed_up = [datetime.fromisoformat(customer["created_at"]) for customer in customers]
    assert signed_up == sorted(signed_up)


def test_nobody_buys_before_they_are_known_or_outside_their_market() -> None:
    markets = defaultdict(set)
    for order in rows("orders"):
        if order["customer"]:
            created_at = by_key("customers")[order["customer"]]["created_at"]
            assert datetime.fromisoformat(created_at) < datetime.fromisoformat(order["placed_at"])
            markets[order["customer"]].add(market_of(order)["code"])
    assert {len(codes) for codes in markets.values()} == {1}


def test_orders_stand_in_the_order_of_their_instants_and_numbers() -> None:
    orders = rows("orders")
    instants = [datetime.fromisoformat(order["placed_at"]) for order in orders]

    assert instants == sorted(instants)
    for market, count in (("de", 1834), ("us", 1204)):
        numbers = [order["order_number"] for order in orders if market_of(order)["code"] == market]
        assert numbers == [f"{market.upper()}-{100_000 + n}" for n in range(1, count + 1)]
    assert Counter(order["status"] for order in orders) == {"completed": 3026, "cancelled": 12}


def test_orders_are_placed_in_the_half_year_by_the_market_clock() -> None:
    for order in rows("orders"):
        placed_at = datetime.fromisoformat(order["placed_at"])
        assert placed_at.astimezone(ZoneInfo(market_of(order)["time_zone"])).isoformat() == order["placed_at"]
        assert date(2026, 5, 1) <= placed_at.date() <= date(2026, 10, 31)
        assert order["currency"] == market_of(order)["currency"]


@pytest.mark.parametrize(("name", "column"), [("orders", "placed_at"), ("returns", "returned_at")])
def test_a_store_is_named_by_retail_alone_and_was_open(name: str, column: str) -> None:
    for row in rows(name):
        channel = by_key("channels")[row["channel"]]
        assert bool(row["location"]) == (channel["kind"] == "retail")
        if row["location"]:
            store = by_key("locations")[row["location"]]
            at = datetime.fromisoformat(row[column])
            assert store["kind"] == "store"
            assert store["market"] == channel["market"]
            assert date.fromisoformat(store["opened_on"]) <= at.date()
            assert 10 <= at.hour < 20
            assert store["country"] != "DE" or at.weekday() != 6


def test_every_line_adds_up_and_costs_what_was_recommended_at_that_instant() -> None:
    for line in rows("order_lines"):
        order = by_key("orders")[line["order_number"]]
        unit_price, discount = cents(line["unit_price"]), cents(line["discount_total"])
        total, quantity = cents(line["line_total"]), int(line["quantity"])
        market = market_of(order)
        placed_at = datetime.fromisoformat(order["placed_at"])

        assert quantity >= 1
        assert 0 <= discount < quantity * unit_price
        assert total == quantity * unit_price - discount
        assert unit_price == price_in_force(line["sku"], market["code"], placed_at)
        tax = half_up(total * 19, 119) if market["prices_include_tax"] == "true" else half_up(total * 8, 100)
        assert cents(line["tax_total"]) == tax


def test_every_order_has_lines_numbered_from_one_and_no_sku_twice() -> None:
    lines = defaultdict(list)
    for line in rows("order_lines"):
        lines[line["order_number"]].append(line)
    assert list(lines) == list(by_key("orders"))
    for group in lines.values():
        assert [line["line"] for line in group] == [str(n) for n in range(1, len(group) + 1)]
        assert len({line["sku"] for line in group}) == len(group)


def test_what_comes_back_was_bought_before_and_not_cancelled() -> None:
    for gone in rows("returns"):
        order = by_key("orders")[gone["order_number"]]
        returned_at = datetime.fromisoformat(gone["returned_at"])
        assert order["status"] == "completed"
        assert market_of(gone) == market_of(order)
        assert returned_at > datetime.fromisoformat(order["placed_at"])
        assert returned_at.date() <= date(2026, 10, 31)


def test_refunds_are_the_cumulative_share_of_the_line_and_never_more() -> None:
    gone_so_far: Counter[tuple[str, str]] = Counter()
    for gone in rows("returns"):
        key = gone["order_number"], gone["line"]
        line = lines_by_key()[key]
        total, bought = cents(line["line_total"]), int(line["quantity"])
        before = gone_so_far[key]
        gone_so_far[key] += int(gone["quantity"])

        assert before < gone_so_far[key] <= bought
        assert cents(gone["refund_total"]) == half_up(gone_so_far[key] * total, bought) - half_up(
            before * total, bought
        )
    assert len(gone_so_far) == 119


def test_the_story_can_be_read_from_the_rows() -> None:
    """Glass is fitted in stores, customers use both channels, and the cut Tern 3 sells better than before."""
    products = defaultdict(set)
    for line in rows("order_lines"):
        products[line["order_number"]].add(by_key("products")[line["sku"]]["product"])
    phones = {"tern-3", "tern-3-pro", "tern-2", "plover-2", "wren-1"}
    kinds = {number: by_key("channels")[order["channel"]]["kind"] for number, order in by_key("orders").items()}
    anchors = Counter(kinds[number] for number, bought in products.items() if bought & phones)
    glass = Counter(kinds[number] for number, bought in products.items() if bought & phones and "tide-glass" in bought)
    used = defaultdict(set)
    for order in rows("orders"):
        used[order["customer"]].add(order["channel"])
    tern_3 = Counter(
        by_key("orders")[n]["placed_at"] >= "2026-08-03" for n, bought in products.items() if "tern-3" in bought
    )

    assert anchors == {"online": 328, "retail": 679}
    assert glass == {"online": 18, "retail": 304}
    assert sum(len(channels) == 2 for customer, channels in used.items() if customer) == 280
    assert tern_3 == {True: 186, False: 102}
