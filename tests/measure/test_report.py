"""Reports: saved, loaded, compared, shown."""

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from posewire.errors import ConfigError
from posewire.measure.alerts import Rule
from posewire.measure.report import Report, as_text, compare, comparison_as_text, load_report, make_report
from posewire.measure.report_page import as_html
from posewire.measure.samples import Samples


def report(latency: float, fps: float = 30, title: str = "a <camera>") -> Report:
    samples = Samples(["latency_ms", "fps"], 1000)
    for at in range(600):
        samples.add(1000 + at, {"latency_ms": latency + at // 200, "fps": fps})
    alert = {"name": "fps", "level": "warning", "state": "firing", "value": 12, "threshold": 20, "time": 1200}
    rules = [Rule("latency_ms", latency + 1)]
    return make_report(title, samples, 1000, rules=rules, alerts=[alert], facts={"url": "ws://<x>"})


def test_what_is_saved_is_what_is_loaded(tmp_path: Path) -> None:
    made = report(10)
    made.save(tmp_path / "today.json")
    loaded = load_report(tmp_path / "today.json")
    assert loaded.as_dict() == made.as_dict()
    assert loaded.summaries["latency_ms"].p95 == 12
    assert (loaded.began, loaded.ended) == (1000, 1599)
    assert len(loaded.points["fps"]) == 240


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"posewire_report":2}', '{"posewire_report":1,"title":"x"}'])
def test_what_is_no_report_is_named(text: str, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(ConfigError, match=r"x\.json is"):
        load_report(tmp_path / "x.json")


def test_a_comparison_says_what_is_better_and_what_is_worse() -> None:
    verdicts = {change.name: change.verdict for change in compare(report(10), report(20, fps=29))}
    assert verdicts == {"latency_ms": "worse", "fps": "the same"}
    verdicts = {change.name: change.verdict for change in compare(report(20, fps=15), report(10, fps=30))}
    assert verdicts == {"latency_ms": "better", "fps": "better"}
    assert {change.verdict for change in compare(report(10), report(10))} == {"the same"}
    text = comparison_as_text(report(10), report(20))
    assert "latency_ms" in text
    assert "worse" in text


def test_the_text_has_figures_plots_and_alerts() -> None:
    text = as_text(report(10))
    line = next(line for line in text.splitlines() if line.startswith("latency_ms"))
    assert line.split()[1:6] == ["11", "12", "12", "10", "12"]
    assert "fps warning firing: 12 (threshold 20)" in text
    assert "▁" in as_text(report(10))


def test_the_page_is_whole_and_takes_names_as_text() -> None:
    page = as_html(report(10))
    assert "<camera>" not in page
    assert "ws://&lt;x&gt;" in page
    plots = [f"<svg{part.split('</svg>')[0]}</svg>" for part in page.split("<svg")[1:]]
    assert len(plots) == 2
    drawn = ET.fromstring(plots[0])
    points = drawn.findall("polyline")[1].attrib["points"].split()
    assert len(points) == 240
    heights = [float(point.split(",")[1]) for point in points]
    assert all(0 <= height <= 140 for height in heights)
    assert any(line.attrib["stroke"] == "var(--warning)" for line in drawn.findall("line"))


def test_an_empty_report_can_be_shown(tmp_path: Path) -> None:
    empty = make_report("nothing", Samples(["fps"], 10), 50)
    empty.save(tmp_path / "x.json")
    assert "alerts: none" in as_text(load_report(tmp_path / "x.json"))
    assert "<svg" not in as_html(empty)
    assert json.loads((tmp_path / "x.json").read_text())["summaries"] == {}
