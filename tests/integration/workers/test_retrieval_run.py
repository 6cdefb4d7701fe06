"""The task Retrieval from run.json to a version, with Ray: on planted data both architectures beat popularity."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.integration.workers.whole_run import version_of

from recsys_workers import manifest
from recsys_workers.evaluate.scoring import Graph, tasks_of

pytestmark = [pytest.mark.torch, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[3]
USERS, TOPICS, ITEMS_A_TOPIC, HAD = 240, 8, 10, 8
GATES = [
    {"name": "better-than-popular", "floor": {"metric": "NDCG@10", "against": "Popularity"}},
    {"name": "good-enough", "floor": {"metric": "NDCG@10", "min": "0.4"}},
    {"name": "same-lists", "parity": {"tolerance": "1e-5"}},
    {"name": "fast-enough", "latency": {"p99Milliseconds": 5000}},
]


def write_data(folder: Path) -> None:
    """Each user has most items of one topic and one of another, in an order that means nothing.

    What is missing of the topic is the best guess, and popularity, which differs between the topics, knows none of it.
    """
    random = np.random.default_rng(5)
    folder.mkdir(parents=True)
    rows = []
    for user in range(USERS):
        topic = min(int(random.geometric(0.25)) - 1, TOPICS - 1)
        own = topic * ITEMS_A_TOPIC + random.permutation(ITEMS_A_TOPIC)[:HAD]
        items = random.permutation([*own, random.integers(TOPICS * ITEMS_A_TOPIC)])
        times = np.sort(random.integers(1_000_000, size=len(items)))
        rows += [f"u{user}\ti{item}\t{time}" for item, time in zip(items, times, strict=True)]
    (folder / "topics.inter").write_text("\n".join(["user_id:token\titem_id:token\ttimestamp:float", *rows]) + "\n")


def run_json(architecture: str, hyperparameters: dict[str, str], protocol: str) -> dict[str, Any]:
    roles = {"user_id": "User", "item_id": "Item", "timestamp": "Timestamp"}
    return {
        "namespace": "shop",
        "name": "topics-1",
        "uid": "uid-1",
        "model": "topics",
        "task": "Retrieval",
        "architecture": architecture,
        "hyperparameters": {"hiddenSize": "16", "maxLength": "10", "epochs": "12", **hyperparameters},
        "seed": 7,
        "dataset": {"uri": "pvc://data", "format": "RecBole", "digest": None},
        "schema": {"columns": [{"name": name, "role": role} for name, role in roles.items()]},
        "catalogue": None,
        "evaluation": {"protocol": protocol, "excludeSeen": True, "metrics": ["NDCG@10", "HR@10", "MRR@10"]},
        "gates": [*GATES, {"name": "neighbours", "floor": {"metric": "HR@10", "against": "ItemKNN"}}],
        "storage": {"uri": "pvc://store"},
        "champion": None,
        "image": "trainer",
        "operatorVersion": "test",
    }


@pytest.mark.parametrize(
    ("architecture", "hyperparameters", "protocol"),
    [
        ("TwoTower", {"learningRate": "0.01", "batchSize": "64"}, "ByTime"),
        ("BPRMF", {"learningRate": "0.03", "batchSize": "64", "samples": "Sets"}, "LeaveOneOut"),
    ],
)
def test_a_run_ends_in_a_version_that_is_better_than_popularity(
    architecture: str, hyperparameters: dict[str, str], protocol: str, tmp_path: Path
) -> None:
    write_data(tmp_path / "data")
    (tmp_path / "store").mkdir()
    version = version_of(run_json(architecture, hyperparameters, protocol), tmp_path, 840)
    described = version.manifest
    assert (described.task, described.architecture) == ("Retrieval", architecture)
    assert described.protocol["name"] == protocol
    verdicts = {gate["name"]: gate for gate in described.gates}
    assert {name: verdicts[name]["verdict"] for name in verdicts if name != "neighbours"} == {
        gate["name"]: "Passed" for gate in GATES
    }, described.gates
    # The difference itself, not only that there is one.
    assert float(verdicts["better-than-popular"]["value"]) > 0.2
    told = {metric["name"]: float(metric["value"]) for metric in described.metrics}
    assert list(told) == ["NDCG@10", "HR@10", "MRR@10"]
    assert told["HR@10"] / 10 < told["MRR@10"] < told["NDCG@10"] < told["HR@10"]

    # Topics are what neighbours find too, so this one may pass or fail; it says what it compared with.
    assert "and ItemKNN has 0." in verdicts["neighbours"]["message"]

    # What the server loads does not care for the order of a basket.
    items = len(version.items().items)
    graph = Graph(version.contents[manifest.MODEL], items, described.max_length, described.input_length, threads=1)
    basket = np.array([3, 1, 2], dtype=np.int32)
    forth, back = (graph.lists(tasks_of([one], exclude_seen=True)) for one in (basket, basket[::-1]))
    assert np.array_equal(forth.items, back.items)
    assert np.array_equal(forth.scores, back.scores)
