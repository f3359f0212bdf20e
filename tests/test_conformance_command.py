"""`commerce conformance`: how the author of a till learns where it is wrong, and what is said of one that breaks."""

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from commerce.__main__ import commerce
from pricing.conformance import published_schema, published_vectors, read_vectors
from tests.conftest import REPOSITORY

KNOWN = read_vectors(published_vectors())
ALL = len(KNOWN.vectors)
RIGHT = """
import json, os, sys
from pricing.conformance import Engine
engine = Engine()
for number, line in enumerate(sys.stdin):
    question = json.loads(line)
    said = engine.answer(question)
    {spoil}
    print(json.dumps(said), flush=True)
{after}
"""


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Type a command of this kind."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    return lambda *words: CliRunner().invoke(commerce, ["conformance", *words])


@pytest.fixture
def till(tmp_path: Path) -> Callable[..., str]:
    """The command of a till that is right, but for what is put between."""

    def made(spoil: str = "pass", after: str = "") -> str:
        program = tmp_path / "till.py"
        program.write_text(RIGHT.format(spoil=spoil, after=after))
        return f"{sys.executable} {program}"

    return made


def test_our_own_engine_is_right(typed: Callable[..., Result]) -> None:
    ran = typed("run")

    assert (ran.exit_code, ran.stdout) == (0, f"{ALL} of {ALL} equal\n")


def test_our_own_engine_is_right_over_the_line_too(typed: Callable[..., Result]) -> None:
    ran = typed("run", "--command", f"{sys.executable} -m commerce conformance answer", "--strict")

    assert (ran.exit_code, ran.stdout) == (0, f"{ALL} of {ALL} equal\n")


def test_a_till_that_rounds_wrongly_is_shown_where(typed: Callable[..., Result], till: Callable[..., str]) -> None:
    spoil = "if question['id'] == 'percent-of-lines/half-goes-up': said['quote']['total'] += 1"

    ran = typed("run", "--command", till(spoil), "--only", "percent-of-lines")

    assert ran.exit_code == 2
    [row] = [line for line in ran.stdout.splitlines() if "quote.total" in line]
    assert row.replace("│", " ").split() == ["percent-of-lines/half-goes-up", "quote.total", "4", "5"]
    assert ran.stdout.splitlines()[-1] == "10 of 11 equal"


def test_a_program_is_told_the_same_as_json(typed: Callable[..., Result], till: Callable[..., str]) -> None:
    spoil = "if number == 1: said = {'refused': {'code': 'not_priced', 'line': None}}"

    ran = typed("run", "--command", till(spoil), "--only", "prices/one", "--only", "prices/three", "--json")

    said = json.loads(ran.stdout)
    assert ran.exit_code == 2
    assert {name: said[name] for name in ("version", "minor", "vectors", "answered", "equal", "trouble")} == {
        "version": 2,
        "minor": 1,
        "vectors": 2,
        "answered": 2,
        "equal": 1,
        "trouble": None,
    }
    [failure] = said["failures"]
    assert (failure["id"], failure["about"]) == ("prices/three", "Three units cost three times as much.")
    assert [one["path"] for one in failure["differences"]] == ["quote", "refused"]
    assert "got" not in failure["differences"][0]
    assert failure["differences"][1] == {"path": "refused", "got": {"code": "not_priced", "line": None}}


def test_other_words_for_a_reason_are_no_difference_unless_asked(
    typed: Callable[..., Result], till: Callable[..., str]
) -> None:
    command = till("for one in said['quote']['verdicts']: one['reason'] = 'because'")
    only = ("--only", "condition-quantity")

    assert typed("run", "--command", command, *only).exit_code == 0
    assert typed("run", "--command", command, *only, "--strict").exit_code == 2


GARBAGE = """if number > 0:
        garbage = [b'Starting ...', b'[1]', b'\\xff', json.dumps({**said, 'id': 'prices/one'}).encode()]
        sys.stdout.buffer.write(garbage[number - 1] + b'\\n'); sys.stdout.flush(); continue"""


