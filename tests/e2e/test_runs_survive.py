"""A run under each disturbance on the local cluster ends with the version of one that nobody disturbed, bit by bit.

At most the epochs since the last checkpoint are trained again, and status says what happened.
"""

import hashlib
import json
import signal
import time
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.e2e import churn, node
from tests.e2e.churn import EPOCHS, EVERY, ended, pods, reaches, says, status_of, succeeded, trainingrun
from tests.e2e.cluster import Namespace, until

pytestmark = [pytest.mark.full, pytest.mark.timeout(900)]

MIDDLE = 5
"""The epoch after which a run is disturbed: there is a checkpoint after 4, and 5 is trained again."""
AWAY_SECONDS = 60
OWNED = "jobs,pods,configmaps,serviceaccounts,roles,rolebindings"


class Shop:
    """The namespace, and what the run that nobody disturbed came to."""

    def __init__(self, namespace: Namespace) -> None:
        self.namespace = namespace
        namespace.apply(trainingrun("undisturbed"))
        self.expected = ended(namespace, "undisturbed")
        self.store = node.folder_of(namespace, "models")
        assert succeeded(self.expected) == ("True", "VersionCreated", 1)
        (pod,) = pods(namespace, "undisturbed")
        self.given: dict[int, str] = {}
        """Which run has which number, in the order in which they were given."""
        self.takes("undisturbed", self.expected)
        self.epochs = churn.epochs(churn.log_of(namespace, pod))
        assert sorted(self.epochs) == list(range(1, EPOCHS + 1))

    def bytes_of(self, status: dict[str, Any]) -> dict[str, str]:
        """SHA-256 of what the version learned, as it lies in the store."""
        folder = self.store / status["result"]["uri"].removeprefix("pvc://models/")
        names = ("model.onnx", "weights.safetensors", "preprocessing.json")
        return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}

    def versions(self) -> list[int]:
        """Every number that is taken."""
        return sorted(int(entry.name) for entry in self._model("versions").iterdir() if entry.name.isdecimal())

    def takes(self, run: str, status: dict[str, Any]) -> int:
        """The number of the run's version: of its own, which no other run has, and newer than all before it."""
        number = int(status["result"]["version"])
        assert number not in self.given, f"{run} has the number {number} of {self.given[number]}"
        assert number > max(self.given, default=0), f"{run} has the number {number}, after {self.given}"
        assert number in self.versions()
        self.given[number] = run
        return number

    def left_of(self, uid: str) -> list[str]:
        """What the run keeps in its folder of the store."""
        return sorted(entry.name for entry in self._model(f"runs/{uid}").iterdir())

    def _model(self, below: str) -> Path:
        return self.store / self.namespace.name / "churn" / below

    def same(self, run: str, *, attempts: int) -> dict[str, Any]:
        """Wait for the end of the run, and hold what it made against what the undisturbed one did."""
        found = ended(self.namespace, run)
        assert succeeded(found) == ("True", "VersionCreated", attempts), json.dumps(found, indent=2)
        self.takes(run, found)
        assert found["result"]["metrics"] == self.expected["result"]["metrics"]
        assert found["result"]["dataset"] == self.expected["result"]["dataset"]
        assert found["progress"]["history"] == self.expected["progress"]["history"]
        assert self.bytes_of(found) == self.bytes_of(self.expected)
        assert self.left_of(self.uid(run)) == self.left_of(self.uid("undisturbed"))
        return found

    def uid(self, run: str) -> str:
        return str(self.namespace.get("trainingruns.recsys.dev", run)["metadata"]["uid"])

    def goes_on(self, run: str, first: dict[int, str], seen: int) -> None:
        """The last pod went on from the last checkpoint, and the epochs of both pods are those of the undisturbed."""
        log = churn.log_of(self.namespace, pods(self.namespace, run)[-1])
        (after,) = churn.continued(log)
        assert after >= seen - seen % EVERY > 0
        second = churn.epochs(log)
        assert sorted(second) == list(range(after + 1, EPOCHS + 1))
        assert {**first, **second}.items() <= self.epochs.items()
        print(f"{run}: disturbed after epoch {seen}, continued after epoch {after} of {EPOCHS}")


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    """A restricted namespace with data, a RecModel, and one run that ended undisturbed."""
    with Namespace("recsys-survive") as made:
        churn.load(made)
        yield Shop(made)


def training(shop: Shop, name: str, **spec: Any) -> tuple[dict[str, Any], int]:
    """A run in the middle of its training: its pod, and the epoch that it told last."""
    shop.namespace.apply(trainingrun(name, **spec))
    seen = reaches(shop.namespace, name, MIDDLE)
    (pod,) = pods(shop.namespace, name)
    return pod, seen


