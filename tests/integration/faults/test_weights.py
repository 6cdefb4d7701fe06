"""The judge of weights finds what is wrong."""

import json
from typing import Any

import pytest
from tests.integration.faults.weights import wrong_weights
from tests.integration.harness.proxy import Write

NAMESPACE = "/namespaces/shop"
STEPS = (10, 50)


def write(method: str, path: str, body: dict[str, Any]) -> Write:
    return Write(method, path, json.dumps(body).encode(), 1)


def route(**weights: int) -> Write:
    backends = [{"name": f"movies-{name}-0123abcd", "weight": weight} for name, weight in weights.items()]
    path = f"/apis/gateway.networking.k8s.io/v1{NAMESPACE}/httproutes/movies"
    return write("PATCH", path, {"spec": {"rules": [{"backendRefs": backends}]}})


def blocked(*versions: int) -> Write:
    path = f"/apis/recsys.dev/v1alpha1{NAMESPACE}/deployments/movies/status"
    return write("PATCH", path, {"status": {"blocked": [{"version": version} for version in versions]}})


def deleted(version: int) -> Write:
    return write("DELETE", f"/apis/apps/v1{NAMESPACE}/deployments/movies-v{version}-0123abcd", {})


RISE = (route(v1=100), route(v1=90, v2=10), route(v1=90, v2=10), route(v1=50, v2=50), route(v2=100))


@pytest.mark.parametrize(
    "writes",
    [
        RISE,
        (*RISE, deleted(1)),
        (*RISE[:2], blocked(2), route(v1=100), deleted(2)),
        (*RISE[:4], route(v1=100), deleted(2)),
        (*RISE, blocked(2), route(v1=100), deleted(2)),
    ],
)
def test_right(writes: tuple[Write, ...]) -> None:
    assert wrong_weights(writes, STEPS) == []


@pytest.mark.parametrize(
    ("writes", "problem"),
    [
        ((route(v1=100), route(v1=50, v2=50)), "version 2 goes from 0 to 50 %, and the next step is 10 %"),
        ((*RISE[:2], route(v2=100)), "version 2 goes from 10 to 100 %, and the next step is 50 %"),
        ((route(v1=100), route(v1=95, v2=10)), "do not sum to 100"),
        ((*RISE[:2], blocked(2), route(v1=90, v2=10)), "version 2 is blocked and has 10 %"),
        ((*RISE[:2], deleted(2)), "the pods of version 2 go while it has 10 %"),
        ((*RISE, blocked(2), deleted(2)), "the pods of version 2 go while it has 100 %"),
    ],
)
def test_wrong(writes: tuple[Write, ...], problem: str) -> None:
    found = wrong_weights(writes, STEPS)
    assert len(found) == 1
    assert problem in found[0]
