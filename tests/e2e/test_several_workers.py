"""A run with two workers on the local cluster, with the real KubeRay: it waits for it, becomes a version, survives."""

import base64
import json
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
from tests.e2e import churn, node
from tests.e2e.churn import ended, pods, reaches, says, status_of, succeeded
from tests.e2e.cluster import ROOT, Namespace, until

pytestmark = [pytest.mark.full, pytest.mark.timeout(2400)]

KUBERAY = ROOT / "hack/cluster/kuberay.sh"
WORKER = {"cpu": "700m", "memory": "3Gi"}
MIDDLE = 5
"""The epoch after which a run loses a pod: there is a checkpoint after 4."""
LARGER = {"batchSize": "256"}
"""What two workers tell each other is per batch: with those of the other tests an epoch takes them 10 seconds."""
MANY_EPOCHS = 150
"""Long enough for a worker to come, go, be missed and come back."""
AWAY_SECONDS = 60
GPU = "example.com/fake"
"""Nobody owns it: it is handed out as a GPU is, and the workers find no device behind it."""
OWNED = "rayjobs,rayclusters,jobs,pods,services,secrets,configmaps,serviceaccounts,roles,rolebindings"
DASHBOARD = 8265
"""The port by which Ray takes jobs, and whose jobs may run anything in its pods."""


def run_of_two(name: str, **spec: Any) -> dict[str, Any]:
    """The example's run, by two workers."""
    ray = {"workers": 2, "resourcesPerWorker": WORKER}
    more = {"ray": ray, "hyperparameters": LARGER, "maxRetries": 2, "activeDeadlineSeconds": 1800}
    return churn.trainingrun(name, **{**more, **spec})


def of_type(namespace: Namespace, run: str, node_type: str) -> list[dict[str, Any]]:
    return [pod for pod in pods(namespace, run) if pod["metadata"]["labels"].get("ray.io/node-type") == node_type]


def delete(namespace: Namespace, run: str, node_type: str) -> None:
    """Take the one pod of this kind away at once, as a node does that is lost."""
    [pod] = of_type(namespace, run, node_type)
    namespace.kubectl("delete", "pod", pod["metadata"]["name"], "--grace-period=0", "--force")


def kill(namespace: Namespace, run: str, node_type: str) -> None:
    """Signal 9 to all that runs in the one pod of this kind, which stays: the kubelet starts its container again."""
    [pod] = of_type(namespace, run, node_type)
    node.kill_container(pod)


@contextmanager
def cordoned(namespace: Namespace) -> Iterator[None]:
    """No pod finds a node, as where the only one with room for it was taken away."""
    nodes = namespace.kubectl("get", "nodes", "-o", "name").split()
    namespace.kubectl("cordon", *nodes)
    try:
        yield
    finally:
        namespace.kubectl("uncordon", *nodes)


@pytest.fixture(scope="module")
def namespace() -> Iterator[Namespace]:
    """A restricted namespace with data and a RecModel, in a cluster without KubeRay; it is left so."""
    with Namespace("recsys-two-workers") as made:
        churn.load(made)
        yield made
        made.kubectl("delete", "trainingruns.recsys.dev", "--all", "--timeout=120s")
    subprocess.run([KUBERAY, "delete"], cwd=ROOT, check=True)


@pytest.fixture(scope="module")
def undisturbed(namespace: Namespace) -> dict[str, Any]:
    """The status of a run that waited for KubeRay, and became a version."""
    namespace.apply(run_of_two("undisturbed"))
    says(namespace, "undisturbed", "KubeRayNotInstalled", 180)
    subprocess.run([KUBERAY], cwd=ROOT, check=True)
    until("both pods", lambda: True if len(pods(namespace, "undisturbed")) == 2 else None, 180)
    [head], [worker] = (of_type(namespace, "undisturbed", kind) for kind in ("head", "worker"))
    for pod in (head, worker):
        assert pod["spec"]["containers"][0]["resources"]["limits"] == WORKER
    found = ended(namespace, "undisturbed", 900)
    assert succeeded(found) == ("True", "VersionCreated", 1), json.dumps(found, indent=2)
    return found


