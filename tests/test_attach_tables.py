"""Attach rates in a narrow terminal: words may go on below, but every figure is whole."""

import pytest

from commerce.commands.attach_rate_tables import print_orders, print_rate
from commerce.commands.attach_rate_verify import print_unequal
from orders.reports.rules import GroupBy, difference, newcombe
from orders.reports.schemas import AttachOrdersView, ChangeRow, ComparisonView, EventRow, IntervalView, PeriodView
from tests.attach_views import BELIEVED, a_definition, a_row, a_view


def printed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: int) -> list[str]:
    """The lines of a grouped rate that is compared, in a terminal of so many columns."""
    monkeypatch.setenv("COLUMNS", str(columns))
    now, before = a_row(1234, 15000, still_open=312, month="2026-01", channel_kind="retail"), a_row(1300, 15000)
    pairs = (1234, 15000), (1300, 15000)
    interval = newcombe(*pairs)
    assert interval is not None
    change = ChangeRow(
        group=now.group, before=before, now=now, difference=difference(*pairs), interval=IntervalView(*interval)
    )
    compared = ComparisonView(period=PeriodView("2024-06-01", "2025-05-31"), total=change, rows=[change])
    print_rate(a_view([now], a_definition([GroupBy.MONTH, GroupBy.CHANNEL_KIND]), comparison=compared))
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("columns", [20, 60, 80, 120])
def test_figures_are_whole_however_narrow_it_is(
    columns: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = printed(capsys, monkeypatch, columns)

    [row] = [line for line in lines if line.split()[:1] == ["2026-01"] and "15000" in line]
    for figure in ("1234", "15000", "8.2 %", "7.8 to 8.7", "312"):
        assert figure in row
    [change] = [line for line in lines if "points" in line and "2026-01" in line]
    for figure in ("8.7 %", "8.2 %", "-0.4 points", "-1.1 to 0.2"):
        assert figure in change
    assert any("\u2588" in line for line in lines) == (columns >= 80)


def test_a_pseudonym_is_whole_where_the_readme_shows_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    event = EventRow(
        order_number="DE-W-2026-000123", day=BELIEVED.date(), counted_at=BELIEVED, placed_at=BELIEVED,
        channel="de-retail", store="store-hamburg", customer="person_abcdefghijklmnop", anchor_units=1,
        attach_units=0, attached=True, attach_order="DE-R-2026-000999", days_until=30, open=False,
    )  # fmt: skip

    print_orders(
        AttachOrdersView(
            definition=a_definition(), group={}, as_of="2026-05-31", believed_at=BELIEVED, settled=True, items=[event],
            next_cursor="more",
        )
    )  # fmt: skip

    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if "2026-06-01" in line and "person_abcdefghijklmnop" in line and "30" in line]
    assert max(map(len, lines)) <= 80


def test_a_figure_that_differs_says_in_a_narrow_terminal_which_it_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    row = {"anchor": "touch-screen-phones", "attach": "cell-phones-accessories", "basis": "customers", "channel": "all",
           "window_days": 365, "complete_only": True, "numerator": 40, "denominator": 1404}  # fmt: skip

    print_unequal([(row, (38, 1376))])

    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if "365" in line and "40 of 1404" in line and "38 of 1376" in line]
    head = next(n for n, line in enumerate(lines) if "anchor" in line)
    start, end = lines[head].index("anchor"), lines[head].index("attach")
    assert "".join(line[start:end].strip(" \u2500") for line in lines[head + 1 :]) == "touch-screen-phones"
    assert max(map(len, lines)) <= 80
