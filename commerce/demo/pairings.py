"""What goes with what at Skerrin, as its merchandisers would say it."""

from typing import NamedTuple


class Pairing(NamedTuple):
    """These are bought with those; both are lists of selectors, such as `category:cases`."""

    code: str
    anchor: tuple[str, ...]
    attach: tuple[str, ...]
    note: str


PHONES = ("category:phones",)
PAIRINGS = (
    Pairing("phones-cases", PHONES, ("category:cases",), "A phone should not leave without a case."),
    Pairing("phones-glass", PHONES, ("category:screen-protectors",), "Fitted at the counter in every store."),
    Pairing("phones-chargers", PHONES, ("category:chargers",), "No charger is in the box."),
    Pairing("phones-earbuds", PHONES, ("category:earbuds",), "They pair by themselves."),
    Pairing("phones-watches", PHONES, ("category:watches",), "A watch shows what the phone has to say."),
    Pairing("tern-3-made-for-it", ("product:tern-3",), ("attribute:fits=tern-3",), "Cases and glass that fit it."),
    Pairing("watches-straps", ("product:lapwing",), ("attribute:fits=lapwing",), "The fitness band has its own."),
    Pairing(
        "hub-things",
        ("product:roost-hub",),
        ("product:roost-sensor", "product:roost-bulb", "product:roost-cam"),
        "A hub alone does nothing.",
    ),
)
