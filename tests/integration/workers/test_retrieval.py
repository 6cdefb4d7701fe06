"""The architectures of the task Retrieval: a history is a set, and each loss is what its paper says, pair by pair."""

import math
from typing import Any

import numpy as np
import onnxruntime  # type: ignore[import-untyped]
import pytest

pytest.importorskip("torch")

import torch
from tests.integration.workers.curves import N_ITEMS, walks
from torch import Tensor

from recsys_workers.evaluate.scoring import Graph, tasks_of
from recsys_workers.export.graph import export
from recsys_workers.models.hyperparameters import Hyperparameters, check
from recsys_workers.models.registry import build
from recsys_workers.models.sets import as_set
from recsys_workers.train.augmentation import Augmentation
from recsys_workers.train.sampler import Sampler, left_padded

pytestmark = pytest.mark.torch

LENGTH = 12
EACH = [("TwoTower", {"pooling": "Mean"}), ("TwoTower", {"pooling": "Attention"}), ("BPRMF", {"agreement": "0.7"})]
each = pytest.mark.parametrize(("architecture", "given"), EACH, ids=["Mean", "Attention", "BPRMF"])


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def small(architecture: str, **given: str) -> Hyperparameters:
    return check(architecture, {"hiddenSize": "8", "maxLength": str(LENGTH), **given})


def lively(architecture: str, **given: str) -> Any:
    """A model whose scores differ as those of a trained one."""
    torch.manual_seed(1)
    model = build(architecture, N_ITEMS, small(architecture, **given)).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return model


def batch() -> tuple[Tensor, Tensor]:
    """Some histories, one of them with an item twice and one empty, and their targets, of which one comes twice."""
    histories = [[3, 1, 2], [7, 7, 9, 30], [0], [40, 5], [11, 12, 13, 14, 15]]
    target_BT = torch.zeros(5, 5, dtype=torch.int64)
    target_BT[:, -1] = torch.tensor([4, 8, 4, 6, 16])
    return left_padded([np.array(history, dtype=np.int32) for history in histories]), target_BT


