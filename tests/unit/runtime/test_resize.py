"""When the number of pods of a workload must be set before it is applied without one."""

from typing import Any

import pytest

from recsys_operator.apply.resize import due


def live(replicas: int, *managers: str) -> dict[str, Any]:
    """A workload whose number of pods these field managers hold."""
    held = [{"manager": name, "fieldsV1": {"f:spec": {"f:replicas": {}}}} for name in managers]
    held.append({"manager": "recsys-operator", "fieldsV1": {"f:spec": {"f:template": {}}}})
    return {"metadata": {"managedFields": held}, "spec": {"replicas": replicas}}


@pytest.mark.parametrize(
    ("workload", "least", "pods"),
    [
        (live(3, "recsys-operator"), 1, 3),
        (live(3, "recsys-operator"), 5, 5),
        (live(3, "kube-controller-manager"), 1, None),
        (live(3, "kube-controller-manager"), 5, 5),
        (live(3, "recsys-operator-size"), 3, None),
        (live(3), 2, None),
    ],
    ids=["handed over", "handed over and raised", "scaled", "too small", "set before", "nobody's"],
)
def test_pods_are_set_when_they_would_be_lost_or_are_too_few(
    workload: dict[str, Any], least: int, pods: int | None
) -> None:
    assert due(workload, least) == pods
