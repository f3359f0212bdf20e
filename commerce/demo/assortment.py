"""What Skerrin sells: a tree of categories, and products with their variants."""

from collections.abc import Iterator
from dataclasses import dataclass

from stdnum import ean

BRAND = "Skerrin"

# GTINs that begin with 2 are for use inside one company (GS1 "restricted circulation"): ours belong to nobody.
GTIN_PREFIX = "2098765"

# code, parent, name
CATEGORIES = (
    ("phones", "", "Phones"),
    ("phones-flagship", "phones", "Flagship phones"),
    ("phones-everyday", "phones", "Everyday phones"),
    ("phones-compact", "phones", "Compact phones"),
    ("accessories", "", "Accessories"),
    ("cases", "accessories", "Cases"),
    ("screen-protectors", "accessories", "Screen protectors"),
    ("power", "accessories", "Power"),
    ("chargers", "power", "Chargers"),
    ("cables", "power", "Cables"),
    ("power-banks", "power", "Power banks"),
    ("wearables", "", "Wearables"),
    ("watches", "wearables", "Watches"),
    ("watch-straps", "wearables", "Watch straps"),
    ("audio", "", "Audio"),
    ("earbuds", "audio", "Earbuds"),
    ("smart-home", "", "Smart home"),
    ("smart-lighting", "smart-home", "Lighting"),
    ("smart-security", "smart-home", "Hubs, sensors and cameras"),
)


@dataclass(frozen=True)
class Variant:
    """One thing with its own sku; `price_key` is the price list it follows, `weight` how well it is liked."""

    sku: str
    product: str
    name: str
    category: str
    gtin: str
    attributes: tuple[tuple[str, str], ...]
    status: str
    price_key: str
    weight: int

    @property
    def fits(self) -> str:
        """Name the product this one is made for, or nothing."""
        return dict(self.attributes).get("fits", "")


@dataclass(frozen=True)
class Make:
    """A product as we write it down: the variants follow from its rows.

    `names` are the attributes; a row is (sku, values of these attributes, weight). Where prices differ
    within a product, `priced_by` names the attribute they differ by.
    """

    product: str
    name: str
    category: str
    names: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...], int], ...]
    priced_by: str = ""


COLOUR_MEMORY = ("colour", "memory")
PHONES = (
    Make(
        "tern-3",
        "Tern 3",
        "phones-flagship",
        COLOUR_MEMORY,
        (
            ("TERN3-SLATE-128", ("slate", "128 GB"), 7),
            ("TERN3-SLATE-256", ("slate", "256 GB"), 5),
            ("TERN3-FOAM-128", ("foam", "128 GB"), 5),
            ("TERN3-FOAM-256", ("foam", "256 GB"), 3),
            ("TERN3-KELP-128", ("kelp", "128 GB"), 3),
            ("TERN3-KELP-256", ("kelp", "256 GB"), 2),
        ),
        priced_by="memory",
    ),
    Make(
        "tern-3-pro",
        "Tern 3 Pro",
        "phones-flagship",
        COLOUR_MEMORY,
        (
            ("TERN3PRO-SLATE-256", ("slate", "256 GB"), 5),
            ("TERN3PRO-SLATE-512", ("slate", "512 GB"), 3),
            ("TERN3PRO-DUNE-256", ("dune", "256 GB"), 3),
            ("TERN3PRO-DUNE-512", ("dune", "512 GB"), 2),
        ),
        priced_by="memory",
    ),
    Make(
        "tern-2",
        "Tern 2",
        "phones-flagship",
        COLOUR_MEMORY,
        (("TERN2-SLATE-128", ("slate", "128 GB"), 3), ("TERN2-FOAM-128", ("foam", "128 GB"), 2)),
    ),
    Make(
        "plover-2",
        "Plover 2",
        "phones-everyday",
        COLOUR_MEMORY,
        (
            ("PLOVER2-SLATE-128", ("slate", "128 GB"), 6),
            ("PLOVER2-SLATE-256", ("slate", "256 GB"), 3),
            ("PLOVER2-SAND-128", ("sand", "128 GB"), 4),
            ("PLOVER2-HEATHER-128", ("heather", "128 GB"), 3),
        ),
        priced_by="memory",
    ),
    Make(
        "wren-1",
        "Wren",
        "phones-compact",
        COLOUR_MEMORY,
        (("WREN1-SLATE-64", ("slate", "64 GB"), 3), ("WREN1-MOSS-64", ("moss", "64 GB"), 2)),
    ),
    Make(
        "wren-2",
        "Wren 2",
        "phones-compact",
        COLOUR_MEMORY,
        (("WREN2-SLATE-128", ("slate", "128 GB"), 3), ("WREN2-MOSS-128", ("moss", "128 GB"), 2)),
    ),
)

