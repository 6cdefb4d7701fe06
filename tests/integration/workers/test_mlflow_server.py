"""A run that logs to a real MLflow server on loopback, as `mlflow server` runs it, and what that server then gives."""

import json
import os
import signal
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.integration.harness.processes import Process, lasting_port
from tests.integration.workers.test_trainer_kill import ROOT, Trainer, run_json, write_data

from recsys_workers import manifest
from recsys_workers.train import history, mlflow
from recsys_workers.train.mlflow_api import MlflowApi

pytestmark = [pytest.mark.full, pytest.mark.torch, pytest.mark.timeout(900)]

START_SECONDS = 300
GATES = [{"name": "good-enough", "floor": {"metric": "NDCG@10", "min": "0"}}]
QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}


class Server:
    """What it has, by its REST API."""

    def __init__(self, url: str, process: Process) -> None:
        self.url = url
        self.process = process
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def get(self, path: str, body: Mapping[str, Any] | None = None, **query: str) -> Any:
        """The answer as JSON where it is; with a body it is a POST."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"} if data else {}
        asked = urllib.request.Request(f"{self.url}{path}?{urllib.parse.urlencode(query)}", data, headers)
        with self._opener.open(asked, timeout=30) as response:
            text = response.read().decode()
        return json.loads(text) if text.startswith("{") else text

    def runs(self, experiment: str) -> list[dict[str, Any]]:
        """All runs of the experiment of this name; none where there is no such experiment."""
        try:
            of = self.get("/api/2.0/mlflow/experiments/get-by-name", experiment_name=experiment)["experiment"]
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise
            return []
        found = self.get("/api/2.0/mlflow/runs/search", {"experiment_ids": [of["experiment_id"]], "max_results": 100})
        return list(found.get("runs", []))

    def values(self, run: Mapping[str, Any], metric: str) -> list[tuple[int, float]]:
        """Each value that a run has of the metric, with its step, by steps."""
        asked = {"run_id": run["info"]["run_id"], "metric_key": metric}
        found = self.get("/api/2.0/mlflow/metrics/get-history", **asked).get("metrics", [])
        return sorted((int(one["step"]), float(one["value"])) for one in found)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server of requirements/mlflow.txt, with its data in SQLite."""
    folder, port = tmp_path_factory.mktemp("mlflow"), lasting_port()
    python = subprocess.run(
        [ROOT / "hack/venv.sh", "mlflow"], check=True, capture_output=True, text=True
    ).stdout.strip()
    command = [
        *("env", *(f"{name}={value}" for name, value in QUIET.items()), "--unset=PYTHONPATH", python, "-m", "mlflow"),
        *("server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"),
        *("--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--no-serve-artifacts"),
        *("--default-artifact-root", f"{folder}/artifacts"),
    ]
    process = Process("mlflow", command, folder / "mlflow.log")
    try:
        yield _ready(Server(f"http://127.0.0.1:{port}", process))
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # it has a process that listens
        process.kill()


def _ready(made: Server) -> Server:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and made.process.running:
        try:
            assert made.get("/health") == "OK"
        except OSError:
            time.sleep(0.5)
        else:
            return made
    pytest.fail(f"mlflow does not answer:\n{made.process.tail()}")


def pairs(entries: list[dict[str, Any]]) -> dict[str, Any]:
    return {entry["key"]: entry["value"] for entry in entries}


