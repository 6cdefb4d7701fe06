"""A Tabular run of each objective: its gates, and its version behind the real server, which says what was evaluated."""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from tests.integration.serve.server_process import WORKERS, running
from tests.integration.workers.test_tabular import in_process, ran  # noqa: F401 a fixture
from tests.unit.workers.tabular import tables

from recsys_workers import manifest

pytestmark = pytest.mark.torch

ROWS = 400
Row = Mapping[str, Any]
FEATURES = ("tenure", "idle", "plan", "phone")
CLASSES = ("low", "middle", "high")


def value_of(row: Row) -> float:
    """What the labels follow from, besides noise: from 0 to 40, about."""
    return float(row["tenure"] + 8 * (row["plan"] == "plan-1"))


def binary(row: Row, noise: float) -> object:
    return "yes" if value_of(row) + noise > 22 else "no"


def multiclass(row: Row, noise: float) -> object:
    return CLASSES[int(np.digitize(value_of(row) + noise, [19.0, 26.0]))]


def regression(row: Row, noise: float) -> object:
    return round(1000 + 50 * (value_of(row) + noise), 2)


def share_right(rows: Sequence[Row], answers: Sequence[Row]) -> float:
    return float(np.mean([answer["label"] == row["label"] for row, answer in zip(rows, answers, strict=True)]))


def surprise(rows: Sequence[Row], answers: Sequence[Row]) -> float:
    """The mean of -log of what each row's own class was given."""

    def given(row: Row, answer: Row) -> float:
        if "probabilities" in answer:
            return float(answer["probabilities"][row["label"]])
        return float(answer["probability"] if row["label"] == "yes" else 1 - answer["probability"])

    return -float(np.mean([math.log(given(row, answer)) for row, answer in zip(rows, answers, strict=True)]))


def errors(rows: Sequence[Row], answers: Sequence[Row]) -> list[float]:
    return [answer["value"] - row["label"] for row, answer in zip(rows, answers, strict=True)]


def root_mean_square(rows: Sequence[Row], answers: Sequence[Row]) -> float:
    return math.sqrt(sum(error**2 for error in errors(rows, answers)) / len(rows))


def mean_error(rows: Sequence[Row], answers: Sequence[Row]) -> float:
    return sum(abs(error) for error in errors(rows, answers)) / len(rows)


Metric = Callable[[Sequence[Row], Sequence[Row]], float]


@dataclasses.dataclass(frozen=True)
class Objective:
    """Labels, a bound that a model passes which has learned something, and what the answers of a server are worth."""

    label: Callable[[Row, float], object]
    floor: dict[str, str]
    metrics: Mapping[str, Metric]
    positive: Mapping[str, str] = dataclasses.field(default_factory=dict)


OF_CLASSES = {"Accuracy": share_right, "LogLoss": surprise}
OBJECTIVES = {
    "Binary": Objective(binary, {"metric": "Accuracy", "min": "0.7"}, OF_CLASSES, {"positive": "yes"}),
    "Multiclass": Objective(multiclass, {"metric": "Accuracy", "min": "0.6"}, OF_CLASSES),
    "Regression": Objective(
        regression, {"metric": "RMSE", "max": "200"}, {"RMSE": root_mean_square, "MAE": mean_error}
    ),
}


@dataclasses.dataclass(frozen=True)
class Made:
    """A version that a run published."""

    claims: Path
    described: dict[str, Any]
    folder: Path

    @property
    def digest(self) -> str:
        return manifest.digest_of((self.folder / manifest.MANIFEST).read_bytes())

    def environment(self, **other: str) -> dict[str, str]:
        """Of a server pod."""
        return {
            "RECSYS_PVC_ROOT": str(self.claims),
            "RECSYS_NAMESPACE": self.described["namespace"],
            "RECSYS_MODEL": self.described["model"],
            "RECSYS_DEPLOYMENT": "churn",
            "RECSYS_VERSION": str(self.described["version"]),
            "RECSYS_ARTIFACT_URI": f"pvc://{self.folder.relative_to(self.claims)}",
            "RECSYS_DIGEST": self.digest,
            **other,
        }


