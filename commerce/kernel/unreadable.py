"""Unreadable: which field of a request cannot be read, and what would be right there.

msgspec says where a value is wrong, and leaves out what would be right: `Invalid enum value 'maybe'`, or the regular
expression that a text has to match. Both stand in the type that the route declares, at the path that msgspec names.
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

from msgspec import inspect

_MISSING = re.compile(r"Missing required \w+ parameter '([^']+)'")
_PLACE = re.compile(r"(?P<reason>.*?) - at (?P<key>`key` in )?`\$(?P<path>.*)`", re.DOTALL)
_UNKNOWN_FIELD = re.compile(r"field `(.*)`", re.DOTALL)
_STEP = re.compile(r"[^.\[\]]+|\[[^\]]*\]")
_PATTERN = re.compile(r"matching regex '(.*)'", re.DOTALL)
_WORDS_ONLY = re.compile(r"\^\((\w+(?:\|\w+)*)\)\$")
_KEY = "`key`"


class _Wanted(NamedTuple):
    """A type that a value may have, and what its pattern means."""

    kind: inspect.Type
    words: str | None = None


def what_is_wrong(message: str, annotation: Any) -> tuple[str, str]:  # noqa: ANN401 - whatever type the route declares
    """The field that msgspec's message is about, and the reason, with what would be right where the type says it.

    A pattern is told in the words that are beside it, in `extra` of its Meta; without any, in those of its description.
    """
    missing = _MISSING.match(message)
    if missing:
        return missing[1], "It is required."
    place = _PLACE.fullmatch(message)
    reason, path = (place["reason"], place["path"]) if place else (message, "")
    unknown = _UNKNOWN_FIELD.search(reason)
    field = ".".join(part for part in (path.lstrip("."), unknown and unknown[1]) if part)
    steps = [*_STEP.findall(field), *([_KEY] if place and place["key"] else [])]
    return field or "body", _helpful(reason, steps, annotation)


def _helpful(reason: str, steps: list[str], annotation: Any) -> str:  # noqa: ANN401 - as above
    """The reason with what would be right; as it is, where the type does not say that or says several things."""
    wanted = [_Wanted(_type_of(annotation))]
    for step in steps:
        wanted = [inner for one in wanted for whole in _each(one) for inner in _inside(whole.kind, step)]
    ends = [whole for one in wanted for whole in _each(one)]
    pattern = _PATTERN.search(reason)
    told = {_in_words(one) for one in ends if _has_pattern(one.kind, pattern[1])} if pattern else _known(ends)
    if len(told) != 1 or None in told:
        return reason
    [words] = told
    return f"Expected: {words}" if pattern else f"{reason}; known are {words}."


@cache
def _type_of(annotation: Any) -> inspect.Type:  # noqa: ANN401 - as above
    return inspect.type_info(annotation)


def _each(wanted: _Wanted) -> Iterator[_Wanted]:
    """Every type that a value may have, with the words that are closest to it."""
    kind, words = wanted
    if isinstance(kind, inspect.Metadata):
        own = (kind.extra or {}).get("words") or (kind.extra_json_schema or {}).get("description")
        yield from _each(_Wanted(kind.type, own or words))
    elif isinstance(kind, inspect.UnionType):
        yield wanted  # Only a union knows all the tags that there are.
        for one in kind.types:
            yield from _each(_Wanted(one, words))
    else:
        yield wanted


def _inside(kind: inspect.Type, step: str) -> Iterator[_Wanted]:
    """What a value may be that is one step further in."""
    match kind:
        case inspect.UnionType():
            structs = [one for one in kind.types if isinstance(one, inspect.StructType) and one.tag_field == step]
            if structs:
                yield _Wanted(inspect.LiteralType(tuple(one.tag for one in structs)))
        case inspect.StructType():
            yield from (_Wanted(field.type) for field in kind.fields if field.encode_name == step)
        case inspect.DictType():
            yield _Wanted(kind.key_type if step == _KEY else kind.value_type)
        case inspect.TupleType() if step[1:-1].isdigit():
            yield from map(_Wanted, kind.item_types[int(step[1:-1]) :][:1])
        case inspect.CollectionType():
            yield _Wanted(kind.item_type)


def _has_pattern(kind: inspect.Type, pattern: str) -> bool:
    """Whether it is this pattern that msgspec speaks of, which writes it as Python would."""
    return isinstance(kind, inspect.StrType) and kind.pattern is not None and repr(kind.pattern)[1:-1] == pattern


def _in_words(wanted: _Wanted) -> str | None:
    """What a pattern means. One that only lists words says so itself."""
    assert isinstance(wanted.kind, inspect.StrType), "only texts have patterns"
    listed = _WORDS_ONLY.fullmatch(wanted.kind.pattern or "")
    return f"{', '.join(listed[1].split('|'))}." if listed else wanted.words


def _known(ends: list[_Wanted]) -> set[str | None]:
    """The values that there are, where there is a closed list of them."""
    lists: set[str | None] = set()
    for kind, _ in ends:
        if isinstance(kind, inspect.EnumType):
            lists.add(", ".join(str(one.value) for one in kind.cls))
        elif isinstance(kind, inspect.LiteralType):
            lists.add(", ".join(map(str, kind.values)))
    return lists
