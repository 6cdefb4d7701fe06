"""What people see, at one moment and one width: `pytest --golden` writes the pictures anew."""

import io
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from tests.unit.cli.recorded import (
    ANALYSIS,
    BLOCKED,
    CANARY,
    NOW,
    PODS,
    PROMOTED,
    SERVING,
    STEPS,
    TRYING,
    ago,
    condition,
    deployment,
    pod,
    revision,
)

from recsys_cli import output, tables
from recsys_cli.read import pod as read_pod
from recsys_cli.read import rollout
from recsys_cli.tree import picture

GOLDEN = Path(__file__).parent / "golden"


def status(obj: Any, pods: Any = (), *, encoding: str = "utf-8", at: Any = NOW) -> str:
    written = io.TextIOWrapper(io.BytesIO(), encoding=encoding, write_through=True)
    console = Console(file=written, width=110, highlight=False, emoji=False, markup=False)
    listed = None if pods is None else [read_pod(one) for one in pods]
    console.print(picture(rollout(obj), listed, at, console))
    written.seek(0)
    return written.read()


def table(head: list[str], lines: list[list[str]]) -> str:
    written = io.StringIO()
    with redirect_stdout(written):
        output.columns(head, lines)
    return written.getvalue()


def trying(**canary: Any) -> Any:
    return deployment({**TRYING, "canary": {**CANARY, **canary}})


def crashing() -> str:
    waits = condition("False", "WaitingForPods", "Version 4: 0 %. Version 4 has 1 of 2 pods ready: CrashLoopBackOff.")
    status_ = {**TRYING, "canary": {**CANARY, "weight": 0, "step": 0, "readyReplicas": 1}, "conditions": [waits]}
    pods = [pod(4, 1), pod(4, 2, ready=False, waiting="CrashLoopBackOff", restarts=3), pod(1, 1), pod(1, 2)]
    return status(deployment(status_), pods)


def taken_back() -> str:
    abort = {"verdict": "RolledBack", "cause": "Alert", "message": "p99", "time": ago(1)}
    said = condition("False", "RollingBack", "Version 4 is taken back: RecsysLatency: p99 is high")
    return status(
        deployment({**TRYING, "canary": {**CANARY, "weight": 0, "abort": abort}, "conditions": [said]}, paused=True),
        PODS,
    )


def baking(**canary: Any) -> str:
    steps = [{"weight": 5}, {"bake": {"durationSeconds": 600}}, {"pause": {}}]
    status_ = {**TRYING, "canary": {**CANARY, **canary}}
    return status(deployment(status_, strategy={"canary": {"steps": steps, "scale": "FollowWeight"}}), None)


def waiting() -> str:
    """A canary whose pod does not come, a minute from its deadline."""
    said = condition("False", "WaitingForPods", "Version 4: 10 % (step 3 of 4). Version 4 has 1 of 2 pods ready.")
    waits = {"waitingSince": ago(200), "waitedSeconds": 40, "step": 2, "readyReplicas": 1}
    spec = {"steps": STEPS, "progressDeadlineSeconds": 300}
    return status(
        deployment({**TRYING, "canary": {**CANARY, **waits}, "conditions": [said]}, strategy={"canary": spec}), None
    )


def every_kind_of_step() -> str:
    steps = [
        {"weight": 5},
        {"bake": {"durationSeconds": 600}},
        {"analysis": {"metrics": [{"name": "p99"}, {"name": "empty"}]}},
        {"shadow": {"percent": 20, "durationSeconds": 900, "gates": [{"metric": "Overlap"}, {"metric": "Coverage"}]}},
        {"pause": {}},
    ]
    return status(deployment(TRYING, strategy={"canary": {"steps": steps}}, paused=True), None)


def several() -> str:
    found = [
        deployment(SERVING, "books", "north"),
        deployment(TRYING),
        deployment({"observedGeneration": 0}, "new", "shop"),
        deployment(BLOCKED, "songs", "south-east"),
    ]
    return table(*tables.deployments([rollout(one) for one in found], NOW, namespaces=True))


PICTURES: dict[str, Callable[[], str]] = {
    "status-serving": lambda: status(deployment(SERVING), PODS[2:]),
    "status-canary": lambda: status(trying(analysis=ANALYSIS), PODS),
    "status-canary-ascii": lambda: status(trying(analysis=ANALYSIS), PODS, encoding="ascii"),
    "status-held": lambda: status(trying(held=True, step=3, weight=50), None),
    "status-awaits-promotion": lambda: status(trying(step=3, weight=50), None),
    "status-skips": lambda: status(trying(skipSteps=True), None),
    "status-way-back": lambda: status(trying(reverting=True, weight=0, **revision(2)), None),
    "status-taken-back": taken_back,
    "status-crashing": crashing,
    "status-promoted": lambda: status(deployment(PROMOTED), None),
    "status-blocked": lambda: status(deployment(BLOCKED), None),
    "status-every-kind-of-step": every_kind_of_step,
    "status-bakes": lambda: baking(wellSince=ago(60)),
    "status-bake-not-begun": baking,
    "status-waits": waiting,
    "status-autoscaled": lambda: status(deployment(TRYING, autoscaling={"minReplicas": 1, "maxReplicas": 9}), None),
    "status-nothing-yet": lambda: status(deployment({"observedGeneration": 0}), []),
    "get": several,
    "history": lambda: table(*tables.history(rollout(deployment(BLOCKED)), NOW)),
}


@pytest.mark.parametrize("name", PICTURES)
def test_the_picture_is_the_golden_one(name: str, golden: bool) -> None:
    text = "\n".join(line.rstrip() for line in PICTURES[name]().splitlines()) + "\n"
    file = GOLDEN / f"{name}.txt"
    if golden:
        file.write_text(text)
    assert text == file.read_text(), f"{file.name} looks otherwise now: read the diff, then `make golden`"
