"""Tabular runs end to end: from a table through Ray's worker to a version, its gates and its server."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from tests.unit.workers.tabular.tables import document, rows

from recsys_workers import manifest, predictions, preprocessing
from recsys_workers.data.files import list_files
from recsys_workers.data.generate import churn
from recsys_workers.evaluate.protocol import sentence
from recsys_workers.models.hyperparameters import check
from recsys_workers.models.registry import ARCHITECTURES, load
from recsys_workers.preprocessing import Preprocessing, Target
from recsys_workers.serve.predictor import Predictor
from recsys_workers.serve.rows import parse
from recsys_workers.tabular import data, metrics, schema, scored
from recsys_workers.tabular.data import Examples
from recsys_workers.tabular.graph import RowGraph
from recsys_workers.tabular.training import RowTraining, outputs_of
from recsys_workers.tasks import RANKING, TABULAR
from recsys_workers.train import history, ray_run, run_config, worker
from recsys_workers.train.__main__ import main
from recsys_workers.train.progress import StatusWriter
from recsys_workers.train.reports import EpochReport

pytestmark = pytest.mark.torch

CHURN = [
    {"name": "tenure_months", "role": "Numeric"},
    {"name": "monthly_charge", "role": "Numeric"},
    {"name": "support_calls", "role": "Numeric"},
    {"name": "days_since_login", "role": "Numeric", "missing": "Impute"},
    {"name": "plan", "role": "Categorical"},
    {"name": "contract", "role": "Categorical"},
    {"name": "region", "role": "Categorical", "encoding": "Hashed", "buckets": 64},
    {"name": "part", "role": "Split"},
    {"name": "churned", "role": "Label"},
]
GATES = [
    {"name": "good", "floor": {"metric": "Accuracy", "min": "0.3"}},
    {"name": "sure", "floor": {"metric": "LogLoss", "max": "0.9"}},
    {"name": "same", "champion": {"metric": "LogLoss", "maxRegressionPercent": 5}},
    {"name": "onnx", "parity": {"tolerance": "1e-5"}},
    {"name": "fast", "latency": {"p99Milliseconds": 60000}},
]


CLEANING = {"missing": "Drop", "bounds": [{"column": "tenure", "min": "0"}], "duplicates": "KeepFirst"}


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray's worker in this process: what Ray does with it other tests try."""
    torch.set_num_threads(1)
    monkeypatch.setenv("RECSYS_THREADS", "1")
    monkeypatch.setattr("ray.train.report", lambda *_, **__: None)
    monkeypatch.setattr(ray_run, "fit", lambda settings, *_: worker.train_worker(settings))


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the attempts write into status.result."""
    results: list[dict[str, Any]] = []

    def apply(_: StatusWriter, status: Mapping[str, Any]) -> None:
        results.extend([dict(status["result"])] if "result" in status else [])

    monkeypatch.setattr(StatusWriter, "apply", apply)
    return results


def ran(made: dict[str, Any], folder: Path) -> tuple[Path, dict[str, Any]]:
    """The version's folder and manifest after `python -m recsys_workers.train`."""
    (folder / "run.json").write_text(json.dumps(made))
    assert main() == 0
    versions = run_config.parse(made).versions_folder
    newest = versions / str(max(int(entry.name) for entry in versions.iterdir()))
    return newest, json.loads((newest / manifest.MANIFEST).read_text())


def of_churn(folder: Path, monkeypatch: pytest.MonkeyPatch, count: int, **hyperparameters: str) -> dict[str, Any]:
    made = document(folder, monkeypatch)
    (folder / "data" / "customers.csv").unlink()
    churn.generate(folder / "data", "Parquet", churn.Settings(rows=count))
    made["dataset"]["format"] = "Parquet"
    made["schema"]["columns"] = CHURN
    made["architecture"] = "MLP"
    made["hyperparameters"] = hyperparameters
    made["evaluation"] = {"protocol": "ByColumn", "metrics": ["Accuracy", "AUC", "LogLoss"]}
    made["gates"] = [{"name": "near-the-best", "floor": {"metric": "Accuracy", "min": "0.835"}}]
    return made


