"""A run with two workers on the local cluster, with the real KubeRay: it waits for it, becomes a version, survives."""

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from tests.e2e.cluster import ROOT, Namespace, until
from tests.e2e.test_trainer_pod_deleted import DATA, ended, epoch, load, pods, succeeded, trainingrun

pytestmark = [pytest.mark.full, pytest.mark.timeout(3600)]

KUBERAY = ROOT / "hack/cluster/kuberay.sh"
WORKER = {"cpu": "700m", "memory": "3Gi"}


def run_of_two(name: str) -> dict[str, Any]:
    """The example's second run, by two workers."""
    run = trainingrun(name)
    run["spec"]["ray"] = {"workers": 2, "resourcesPerWorker": WORKER}
    run["spec"] |= {"maxRetries": 2, "activeDeadlineSeconds": 3000}
    return run


def reason(namespace: Namespace, run: str) -> str:
    status = namespace.get("trainingruns.recsys.dev", run).get("status", {})
    return next((str(one["reason"]) for one in status.get("conditions", []) if one["type"] == "Succeeded"), "")


def of_type(namespace: Namespace, run: str, node_type: str) -> list[dict[str, Any]]:
    return [pod for pod in pods(namespace, run) if pod["metadata"]["labels"].get("ray.io/node-type") == node_type]


@pytest.fixture(scope="module")
def namespace() -> Iterator[Namespace]:
    """A restricted namespace with the example's data and its RecModel, in a cluster without KubeRay; it is left so."""
    assert DATA.is_dir(), "the data set is missing: run hack/demo/data.sh"
    with Namespace("recsys-two-workers") as made:
        load(made)
        yield made
        made.kubectl("delete", "trainingruns.recsys.dev", "--all", "--timeout=120s")
    subprocess.run([KUBERAY, "delete"], cwd=ROOT, check=True)


def metrics(status: dict[str, Any]) -> dict[str, float]:
    return {one["name"]: float(one["value"]) for one in status["result"]["metrics"]}


def test_two_workers_wait_for_kuberay_and_make_a_version(namespace: Namespace) -> None:
    """… and their pods go away after that; a worker that is killed costs one attempt, and changes no figure."""
    namespace.apply(run_of_two("undisturbed"))
    until(
        "the run to say that KubeRay is not installed",
        lambda: True if reason(namespace, "undisturbed") == "KubeRayNotInstalled" else None,
        60,
    )
    subprocess.run([KUBERAY], cwd=ROOT, check=True)
    until("both pods", lambda: True if len(pods(namespace, "undisturbed")) == 2 else None, 180)
    [head], [worker] = (of_type(namespace, "undisturbed", kind) for kind in ("head", "worker"))
    for pod in (head, worker):
        assert pod["spec"]["containers"][0]["resources"]["limits"] == WORKER
    expected = ended(namespace, "undisturbed", 1500)
    assert succeeded(expected) == ("True", "VersionCreated", 1), json.dumps(expected, indent=2)
    until("the end of the pods", lambda: True if not pods(namespace, "undisturbed") else None, 120)

    namespace.apply(run_of_two("disturbed"))
    until("epoch 3", lambda: True if epoch(namespace, "disturbed") >= 3 else None, 900)
    [worker] = of_type(namespace, "disturbed", "worker")
    namespace.kubectl("delete", "pod", worker["metadata"]["name"], "--grace-period=0", "--force")
    found = ended(namespace, "disturbed", 1500)
    assert succeeded(found) == ("True", "VersionCreated", 2), json.dumps(found, indent=2)
    assert metrics(found) == pytest.approx(metrics(expected), abs=1e-3)


def workers(namespace: Namespace, run: str) -> int:
    """How many train now, as the status says."""
    status = namespace.get("trainingruns.recsys.dev", run).get("status", {})
    return int(status.get("progress", {}).get("workers") or 0)


def test_a_worker_of_an_elastic_run_that_is_deleted_costs_no_attempt(namespace: Namespace) -> None:
    """It begins with the head, takes the other pod in, goes on without it, and takes in the one that KubeRay makes."""
    run = run_of_two("elastic")
    run["spec"]["ray"] = {"minWorkers": 1, "maxWorkers": 2, "resourcesPerWorker": WORKER}
    run["spec"]["hyperparameters"] |= {"epochs": "40", "checkpointEvery": "1"}
    namespace.apply(run)
    until("both workers", lambda: True if workers(namespace, "elastic") == 2 else None, 1200)
    [worker] = of_type(namespace, "elastic", "worker")
    namespace.kubectl("delete", "pod", worker["metadata"]["name"], "--grace-period=0", "--force")
    until("one worker", lambda: True if workers(namespace, "elastic") == 1 else None, 300)
    until("both workers again", lambda: True if workers(namespace, "elastic") == 2 else None, 900)
    found = ended(namespace, "elastic", 1500)
    assert succeeded(found) == ("True", "VersionCreated", 1), json.dumps(found, indent=2)
    undisturbed = namespace.get("trainingruns.recsys.dev", "undisturbed")["status"]
    assert metrics(found)["NDCG@10"] > metrics(undisturbed)["NDCG@10"] - 0.02


def test_a_head_that_is_deleted_costs_one_attempt(namespace: Namespace) -> None:
    """KubeRay tells nothing of it; the operator ends the attempt, and the next one goes on from the checkpoint."""
    namespace.apply(run_of_two("beheaded"))
    until("epoch 3", lambda: True if epoch(namespace, "beheaded") >= 3 else None, 900)
    [head] = of_type(namespace, "beheaded", "head")
    namespace.kubectl("delete", "pod", head["metadata"]["name"], "--grace-period=0", "--force")
    found = ended(namespace, "beheaded", 1500)
    assert succeeded(found) == ("True", "VersionCreated", 2), json.dumps(found, indent=2)
