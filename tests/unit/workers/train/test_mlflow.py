"""Logging to MLflow, against a real HTTP server that keeps to its protocol."""

import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.unit.workers.train.mlflow_server import MlflowServer
from tests.unit.workers.train.played import Training

from recsys_workers.train import mlflow, mlflow_api, ray_run
from recsys_workers.train.__main__ import main
from recsys_workers.train.mlflow import DROPPED, Mlflow
from recsys_workers.train.readings import Readings


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[MlflowServer]:
    monkeypatch.setattr(mlflow, "FIRST_PAUSE_SECONDS", 0.01)
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    made = MlflowServer()
    yield made
    made.close()


def connected(server: MlflowServer, readings: Readings | None = None, **environ: str) -> Mlflow:
    found = mlflow.connect(
        "shop", "movies", "movies-1", "uid-1", readings, {"MLFLOW_TRACKING_URI": f"http://{server.address}/", **environ}
    )
    assert found is not None
    return found


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "waited for nothing"
        time.sleep(0.01)


def test_a_run_is_created_with_its_parameters_and_figures(server: MlflowServer) -> None:
    logged = connected(server)
    logged.parameters({"learningRate": "0.002", "dataset": "pvc://" + "d" * 600})
    logged.scalars(10, {"loss/training": 6.5, "validation/NDCG@10": 0.25, "pace": float("nan")})
    logged.finish(mlflow.FINISHED)
    logged.close()
    (run,) = server.runs
    assert server.experiments == ["shop/movies"]
    assert (run.name, run.status, logged.dropped) == ("movies-1", "FINISHED", 0)
    assert run.tags["recsys_run_uid"] == "uid-1"
    assert (run.params["learningRate"], len(run.params["dataset"])) == ("0.002", 500)
    assert run.metrics == [("loss/training", 6.5, 10), ("validation/NDCG_at_10", 0.25, 10)]
    assert server.authorizations == {None}


def test_a_later_attempt_and_the_other_process_go_on_with_the_run_of_the_uid(server: MlflowServer) -> None:
    for step in (10, 20):
        logged = connected(server, MLFLOW_EXPERIMENT_NAME="night")
        logged.scalars(step, {"loss/training": 1.0})
        logged.finish(mlflow.FAILED)
        logged.close()
    (run,) = server.runs
    assert (server.experiments, [step for _, _, step in run.metrics]) == (["night"], [10, 20])
    assert run.statuses == ["FAILED", "RUNNING", "FAILED"]


@pytest.mark.parametrize(
    ("environ", "header"),
    [
        ({"MLFLOW_TRACKING_TOKEN": "abc"}, "Bearer abc"),
        ({"MLFLOW_TRACKING_USERNAME": "ann", "MLFLOW_TRACKING_PASSWORD": "secret"}, "Basic YW5uOnNlY3JldA=="),
    ],
)
def test_credentials_are_those_of_mlflow_s_own_variables(
    server: MlflowServer, environ: dict[str, str], header: str
) -> None:
    connected(server, **environ).close()
    logged = connected(server, **environ)
    logged.finish(mlflow.FINISHED)
    logged.close()
    assert server.authorizations == {header}


def test_credentials_in_the_address_are_used_and_no_part_of_what_is_told(server: MlflowServer) -> None:
    logged = mlflow.connect(
        "shop", "movies", "movies-1", "uid-1", None, {"MLFLOW_TRACKING_URI": f"http://ann:secret@{server.address}"}
    )
    assert logged is not None
    assert logged.api.address == f"http://{server.address}"
    logged.finish(mlflow.FINISHED)
    logged.close()
    assert server.authorizations == {"Basic YW5uOnNlY3JldA=="}


def test_what_may_heal_is_sent_again_and_in_order(server: MlflowServer, caplog: pytest.LogCaptureFixture) -> None:
    server.codes = [503, 429, 401, 500]
    logged = connected(server)
    for step in range(5):
        logged.scalars(step, {"loss/training": 1.0})
    until(lambda: bool(server.runs) and len(server.runs[0].metrics) == 5)
    logged.close()
    assert [step for _, _, step in server.runs[0].metrics] == list(range(5))
    assert logged.dropped == 0
    (told,) = [record.getMessage() for record in caplog.records]
    assert "trying again: experiments/get-by-name: 503 Service Unavailable: no" in told, "once, with the server's words"


