"""RecModels without a protocol: those that an earlier release stored, whose default was LeaveOneOut, keep it."""

import copy
import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.integration.api.case import ABSENT, Manifest, edited
from tests.integration.api.cases_recmodel import BASE
from tests.integration.harness.binaries import ROOT, binary
from tests.integration.harness.control_plane import FAST, ControlPlane

GROUP = "upgraded.recsys.dev"
"""The CRD is changed under a name of its own: other tests look at the real one meanwhile."""
NAMESPACE = "upgraded"
COLLECTION = f"/apis/{GROUP}/v1alpha1/namespaces/{NAMESPACE}/recmodels"
WAYS = {"client": ("apply",), "server": ("apply", "--server-side"), "replace": ("replace",)}
"""How kubectl brings an object up to date with its file."""
OLD = {"client": "client", "server": "server", "changed": "client", "cuts": "server", "replaced": "client"}
"""The objects of before the upgrade, one for each test, and how they were made."""


def crd(default: str) -> dict[str, Any]:
    """Today's CRD of RecModels, with a default of evaluation.protocol."""
    found: dict[str, Any] = yaml.load((ROOT / "crds/recsys.dev_recmodels.yaml").read_text(), FAST)
    found["metadata"]["name"] = f"recmodels.{GROUP}"
    found["spec"]["group"] = GROUP
    found["spec"]["names"] = {name: found["spec"]["names"][name] for name in ("kind", "plural", "singular", "listKind")}
    schema = found["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    schema["evaluation"]["properties"]["protocol"]["default"] = default
    return found


def file(name: str) -> Manifest:
    """What a user keeps in a file: no protocol."""
    model = copy.deepcopy(BASE)
    model["apiVersion"] = f"{GROUP}/v1alpha1"
    model["metadata"] = {"name": name, "namespace": NAMESPACE}
    model["spec"]["evaluation"] = {"metrics": ["NDCG@10", "HR@10"]}
    return model


class Kubectl:
    """The real kubectl, as the administrator, with files in a folder."""

    def __init__(self, plane: ControlPlane, folder: Path) -> None:
        self.folder = folder
        self.environment = {"PATH": os.defpath, "HOME": str(folder), "KUBECONFIG": str(plane.kubeconfig)}

    def __call__(self, way: str, manifest: Manifest) -> subprocess.CompletedProcess[str]:
        path = self.folder / f"{manifest['metadata']['name']}.json"
        path.write_text(json.dumps(manifest))
        command = [str(binary("kubectl")), *WAYS[way], f"--filename={path}"]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False, timeout=60)

    def must(self, way: str, manifest: Manifest) -> None:
        """Succeed, or fail the test with what kubectl says."""
        done = self(way, manifest)
        assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def kubectl(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubectl]:
    """kubectl after an upgrade: the OLD objects were stored while LeaveOneOut was the default."""
    folder = tmp_path_factory.mktemp("upgraded")
    definition = folder / "crd.yaml"
    control_plane.create_namespace(NAMESPACE)
    kubectl = Kubectl(control_plane, folder)
    definition.write_text(json.dumps(crd("LeaveOneOut")))
    control_plane.install_crds([definition])
    for name, way in OLD.items():
        kubectl.must(way, file(name))
        assert stored(control_plane, name) == ("LeaveOneOut", 1)
    definition.write_text(json.dumps(crd("ByTime")))
    control_plane.install_crds([definition])
    end = time.monotonic() + 30
    while default(control_plane) != "ByTime":
        assert time.monotonic() < end, "The API server does not take up the changed CRD."
        time.sleep(0.05)
    yield kubectl
    with control_plane.client() as client:
        client.delete(f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/recmodels.{GROUP}")


def stored(plane: ControlPlane, name: str) -> tuple[str, int]:
    """Protocol and generation of an object."""
    with plane.client() as client:
        found = client.get(f"{COLLECTION}/{name}").json()
    return found["spec"]["evaluation"]["protocol"], found["metadata"]["generation"]


def default(plane: ControlPlane) -> str:
    """The protocol that an object would get which is made now."""
    with plane.client() as client:
        answer = client.post(COLLECTION, params={"dryRun": "All"}, json=file("new"))
    assert answer.status_code == 201, answer.text
    return str(answer.json()["spec"]["evaluation"]["protocol"])


@pytest.mark.parametrize("way", ["client", "server"])
def test_an_unchanged_file_is_applied_again_and_changes_nothing(
    control_plane: ControlPlane, kubectl: Kubectl, way: str
) -> None:
    kubectl.must(way, file(way))
    assert stored(control_plane, way) == ("LeaveOneOut", 1)


def test_a_changed_file_changes_the_rest_only(control_plane: ControlPlane, kubectl: Kubectl) -> None:
    kubectl.must("client", edited(file("changed"), "spec.championFrom", ABSENT))
    assert stored(control_plane, "changed") == ("LeaveOneOut", 2)


def test_cuts_in_time_ask_for_the_protocol_of_a_stored_object(control_plane: ControlPlane, kubectl: Kubectl) -> None:
    changed = edited(file("cuts"), "spec.evaluation.byTime", {"testPercent": 20})
    refused = kubectl("server", changed)
    assert refused.returncode != 0
    assert "evaluation.byTime needs evaluation.protocol ByTime: set that, or leave byTime out" in refused.stderr
    kubectl.must("server", edited(changed, "spec.evaluation.protocol", "ByTime"))
    assert stored(control_plane, "cuts") == ("ByTime", 2)


def test_to_replace_is_to_make_anew(control_plane: ControlPlane, kubectl: Kubectl) -> None:
    """What a replacing file leaves out has today's default, as with any field: the changelog says so."""
    kubectl.must("replace", file("replaced"))
    assert stored(control_plane, "replaced") == ("ByTime", 2)
