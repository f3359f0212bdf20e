"""The README's lines do what they say: they are run here as they stand."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.processes import REPOSITORY, environment, running_shop

README = (REPOSITORY / "README.md").read_text()


def _lines() -> str:
    [block] = [block for block in re.findall(r"```bash\n(.*?)```", README, re.DOTALL) if "api=" in block]
    return str(block)


def typed(lines: str, data: Path) -> subprocess.CompletedProcess[str]:
    """What a newcomer's shell says to these lines."""
    words = ["/bin/bash", "-euo", "pipefail", "-c", lines]
    return subprocess.run(words, cwd=REPOSITORY, env=environment(data), capture_output=True, text=True, check=False)  # noqa: S603 - the README's own lines


@pytest.mark.stack
def test_the_readmes_lines_work_as_they_stand() -> None:
    with running_shop(demo=True) as stack:
        lines = _lines().replace("http://127.0.0.1:8000", stack.state.url).replace("< .commerce/", f"< {stack.data}/")
        done, again = (typed(lines, stack.data) for _ in range(2))
        stack.stop()

    assert (done.returncode, again.returncode) == (0, 0), done.stdout[-2000:] + done.stderr + again.stderr
    assert '"total":{"amount":79900,"currency":"EUR"}' in done.stdout
    assert '"change":{"amount":2010,"currency":"EUR"}' in done.stdout
    assert "\nYour card was declined.\nsucceeded\n" in done.stdout
    assert '"state":"captured","amount":{"amount":79900,"currency":"EUR"}' in done.stdout
    assert '"reason":"goodwill","line":null,"quantity":null,"amount":{"amount":2000,"currency":"EUR"}' in done.stdout
    assert "799.00 EUR" in done.stdout
    assert done.stdout.rstrip().endswith("Every law holds.")


def test_every_path_the_readme_leads_to_is_there() -> None:
    table = README.partition("## Looking for")[2]
    paths = re.findall(r"^\| [^|]+\| `([^`]+)`", table, re.MULTILINE)

    assert len(paths) >= 10
    assert [path for path in paths if not (REPOSITORY / path).exists()] == []
