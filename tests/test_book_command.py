"""`commerce book`: what is seen of price books from a terminal, and what a bad one looks like."""

import asyncio
import base64
import json
import re
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from commerce.__main__ import commerce
from commerce.commands.book_difference import told
from commerce.kernel.access import Role
from commerce.kernel.db import Database
from pricing.books.report import Difference
from pricing.books.sign import make_secret, public_of, sign_book, sign_key
from tests.book_stories import SOON, hold, promote, publish, reprice
from tests.conftest import Callers, Json
from tests.shop import rows
from tests.stories import open_lawful_shop, plant


@pytest.fixture
async def typed(url: str, db: Database, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Type a command of this kind, on a shop with two German books and an American one."""
    await open_lawful_shop(db, books=False)
    await publish(db)
    await publish(db, "us")
    await reprice(db, "CASE-BLK", 2500, SOON)
    await promote(db, SOON)
    await publish(db)
    monkeypatch.setenv("COMMERCE_DATABASE_URL", url)
    monkeypatch.setenv("COLUMNS", "200")
    return lambda *words: CliRunner().invoke(commerce, ["book", *words])


def test_books_are_listed_and_compared(typed: Callable[..., Result]) -> None:
    heads = json.loads(typed("show", "--json").stdout)["books"]
    germans = json.loads(typed("show", "de", "--json").stdout)["books"]
    first = json.loads(typed("show", "de", "--number", "1", "--json").stdout)["books"]
    shown = typed("show", "de")
    found = json.loads(typed("diff", "de", "1", "2", "--json").stdout)["differences"]
    read = typed("diff", "de", "1", "2")

    assert [(one["market"], one["number"]) for one in heads] == [("de", 2), ("us", 1)]
    assert [one["number"] for one in germans] == [1, 2]
    assert first == germans[:1]
    assert germans[1]["sha256"][:16] in shown.stdout
    assert [(one["section"], one["key"]) for one in found] == [
        ("header", "number"),
        ("items", "CASE-BLK"),
        ("promotions", "prm_1"),
    ]
    (begins, ends, old), (soon, never, new) = found[1]["becomes"]["recommended"]
    assert (found[1]["was"]["recommended"], ends, old, never, new) == ([[begins, None, 2900]], soon, 2900, None, 2500)
    assert "2500 from 2026-11-02 12:02:00Z" in read.stdout
    assert "2900 from 2026-01-01 00:00:00Z" in read.stdout
    back = typed("diff", "de", "2", "1", "--json")
    assert (back.exit_code, json.loads(back.stdout)["code"]) == (2, "delta_backwards")
    none = typed("diff", "de", "1", "9", "--json")
    assert (none.exit_code, json.loads(none.stdout)["code"]) == (2, "not_found")
    assert typed("show", "--number", "1").exit_code == 2


TONIGHT, MIDNIGHT = "2026-11-02 18:00:00Z", "2026-11-02 23:00:00Z"
SINCE = "2026-01-01 00:00:00Z"
FROM, UNTIL = TONIGHT.replace(" ", "T"), MIDNIGHT.replace(" ", "T")
ENDED = (
    "UPDATE recommended_prices SET superseded_at = '2026-11-02T12:00:00Z' WHERE sku = 'WATCH' AND market = 'de';"
    "INSERT INTO recommended_prices (sku, market, valid_from, valid_to, amount, recorded_at)"
    f" VALUES ('WATCH', 'de', '2026-01-01Z', '{FROM}', 24900, '2026-11-02T12:00:00Z')"
)


@pytest.mark.parametrize(
    ("done", "becomes"),
    [
        (ENDED, [("items WATCH recommended", f"24900 from {SINCE}", f"24900 from {SINCE} to {TONIGHT}")]),
        (
            (
                "INSERT INTO channel_prices (sku, channel, valid_from, valid_to, amount)"
                f" VALUES ('WATCH', 'web-de', '{FROM}', '{UNTIL}', 23900)"
            ),
            [("items WATCH channels.web-de", "", f"23900 from {TONIGHT} to {MIDNIGHT}")],
        ),
        (
            (
                "UPDATE variants SET category = 'phones', brand = NULL, product = 'case', tax_class = 'reduced',"
                """ attributes = '{"colour": "red", "strap": "long"}' WHERE sku = 'WATCH'"""
            ),
            [
                ("items WATCH attributes.colour", "", "red"),
                ("items WATCH attributes.strap", "", "long"),
                ("items WATCH brand", "Brand", ""),
                ("items WATCH category", "accessories", "phones"),
                ("items WATCH product", "watch", "case"),
                ("items WATCH tax_class", "standard", "reduced"),
            ],
        ),
        (
            (
                f"INSERT INTO unit_costs (sku, market, valid_from, amount) VALUES ('WATCH', 'de', '{FROM}', 11000);"
                """UPDATE promotions SET definition = definition || '{"floor": {"cost": true}}'"""
            ),
            [("items WATCH costs", "", f"11000 from {TONIGHT}"), ("promotions prm_1 floor.cost", "", "true")],
        ),
        (
            "UPDATE tax_rates SET rate_bp = 800 WHERE market = 'de' AND tax_class = 'reduced'",
            [("taxes reduced rates", f"700 from {SINCE}", f"800 from {SINCE}")],
        ),
        (
            f"""UPDATE promotions SET ends_at = '{UNTIL}', definition = definition ||
             '{{"benefit": {{"kind": "percent", "share": 500}}, "cap": 100, "conditions": {{"quantity": 2}}}}'""",
            [
                ("promotions prm_1 benefit.share", "1000", "500"),
                ("promotions prm_1 cap", "", "100"),
                ("promotions prm_1 conditions.items", '{"categories":["cases"]}', ""),
                ("promotions prm_1 conditions.quantity", "", "2"),
                ("promotions prm_1 ends", "", MIDNIGHT),
            ],
        ),
        (
            (
                "UPDATE categories SET parent = 'phones' WHERE code = 'cases';"
                "INSERT INTO categories (code, parent, name) VALUES ('straps', NULL, 'Straps')"
            ),
            [("categories cases parent", "accessories", "phones"), ("categories straps code", "", "straps")],
        ),
        (
            (
                "INSERT INTO pricing_policies (market, parity, tax_rounding, prior_window_days, prior_announced_days,"
                " prior_progressive, prior_new_arrivals, horizon_days, readiness_minutes, set_by, set_at)"
                " VALUES ('de', 'equal', 'order', 60, 90, false, 'shorter', 92, 15, 'test', '2026-01-01Z')"
            ),
            [("header tax_rounding", "line", "order"), ("header prior.window_days", "30", "60")],
        ),
        (
            "INSERT INTO channels (code, kind, market, name) VALUES ('app-de', 'online', 'de', 'App')",
            [("channels app-de code", "", "app-de"), ("channels app-de kind", "", "online")],
        ),
    ],
    ids=["end", "channel", "sku", "cost", "tax", "promotion", "category", "policy", "new channel"],
)
async def test_two_books_are_compared_member_by_member(
    typed: Callable[..., Result], db: Database, done: str, becomes: list[tuple[str, str, str]]
) -> None:
    await plant(db, *done.split(";"))
    await publish(db, at_once=True)

    read = await asyncio.to_thread(typed, "diff", "de", "2", "3")

    assert [row for row in cells(read.stdout) if row[0] != "header number"] == becomes


def test_offsets_of_a_zone_and_instants_within_a_second_are_told_apart() -> None:
    began, soon = "1970-01-01 00:00:00Z", "1970-01-01 00:00:00.000001Z"
    before, after = ({"name": "Europe/Berlin", "offsets": each} for each in ([[0, 3600]], [[0, 3600], [1, 7200]]))
    zone = Difference("header", "time_zone", before, after)
    price = Difference("items", "WATCH", {"recommended": [[0, None, 9900]]}, {"recommended": [[1, None, 9900]]})

    assert [*told(zone), *told(price)] == [
        ("header time_zone.offsets", f"3600 from {began}", f"3600 from {began}\n7200 from {soon}"),
        ("items WATCH recommended", f"9900 from {began}", f"9900 from {soon}"),
    ]


def cells(table: str) -> list[tuple[str, ...]]:
    """The rows below the head of a table in a terminal; lines of a cell are lines."""
    _, _, below = table.partition("\u2529\n")
    body, _, _ = below.partition("\u2514")
    rows = ([line.strip("\u2502").split("\u2502") for line in row.splitlines()] for row in re.split("\u251c.*\n", body))
    return [tuple("\n".join(line.strip() for line in cell).strip() for cell in zip(*row, strict=True)) for row in rows]


@pytest.mark.parametrize(("named", "said"), [(("nowhere",), "nowhere"), (("de", "--number", "300"), "de 300")])
def test_a_book_that_is_not_there_is_refused_however_it_is_asked_for(
    typed: Callable[..., Result], tmp_path: Path, named: tuple[str, ...], said: str
) -> None:
    for words in (named, (*named, "--save", str(tmp_path / "none.json"))):
        shown, told = typed("show", *words), typed("show", *words, "--json")
        assert (shown.exit_code, shown.stdout, shown.stderr) == (2, "", f"There is no price book {said!r}.\n")
        assert (told.exit_code, json.loads(told.stdout)["code"]) == (2, "not_found")


async def test_a_shop_without_a_book_says_so(url: str, db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    await open_lawful_shop(db, books=False)
    monkeypatch.setenv("COMMERCE_DATABASE_URL", url)
    shown = await asyncio.to_thread(CliRunner().invoke, commerce, ["book", "show"])

    assert (shown.exit_code, shown.stdout) == (0, "There is no price book yet.\n")


def test_a_saved_book_is_checked_without_a_shop(typed: Callable[..., Result], tmp_path: Path) -> None:
    file = tmp_path / "de.json"
    assert typed("show", "de", "--save", str(file)).exit_code == 0
    [key] = json.loads(typed("keys", "--json").stdout)["keys"]

    good = typed("verify", str(file), "--key", key["public"], "--json")
    assert good.exit_code == 0
    assert {name: json.loads(good.stdout)[name] for name in ("market", "number", "items", "promotions")} == {
        "market": "de",
        "number": 2,
        "items": 6,
        "promotions": 1,
    }
    assert "nobody: no --key was given" in typed("verify", str(file)).stdout

    def verdict(*words: str) -> tuple[int, str]:
        said = typed("verify", str(file), *words, "--json")
        return said.exit_code, json.loads(said.stdout)["code"]

    assert verdict("--market", "us") == (2, "book_of_another_market")
    assert verdict("--key", "00" * 32) == (2, "book_key_unknown")
    for no_key in ("nonsense", "zz", "", key["public"][:-2], f"{key['public']}00"):
        assert verdict("--key", no_key) == (2, "not_a_key")
    assert verdict("--key", "\udcff") == (2, "invalid_usage")
    sent = file.read_bytes()
    forged = json.loads(sent) | {
        "signature": base64.b64encode(sign_book(make_secret(), json.loads(good.stdout)["sha256"])).decode()
    }
    file.write_bytes(msgspec.json.encode(forged))
    for trusted in ((), ("--key", key["public"])):
        assert verdict(*trusted) == (2, "book_wrongly_signed")
    file.write_bytes(sent.replace(b"2500", b"1500"))
    assert verdict() == (2, "book_tampered")
    said = typed("verify", str(file))
    assert (said.exit_code, said.stderr.count("\n")) == (2, 1)
    file.write_bytes(sent[:-100])
    assert verdict() == (2, "book_malformed")
    before, _, _ = sent.partition(b'{"categories"')
    file.write_bytes(before + b"[" * 100_000)
    assert verdict() == (2, "book_malformed")


async def test_keys_are_turned_and_readiness_is_shown(
    typed: Callable[..., Result], db: Database, callers: Callers
) -> None:
    till = await callers(Role.TERMINAL, channel="retail-de", location="berlin")
    await hold(till, 2)

    def type_all() -> None:
        made = json.loads(typed("rotate", "--json").stdout)
        assert (made["de"], made["us"]) == (3, 2)
        ready = json.loads(typed("readiness", "de", "--json").stdout)
        assert (ready["number"], ready["ready"]) == (3, False)
        assert "Book 2: 1 of 1 hold it." in typed("readiness", "de", "--number", "2").stdout
        moved = json.loads(typed("rotate", "--activate", "--json").stdout)
        assert (moved["activated"], moved["de"]) == (made["next"], 4)
        assert made["next"] in typed("keys").stdout
        assert "nothing: the books say it all" in typed("publish").stdout

    await asyncio.to_thread(type_all)
    assert await rows(db, "SELECT state FROM book_keys ORDER BY created_at") == [("retired",), ("current",)]


def test_a_till_that_was_given_the_first_key_goes_on_however_often_keys_are_turned(
    typed: Callable[..., Result], tmp_path: Path
) -> None:
    """From the command line alone, as the README's till does it."""
    book, chain = str(tmp_path / "de.json"), tmp_path / "keys.json"
    first = str(json.loads(typed("keys", "--json").stdout)["keys"][0]["public"])
    for turn in range(3):
        assert typed("show", "de", "--save", book).exit_code == 0
        chain.write_text(typed("keys", "--json").stdout)
        followed = ("--key", first.upper(), "--keys", str(chain))
        checked = typed("verify", book, *followed, "--json")
        priced = typed("quote", book, "--channel", "web-de", "--sku", "WATCH", *followed)
        assert (checked.exit_code, priced.exit_code) == (0, 0), checked.output + priced.output
        assert json.loads(checked.stdout)["trusted"] == "the key that was given, and those that it leads to"
        alone = typed("verify", book, "--key", first)
        assert alone.exit_code == (2 if turn else 0)
        if turn:
            assert "which is not a key that is trusted here.\nKeys change: follow the chain" in alone.stderr
            assert "--keys FILE" in alone.stderr
        for words in (("rotate",), ("rotate", "--activate")):
            assert typed(*words).exit_code == 0


def test_a_chain_of_keys_is_not_followed_further_than_it_leads(typed: Callable[..., Result], tmp_path: Path) -> None:
    """Whoever hands a till another chain, or another signature, does not get past the key that was entered."""
    book, file = tmp_path / "de.json", tmp_path / "keys.json"
    for words in (("rotate",), ("rotate", "--activate"), ("show", "de", "--save", str(book))):
        assert typed(*words).exit_code == 0
    chain = json.loads(typed("keys", "--json").stdout)["keys"]
    first, second = chain

    def verdict(keys: object, key: str = first["public"]) -> str:
        file.write_bytes(keys if isinstance(keys, bytes) else msgspec.json.encode({"keys": keys}))
        refused = typed("verify", str(book), "--key", key, "--keys", str(file), "--json")
        assert refused.exit_code == 2
        told: Json = json.loads(refused.stdout)
        assert (told["code"] == "book_key_unknown") == ("does not lead to it" in told.get("hint", ""))
        return str(told["code"])

    stranger = make_secret()
    theirs = public_of(stranger)
    assert verdict([first]) == verdict([]) == verdict(chain, theirs.hex()) == "book_key_unknown"
    lie = {**second, "public": theirs.hex()}
    assert verdict([first, lie]) == verdict([first, {**second, "introduction": "?"}]) == "chain_broken"
    assert verdict([first, {**second, "public": "zz"}]) == "not_a_key"
    for broken in (b"", b"[]", b"{}", b'{"keys": [{}]}', b"\xff", b'{"keys": ' + b"[" * 100_000):
        assert verdict(broken) == "chain_malformed"
    sent = json.loads(book.read_bytes())
    theirs_too = base64.b64encode(sign_book(stranger, sent["sha256"])).decode()
    book.write_bytes(msgspec.json.encode({**sent, "signature": theirs_too}))
    assert verdict(chain) == "book_wrongly_signed"
    introduced = {**second, "introduction": base64.b64encode(sign_key(stranger, second["id"], theirs)).decode()}
    assert verdict([first, {**introduced, "public": theirs.hex()}]) == "chain_broken"
    assert typed("verify", str(book), "--keys", str(file)).exit_code == 2


@pytest.mark.parametrize("columns", ["20", "80"])
def test_a_key_is_shown_whole_however_narrow_the_terminal(
    typed: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    typed("rotate")
    monkeypatch.setenv("COLUMNS", columns)
    shown = typed("keys").stdout.splitlines()
    chain = json.loads(typed("keys", "--json").stdout)["keys"]

    assert shown[::2] == [one["public"] for one in chain]
    assert shown[3] == f"  {chain[1]['id']}, next, introduced by {chain[0]['id']}"