@pytest.mark.usefixtures("in_process")
def test_a_small_run_comes_near_the_best_that_is_possible(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody can tell more than 85 % of these customers; the test has about 6,000."""
    made = of_churn(
        tmp_path, monkeypatch, 60_000, epochs="20", hiddenSize="64", layers="2", learningRate="0.005", batchSize="256"
    )
    _, found = ran(made, tmp_path)
    assert found["verdict"] == "Passed", found["gates"]
    figures = {metric["name"]: float(metric["value"]) for metric in found["metrics"]}
    assert 0.835 <= figures["Accuracy"] < 0.87
    assert 0.84 < figures["AUC"] < 0.87
    assert 0.42 < figures["LogLoss"] < 0.46


def require_cleaning_told(folder: Path, told: list[dict[str, Any]]) -> None:
    """In the report, the protocol, the card and the status."""
    version = manifest.load(folder, None)
    dataset = version.manifest.dataset
    assert dataset["digest"].startswith("sha256:")
    report = json.loads(version.contents[manifest.DATA])
    assert report["dataset"] == {"uri": "pvc://data", "format": "CSV", "digest": dataset["digest"]}
    assert report["cleaning"] == CLEANING
    assert (report["rowsRead"], report["rows"]) == (304, 300)
    assert report["dropped"] == [
        {"rule": "missing", "rows": 1},
        {"rule": "bounds", "rows": 2},
        {"rule": "duplicates", "rows": 1},
    ]
    assert version.manifest.protocol["cleaning"] == CLEANING
    assert json.loads(version.contents[manifest.EVALUATION])["protocol"] == version.manifest.protocol
    card = version.contents[manifest.MODEL_CARD].decode()
    assert f"pvc://data ({dataset['digest']}): 300 rows. Cleaning dropped 4 rows before that: `{{" in card
    assert json.loads(card.partition("before that: `")[2].partition("`")[0]) == CLEANING
    (result,) = told
    assert result["dataset"] == {"digest": dataset["digest"], "interactions": 300, "rowsDropped": 4}


@pytest.mark.usefixtures("in_process")
@pytest.mark.parametrize("architecture", ["Linear", "MLP"])
def test_a_run_makes_a_version_that_passes_its_gates_and_reigns(
    architecture: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: list[dict[str, Any]]
) -> None:
    table = rows(300)
    dirty = [{**table[0], "plan": None}, {**table[1], "tenure": -1}, {**table[2], "tenure": -2}, table[3]]
    made = document(tmp_path, monkeypatch, [*table, *dirty])
    made |= {"gates": GATES, "architecture": architecture, "cleaning": CLEANING}
    folder, found = ran(made, tmp_path)
    require_cleaning_told(folder, told)
    validated_too = [name for name in made["evaluation"]["metrics"] if name != "LogLoss"]
    assert [gate["verdict"] for gate in found["gates"]] == ["Passed"] * 5, found["gates"]
    messages = {gate["name"]: gate["message"] for gate in found["gates"]}
    assert "90 of 90 rows get the same prediction from ONNX and torch" in messages["onnx"]
    assert "The served predictions of 90 rows equal the evaluated ones." in messages["fast"]
    assert "at most 0.9 is allowed" in messages["sure"]
    assert {entry["path"] for entry in found["files"]} == {
        "model.onnx", "weights.safetensors", "preprocessing.json", "data.json", "evaluation.json", "model-card.md",
        *(f"tensorboard/{path.name}" for path in run_config.parse(made).events_folder.iterdir()),
    }  # fmt: skip
    (events,) = (folder / "tensorboard").iterdir()
    assert f"validation/{validated_too[0]}".encode() in events.read_bytes()
    validated = history.read(run_config.parse(made).run_folder)
    assert validated is not None
    assert [validated.metric, *validated.others] == ["LogLoss", *validated_too]
    assert sentence(manifest.load(folder, None).manifest) in (folder / manifest.MODEL_CARD).read_text()
    report = json.loads((folder / manifest.DATA).read_text())
    assert (report["rows"], report["columns"][2]) == (300, {"name": "plan", "distinct": 3, "missing": 0})
    evaluation = json.loads((folder / manifest.EVALUATION).read_text())
    assert evaluation["scores"]["atMost"]["+Inf"] == 90
    assert set(evaluation["validation"]) == {"LogLoss"}
    assert "It predicts the column label." in (folder / manifest.MODEL_CARD).read_text()

    # The second run is the same model as the first one, and so regresses by nothing.
    digest = manifest.digest_of((folder / manifest.MANIFEST).read_bytes())
    again = {**made, "uid": "uid-2", "champion": {"version": 1, "digest": digest}}
    _, second = ran(again, tmp_path)
    (same,) = [gate for gate in second["gates"] if gate["name"] == "same"]
    assert same["verdict"] == "Passed"
    assert "the champion, version 1, has" in same["message"]
    assert "on the same 90 rows: the difference is 0" in same["message"]


@pytest.mark.usefixtures("in_process")
def test_a_row_with_missing_values_is_served_as_it_was_evaluated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the row before fills, of those that have none: each shop is all empty, or never."""
    table = [
        {**row, "phone": None if number % 4 == 1 else row["phone"], "shop": f"s-{number % 30}", "size": number % 7}
        for number, row in enumerate(rows(300))
    ]
    for number, row in enumerate(table):
        row["size"] = None if number % 30 % 3 == 0 else row["size"]
    made = document(tmp_path, monkeypatch, table)
    made |= {"gates": GATES[3:], "architecture": "MLP"}
    features = [
        {"name": "tenure", "role": "Numeric"},
        {"name": "idle", "role": "Numeric", "missing": "Constant", "fill": "-1"},
        {"name": "size", "role": "Numeric", "missing": "ForwardFill"},
        {"name": "phone", "role": "Categorical", "encoding": "Hashed", "buckets": 16, "missing": "Mode"},
    ]
    others = [
        {"name": "day", "role": "Timestamp"},
        {"name": "shop", "role": "Group"},
        {"name": "label", "role": "Label"},
    ]
    made["schema"]["columns"] = [*features, *others]
    folder, described = ran(made, tmp_path)
    messages = [gate["message"] for gate in described["gates"] if gate["verdict"] == "Passed"]
    assert len(messages) == 2, described["gates"]
    assert "rows equal the evaluated ones" in messages[1]
    told = {column["name"]: column for column in json.loads((folder / manifest.DATA).read_text())["columns"]}
    assert told["size"]["missing"] == 100
    assert told["size"]["filled"]["fromRowBefore"] == 0

    config = run_config.parse(made)
    found = data.load(list_files(tmp_path / "data", "CSV"), config, schema.parse(config.schema, config.objective))
    version = manifest.load(folder, None)
    evaluated = RowGraph(version.contents[manifest.MODEL], threads=1).outputs(found.examples(found.parts.test).inputs)
    fitted = preprocessing.decode(version.contents[manifest.PREPROCESSING])
    server = Predictor("churn", 1, fitted, version.contents[manifest.MODEL], 1, "Tabular")
    asked = [table[row] for row in found.rows[found.parts.test]]
    sent = [{one["name"]: row[one["name"]] for one in features if row[one["name"]] is not None} for row in asked]
    assert sum(len(row) < 4 for row in sent) > 30
    answers = [server.predict(parse(json.dumps({"rows": [row]}).encode(), fitted), "r").scores[0] for row in sent]
    assert answers == predictions.scores(fitted.target, evaluated).tolist()


@pytest.mark.usefixtures("in_process")
def test_a_champion_of_another_schema_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = document(tmp_path, monkeypatch, rows(200))
    folder, _ = ran(made, tmp_path)
    digest = manifest.digest_of((folder / manifest.MANIFEST).read_bytes())
    again = {**made, "uid": "uid-2", "gates": [GATES[2]], "champion": {"version": 1, "digest": digest}}
    again["schema"] = {"columns": [column for column in made["schema"]["columns"] if column["name"] != "plan"]}
    _, second = ran(again, tmp_path)
    assert second["verdict"] == "Failed"
    assert "it needs the column 'plan', which the schema does not have" in second["gates"][0]["message"]


def task(objective: str, count: int = 400) -> tuple[Preprocessing, Examples, Examples]:
    """Rows whose label follows from their columns."""
    random = np.random.default_rng(3)
    columns = (preprocessing.Numeric("x", 0.0, 1.0, False), preprocessing.OneHot("c", ("a", "b", "c"), False))
    x, c = random.normal(0, 1, count), random.integers(0, 3, count)
    score = x + (c == 1) * 2.0
    target, labels = {
        "Binary": (Target("y", "Binary", ("0", "1")), (score > 0.5).astype(np.float64)),
        "Multiclass": (Target("y", "Multiclass", ("l", "m", "h")), np.digitize(score, [0.0, 1.5]).astype(np.float64)),
        "Regression": (Target("y", "Regression", mean=50.0, scale=20.0), 50 + 20 * score),
    }[objective]
    fitted = Preprocessing(columns, target)
    inputs = fitted.apply({"x": x, "c": [("a", "b", "c")[index] for index in c]}, count)

    def part(chosen: slice) -> Examples:
        cut = preprocessing.Inputs(inputs.numeric[chosen], inputs.categorical[chosen], 0)
        return Examples(cut, labels[chosen], np.ones(len(cut)))

    return fitted, part(slice(0, 300)), part(slice(300, None))


def training(architecture: str, objective: str, **given: str) -> RowTraining:
    fitted, train, validation = task(objective)
    settings = check(architecture, {"epochs": "6", "learningRate": "0.05", "batchSize": "32", **given})
    return RowTraining(architecture, fitted, train, validation, settings, seed=4)


def row_curve(architecture: str, objective: str, **given: str) -> list[EpochReport]:
    """The reports of all epochs, by one thread."""
    torch.set_num_threads(1)
    reports: list[EpochReport] = []
    training(architecture, objective, **given).run(reports.append, lambda: None)
    return reports


def test_an_epoch_of_some_steps_draws_other_rows_each_time() -> None:
    made = training("Linear", "Regression", batchSize="8", stepsPerEpoch="3", epochs="2", schedule="Constant")
    drawn = [[batch.tensors[2].tolist() for _, batch in made.sampler.batches()] for _ in range(2)]
    assert [[len(rows) for rows in epoch] for epoch in drawn] == [[8, 8, 8]] * 2
    assert drawn[0] != drawn[1]
    made.run(lambda report: None, lambda: None)
    assert (made.epoch, made.step) == (2, 6)


EACH = [(name, objective) for name in ("Linear", "MLP") for objective in metrics.METRICS]
EACH += [(name, "Binary") for name in ("LogisticRegression", "DCNv2")]


def test_each_architecture_of_rows_is_tried_with_each_objective_that_it_has() -> None:
    of_task = {name: load(name).DECLARATION.task for name in ARCHITECTURES}
    of_tabular = {(name, objective) for name in of_task if of_task[name] == TABULAR for objective in metrics.METRICS}
    assert set(EACH) == of_tabular | {(name, "Binary") for name in of_task if of_task[name] == RANKING}


@pytest.mark.parametrize(("architecture", "objective"), EACH)
def test_every_objective_is_learned_and_a_stopped_run_ends_in_the_same_bits(
    architecture: str, objective: str, tmp_path: Path
) -> None:
    torch.set_num_threads(1)
    drops = "dropout" in {parameter.name for parameter in load(architecture).DECLARATION.parameters}
    option = {"averageDecay": "0.5", **({"dropout": "0.2"} if drops else {})}
    made = training(architecture, objective, **option)
    reports = []

    def keep() -> None:
        (tmp_path / str(made.epoch)).mkdir()
        made.save(tmp_path / str(made.epoch))

    made.run(reports.append, keep)
    assert reports[-1].loss < 0.8 * reports[0].loss
    assert reports[-1].validation < reports[0].validation
    expected = outputs_of(made.best_model(), made.validation.inputs)
    for epoch in (1, 4):
        torch.manual_seed(999)
        again = training(architecture, objective, **option)
        again.restore(tmp_path / str(epoch))
        again.run(lambda report: None, lambda: None)
        assert np.array_equal(outputs_of(again.best_model(), again.validation.inputs), expected)


def test_linear_regression_is_least_squares() -> None:
    """At the end of a falling schedule it is where the normal equations say."""
    torch.set_num_threads(1)
    made = training("Linear", "Regression", epochs="200", learningRate="0.1", batchSize="300")
    made.run(lambda report: None, lambda: None)
    _, train, _ = task("Regression")
    design = np.column_stack(
        [np.ones(300), train.inputs.numeric[:, 0], np.eye(4)[train.inputs.categorical[:, 0]][:, 2:]]
    )
    solution, *_ = np.linalg.lstsq(design, (train.labels - 50) / 20, rcond=None)
    found = outputs_of(made.best_model(), train.inputs)[:, 0]
    assert found == pytest.approx(design @ solution, abs=0.02)


def test_a_row_of_weight_0_teaches_nothing_and_2_counts_twice() -> None:
    torch.set_num_threads(1)
    fitted, train, validation = task("Binary")
    settings = check("Linear", {"epochs": "3", "batchSize": "300", "optimizer": "SGD", "learningRate": "0.1"})

    def weights(examples: Examples) -> torch.Tensor:
        made = RowTraining("Linear", fitted, examples, validation, settings, seed=4)
        made.run(lambda report: None, lambda: None)
        return made.model.get_parameter("layer.numeric.weight").detach()

    weight = np.where(np.arange(300) < 150, 2.0, 0.0)
    half = preprocessing.Inputs(train.inputs.numeric[:150], train.inputs.categorical[:150], 0)
    weighted = weights(Examples(train.inputs, train.labels, weight))
    assert torch.allclose(weighted, weights(Examples(half, train.labels[:150], np.ones(150))), atol=1e-6)
    assert not torch.allclose(weighted, weights(train), atol=1e-5)


def test_what_ray_leaves_is_read_back(tmp_path: Path) -> None:
    outputs = np.arange(6, dtype=np.float32).reshape(3, 2)
    scored.write(tmp_path, b"graph", scored.ScoredRows(outputs, outputs + 1, 4, 0.25))
    onnx, found = scored.read(tmp_path)
    assert (onnx, found.best_epoch, found.validation) == (b"graph", 4, 0.25)
    assert np.array_equal(found.onnx + 1, found.torch)


@pytest.mark.usefixtures("in_process")
def test_an_exported_graph_takes_any_number_of_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, _ = ran(document(tmp_path, monkeypatch), tmp_path)
    fitted = preprocessing.decode((folder / manifest.PREPROCESSING).read_bytes())
    graph = RowGraph((folder / manifest.MODEL).read_bytes(), threads=1)
    columns = {"tenure": np.full(3, 20.0), "idle": np.full(3, np.nan), "plan": ["plan-1"] * 3, "phone": [None] * 3}
    inputs = fitted.apply(columns, 3)
    three = graph.outputs(inputs)
    assert three.shape == (3, 1)
    assert np.ptp(three) == 0
