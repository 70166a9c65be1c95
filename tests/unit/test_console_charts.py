"""Charts: what is drawn, what is told beside it, and that no drawing needs what a page's policy forbids."""

from __future__ import annotations

from collections.abc import Callable
from xml.etree import ElementTree as ET

import pytest

from admin_api.console.charts import TONES, Chart, bars, lines
from admin_api.console.wording import NOTHING

NAMES = ["Mon", "Tue", "Wed"]


def drawn(chart: Chart) -> ET.Element:
    return ET.fromstring(chart.svg)  # noqa: S314 - our own drawing


def told(chart: Chart) -> list[str | None]:
    return [node.text for node in drawn(chart).iter() if node.tag.endswith("title")]


@pytest.mark.parametrize(
    "chart",
    [
        bars("Faults", NAMES, {"Faults": [1, 2, 3]}),
        bars("Faults", NAMES, {"Met": [1, 2, 3], "Late": [4, None, 6]}, stacked=True, tones=("good", "bad")),
        bars("Faults", NAMES, {"Faults": [1, 2, 3]}, across=True),
        bars("Faults", NAMES, {"Met": [1, 2, 3], "Late": [4, 5, 6]}, across=True, stacked=True),
        bars("Nothing", NAMES, {"Faults": [0, 0, 0]}),
        lines("Rate", NAMES, {"Met": [1.5, None, 3], "Late": [4, 5, 6]}, unit=" %", top=100),
        lines("Once", ["Mon"], {"Met": [1]}),
    ],
)
def test_a_drawing_has_a_title_and_nothing_that_a_page_may_not_have(chart: Chart) -> None:
    root = drawn(chart)
    assert root.get("role") == "img"
    assert root.get("viewBox")
    assert told(chart)[0] == chart.title
    assert {"script", "style", "desc"} & {node.tag.rpartition("}")[2] for node in root.iter()} == set()
    assert all({"style", "onclick"}.isdisjoint(node.attrib) for node in root.iter())
    # An id would be every chart's on the page: patterns alone have one, which ends in the chart's own key.
    assert all(node.attrib["id"].endswith(f"-{chart.key}") for node in root.iter() if "id" in node.attrib)
    assert "http" not in chart.svg.replace("http://www.w3.org/2000/svg", "")


def test_each_bar_and_each_dot_tells_its_figure() -> None:
    assert told(bars("Faults", NAMES, {"Faults": [1, 2000, None]}))[1:] == ["Mon 1", "Tue 2\u202f000"]
    assert told(lines("Rate", NAMES, {"A": [1, 2, 3], "B": [None, 5.25, 6]}, unit=" %"))[1:] == [
        "Mon A 1 %",
        "Tue A 2 %",
        "Wed A 3 %",
        "Tue B 5.2 %",
        "Wed B 6 %",
    ]


def test_series_beside_each_other_differ_by_more_than_colour() -> None:
    chart = bars(
        "Jobs", NAMES, {"Done": [1, 2, 3], "Again": [4, 5, 6], "Given up": [7, 8, 9]}, tones=("main", "warn", "bad")
    )
    root = drawn(chart)
    fills = {node.get("fill") for node in root.iter() if node.tag.endswith("rect")} - {None}
    assert fills == {f"url(#warn-{chart.key})", f"url(#bad-{chart.key})"}
    assert {f"url(#{node.get('id')})" for node in root.iter() if node.tag.endswith("pattern")} == fills
    for plain in (
        bars("Faults", NAMES, {"Faults": [1, 2, 3]}, tones=("bad",)),
        lines("Rate", NAMES, {"A": [1, 2, 3], "B": [4, 5, 6]}),
    ):
        assert "pattern" not in plain.svg


def test_bars_that_lie_down_keep_the_order_of_their_labels() -> None:
    root = drawn(bars("Faults", NAMES, {"Faults": [1, 2, 3]}, across=True))
    heights = {node.text: float(node.get("y", "0")) for node in root.iter() if node.text in NAMES}
    assert sorted(heights, key=lambda name: heights[name]) == NAMES


def test_the_table_has_every_figure_and_its_link() -> None:
    chart = bars("Faults", ["Cable", "Pole"], {"A": [1, None], "B": [2, 3]}, unit=" %", links=["/a", None])
    assert list(chart.rows()) == [("Cable", "/a", ("1 %", "2 %")), ("Pole", None, (NOTHING, "3 %"))]


def test_a_drawing_is_the_same_each_time() -> None:
    assert bars("Faults", NAMES, {"A": [1, 2, 3]}).svg == bars("Faults", NAMES, {"A": [1, 2, 3]}).svg


def test_names_are_no_markup() -> None:
    chart = bars("<b>Faults</b>", ["<script>alert(1)</script>"], {"<i>": [1]})
    assert "<script" not in chart.svg
    assert "<b>" not in chart.svg
    assert told(chart) == ["<b>Faults</b>", "<script>alert(1)</script> 1"]


def test_many_labels_are_written_only_as_far_as_there_is_room() -> None:
    days = [f"{day} Nov 2026" for day in range(1, 31)]
    texts = [node.text for node in drawn(bars("Faults", days, {"A": [1] * 30})).iter() if node.text in days]
    assert "1 Nov 2026" in texts
    assert len(texts) <= 8


@pytest.mark.parametrize("draw", [bars, lines])
def test_nothing_draws_nothing_and_says_so(draw: Callable[..., Chart]) -> None:
    for chart in (draw("Faults", [], {"A": []}), draw("Faults", [], {}), draw("Faults", NAMES, {"A": [None] * 3})):
        assert chart.is_empty
    assert not draw("Faults", NAMES, {"A": [0, 0, 0]}).is_empty


def test_series_take_the_tones_in_turn() -> None:
    chart = lines("Many", NAMES, {f"Series {at}": [1, 2, 3] for at in range(7)})
    assert [one.tone for one in chart.series] == [*TONES, TONES[0]]


def test_a_series_needs_a_value_for_each_label() -> None:
    with pytest.raises(ValueError, match="A: a value is needed"):
        bars("Faults", NAMES, {"A": [1]})


@pytest.mark.parametrize(
    ("highest", "written"),
    [(0, "0 1 2 3 4"), (5, "0 2 4 6 8"), (10, "0 3 6 9 12"), (45, "0 15 30 45 60"), (240, "0 60 120 180 240")],
)
def test_scales_are_written_in_whole_numbers(highest: int, written: str) -> None:
    root = drawn(bars("Faults", ["Mon"], {"A": [highest]}))
    assert [node.text for node in root.iter() if node.tag.endswith("text") and node.text != "Mon"] == written.split()
