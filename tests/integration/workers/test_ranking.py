"""Ranking runs end to end: from a log of clicks through Ray's worker to a version, its gates and its server."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
import yaml
from pyarrow import parquet
from tests.integration.workers.test_tabular import in_process, ran  # noqa: F401 a fixture
from tests.unit.workers.ranking.clicks import document, rows

from recsys_workers import manifest, preprocessing
from recsys_workers.data.files import list_files
from recsys_workers.data.generate.__main__ import main as generate
from recsys_workers.export.graph import export_module
from recsys_workers.models import registry
from recsys_workers.models.dcnv2 import CrossLayer
from recsys_workers.models.hyperparameters import check
from recsys_workers.models.rowwise import RowShape
from recsys_workers.preprocessing import Inputs
from recsys_workers.tabular import data, metrics, schema
from recsys_workers.tabular.graph import RowGraph
from recsys_workers.tabular.training import RowTraining, outputs_of
from recsys_workers.train import history, run_config

pytestmark = pytest.mark.torch

PAGE = Path(__file__).parents[3] / "docs/how-to/rank-items.md"
SHOP = [
    {"name": "user_id", "role": "User"},
    {"name": "item_id", "role": "Item"},
    {"name": "segment", "role": "Categorical"},
    {"name": "price_sensitivity", "role": "Numeric"},
    {"name": "category", "role": "Categorical"},
    {"name": "price", "role": "Numeric"},
    {"name": "rating", "role": "Numeric"},
    {"name": "timestamp", "role": "Timestamp"},
    {"name": "click", "role": "Label"},
]
GATES = [
    {"name": "good", "floor": {"metric": "GAUC", "min": "0.2"}},
    {"name": "sure", "floor": {"metric": "LogLoss", "max": "0.9"}},
    {"name": "same", "champion": {"metric": "AUC", "maxRegressionPercent": 5}},
    {"name": "onnx", "parity": {"tolerance": "1e-5"}},
    {"name": "fast", "latency": {"p99Milliseconds": 60000}},
]
STRUCTURES: list[dict[str, str]] = [
    {"structure": "Stacked"},
    {"structure": "Parallel"},
    {"structure": "Stacked", "crossRank": "3", "crossLayers": "3"},
    {"structure": "Parallel", "layers": "1", "dropout": "0.2"},
]


@dataclass(frozen=True, slots=True)
class Clicks:
    """A log that is made up, as a run reads it, and the AUC on its test rows that nobody can beat."""

    table: data.Rowwise
    best: float

    def lift(self, architecture: str, **given: str) -> float:
        """Of what the best one's AUC on the test rows has above 0.5, the share that a model has."""
        made = self.table
        training = RowTraining(
            architecture,
            made.preprocessing,
            made.examples(made.parts.train),
            made.examples(made.parts.validation),
            check(architecture, given),
            seed=1,
        )
        training.run(lambda report: None, lambda: None)
        test, users = made.examples(made.parts.test), made.users(made.parts.test)
        outputs = outputs_of(training.best_model(), test.inputs)
        area = metrics.per_row("AUC", made.preprocessing.target, outputs, test.labels, users).mean()
        return float((area - 0.5) / (self.best - 0.5))


