"""The chart on a real API server: it installs, trainers are held to their two fields, the operator's rights suffice."""

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import yaml
from tests.chart.tools import HERE, rendered, run
from tests.integration.harness.binaries import binary
from tests.integration.harness.control_plane import ControlPlane

from recsys_operator.api.kinds import TRAININGRUNS
from recsys_operator.build import trainer_access
from recsys_operator.build.labels import Manifest, Owner

NAMESPACE = "shop"
OPERATOR = "system:serviceaccount:recsys-system:recsys-operator"
TRAINER = f"system:serviceaccount:{NAMESPACE}:night-trainer"
RUNS = f"/apis/recsys.dev/v1alpha1/namespaces/{NAMESPACE}/trainingruns"
RBAC = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{NAMESPACE}"
SPEC = {
    "modelRef": {"name": "movies"},
    "dataset": {"uri": "pvc://data/u.inter", "format": "RecBole"},
    "seed": 7,
    "ray": {"resourcesPerWorker": {"cpu": "1", "memory": "2Gi"}},
}
PROGRESS = {"stage": "Training", "epoch": 1, "epochs": 20, "percent": 5}
RESULT = {
    "version": 1,
    "uri": "pvc://models/v/1",
    "digest": "sha256:" + "0f" * 32,
    "verdict": "Passed",
    "dataset": {"digest": "sha256:" + "0a" * 32, "users": 9, "items": 9, "interactions": 99, "tiedUsers": 4},
}


def client(api: ControlPlane, user: str, *groups: str) -> httpx.Client:
    """A client whose requests are this user's; a service account is in the groups that its token gives."""
    if user.startswith("system:serviceaccount:"):
        groups = (*groups, "system:serviceaccounts", f"system:serviceaccounts:{user.split(':')[2]}")
    headers = [
        ("Impersonate-User", user),
        *(("Impersonate-Group", group) for group in (*groups, "system:authenticated")),
    ]
    admin = api.client()
    admin.headers = httpx.Headers(headers)
    return admin


def apply(by: httpx.Client, path: str, manifest: Manifest, manager: str) -> httpx.Response:
    """Server-side apply."""
    return by.patch(
        path,
        params={"fieldManager": manager, "force": "true"},
        headers={"Content-Type": "application/apply-patch+yaml"},
        content=yaml.safe_dump(manifest),
    )


def write_status(
    by: httpx.Client, status: dict[str, Any], name: str = "night", manager: str = "trainer"
) -> httpx.Response:
    """Apply these fields of a run's status, as trainers and the operator do it."""
    manifest = {
        "apiVersion": "recsys.dev/v1alpha1",
        "kind": "TrainingRun",
        "metadata": {"name": name},
        "status": status,
    }
    return apply(by, f"{RUNS}/{name}/status", manifest, manager)


def merge_status(by: httpx.Client, status: dict[str, Any], name: str = "night") -> httpx.Response:
    """Patch the status, whoever owns its fields."""
    headers = {"Content-Type": "application/merge-patch+json"}
    return by.patch(f"{RUNS}/{name}/status", headers=headers, json={"status": status})


def message(answer: httpx.Response, code: int = 403) -> str:
    """What the refusal says."""
    assert answer.status_code == code, answer.text
    return str(answer.json()["message"])


@pytest.fixture(scope="module")
def installed(api: ControlPlane) -> ControlPlane:
    """The chart with its defaults, and two TrainingRuns whose trainers have the rights that the operator gives them."""
    for namespace in ("recsys-system", NAMESPACE):
        api.create_namespace(namespace)
    install(api, "--values", HERE / "values" / "default.yaml")
    with client(api, OPERATOR) as operator, api.client() as admin:
        for name in ("night", "day"):
            manifest = {
                "apiVersion": "recsys.dev/v1alpha1",
                "kind": "TrainingRun",
                "metadata": {"name": name},
                "spec": SPEC,
            }
            made = admin.post(RUNS, json=manifest)
            assert made.status_code == 201, made.text
            owner = Owner(TRAININGRUNS, NAMESPACE, name, made.json()["metadata"]["uid"])
            for path, child in children(owner):
                answer = apply(operator, path, child, "recsys-operator")
                assert answer.status_code == 201, answer.text
    wait_for_policy(api)
    return api