def metrics(status: dict[str, Any]) -> dict[str, float]:
    return {one["name"]: float(one["value"]) for one in status["result"]["metrics"]}


@pytest.mark.usefixtures("undisturbed")
def test_two_workers_wait_for_kuberay_and_make_a_version(namespace: Namespace) -> None:
    """… and their pods go away after that."""
    until("the end of the pods", lambda: True if not pods(namespace, "undisturbed") else None, 120)


def workers(namespace: Namespace, run: str) -> int:
    """How many train now, as the status says."""
    return int(status_of(namespace, run).get("progress", {}).get("workers") or 0)


def epoch(namespace: Namespace, run: str) -> int:
    return int(status_of(namespace, run).get("progress", {}).get("epoch") or 0)


@pytest.mark.usefixtures("undisturbed")
def test_a_worker_of_an_elastic_run_that_is_deleted_costs_no_attempt(namespace: Namespace) -> None:
    """It begins with the head, takes the other pod in, goes on without it, and takes in the one that KubeRay makes.

    What it learns is what one worker alone learns in as many epochs.
    """
    ray = {"minWorkers": 1, "maxWorkers": 2, "resourcesPerWorker": WORKER}
    many = {**LARGER, "epochs": str(MANY_EPOCHS)}
    namespace.apply(run_of_two("elastic", ray=ray, hyperparameters=many, maxRetries=0))
    until("both workers", lambda: True if workers(namespace, "elastic") == 2 else None, 600)
    with cordoned(namespace):
        delete(namespace, "elastic", "worker")
        until("one worker", lambda: True if workers(namespace, "elastic") == 1 else None, 300)
        seen = epoch(namespace, "elastic")
        until("more epochs", lambda: True if epoch(namespace, "elastic") > seen else None, 120)
        assert workers(namespace, "elastic") == 1
    until("both workers again", lambda: True if workers(namespace, "elastic") == 2 else None, 600)
    found = ended(namespace, "elastic", 900)
    assert succeeded(found) == ("True", "VersionCreated", 1), json.dumps(found, indent=2)
    assert [one["epoch"] for one in found["progress"]["history"]] == sorted(
        {one["epoch"] for one in found["progress"]["history"]}
    ), "every epoch once, in its order"
    namespace.apply(churn.trainingrun("alone", hyperparameters=many))
    assert metrics(found) == pytest.approx(metrics(ended(namespace, "alone", 900)), abs=0.02)


def drain(namespace: Namespace, run: str) -> None:
    """Evict head and worker, as `kubectl drain` does with the node that both are on."""
    for pod in pods(namespace, run):
        churn.evict(namespace, pod)


@pytest.mark.parametrize(
    ("name", "take"),
    [
        ("disturbed", partial(delete, node_type="worker")),
        ("beheaded", partial(delete, node_type="head")),
        ("drained", drain),
        ("worker-killed", partial(kill, node_type="worker")),
        ("head-killed", partial(kill, node_type="head")),
    ],
)
def test_a_pod_that_is_taken_away_costs_one_attempt(
    name: str, take: Callable[[Namespace, str], None], namespace: Namespace, undisturbed: dict[str, Any]
) -> None:
    """… and changes no figure. Of a head KubeRay tells nothing: the operator ends the attempt, and names it."""
    namespace.apply(run_of_two(name))
    seen = reaches(namespace, name, MIDDLE, 300)
    [head] = of_type(namespace, name, "head")
    take(namespace, name)
    failure = churn.failure_of(namespace, name, 180)
    assert failure["pod"] == head["metadata"]["name"], failure  # The trainer is in it, whichever pod was taken.
    if name == "beheaded":
        assert failure["message"].startswith(
            "The pod of Ray's head is gone, and with it the training and the exit code"
        )
        assert "exitCode" not in failure
        assert failure["log"], f"what the trainer told last: {failure}"
    if name == "head-killed":
        assert failure["exitCode"] == 137, failure
    if name in ("disturbed", "worker-killed"):
        assert failure["exitCode"] not in (0, None), failure
        assert failure["log"], f"the last lines of the log: {failure}"
    assert churn.resumed(namespace, name) >= seen - seen % churn.EVERY > 0
    found = ended(namespace, name, 900)
    assert succeeded(found) == ("True", "VersionCreated", 2), json.dumps(found, indent=2)
    assert metrics(found) == pytest.approx(metrics(undisturbed), abs=1e-3)


