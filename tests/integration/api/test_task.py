"""A RecModel's task is immutable: tried with a second task in the schema, because the CRD knows only one so far."""

import copy
from pathlib import Path

import yaml
from tests.integration.api.case import edited
from tests.integration.api.cases_recmodel import BASE
from tests.integration.api.constraints import definition
from tests.integration.harness.control_plane import ControlPlane

GROUP = "two-tasks.recsys.dev"


def test_a_task_cannot_change(control_plane: ControlPlane, tmp_path: Path) -> None:
    crd = copy.deepcopy(definition("recmodels"))
    crd["metadata"]["name"] = f"recmodels.{GROUP}"
    crd["spec"]["group"] = GROUP
    crd["spec"]["names"]["shortNames"] = []
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    schema["properties"]["spec"]["properties"]["task"]["enum"].append("Ranking")
    file = tmp_path / "crd.yaml"
    file.write_text(yaml.safe_dump(crd))
    control_plane.install_crds([file])
    control_plane.create_namespace("two-tasks")
    path = f"/apis/{GROUP}/v1alpha1/namespaces/two-tasks/recmodels"
    model = edited(BASE, "apiVersion", f"{GROUP}/v1alpha1")
    with control_plane.client() as client:
        created = client.post(path, json=model)
        assert created.status_code == 201, created.text
        path += "/movies"
        client.headers["Content-Type"] = "application/merge-patch+json"
        wrong = client.patch(path, content='{"spec": {"task": "Ranking"}}')
        right = client.patch(path, content='{"spec": {"task": "SequentialRecommendation"}}')
        client.delete(f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/recmodels.{GROUP}")
    assert wrong.status_code == 422
    assert "spec.task is immutable: make another RecModel" in wrong.json()["message"]
    assert right.status_code == 200
