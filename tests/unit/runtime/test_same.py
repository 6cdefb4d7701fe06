"""Whether a live object still says what a manifest says."""

from typing import Any

import pytest

from recsys_operator.api.quantity import quantity
from recsys_operator.apply.same import contains


@pytest.mark.parametrize(
    ("live", "wanted"),
    [
        ({"a": 1, "defaulted": True}, {"a": 1}),
        ({"cpu": "500m"}, {"cpu": "0.5"}),
        ({"memory": "1Gi"}, {"memory": "1024Mi"}),
        ({"memory": "2048Ki"}, {"memory": "2Mi"}),
        ({"cpu": "1"}, {"cpu": 1}),
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
        ({"memory": "1Gi"}, {"memory": "1G"}),
        ([{"name": "a"}, {"name": "b"}], [{"name": "a"}]),
        ([{"name": "b"}, {"name": "a"}], [{"name": "a"}, {"name": "b"}]),
        ({"a": "text"}, {"a": {}}),
        ({"a": None}, {"a": {"b": 1}}),
    ],
)
def test_drift_is_seen(live: Any, wanted: Any) -> None:
    assert not contains(live, wanted)


def test_what_is_no_quantity_is_none() -> None:
    assert [quantity(value) for value in ("abc", "", "1x", True, None, 1.5, "Mi")] == [None] * 7