@pytest.mark.parametrize(
    ("name", "command"), [("driver-killed", "recsys_workers.train"), ("worker-killed", "ray::RayTrainWorker")]
)
def test_a_process_of_the_trainer_killed_with_signal_9(shop: Shop, name: str, command: str) -> None:
    pod, seen = training(shop, name)
    first = churn.epochs(churn.log_of(shop.namespace, pod))
    node.send(node.process(pod, command), signal.SIGKILL)

    failure = churn.failure_of(shop.namespace, name)
    assert failure["pod"] == pod["metadata"]["name"]
    assert failure["exitCode"] == (137 if name == "driver-killed" else 1), failure
    assert failure["log"], f"the last lines of the log: {failure}"
    shop.same(name, attempts=2)
    shop.goes_on(name, first, seen)


def test_a_pod_that_is_evicted_costs_no_attempt(shop: Shop) -> None:
    """By the API, as `kubectl drain` does: also with maxRetries 0."""
    pod, seen = training(shop, "evicted", maxRetries=0)
    first = churn.epochs(churn.log_of(shop.namespace, pod))
    churn.evict(shop.namespace, pod)
    shop.same("evicted", attempts=1)
    shop.goes_on("evicted", first, seen)


def test_a_job_that_somebody_deletes_is_made_again_and_costs_no_attempt(shop: Shop) -> None:
    """In the background, as `kubectl delete` does: its pod is there until it has ended, beside that of the next one."""
    pod, seen = training(shop, "job-deleted", maxRetries=0)
    first = churn.epochs(churn.log_of(shop.namespace, pod))
    shop.namespace.kubectl("delete", "job", "job-deleted-train")
    shop.same("job-deleted", attempts=1)
    shop.goes_on("job-deleted", first, seen)


def test_suspended_and_resumed(shop: Shop) -> None:
    pod, seen = training(shop, "suspended", maxRetries=0)
    first = churn.epochs(churn.log_of(shop.namespace, pod))
    churn.suspend(shop.namespace, "suspended", wanted=True)
    says(shop.namespace, "suspended", "Suspended")
    until("the end of the pod", lambda: None if pods(shop.namespace, "suspended") else True, 60)
    assert not node.processes(pod)
    churn.suspend(shop.namespace, "suspended", wanted=False)
    shop.same("suspended", attempts=1)
    shop.goes_on("suspended", first, seen)


def test_prometheus_reads_a_run_while_it_trains(shop: Shop) -> None:
    """By the labels and the port's name that the chart's PodMonitor goes by."""
    training(shop, "measured", metricsPort=9102)
    wanted = urllib.parse.quote(f'recsys_training_epoch{{namespace="{shop.namespace.name}",run="measured"}}')
    path = f"/api/v1/namespaces/monitoring/services/prometheus:9090/proxy/api/v1/query?query={wanted}"

    def read() -> dict[str, Any] | None:
        found = json.loads(shop.namespace.kubectl("get", "--raw", path))["data"]["result"]
        return next((dict(one) for one in found if float(one["value"][1]) >= MIDDLE), None)

    series = until("an epoch in Prometheus", read, 60)
    assert series["metric"]["model"] == "churn"
    assert series["metric"]["pod"] == pods(shop.namespace, "measured")[0]["metadata"]["name"]
    shop.same("measured", attempts=1)


def test_an_operator_that_is_killed_again_and_again_changes_nothing(shop: Shop) -> None:
    """Before the run has its Job, in mid-training, and while it publishes."""
    shop.namespace.apply(trainingrun("operator-killed"))
    for epoch in (0, MIDDLE, EPOCHS - 2):
        if epoch:
            reaches(shop.namespace, "operator-killed", epoch)
        node.kill_operator(shop.namespace)
    found = shop.same("operator-killed", attempts=1)
    assert len(pods(shop.namespace, "operator-killed")) == 1
    assert found["startTime"] < found["completionTime"]


def test_a_run_that_needs_more_memory_than_it_may_fails_by_that_name(shop: Shop) -> None:
    run = trainingrun("too-small", maxRetries=1)
    run["spec"]["ray"]["resourcesPerWorker"] = {**churn.WORKER, "memory": "400Mi"}
    shop.namespace.apply(run)
    found = ended(shop.namespace, "too-small", 300)
    assert succeeded(found) == ("False", "OOMKilled", 2), json.dumps(found, indent=2)
    assert "All 2 attempts failed" in found["conditions"][0]["message"]
    assert found["failure"]["reason"] == "OOMKilled"
    assert "400Mi" in found["failure"]["message"]
    last = pods(shop.namespace, "too-small")[-1]
    assert found["failure"]["pod"] == last["metadata"]["name"]
    terminated = last["status"]["containerStatuses"][0]["state"]["terminated"]
    assert found["failure"]["exitCode"] == terminated["exitCode"] != 0, found["failure"]
    if terminated["exitCode"] == 137:  # else another process of it was killed, and the trainer told
        printed = churn.log_of(shop.namespace, last).strip().splitlines()
        assert found["failure"].get("log", "").splitlines()[-1:] == printed[-1:], found["failure"]
    shop.namespace.kubectl("delete", "pods", "-l", "recsys.dev/trainingrun=too-small")
    assert status_of(shop.namespace, "too-small")["failure"] == found["failure"]


