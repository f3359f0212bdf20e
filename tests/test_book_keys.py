"""Who signs, and who believes it: tampered, cut off and wrongly signed books are refused; keys hand over."""

import asyncio
import base64
import json
from collections.abc import Callable
from datetime import timedelta

import pytest

from commerce.kernel.clock import SetClock
from commerce.kernel.db import Database
from commerce.kernel.refusals import Refusal
from pricing.books.canonical import sha256_of
from pricing.books.deliver import book_since, whole_book
from pricing.books.errors import (
    BookKeyUnknown,
    BookMalformed,
    BookOfAnotherMarket,
    BookTampered,
    BookTooOld,
    BookWronglySigned,
    ChainBroken,
    DeltaBackwards,
    KeyRotationOpen,
    NoNextKey,
)
from pricing.books.keys import activate, key_chain, rotate
from pricing.books.publish import publish_everywhere
from pricing.books.sign import make_secret, public_of, sign_book, sign_key
from pricing.books.verify import Introduction, Trusted, follow, verify
from tests.book_stories import SOON, publish, reprice, trusted
from tests.conftest import NOON, Json
from tests.shop import rows
from tests.stories import every_law_holds, open_lawful_shop

STRANGER = make_secret()


@pytest.fixture
async def sent(db: Database) -> bytes:
    """The envelope of the second German book."""
    await open_lawful_shop(db, books=False)
    await publish(db)
    await publish(db, "us")
    await reprice(db, "CASE-BLK", 2500, SOON)
    await publish(db)
    return await whole(db, 2)


async def whole(db: Database, number: int, market: str = "de") -> bytes:
    """A book in its envelope."""
    async with db.read() as tx:
        return await whole_book(tx, market, number)


async def since(db: Database, number: int) -> bytes:
    """What makes the current book of an older one."""
    async with db.read() as tx:
        return await book_since(tx, "de", number, await newest(db))


async def newest(db: Database) -> int:
    """The number of the current book."""
    [(number,)] = await rows(db, "SELECT number FROM price_book_heads WHERE market = 'de'")
    return int(number)


async def turn_keys(db: Database) -> None:
    """A whole rotation, published everywhere."""
    async with db.transaction() as tx:
        await rotate(tx, db.clock.now())
    await publish_everywhere(db, db.clock.now())
    async with db.transaction() as tx:
        await activate(tx, db.clock.now())
    await publish_everywhere(db, db.clock.now())


async def chain(db: Database) -> list[Introduction]:
    """The chain of keys, as a till gets it."""
    async with db.read() as tx:
        view = await key_chain(tx)
    return [Introduction(one.id, one.public, one.introduced_by, one.introduction) for one in view.keys]


async def test_a_good_book_is_believed_and_says_whom_to_believe_next(db: Database, sent: bytes) -> None:
    verified = verify(sent, await trusted(db, number=1))

    assert (verified.book.market, verified.book.number) == ("de", 2)
    assert verified.sha256 == sha256_of(verified.body)
    assert verified.trusted == await trusted(db, number=2)
    assert verify(sent, verified.trusted).body == verified.body


async def test_a_delta_is_believed_for_the_book_it_makes(db: Database, sent: bytes) -> None:
    first = verify(await whole(db, 1), await trusted(db))
    delta = await since(db, 1)

    assert "book" not in json.loads(delta)
    assert len(delta) < len(sent) / 2
    second = verify(delta, first.trusted, first.body)
    assert second.body == verify(sent, first.trusted).body
    assert verify(await since(db, 2), second.trusted, second.body).body == second.body


