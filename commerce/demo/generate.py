"""Writes the demo shop as a folder in exchange format; the package's charter tells its story.

`python -m commerce.demo.generate` regenerates `commerce/demo/shop/`, which is checked in, so that a change of
the story is seen as a change of its rows. `--out DIR` writes elsewhere. Every run writes the same bytes.
"""

import argparse
import csv
import json
import sys
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

from iso4217 import Currency

from commerce.demo.assortment import BRAND, CATEGORIES, VARIANTS, Variant
from commerce.demo.dice import Dice
from commerce.demo.people import Person, invent_people
from commerce.demo.places import CHANNELS, LOCATIONS, MARKETS, Location, Market
from commerce.demo.prices import PriceList
from commerce.demo.sales import Return, Sale, Season, returns_of

SHOP = Path(__file__).parent / "shop"

# Each part of the story has its own stream, so that a new customer does not change what a store has in stock.
SEED_PEOPLE, SEED_SALES, SEED_RETURNS, SEED_STOCK = 20260501, 20260502, 20260503, 20260504

Row = tuple[str | int, ...]

HEADERS = {
    "markets": "code,currency,countries,prices_include_tax,time_zone",
    "channels": "code,kind,market,name",
    "locations": "code,kind,name,market,country,city,latitude,longitude,opened_on,closed_on",
    "categories": "code,parent,name",
    "products": "sku,product,name,category,brand,gtin,tax_class,attributes,status",
    "recommended_prices": "sku,market,amount,valid_from,valid_to",
    "customers": "code,email,phone,country,created_at",
    "stock": "sku,location,on_hand",
    "orders": "order_number,channel,location,customer,currency,placed_at,status",
    "order_lines": "order_number,line,sku,quantity,unit_price,discount_total,tax_total,line_total",
    "returns": "return_number,order_number,line,quantity,channel,location,returned_at,refund_total",
}


def write_shop(folder: Path) -> dict[str, int]:
    """Write the whole shop into a folder and tell how many rows each file has."""
    prices = PriceList()
    people = invent_people(Dice(SEED_PEOPLE))
    sales = Season(Dice(SEED_SALES), prices, people).sales
    returns = returns_of(Dice(SEED_RETURNS), sales)
    codes = _customer_codes(people)
    numbers = _order_numbers(sales)
    files: dict[str, Iterable[Row]] = {
        "markets": _markets(),
        "channels": ((c.code, c.kind, c.market.code, c.name) for c in CHANNELS),
        "locations": _locations(),
        "categories": CATEGORIES,
        "products": _products(),
        "recommended_prices": _prices(prices),
        "customers": _customers(codes),
        "stock": _stock(Dice(SEED_STOCK), prices),
        "orders": _orders(numbers, codes),
        "order_lines": _lines(numbers),
        "returns": _returns(returns, numbers),
    }
    folder.mkdir(parents=True, exist_ok=True)
    return {name: _write(folder / f"{name}.csv", HEADERS[name], rows) for name, rows in files.items()}


def _write(path: Path, header: str, rows: Iterable[Row]) -> int:
    count = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header.split(","))
        for row in rows:
            writer.writerow(row)
            count += 1
    return count


def _amount(minor: int, market: Market) -> str:
    """Write minor units as a decimal in major units, with the currency's own digits."""
    digits = Currency(market.currency).exponent or 0
    whole, part = divmod(minor, 10**digits)
    return f"{whole}.{part:0{digits}}" if digits else str(whole)


def _instant(instant: datetime | None, market: Market) -> str:
    return market.local(instant).isoformat() if instant else ""


def _markets() -> Iterator[Row]:
    for market in MARKETS:
        includes = "true" if market.prices_include_tax else "false"
        yield market.code, market.currency, market.country, includes, market.time_zone


def _locations() -> Iterator[Row]:
    for place in LOCATIONS:
        market = (place.market.code, place.market.country)
        where = (place.city, place.latitude, place.longitude)
        yield place.code, place.kind, place.name, *market, *where, str(place.opened_on), ""