def test_a_store_that_is_away_for_a_minute_costs_no_attempt(namespace: Namespace, undisturbed: dict[str, Any]) -> None:
    """The worker that keeps the checkpoints waits for it, and the other one for that."""
    namespace.apply(run_of_two("store-away", maxRetries=0))
    reaches(namespace, "store-away", MIDDLE, 300)
    [head] = of_type(namespace, "store-away", "head")
    with node.away(node.folder_of(namespace, "models")):
        time.sleep(AWAY_SECONDS)
        assert "the store has not taken a file, which is waited for" in churn.log_of(namespace, head)
    found = ended(namespace, "store-away", 900)
    assert succeeded(found) == ("True", "VersionCreated", 1), json.dumps(found, indent=2)
    assert metrics(found) == pytest.approx(metrics(undisturbed), abs=1e-3)


def test_workers_with_a_gpu_each_that_torch_does_not_see_train_on_their_cpus(
    namespace: Namespace, undisturbed: dict[str, Any]
) -> None:
    ray = {"workers": 2, "resourcesPerWorker": {**WORKER, "gpu": 1, "gpuResource": GPU}}
    with node.extended_resource(namespace, GPU, 2):
        namespace.apply(run_of_two("without-cuda", ray=ray, maxRetries=0))
        until("both pods", lambda: True if len(pods(namespace, "without-cuda")) == 2 else None, 180)
        for pod in pods(namespace, "without-cuda"):
            assert pod["spec"]["containers"][0]["resources"]["limits"][GPU] == "1"
        until("both to hold one", lambda: True if held(namespace, "without-cuda") == 2 else None, 120)
        found = ended(namespace, "without-cuda", 900)
        assert succeeded(found) == ("True", "VersionCreated", 1), json.dumps(found, indent=2)
        assert metrics(found) == pytest.approx(metrics(undisturbed), abs=1e-3)


def held(namespace: Namespace, run: str) -> int:
    """How many GPUs the run holds now, as the status says."""
    return int(status_of(namespace, run).get("gpu", {}).get("held") or 0)


def test_an_operator_that_is_killed_again_and_again_changes_nothing(
    namespace: Namespace, undisturbed: dict[str, Any]
) -> None:
    """Before the run has its RayJob, in mid-training, and while it publishes: one RayJob, one attempt."""
    namespace.apply(run_of_two("unwatched", maxRetries=0))
    for seen in (0, MIDDLE, churn.EPOCHS - 2):
        if seen:
            reaches(namespace, "unwatched", seen, 300)
        node.kill_operator(namespace)
    found = ended(namespace, "unwatched", 900)
    assert succeeded(found) == ("True", "VersionCreated", 1), json.dumps(found, indent=2)
    assert metrics(found) == pytest.approx(metrics(undisturbed), abs=1e-3)
    assert len(namespace.items("rayjobs", "recsys.dev/trainingrun=unwatched")) == 1


