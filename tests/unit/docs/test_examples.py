"""Every manifest under examples/ is what the API takes, field by field, and what the trainer takes."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.unit.docs.pages import ROOT, commands
from tests.unit.docs.test_links import known_files
from tests.unit.docs.test_manifests import GROUP, SPECS, strangers

from recsys_operator.decide.hyperparameters import Source, faults

FILES = sorted((ROOT / "examples").rglob("*.yaml"))
OBJECTS = [(path, one) for path in FILES for one in yaml.safe_load_all(path.read_text())]
OURS = [(path, one) for path, one in OBJECTS if one["apiVersion"].startswith(GROUP)]
each = pytest.mark.parametrize(
    ("path", "manifest"),
    OURS,
    ids=[f"{path.parent.name}-{one['metadata']['name']}-{one['kind']}" for path, one in OURS],
)


def beside(path: Path, kind: str, name: str) -> dict[str, Any]:
    """The object of this kind and name in the same folder."""
    (found,) = [
        one
        for other, one in OBJECTS
        if other.parent == path.parent and one["kind"] == kind and one["metadata"]["name"] == name
    ]
    return dict(found)


def test_there_are_examples_of_each_task() -> None:
    tasks = {one["spec"]["task"] for _, one in OURS if one["kind"] == "RecModel"}
    assert tasks == {"SequentialRecommendation", "Retrieval", "Tabular", "Ranking"}


@each
def test_it_is_of_its_type(path: Path, manifest: dict[str, Any]) -> None:
    spec = SPECS[manifest["kind"]].spec.model_validate(manifest["spec"])
    assert list(strangers(manifest["spec"], spec.wire())) == [], f"{path}: fields that no type knows"


@each
def test_what_it_names_is_beside_it(path: Path, manifest: dict[str, Any]) -> None:
    spec = manifest["spec"]
    if "modelRef" in spec:
        beside(path, "RecModel", spec["modelRef"]["name"])
    if manifest["kind"] == "TrainingRun":
        architecture = beside(path, "RecModel", spec["modelRef"]["name"])["spec"]["architecture"]
        given = {**architecture.get("hyperparameters", {}), **spec.get("hyperparameters", {})}
        assert faults(architecture["name"], Source("hyperparameters", given)) == ()


def test_every_folder_says_what_it_is() -> None:
    assert {f"{path.parent.relative_to(ROOT)}/README.md" for path in FILES} <= known_files()


@pytest.mark.parametrize("folder", sorted({path.parent for path in FILES}), ids=lambda folder: folder.name)
def test_every_readme_begins_with_what_the_local_cluster_needs(folder: Path) -> None:
    """The operator with its images, a kubectl that finds the cluster, and room; or it builds on a README that does."""
    text = (folder / "README.md").read_text()
    if "What it needs, and" in text:
        text = (folder / "../movielens/README.md").read_text()
    assert "`make prepare up images install`" in text
    wanted = [
        "export KUBECONFIG=$PWD/.local/kubeconfig PATH=$(hack/cluster/bins.sh helm kubernetes):$PATH",
        "kubectl delete namespace recsys-demo --ignore-not-found",
        "kubectl create namespace",
    ]
    given = [line.strip() for line in commands(text) if line.strip().startswith(tuple(wanted))]
    assert len(given) == len(wanted)
    assert all(line.startswith(command) for line, command in zip(given, wanted, strict=True))
