"""Two runs for the one GPU of the node: the second waits and says for what, and each one's seconds are counted.

The node has none, and the resource that stands for it is one that nobody owns: it is handed out as a GPU is, and the
trainer finds no device behind it, which it tells.
"""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from tests.e2e import churn, node
from tests.e2e.churn import condition, ended, pods, status_of, succeeded, trainingrun
from tests.e2e.cluster import Namespace, until

pytestmark = [pytest.mark.full, pytest.mark.timeout(900)]

RESOURCE = "example.com/fake"
HALF = {"cpu": "500m", "memory": "2Gi", "gpu": 1, "gpuResource": RESOURCE}
"""The node has the CPU and the memory for two of them."""
SHORT = {"epochs": "6"}


@pytest.fixture(scope="module")
def shop() -> Iterator[Namespace]:
    """A restricted namespace with data and a RecModel, and a node with one GPU, as far as the scheduler knows."""
    with Namespace("recsys-gpus") as made:
        churn.load(made)
        with node.extended_resource(made, RESOURCE, 1):
            yield made
            made.kubectl("delete", "trun", "--all", "--timeout=120s")


def gpu(namespace: Namespace, run: str) -> dict[str, Any]:
    return dict(status_of(namespace, run).get("gpu", {}))


def held_seconds(pod: dict[str, Any]) -> float:
    """From the moment that the pod had a node to its end, as the cluster tells it."""
    given = next(one for one in pod["status"]["conditions"] if one["type"] == "PodScheduled")
    [container] = [one for one in pod["status"]["containerStatuses"] if one["name"] == "trainer"]
    began, over = given["lastTransitionTime"], container["state"]["terminated"]["finishedAt"]
    return (datetime.fromisoformat(over) - datetime.fromisoformat(began)).total_seconds()


def test_a_run_waits_for_the_gpu_that_another_one_holds(shop: Namespace) -> None:
    ray = {"resourcesPerWorker": HALF}
    shop.apply(trainingrun("first", ray=ray, hyperparameters=SHORT))
    until("the first to hold it", lambda: True if gpu(shop, "first").get("held") == 1 else None, 120)
    shop.apply(trainingrun("second", ray=ray, hyperparameters=SHORT))

    def said() -> str | None:
        found = condition(shop, "second")
        told = str(found.get("message", ""))
        return told if found.get("reason") == "Pending" and "is not scheduled" in told else None

    told = until("the second to say why it waits", said, 60)
    assert f"Insufficient {RESOURCE}" in told
    assert "spec.ray.resourcesPerWorker.gpu is 1: make room on a node, and the pod starts by itself" in told
    assert not gpu(shop, "second"), "it holds nothing yet"
    print(told)

    before = gpu(shop, "first")["usedSeconds"]
    for name in ("first", "second"):
        found = ended(shop, name)
        assert succeeded(found) == ("True", "VersionCreated", 1), json.dumps(found, indent=2)
        (pod,) = pods(shop, name)
        assert pod["spec"]["containers"][0]["resources"]["limits"][RESOURCE] == "1"
        counted = found["gpu"]
        assert (counted["held"], counted["lostSeconds"], counted["unsavedSeconds"]) == (0, 0, 0), counted
        assert counted["usedSeconds"] == pytest.approx(held_seconds(pod), abs=2)
        assert "The run asks for 1 GPU, and the trainer sees 0 CUDA devices" in churn.log_of(shop, pod)
        print(f"{name}: held it for {counted['usedSeconds']} s")
    assert gpu(shop, "first")["usedSeconds"] > before
    first, second = (status_of(shop, name)["result"]["metrics"] for name in ("first", "second"))
    assert first == second, "it trained on the CPU, each time the same"
