"""Runs in a queue of the real Kueue: they wait for quota, give way to a higher priority, and lose nothing by it."""

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from tests.e2e import churn
from tests.e2e.churn import EPOCHS, EVERY, condition, ended, pods, reaches, says, status_of, succeeded, trainingrun
from tests.e2e.cluster import ROOT, Namespace, until

pytestmark = [pytest.mark.full, pytest.mark.timeout(1800)]

KUEUE, KUBERAY = ROOT / "hack/cluster/kueue.sh", ROOT / "hack/cluster/kuberay.sh"
QUEUE = "team-a"
CLUSTER_QUEUE = FLAVOR = "recsys-e2e"
LOW, HIGH = "recsys-e2e-low", "recsys-e2e-high"
ONE_RUN, NONE = {"cpu": "1", "memory": "2Gi"}, {"cpu": "500m", "memory": "1Gi"}
WORKER = {"cpu": "700m", "memory": "3Gi"}
TWO_WORKERS = {"cpu": "1400m", "memory": "6Gi"}
PAIR_EPOCHS = 100
LARGER = {"batchSize": "256", "epochs": str(PAIR_EPOCHS)}
"""Two workers need large batches: what they tell each other is per batch. A suspended RayJob trains on until its pods
are gone, half a minute later, so there are more epochs than that takes."""
MIDDLE = 5
"""The epoch after which a run loses its place: there is a checkpoint after 4, and 5 is trained again."""
KUEUE_SEES_KUBERAY_SECONDS = 180
"""Kueue asks ever more rarely, in the end every two minutes, whether RayJobs have come to the cluster."""


def cluster_queue(quota: dict[str, str]) -> dict[str, Any]:
    """A queue with this quota, in which a higher priority takes the place of a lower one."""
    resources = [{"name": name, "nominalQuota": amount} for name, amount in quota.items()]
    return {
        "apiVersion": "kueue.x-k8s.io/v1beta2",
        "kind": "ClusterQueue",
        "metadata": {"name": CLUSTER_QUEUE},
        "spec": {
            "namespaceSelector": {},
            "preemption": {"withinClusterQueue": "LowerPriority"},
            "resourceGroups": [
                {"coveredResources": list(quota), "flavors": [{"name": FLAVOR, "resources": resources}]}
            ],
        },
    }


def priority_class(name: str, value: int) -> dict[str, Any]:
    return {
        "apiVersion": "scheduling.k8s.io/v1",
        "kind": "PriorityClass",
        "metadata": {"name": name},
        "value": value,
        "preemptionPolicy": "Never",
    }


OF_CLUSTER = [
    {"apiVersion": "kueue.x-k8s.io/v1beta2", "kind": "ResourceFlavor", "metadata": {"name": FLAVOR}},
    priority_class(LOW, 10),
    priority_class(HIGH, 1000),
]


class Shop:
    """The namespace with its LocalQueue, and what a run outside of any queue came to."""

    def __init__(self, namespace: Namespace) -> None:
        self.namespace = namespace
        namespace.apply(trainingrun("undisturbed"))
        self.expected = ended(namespace, "undisturbed")
        assert succeeded(self.expected) == ("True", "VersionCreated", 1)
        (pod,) = pods(namespace, "undisturbed")
        self.epochs = churn.epochs(churn.log_of(namespace, pod))

    def quota(self, amounts: dict[str, str]) -> None:
        """Give the queue this much."""
        self.namespace.apply(cluster_queue(amounts))

    def same(self, run: str) -> dict[str, Any]:
        """Wait for the run's end: one attempt, no failure, and every figure that of the undisturbed run."""
        found = ended(self.namespace, run)
        assert succeeded(found) == ("True", "VersionCreated", 1), json.dumps(found, indent=2)
        assert "failure" not in found
        assert found["result"]["metrics"] == self.expected["result"]["metrics"]
        assert found["progress"]["history"] == self.expected["progress"]["history"]
        return found

    def workloads(self) -> list[str]:
        """Kueue's own objects for the jobs of the namespace that are still to be done."""
        found = json.loads(self.namespace.kubectl("get", "workloads", "-o", "json"))["items"]
        done = "Finished"
        return [
            one["metadata"]["name"]
            for one in found
            if not any(one["type"] == done for one in one.get("status", {}).get("conditions", []))
        ]


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    """A restricted namespace with data, a RecModel, one run that ended, and Kueue with a queue that has no room."""
    with Namespace("recsys-queue") as made:
        churn.load(made)
        yours = Shop(made)
        subprocess.run([KUEUE], cwd=ROOT, check=True)
        local = {
            "apiVersion": "kueue.x-k8s.io/v1beta2",
            "kind": "LocalQueue",
            "metadata": {"name": QUEUE, "namespace": made.name},
            "spec": {"clusterQueue": CLUSTER_QUEUE},
        }
        made.apply(*OF_CLUSTER, cluster_queue(NONE), local)
        yield yours
        made.kubectl("delete", "trun", "--all", "--timeout=120s")
        made.kubectl("delete", "priorityclass", LOW, HIGH)
    subprocess.run([KUEUE, "delete"], cwd=ROOT, check=True)


@pytest.fixture
def kuberay(shop: Shop) -> Iterator[None]:
    """KubeRay, which comes to a cluster in which Kueue runs already."""
    subprocess.run([KUBERAY], cwd=ROOT, check=True)
    yield
    shop.namespace.kubectl("delete", "trun", "--all", "--timeout=120s")
    subprocess.run([KUBERAY, "delete"], cwd=ROOT, check=True)


