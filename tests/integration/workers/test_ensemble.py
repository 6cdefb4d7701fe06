"""Several versions as one: the graph gives the mean of what theirs give, or is the network of their mean weights."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

pytest.importorskip("torch")

import torch
from tests.integration.workers.test_tabular import in_process, ran  # noqa: F401 a fixture
from tests.integration.workers.test_trainer_kill import run_json
from tests.unit.workers.ranking import clicks
from tests.unit.workers.tabular import tables

from recsys_workers import manifest, preprocessing
from recsys_workers.evaluate.scoring import Graph, Tasks
from recsys_workers.models import registry
from recsys_workers.models.ensemble import soup
from recsys_workers.models.hyperparameters import check
from recsys_workers.preprocessing import Inputs
from recsys_workers.tabular import fusing as of_rows
from recsys_workers.tabular import scored as rows_scored
from recsys_workers.tabular.graph import RowGraph
from recsys_workers.tabular.training import outputs_of, shape_of
from recsys_workers.train import fusing as of_lists
from recsys_workers.train import history, run_config, scored, weights
from recsys_workers.train.__main__ import main
from recsys_workers.train.fence import LOCK

pytestmark = [pytest.mark.torch, pytest.mark.usefixtures("in_process")]

Scores = npt.NDArray[np.float64]
N_ITEMS = 130
"""More than a graph returns."""
GATES = [
    {"name": "same-lists", "parity": {"tolerance": "1e-5"}},
    {"name": "served", "latency": {"p99Milliseconds": 60000}},
]
LEFT_FOR_THE_VERSION = {
    manifest.WEIGHTS, scored.ONNX_FILE, scored.LISTS_FILE, rows_scored.FILE, "seed-1.safetensors", "seed-2.safetensors",
}  # fmt: skip
SHORT = {"hiddenSize": "8", "maxLength": "6", "epochs": "1", "learningRate": "0.02"}


@pytest.fixture
def walks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """run.json of a run on users who walk through the items in a circle."""
    for variable, path in (("PVC_ROOT", ""), ("TERMINATION_LOG", "termination"), ("RUN_CONFIG", "run.json")):
        monkeypatch.setenv(f"RECSYS_{variable}", str(tmp_path / path))
    (tmp_path / "store").mkdir()
    (tmp_path / "data").mkdir()
    rows = [f"{user}\ti{(user * 7 + step) % N_ITEMS}\t{step}" for user in range(60) for step in range(9)]
    text = "\n".join(["user_id:token\titem_id:token\ttimestamp:float", *rows]) + "\n"
    (tmp_path / "data" / "walks.inter").write_text(text)
    return run_json("uid-1", []) | {"hyperparameters": SHORT}


def trained(made: dict[str, Any], folder: Path, number: int, **changes: Any) -> manifest.Version:
    """The next version, of a run that differs as told."""
    found, _ = ran({**made, "uid": f"uid-{number}", "name": f"run-{number}", **changes}, folder)
    assert found.name == str(number)
    return loaded(found)


def loaded(folder: Path) -> manifest.Version:
    """A version with all its files."""
    described = manifest.load(folder, None, ()).manifest
    return manifest.load(folder, None, {entry.path for entry in described.files})


def fused(made: dict[str, Any], folder: Path, method: str, *numbers: int) -> manifest.Version:
    """The version that fuses others."""
    named = [{"version": number, "digest": None} for number in numbers]
    together = {**made, "uid": "uid-fused", "name": "together", "gates": GATES}
    found, _ = ran({**together, "ensemble": {"method": method, "versions": named, "seeds": []}}, folder)
    return loaded(found)


def scores(version: manifest.Version) -> Scores:
    """What the graph scores all items after some histories, [histories, items]; it returns some of them at once."""
    described = version.manifest
    random = np.random.default_rng(3)
    histories = [random.integers(1, N_ITEMS + 1, size).astype(np.int32) for size in (1, 4, 6, 20)]
    onnx = version.contents[manifest.MODEL]
    graph = Graph(onnx, N_ITEMS, described.max_length, described.input_length, threads=1)
    found = np.full((len(histories), N_ITEMS + 1), np.nan)
    for part in (np.arange(1, 71), np.arange(71, N_ITEMS + 1)):
        lists = graph.lists(Tasks(histories, [np.setdiff1d(np.arange(1, N_ITEMS + 1), part)] * len(histories)))
        there = ~np.isneginf(lists.scores)
        for row in range(len(histories)):
            found[row, lists.items[row][there[row]]] = lists.scores[row][there[row]]
    return found[:, 1:]


@pytest.mark.parametrize(
    ("task", "first", "second"),
    [
        ("SequentialRecommendation", "SASRec", "BSARec"),
        ("Retrieval", "BPRMF", "TwoTower"),
    ],
)
def test_one_graph_gives_the_mean_of_the_scores_of_versions_of_two_architectures(
    task: str, first: str, second: str, walks: dict[str, Any], tmp_path: Path
) -> None:
    walks["task"] = task
    longer = {**SHORT, "maxLength": "8", "inputLength": "12"}
    one = trained(walks, tmp_path, 1, architecture=first)
    two = trained(walks, tmp_path, 2, architecture=second, hyperparameters=longer, seed=2)
    both = fused(walks | {"architecture": first}, tmp_path, "Scores", 2, 1)
    mean = (scores(one) + scores(two)) / 2
    assert np.isfinite(mean).all()
    assert float(np.abs(scores(one) - scores(two)).max()) > 1e-3, "they are two"
    np.testing.assert_allclose(scores(both), mean, atol=1e-5, rtol=0)

    described = both.manifest
    assert [gate["verdict"] for gate in described.gates] == ["Passed"] * 2, described.gates
    assert (described.max_length, described.input_length) == (8, 12)
    assert described.architecture == " + ".join(sorted((first, second)))
    assert (described.hyperparameters["hiddenSize"], described.dataset) == ("8", one.manifest.dataset)
    assert described.ensemble is not None
    assert [(entry["version"], entry["digest"]) for entry in described.ensemble["versions"]] == [
        (2, two.digest), (1, one.digest)
    ]  # fmt: skip
    assert manifest.WEIGHTS not in both.contents
    card = both.contents[manifest.MODEL_CARD].decode()
    assert f"- version 2 ({two.digest}): {second}, seed 2, by the run run-2\n" in card
    assert "fused by the run together" in card

    for folder in ("1", "2"):
        shutil.rmtree(tmp_path / "store" / "shop" / "walks" / "versions" / folder)
    assert np.array_equal(scores(loaded(tmp_path / "store/shop/walks/versions/3")), scores(both))


def test_the_mean_weights_of_versions_with_one_beginning_are_one_network_and_one_may_begin_with_it(
    walks: dict[str, Any], tmp_path: Path
) -> None:
    trained(walks, tmp_path, 1)
    begins = {"initFrom": {"version": 1, "digest": None}, "hyperparameters": {**SHORT, "learningRate": "0.005"}}
    members = [trained(walks, tmp_path, number, seed=number, **begins) for number in (2, 3)]
    made = fused(walks, tmp_path, "Weights", 2, 3)
    each = [dict(weights.decode(member.contents[manifest.WEIGHTS])) for member in members]
    kept = dict(weights.decode(made.contents[manifest.WEIGHTS]))
    assert any(not torch.equal(each[0][name], each[1][name]) for name in kept)
    for name, tensor in kept.items():
        torch.testing.assert_close(tensor, (each[0][name] + each[1][name]) / 2)
    network = registry.build("SASRec", N_ITEMS, check("SASRec", SHORT)).eval()
    weights.fill(network, kept)
    history = torch.zeros(1, 6, dtype=torch.int64)
    history[0, -3:] = torch.tensor([5, 6, 7])
    onnx = Graph(made.contents[manifest.MODEL], N_ITEMS, 6, 6, threads=1)
    nothing = np.empty(0, np.int32)
    lists = onnx.lists(Tasks([np.array([5, 6, 7], np.int32)], [nothing]))
    with torch.no_grad():
        expected = network(history)[0, torch.from_numpy(lists.items[0] - 1)].numpy()
    np.testing.assert_allclose(lists.scores[0], expected, atol=1e-5)

    described = made.manifest
    assert [gate["verdict"] for gate in described.gates] == ["Passed"] * 2, described.gates
    assert (described.architecture, described.hyperparameters["learningRate"]) == ("SASRec", "0.005")
    card = made.contents[manifest.MODEL_CARD].decode()
    assert "Of its members 2, 3 began with other versions." in card
    again = trained(walks, tmp_path, 5, initFrom={"version": 4, "digest": made.digest})
    assert again.manifest.init_from == {"version": 4, "digest": made.digest}


@pytest.mark.parametrize("task", ["Tabular", "Ranking"])
def test_one_graph_gives_the_mean_of_the_outputs_of_versions_of_rows(
    task: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind, first, second = {"Tabular": (tables, "Linear", "MLP"), "Ranking": (clicks, "LogisticRegression", "DCNv2")}[
        task
    ]
    made = kind.document(tmp_path, monkeypatch, kind.rows(200))
    one = trained(made, tmp_path, 1, architecture=first)
    two = trained(made, tmp_path, 2, architecture=second, hyperparameters={"epochs": "2"}, seed=5)
    both = fused(made, tmp_path, "Scores", 1, 2)
    fitted = preprocessing.decode(both.contents[manifest.PREPROCESSING])
    random = np.random.default_rng(4)
    inputs = Inputs(
        random.normal(size=(40, fitted.numeric_width)).astype(np.float32),
        random.integers(0, fitted.table_size, (40, fitted.categorical_width)),
        0,
    )
    each = [RowGraph(version.contents[manifest.MODEL], 1).outputs(inputs) for version in (one, two, both)]
    assert float(np.abs(each[0] - each[1]).max()) > 1e-3
    np.testing.assert_allclose(each[2], (each[0] + each[1]) / 2, atol=1e-5)
    assert [gate["verdict"] for gate in both.manifest.gates] == ["Passed"] * 2, both.manifest.gates
    loss = [float(next(m["value"] for m in v.manifest.metrics if m["name"] == "LogLoss")) for v in (one, two, both)]
    assert loss[2] <= (loss[0] + loss[1]) / 2 + 1e-5, "cross-entropy is convex in log-odds"
    assert "## Members" in both.contents[manifest.MODEL_CARD].decode()


def test_rows_that_were_counted_in_other_units_are_refused_and_mean_weights_of_rows_are_one_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Versions 2 and 3 began with version 1, so all three have its units; 5 has those of 4, which had other rows."""
    made = tables.document(tmp_path, monkeypatch, tables.rows(200))
    trained(made, tmp_path, 1)
    for number in (2, 3):
        trained(made, tmp_path, number, seed=number, initFrom={"version": 1, "digest": None})
    tables.write_csv(tmp_path / "data" / "customers.csv", tables.rows(120))
    trained(made, tmp_path, 4)
    tables.write_csv(tmp_path / "data" / "customers.csv", tables.rows(200))
    trained(made, tmp_path, 5, initFrom={"version": 4, "digest": None})
    refused(made, tmp_path, "Scores", (1, 5), "EnsembleMismatch", "the column tenure is counted from ")
    refused(
        made, tmp_path, "Scores", (1, 4), "EnsembleMismatch", "version 4 was made from data with the digest sha256:"
    )

    both = fused(made, tmp_path, "Weights", 2, 3)
    fitted = preprocessing.decode(both.contents[manifest.PREPROCESSING])
    network = registry.build_rowwise("Linear", shape_of(fitted), check("Linear", {})).eval()
    weights.fill(network, dict(weights.decode(both.contents[manifest.WEIGHTS])))
    inputs = Inputs(
        np.random.default_rng(4).normal(size=(40, fitted.numeric_width)).astype(np.float32),
        np.zeros((40, fitted.categorical_width), np.int64),
        0,
    )
    onnx = RowGraph(both.contents[manifest.MODEL], 1).outputs(inputs)
    np.testing.assert_allclose(onnx, outputs_of(network, inputs), atol=1e-5)


