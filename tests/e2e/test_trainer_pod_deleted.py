"""A trainer pod deleted in mid-training costs at most the epochs since the last checkpoint, and changes no bit."""

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from tests.e2e.churn import ended, failure_of, pods, status_of, succeeded
from tests.e2e.cluster import ROOT, Namespace, until

pytestmark = [pytest.mark.full, pytest.mark.timeout(1500)]

EXAMPLE = ROOT / "examples/movielens"
DATA = ROOT / ".local/data/ml-100k"
UNDISTURBED, DISTURBED = "undisturbed", "disturbed"
DELETED_AFTER = 5
"""The epoch after which the pod is deleted: there is a checkpoint after 2 and after 4, and 5 is lost."""
EPOCH = re.compile(r"Epoch (\d+) of \d+: (loss [\d.]+(?:, validation NDCG@10 [\d.]+)?)")
CONTINUING = re.compile(r"continuing after epoch (\d+) of (\d+)")


def manifests(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((EXAMPLE / name).read_text()))


def shell_pod(name: str, claim: str, image: str) -> dict[str, Any]:
    """The example's loader, on this claim."""
    pod = next(found for found in manifests("dataset.yaml") if found["kind"] == "Pod")
    pod["metadata"]["name"] = name
    pod["spec"]["containers"][0]["image"] = image
    pod["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"] = claim
    return pod


def trainingrun(name: str) -> dict[str, Any]:
    """The example's second run, under another name."""
    (run,) = manifests("run-2.yaml")
    run["metadata"]["name"] = name
    return run


def load(made: Namespace) -> None:
    """The example's data on its claim, and its RecModel."""
    (claim,) = (found for found in manifests("dataset.yaml") if found["kind"] == "PersistentVolumeClaim")
    loader = shell_pod("movielens-loader", claim["metadata"]["name"], made.server_image())
    made.apply(claim, loader, *manifests("model.yaml"))
    made.kubectl("wait", "pod/movielens-loader", "--for=condition=Ready", "--timeout=120s")
    for table in ("ml-100k.inter", "ml-100k.item"):
        copy = ("exec", "-i", "movielens-loader", "--", "sh", "-c", f"cat > /data/{table}")
        made.kubectl(*copy, given=(DATA / table).read_text())


@pytest.fixture(scope="module")
def namespace() -> Iterator[Namespace]:
    """A namespace with the example's data and its RecModel."""
    assert DATA.is_dir(), "the data set is missing: run hack/demo/data.sh"
    with Namespace("recsys-resume") as made:
        load(made)
        yield made


def epochs(log: str) -> dict[int, str]:
    """What the log says of each finished epoch."""
    return {int(number): text for number, text in EPOCH.findall(log)}


def epoch(namespace: Namespace, run: str) -> int:
    return int(status_of(namespace, run).get("progress", {}).get("epoch", 0))


def digest_of_model(namespace: Namespace, status: dict[str, Any]) -> str:
    """The SHA-256 of the version's model.onnx as it lies on the claim."""
    path = f"/data/{status['result']['uri'].removeprefix('pvc://models/')}/model.onnx"
    return namespace.kubectl("exec", "store", "--", "sha256sum", path).split()[0]


def test_a_deleted_trainer_pod_loses_at_most_one_checkpoint_and_changes_nothing(namespace: Namespace) -> None:
    (model,) = (found for found in manifests("model.yaml") if found["kind"] == "RecModel")
    every = int(model["spec"]["architecture"]["hyperparameters"]["checkpointEvery"])
    last = int(trainingrun(DISTURBED)["spec"]["hyperparameters"]["epochs"])

    namespace.apply(trainingrun(UNDISTURBED))
    expected = ended(namespace, UNDISTURBED)
    assert succeeded(expected) == ("True", "VersionCreated", 1)
    (pod,) = pods(namespace, UNDISTURBED)
    expected_epochs = epochs(namespace.kubectl("logs", pod["metadata"]["name"]))
    assert sorted(expected_epochs) == list(range(1, last + 1))

    namespace.apply(trainingrun(DISTURBED))
    seen = until(
        f"epoch {DELETED_AFTER} of {DISTURBED}",
        lambda: found if (found := epoch(namespace, DISTURBED)) >= DELETED_AFTER else None,
        300,
    )
    assert seen < last, f"epoch {seen} of {last} was over before the pod could be deleted"
    (first,) = pods(namespace, DISTURBED)
    trained_first = epochs(namespace.kubectl("logs", first["metadata"]["name"]))
    namespace.kubectl("delete", "pod", first["metadata"]["name"], "--grace-period=0", "--force")
    deleted = time.monotonic()

    def replaced() -> dict[str, Any] | None:
        other = [found for found in pods(namespace, DISTURBED) if found["metadata"]["uid"] != first["metadata"]["uid"]]
        return other[0] if other else None

    second = until("the Job's next pod", replaced, 120)
    new_pod_after = time.monotonic() - deleted
    failure = failure_of(namespace, DISTURBED)
    assert failure["pod"] == first["metadata"]["name"], failure
    assert failure.get("exitCode") != 0, failure  # Absent, if the pod was gone before the operator looked.
    # One that had a moment for its last word says why it ended, and needs no log.
    assert failure.get("log") or failure["reason"] == "Stopped", failure
    found = ended(namespace, DISTURBED)
    assert succeeded(found) == ("True", "VersionCreated", 2)
    assert [pod["metadata"]["uid"] for pod in pods(namespace, DISTURBED)] == [second["metadata"]["uid"]]

    log = namespace.kubectl("logs", second["metadata"]["name"])
    resumed = [(int(number), int(of)) for number, of in CONTINUING.findall(log)]
    assert len(resumed) == 1, f"the second pod's log does not say once where it goes on:\n{log}"
    assert resumed[0][1] == last
    checkpointed = seen - seen % every
    assert resumed[0][0] >= checkpointed > 0
    trained_second = epochs(log)
    assert sorted(trained_second) == list(range(resumed[0][0] + 1, last + 1))
    assert {**trained_first, **trained_second} == expected_epochs

    assert found["result"]["metrics"] == expected["result"]["metrics"]
    assert found["result"]["version"] == expected["result"]["version"] + 1
    namespace.apply(shell_pod("store", "models", namespace.server_image()))
    namespace.kubectl("wait", "pod/store", "--for=condition=Ready", "--timeout=60s")
    digests = [digest_of_model(namespace, status) for status in (expected, found)]
    assert digests[0] == digests[1]
    print(
        f"deleted after epoch {seen} of {last}, a new pod after {new_pod_after:.1f} s, continued after epoch "
        f"{resumed[0][0]}; metrics {found['result']['metrics']}; model.onnx {digests}"
    )