def test_a_run_waits_for_quota_and_trains_when_there_is_some(shop: Shop) -> None:
    shop.quota(NONE)
    shop.namespace.apply(trainingrun("waits", queueName=QUEUE, priorityClassName=LOW))
    says(shop.namespace, "waits", "Queued")
    until("its Workload", lambda: shop.workloads() or None, 60)
    told = condition(shop.namespace, "waits")["message"]
    assert f"waits in the queue {QUEUE}" in told, told
    assert not pods(shop.namespace, "waits")
    assert "startTime" not in status_of(shop.namespace, "waits")
    shop.quota(ONE_RUN)
    shop.same("waits")


def test_a_higher_priority_takes_the_place_and_gives_it_back(shop: Shop) -> None:
    """The pod goes away in mid-training; the run goes on from its checkpoint, with all its retries."""
    shop.quota(ONE_RUN)
    shop.namespace.apply(trainingrun("low", queueName=QUEUE, priorityClassName=LOW, maxRetries=0))
    seen = reaches(shop.namespace, "low", MIDDLE)
    (pod,) = pods(shop.namespace, "low")
    first = churn.epochs(churn.log_of(shop.namespace, pod))
    shop.namespace.apply(trainingrun("high", queueName=QUEUE, priorityClassName=HIGH, maxRetries=0))
    says(shop.namespace, "low", "Queued", 60)
    until("the end of its pod", lambda: None if pods(shop.namespace, "low") else True, 60)
    high = shop.same("high")
    assert status_of(shop.namespace, "low")["attempts"] == 1
    low = shop.same("low")
    assert low["result"]["version"] == high["result"]["version"] + 1
    log = churn.log_of(shop.namespace, pods(shop.namespace, "low")[-1])
    (after,) = churn.continued(log)
    assert after >= seen - seen % EVERY > 0
    assert {**first, **churn.epochs(log)}.items() <= shop.epochs.items()
    print(f"preempted after epoch {seen} of {EPOCHS}, continued after epoch {after}")


def test_a_run_that_is_suspended_in_the_queue_leaves_it(shop: Shop) -> None:
    """… so that quota which comes meanwhile starts nothing."""
    shop.quota(NONE)
    shop.namespace.apply(trainingrun("suspended", queueName=QUEUE, priorityClassName=LOW))
    says(shop.namespace, "suspended", "Queued")
    until("its Workload", lambda: shop.workloads() or None, 60)
    churn.suspend(shop.namespace, "suspended", wanted=True)
    says(shop.namespace, "suspended", "Suspended")
    until("the end of its Workload", lambda: None if shop.workloads() else True, 60)
    shop.quota(ONE_RUN)
    shop.namespace.apply(trainingrun("beside", queueName=QUEUE, priorityClassName=LOW))
    shop.same("beside")
    assert not shop.namespace.items("jobs", "recsys.dev/trainingrun=suspended")
    assert condition(shop.namespace, "suspended")["reason"] == "Suspended"
    churn.suspend(shop.namespace, "suspended", wanted=False)
    shop.same("suspended")


@pytest.mark.usefixtures("kuberay")
def test_two_workers_are_admitted_together_give_way_and_come_back(shop: Shop) -> None:
    """A RayJob of KubeRay: no pod while it waits, both at once, and none while another run has its place."""
    shop.quota(NONE)
    pair = {"ray": {"workers": 2, "resourcesPerWorker": WORKER}, "hyperparameters": LARGER, "maxRetries": 0}
    shop.namespace.apply(trainingrun("pair", queueName=QUEUE, priorityClassName=LOW, **pair))
    says(shop.namespace, "pair", "Queued")
    until("its Workload", lambda: shop.workloads() or None, KUEUE_SEES_KUBERAY_SECONDS)
    assert not pods(shop.namespace, "pair")
    shop.quota(TWO_WORKERS)
    seen = reaches(shop.namespace, "pair", MIDDLE, 600)
    assert len(pods(shop.namespace, "pair")) == 2
    shop.namespace.apply(trainingrun("high-again", queueName=QUEUE, priorityClassName=HIGH, hyperparameters=LARGER))
    says(shop.namespace, "pair", "Queued", 60)
    until("the end of its pods", lambda: None if pods(shop.namespace, "pair") else True, 120)
    alone = ended(shop.namespace, "high-again")
    assert succeeded(alone) == ("True", "VersionCreated", 1), json.dumps(alone, indent=2)
    assert status_of(shop.namespace, "pair")["progress"]["epoch"] < PAIR_EPOCHS
    after = churn.resumed(shop.namespace, "pair")
    assert after >= seen - seen % EVERY > 0
    found = ended(shop.namespace, "pair", 900)
    assert succeeded(found) == ("True", "VersionCreated", 1), json.dumps(found, indent=2)
    assert "failure" not in found
    values, expected = (
        {one["name"]: float(one["value"]) for one in status["result"]["metrics"]} for status in (found, alone)
    )
    assert values == pytest.approx(expected, abs=5e-3)
    epochs, once = ([point["epoch"] for point in status["progress"]["history"]] for status in (found, alone))
    assert epochs == once
    print(f"two workers: preempted after epoch {seen}, continued after epoch {after}, {values} beside {expected}")
