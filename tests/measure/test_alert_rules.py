"""Alerts: thresholds, hysteresis, levels."""

from typing import Any

from posewire.measure.alerts import Alerts, Rule


def test_an_alert_needs_time_to_fire_and_to_clear() -> None:
    told: list[dict[str, Any]] = []
    alerts = Alerts([Rule("latency_ms", 50)], 10, told.append)
    for now, value in [(0, 80), (5, 80), (8, 40), (9, 80), (18, 80)]:
        alerts.check({"latency_ms": value}, now, now)
    assert told == []  # it was well in between
    alerts.check({"latency_ms": 80}, 19, 19)
    assert [(alert["name"], alert["state"]) for alert in told] == [("latency_ms", "firing")]
    assert alerts.active() == [{"name": "latency_ms", "level": "warning", "value": 80, "threshold": 50}]
    for now in (20, 40, 60):
        alerts.check({"latency_ms": 45}, now, now)  # below the threshold, not well below it
    assert len(told) == 1
    alerts.check({"latency_ms": 10}, 61, 61)
    alerts.check({"latency_ms": 10}, 71, 71)
    assert told[-1]["state"] == "resolved"
    assert alerts.active() == []


def test_a_frame_rate_is_too_low_not_too_high() -> None:
    told: list[dict[str, Any]] = []
    alerts = Alerts([Rule("min_frame_rate", 20, above=False)], 0, told.append)
    alerts.check({"min_frame_rate": 30}, 0, 0)
    alerts.check({"min_frame_rate": 12}, 1, 1)
    assert [alert["value"] for alert in told] == [12]


def test_what_is_critical_is_told_beside_the_warning() -> None:
    told: list[dict[str, Any]] = []
    alerts = Alerts([Rule("latency_ms", 100), Rule("latency_ms", 200, level="critical")], 0, told.append)
    for now, value in enumerate([120, 250, 120, 10]):
        alerts.check({"latency_ms": value}, now, now)
    assert [(alert["level"], alert["state"]) for alert in told] == [
        ("warning", "firing"),
        ("critical", "firing"),
        ("critical", "resolved"),
        ("warning", "resolved"),
    ]
