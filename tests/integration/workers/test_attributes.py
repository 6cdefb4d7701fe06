"""Attributes of items in the sequential models: learned from, carried on, and gone from the graph that is served."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

import onnx
import torch
from tests.integration.workers.curves import N_ITEMS, TINY, training, walks
from tests.integration.workers.whole_run import version_of

from recsys_workers import manifest
from recsys_workers.data.attributes import Attribute, ItemAttributes, coded
from recsys_workers.data.split import Examples
from recsys_workers.evaluate.parity import compare
from recsys_workers.evaluate.scoring import Graph, tasks_of
from recsys_workers.export.graph import export
from recsys_workers.export.reference import reference
from recsys_workers.models.hyperparameters import check
from recsys_workers.models.items import ItemTable, plain
from recsys_workers.models.registry import ARCHITECTURES, build, load
from recsys_workers.train.loop import Training

pytestmark = [pytest.mark.torch, pytest.mark.timeout(600)]

LENGTH = 10
EACH = [("SASRec", {}), ("BSARec", {}), ("Decoder", {"body": "GPT2"}), ("Decoder", {"body": "Llama"})]
IDS = ["SASRec", "BSARec", "GPT2", "Llama"]


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def described(n_items: int = N_ITEMS) -> ItemAttributes:
    """Two attributes: thirds of the items, which the last ten have not, and one or two of five marks."""
    items = np.arange(1, n_items + 1)
    thirds = Attribute("third", items[:-10], items[:-10] % 3, ["a", "b", "c"], 1)
    marks = Attribute("marks", np.tile(items, 2), np.concatenate([items % 5, items % 4]), list("vwxyz"), 1)
    return coded(n_items, [thirds, marks])[0]


def lively(architecture: str, given: dict[str, str], attributes: ItemAttributes | None) -> Any:
    """A model whose scores differ as those of a trained one."""
    torch.manual_seed(1)
    hyperparameters = check(architecture, {**TINY, "maxLength": str(LENGTH), **given})
    model: Any = build(architecture, N_ITEMS, hyperparameters).eval()
    if attributes is not None:
        model.describe(attributes)
    for parameter in model.parameters():
        if parameter.dim() > 1:
            torch.nn.init.normal_(parameter, std=0.3)
    with torch.no_grad():
        model.item_embedding.weight[0] = 0
    return model


def test_the_declaration_says_which_architectures_take_attributes() -> None:
    able = {name for name in ARCHITECTURES if load(name).DECLARATION.attributes}
    assert able == {name for name in ARCHITECTURES if issubclass(load(name), ItemTable)}  # type: ignore[arg-type]
    assert able == {architecture for architecture, _ in EACH}


def test_a_row_of_the_table_is_the_items_own_and_the_means_of_its_values() -> None:
    model, attributes = lively("SASRec", {}, described()), described()
    values = model.attributes.embedding.weight
    for item in (0, 1, 7, N_ITEMS):
        span = slice(*attributes.starts[item : item + 2])
        wanted = model.item_embedding.weight[item].clone()
        for value, weight in zip(attributes.values[span], attributes.weights[span], strict=True):
            wanted = wanted + float(weight) * values[value]
        torch.testing.assert_close(model.table()[item], wanted)
    assert not model.table()[0].any()


@pytest.mark.parametrize(("architecture", "given"), EACH, ids=IDS)
def test_the_graph_gives_torchs_lists_and_is_that_of_a_model_without_attributes(
    architecture: str, given: dict[str, str]
) -> None:
    model = lively(architecture, given, described())
    graph = export(model, N_ITEMS, LENGTH)
    tasks = tasks_of(walks(), exclude_seen=True)
    lists = Graph(graph, N_ITEMS, LENGTH, LENGTH, threads=1).lists(tasks)
    parity = compare(lists, reference(model, tasks, lists, LENGTH), 1e-5)
    assert (parity.users, parity.different_users) == (len(walks()), 0)
    assert parity.largest_difference < 1e-5
    assert model.attributes is not None, "the model itself stays as it is"

    # Attributes do change the scores, but neither the work nor the size of what is served.
    bare = lively(architecture, given, None)
    with torch.no_grad():
        history = torch.tensor([[3, 9, 27]])
        assert not torch.allclose(bare(history), model(history), atol=1e-2)
        assert torch.equal(plain(bare)(history), bare(history))
    if architecture == "SASRec":  # an export takes seconds
        plainer = export(bare, N_ITEMS, LENGTH)
        nodes, wanted = ([node.op_type for node in onnx.load_from_string(data).graph.node] for data in (graph, plainer))
        assert nodes == wanted
        assert len(graph) == len(plainer)
    assert plain(bare) is bare


@pytest.mark.parametrize(("architecture", "given"), EACH, ids=IDS)
def test_a_stopped_run_ends_in_the_same_bits(architecture: str, given: dict[str, str], tmp_path: Path) -> None:
    options = {
        "hiddenSize": "8",
        "batchSize": "32",
        "epochs": "3",
        "samples": "Prefixes",
        "averageDecay": "0.9",
        **given,
    }
    made = training(architecture, described(), **options)
    losses = []

    def keep() -> None:
        if made.epoch == 1:
            made.save(tmp_path)

    made.run(lambda report: losses.append(report.loss), keep)
    assert losses[-1] < losses[0] - 0.2
    again = training(architecture, described(), **options)
    again.restore(tmp_path)
    again.run(lambda report: None, lambda: None)
    for kept in ("model", "judged"):
        expected, found = getattr(made, kept).state_dict(), getattr(again, kept).state_dict()
        assert expected.keys() == found.keys()
        assert "attributes.embedding.weight" in expected
        assert all(torch.equal(expected[name], found[name]) for name in expected)


TOPICS, ITEMS_A_TOPIC, UNSEEN = 5, 12, 2


def topical(random: np.random.Generator, n_items: int) -> list[int]:
    """Items of one topic; the items of a topic are those with the same rest by TOPICS."""
    topic = int(random.integers(TOPICS))
    own = np.arange(1, n_items + 1)
    return [int(item) for item in random.permutation(own[own % TOPICS == topic])]


@pytest.mark.parametrize("architecture", ["SASRec", "BSARec"])
def test_items_that_nobody_had_are_ranked_by_what_they_are(architecture: str) -> None:
    random = np.random.default_rng(3)
    n_items = TOPICS * ITEMS_A_TOPIC
    seen = n_items - TOPICS * UNSEEN
    sequences = [np.array(topical(random, seen)[:6], dtype=np.int32) for _ in range(200)]
    items = np.arange(1, n_items + 1)
    topics = coded(n_items, [Attribute("topic", items, items % TOPICS, list("abcde"), 2)])[0]
    validation = Examples(
        np.arange(len(sequences)), [one[:-1] for one in sequences], np.array([one[-1] for one in sequences])
    )
    ranks = {}
    for name, attributes in (("with", topics), ("without", None)):
        hyperparameters = check(architecture, {**TINY, "epochs": "8", "samples": "Prefixes", "dropout": "0.1"})
        made = Training(
            architecture, sequences, validation, n_items, hyperparameters, 1, exclude_seen=False, attributes=attributes
        )
        made.run(lambda report: None, lambda: None)
        model = made.best_model()
        with torch.no_grad():
            scores = model(torch.from_numpy(np.stack([one[:-1] for one in sequences]).astype(np.int64)))[:, seen:]
        # Of the items that nobody had, those of the history's topic: 1 is the first place, 5.5 the middle.
        order = torch.argsort(-scores, dim=1).argsort(dim=1) + 1
        right = (
            torch.from_numpy(items[seen:] % TOPICS)[None]
            == torch.tensor([one[0] % TOPICS for one in sequences])[:, None]
        )
        ranks[name] = float(order[right].float().mean())
    assert ranks["with"] < 2.0
    assert ranks["without"] > 4.0


def test_a_run_reads_its_item_table_and_ends_in_a_version(tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    n_items = TOPICS * ITEMS_A_TOPIC
    (tmp_path / "data").mkdir()
    (tmp_path / "store").mkdir()
    rows = [
        f"u{user}\ti{item}\t{time}"
        for user in range(120)
        for time, item in enumerate(topical(random, n_items)[: random.integers(4, 9)])
    ]
    (tmp_path / "data/shop.inter").write_text(
        "\n".join(["user_id:token\titem_id:token\ttimestamp:float", *rows]) + "\n"
    )
    table = [f"i{item}\ttopic{item % TOPICS} all" for item in range(1, n_items)] + ["i999\tnobody"]
    (tmp_path / "data/shop.item").write_text("\n".join(["item_id:token\ttopics:token_seq", *table]) + "\n")
    gates = [
        {"name": "better-than-popular", "floor": {"metric": "HR@10", "against": "Popularity"}},
        {"name": "same-lists", "parity": {"tolerance": "1e-5"}},
        {"name": "fast-enough", "latency": {"p99Milliseconds": 5000}},
    ]
    document = {
        "namespace": "shop",
        "name": "topics-1",
        "uid": "uid-1",
        "model": "topics",
        "task": "SequentialRecommendation",
        "architecture": "BSARec",
        "hyperparameters": {
            "hiddenSize": "16",
            "maxLength": "10",
            "epochs": "8",
            "learningRate": "0.01",
            "batchSize": "64",
        },
        "seed": 7,
        "dataset": {
            "uri": "pvc://data",
            "format": "RecBole",
            "digest": None,
            "items": {
                "uri": "pvc://data",
                "format": "RecBole",
                "idColumn": "item_id",
                "attributes": [{"name": "topics"}],
            },
        },
        "schema": {
            "columns": [
                {"name": name, "role": role}
                for name, role in (("user_id", "User"), ("item_id", "Item"), ("timestamp", "Timestamp"))
            ]
        },
        "evaluation": {"protocol": "LeaveOneOut", "metrics": ["HR@10"]},
        "gates": gates,
        "storage": {"uri": "pvc://store"},
    }
    version = version_of(document, tmp_path, 540)
    assert [gate["verdict"] for gate in version.manifest.gates] == ["Passed"] * 3, version.manifest.gates
    told = version.manifest.dataset["itemTable"]
    assert told == json.loads(version.contents[manifest.DATA])["itemTable"]
    assert (told["uri"], told["rows"], told["itemsWithRow"]) == ("pvc://data", n_items, n_items - 1)
    assert told["attributes"] == [{"name": "topics", "values": TOPICS + 1, "rare": 0, "without": 1}]
    card = version.contents[manifest.MODEL_CARD].decode()
    assert f"What items are was told by pvc://data ({told['digest']}), which has no row for 1 of them: topics" in card
    kept = tmp_path / "store/shop/topics/runs/uid-1/items.digest"
    assert kept.read_text().strip() == told["digest"]