@each
def test_no_order_changes_a_bit_and_no_repetition_a_score(architecture: str, given: dict[str, str]) -> None:
    model = lively(architecture, **given)
    random = np.random.default_rng(3)
    with torch.no_grad():
        for history in walks()[:20]:
            latest = history[-LENGTH // 2 :]
            expected = model(left_padded([latest], LENGTH))
            for other in (latest[::-1], random.permutation(latest)):
                assert torch.equal(model(left_padded([other], LENGTH)), expected)
            twice = model(left_padded([np.concatenate([latest, latest[::-1]])], LENGTH))
            torch.testing.assert_close(twice, expected, atol=1e-5, rtol=0)
            gaps = torch.zeros(1, LENGTH, dtype=torch.int64)
            gaps[0, random.choice(LENGTH, len(latest), replace=False)] = torch.from_numpy(latest.astype(np.int64))
            assert torch.equal(model(gaps), expected)
        changed = model(left_padded([np.append(latest[:-1], latest[-1] % N_ITEMS + 1)], LENGTH))
        assert not torch.allclose(changed, expected, atol=1e-3)


@each
def test_the_graph_does_not_care_for_the_order_either(architecture: str, given: dict[str, str]) -> None:
    histories = [history[-LENGTH:] for history in walks()]
    graph = Graph(export(lively(architecture, **given), N_ITEMS, LENGTH), N_ITEMS, LENGTH, LENGTH, threads=1)
    forth = graph.lists(tasks_of(histories, exclude_seen=False))
    back = graph.lists(tasks_of([history[::-1] for history in histories], exclude_seen=False))
    assert np.array_equal(forth.scores, back.scores)
    assert np.array_equal(forth.items, back.items)


def test_an_item_of_a_set_is_marked_once_and_padding_never() -> None:
    items, marked = as_set(torch.tensor([[0, 5, 3, 5], [0, 0, 0, 0], [9, 9, 9, 2]]))
    chosen = [row[mark].tolist() for row, mark in zip(items, marked, strict=True)]
    assert chosen == [[3, 5], [], [2, 9]]


@each
def test_only_the_latest_items_are_in_the_set(architecture: str, given: dict[str, str]) -> None:
    model = lively(architecture, **given)
    history = np.arange(1, 2 * LENGTH, dtype=np.int32)
    with torch.no_grad():
        assert torch.equal(model(left_padded([history])), model(left_padded([history[-LENGTH:]])))


@each
def test_a_target_at_another_position_than_the_last_is_refused(architecture: str, given: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="targets may stand at the last one only"):
        lively(architecture, **given).loss(torch.tensor([[1, 2]]), torch.tensor([[2, 3]]))


def test_the_full_softmax_is_that_of_all_cosines() -> None:
    model = lively("TwoTower", temperature="0.25")
    history, target = batch()
    with torch.no_grad():
        users, items = model.users(history).numpy(), model.items(torch.arange(1, N_ITEMS + 1)).numpy()
        found = float(model.loss(history, target))
    costs = []
    for user, wanted in zip(users, target[:, -1].tolist(), strict=True):
        scores = [float(user @ item) / 0.25 for item in items]
        costs.append(math.log(sum(math.exp(score) for score in scores)) - scores[wanted - 1])
    assert np.linalg.norm(users, axis=1) == pytest.approx(1, abs=1e-5)
    assert np.linalg.norm(items, axis=1) == pytest.approx(1, abs=1e-5)
    assert found == pytest.approx(np.mean(costs), abs=1e-4)


def test_the_softmax_of_the_batch_is_corrected_by_the_shares_of_the_items() -> None:
    model = lively("TwoTower", loss="InBatchSoftmax")
    counts = torch.arange(N_ITEMS, dtype=torch.float32)
    model.count(counts)
    history, target = batch()
    wanted = target[:, -1].tolist()
    with torch.no_grad():
        users, items = model.users(history).numpy(), model.items(target[:, -1]).numpy()
        found = float(model.loss(history, target))
    costs = []
    for row, user in enumerate(users):
        corrected = [
            float(user @ item) / 0.1 - math.log(max(1, index - 1) / float(counts.sum()))
            for item, index in zip(items, wanted, strict=True)
        ]
        rivals = [score for other, score in enumerate(corrected) if other == row or wanted[other] != wanted[row]]
        costs.append(math.log(sum(math.exp(score) for score in rivals)) - corrected[row])
    assert found == pytest.approx(np.mean(costs), abs=1e-4)


def test_the_correction_takes_the_popularity_out() -> None:
    """Users and items that have nothing to do with each other: the softmax of many batches, each item drawn by its
    share, becomes that of all items at once, where nothing is to be gained from how often one was drawn."""
    model = lively("TwoTower", loss="InBatchSoftmax", temperature="1")
    random = np.random.default_rng(4)
    shares = random.dirichlet(np.ones(N_ITEMS))
    model.count(torch.from_numpy(shares * 1e6).float())
    drawn = torch.from_numpy(random.choice(N_ITEMS, 4000, p=shares) + 1)
    with torch.no_grad():
        user = model.users(torch.tensor([[1, 2, 3]]))
        logits = (user @ model.items(drawn).T)[0] - model.log_share_V[drawn - 1]
        estimated = float(torch.logsumexp(logits, 0)) - math.log(len(drawn))
        exact = float(torch.logsumexp(user @ model.items(torch.arange(1, N_ITEMS + 1)).T, 1))
    assert estimated == pytest.approx(exact, abs=0.1)


def test_bpr_is_the_mean_over_pairs_of_what_a_user_had_and_had_not() -> None:
    model = lively("BPRMF", agreement="0.7", regularization="0.01")
    history, target = batch()
    drawn = torch.tensor([[9, 1, 4], [7, 8, 10], [4, 4, 3], [1, 2, 3], [16, 15, 40]])
    with torch.no_grad():
        found = float(model.loss_of(history, target[:, -1], drawn))
        own, items = model.history_factors.weight.numpy(), model.item_factors.weight.numpy()
        bias = model.item_bias.numpy()
    costs = []
    for row, (had, wanted) in enumerate(zip(history.tolist(), target[:, -1].tolist(), strict=True)):
        chosen = sorted({item for item in had if item})
        user = sum((own[item] for item in chosen), np.zeros(8)) / max(1, len(chosen)) ** 0.7
        for other in drawn[row].tolist():
            if other in (*chosen, wanted):
                continue
            difference = user @ items[wanted] + bias[wanted] - user @ items[other] - bias[other]
            used = (user, items[wanted], items[other], bias[wanted], bias[other])
            squares = sum(float(np.sum(np.square(part))) for part in used)
            costs.append(math.log1p(math.exp(-difference)) + 0.01 * squares)
    assert len(costs) == 7
    assert found == pytest.approx(np.mean(costs), abs=1e-5)


def test_a_user_who_had_everything_costs_nothing() -> None:
    model = lively("BPRMF")
    everything = torch.arange(1, N_ITEMS + 1)[None]
    target = torch.zeros_like(everything)
    target[0, -1] = 3
    assert float(model.loss(everything, target).detach()) == 0


def test_nothing_is_learned_from_what_is_in_the_sample_itself() -> None:
    model = lively("BPRMF", negatives="200", regularization="0")
    history = torch.tensor([[4, 5, 6]])
    model.loss(history, torch.tensor([[0, 0, 7]])).backward()
    moved = model.item_factors.weight.grad.abs().sum(1) > 0
    assert moved[[4, 5, 6]].tolist() == [False] * 3
    assert moved[7]
    assert int(moved.sum()) > N_ITEMS // 2


def test_every_item_of_every_set_is_a_target_once_and_not_in_its_own_history() -> None:
    parts = [np.array(items, dtype=np.int32) for items in ([1, 2, 3, 4, 5], [6, 7, 6, 8, 6], [9, 9])]
    seen = []
    for _, made in Sampler(parts, 3, 4, seed=1, samples="Sets").batches():
        assert (made.target_BT[:, :-1] == 0).all()
        for history, target in zip(made.history_BT.tolist(), made.target_BT[:, -1].tolist(), strict=True):
            (owner,) = [part for part in parts if target in part]
            others = [item for item in owner.tolist() if item != target]
            assert [item for item in history if item] == others[-3:]
            seen.append(target)
    assert sorted(seen) == list(range(1, 10))


def test_counted_targets_are_those_of_an_epoch() -> None:
    parts = [history for history in walks() if len(history) > 1]
    for samples in ("Sets", "Prefixes"):
        sampler = Sampler(parts, 5, 16, seed=1, samples=samples)
        targets = torch.cat([made.target_BT[:, -1] for _, made in sampler.batches()])
        expected = torch.bincount(targets, minlength=N_ITEMS + 1)[1:].float()
        assert torch.equal(sampler.target_counts(N_ITEMS), expected)


def test_dropped_items_leave_at_least_one_in_a_set() -> None:
    parts = [np.arange(1, 9, dtype=np.int32)]
    dropped = Augmentation(token_dropout=0.8)
    for _, made in Sampler(parts, 8, 4, 1, "Sets", dropped).batches():
        assert (made.history_BT != 0).any(1).all()


def test_a_request_does_not_pay_for_the_item_tower(tmp_path: Any) -> None:
    """ONNX Runtime computes the items' vectors when it loads the graph: only the user tower's products are left."""
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    graph = export(lively("TwoTower"), N_ITEMS, LENGTH)
    onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    import onnx

    nodes = [node.op_type for node in onnx.load(str(tmp_path / "optimized.onnx")).graph.node]
    # Pooling, two layers of the user tower, and the scores.
    assert sum("MatMul" in kind or "Gemm" in kind for kind in nodes) == 4
