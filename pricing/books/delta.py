"""What changed between two books: small to send, and enough to make the newer one, byte for byte, of the older.

For a list with a key (see `SECTIONS`): what is put in or replaced, and the keys that are gone. For the rest of the
book: the members that differ. A delta is not signed itself: who applies it writes the book it makes in its canonical
form, and checks that book's hash and signature.
"""

from collections.abc import Iterable, Mapping, Sequence

import msgspec
from msgspec import Raw

from pricing.books.canonical import HEADER, RawBook, canonical, decoded, split
from pricing.books.errors import BookMalformed, BookOfAnotherMarket, DeltaBackwards
from pricing.rules.sound import SECTIONS

_ALWAYS = frozenset({"number", "compiled_at", "complete_until"})
"""What two books differ in that say the same."""


class Change(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What changed in one list: what is put in, or in the place of what was there, by key; and the keys that go."""

    put: dict[str, Raw] = {}
    drop: list[str] = []


NOTHING = Change()


class Delta(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """How one book becomes another. What is not there did not change."""

    market: str
    since: int
    """The number of the book that it is applied to."""
    number: int
    """The number of the book that it makes."""
    header: dict[str, Raw] = {}
    categories: Change = NOTHING
    channels: Change = NOTHING
    items: Change = NOTHING
    keys: Change = NOTHING
    promotions: Change = NOTHING
    taxes: Change = NOTHING

    def says_something(self) -> bool:
        """Whether anything differs but the number, and when it was compiled."""
        return bool(self.header.keys() - _ALWAYS) or any(self.of(section) != NOTHING for section in SECTIONS)

    def of(self, section: str) -> Change:
        """What changed in one list."""
        change: Change = getattr(self, section)
        return change


_DELTA = msgspec.json.Decoder(Delta, strict=True)
_ENCODER = msgspec.json.Encoder(order="sorted")


class _Keyed(msgspec.Struct):
    """A part of any list, as far as its key."""

    code: str = ""
    id: str = ""
    sku: str = ""
    tax_class: str = ""


_KEYED = msgspec.json.Decoder(list[_Keyed])
_NUMBER = msgspec.json.Decoder(int)
_TEXT = msgspec.json.Decoder(str)


def difference(old: RawBook, new: RawBook) -> Delta:
    """How the old book becomes the new one. Only what differs is read. Raises DeltaBackwards, BookOfAnotherMarket."""
    market, since, number = _TEXT.decode(new.market), _NUMBER.decode(old.number), _NUMBER.decode(new.number)
    if _TEXT.decode(old.market) != market:
        raise BookOfAnotherMarket(_TEXT.decode(old.market), market)
    if number < since:
        raise DeltaBackwards("since", number, since)
    header = {name: getattr(new, name) for name in HEADER if bytes(getattr(old, name)) != bytes(getattr(new, name))}
    changes = {section: _changed(section, getattr(old, section), getattr(new, section)) for section in SECTIONS}
    return Delta(market=market, since=since, number=number, header=header, **changes)


def _changed(section: str, old: list[Raw], new: list[Raw]) -> Change:
    before, after = [bytes(one) for one in old], [bytes(one) for one in new]
    had, has = set(before), set(after)
    came = [one for one in after if one not in had]
    put = {key: Raw(one) for key, one in zip(_keys_of(section, came), came, strict=True)}
    gone = _keys_of(section, [one for one in before if one not in has])
    return _change(put, [key for key in gone if key not in put])


def _change(put: dict[str, Raw], drop: list[str]) -> Change:
    return Change(put, drop) if put or drop else NOTHING


def _keys_of(section: str, parts: Sequence[bytes | Raw]) -> list[str]:
    joined = b"[" + b",".join(bytes(one) for one in parts) + b"]"
    return [getattr(keyed, SECTIONS[section]) for keyed in _KEYED.decode(joined)]


def compose(deltas: Iterable[Delta]) -> Delta:
    """One delta for many that follow upon one another; there is at least one. Raises DeltaBackwards for a gap."""
    first, *more = deltas
    header = dict(first.header)
    puts = {section: dict(first.of(section).put) for section in SECTIONS}
    drops = {section: dict.fromkeys(first.of(section).drop) for section in SECTIONS}
    last = first
    for delta in more:
        if delta.since != last.number:
            raise DeltaBackwards("since", delta.since, last.number)
        header |= delta.header
        for section in SECTIONS:
            _then(puts[section], drops[section], delta.of(section))
        last = delta
    changes = {section: _change(puts[section], sorted(drops[section])) for section in SECTIONS}
    return Delta(market=first.market, since=first.since, number=last.number, header=header, **changes)


def _then(puts: dict[str, Raw], drops: dict[str, None], change: Change) -> None:
    """What a later change leaves of the earlier ones. A key that came and went is dropped all the same."""
    for key in change.drop:
        puts.pop(key, None)
        drops[key] = None
    for key, part in change.put.items():
        drops.pop(key, None)
        puts[key] = part


def apply(old: bytes, delta: Delta) -> bytes:
    """The newer book's bytes. Raises BookMalformed, BookOfAnotherMarket, DeltaBackwards where it does not fit."""
    book = split(old)
    market, number = _TEXT.decode(book.market), _NUMBER.decode(book.number)
    if market != delta.market:
        raise BookOfAnotherMarket(delta.market, market)
    if number != delta.since:
        raise DeltaBackwards("since", delta.since, number)
    if not delta.header.keys() <= set(HEADER):
        raise BookMalformed("The delta changes what a book does not have.")
    parts = {section: _applied(section, getattr(book, section), delta.of(section)) for section in SECTIONS}
    return canonical(msgspec.structs.replace(book, **delta.header, **parts))


def _applied(section: str, old: list[Raw], change: Change) -> list[Raw]:
    if change == NOTHING:
        return old
    parts: dict[str, Raw] = dict(zip(_keys_of(section, old), old, strict=True))
    for key in change.drop:
        parts.pop(key, None)
    parts |= change.put
    return [parts[key] for key in sorted(parts)]


def parts_with(book: RawBook, section: str, keys: Iterable[str]) -> dict[str, Raw]:
    """Those parts of a list whose keys are wanted, where they are there."""
    wanted = set(keys)
    parts: list[Raw] = getattr(book, section)
    return {key: part for key, part in zip(_keys_of(section, parts), parts, strict=True) if key in wanted}


def pack(delta: Delta) -> bytes:
    """A delta as JSON."""
    return _ENCODER.encode(delta)


def unpack(packed: bytes) -> Delta:
    """A delta from JSON. Raises BookMalformed."""
    return decoded(_DELTA, packed)


def changed_keys(delta: Delta) -> Mapping[str, list[str]]:
    """What changed, list by list: the keys of what was put in, replaced or dropped."""
    found = {section: sorted({*delta.of(section).put, *delta.of(section).drop}) for section in SECTIONS}
    return {section: keys for section, keys in found.items() if keys}