def rows_of(objective: Objective) -> list[dict[str, Any]]:
    random = np.random.default_rng(6)
    rows = tables.rows(ROWS)
    return [row | {"label": objective.label(row, float(random.normal(0, 1)))} for row in rows]


def run_of(objective: str, architecture: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    wanted = OBJECTIVES[objective]
    made = tables.document(folder, monkeypatch, rows_of(wanted))
    monkeypatch.setenv("PYTHONPATH", str(WORKERS))
    label = {"name": "label", "role": "Label", **wanted.positive}
    made["schema"]["columns"] = [*tables.COLUMNS[:-1], label, {"name": "part", "role": "Split"}]
    made["evaluation"] = {"protocol": "ByColumn", "metrics": list(wanted.metrics)}
    made["gates"] = [
        {"name": "good", "floor": wanted.floor},
        {"name": "same", "champion": {"metric": wanted.floor["metric"], "maxRegressionPercent": 5}},
        {"name": "onnx", "parity": {"tolerance": "1e-5"}},
        {"name": "fast", "latency": {"p99Milliseconds": 60000}},
    ]
    hyperparameters = {"epochs": "12", "learningRate": "0.05", "batchSize": "32"}
    return made | {"objective": objective, "architecture": architecture, "hyperparameters": hyperparameters}


@pytest.mark.usefixtures("in_process")
@pytest.mark.parametrize(
    ("objective", "architecture"),
    [
        ("Binary", "MLP"),
        ("Multiclass", "Linear"),
        ("Regression", "MLP"),
        pytest.param("Binary", "Linear", marks=pytest.mark.full),
        pytest.param("Multiclass", "MLP", marks=pytest.mark.full),
        pytest.param("Regression", "Linear", marks=pytest.mark.full),
    ],
)
def test_a_run_passes_its_gates_and_its_version_serves_what_was_evaluated(
    objective: str, architecture: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = run_of(objective, architecture, tmp_path, monkeypatch)
    folder, found = ran(document, tmp_path)
    assert [gate["verdict"] for gate in found["gates"]] == ["Passed"] * 4, found["gates"]
    messages = {gate["name"]: gate["message"] for gate in found["gates"]}
    assert "100 of 100 rows get the same prediction from ONNX and torch" in messages["onnx"]
    assert "The served predictions of 100 rows equal the evaluated ones." in messages["fast"]
    assert found["protocol"]["objective"] == objective

    # The figures of the evaluation are what a client finds that asks for the rows of the test, in other rows' company.
    test = [row for row in rows_of(OBJECTIVES[objective]) if row["part"] == "test"]
    version = Made(tmp_path, found, folder)
    with running(version, tmp_path) as server:
        server.wait_ready()
        asked = [{name: row[name] for name in FEATURES} for row in test]
        answers = httpx.post(f"{server.url}/predict", json={"rows": asked}, timeout=30).json()["predictions"]
        alone = httpx.post(f"{server.url}/predict", json={"rows": asked[:1]}, timeout=30).json()["predictions"]
    evaluated = {metric["name"]: float(metric["value"]) for metric in found["metrics"]}
    served = {name: metric(test, answers) for name, metric in OBJECTIVES[objective].metrics.items()}
    assert served == pytest.approx(evaluated, rel=1e-4)
    shown = {"Binary": "probability", "Multiclass": "probabilities", "Regression": "value"}[objective]
    assert alone[0][shown] == pytest.approx(answers[0][shown], rel=1e-5)

    # The second run is the same model as the first one, and so regresses by nothing.
    again = {**document, "uid": "uid-2", "champion": {"version": 1, "digest": version.digest}}
    again["gates"] = [document["gates"][1]]
    _, second = ran(again, tmp_path)
    (same,) = second["gates"]
    assert same["verdict"] == "Passed"
    assert "on the same 100 rows: the difference is 0" in same["message"]