def test_what_is_refused_is_counted_and_the_rest_arrives(server: MlflowServer, tmp_path: Path) -> None:
    readings = Readings(tmp_path / "reading.json")
    logged = connected(server, readings)
    assert readings.now().counts == {DROPPED: 0}
    logged.parameters({"seed": "1"})
    logged.parameters({"seed": "2"})
    logged.scalars(1, {"loss/training": 1.0})
    logged.close()
    assert (server.runs[0].params, len(server.runs[0].metrics)) == ({"seed": "1"}, 1)
    assert (logged.dropped, readings.now().counts) == (1, {DROPPED: 1})


def test_a_server_that_is_away_costs_a_moment_at_the_end_and_loses_what_does_not_fit(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(mlflow, "WAITING", 8)
    monkeypatch.setattr(mlflow, "CLOSE_SECONDS", 0.3)
    with socket.socket() as silent:  # takes connections, and never answers
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        monkeypatch.setattr(mlflow_api, "TIMEOUT_SECONDS", 0.1)
        environ = {"MLFLOW_TRACKING_URI": f"http://127.0.0.1:{silent.getsockname()[1]}"}
        readings = Readings(tmp_path / "reading.json")
        logged = mlflow.connect("shop", "movies", "movies-1", "uid-1", readings, environ)
        assert logged is not None
        began = time.monotonic()
        for step in range(100):
            logged.scalars(step, {"loss/training": 1.0})
        assert time.monotonic() - began < 2, "logging waits for nothing"
        logged.close()
    assert (logged.dropped, readings.now().counts[DROPPED]) == (100, 100)
    assert not logged._thread.is_alive()


def test_a_server_that_has_been_away_is_not_waited_for_at_the_end(server: MlflowServer) -> None:
    server.codes = [503] * 1000
    logged = connected(server)
    for step in range(5):
        logged.scalars(step, {"loss/training": 1.0})
    until(lambda: len(server.calls) >= 2)
    server.seconds = 0.2
    began = time.monotonic()
    logged.close()
    assert time.monotonic() - began < mlflow.CLOSE_SECONDS / 2
    assert logged.dropped == 5


@pytest.mark.parametrize("password", ["hunter/x", "77/hunter", "hunter?x", "hunter#x", "77#hunter", "77?hunter"])
def test_a_password_that_is_not_written_as_an_address_has_it_is_told_to_nobody(
    password: str, caplog: pytest.LogCaptureFixture
) -> None:
    uri = f"http://ann:{password}@mlflow:5000"
    assert mlflow.connect("shop", "movies", "movies-1", "uid-1", None, {"MLFLOW_TRACKING_URI": uri}) is None
    assert "write /, ? and # as %2F, %3F and %23" in caplog.text
    assert not any(part in caplog.text for part in ("ann", "hunter", "77"))


@pytest.mark.parametrize("uri", ["", "file:///tmp/mlruns", "databricks", "http://[bad"])
def test_an_address_that_cannot_be_spoken_to_is_no_error(uri: str) -> None:
    assert mlflow.connect("shop", "movies", "movies-1", "uid-1", None, {"MLFLOW_TRACKING_URI": uri}) is None


def test_an_attempt_logs_its_end_with_the_test_figures(
    training: Training, run_folder: Path, server: MlflowServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://{server.address}")
    told: list[dict[str, Any]] = []

    def fit(settings: dict[str, Any], folder: Path, threads: int) -> None:
        told.append(settings)
        training.fit(settings, folder, threads)

    monkeypatch.setattr(ray_run, "fit", fit)
    assert main() == 0
    assert told[0]["parameters"].items() >= {"architecture": "SASRec", "seed": "1", "epochs": "1"}.items()
    (run,) = server.runs
    assert (run.status, run.tags["recsys_version"]) == ("FINISHED", "1")
    assert [(name, step) for name, _, step in run.metrics] == [
        (f"test/NDCG_at_10{end}", 3) for end in ("", ".low", ".high")
    ]
    rules = run.tags["recsys_protocol"]
    assert rules == training.told[-1]["protocol"], "as the status has it"
    assert rules.startswith("LeaveOneOut: ")
    assert "all items ranked, items that the user had excluded" in rules


def test_an_attempt_that_fails_says_so(
    training: Training, run_folder: Path, server: MlflowServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://{server.address}")
    training.error = OSError("disk full")
    assert main() == 1
    assert [run.status for run in server.runs] == ["FAILED"]


def test_an_attempt_that_a_newer_one_has_replaced_does_not_end_the_run_of_both(
    training: Training, run_folder: Path, server: MlflowServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://{server.address}")

    def fit(settings: dict[str, Any], folder: Path, threads: int) -> None:
        training.fit(settings, folder, threads)
        (folder / "attempt.lock").write_text("a newer one\n")

    monkeypatch.setattr(ray_run, "fit", fit)
    assert main() == 1
    assert server.runs == []