def test_a_pod_that_runs_out_of_memory_once_goes_on_from_its_checkpoint(shop: Shop) -> None:
    """What filled it is gone when the next attempt begins."""
    pod, seen = training(shop, "out-of-memory")
    first = churn.epochs(churn.log_of(shop.namespace, pod))
    worker = node.process(pod, "ray::RayTrainWorker")
    whole = node.killed_whole(worker)
    node.fill_memory(worker)

    failure = churn.failure_of(shop.namespace, "out-of-memory")
    assert (failure["reason"], failure["pod"]) == ("OOMKilled", pod["metadata"]["name"]), failure
    assert failure["exitCode"] == (137 if whole else 1), failure
    assert failure["log"], f"the last lines of the log: {failure}"
    shop.same("out-of-memory", attempts=2)
    shop.goes_on("out-of-memory", first, seen)


def test_a_store_that_is_away_for_a_minute_in_mid_training_costs_no_attempt(shop: Shop) -> None:
    pod, _ = training(shop, "store-away", maxRetries=0)
    with node.away(shop.store):
        time.sleep(AWAY_SECONDS)
        assert "the store has not taken a file, which is waited for" in churn.log_of(shop.namespace, pod)
    shop.same("store-away", attempts=1)


def test_a_store_that_is_away_for_a_minute_before_a_run_begins_costs_retries(shop: Shop) -> None:
    """Each attempt says at once what is wrong, and the back-off outlasts it."""
    with node.away(shop.store):
        shop.namespace.apply(trainingrun("no-store"))
        failure = churn.failure_of(shop.namespace, "no-store")
        assert failure["reason"] == "StoreUnreachable"
        assert "of pvc://models cannot be made: Permission denied" in failure["message"]
        time.sleep(AWAY_SECONDS)
    found = ended(shop.namespace, "no-store")
    assert 1 < found["attempts"] <= 4
    shop.same("no-store", attempts=found["attempts"])


@pytest.fixture
def hanging(shop: Shop, tmp_path: Path) -> Iterator[Path]:
    """A claim on a file system of its own, which can be frozen, and a RecModel `slow` that keeps its versions there."""
    with node.file_system(tmp_path) as mounted:
        capacity = {"storage": "200Mi"}
        volume = {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": "recsys-survive-slow"},
            "spec": {
                "capacity": capacity,
                "accessModes": ["ReadWriteOnce"],
                "storageClassName": "",
                "persistentVolumeReclaimPolicy": "Retain",
                "hostPath": {"path": str(mounted), "type": "Directory"},
                "claimRef": {"namespace": shop.namespace.name, "name": "slow"},
            },
        }
        claim = {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "slow"},
            "spec": {
                "storageClassName": "",
                "volumeName": "recsys-survive-slow",
                "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": capacity},
            },
        }
        model = {**churn.recmodel(), "metadata": {"name": "slow"}}
        model["spec"] = {**model["spec"], "storage": {"uri": "pvc://slow"}}
        shop.namespace.apply(volume, claim, model)
        yield mounted
        shop.namespace.kubectl("delete", "trun", "slow", "--timeout=60s")
        churn.gone(shop.namespace, "slow", lambda _: True, 120)
        shop.namespace.kubectl("delete", "pvc", "slow", "--timeout=60s")
        shop.namespace.kubectl("delete", "pv", "recsys-survive-slow", "--timeout=60s")


def test_a_store_that_hangs_for_a_minute_costs_no_attempt(shop: Shop, hanging: Path) -> None:
    """As a file server does that is restarted: no call fails, none returns."""
    shop.namespace.apply(trainingrun("slow", modelRef={"name": "slow"}, maxRetries=0))
    seen = reaches(shop.namespace, "slow", MIDDLE)
    with node.frozen(hanging):
        time.sleep(AWAY_SECONDS)
        held = int(status_of(shop.namespace, "slow")["progress"]["epoch"])
        assert seen <= held <= seen + EVERY + 1, "no checkpoint could be written"
    found = ended(shop.namespace, "slow")
    assert succeeded(found) == ("True", "VersionCreated", 1), json.dumps(found, indent=2)
    assert found["result"]["metrics"] == shop.expected["result"]["metrics"]
    assert found["progress"]["history"] == shop.expected["progress"]["history"]


