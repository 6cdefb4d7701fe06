"""A run with times, text and groups, cross-validated and interrupted in a fold: to a version that is served."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from tests.unit.workers.tabular.tables import document, rows, write_csv

from recsys_workers import manifest, preprocessing
from recsys_workers.data.files import list_files
from recsys_workers.models.hyperparameters import check
from recsys_workers.tabular import data, folds, schema
from recsys_workers.tabular.training import RowTraining
from recsys_workers.tfidf import Text
from recsys_workers.train import history, ray_run, run_config, worker
from recsys_workers.train.__main__ import main
from recsys_workers.train.loop import TrainingDiverged
from recsys_workers.train.progress import Progress, StatusWriter
from recsys_workers.train.team import Team

pytestmark = pytest.mark.torch

COLUMNS = [
    {"name": "seen", "role": "Calendar", "unit": "Milliseconds", "calendar": ["Hour", "Weekday"], "missing": "Impute"},
    {"name": "joined", "role": "Calendar", "encoding": "Cyclic"},
    {"name": "note", "role": "Text", "maxFeatures": 6, "missing": "Impute"},
    {"name": "tenure", "role": "Numeric"},
    {"name": "household", "role": "Group"},
    {"name": "label", "role": "Label"},
]
GATES = [
    {"name": "good", "floor": {"metric": "Accuracy", "min": "0.9"}},
    {"name": "same", "champion": {"metric": "LogLoss", "maxRegressionPercent": 5}},
    {"name": "onnx", "parity": {"tolerance": "1e-5"}},
    {"name": "fast", "latency": {"p99Milliseconds": 60000}},
]
MINUTE = 60_000


def table(count: int = 400) -> list[dict[str, Any]]:
    """The label is whether the note is unkind, or the hour late, and nothing else."""
    random = np.random.default_rng(9)
    made = []
    for number, row in enumerate(rows(count)):
        hour, unkind = int(random.integers(0, 24)), bool(random.random() < 0.3)
        made.append(
            {
                "seen": None if number % 23 == 7 else 1_767_225_600_000 + hour * 60 * MINUTE + number * 1440 * MINUTE,
                "joined": f"2025-{1 + number % 12:02d}-11 09:{number % 60:02d}",
                "note": None if number % 29 == 3 else f"the shoes {'are awful' if unkind else 'fit well'} {number}",
                "tenure": row["tenure"],
                "household": f"h-{number // 3}",
                "label": int((unkind and number % 29 != 3) or (hour >= 18 and number % 23 != 7)),
            }
        )
    return made


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """run.json, and Ray's worker in this process: what Ray does with it other tests try."""
    torch.set_num_threads(1)
    monkeypatch.setenv("RECSYS_THREADS", "1")
    monkeypatch.setattr("ray.train.report", lambda *_, **__: None)
    monkeypatch.setattr(ray_run, "fit", lambda settings, *_: worker.train_worker(settings))
    asked = document(tmp_path, monkeypatch, table())
    asked |= {"gates": GATES, "architecture": "MLP"}
    asked["hyperparameters"] = {"epochs": "15", "learningRate": "0.02", "batchSize": "32", "hiddenSize": "16"}
    asked["schema"]["columns"] = COLUMNS
    asked["evaluation"] = {
        "protocol": "ByRatio",
        "byRatio": {"validationPercent": 20, "testPercent": 20, "folds": 3},
        "metrics": ["Accuracy", "AUC", "LogLoss"],
    }
    return asked


def ran(asked: dict[str, Any], folder: Path) -> int:
    (folder / "run.json").write_text(json.dumps(asked))
    return main()


def version(asked: dict[str, Any], number: int) -> tuple[Path, dict[str, Any]]:
    folder = run_config.parse(asked).versions_folder / str(number)
    return folder, json.loads((folder / manifest.MANIFEST).read_text())


def expected(asked: dict[str, Any], folder: Path) -> list[float]:
    """The accuracy of each fold, by trainings of our own."""
    config = run_config.parse(asked)
    files = list_files(folder / "data", config.dataset.format)
    found = data.load(files, config, schema.parse(config.schema, config.objective))
    accuracies = []
    for fold in found.folds:
        train, validation, held = (
            fold.examples(part) for part in (fold.parts.train, fold.parts.validation, fold.parts.test)
        )
        training = RowTraining(
            "MLP", fold.preprocessing, train, validation, check("MLP", asked["hyperparameters"]), seed=1
        )
        training.run(lambda report: None, lambda: None)
        positive = training.best_outputs(held.inputs)[:, 0] >= 0
        accuracies.append(float((positive == held.labels).mean()))
    return accuracies


