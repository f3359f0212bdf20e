"""How a terminal shows what two price books say differently: each member by its name, one row for each."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

if TYPE_CHECKING:
    from pricing.books.report import Difference

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIMELINES = frozenset({"items recommended", "items costs", "items channels", "taxes rates"})
_INSTANTS = frozenset({"header compiled_at", "header complete_until", "promotions starts", "promotions ends"})


class Told(NamedTuple):
    """A member that two books say differently, in words; none where one of them does not say it."""

    what: str
    was: str
    becomes: str


def told(one: "Difference") -> Iterator[Told]:
    """Every member of a part that differs: all of them where only one book has that part. No two sides are alike."""
    was, becomes = (dict(_members(one.section, one.key, each)) for each in (one.was, one.becomes))
    for name in sorted(was.keys() | becomes.keys()):
        before, after = was.get(name, ""), becomes.get(name, "")
        if before != after:
            yield Told(f"{one.section} {name}", before, after)


def shown(us: int) -> str:
    """An instant of a book as people write it, in UTC."""
    at = _EPOCH + timedelta(microseconds=us)
    return f"{at:%Y-%m-%d %H:%M:%S}" + (f".{at:%f}" if at.microsecond else "") + "Z"


def _members(section: str, key: str, part: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401 - JSON of any kind
    """What is said of a part, by member, and by what is in it where that has names of its own."""
    whose, said = ("", {key: part}) if section == "header" else (f"{key} ", part or {})
    for name, value in said.items():
        kind = f"{section} {name}"
        for inner, what in _inside(kind, value).items():
            if what is not None and what != []:
                yield f"{whose}{name}{inner}", _in_words(kind, what)


def _inside(kind: str, value: Any) -> dict[str, Any]:  # noqa: ANN401 - as above
    if kind == "items channels":
        return {f".{one['channel']}": one["prices"] for one in value}
    if kind == "items attributes":
        return {f".{name}": word for name, word in value}
    if isinstance(value, dict):
        return {f".{name}": inner for name, inner in value.items()}
    return {"": value}


def _in_words(kind: str, value: Any) -> str:  # noqa: ANN401 - as above
    if isinstance(value, str) and value[:1] not in {"", '"'}:
        return value
    if kind in _TIMELINES:
        return "\n".join(map(_price, value))
    if kind in _INSTANTS:
        return shown(value)
    if kind == "header time_zone":
        return "\n".join(f"{seconds} from {shown(begins)}" for begins, seconds in value)
    return msgspec.json.encode(value).decode()


def _price(price: Sequence[Any]) -> str:
    begins, ends, amount = price
    return f"{amount} from {shown(begins)}" + ("" if ends is None else f" to {shown(ends)}")
