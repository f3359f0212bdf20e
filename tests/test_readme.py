"""The README's lines do what they say: they are run here as they stand."""

import re
import subprocess

import pytest

from tests.processes import REPOSITORY, running_shop

README = (REPOSITORY / "README.md").read_text()


def _lines() -> str:
    [block] = [block for block in re.findall(r"```bash\n(.*?)```", README, re.DOTALL) if "api=" in block]
    return str(block)


@pytest.mark.stack
def test_the_readmes_lines_work_as_they_stand() -> None:
    with running_shop(demo=True) as stack:
        lines = (
            _lines()
            .replace("http://127.0.0.1:8000", stack.state.url)
            .replace(".commerce/demo-keys.json", str(stack.data / "demo-keys.json"))
            .replace("commerce check", f"commerce check --data '{stack.data}'")
        )
        done = subprocess.run(  # noqa: S603 - the README's own lines
            ["/bin/bash", "-euo", "pipefail", "-c", lines], cwd=REPOSITORY, capture_output=True, text=True, check=False
        )
        stack.stop()

    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert '"total":{"amount":79900,"currency":"EUR"}' in done.stdout
    assert '"change":{"amount":2010,"currency":"EUR"}' in done.stdout
    assert done.stdout.rstrip().endswith("Every law holds.")


def test_every_path_the_readme_leads_to_is_there() -> None:
    table = README.partition("## Looking for")[2]
    paths = re.findall(r"^\| [^|]+\| `([^`]+)`", table, re.MULTILINE)

    assert len(paths) >= 10
    assert [path for path in paths if not (REPOSITORY / path).exists()] == []