def test_a_run_is_cross_validated_and_goes_on_where_it_was_stopped(
    made: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[int] = []
    run = RowTraining.run

    def stopped_in_the_second(self: RowTraining, *arguments: Any) -> None:
        begun.append(1)
        if len(begun) == 2:
            raise OSError("the node is gone")
        run(self, *arguments)

    monkeypatch.setattr(RowTraining, "run", stopped_in_the_second)
    monkeypatch.setattr(ray_run, "fit", stopping)
    assert ran(made, tmp_path) != 0
    left = {path.name for path in run_config.parse(made).run_folder.iterdir()}
    assert {"fold-1-outputs.npz", "fold-2-train-labels.npy"} <= left
    assert "fold-2-outputs.npz" not in left
    assert ran(made, tmp_path) == 0
    assert len(begun) == 5, "fold 1, fold 2 to its end in vain, folds 2 and 3 again, and the run itself"

    folder, found = version(made, 1)
    assert [gate["verdict"] for gate in found["gates"]] == ["Passed"] * 4, found["gates"]
    assert "The served predictions of" in found["gates"][3]["message"]
    accuracy = found["crossValidation"]["metrics"][0]
    assert found["crossValidation"]["folds"] == 3
    assert [metric["name"] for metric in found["crossValidation"]["metrics"]] == ["Accuracy", "AUC", "LogLoss"]
    values = expected(made, tmp_path)
    assert [float(value) for value in accuracy["values"]] == pytest.approx(values, rel=1e-5)
    assert float(accuracy["mean"]) == pytest.approx(np.mean(values), rel=1e-5)
    assert float(accuracy["standardDeviation"]) == pytest.approx(np.std(values, ddof=1), rel=1e-4, abs=1e-9)
    assert min(values) > 0.85
    assert "## Cross-validation" in (folder / manifest.MODEL_CARD).read_text()
    evaluation = json.loads((folder / manifest.EVALUATION).read_text())
    assert evaluation["crossValidation"] == found["crossValidation"]
    assert manifest.load(folder, None).manifest.cross_validation["folds"] == 3
    assert not [path for path in run_config.parse(made).run_folder.iterdir() if path.name.startswith("fold-")]
    fitted = preprocessing.decode((folder / manifest.PREPROCESSING).read_bytes())
    assert [type(column).__name__ for column in fitted.columns] == ["Calendar", "Calendar", "Text", "Numeric"]

    # What is published is to the bit what a run without folds publishes, whose champion it may be.
    without = json.loads(json.dumps(made)) | {"uid": "uid-2"}
    del without["evaluation"]["byRatio"]["folds"]
    digest = manifest.digest_of((folder / manifest.MANIFEST).read_bytes())
    without["champion"] = {"version": 1, "digest": digest}
    assert ran(without, tmp_path) == 0
    other, second = version(without, 2)
    assert (other / manifest.MODEL).read_bytes() == (folder / manifest.MODEL).read_bytes()
    assert second["metrics"] == found["metrics"]
    assert "crossValidation" not in second
    assert "the difference is 0" in second["gates"][1]["message"]
    assert " groups: " in second["gates"][1]["message"]


def test_a_run_that_begins_with_a_version_keeps_its_words_and_its_folds_begin_anew(
    made: dict[str, Any], tmp_path: Path
) -> None:
    """Of the newer rows, some have other hours and words."""
    made["gates"] = GATES[:1]
    assert ran(made, tmp_path) == 0
    newer = [{**row, "note": f"splendid {row['note']}", "seen": None} for row in table(60)] + table()[60:]
    write_csv(tmp_path / "data" / "customers.csv", newer)
    anew = made | {"uid": "uid-2"}
    assert ran(anew, tmp_path) == 0
    begun = made | {"uid": "uid-3", "initFrom": {"version": 1, "digest": None}}
    assert ran(begun, tmp_path) == 0

    (first, _), (_, second), (folder, third) = (version(made, number) for number in (1, 2, 3))
    assert third["initFrom"]["version"] == 1
    assert third["crossValidation"] == second["crossValidation"], "the folds' models know nothing of the version"
    before, after = (preprocessing.decode((one / manifest.PREPROCESSING).read_bytes()) for one in (first, folder))
    assert before.columns[2:] == after.columns[2:], "words and numbers are those that the weights are for"
    assert isinstance(before.columns[2], Text)
    points = [history.read(run_config.parse(one).run_folder) for one in (anew, begun)]
    assert all(points)
    losses = [next(point.loss for point in one.points if point.epoch == 1) for one in points if one]
    assert losses[1] is not None
    assert losses[0] is not None
    assert losses[1] < losses[0] / 2, "it begins where the version had come to"


@pytest.mark.parametrize("tells", [True, False])
def test_a_fold_that_diverges_is_named_by_whichever_worker_sees_it(
    tells: bool, made: dict[str, Any], tmp_path: Path
) -> None:
    made["objective"] = "Regression"
    made["schema"]["columns"] = [*COLUMNS[:3], {"name": "tenure", "role": "Label"}]
    made["evaluation"]["metrics"] = ["RMSE"]
    config = run_config.parse(made)
    files = list_files(tmp_path / "data", config.dataset.format)
    found = data.load(files, config, schema.parse(config.schema, config.objective))
    config.run_folder.mkdir(parents=True)
    folds.write(config.run_folder, found.folds)
    steep = {"optimizer": "SGD", "momentum": "0", "learningRate": "1", "schedule": "Constant", "batchSize": "8"}
    settings = {
        "folder": str(config.run_folder),
        "architecture": "Linear",
        "hyperparameters": dict(check("Linear", steep).text),
        "seed": 1,
    }
    progress = Progress(StatusWriter("shop", "churn-1", "uid-1")) if tells else None
    with pytest.raises(TrainingDiverged, match=r"^Fold 1 of 3: The .* the training diverged\. Lower the hyperp"):
        folds.train(settings, 3, Team(), progress)
    if progress:
        progress.close()


def stopping(settings: dict[str, Any], *_: Any) -> None:
    """As Ray tells of a worker that is lost: the run may be tried again."""
    try:
        worker.train_worker(settings)
    except OSError as error:
        raise ray_run.TrainingFailed(error, "") from error
