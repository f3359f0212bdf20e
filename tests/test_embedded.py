"""The embedded stack as real processes: started, killed in every way, and started again."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # its annotations are not published with it
import pytest

from commerce.embedded.folder import DataFolder
from commerce.embedded.locate import running_stack, stack_at
from commerce.embedded.parts import how_it_ended
from commerce.embedded.postgres import EmbeddedPostgres
from commerce.embedded.supervisor import DEATHS_MAX
from commerce.settings import SettingRefused, Settings
from tests.processes import environment, is_gone
from tests.supervised import ALL, pids, supervised
from tests.waiting import eventually

QUICK = {"fsync": "off", "shared_buffers": "16MB"}


def ask(postgres: EmbeddedPostgres, sql: str) -> str:
    """What the database answers."""
    command = [str(postgres.programs / "psql"), postgres.libpq_url, "-Atqc", sql]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - our own command
    return answer.stdout.strip()


def answers(postgres: EmbeddedPostgres) -> bool:
    """Whether the database takes connections."""
    with suppress(subprocess.CalledProcessError):
        return ask(postgres, "SELECT 1") == "1"
    return False


def test_a_deep_path_with_spaces_is_as_good_as_any(folder: Path) -> None:
    postgres = EmbeddedPostgres(folder / ("deep " * 20) / ("deeper" * 20), QUICK)
    assert len(str(postgres.cluster)) > 200

    postgres.start()
    try:
        assert ask(postgres, "SELECT datname FROM pg_database WHERE datname = current_database()") == "commerce"
        assert postgres.folder.sockets.stat().st_mode & 0o777 == 0o700
    finally:
        postgres.stop()

    assert not postgres.folder.sockets.exists()


def test_the_next_start_takes_over_from_a_server_left_behind(folder: Path) -> None:
    left, following = EmbeddedPostgres(folder, QUICK), EmbeddedPostgres(folder, QUICK)
    left.start()
    ask(left, "CREATE TABLE kept AS SELECT 7 AS seven")

    following.start()
    try:
        assert left.exit_code == 0
        assert ask(following, "SELECT seven FROM kept") == "7"
    finally:
        following.stop()


def test_a_pid_file_that_names_somebody_else_does_not_stop_a_start(folder: Path) -> None:
    postgres = EmbeddedPostgres(folder, QUICK)
    postgres.start()
    lines = (postgres.cluster / "postmaster.pid").read_text().splitlines()
    postgres.stop()
    (postgres.cluster / "postmaster.pid").write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")

    postgres.start()
    try:
        assert ask(postgres, "SELECT 1") == "1"
    finally:
        postgres.stop()


def test_every_part_that_is_killed_comes_back_with_its_data_and_all_stop_in_the_end(folder: Path) -> None:
    with supervised(folder) as (supervisor, data):
        eventually(lambda: pids(data).keys() == ALL)
        postgres = EmbeddedPostgres(data.root)
        ask(postgres, "CREATE TABLE kept AS SELECT 7 AS seven")
        first = pids(data)

        for part, pid in first.items():
            os.kill(pid, signal.SIGKILL)
            eventually(lambda part=part, pid=pid: pids(data)[part] != pid)  # type: ignore[misc]  # mypy#12557

        eventually(lambda: answers(postgres))
        assert ask(postgres, "SELECT seven FROM kept") == "7"
        settings = Settings.from_environment(environment(data.root))
        with stack_at(data.root, settings) as urls:
            assert urls.database == postgres.url
        last = pids(data)
        supervisor.send_signal(signal.SIGINT)
        assert supervisor.wait(30) == 0

    assert not set(first.values()) & set(last.values())
    assert all(map(is_gone, last.values()))
    assert not data.state_file.exists()
    assert not data.sockets.exists()


def test_a_database_that_is_killed_while_the_api_comes_up_comes_back_too(folder: Path) -> None:
    with supervised(folder, worker="stand_in --slow.py") as (supervisor, data):
        eventually(lambda: pids(data).keys() == ALL)
        first = pids(data)

        os.kill(first["api"], signal.SIGKILL)
        eventually(lambda: serving(supervisor) not in {first["api"], None})
        os.kill(first["postgres"], signal.SIGKILL)

        eventually(lambda: pids(data)["postgres"] != first["postgres"])
        eventually(lambda: answers(EmbeddedPostgres(data.root)))
        assert pids(data).keys() == first.keys()
        supervisor.send_signal(signal.SIGINT)
        assert supervisor.wait(30) == 0


def test_a_part_that_is_killed_from_outside_is_started_again_however_often(folder: Path) -> None:
    with supervised(folder) as (supervisor, data):
        eventually(lambda: pids(data).keys() == ALL)

        for _ in range(DEATHS_MAX + 2):
            before = pids(data)["worker"]
            os.kill(before, signal.SIGKILL)
            eventually(lambda before=before: pids(data)["worker"] != before)  # type: ignore[misc]  # mypy#12557

        assert pids(data).keys() == ALL
        supervisor.send_signal(signal.SIGINT)
        assert supervisor.wait(30) == 0


def serving(supervisor: subprocess.Popen[str]) -> int | None:
    """The supervisor's API, whatever the stack says."""
    children = psutil.Process(supervisor.pid).children()
    return next((child.pid for child in children if not is_gone(child.pid) and "serve" in child.cmdline()), None)