def install(api: ControlPlane, *options: Any) -> None:
    """Apply what the chart renders; once more for objects whose kind came with it."""
    command = [binary("kubectl"), "--kubeconfig", api.kubeconfig, "apply", "--server-side", "--filename", "-"]
    text = rendered(*options)
    api.install_crds(sorted((HERE.parents[1] / "charts" / "recsys-operator" / "files" / "crds").glob("*.yaml")))
    done = run(*command, "--force-conflicts", stdin=text)
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr, done.stderr


def children(owner: Owner) -> list[tuple[str, Manifest]]:
    """What the operator makes so that a trainer may write its status."""
    name = f"{owner.name}-trainer"
    return [
        (f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/{name}", trainer_access.service_account(owner, "movies")),
        (f"{RBAC}/roles/{name}", trainer_access.role(owner, "movies")),
        (f"{RBAC}/rolebindings/{name}", trainer_access.role_binding(owner, "movies")),
    ]


def wait_for_policy(api: ControlPlane, seconds: float = 30) -> None:
    """Until the API server enforces the policy, which takes it a moment: some other trainer is refused."""
    end = time.monotonic() + seconds
    with client(api, f"system:serviceaccount:{NAMESPACE}:probe-trainer", "system:masters") as probe:
        while "ValidatingAdmissionPolicy" not in (answer := merge_status(probe, {"attempts": 0})).text:
            assert time.monotonic() < end, f"the policy was not enforced within {seconds:.0f} s: {answer.text}"
            time.sleep(0.1)


@pytest.fixture
def trainer(installed: ControlPlane) -> Iterator[httpx.Client]:
    with client(installed, TRAINER) as found:
        yield found


@pytest.fixture
def operator(installed: ControlPlane) -> Iterator[httpx.Client]:
    with client(installed, OPERATOR) as found:
        yield found


def test_a_trainer_writes_progress_and_result_of_its_run(trainer: httpx.Client) -> None:
    assert write_status(trainer, {"progress": PROGRESS}).status_code == 200
    assert write_status(trainer, {"progress": PROGRESS | {"percent": 100}, "result": RESULT}).status_code == 200
    status = trainer.get(f"{RUNS}/night").json()["status"]
    assert (status["progress"]["percent"], status["result"]["version"]) == (100, 1)


def test_the_operator_writes_the_rest_and_keeps_the_trainer_s_fields(
    trainer: httpx.Client, operator: httpx.Client
) -> None:
    assert write_status(trainer, {"progress": PROGRESS}).status_code == 200
    assert write_status(operator, {"attempts": 2}, manager="recsys-operator").status_code == 200
    assert write_status(trainer, {"progress": PROGRESS | {"percent": 6}}).status_code == 200
    status = operator.get(f"{RUNS}/night").json()["status"]
    assert (status["attempts"], status["progress"]["percent"]) == (2, 6)


@pytest.mark.parametrize(
    ("status", "named"),
    [
        ({"attempts": 9}, "status.attempts"),
        ({"progress": PROGRESS, "attempts": 9}, "status.attempts"),
        ({"failure": {"reason": "Invented", "message": "It was not me."}}, "status.failure"),
        ({"observedGeneration": 7, "startTime": "2026-01-01T00:00:00Z"}, "status.startTime"),
    ],
)
def test_a_trainer_writes_nothing_else(trainer: httpx.Client, status: dict[str, Any], named: str) -> None:
    said = message(write_status(trainer, status))
    assert f"a trainer changes status.progress and status.result only; this request of {TRAINER} also changes" in said
    assert named in said
    assert "status.progress," not in said.partition("also changes")[2]


def test_a_trainer_deletes_nothing_of_the_operator_s(trainer: httpx.Client, operator: httpx.Client) -> None:
    assert write_status(operator, {"attempts": 3}, manager="recsys-operator").status_code == 200
    assert "also changes status.attempts" in message(merge_status(trainer, {"attempts": None}))
    assert "status.attempts" in message(merge_status(trainer, {"attempts": None, "progress": PROGRESS}))
    assert operator.get(f"{RUNS}/night").json()["status"]["attempts"] == 3


def test_a_trainer_writes_its_own_run_only(installed: ControlPlane, trainer: httpx.Client) -> None:
    """Its Role says so; and the policy says it too, to a trainer that somebody gave more rights."""
    assert "cannot patch resource" in message(write_status(trainer, {"progress": PROGRESS}, name="day"))
    with client(installed, TRAINER, "system:masters") as powerful:
        said = message(write_status(powerful, {"progress": PROGRESS}, name="day"))
        assert (
            f"{TRAINER} may not write the status of TrainingRun {NAMESPACE}/day: a trainer writes its own run only"
            in said
        )
        assert write_status(powerful, {"progress": PROGRESS}).status_code == 200
    with client(installed, "system:serviceaccount:elsewhere:night-trainer", "system:masters") as namesake:
        assert "writes its own run only" in message(write_status(namesake, {"progress": PROGRESS}))


def test_a_trainer_reaches_nothing_else(trainer: httpx.Client) -> None:
    assert trainer.get(f"{RUNS}/night").status_code == 200
    for path in (
        RUNS,
        f"{RUNS}/day",
        f"/api/v1/namespaces/{NAMESPACE}/configmaps",
        f"/api/v1/namespaces/{NAMESPACE}/secrets",
    ):
        assert "cannot" in message(trainer.get(path))
    patch = trainer.patch(f"{RUNS}/night", headers={"Content-Type": "application/merge-patch+json"}, json={"spec": {}})
    assert "cannot patch" in message(patch)


def test_the_operator_grants_no_more_than_it_has(installed: ControlPlane, operator: httpx.Client) -> None:
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": {"name": "greedy"},
        "rules": [{"apiGroups": ["recsys.dev"], "resources": ["trainingruns"], "verbs": ["deletecollection"]}],
    }
    assert "attempting to grant RBAC permissions not currently held" in message(
        apply(operator, f"{RBAC}/roles/greedy", role, "recsys-operator")
    )
    for path in (f"/api/v1/namespaces/{NAMESPACE}/secrets", "/api/v1/secrets", "/api/v1/persistentvolumes"):
        assert "cannot list" in message(operator.get(path))
    assert operator.get("/api/v1/nodes").status_code == 200, "what room there is on the nodes is asked for"
    assert "cannot create" in message(operator.post("/api/v1/nodes", json={}))
    assert "cannot update" in message(operator.put(f"{RUNS}/night", json={}))


def test_view_and_edit_of_the_cluster_cover_the_kinds(installed: ControlPlane) -> None:
    """The aggregation controller copies the rules into the cluster's own roles."""
    with installed.client() as admin:
        for role in ("view", "edit"):
            binding = {
                "metadata": {"name": role},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
                "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": f"{role}er"}],
            }
            assert admin.post(f"{RBAC}/rolebindings", json=binding).status_code == 201
    with client(installed, "viewer") as viewer, client(installed, "editer") as editor:
        end = time.monotonic() + 20
        while viewer.get(RUNS).status_code != 200 or editor.get(RUNS).status_code != 200:
            assert time.monotonic() < end, viewer.get(RUNS).text
            time.sleep(0.1)
        manifest = {
            "apiVersion": "recsys.dev/v1alpha1",
            "kind": "TrainingRun",
            "metadata": {"name": "mine"},
            "spec": SPEC,
        }
        assert "cannot create" in message(viewer.post(RUNS, json=manifest))
        assert editor.post(RUNS, json=manifest).status_code == 201
        assert "cannot patch" in message(merge_status(editor, {"attempts": 5}))