def refused(made: dict[str, Any], folder: Path, method: str, numbers: tuple[int, ...], reason: str, said: str) -> None:
    """The run ends without a retry, and tells why."""
    named = [{"version": number, "digest": None} for number in numbers]
    wanted = {**made, "uid": "uid-wrong", "ensemble": {"method": method, "versions": named}}
    (folder / "run.json").write_text(json.dumps(wanted))
    assert main() == 2
    told = json.loads((folder / "termination").read_text())
    assert told["reason"] == reason
    assert told["message"].startswith("spec.ensemble.versions: ")
    assert said in told["message"]


def test_what_has_no_weights_and_weights_that_are_not_the_graphs_are_refused(
    walks: dict[str, Any], tmp_path: Path
) -> None:
    for number in (1, 2):
        trained(walks, tmp_path, number, seed=number)
    fused(walks, tmp_path, "Scores", 1, 2)
    refused(
        walks, tmp_path, "Scores", (1, 3), "EnsembleWithoutWeights", "version 3 of the RecModel walks is an ensemble"
    )

    folder = tmp_path / "store/shop/walks/versions/2"
    for name in (manifest.WEIGHTS, manifest.MANIFEST):
        (folder / name).chmod(0o644)
    other = (tmp_path / "store/shop/walks/versions/1" / manifest.WEIGHTS).read_bytes()
    entry = manifest.write_file(folder / manifest.WEIGHTS, other)
    document = json.loads((folder / manifest.MANIFEST).read_text())
    for file in document["files"]:
        if file["path"] == manifest.WEIGHTS:
            file.update({"sha256": entry.sha256, "size": entry.size})
    (folder / manifest.MANIFEST).write_text(json.dumps(document))
    refused(walks, tmp_path, "Scores", (1, 2), "EnsembleDiffers", "a member's weights are not those of its graph")


