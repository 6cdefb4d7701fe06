"""The recorded objects are what the operator's types take, field by field: so the plugin reads fields that exist."""

from typing import Any

import pytest
from tests.unit.cli import recorded
from tests.unit.docs.test_manifests import strangers

from recsys_operator.api.deployment import DeploymentSpec
from recsys_operator.api.rollout import DeploymentStatus

COMMAND = {"command": "promote-full", "argument": "v4/1", "outcome": "Done", "message": "So.", "time": recorded.ago(1)}
TIMES = {"wellSince": recorded.ago(9), "waitingSince": recorded.ago(9), "waitedSeconds": 3}
CANARY = {**recorded.CANARY, **TIMES, "held": True, "skipSteps": True, "reverting": True}
ABORT = {"verdict": "Aborted", "cause": "AbortedByCommand", "message": "By command.", "time": recorded.ago(1)}
STATUSES: dict[str, Any] = {
    "serving": recorded.SERVING,
    "trying": recorded.TRYING,
    "blocked": recorded.BLOCKED,
    "promoted": recorded.PROMOTED,
    "aborted": recorded.ABORTED,
    "held": {**recorded.SERVING, "history": [{**recorded.FIRST, "heldSeconds": 3}]},
    "commands": {
        **recorded.TRYING,
        "commands": [COMMAND],
        "lastCommand": COMMAND,
        "canary": {**CANARY, "abort": ABORT},
    },
}


@pytest.mark.parametrize("name", STATUSES)
def test_a_recorded_status_is_of_its_type(name: str) -> None:
    status = STATUSES[name]
    assert list(strangers(status, DeploymentStatus.model_validate(status).wire(), "status")) == []


def test_the_recorded_spec_is_of_its_type() -> None:
    strategy = {"canary": {"steps": recorded.STEPS, "scale": "FollowWeight", "progressDeadlineSeconds": 60}}
    spec = recorded.deployment(recorded.SERVING, strategy=strategy)["spec"]
    assert list(strangers(spec, DeploymentSpec.model_validate(spec).wire())) == []