def _products() -> Iterator[Row]:
    for v in VARIANTS:
        attributes = json.dumps(dict(v.attributes), sort_keys=True, separators=(",", ":"))
        yield v.sku, v.product, v.name, v.category, BRAND, v.gtin, "standard", attributes, v.status


def _prices(prices: PriceList) -> Iterator[Row]:
    for price in prices.prices:
        market = price.market
        yield (
            price.sku,
            market.code,
            _amount(price.amount, market),
            _instant(price.valid_from, market),
            _instant(price.valid_to, market),
        )


def _customer_codes(people: list[Person]) -> dict[Person, str]:
    """Number the customers in the order in which they signed up."""
    known = [(person.created_at, person) for person in people if person.created_at]
    return {person: f"C-{n:05}" for n, (_, person) in enumerate(sorted(known, key=lambda k: k[0]), start=1)}


def _order_numbers(sales: list[Sale]) -> dict[Sale, str]:
    """Number each market's orders in the order in which they were placed."""
    last = dict.fromkeys((market.code for market in MARKETS), 100_000)
    numbers = {}
    for sale in sales:
        code = sale.channel.market.code
        last[code] += 1
        numbers[sale] = f"{code.upper()}-{last[code]}"
    return numbers


def _customers(codes: dict[Person, str]) -> Iterator[Row]:
    for person, code in codes.items():
        yield code, person.email, person.phone, person.country, _instant(person.created_at, person.market)


def _stock(dice: Dice, prices: PriceList) -> Iterator[Row]:
    """Count what lies where at the end: of each active thing, wherever its market sells it."""
    for place in LOCATIONS:
        for variant in VARIANTS:
            if variant.status == "active" and prices.sold_in(variant.sku, place.market):
                yield variant.sku, place.code, _on_hand(dice, place, variant)


def _on_hand(dice: Dice, place: Location, variant: Variant) -> int:
    if place.kind == "warehouse":
        return 0 if dice.happens(4) else 20 * variant.weight + dice.below(180)
    # The American stores ship for the web shop as well, so they keep more.
    deeper = 3 if place.market.code == "us" else 1
    return 0 if dice.happens(7) else deeper * (variant.weight + dice.between(1, 12))


def _orders(numbers: dict[Sale, str], codes: dict[Person, str]) -> Iterator[Row]:
    for sale, number in numbers.items():
        market = sale.channel.market
        place = sale.location.code if sale.location else ""
        customer = codes[sale.person] if sale.person else ""
        status = "cancelled" if sale.cancelled else "completed"
        placed_at = _instant(sale.placed_at, market)
        yield number, sale.channel.code, place, customer, market.currency, placed_at, status


def _lines(numbers: dict[Sale, str]) -> Iterator[Row]:
    for sale, number in numbers.items():
        for line in sale.lines:
            amounts = (line.unit_price, line.discount_total, line.tax_total, line.line_total)
            texts = (_amount(amount, sale.channel.market) for amount in amounts)
            yield number, line.number, line.sku, line.quantity, *texts


def _returns(returns: list[Return], numbers: dict[Sale, str]) -> Iterator[Row]:
    for rank, gone in enumerate(returns, start=1):
        market = gone.channel.market
        yield (
            f"R-{rank:05}",
            numbers[gone.sale],
            gone.line.number,
            gone.quantity,
            gone.channel.code,
            gone.location.code if gone.location else "",
            _instant(gone.returned_at, market),
            _amount(gone.refund_total, market),
        )


def main() -> None:
    """Write the shop and print the rows of each file."""
    parser = argparse.ArgumentParser(description="Write the demo shop as a folder in exchange format.")
    parser.add_argument("--out", type=Path, default=SHOP, help="the folder to write (default: our own)")
    counts = write_shop(parser.parse_args().out)
    sys.stdout.writelines(f"{name:20}{count:7,}\n" for name, count in counts.items())


if __name__ == "__main__":
    main()
