"""The trainer's status writes against a real API server, with no more rights than the operator gives a run."""

import copy
from pathlib import Path
from typing import Any

import pytest
from tests.integration.harness.control_plane import ControlPlane
from tests.unit.api.full_examples import TRAININGRUN_STATUS

from recsys_operator.api.trainingrun import TRAININGRUN
from recsys_operator.build import trainer_access
from recsys_operator.build.labels import Owner
from recsys_workers.train import progress
from recsys_workers.train.progress import Progress, StatusRefused, StatusWriter

NAMESPACE, RUN = "trainer-status", "movies-1"
RUNS = f"/apis/recsys.dev/v1alpha1/namespaces/{NAMESPACE}/trainingruns"
RBAC = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{NAMESPACE}"
ACCOUNTS = f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts"


def a_run(name: str) -> dict[str, Any]:
    return {
        "apiVersion": "recsys.dev/v1alpha1",
        "kind": "TrainingRun",
        "metadata": {"name": name},
        "spec": {"modelRef": {"name": "movies"}, "dataset": {"uri": "pvc://data", "format": "RecBole"}},
    }


@pytest.fixture
def writer(control_plane: ControlPlane, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StatusWriter:
    """The writer of a fresh run, as it is in the run's pod."""
    control_plane.create_namespace(NAMESPACE)
    with control_plane.client() as client:
        for name in (RUN, "other"):
            client.delete(f"{RUNS}/{name}")
        made = client.post(RUNS, json=a_run(RUN)).raise_for_status().json()
        client.post(RUNS, json=a_run("other")).raise_for_status()
        owner = Owner(TRAININGRUN, NAMESPACE, RUN, made["metadata"]["uid"])
        for path, manifest in (
            (f"{RBAC}/roles", trainer_access.role(owner, "movies")),
            (f"{RBAC}/rolebindings", trainer_access.role_binding(owner, "movies")),
            (ACCOUNTS, trainer_access.service_account(owner, "movies")),
        ):
            client.delete(f"{path}/{manifest['metadata']['name']}")
            client.post(path, json=manifest).raise_for_status()
        token = client.post(f"{ACCOUNTS}/{RUN}-trainer/token", json={"spec": {}}).raise_for_status().json()
    (tmp_path / "token").write_text(token["status"]["token"])
    (tmp_path / "ca.crt").write_bytes(control_plane.ca_file.read_bytes())
    monkeypatch.setattr(progress, "SERVICE_ACCOUNT", tmp_path)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", control_plane.url.rpartition(":")[2])
    return StatusWriter(NAMESPACE, RUN, made["metadata"]["uid"])


def live(control_plane: ControlPlane, name: str = RUN) -> dict[str, Any]:
    with control_plane.client() as client:
        found: dict[str, Any] = client.get(f"{RUNS}/{name}").raise_for_status().json()
    return found


def a_result() -> dict[str, Any]:
    result: dict[str, Any] = copy.deepcopy(TRAININGRUN_STATUS["result"])
    return result


def test_progress_and_result_land_in_status_under_the_field_manager_trainer(
    control_plane: ControlPlane, writer: StatusWriter
) -> None:
    reporter = Progress(writer)
    reporter.report("Training", 40, "Epoch 2 of 5.", epoch=2, epochs=5, loss="6.1234")
    last = reporter.close()
    found = live(control_plane)
    assert found["status"]["progress"] == last
    writer.apply_until({"progress": {**last, "percent": 100}, "result": a_result()}, 30)
    found = live(control_plane)
    assert found["status"]["progress"]["percent"] == 100
    assert found["status"]["result"] == a_result()
    managers = {entry["manager"]: entry for entry in found["metadata"]["managedFields"]}
    assert managers["trainer"]["operation"] == "Apply"
    assert managers["trainer"]["subresource"] == "status"
    assert set(managers["trainer"]["fieldsV1"]["f:status"]) == {"f:progress", "f:result"}


def test_a_result_that_a_late_progress_takes_away_is_written_again(
    control_plane: ControlPlane, writer: StatusWriter
) -> None:
    last = {"stage": "Publishing", "percent": 100}
    status = {"progress": last, "result": a_result()}
    writer.apply_until(status, 30)
    writer.confirm(status, 30)
    told = live(control_plane)
    writer.apply({"progress": {**last, "percent": 97}})
    assert "result" not in live(control_plane)["status"]
    writer.confirm(status, 30)
    assert live(control_plane)["status"] == told["status"]


def test_fields_of_other_managers_stay(control_plane: ControlPlane, writer: StatusWriter) -> None:
    with control_plane.client() as client:
        client.patch(
            f"{RUNS}/{RUN}/status",
            json={"status": {"attempts": 2}},
            headers={"Content-Type": "application/merge-patch+json"},
        ).raise_for_status()
    writer.apply_until({"progress": {"stage": "Loading", "percent": 1}}, 30)
    assert live(control_plane)["status"]["attempts"] == 2


def test_a_run_that_was_made_anew_under_the_same_name_is_not_written(
    control_plane: ControlPlane, writer: StatusWriter
) -> None:
    writer.uid = "00000000-0000-0000-0000-000000000000"
    with pytest.raises(StatusRefused, match="has the uid"):
        writer.apply_until({"progress": {"stage": "Loading"}}, 10)
    assert "progress" not in live(control_plane).get("status", {})


def test_a_run_that_is_gone_is_not_created(control_plane: ControlPlane, writer: StatusWriter) -> None:
    with control_plane.client() as client:
        client.delete(f"{RUNS}/{RUN}").raise_for_status()
    with pytest.raises(StatusRefused, match="404"):
        writer.apply_until({"progress": {"stage": "Loading"}}, 10)


def test_the_status_of_another_run_is_out_of_reach(control_plane: ControlPlane, writer: StatusWriter) -> None:
    writer.apply_until({"progress": {"stage": "Loading"}}, 30)
    other = StatusWriter(NAMESPACE, "other", live(control_plane, "other")["metadata"]["uid"])
    with pytest.raises(OSError, match="403"):
        other.apply({"progress": {"stage": "Loading"}})


def test_what_the_crd_does_not_know_is_refused(writer: StatusWriter) -> None:
    with pytest.raises(StatusRefused, match="Daydreaming"):
        writer.apply_until({"progress": {"stage": "Daydreaming"}}, 10)


def test_a_history_of_fifty_validations_is_taken_and_one_more_is_refused(
    control_plane: ControlPlane, writer: StatusWriter
) -> None:
    points = [{"epoch": epoch, "step": epoch, "loss": "1.5", "validation": "0.1"} for epoch in range(51)]
    with pytest.raises(StatusRefused, match="must have at most 50 items"):
        writer.apply_until({"progress": {"stage": "Training", "history": points}}, 10)
    writer.apply_until({"progress": {"stage": "Training", "history": points[:50]}}, 30)
    assert live(control_plane)["status"]["progress"]["history"] == points[:50]