def clicks(folder: Path, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Clicks:
    """What the generator makes of these arguments; nobody orders it better than the probabilities it was drawn with."""
    torch.set_num_threads(1)
    assert generate([str(folder / "shop"), *arguments]) == 0
    made = document(folder, monkeypatch)
    made["schema"]["columns"] = SHOP
    config = run_config.parse({**made, "dataset": {"uri": "pvc://shop", "format": "Parquet"}})
    files = list_files(folder / "shop" / "impressions", "Parquet")
    table = data.load(files, config, schema.parse(config.schema, config.objective, config.task))
    drawn = np.concatenate([parquet.read_table(file.path)["click_probability"].to_numpy() for file in files])
    test = table.examples(table.parts.test)
    best = metrics.auc(drawn[table.rows[table.parts.test]], test.labels == 1).mean()
    return Clicks(table, float(best))


def test_crosses_reach_most_of_what_can_be_known_of_a_click_and_one_column_at_a_time_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = clicks(tmp_path, monkeypatch, "--users", "100", "--items", "300", "--impressions", "400")
    common = {"batchSize": "512", "weightDecay": "0.3"}
    crossed = made.lift("DCNv2", **common, epochs="4", learningRate="0.005", embeddingSize="8")
    alone = made.lift("LogisticRegression", **common, epochs="3")
    assert made.best > 0.7
    assert 0.85 < crossed <= 1.02, (crossed, alone)
    assert alone < crossed - 0.1, (crossed, alone)


@pytest.mark.full
@pytest.mark.timeout(7200)
def test_the_settings_of_the_page_reach_98_percent_of_what_can_be_known_of_a_click(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = PAGE.read_text()
    command = re.search(r"`python -m recsys_workers.data.generate /data/shop (.*?)`, 490,635 impressions", page)
    settings = re.search(r"name: DCNv2\n +hyperparameters: (.*)", page)
    assert command is not None
    assert settings is not None
    made = clicks(tmp_path, monkeypatch, *command[1].split())
    assert (len(made.table.parts.test), made.best) == (49_064, pytest.approx(0.7701, abs=5e-5))
    lift = made.lift("DCNv2", **yaml.safe_load(settings[1]))
    print(f"DCNv2 reaches {lift:.4f} of the lift")
    assert 0.98 <= lift <= 1.01, lift


def test_a_validation_knows_whose_the_rows_are_that_were_laid_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GAUC needs that; a user's number has no meaning but that."""
    made = document(tmp_path, monkeypatch, rows(400))
    config = run_config.parse(made)
    files = list_files(tmp_path / "data", config.dataset.format)
    found = data.load(files, config, schema.parse(config.schema, config.objective, config.task))
    data.write(tmp_path, found)
    parts = [data.read_part(tmp_path, name) for name in ("train", "validation")]
    once = check("LogisticRegression", {"epochs": "1"})
    training = RowTraining("LogisticRegression", found.preprocessing, *parts, once, seed=1)
    training.measure(["GAUC", "AUC", "LogLoss"])
    training.run(lambda report: None, lambda: None)
    measured = training.validations_of(training.model)
    held = found.parts.validation
    outputs = outputs_of(training.model, found.examples(held).inputs)
    for name, value in measured.items():
        expected = metrics.per_row(name, found.preprocessing.target, outputs, found.labels[held], found.users(held))
        assert value == float(expected.mean())
    assert measured["GAUC"] != measured["AUC"]
    assert parts[0].users is None


@pytest.mark.usefixtures("in_process")
@pytest.mark.parametrize("architecture", ["LogisticRegression", "DCNv2"])
def test_a_run_makes_a_version_that_passes_its_gates_and_reigns(
    architecture: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = document(tmp_path, monkeypatch, rows(400))
    made |= {"gates": GATES, "architecture": architecture}
    folder, found = ran(made, tmp_path)
    assert [gate["verdict"] for gate in found["gates"]] == ["Passed"] * 5, found["gates"]
    messages = {gate["name"]: gate["message"] for gate in found["gates"]}
    assert "40 of 40 rows get the same prediction from ONNX and torch" in messages["onnx"]
    assert "The served predictions of 40 rows equal the evaluated ones." in messages["fast"]
    assert [metric["name"] for metric in found["metrics"]] == ["AUC", "GAUC", "LogLoss"]
    assert found["dataset"]["items"] == 9
    assert found["dataset"]["users"] == len({row["user"] for row in rows(400)})
    assert (found["protocol"]["name"], found["protocol"]["testFrom"]) == ("ByTime", "360")
    assert "the rows of a user counted together" in found["protocol"]["interval"]
    validated = history.read(run_config.parse(made).run_folder)
    assert validated is not None
    assert (validated.metric, sorted(validated.others)) == ("LogLoss", ["AUC", "GAUC"])
    card = (folder / manifest.MODEL_CARD).read_text()
    assert f"{architecture} for Ranking (Binary)" in card
    assert "ids that it saw too rarely as one rare id" in card

    # The second run is the same model as the first one, and so regresses by nothing.
    digest = manifest.digest_of((folder / manifest.MANIFEST).read_bytes())
    again = {**made, "uid": "uid-2", "gates": [GATES[2]], "champion": {"version": 1, "digest": digest}}
    _, second = ran(again, tmp_path)
    (same,) = second["gates"]
    assert same["verdict"] == "Passed"
    assert "the champion, version 1, has" in same["message"]
    assert "on the same 40 rows of " in same["message"]
    assert "the difference is 0" in same["message"]


def inputs(count: int) -> Inputs:
    random = np.random.default_rng(1)
    return Inputs(
        random.normal(0, 1, (count, 2)).astype(np.float32), random.integers(0, 20, (count, 3)).astype(np.int64), 0
    )


def model(given: dict[str, str]) -> torch.nn.Module:
    torch.manual_seed(1)
    made = registry.build_rowwise(
        "DCNv2", RowShape(2, 3, 20, 1, "Binary"), check("DCNv2", {"embeddingSize": "4", **given})
    )
    return made.eval()


@pytest.mark.parametrize("given", STRUCTURES)
def test_each_structure_is_exported_as_it_is(given: dict[str, str]) -> None:
    made, asked = model(given), inputs(9)
    example = (torch.from_numpy(asked.numeric[:2]), torch.from_numpy(asked.categorical[:2]))
    onnx = export_module(made, example, ["numeric", "categorical"], ["output"])
    by_torch = outputs_of(made, asked)
    assert RowGraph(onnx, threads=1).outputs(asked) == pytest.approx(by_torch, abs=1e-5)
    one_by_one = [
        outputs_of(made, Inputs(asked.numeric[row : row + 1], asked.categorical[row : row + 1], 0)) for row in range(9)
    ]
    assert np.concatenate(one_by_one) == pytest.approx(by_torch, abs=1e-5), "no row changes another one"


def test_a_cross_layer_is_the_formula_of_the_paper() -> None:
    random = torch.Generator().manual_seed(2)
    first, x = (torch.randn(5, 4, generator=random) for _ in range(2))
    whole = CrossLayer(4, 0)
    weight, bias = whole.weight.get_parameter("weight"), whole.weight.get_parameter("bias")
    torch.testing.assert_close(whole(first, x), first * (x @ weight.T + bias) + x)
    thin = CrossLayer(4, 2)
    narrow, wide = thin.weight.get_parameter("0.weight"), thin.weight.get_parameter("1.weight")
    assert (narrow.shape, wide.shape) == ((2, 4), (4, 2))
    torch.testing.assert_close(
        thin(first, x), first * (x @ (wide @ narrow).T + thin.weight.get_parameter("1.bias")) + x
    )


def test_what_no_training_row_had_never_learns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Row 0 stays zero through the training: a new item of minRows 1 is as if the column were not there."""
    torch.set_num_threads(1)
    made = document(tmp_path, monkeypatch)
    config = run_config.parse(made)
    files = list_files(tmp_path / "data", "CSV")
    found = data.load(files, config, schema.parse(config.schema, config.objective, config.task))
    part = found.examples(found.parts.train)
    settings = check("DCNv2", {"epochs": "2", "weightDecay": "0.1"})
    training = RowTraining("DCNv2", found.preprocessing, part, found.examples(found.parts.validation), settings, seed=1)
    training.run(lambda report: None, lambda: None)
    table = training.best_model().get_parameter("table.weight").detach()
    assert (table[preprocessing.UNKNOWN] == 0).all()
    assert (table[1:].abs().sum(1) > 0).all()