def test_a_server_in_the_settings_is_used_and_not_started(folder: Path) -> None:
    theirs = EmbeddedPostgres(folder / "theirs", QUICK)
    theirs.start()
    try:
        with supervised(folder, settings={"COMMERCE_DATABASE_URL": theirs.url}) as (_, data):
            eventually(lambda: bool(pids(data)))
            assert pids(data).keys() == ALL - {"postgres"}
            state = running_stack(data)
            assert state is not None
            assert state.database_url == Settings.from_environment({"COMMERCE_DATABASE_URL": theirs.url}).database_url
        assert theirs.exit_code is None
    finally:
        theirs.stop()


def test_two_commands_at_once_take_turns(folder: Path) -> None:
    command = [sys.executable, "-P", "-m", "commerce", "migrate", "--json"]
    env = environment(folder)

    both = [subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) for _ in range(2)]  # noqa: S603 - our own command
    said = [json.loads(process.communicate(timeout=60)[0]) for process in both]

    assert sorted(bool(facts["applied"]) for facts in said) == [False, True]
    assert said[0]["after"] == said[1]["after"]


def test_a_killed_supervisor_leaves_nothing_over_and_the_next_one_goes_on(folder: Path) -> None:
    with supervised(folder) as (supervisor, data):
        eventually(lambda: pids(data).keys() == ALL)
        ask(EmbeddedPostgres(data.root), "CREATE TABLE kept AS SELECT 7 AS seven")
        left = pids(data)
        supervisor.kill()
        eventually(lambda: all(map(is_gone, left.values())))

    with supervised(folder) as (_, data):
        # What the killed one wrote down is there until the next one has come up.
        eventually(lambda: pids(data).keys() == ALL and not set(pids(data).values()) & set(left.values()))
        assert ask(EmbeddedPostgres(data.root), "SELECT seven FROM kept") == "7"


def test_a_part_that_cannot_stay_up_ends_the_stack_and_says_why(folder: Path) -> None:
    with supervised(folder, worker="stand_in --broken.py") as (supervisor, data):
        _, said = supervisor.communicate(timeout=30)

    assert supervisor.returncode == 1
    assert "The worker has lost its tools. |" in said
    assert "worker ended 6 times within 60 s" in said
    assert not data.state_file.exists()


def test_a_database_that_is_killed_while_it_is_filled_is_named(folder: Path) -> None:
    with supervised(folder, "--load") as (supervisor, data):
        _, said = supervisor.communicate(timeout=30)

    assert supervisor.returncode == 1
    assert said.splitlines()[-1].endswith(
        f" | postgres was ended by SIGKILL while the shop was being prepared; its log is {data.logs / 'postgres.log'}"
    )
    assert "Traceback" not in said
    assert not data.state_file.exists()


@pytest.mark.parametrize(
    ("code", "words"),
    [(3, "exited with code 3"), (-9, "was ended by SIGKILL"), (-35, "was ended by signal 35")],
)
def test_every_end_can_be_told(code: int, words: str) -> None:
    assert how_it_ended(code) == words


