"""Whether a live object still says what a manifest says."""

from typing import Any

import pytest

from recsys_operator.api.quantity import quantity
from recsys_operator.apply.same import contains


@pytest.mark.parametrize(
    ("live", "wanted"),
    [
        ({"a": 1, "defaulted": True}, {"a": 1}),
        ({"limits": {"cpu": "500m"}}, {"limits": {"cpu": "0.5"}}),
        ({"requests": {"memory": "1Gi"}}, {"requests": {"memory": "1024Mi"}}),
        ({"emptyDir": {"sizeLimit": "2048Ki"}}, {"emptyDir": {"sizeLimit": "2Mi"}}),
        ({"limits": {"cpu": "1"}}, {"limits": {"cpu": 1}}),
        ({"metrics": [{"target": {"averageValue": "100m"}}]}, {"metrics": [{"target": {"averageValue": "0.1"}}]}),
        ({"name": "HOME"}, {"name": "HOME", "value": ""}),
        ({"spec": {}}, {"spec": {"hostNetwork": False, "volumes": [], "labels": {}}}),
        ([{"name": "a", "protocol": "TCP"}], ({"name": "a"},)),
    ],
)
def test_equal_but_for_the_api_servers_hand(live: Any, wanted: Any) -> None:
    assert contains(live, wanted)


@pytest.mark.parametrize(
    ("live", "wanted"),
    [
        ({"a": 1}, {"a": 2}),
        ({}, {"a": 1}),
        ({"a": True}, {"a": 1}),
        ({"a": False}, {"a": True}),
        ({"a": "x"}, {"a": "y"}),
        ({"limits": {"memory": "1Gi"}}, {"limits": {"memory": "1G"}}),
        ({"env": [{"name": "SHARE", "value": "0.5"}]}, {"env": [{"name": "SHARE", "value": "0.50"}]}),
        ({"annotations": {"hash": "0e12345678901234"}}, {"annotations": {"hash": "0e43210987654321"}}),
        ({"labels": {"revision": "12e4567890123456"}}, {"labels": {"revision": "1234567890123456"}}),
        ({"limits": {"cpu": "1e999999999"}}, {"limits": {"cpu": "1"}}),
        ([{"name": "a"}, {"name": "b"}], [{"name": "a"}]),
        ([{"name": "b"}, {"name": "a"}], [{"name": "a"}, {"name": "b"}]),
        ({"a": "text"}, {"a": {}}),
        ({"a": None}, {"a": {"b": 1}}),
    ],
)
def test_drift_is_seen(live: Any, wanted: Any) -> None:
    assert not contains(live, wanted)


NO_QUANTITIES = ("abc", "", "1x", True, None, 1.5, "Mi", "nan", "Infinity", "1_000", "1e999999999", "12e4567890123456")


def test_what_is_no_quantity_is_none() -> None:
    assert [quantity(value) for value in NO_QUANTITIES] == [None] * len(NO_QUANTITIES)
