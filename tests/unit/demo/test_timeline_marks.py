"""What the demo's picture marks."""

from pathlib import Path

import pytest

pytest.importorskip("matplotlib")

from hack.demo.load import Load
from hack.demo.record import WeightChange
from hack.demo.timeline import draw, failures, marks, own_p99
from hack.load.summary import Request

CHANGES = [
    WeightChange(0, {1: 100}),
    WeightChange(1, {1: 90, 2: 10}),
    WeightChange(2, {1: 50, 2: 50}),
    WeightChange(3, {2: 100}),
    WeightChange(4, {2: 100, 4: 0}),
    WeightChange(5, {2: 90, 4: 10}),
    WeightChange(6, {2: 100, 4: 0}),
    WeightChange(7, {2: 100}),
]


def test_steps_promotion_alert_and_rollback_are_marked_once() -> None:
    found = [text for _, text in marks(CHANGES, origin=0.5, end=10, posted=5.9)]
    assert found == ["10 %", "50 %", "promoted", "10 %", "alert", "rollback of version 4"]


def test_only_what_happened_under_the_load_is_marked() -> None:
    assert [text for _, text in marks(CHANGES, origin=4.5, end=5.5, posted=None)] == ["10 %"]


def test_what_only_the_client_measured_is_not_shown_as_the_pods_own() -> None:
    client = {"clientP99Stable": 0.0493, "clientP99Canary": 0.0804}
    assert own_p99({**client, "p99Stable": 0.0082, "p99Canary": 0.0922}) == {2: 0.0082, 4: 0.0922}
    assert own_p99({**client, "p99Stable": 0.0493, "p99Canary": 0.0804}) == {}
    assert own_p99({}) == {}


def test_a_load_is_drawn_with_its_failures_and_with_what_its_pods_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hack.demo.load.OUTPUT", tmp_path)
    reasons = ["Status502"] * 3 + [None] * 6
    requests = [Request(4 + i / 10, 0.01, 502 if why else 200, 2, why, "keep") for i, why in enumerate(reasons)]
    assert failures(requests) == "3 of 9 failed"
    load = Load("rollback", "", "", 0, 0)
    load.path.write_text("".join(request.line() for request in requests))
    rollback = {"posted": 4.5, "p99Stable": 0.02, "p99Canary": 0.15, "clientP99Stable": 0.04, "clientP99Canary": 0.2}
    path = draw([("version 4 is rolled back", load)], CHANGES, rollback, tmp_path / "timeline.png")
    assert path.read_bytes().startswith(b"\x89PNG")