PLUG = ("plug",)
COLOUR = ("colour",)
THINGS = (
    Make(
        "shore-case",
        "Shore Case",
        "cases",
        ("colour", "fits"),
        (
            ("CASE-TERN3-CLEAR", ("clear", "tern-3"), 5),
            ("CASE-TERN3-SLATE", ("slate", "tern-3"), 4),
            ("CASE-TERN3-KELP", ("kelp", "tern-3"), 2),
            ("CASE-TERN3PRO-CLEAR", ("clear", "tern-3-pro"), 3),
            ("CASE-TERN3PRO-SLATE", ("slate", "tern-3-pro"), 3),
            ("CASE-TERN2-CLEAR", ("clear", "tern-2"), 3),
            ("CASE-PLOVER2-CLEAR", ("clear", "plover-2"), 4),
            ("CASE-PLOVER2-SAND", ("sand", "plover-2"), 2),
            ("CASE-WREN1-CLEAR", ("clear", "wren-1"), 3),
            ("CASE-WREN2-CLEAR", ("clear", "wren-2"), 3),
        ),
    ),
    Make(
        "tide-glass",
        "Tide Glass screen protector",
        "screen-protectors",
        ("fits",),
        (
            ("GLASS-TERN3", ("tern-3",), 4),
            ("GLASS-TERN3PRO", ("tern-3-pro",), 3),
            ("GLASS-PLOVER2", ("plover-2",), 4),
            ("GLASS-WREN1", ("wren-1",), 2),
        ),
    ),
    Make(
        "charger-30",
        "Charger 30 W",
        "chargers",
        PLUG,
        (("CHARGER30-EU", ("EU",), 1), ("CHARGER30-US", ("US",), 1)),
        priced_by="plug",
    ),
    Make(
        "charger-65",
        "Charger 65 W",
        "chargers",
        PLUG,
        (("CHARGER65-EU", ("EU",), 1), ("CHARGER65-US", ("US",), 1)),
        priced_by="plug",
    ),
    Make(
        "perch",
        "Perch wireless stand",
        "chargers",
        COLOUR,
        (("PERCH-SLATE", ("slate",), 3), ("PERCH-FOAM", ("foam",), 2)),
    ),
    Make(
        "usb-cable",
        "USB-C cable",
        "cables",
        ("length",),
        (("CABLE-USBC-1M", ("1 m",), 3), ("CABLE-USBC-2M", ("2 m",), 2)),
        priced_by="length",
    ),
    Make("power-bank", "Power bank 10,000 mAh", "power-banks", COLOUR, (("POWERBANK10", ("slate",), 1),)),
    Make(
        "lapwing",
        "Lapwing",
        "watches",
        ("colour", "size"),
        (
            ("LAPWING-40-SLATE", ("slate", "40 mm"), 3),
            ("LAPWING-40-SAND", ("sand", "40 mm"), 3),
            ("LAPWING-44-SLATE", ("slate", "44 mm"), 4),
            ("LAPWING-44-KELP", ("kelp", "44 mm"), 2),
        ),
        priced_by="size",
    ),
    Make(
        "lapwing-band",
        "Lapwing fitness band",
        "watches",
        COLOUR,
        (("BAND-SLATE", ("slate",), 3), ("BAND-HEATHER", ("heather",), 2)),
    ),
    Make(
        "lapwing-strap",
        "Strap",
        "watch-straps",
        ("colour", "fits"),
        (("STRAP-SAND", ("sand", "lapwing"), 2), ("STRAP-KELP", ("kelp", "lapwing"), 2)),
    ),
    Make(
        "chirp-2",
        "Chirp 2 earbuds",
        "earbuds",
        COLOUR,
        (("CHIRP2-SLATE", ("slate",), 4), ("CHIRP2-FOAM", ("foam",), 4), ("CHIRP2-HEATHER", ("heather",), 2)),
    ),
    Make(
        "chirp-lite",
        "Chirp Lite earbuds",
        "earbuds",
        COLOUR,
        (("CHIRPLITE-SLATE", ("slate",), 3), ("CHIRPLITE-FOAM", ("foam",), 2)),
    ),
    Make(
        "roost-bulb",
        "Roost bulb",
        "smart-lighting",
        ("socket",),
        (("ROOST-BULB-E27", ("E27",), 1), ("ROOST-BULB-E26", ("E26",), 1)),
        priced_by="socket",
    ),
    Make("roost-hub", "Roost hub", "smart-security", COLOUR, (("ROOST-HUB", ("foam",), 1),)),
    Make("roost-sensor", "Roost door sensor", "smart-security", COLOUR, (("ROOST-SENSOR", ("foam",), 1),)),
    Make("roost-cam", "Roost camera", "smart-security", COLOUR, (("ROOST-CAM", ("foam",), 1),)),
)

RETIRED = frozenset({"TERN2-SLATE-128", "TERN2-FOAM-128", "CASE-TERN2-CLEAR"})
DRAFTS = frozenset({"WREN2-SLATE-128", "WREN2-MOSS-128", "CASE-WREN2-CLEAR"})
PHONE_PRODUCTS = frozenset(make.product for make in PHONES)
NAMES = {make.product: make.name for make in (*PHONES, *THINGS)}


def _gtin(number: int) -> str:
    body = f"{GTIN_PREFIX}{number:05}"
    return body + ean.calc_check_digit(body)


def _status(sku: str) -> str:
    if sku in DRAFTS:
        return "draft"
    return "retired" if sku in RETIRED else "active"


def _say(name: str, value: str) -> str:
    """Word an attribute as it stands in a name: 'for Tern 3', 'slate'."""
    return f"for {NAMES[value]}" if name == "fits" else value


def _variants() -> Iterator[Variant]:
    number = 0
    for make in (*PHONES, *THINGS):
        for sku, values, weight in make.rows:
            number += 1
            attributes = tuple(zip(make.names, values, strict=True))
            priced = dict(attributes).get(make.priced_by, "")
            yield Variant(
                sku=sku,
                product=make.product,
                name=", ".join((f"{BRAND} {make.name}", *(_say(*pair) for pair in attributes))),
                category=make.category,
                gtin=_gtin(number),
                attributes=attributes,
                status=_status(sku),
                price_key=f"{make.product}/{priced}" if priced else make.product,
                weight=weight,
            )


VARIANTS = tuple(_variants())
