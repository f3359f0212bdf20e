"""Kill the API and the worker in mid-payment: one order for each buyer, one charge, and nothing in doubt afterwards."""

import pytest

from tests.chaos.crash import AMPLE, SETTLED_S_MAX, outlive
from tests.processes import running_shop


@pytest.mark.stack
async def test_nobody_pays_twice_or_for_nothing_when_api_and_worker_are_killed() -> None:
    with running_shop(settings=AMPLE) as stack:
        report = await outlive(stack, api=3, worker=2, seed=1)
        stack.stop()

    assert report.violations == []
    assert report.settled_s <= SETTLED_S_MAX
    assert report.calls_made_again > 0, "somebody was killed over a call"
