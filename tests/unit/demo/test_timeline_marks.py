"""What the demo's picture marks."""

import pytest

pytest.importorskip("matplotlib")

from hack.demo.record import WeightChange
from hack.demo.timeline import marks, own_p99

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