@pytest.mark.usefixtures("undisturbed")
def test_a_deadline_ends_a_run_and_its_pods(namespace: Namespace) -> None:
    """Those of Ray's cluster too, which KubeRay deletes."""
    namespace.apply(run_of_two("late", activeDeadlineSeconds=60))
    until("a pod", lambda: True if pods(namespace, "late") else None, 60)
    found = ended(namespace, "late", 240)
    assert succeeded(found) == ("False", "DeadlineExceeded", 1), json.dumps(found, indent=2)
    assert "spec.activeDeadlineSeconds (60 s)" in found["failure"]["message"]
    until("the end of the pods", lambda: None if pods(namespace, "late") else True, 120)


def answered(pod: dict[str, Any], token: str) -> int:
    """How Ray answers who wants to see its jobs, by HTTP's codes."""
    wanted = urllib.request.Request(f"http://{pod['status']['podIP']}:{DASHBOARD}/api/jobs/")
    if token:
        wanted.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(wanted, timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def token_of(namespace: Namespace, head: dict[str, Any]) -> str:
    """What KubeRay made for this cluster of Ray alone."""
    secret = namespace.get("secrets", head["metadata"]["labels"]["ray.io/cluster"])
    return base64.b64decode(secret["data"]["auth_token"]).decode()


def test_suspended_and_resumed_and_deleted(namespace: Namespace, undisturbed: dict[str, Any]) -> None:
    """Both pods go and come back, Ray answers nobody without its token, and a deletion leaves nothing."""
    namespace.apply(run_of_two("suspended", maxRetries=0))
    seen = reaches(namespace, "suspended", MIDDLE, 300)
    [head] = of_type(namespace, "suspended", "head")
    codes = [answered(head, token) for token in ("", "guessed", token_of(namespace, head))]
    assert codes[2] == 200
    assert set(codes[:2]) <= {401, 403}, codes
    churn.suspend(namespace, "suspended", wanted=True)
    says(namespace, "suspended", "Suspended")
    until("the end of the pods", lambda: None if pods(namespace, "suspended") else True, 120)
    churn.suspend(namespace, "suspended", wanted=False)
    assert churn.resumed(namespace, "suspended") >= seen - seen % churn.EVERY > 0
    found = ended(namespace, "suspended", 900)
    assert succeeded(found) == ("True", "VersionCreated", 1), json.dumps(found, indent=2)
    assert metrics(found) == pytest.approx(metrics(undisturbed), abs=1e-3)

    namespace.apply(run_of_two("deleted"))
    reaches(namespace, "deleted", 1, 300)
    left = pods(namespace, "deleted")
    assert len(left) == 2
    namespace.kubectl("delete", "trun", "deleted", "--timeout=60s")

    def named() -> list[str]:
        return [one for one in namespace.kubectl("get", OWNED, "-o", "name").split() if "/deleted" in one]

    until("the end of all that the run owned", lambda: None if named() else True, 180)
    until("the end of its processes", lambda: None if any(map(node.processes, left)) else True, 60)


def test_a_worker_that_runs_out_of_memory_is_told_by_that_name(
    namespace: Namespace, undisturbed: dict[str, Any]
) -> None:
    """… and the next attempt goes on from the checkpoint."""
    namespace.apply(run_of_two("filled"))
    seen = reaches(namespace, "filled", MIDDLE, 300)
    [worker] = of_type(namespace, "filled", "worker")
    process = node.process(worker, "ray::RayTrainWorker")
    whole = node.killed_whole(process)
    node.fill_memory(process)
    failure = churn.failure_of(namespace, "filled", 180)
    assert (failure["reason"], failure["pod"]) == ("OOMKilled", worker["metadata"]["name"]), failure
    # The trainer's own where a process was killed; the container's where all of them were, if its pod was still there.
    assert failure["exitCode"] in ({1, 137} if whole else {1}), failure
    assert failure["log"], f"the last lines of the log: {failure}"
    assert churn.resumed(namespace, "filled") >= seen - seen % churn.EVERY > 0
    found = ended(namespace, "filled", 900)
    assert succeeded(found) == ("True", "VersionCreated", 2), json.dumps(found, indent=2)
    assert metrics(found) == pytest.approx(metrics(undisturbed), abs=1e-3)
