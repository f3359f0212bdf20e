"""Idempotency keys: the first answer to a key is its only answer, for a day.

As documented: the answer is remembered once something began, be it good or bad, a 500 included; what was refused
before it began (parameters that cannot be read, too many requests) is not.
"""

from hashlib import blake2b

import msgspec

from commerce.stripe_sandbox.errors import Json, key_in_use, key_used_otherwise

LIVES_S = 24 * 3600
ENCODE_SORTED = msgspec.json.Encoder(order="deterministic").encode


class Kept(msgspec.Struct, frozen=True):
    """What a key remembers. `body` is the answer's text, byte for byte."""

    key: str
    path: str
    fingerprint: str
    at: int
    status: int
    body: str
    request_id: str
    should_retry: bool | None = None


def fingerprint_of(params: Json) -> str:
    """A digest of what was asked, whatever the order in which it was said."""
    return blake2b(ENCODE_SORTED(params), digest_size=16).hexdigest()


class Keys:
    """The keys of the last day, and those whose first request is under way."""

    def __init__(self) -> None:
        self._kept: dict[str, Kept] = {}
        self._under_way: set[str] = set()

    def begin(self, key: str, path: str, fingerprint: str, now: int) -> Kept | None:
        """Claim a key; its answer if it has one already. Raises StripeError when it is not ours to use now."""
        self._forget_old(now)
        if key in self._under_way:
            raise key_in_use(key)
        kept = self._kept.get(key)
        if kept is None:
            self._under_way.add(key)
        elif kept.path != path or kept.fingerprint != fingerprint:
            raise key_used_otherwise(key, kept.path, path)
        return kept

    def let_go(self, key: str) -> None:
        """The request is over."""
        self._under_way.discard(key)

    def keep(self, kept: Kept) -> None:
        """Remember an answer."""
        self._kept.pop(kept.key, None)
        self._kept[kept.key] = kept

    def _forget_old(self, now: int) -> None:
        """Answers stand in the order in which they were given, so the old ones are in front."""
        while self._kept:
            oldest = next(iter(self._kept.values()))
            if now - oldest.at < LIVES_S:
                return
            del self._kept[oldest.key]
