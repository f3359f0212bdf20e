"""Answers with more in them than ids: `expand[]=latest_charge` puts the whole charge where its id was."""

from typing import Any

from commerce.stripe_sandbox.errors import Json, refused
from commerce.stripe_sandbox.lists import LIMIT
from commerce.stripe_sandbox.world import Work

EXPANDABLE = {
    "charge": "charge",
    "customer": "customer",
    "latest_charge": "charge",
    "payment_intent": "payment_intent",
    "payment_method": "payment_method",
}
DEPTH_MAX = 4


def expanded(work: Work, answer: Json, wishes: list[str]) -> Json:
    """A copy of the answer in which every wish is fulfilled. Raises StripeError for one that cannot be."""
    for wish in wishes:
        names = wish.split(".")
        if len(names) > DEPTH_MAX:
            raise refused(f"You cannot expand more than {DEPTH_MAX} levels of a property.", "expand")
        answer = _expand(work, answer, names, wish)
    return answer


def _expand(work: Work, node: Any, names: list[str], wish: str) -> Any:  # noqa: ANN401 - answers are made of any kind
    if not names or node is None:
        return node
    if isinstance(node, list):
        return [_expand(work, each, names, wish) for each in node]
    name, *rest = names
    if name == "refunds" and node.get("object") == "charge":
        return {**node, "refunds": _refunds(work, node["id"])}
    if name not in node or (name not in EXPANDABLE and name != "data"):
        raise refused(f"This property cannot be expanded ({wish}).", "expand")
    value = node[name]
    if isinstance(value, str):
        value = work.find(EXPANDABLE[name], value)
    return {**node, name: _expand(work, value, rest, wish)}


def _refunds(work: Work, charge: str) -> Json:
    refunds = [row for row in work.world.tables["refund"].newest_first() if row["charge"] == charge]
    more = len(refunds) > LIMIT
    return {"object": "list", "data": refunds[:LIMIT], "has_more": more, "url": f"/v1/charges/{charge}/refunds"}
