"""django-oscar's offer applicator on a given assortment: a program of its own, in an environment of its own.

Reads a line of JSON (the assortment and baskets), builds them in SQLite in memory, then answers each further line with
how long it took to apply the offers to every basket. Only `Applicator.apply` is timed: products, stock records,
categories and lines are loaded before. Oscar's offers exclude each other on a line, as its default is, and those that
need a code are vouchers that nobody shows: both are less work for it than what our engine does.
"""

import json
import sys
import warnings
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from importlib import import_module
from time import process_time
from typing import Any

PRIORITIES = {"percent": 2, "three_for_two": 2, "order": 1}


def configure() -> None:
    """Django with Oscar's own defaults, and a database that is gone with the process."""
    settings: Any = import_module("django.conf").settings
    defaults = {
        name: value for name, value in vars(import_module("oscar.defaults")).items() if name.startswith("OSCAR")
    }
    apps = "address analytics basket catalogue catalogue.reviews checkout communication customer offer order partner"
    apps += " payment search shipping voucher wishlists"
    django = "auth contenttypes sessions messages sites flatpages"
    installed = [f"django.contrib.{app}" for app in django.split()]
    names = {app: "".join(part.capitalize() for part in app.split(".")) for app in apps.split()}
    installed += [f"oscar.apps.{app}.apps.{name}Config" for app, name in names.items()]
    installed += ["widget_tweaks", "haystack", "treebeard", "django_tables2"]
    settings.configure(
        **defaults,
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        INSTALLED_APPS=installed,
        MIGRATION_MODULES=dict.fromkeys([*(app.rpartition(".")[2] for app in installed), *names, "reviews"]),
        HAYSTACK_CONNECTIONS={"default": {"ENGINE": "haystack.backends.simple_backend.SimpleEngine"}},
        CACHES={"default": {"ENGINE": "django.core.cache.backends.locmem.LocMemCache"}},
        SECRET_KEY="a benchmark has no secrets",
        SITE_ID=1,
        USE_TZ=True,
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
        ROOT_URLCONF="oscar_offers",
    )
    # Oscar imports haystack, whose last wheel still asks Django for old names; nothing here searches.
    encoding: Any = import_module("django.utils.encoding")
    encoding.smart_text = encoding.force_text = encoding.smart_str
    sys.modules["django.utils.datetime_safe"] = import_module("datetime")
    import_module("django").setup()
    import_module("django.core.management").call_command("migrate", run_syncdb=True, verbosity=0)


def model(name: str) -> Any:  # noqa: ANN401 - Oscar publishes no types
    """One of Oscar's models."""
    return import_module("oscar.core.loading").get_model(*name.split("."))


def sell(products: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Put products on their shelves; answers them by sku."""
    category, product = model("catalogue.Category"), model("catalogue.Product")
    shelves: dict[str, Any] = {}
    for shelf in sorted({one["shelf"] for one in products}):
        department = shelf.rpartition("-")[0]
        if department not in shelves:
            shelves[department] = category.add_root(name=department)
        shelves[shelf] = shelves[department].add_child(name=shelf)
        shelves[department].refresh_from_db()
    kind = model("catalogue.ProductClass").objects.create(name="thing", track_stock=False)
    partner = model("partner.Partner").objects.create(name="us")
    brands = {brand: category.add_root(name=brand) for brand in sorted({one["brand"] for one in products})}
    rows = [product(upc=one["sku"], title=one["sku"], slug=one["sku"], product_class=kind) for one in products]
    by_sku = {row.upc: row for row in product.objects.bulk_create(rows)}
    model("partner.StockRecord").objects.bulk_create(
        model("partner.StockRecord")(
            product=by_sku[one["sku"]], partner=partner, partner_sku=one["sku"], price=Decimal(one["price"]) / 100
        )
        for one in products
    )
    model("catalogue.ProductCategory").objects.bulk_create(
        model("catalogue.ProductCategory")(product=by_sku[one["sku"]], category=where)
        for one in products
        for where in (shelves[one["shelf"]], brands[one["brand"]])
    )
    return by_sku


def promote(offers: Iterable[dict[str, Any]], by_sku: dict[str, Any]) -> None:
    """Make every offer active, for everything that it is about."""
    category = model("catalogue.Category")
    for one in offers:
        about = model("offer.Range").objects.create(
            name=one["name"], includes_all_products=not (one["categories"] or one["brands"] or one["skus"])
        )
        about.included_categories.set(category.objects.filter(name__in=one["categories"] + one["brands"]))
        for sku in one["skus"]:
            about.add_product(by_sku[sku])
        order, multibuy = one["kind"] == "order", one["kind"] == "three_for_two"
        condition = model("offer.Condition").objects.create(
            range=about,
            type="Value" if order else "Count",
            value=Decimal(one["subtotal"]) / 100 if order else 3 if multibuy else 1,
        )
        benefit = model("offer.Benefit").objects.create(
            range=about, type="Multibuy" if multibuy else "Percentage", value=None if multibuy else one["percent"]
        )
        model("offer.ConditionalOffer").objects.create(
            name=one["name"],
            offer_type="Voucher" if one["code"] else "Site",
            condition=condition,
            benefit=benefit,
            priority=PRIORITIES[one["kind"]],
            start_datetime=datetime(2020, 1, 1, tzinfo=UTC),
        )


def fill(wanted: Iterable[tuple[str, int]], by_sku: dict[str, Any]) -> Any:  # noqa: ANN401 - as above
    """A basket with these lines, loaded."""
    basket = model("basket.Basket").objects.create()
    basket.strategy = import_module("oscar.core.loading").get_class("partner.strategy", "Selector")().strategy()
    for sku, quantity in wanted:
        basket.add_product(by_sku[sku], quantity)
    basket.reset_offer_applications()
    for line in basket.all_lines():
        line.product.get_categories()
    return basket


def main() -> None:
    """Build once, then measure whenever asked."""
    warnings.simplefilter("ignore")
    configure()
    told = json.loads(sys.stdin.readline())
    by_sku = sell(told["products"])
    promote(told["offers"], by_sku)
    baskets = [fill(wanted, by_sku) for wanted in told["baskets"]]
    applicator = import_module("oscar.core.loading").get_class("offer.applicator", "Applicator")()
    capture = import_module("django.test.utils").CaptureQueriesContext
    connection = import_module("django.db").connection
    for _ in sys.stdin:
        spent: float = 0
        for basket in baskets:
            basket.reset_offer_applications()
            begun = process_time()
            applicator.apply(basket)
            spent += process_time() - begun
        baskets[0].reset_offer_applications()
        with capture(connection) as queries:
            applicator.apply(baskets[0])
        report = {
            "per_s": len(baskets) / spent,
            "statements": len(queries),
            "discounted": sum(bool(basket.total_discount) for basket in baskets),
            "saved": str(sum((basket.total_discount for basket in baskets), Decimal(0))),
        }
        sys.stdout.write(json.dumps(report) + "\n")
        sys.stdout.flush()


urlpatterns: list[object] = []

if __name__ == "__main__":
    main()
