"""Kill every part of the running stack under load: what was acknowledged stands, what was not is settled by asking."""

import pytest

from tests.benchmarks.crash import outlive
from tests.processes import running_shop


@pytest.mark.stack
async def test_nothing_is_lost_or_doubled_when_every_part_is_killed_under_load() -> None:
    with running_shop() as stack:
        await outlive(stack, rounds=1)
        stack.stop()