def test_garbage_is_a_difference_of_that_vector_and_the_next_is_asked(
    typed: Callable[..., Result], till: Callable[..., str]
) -> None:
    only = [word for name in ("one", "three", "two-skus", "sku-twice", "free") for word in ("--only", f"prices/{name}")]

    ran = typed("run", "--command", till(GARBAGE), *only)

    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in ran.stdout.splitlines() if "prices/" in line]
    assert ran.exit_code == 2
    assert rows == [
        ["prices/three", "(the line)", '"an object of JSON"', '"Starting ..."'],
        ["prices/two-skus", "(the line)", '"an object of JSON"', '"[1]"'],
        ["prices/sku-twice", "(the line)", '"an object of JSON"', '"\N{REPLACEMENT CHARACTER}"'],
        ["prices/free", "id", '"prices/free"', '"prices/one"'],
    ]
    assert ran.stdout.splitlines()[-1] == "1 of 5 equal"


TOO_MANY = "After the last answer, to prices/three: it wrote more lines than it was asked for."
TOO_LONG = "After the last answer, to prices/three: it wrote on, a line longer than 16 MiB."


@pytest.mark.parametrize(
    ("spoil", "after", "said"),
    [
        ("if number == 1: sys.exit(3)", "", "prices/three has no answer: it ended with status 3."),
        ("if number == 1: sys.exit(0)", "", "prices/three has no answer: it ended with status 0."),
        ("if number == 1: os.kill(os.getpid(), 9)", "", "prices/three has no answer: it was ended by signal 9."),
        ("pass", "print('{}'); print('{}')", TOO_MANY),
        ("pass", "while True: print('more ' * 1000)", TOO_MANY),
        ("pass", "while True: sys.stdout.write('more ' * 1000)", TOO_LONG),
        ("pass", "sys.exit(4)", "After the last answer, to prices/three: it ended with status 4."),
    ],
)
def test_a_till_that_breaks_is_named_with_the_vector_at_which_it_did(
    typed: Callable[..., Result], till: Callable[..., str], spoil: str, after: str, said: str
) -> None:
    ran = typed("run", "--command", till(spoil, after), "--only", "prices/one", "--only", "prices/three")

    equal = 1 if "no answer" in said else 2
    assert (ran.exit_code, ran.stderr.strip(), ran.stdout) == (1, said, f"{equal} of 2 equal\n")


def test_a_till_that_says_nothing_is_not_waited_for_any_longer(
    typed: Callable[..., Result], till: Callable[..., str]
) -> None:
    ran = typed("run", "--command", till("continue"), "--only", "prices", "--timeout", "1", "--json")

    said = json.loads(ran.stdout)
    assert ran.exit_code == 1
    assert (said["answered"], said["trouble"]) == (0, "prices/one has no answer: it did not answer within 1 s.")


