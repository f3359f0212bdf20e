"""Our commands as real processes, as people and programs meet them: side by side, refused, in JSON."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import ANY

import httpx
import pytest

from commerce.embedded.folder import DataFolder
from commerce.embedded.locate import running_stack
from commerce.embedded.sandbox import sandbox_keys
from commerce.embedded.supervisor import OUR_COMMAND, free_port
from tests.conftest import Json
from tests.processes import environment
from tests.waiting import eventually, status_at

UP_S_MAX = 60
HOSTS = "Write 127.0.0.1 (for this machine), 0.0.0.0 (for everybody), or an address this machine has: --host ADDRESS"
UNPRIVILEGED = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")


def test_a_taken_port_is_refused_with_the_words_to_type(folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        answer = typed(folder, "run", "--port", str(port))

    assert answer.returncode == 2
    assert answer.stderr.splitlines() == [
        f"Port {port} on 127.0.0.1 is taken.",
        f"Stop what uses it, or choose another: --port {port % 65535 + 1}",
    ]


def test_what_is_refused_or_fails_is_a_problem_to_programs(folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused = typed(folder, "run", "--port", str(port), "--json")
    failed = typed(folder, "run", "--port", "0", "--json", COMMERCE_DATABASE_URL="postgresql://127.0.0.1:1/nowhere")

    assert (refused.returncode, refused.stderr) == (2, "")
    assert json.loads(refused.stdout) == {
        "type": "/errors/port_taken",
        "title": "Port taken",
        "status": 409,
        "detail": f"Port {port} on 127.0.0.1 is taken.",
        "code": "port_taken",
        "facts": {"host": "127.0.0.1", "port": port},
        "hint": f"Stop what uses it, or choose another: --port {port % 65535 + 1}",
        "errors": [],
    }
    said = json.loads(failed.stdout)
    assert (failed.returncode, failed.stderr) == (1, "")
    assert (said["code"], said["status"], said["facts"]["part"]) == ("part_failed", 503, "migrate")
    assert "A server cannot be reached" in said["last_lines"]


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        ("203.0.113.9", "this machine has no such address"),
        ("nosuch.invalid", "no such name is known"),
        ("a..b", "no such name is known"),
        ("", "it is empty"),
    ],
)
def test_a_host_on_which_nothing_can_listen_is_refused_as_that(folder: Path, host: str, reason: str) -> None:
    answers = [
        typed(folder, "run", "--host", host),
        typed(folder, "run", "--host", host, "--port", "0"),
        typed(folder, "serve", "--host", host),
    ]

    assert [answer.returncode for answer in answers] == [2, 2, 2]
    assert {answer.stderr for answer in answers} == {f"Nothing can listen on {host!r}: {reason}.\n{HOSTS}\n"}


@pytest.mark.skipif(
    not UNPRIVILEGED.exists() or int(UNPRIVILEGED.read_text()) <= 80, reason="every account may listen there"
)
def test_a_port_that_is_not_for_this_account_is_refused_as_that(folder: Path) -> None:
    ours = "import os; from commerce.__main__ import main; "
    nobodys = (
        "os.setgid(65534); os.setuid(65534); " if os.geteuid() == 0 else ""
    )  # Only then: our Python may be root's.
    command = [sys.executable, "-c", f"{ours}{nobodys}main()", "serve", "--port", "80"]
    answer = subprocess.run(command, env=environment(folder), check=False, capture_output=True, text=True, timeout=60)  # noqa: S603 - our own command

    assert (answer.returncode, answer.stderr) == (
        2,
        "This account may not listen on port 80 of 127.0.0.1.\nChoose one above 1023: --port 8000\n",
    )


@pytest.mark.parametrize("order", [("serve", "work"), ("work", "serve")])
def test_what_one_command_started_every_other_uses(folder: Path, order: tuple[str, str]) -> None:
    data, port, numbers = DataFolder(folder / "data"), free_port(), free_port()
    words = {
        "serve": ("--host", "localhost", "--port", str(port), "--workers", "1"),
        "work": ("--metrics-port", str(numbers)),
    }
    with begun(data, order[0], *words[order[0]]) as first:
        eventually(lambda: running_stack(data) is not None, UP_S_MAX)
        migrated = typed(data.root, "migrate", "--json")
        with begun(data, order[1], *words[order[1]]) as second:
            eventually(lambda: status_at(f"http://127.0.0.1:{port}/health/ready") == 200, UP_S_MAX)
            facts: dict[str, Json] = {"serve": {"url": f"http://localhost:{port}", "workers": 1}, "work": {"pid": ANY}}
            for process, word in ((first, order[0]), (second, order[1])):
                assert json.loads(heard(process)) == {**facts[word], "data": str(data.root)}
            checked = typed(data.root, "check", "--json")
            eventually(lambda: status_at(f"http://127.0.0.1:{numbers}/metrics") == 200, UP_S_MAX)
            counted = httpx.get(f"http://127.0.0.1:{numbers}/metrics").text
            lent = running_stack(data)
            assert lent is not None
            asked = httpx.get(f"{lent.stripe_url}/v1/account", auth=(sandbox_keys(data).api_key, ""))
            waiting = httpx.post(f"{lent.stripe_url}/_sandbox/deliveries/take")
            second.send_signal(signal.SIGTERM)
            assert second.wait(20) == 0
        first.send_signal(signal.SIGTERM)
        assert first.wait(20) == 0

    assert (migrated.returncode, checked.returncode) == (0, 0), migrated.stderr + checked.stderr
    ours = {line.split()[2] for line in counted.splitlines() if line.startswith("# TYPE commerce_")}
    assert {name for name in ours if not name.endswith("_created")} == {
        "commerce_group_size",
        "commerce_group_queue_full_total",
        "commerce_provider_calls_total",
        "commerce_provider_requests_total",
    }, "what it counts itself, and no zeros for what only the API knows"
    assert "process_cpu_seconds_total" in counted
    assert (asked.status_code, waiting.is_success) == (200, False)
    assert f"http://localhost:{port}/v1/webhooks/stripe" in waiting.text, "the sandbox knows where the API is"
    assert not data.state_file.exists()
    lines = [json.loads(line) for line in (folder / "serve.log").read_text().splitlines()]
    assert any("granian" in line["event"] for line in lines)
    assert {"event", "level", "timestamp"} <= set.intersection(*map(set, lines))


@pytest.mark.stack
def test_a_stack_that_is_up_says_so_to_programs(folder: Path) -> None:
    data = DataFolder(folder / "data")
    with begun(data, "run", "--port", "0", "--no-demo") as stack:
        said = json.loads(heard(stack))
        state = running_stack(data)
        stack.send_signal(signal.SIGINT)
        assert stack.wait(30) == 0

    assert state is not None
    assert said == {
        "url": state.url,
        "documentation": f"{state.url}/docs",
        "payments": "a sandbox, no real money moves",
        "stripe": state.stripe_url,
        "data": str(data.root),
        "logs": str(data.logs),
        "keys": {},
    }


@pytest.mark.stack
def test_the_shop_goes_on_while_its_payment_provider_is_away(folder: Path) -> None:
    data = DataFolder(folder / "data")
    with begun(data, "run", "--port", "0", "--no-demo", COMMERCE_API_PROCESSES="1") as stack:
        said = json.loads(heard(stack))
        state = running_stack(data)
        assert state is not None
        key = sandbox_keys(data).api_key
        before = httpx.post(f"{state.stripe_url}/v1/customers", auth=(key, "")).json()
        eventually(lambda: readiness(state.port) == (200, "ok"), UP_S_MAX)

        os.killpg(state.parts["stripe"].pid, signal.SIGSTOP)
        eventually(lambda: readiness(state.port) == (200, "away"), UP_S_MAX)
        os.killpg(state.parts["stripe"].pid, signal.SIGKILL)
        eventually(lambda: status_at(f"{state.stripe_url}/healthcheck") != 0, UP_S_MAX)

        after = httpx.get(f"{state.stripe_url}/v1/customers/{before['id']}", auth=(key, "")).json()
        later, still = running_stack(data), readiness(state.port)
        stack.send_signal(signal.SIGINT)
        assert stack.wait(30) == 0

    assert later is not None
    assert (said["payments"], said["stripe"]) == ("a sandbox, no real money moves", state.stripe_url)
    assert (after, still[0]) == (before, 200), "it remembers over its death"
    assert {name for name in state.parts if later.parts[name] != state.parts[name]} == {"stripe"}
    assert later.stripe_url == state.stripe_url


@pytest.mark.stack
def test_a_stack_comes_up_in_a_folder_of_any_name(folder: Path) -> None:
    data = DataFolder(folder / "shop [/x]")
    command = [*OUR_COMMAND, "run", "--port", "0", "--no-demo"]
    env = {**environment(data.root), "COLUMNS": "160"}
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as stack:  # noqa: S603 - our own command
        try:
            eventually(lambda: running_stack(data) is not None or stack.poll() is not None, UP_S_MAX)
        finally:
            stack.send_signal(signal.SIGINT)
        said, complained = stack.communicate(timeout=30)

    assert (stack.returncode, complained) == (0, "")
    assert [line.split("│")[1].strip() for line in said.splitlines() if line.startswith("│ data")] == [
        f"data           {data.root}"
    ]
    assert said.splitlines()[-1].endswith(f"commerce keys create --role admin --name you --data '{data.root}'")


def typed(data: Path, *words: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """What a command of ours says that comes to its end."""
    command, env = [*OUR_COMMAND, *words], {**environment(data), **settings}
    return subprocess.run(command, env=env, check=False, capture_output=True, text=True, timeout=60)  # noqa: S603 - our own command


@contextmanager
def begun(data: DataFolder, word: str, *words: str, **settings: str) -> Iterator[subprocess.Popen[str]]:
    """A command of ours that lasts, and tells programs about itself; its log is beside the data."""
    command = [*OUR_COMMAND, word, "--json", *words]
    with (
        (data.root.parent / f"{word}.log").open("w") as log,
        subprocess.Popen(  # noqa: S603 - our own command
            command, env={**environment(data.root), **settings}, stdout=subprocess.PIPE, stderr=log, text=True
        ) as process,
    ):
        try:
            yield process
        finally:
            process.terminate()


def heard(process: subprocess.Popen[str]) -> str:
    """The JSON document that a command says while it goes on."""
    assert process.stdout is not None
    return "".join(iter(process.stdout.readline, "}\n")) + "}"


def readiness(port: int) -> tuple[int, str]:
    """Whether an API there takes requests, and what it says of payments."""
    answer = httpx.get(f"http://127.0.0.1:{port}/health/ready", timeout=10)
    return answer.status_code, answer.json()["parts"]["payments"]