def altered(sent: bytes, change: Callable[[Json], None]) -> bytes:
    """The envelope with something else in it; the book's bytes are as they were, unless they are changed."""
    envelope = json.loads(sent)
    change(envelope)
    return json.dumps(envelope, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def signed_by(secret: bytes, **said: str) -> Callable[[Json], None]:
    """Somebody else's signature."""

    def sign(envelope: Json) -> None:
        envelope["signature"] = base64.b64encode(sign_book(secret, envelope["sha256"])).decode()
        envelope |= said

    return sign


def made_cheaper(envelope: Json) -> None:
    """The phone for a cent."""
    envelope["book"]["items"][3]["recommended"][0][2] = 1


def made_cheaper_and_hashed(envelope: Json) -> None:
    """The phone for a cent, and the hash that goes with it."""
    made_cheaper(envelope)
    body = json.dumps(envelope["book"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    envelope["sha256"] = sha256_of(body.encode())


ATTACKS: dict[str, tuple[Callable[[Json], None], type[Refusal]]] = {
    "a price is another one": (made_cheaper, BookTampered),
    "a price is another one, and the hash fits": (made_cheaper_and_hashed, BookWronglySigned),
    "the hash is another one": (lambda sent: sent.update(sha256="0" * 64), BookTampered),
    "a stranger signed it": (signed_by(STRANGER), BookWronglySigned),
    "a stranger signed it, and says so": (
        lambda sent: (signed_by(STRANGER)(sent), sent.update(key="bky_x"))[0],
        BookKeyUnknown,
    ),
    "there is no signature": (lambda sent: sent.update(signature=""), BookWronglySigned),
    "the signature is no base64": (lambda sent: sent.update(signature="?"), BookMalformed),
    "the signature is cut off": (lambda sent: sent.update(signature=sent["signature"][:-4]), BookWronglySigned),
    "the envelope says another number": (lambda sent: sent.update(number=9), BookMalformed),
    "the envelope says another market": (lambda sent: sent.update(market="us"), BookMalformed),
    "there is no book": (lambda sent: sent.pop("book"), BookMalformed),
    "there is more in it": (lambda sent: sent.update(more=1), BookMalformed),
}


@pytest.mark.parametrize("attack", ATTACKS)
async def test_a_book_that_is_not_ours_is_refused(db: Database, sent: bytes, attack: str) -> None:
    change, refusal = ATTACKS[attack]
    with pytest.raises(refusal):
        verify(altered(sent, change), await trusted(db))


async def test_a_book_that_was_cut_off_is_refused_wherever_it_was_cut(db: Database, sent: bytes) -> None:
    believed = await trusted(db)
    for length in range(0, len(sent), 97):
        with pytest.raises(BookMalformed):
            verify(sent[:length], believed)


async def test_no_single_byte_may_be_another_one(db: Database, sent: bytes) -> None:
    believed = await trusted(db)
    for place in range(0, len(sent), 41):
        other = sent[:place] + bytes([sent[place] ^ 1]) + sent[place + 1 :]
        with pytest.raises(Refusal):
            verify(other, believed)


async def test_a_good_book_of_another_market_or_of_yesterday_is_refused(db: Database, sent: bytes) -> None:
    with pytest.raises(BookOfAnotherMarket) as elsewhere:
        verify(await whole(db, 1, "us"), await trusted(db))
    assert elsewhere.value.facts() == {"market": "us", "wanted": "de"}

    held = verify(sent, await trusted(db))
    with pytest.raises(BookTooOld) as old:
        verify(await whole(db, 1), held.trusted)
    assert old.value.facts() == {"number": 1, "held": 2}


async def test_a_delta_needs_the_very_book_it_was_made_for(db: Database, sent: bytes) -> None:
    delta = await since(db, 1)
    with pytest.raises(BookMalformed):
        verify(delta, await trusted(db))
    with pytest.raises(DeltaBackwards):
        verify(delta, await trusted(db), verify(sent, await trusted(db)).body)
    cheaper = altered(delta, lambda one: one["delta"]["items"]["put"]["CASE-BLK"]["recommended"].pop())
    with pytest.raises(BookTampered):
        verify(cheaper, await trusted(db), verify(await whole(db, 1), await trusted(db)).body)


# Rotation


async def test_the_next_key_is_named_in_books_before_it_signs_any(db: Database, sent: bytes, clock: SetClock) -> None:
    first = next(iter((await trusted(db)).keys))
    held = verify(sent, await trusted(db))
    async with db.transaction() as tx:
        second = await rotate(tx, clock.now())
    assert await publish_everywhere(db, clock.now()) == {"de": 3, "us": 2}

    held = verify(await whole(db, 3), held.trusted)
    assert held.trusted.keys.keys() == {first, second}
    async with db.transaction() as tx:
        assert await activate(tx, clock.now()) == second
    await publish_everywhere(db, clock.now())

    latest = await whole(db, 4)
    assert json.loads(latest)["key"] == second
    held = verify(latest, held.trusted)
    assert held.trusted.keys.keys() == {second}
    with pytest.raises(BookKeyUnknown):
        verify(await whole(db, 2), Trusted("de", held.trusted.keys))
    assert await rows(db, "SELECT id, state, secret IS NULL FROM book_keys ORDER BY created_at, id") == [
        (first, "retired", True),
        (second, "current", False),
    ]
    await every_law_holds(db)


async def test_a_till_that_slept_through_two_rotations_finds_its_way(
    db: Database, sent: bytes, clock: SetClock
) -> None:
    pinned = await trusted(db)
    del sent
    for _ in range(2):
        clock.advance(timedelta(days=30))
        await turn_keys(db)
    async with db.read() as tx:
        latest = await book_since(tx, "de", 1, await newest(db))
    with pytest.raises(BookKeyUnknown):
        verify(latest, pinned, verify(await whole(db, 1), pinned).body)

    followed = follow(pinned.keys, await chain(db))
    assert len(followed) == 3
    held = verify(latest, Trusted("de", followed), verify(await whole(db, 1), pinned).body)
    assert held.book.number == 6


async def test_a_chain_with_a_stranger_in_it_leads_nowhere(db: Database, sent: bytes) -> None:
    del sent
    pinned = await trusted(db)
    await turn_keys(db)
    first, second = await chain(db)
    public = public_of(STRANGER)
    lie = base64.b64encode(sign_key(STRANGER, "bky_x", public)).decode()

    with pytest.raises(ChainBroken):
        follow(pinned.keys, [first, second, Introduction("bky_x", public.hex(), second.id, lie)])
    with pytest.raises(ChainBroken):
        follow(pinned.keys, [first, Introduction(second.id, public.hex(), second.introduced_by, second.introduction)])
    alone = Introduction("bky_x", public.hex(), None, None)
    others = Introduction(
        "bky_y", public.hex(), "bky_x", base64.b64encode(sign_key(STRANGER, "bky_y", public)).decode()
    )
    assert follow(pinned.keys, [others, alone, second]).keys() == {first.id, second.id}
    assert follow({}, [first, second]) == {}


async def test_one_rotation_at_a_time(db: Database, sent: bytes) -> None:
    del sent
    async with db.transaction() as tx:
        with pytest.raises(NoNextKey):
            await activate(tx, NOON)
    async with db.transaction() as tx:
        waiting = await rotate(tx, NOON)
    async with db.transaction() as tx:
        with pytest.raises(KeyRotationOpen) as refused:
            await rotate(tx, NOON)
    assert refused.value.facts() == {"key": waiting}


async def test_the_first_key_of_all_is_made_once_by_whoever_publishes_first(db: Database) -> None:
    await open_lawful_shop(db, books=False)
    assert list(await asyncio.gather(publish(db, "de"), publish(db, "us"))) == [1, 1]
    assert await rows(db, "SELECT count(*) FROM book_keys") == [(1,)]