class Diary:
    """What a program and all that it starts write down, and whether some of them still could."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.path, self._end = path, os.open(path, os.O_RDONLY | os.O_NONBLOCK)

    def next(self) -> str | None:
        """What is written next; nothing once nobody holds it any more, None where half a minute brings neither."""
        there, _, _ = select.select([self._end], [], [], 30)
        return os.read(self._end, 1000).decode() if there else None

    def close(self) -> None:
        """Nobody reads on."""
        os.close(self._end)


@pytest.fixture
def diary(tmp_path: Path) -> Iterator[Diary]:
    """A diary that programs can write."""
    kept = Diary(tmp_path / "diary")
    yield kept
    kept.close()


def behind_a_shell(diary: Diary) -> str:
    """A till that says nothing, and is started by a shell that waits for it."""
    return f"""sh -c 'exec 3>"{diary.path}"; echo began >&3; sh -c "sleep 60; echo woke >&3"; true'"""


def test_a_till_behind_a_shell_is_not_waited_for_either_and_is_ended_with_it(
    typed: Callable[..., Result], diary: Diary
) -> None:
    ran = typed("run", "--command", behind_a_shell(diary), "--only", "prices", "--timeout", "1", "--json")

    said = json.loads(ran.stdout)
    assert (ran.exit_code, said["trouble"]) == (1, "prices/one has no answer: it did not answer within 1 s.")
    assert [diary.next(), diary.next()] == ["began\n", ""]


def test_what_a_till_leaves_running_is_ended_with_it(
    typed: Callable[..., Result], till: Callable[..., str], diary: Diary
) -> None:
    command = f"""sh -c 'exec 3>"{diary.path}"; echo began >&3; sleep 60 >&3 & exec {till()}'"""
    ran = typed("run", "--command", command, "--only", "prices/one")

    assert (ran.exit_code, [diary.next(), diary.next()]) == (0, ["began\n", ""])


def test_whoever_breaks_it_off_leaves_nothing_running(diary: Diary) -> None:
    words = [sys.executable, "-m", "commerce", "conformance", "run", "--command", behind_a_shell(diary)]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=REPOSITORY) as running:  # noqa: S603 - our own program
        began = diary.next()
        running.send_signal(signal.SIGINT)

    assert (began, diary.next()) == ("began\n", "")
    assert running.returncode != 0


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--command", "no-such-till-here"), "command_not_started"),
        (("--command", "  "), "command_not_started"),
        (("--command", "till 'unclosed"), "command_not_started"),
        (("--only", "umbrellas"), "no_such_feature"),
        (("--vectors", "/nowhere/vectors.json"), "vectors_unreadable"),
        (("--vectors", __file__), "vectors_unreadable"),
    ],
)
def test_what_cannot_be_run_is_refused(typed: Callable[..., Result], words: tuple[str, ...], code: str) -> None:
    ran = typed("run", *words, "--json")

    assert (ran.exit_code, json.loads(ran.stdout)["code"]) == (2, code)


def test_vectors_are_written_down_and_read_from_there(typed: Callable[..., Result], tmp_path: Path) -> None:
    written = typed("export", str(tmp_path / "new"), "--json")
    ran = typed("run", "--vectors", str(tmp_path / "new" / "vectors.json"))

    assert written.exit_code == 0
    assert (tmp_path / "new" / "vectors.json").read_text() == published_vectors()
    assert (tmp_path / "new" / "schema.json").read_text() == published_schema()
    assert ran.stdout == f"{ALL} of {ALL} equal\n"
    assert typed("export", str(tmp_path / "new" / "schema.json" / "deeper")).exit_code == 2


def test_questions_that_are_none_are_answered_with_the_reason() -> None:
    words = [sys.executable, "-m", "commerce", "conformance", "answer"]
    nested, huge = "[" * 5000 + "]" * 5000, deepcopy(KNOWN.question(KNOWN.vectors[0]))
    for item in huge["book"]["items"]:
        item.update(recommended=[[0, None, 2**53]], channels=[])
    huge["basket"]["lines"][0]["quantity"] = 10_000
    asked = [
        "nonsense",
        '{"id": "x", "book": {}, "basket": {}, "instant": 1}',
        '{"id": "x", "book": ' + nested + "}",
        '{"id": {"a": 1}}',
        json.dumps(huge),
    ]

    ran = subprocess.run(words, input="\n".join(asked), capture_output=True, text=True, check=True, cwd=REPOSITORY)  # noqa: S603 - our own program

    first, second, third, fourth, last = (json.loads(line) for line in ran.stdout.splitlines())
    assert [first.keys(), third.keys(), fourth.keys()] == [{"error"}] * 3
    assert (second["id"], second["error"]) == ("x", "Object missing required field `channel` - at `$.basket`")
    assert last["quote"]["total"] == 10_000 * 2**53