def overtaken(
    wanted: dict[str, Any], folder: Path, monkeypatch: pytest.MonkeyPatch, at: tuple[Any, str], does: Callable[..., Any]
) -> set[str]:
    """What the attempt leaves for its version when a newer one begins while it calls the function of the module."""
    run_folder = run_config.parse(wanted).run_folder

    def call(*arguments: Any) -> Any:
        (run_folder / LOCK).write_text("a newer attempt\n")
        return does(*arguments)

    (folder / "run.json").write_text(json.dumps(wanted))
    with monkeypatch.context() as patched:
        patched.setattr(*at, call)
        assert main() == 1
    assert json.loads((folder / "termination").read_text())["reason"] == "AttemptSuperseded"
    return {path.name for path in run_folder.iterdir()} & LEFT_FOR_THE_VERSION


@pytest.mark.parametrize("kind", ["lists", "rows"])
def test_an_attempt_that_a_newer_one_has_followed_leaves_nothing_that_it_has_fused(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """Its weights and scores would stand beside the newer one's graph."""
    made = (
        request.getfixturevalue("walks")
        if kind == "lists"
        else tables.document(tmp_path, monkeypatch, tables.rows(120))
    )
    module, export = {"lists": (of_lists, "export"), "rows": (of_rows, "exported")}[kind]
    each = [trained(made, tmp_path, number, seed=number) for number in (1, 2)]
    named = [{"version": number, "digest": None} for number in (1, 2)]

    def graph(*_: Any) -> bytes:
        """Any that fits: to export one takes seconds."""
        return each[0].contents[manifest.MODEL]

    for method, at, does in (("Weights", (module, "soup"), soup), ("Scores", (module, export), graph)):
        wanted = {**made, "uid": f"uid-{method}", "ensemble": {"method": method, "versions": named, "seeds": []}}
        assert overtaken(wanted, tmp_path, monkeypatch, at, does) == set()
    assert overtaken(of_seeds(made, "seeds"), tmp_path, monkeypatch, (history, "write"), history.write) == set()


def of_seeds(made: dict[str, Any], name: str) -> dict[str, Any]:
    """The run with both seeds."""
    return {**made, "uid": f"uid-{name}", "name": name, "ensemble": {"method": "Scores", "seeds": [1, 2]}}


def test_seeds_are_trained_as_runs_with_them_are_and_a_killed_run_goes_on_with_the_one_it_was_at(
    walks: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    walks["hyperparameters"] = {**SHORT, "epochs": "2"}
    each = [trained(walks, tmp_path, seed, seed=seed) for seed in (1, 2)]
    both = loaded(ran(of_seeds(walks, "both"), tmp_path)[0])
    np.testing.assert_allclose(scores(both), (scores(each[0]) + scores(each[1])) / 2, atol=1e-5, rtol=0)
    assert both.manifest.ensemble == {"method": "Scores", "seeds": [1, 2]}
    assert (both.manifest.architecture, both.manifest.seed) == ("SASRec", 1)
    assert manifest.WEIGHTS not in both.contents
    assert "- seed 2\n" in both.contents[manifest.MODEL_CARD].decode()

    killed = of_seeds(walks, "killed")
    runs = tmp_path / "store/shop/walks/runs/uid-killed"
    events = tmp_path / "store/shop/walks/tensorboard/killed-uid-kill"
    kept: list[Path] = []

    def report(_: Any, checkpoint: Any = None) -> None:
        kept.append(runs / f"checkpoint_2026-01-01_00-00-0{len(kept)}")
        shutil.copytree(checkpoint.path, kept[-1])
        if len(kept) == 3:  # the first epoch of the second seed
            raise RuntimeError("the node is gone")

    monkeypatch.setattr("ray.train.report", report)
    (tmp_path / "run.json").write_text(json.dumps(killed))
    assert main() == 1
    assert (runs / "seed-1.safetensors").exists()
    again = loaded(ran(killed, tmp_path)[0])
    assert len(kept) == 4, "only the second epoch of the second seed was left"
    assert again.contents[manifest.MODEL] == both.contents[manifest.MODEL]
    assert sorted(entry.name for entry in events.iterdir()) == ["seed-1", "seed-2"]
    assert sorted(entry.name for entry in runs.iterdir()) == ["attempt.lock", "dataset.digest", "history.json"]


def test_seeds_of_rows_are_the_mean_of_runs_with_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = tables.document(tmp_path, monkeypatch, tables.rows(200))
    made["evaluation"]["byRatio"]["folds"] = 2
    each = [trained(made, tmp_path, seed, seed=seed) for seed in (1, 2)]
    both = loaded(ran(of_seeds(made, "both"), tmp_path)[0])
    fitted = preprocessing.decode(both.contents[manifest.PREPROCESSING])
    inputs = Inputs(
        np.random.default_rng(4).normal(size=(40, fitted.numeric_width)).astype(np.float32),
        np.zeros((40, fitted.categorical_width), np.int64),
        0,
    )
    outputs = [RowGraph(version.contents[manifest.MODEL], 1).outputs(inputs) for version in (*each, both)]
    np.testing.assert_allclose(outputs[2], (outputs[0] + outputs[1]) / 2, atol=1e-5)
    assert each[0].manifest.cross_validation
    assert not both.manifest.cross_validation
    with_folds = fused(made, tmp_path, "Scores", 1, 2)
    assert not with_folds.manifest.cross_validation
    np.testing.assert_allclose(RowGraph(with_folds.contents[manifest.MODEL], 1).outputs(inputs), outputs[2], atol=1e-5)


def test_a_soup_of_one_network_is_that_network_and_leaves_its_members_alone() -> None:
    torch.manual_seed(1)
    first, second = (registry.build("SASRec", 9, check("SASRec", SHORT)) for _ in range(2))
    before = {name: tensor.clone() for name, tensor in first.state_dict().items()}
    same = soup([first, first, first]).state_dict()
    assert all(torch.equal(same[name], tensor) for name, tensor in before.items())
    mixed = soup([first, second]).state_dict()
    assert any(not torch.equal(mixed[name], tensor) for name, tensor in before.items())
    assert all(torch.equal(first.state_dict()[name], tensor) for name, tensor in before.items())