def test_a_command_brings_its_own_database_and_takes_it_away(folder: Path) -> None:
    settings = Settings.from_environment(environment(folder))

    with stack_at(folder, settings) as urls:
        assert urls.redis is None
        assert ask(EmbeddedPostgres(folder), "SHOW synchronous_commit") == "on"
        assert DataFolder(folder).is_held()

    assert not DataFolder(folder).is_held()
    assert not DataFolder(folder).sockets.exists()


def test_nobody_is_refused_for_whom_the_kernel_ended(folder: Path) -> None:
    """A killed stack leaves its name in the lock; whoever looks whether it is held holds it for a moment."""
    data = DataFolder(folder / "data")
    data.make()
    (data.root / "lock").write_text("commerce run (process 4711)")

    with (data.root / "lock").open() as looking:
        fcntl.flock(looking, fcntl.LOCK_SH)
        threading.Timer(0.02, fcntl.flock, (looking, fcntl.LOCK_UN)).start()
        with data.hold("commerce check", lambda _: False):
            held_by = (data.root / "lock").read_text()

    assert held_by == f"commerce check (process {os.getpid()})"
    assert (data.root / "lock").read_text() == ""


@pytest.mark.parametrize(
    ("said", "name", "reason"),
    [
        ({"COMMERCE_DATABASE_URL": "mysql://u:secret@h/d"}, "COMMERCE_DATABASE_URL", "only PostgreSQL will do"),
        ({"COMMERCE_DATABASE_URL": "postgresql://h"}, "COMMERCE_DATABASE_URL", "does not name a database"),
        ({"COMMERCE_DATABASE_URL": "postgresql://h:port/d"}, "COMMERCE_DATABASE_URL", "not a URL"),
        ({"COMMERCE_REPLICA_URL": "postgresql://h/d?sslmode=off"}, "COMMERCE_REPLICA_URL", "not an sslmode"),
        ({"COMMERCE_DATABASE_URL": "postgresql://h/d?options=-c"}, "COMMERCE_DATABASE_URL", "is not known"),
        ({"COMMERCE_REDIS_URL": "http://h"}, "COMMERCE_REDIS_URL", "not the address of a Redis"),
        ({"COMMERCE_REDIS_URL": "redis://h/zero"}, "COMMERCE_REDIS_URL", "not the number of a database"),
        ({"COMMERCE_API_PROCESSES": "0"}, "COMMERCE_API_PROCESSES", "out of range"),
        ({"COMMERCE_WORKERS": "none"}, "COMMERCE_WORKERS", "out of range"),
        ({"COMMERCE_POOL_SIZE": "many"}, "COMMERCE_POOL_SIZE", "out of range"),
        ({"COMMERCE_LOG": "loud"}, "COMMERCE_LOG", "not a log style"),
    ],
)
def test_a_setting_without_sense_is_refused_by_its_name(said: Mapping[str, str], name: str, reason: str) -> None:
    with pytest.raises(SettingRefused) as refused:
        Settings.from_environment(said)

    assert refused.value.name == name
    assert reason in str(refused.value)
    assert refused.value.hint
    assert "secret" not in json.dumps(refused.value.facts())


@pytest.mark.parametrize(
    ("name", "said", "meant"),
    [
        ("database_url", "postgres://u:p%40@h/d?sslmode=require", "postgresql+asyncpg://u:p%40@h/d?ssl=require"),
        ("database_url", "postgresql:///d?host=/run/pg", "postgresql+asyncpg:///d?host=%2Frun%2Fpg"),
        ("redis_url", "redis://h", "redis://h/1"),
        ("redis_url", "rediss://u:p@h:6380/4", "rediss://u:p@h:6380/4"),
        ("redis_url", "unix:///run/valkey.sock", "unix:///run/valkey.sock?db=1"),
    ],
)
def test_a_url_is_read_as_its_driver_needs_it(name: str, said: str, meant: str) -> None:
    settings = Settings.from_environment({f"COMMERCE_{name.upper()}": said})

    assert getattr(settings, name) == meant
    assert Settings.from_environment(settings.to_environment()).data == settings.data