def test_a_run_of_two_attempts_is_one_run_with_all_that_they_sent(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.url)
    write_data(tmp_path / "data")
    (tmp_path / "store").mkdir()
    first = Trainer(tmp_path, "logged", 1, GATES)
    first.wait_for_checkpoints(1)
    while not [run for run in server.runs("shop/walks") if server.values(run, "loss/training")]:
        assert first.process.poll() is None, first.text()
    first.process.send_signal(signal.SIGTERM)
    assert first.wait(120) == 143, first.text()
    (stopped,) = server.runs("shop/walks")
    assert stopped["info"]["status"] == "KILLED"
    seen = [step for step, _ in server.values(stopped, "loss/training")]
    assert seen

    second = Trainer(tmp_path, "logged", 2, GATES)
    assert second.wait() == 0, second.text()
    assert "continuing after epoch" in second.text()
    assert "MLflow" not in first.text() + second.text(), "nothing is refused, late or dropped"

    (run,) = server.runs("shop/walks")
    info, version = run["info"], manifest.load(second.store / "versions" / "1", None)
    assert info["run_id"] == stopped["info"]["run_id"]
    assert (info["run_name"], info["status"]) == ("run-logged", "FINISHED")
    assert info["start_time"] < stopped["info"]["end_time"] < info["end_time"]

    params = pairs(run["data"]["params"])
    settings = run_json("logged", GATES)["hyperparameters"]
    assert params.items() >= {**settings, "architecture": "SASRec", "seed": "7", "dataset": "pvc://data"}.items()
    assert params["datasetDigest"] == version.manifest.dataset["digest"]
    own = {key: value for key, value in pairs(run["data"]["tags"]).items() if key.startswith("recsys_")}
    assert own == {
        "recsys_namespace": "shop",
        "recsys_model": "walks",
        "recsys_run": "run-logged",
        "recsys_run_uid": "logged",
        "recsys_version": "1",
        "recsys_verdict": "Passed",
        "recsys_digest": own["recsys_digest"],
        "recsys_protocol": own["recsys_protocol"],
    }
    assert own["recsys_protocol"].startswith("LeaveOneOut: ")
    assert own["recsys_digest"].startswith("sha256:")

    kept = history.read(second.run_folder)
    assert kept is not None
    losses, validated = (server.values(run, name) for name in ("loss/training", "validation/NDCG_at_10"))
    assert [step for step, _ in losses][: len(seen)] == seen, "what the first attempt sent is there"
    assert {step for step, _ in losses} == {point.step for point in kept.points}
    assert dict(losses) == pytest.approx({point.step: point.loss for point in kept.points}, abs=1e-5)
    assert dict(validated) == pytest.approx({point.step: point.validation for point in kept.points}, abs=1e-5)
    latest = pairs(run["data"]["metrics"])
    assert latest["validation/HR_at_10"] > 0
    assert latest["pace/targetsPerSecond"] > 0
    figures = {f"{name.replace('@', '_at_')}": value for name, value in mlflow.final(version.manifest.metrics).items()}
    assert figures
    assert latest.items() >= figures.items()


def test_what_it_refuses_is_counted_and_the_rest_arrives(server: Server) -> None:
    environ = {"MLFLOW_TRACKING_URI": server.url, "MLFLOW_EXPERIMENT_NAME": "by hand"}
    logged = mlflow.connect("shop", "movies", "movies-1", "uid-1", None, environ)
    assert logged is not None
    logged.parameters({"seed": "1", "dataset": "pvc://" + "d" * 600})
    logged.parameters({"seed": "1"})
    logged.parameters({"seed": "2"})
    logged.scalars(3, {"loss/training": 0.5, "validation/NDCG@10": float("nan")})
    logged.finish(mlflow.FAILED)
    logged.close()
    assert logged.dropped == 1, "the other seed"
    (run,) = server.runs("by hand")
    assert run["info"]["status"] == "FAILED"
    assert {key: len(value) for key, value in pairs(run["data"]["params"]).items()} == {"seed": 1, "dataset": 500}
    assert pairs(run["data"]["params"])["seed"] == "1"
    assert pairs(run["data"]["metrics"]) == {"loss/training": 0.5}


def test_a_host_name_that_it_does_not_allow_is_told_in_its_words(server: Server) -> None:
    """By its default it knows addresses only; a Service's name has to be one of its --allowed-hosts."""
    api = MlflowApi(server.url, {})
    api._headers["Host"] = "mlflow.mlflow.svc:5000"
    with pytest.raises(ConnectionError, match=r"runs/search: 403 Forbidden: Invalid Host header"):
        api.post("runs/search", {"experiment_ids": ["0"]})
