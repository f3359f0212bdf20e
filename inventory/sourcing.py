"""Sourcing: where a basket's goods may come from. One rule for holds, for orders, and for what is promised."""

from collections.abc import Mapping

from catalog.open_locations import OpenLocation


def ranked_for(places: Mapping[str, OpenLocation], collect_at: str | None) -> list[str]:
    """Which of a market's open locations may give goods, best first; none means that nothing can be had.

    What is collected comes from that store and no other. What is shipped comes from warehouses, and from stores where
    the market has no open warehouse. `available_to_promise` says the same in SQL.
    """
    if collect_at is not None:
        place = places.get(collect_at)
        return [place.code] if place is not None and place.kind == "store" else []
    return sorted([place.code for place in places.values() if place.kind == "warehouse"] or places)