def test_a_run_that_is_deleted_leaves_nothing_but_its_folder(shop: Shop) -> None:
    """Nor does it take a number, and one of the same name begins anew."""
    numbers = shop.versions()
    pod, _ = training(shop, "deleted")
    uid = shop.uid("deleted")
    shop.namespace.kubectl("delete", "trun", "deleted", "--timeout=60s")

    def nothing() -> bool | None:
        found = shop.namespace.items(OWNED, "recsys.dev/trainingrun=deleted")
        return None if found else True

    until("the end of all that the run owned", nothing, 120)
    named = shop.namespace.kubectl("get", OWNED, "-o", "name").split()
    assert not [one for one in named if "/deleted" in one]
    until("the end of its processes", lambda: None if node.processes(pod) else True, 60)
    assert shop.versions() == numbers
    assert "attempt.lock" in shop.left_of(uid)

    shop.namespace.apply(trainingrun("deleted"))
    shop.same("deleted", attempts=1)
    assert shop.versions() == [*numbers, numbers[-1] + 1]


def test_two_runs_that_end_in_the_same_moment_get_two_numbers(shop: Shop) -> None:
    """Both are held when they judge, and let go at once."""
    numbers = shop.versions()
    names = ("twin-a", "twin-b")
    small = {"resourcesPerWorker": {**churn.WORKER, "cpu": "500m"}}
    shop.namespace.apply(*(trainingrun(name, ray=small, hyperparameters={"epochs": "2"}) for name in names))
    held: dict[str, int] = {}

    def both() -> bool | None:
        for name in set(names) - held.keys():
            if status_of(shop.namespace, name).get("progress", {}).get("stage") in ("Exporting", "Evaluating"):
                (pod,) = pods(shop.namespace, name)
                held[name] = node.process(pod, "recsys_workers.train")
                node.send(held[name], signal.SIGSTOP)
        return True if len(held) == len(names) else None

    until("both to judge", both, 300)
    for number in held.values():
        node.send(number, signal.SIGCONT)
    found = [ended(shop.namespace, name) for name in names]
    assert [succeeded(status)[:2] for status in found] == [("True", "VersionCreated")] * 2
    of_number = {status["result"]["version"]: (name, status) for name, status in zip(names, found, strict=True)}
    assert sorted(of_number) == [numbers[-1] + 1, numbers[-1] + 2]
    for number in sorted(of_number):
        shop.takes(*of_number[number])
    assert found[0]["result"]["metrics"] == found[1]["result"]["metrics"]
    print("ended", [status["completionTime"] for status in found])


def test_a_run_whose_time_is_over_goes_with_all_that_it_owns(shop: Shop) -> None:
    """… and its version stays listed."""
    shop.namespace.apply(trainingrun("passing", hyperparameters={"epochs": "2"}, ttlSecondsAfterFinished=20))
    version = shop.takes("passing", ended(shop.namespace, "passing"))
    began = time.monotonic()
    until(
        "the end of the run",
        lambda: None if "/passing" in shop.namespace.kubectl("get", "trainingruns", "-o", "name") else True,
        90,
    )
    print(f"deleted {time.monotonic() - began:.0f} s after its end")
    until(
        "the end of all that it owned",
        lambda: None if shop.namespace.items(OWNED, "recsys.dev/trainingrun=passing") else True,
        120,
    )
    listed = shop.namespace.get("recmodels", "churn")["status"]["versions"]
    assert {"version": version, "run": "passing"}.items() <= next(
        one for one in listed if one["version"] == version
    ).items()
    assert version in shop.versions()


def test_a_deadline_ends_a_run_and_its_pod(shop: Shop) -> None:
    shop.namespace.apply(trainingrun("late", activeDeadlineSeconds=20))
    found = ended(shop.namespace, "late", 120)
    assert succeeded(found) == ("False", "DeadlineExceeded", 1), json.dumps(found, indent=2)
    assert "spec.activeDeadlineSeconds (20 s)" in found["failure"]["message"]
    churn.gone(shop.namespace, "late", lambda pod: pod["status"]["phase"] == "Running")


def test_what_cannot_heal_is_not_tried_again(shop: Shop) -> None:
    dataset = {**trainingrun("")["spec"]["dataset"], "digest": "sha256:" + "0" * 64}
    shop.namespace.apply(trainingrun("other-bytes", dataset=dataset, maxRetries=5))
    found = ended(shop.namespace, "other-bytes", 120)
    assert succeeded(found) == ("False", "DatasetChanged", 1), json.dumps(found, indent=2)
    assert found["failure"]["exitCode"] == 2
    assert found["failure"]["pod"] == pods(shop.namespace, "other-bytes")[0]["metadata"]["name"]
