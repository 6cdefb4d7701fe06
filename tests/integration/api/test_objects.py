"""What the API server makes of accepted objects: defaults, status, field managers, scale, kubectl's columns."""

import copy
import json
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from tests.integration.api.case import edited
from tests.integration.harness.control_plane import ControlPlane
from tests.unit.api.full_examples import whole

NAMESPACE = "objects"
PLURALS = ("recmodels", "trainingruns", "deployments")
each_kind = pytest.mark.parametrize("plural", PLURALS)


@pytest.fixture(scope="module")
def client(control_plane: ControlPlane) -> Iterator[httpx.Client]:
    """An administrator's client, beside a namespace for these tests."""
    control_plane.create_namespace(NAMESPACE)
    with control_plane.client() as client:
        yield client


def collection(plural: str) -> str:
    return f"/apis/recsys.dev/v1alpha1/namespaces/{NAMESPACE}/{plural}"


def create(client: httpx.Client, plural: str, manifest: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
    """Create an object under a fresh name; its path and itself."""
    manifest = copy.deepcopy(manifest or whole(plural))
    manifest["metadata"]["name"] = f"o{uuid.uuid4().hex[:12]}"
    answer = client.post(collection(plural), params={"fieldValidation": "Strict"}, json=manifest)
    assert answer.status_code == 201, answer.text
    return f"{collection(plural)}/{manifest['metadata']['name']}", answer.json()


def apply_status(client: httpx.Client, path: str, manager: str, status: dict[str, Any]) -> dict[str, Any]:
    """Server-side apply of a part of the status."""
    head = {key: client.get(path).json()[key] for key in ("apiVersion", "kind")}
    answer = client.patch(
        f"{path}/status",
        params={"fieldManager": manager, "force": "true", "fieldValidation": "Strict"},
        headers={"Content-Type": "application/apply-patch+yaml"},
        content=json.dumps({**head, "metadata": {"name": path.rsplit("/", 1)[-1]}, "status": status}),
    )
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


@each_kind
def test_spec_and_status_come_back_as_they_went_in(client: httpx.Client, plural: str) -> None:
    example = whole(plural)
    path, created = create(client, plural)
    assert created["spec"] == example["spec"]
    assert "status" not in created, "A creation must not set the status."
    apply_status(client, path, "recsys-operator", example["status"])
    found = client.get(path).json()
    assert found["status"] == example["status"]
    assert found["metadata"]["generation"] == 1


@each_kind
def test_a_status_write_leaves_the_spec_alone(client: httpx.Client, plural: str) -> None:
    path, created = create(client, plural)
    changed = copy.deepcopy(created)
    changed["spec"]["modelRef"] = changed["spec"]["task"] = {"name": "other"}
    changed["status"] = {"observedGeneration": 7}
    answer = client.put(f"{path}/status", json=changed)
    assert answer.status_code == 200, answer.text
    assert answer.json()["spec"] == created["spec"]
    assert answer.json()["status"] == {"observedGeneration": 7}


def test_a_minimal_model_gets_its_defaults(client: httpx.Client) -> None:
    model = whole("recmodels")
    for optional in ("catalogue", "championFrom"):
        del model["spec"][optional]
    model["spec"]["evaluation"] = {"metrics": ["NDCG@10"]}
    model["spec"]["gates"] = [{"name": "parity", "parity": {}}]
    _, created = create(client, "recmodels", model)
    assert created["spec"]["evaluation"] == {"metrics": ["NDCG@10"], "protocol": "ByTime", "excludeSeen": True}
    assert created["spec"]["gates"] == [{"name": "parity", "parity": {"tolerance": "1e-5"}}]


def test_a_minimal_run_gets_its_defaults(client: httpx.Client) -> None:
    run = whole("trainingruns")
    run["spec"] = {"modelRef": {"name": "movies"}, "dataset": {"uri": "pvc://data/u.inter"}}
    _, created = create(client, "trainingruns", run)
    assert created["spec"] == {
        "modelRef": {"name": "movies"},
        "dataset": {"uri": "pvc://data/u.inter", "format": "CSV"},
        "seed": 1,
        "maxRetries": 3,
        "suspend": False,
    }


@pytest.mark.parametrize(
    ("stored", "sent", "accepted"),
    [
        ({"workers": 1}, {}, True),
        ({}, {"workers": 1}, True),
        ({"workers": 2}, {}, False),
        ({}, {"workers": 2}, False),
        ({"workers": 1}, {"minWorkers": 1, "maxWorkers": 2}, False),
        ({"minWorkers": 1, "maxWorkers": 2}, {}, False),
        ({"workers": 1}, {"resourcesPerWorker": {"cpu": "2"}}, False),
    ],
)
def test_one_worker_may_be_left_out(
    client: httpx.Client, stored: dict[str, Any], sent: dict[str, Any], accepted: bool
) -> None:
    """An earlier release wrote `workers: 1` into every run; a file that leaves it out must replace that run."""
    run = whole("trainingruns")
    del run["spec"]["tuning"]
    run["spec"]["ray"] = {"resourcesPerWorker": {}, **stored}
    path, created = create(client, "trainingruns", run)
    created["spec"]["ray"] = {"resourcesPerWorker": {}, **sent}
    answer = client.put(path, params={"fieldValidation": "Strict"}, json=created)
    assert answer.status_code == (200 if accepted else 422), answer.text
    assert accepted or "spec.ray is immutable" in answer.text


def test_a_minimal_deployment_gets_its_defaults(client: httpx.Client) -> None:
    deployment = whole("deployments")
    for optional in ("strategy", "replicas", "paused"):
        del deployment["spec"][optional]
    deployment["spec"]["rollback"] = {}
    _, created = create(client, "deployments", deployment)
    assert (created["spec"]["replicas"], created["spec"]["paused"]) == (1, False)
    assert created["spec"]["rollback"] == {"warmSeconds": 3600, "freezeSeconds": 3600}


def test_the_trainer_and_the_operator_keep_out_of_each_others_status(client: httpx.Client) -> None:
    status = whole("trainingruns")["status"]
    path, _ = create(client, "trainingruns")
    ours = {key: status[key] for key in ("observedGeneration", "conditions", "attempts", "startTime")}
    theirs = {key: status[key] for key in ("progress", "result")}
    apply_status(client, path, "recsys-operator", ours)
    assert apply_status(client, path, "trainer", theirs)["status"] == {**ours, **theirs}
    ours["attempts"] = 3
    assert apply_status(client, path, "recsys-operator", ours)["status"] == {**ours, **theirs}
    assert apply_status(client, path, "trainer", {"progress": theirs["progress"]})["status"] == {
        **ours,
        "progress": theirs["progress"],
    }


def test_only_the_resource_version_guards_a_status_write(client: httpx.Client) -> None:
    """The API server drops metadata.uid from a write to /status: a writer must send what it read, or hit a namesake."""
    path, created = create(client, "trainingruns")
    head = {"apiVersion": created["apiVersion"], "kind": created["kind"]}
    name, version = (created["metadata"][key] for key in ("name", "resourceVersion"))

    def write(attempts: int, **metadata: str) -> int:
        return client.patch(
            f"{path}/status",
            params={"fieldManager": "recsys-operator", "force": "true"},
            headers={"Content-Type": "application/apply-patch+yaml"},
            content=json.dumps({**head, "metadata": {"name": name, **metadata}, "status": {"attempts": attempts}}),
        ).status_code

    assert write(1, uid=str(uuid.uuid4()), resourceVersion=version) == 200
    assert write(2, uid=created["metadata"]["uid"], resourceVersion=version) == 409
    client.delete(path)
    assert client.post(collection("trainingruns"), json=edited(whole("trainingruns"), "metadata.name", name)).is_success
    assert write(3, resourceVersion=version) == 409
    assert "status" not in client.get(path).json()


def test_a_deployment_can_be_scaled(client: httpx.Client) -> None:
    path, _ = create(client, "deployments")
    apply_status(client, path, "recsys-operator", whole("deployments")["status"])
    scale = client.get(f"{path}/scale").json()
    assert (scale["spec"]["replicas"], scale["status"]["replicas"]) == (2, 2)
    assert scale["status"]["selector"] == whole("deployments")["status"]["selector"]
    scale["spec"]["replicas"] = 5
    assert client.put(f"{path}/scale", json=scale).status_code == 200
    assert client.get(path).json()["spec"]["replicas"] == 5


COLUMNS = {
    "recmodels": {"Architecture": "SASRec", "Latest": 3, "Champion": 1, "Status": "Ready"},
    "trainingruns": {
        "Model": "movies",
        "Status": "GateFailed",
        "Stage": "Training",
        "Percent": 15,
        "Version": 3,
        "Verdict": "Failed",
    },
    "deployments": {
        "Model": "movies",
        "Stable": 2,
        "Canary": 3,
        "Weight": 10,
        "Status": "VersionBlocked",
        "URL": "http://movies.example.com/v1/recommend",
    },
}


@each_kind
def test_kubectl_shows_the_columns(client: httpx.Client, plural: str) -> None:
    path, _ = create(client, plural)
    apply_status(client, path, "recsys-operator", whole(plural)["status"])
    table = client.get(path, headers={"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}).json()
    names = [column["name"] for column in table["columnDefinitions"]]
    shown = dict(zip(names, table["rows"][0]["cells"], strict=True))
    assert {name: shown[name] for name in COLUMNS[plural]} == COLUMNS[plural]
    assert names[0] == "Name"
    assert names[-1] == "Age"


def test_kubectl_knows_the_short_names_and_the_category(client: httpx.Client) -> None:
    resources = client.get("/apis/recsys.dev/v1alpha1").json()["resources"]
    found = {entry["name"]: entry for entry in resources if "/" not in entry["name"]}
    assert {name: entry["shortNames"] for name, entry in found.items()} == {
        "recmodels": ["rmod"],
        "trainingruns": ["trun"],
        "deployments": ["rdep"],
    }
    assert all(entry["categories"] == ["recsys"] for entry in found.values())
    assert all(entry["namespaced"] for entry in found.values())
