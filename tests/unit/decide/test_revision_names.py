"""Names of revisions are for ever: another name for the same thing would restart what runs at an upgrade."""

import pytest

from recsys_operator.api.common import Resources
from recsys_operator.api.deployment import DeploymentSpec
from recsys_operator.api.podfields import PodFields
from recsys_operator.decide.deployment.facts import PodInputs
from recsys_operator.decide.deployment.revisions import fingerprint

RESOURCES = Resources.model_validate({"requests": {"cpu": "250m"}, "limits": {"cpu": 2, "memory": "1Gi"}})
NAME_BEFORE_POD_FIELDS = "a44e57524c61bfee"
"""As the first release computed it."""


def name(pod: PodFields | None) -> str:
    inputs = PodInputs("movies", RESOURCES, None, pod)
    return fingerprint("sha256:" + "1" * 64, "pvc://store/v1", "localhost/server:1", inputs)


def fields(**said: object) -> PodFields | None:
    """What a spec says of its pods."""
    spec = {
        "modelRef": {"name": "movies"},
        "version": {"pin": 1},
        "resources": RESOURCES.wire(),
        "traffic": {"gateway": {"name": "gateway"}, "hostnames": ["movies.example"]},
    }
    return PodFields.of(DeploymentSpec.model_validate({**spec, **said}))


@pytest.mark.parametrize("said", [{}, {"env": [], "tolerations": []}, {"nodeSelector": {}}])
def test_a_spec_without_pod_fields_has_the_name_that_it_always_had(said: dict[str, object]) -> None:
    assert name(fields(**said)) == NAME_BEFORE_POD_FIELDS


@pytest.mark.parametrize(
    "said",
    [
        {"env": [{"name": "SHOP", "value": ""}]},
        {"nodeSelector": {"disk": "ssd"}},
        {"tolerations": [{"operator": "Exists"}]},
        {"priorityClassName": "high"},
        {"serviceAccountName": "shop"},
        {"imagePullSecrets": [{"name": "registry"}]},
        {"affinity": {"podAntiAffinity": {}}},
    ],
)
def test_each_pod_field_makes_another_revision(said: dict[str, object]) -> None:
    assert name(fields(**said)) != NAME_BEFORE_POD_FIELDS


def test_what_is_read_back_from_a_workload_has_the_same_name() -> None:
    said = fields(env=[{"name": "SHOP", "value": "movies"}], priorityClassName="high")
    assert said
    assert name(PodFields.model_validate(said.wire())) == name(said)
