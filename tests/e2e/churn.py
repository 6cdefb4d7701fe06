"""A training of half a minute with ten checkpoints on a table that is made up, for the tests that disturb it."""

import json
import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import yaml
from tests.e2e.cluster import ROOT, Namespace, until

EXAMPLE = ROOT / "examples/churn"
EPOCHS, EVERY = 20, 2
"""How many a run has, and how many lie between two checkpoints."""
WORKER = {"cpu": "1", "memory": "2Gi"}
EPOCH = re.compile(r"Epoch (\d+) of \d+: (loss [\d.]+(?:, validation LogLoss [\d.]+)?)")
CONTINUING = re.compile(r"continuing after epoch (\d+) of (\d+)")


def of_example(name: str, kind: str) -> dict[str, Any]:
    """A manifest of the example."""
    found = yaml.safe_load_all((EXAMPLE / name).read_text())
    return next(dict(one) for one in found if one["kind"] == kind)


def trainer_image(namespace: Namespace) -> str:
    """The image that the operator gives to runs."""
    path = "jsonpath={.spec.template.spec.containers[0].env[?(@.name=='RECSYS_TRAINER_IMAGE')].value}"
    return namespace.kubectl("get", "deployment/recsys-operator", "--namespace=recsys-system", "-o", path)


def recmodel() -> dict[str, Any]:
    """The example's with more and shorter steps, and without a gate that measures the machine."""
    model = of_example("model.yaml", "RecModel")
    model["spec"]["architecture"]["hyperparameters"] |= {
        "learningRate": "0.001",
        "batchSize": "32",
        "epochs": str(EPOCHS),
        "checkpointEvery": str(EVERY),
    }
    gates = [one for one in model["spec"]["gates"] if "latency" not in one]
    gates[0]["floor"]["min"] = "0.7"
    model["spec"]["gates"] = gates
    return model


def load(made: Namespace) -> None:
    """The example's table on its claim, and the RecModel."""
    generator = of_example("dataset.yaml", "Pod")
    generator["spec"]["containers"][0]["image"] = trainer_image(made)
    claims = [of_example(name, "PersistentVolumeClaim") for name in ("dataset.yaml", "model.yaml")]
    made.apply(*claims, generator, recmodel())
    made.kubectl("wait", "pod/churn-generator", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=300s")


def trainingrun(name: str, **spec: Any) -> dict[str, Any]:
    """The example's run under another name; all have the same seed."""
    run = of_example("run.yaml", "TrainingRun")
    run["metadata"]["name"] = name
    run["spec"] |= {"ray": {"resourcesPerWorker": WORKER}, "activeDeadlineSeconds": 900, **spec}
    return run


def status_of(namespace: Namespace, run: str) -> dict[str, Any]:
    """What the run says of itself."""
    return dict(namespace.get("trainingruns.recsys.dev", run).get("status", {}))


def condition(namespace: Namespace, run: str) -> dict[str, Any]:
    """The run's one condition; empty before there is one."""
    return next((one for one in status_of(namespace, run).get("conditions", [])), {})


def says(namespace: Namespace, run: str, reason: str, seconds: float = 120) -> None:
    """Wait until the run's condition has this reason."""
    until(
        f"the TrainingRun {run} to say {reason}",
        lambda: True if condition(namespace, run).get("reason") == reason else None,
        seconds,
    )


def reaches(namespace: Namespace, run: str, epoch: int, seconds: float = 240) -> int:
    """Wait until the run has told of this epoch; which one it was."""

    def probe() -> int | None:
        status = status_of(namespace, run)
        found = int(status.get("progress", {}).get("epoch") or 0)
        return found if found >= epoch else None

    found = until(f"epoch {epoch} of {run}", probe, seconds)
    assert found < EPOCHS, f"{run} was over before it could be disturbed"
    return found


def failure_of(namespace: Namespace, run: str, seconds: float = 60) -> dict[str, Any]:
    """What status says of the attempt that has failed, once it does; a run that becomes a version drops it."""
    return until(f"status.failure of {run}", lambda: status_of(namespace, run).get("failure"), seconds)


def pods(namespace: Namespace, run: str) -> list[dict[str, Any]]:
    """The run's pods, oldest first."""
    return namespace.items("pods", f"recsys.dev/trainingrun={run}")


def ended(namespace: Namespace, run: str, seconds: float = 600) -> dict[str, Any]:
    """The status of the run once it is decided."""

    def probe() -> dict[str, Any] | None:
        status = status_of(namespace, run)
        decided = next((one["status"] for one in status.get("conditions", [])), "Unknown")
        return None if decided == "Unknown" else status

    return until(f"the TrainingRun {run} to end", probe, seconds)


def succeeded(status: dict[str, Any]) -> tuple[str, str, int]:
    """How the run ended, and after how many attempts."""
    (found,) = status["conditions"]
    return found["status"], found["reason"], status["attempts"]


def log_of(namespace: Namespace, pod: dict[str, Any]) -> str:
    """What the pod has printed so far."""
    return namespace.kubectl("logs", pod["metadata"]["name"])


def resumed(namespace: Namespace, run: str, seconds: float = 300) -> int:
    """After which epoch a run of several workers went on, once one of its heads says it."""

    def probe() -> int | None:
        for pod in namespace.items("pods", f"recsys.dev/trainingrun={run},ray.io/node-type=head"):
            with suppress(AssertionError):  # It has yet to start its container, or is about to end.
                if found := continued(log_of(namespace, pod)):
                    return found[-1]
        return None

    return until(f"{run} to go on from a checkpoint", probe, seconds)


def epochs(log: str) -> dict[int, str]:
    """What the log says of each finished epoch."""
    return {int(number): text for number, text in EPOCH.findall(log)}


def continued(log: str) -> list[int]:
    """After which epochs the attempts of this log went on."""
    return [int(number) for number, _ in CONTINUING.findall(log)]


def evict(namespace: Namespace, pod: dict[str, Any]) -> None:
    """Let the API evict the pod, as `kubectl drain` does."""
    target = {"name": pod["metadata"]["name"], "namespace": namespace.name}
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": target}
    path = f"/api/v1/namespaces/{target['namespace']}/pods/{target['name']}/eviction"
    namespace.kubectl("create", "--raw", path, "-f", "-", given=json.dumps(eviction))


def suspend(namespace: Namespace, run: str, *, wanted: bool) -> None:
    """Set spec.suspend of the run."""
    patch = json.dumps({"spec": {"suspend": wanted}})
    namespace.kubectl("patch", "trun", run, "--type=merge", "-p", patch)


def gone(namespace: Namespace, run: str, which: Callable[[dict[str, Any]], bool], seconds: float = 60) -> None:
    """Wait until the run has no such pod."""
    until(
        f"the end of the pods of {run}",
        lambda: None if any(which(pod) for pod in pods(namespace, run)) else True,
        seconds,
    )
