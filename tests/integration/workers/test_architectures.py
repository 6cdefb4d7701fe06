"""Every architecture on a tiny problem: padding, training, export, parity, the server; and what is special of each."""

import json
import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from tests.integration.workers.curves import N_ITEMS, training, walks

from recsys_workers.evaluate.parity import compare
from recsys_workers.evaluate.scoring import Graph, tasks_of
from recsys_workers.export.graph import export
from recsys_workers.export.reference import reference
from recsys_workers.manifest import Items
from recsys_workers.models import bsarec, layers
from recsys_workers.models.hyperparameters import Hyperparameters, check
from recsys_workers.models.registry import ARCHITECTURES, build, load
from recsys_workers.serve.catalogue import Catalogue
from recsys_workers.serve.contract import RecommendRequest
from recsys_workers.serve.recommender import Recommender
from recsys_workers.serve.scoring import ScoringModel
from recsys_workers.tasks import OF_ROWS
from recsys_workers.train.sampler import PREFIXES, Sampler, left_padded

pytestmark = pytest.mark.torch

LENGTH, INPUT_LENGTH = 10, 16
EACH = [
    ("SASRec", {}),
    ("BSARec", {}),
    ("Decoder", {"body": "GPT2"}),
    ("Decoder", {"body": "Llama"}),
    ("TwoTower", {"dropout": "0"}),
    ("TwoTower", {"pooling": "Attention", "loss": "InBatchSoftmax", "dropout": "0"}),
    ("BPRMF", {"learningRate": "0.05"}),
]
IDS = ["SASRec", "BSARec", "GPT2", "Llama", "TwoTower", "TwoTower of batches", "BPRMF"]


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def small(architecture: str, **given: str) -> Hyperparameters:
    return check(architecture, {"hiddenSize": "8", "maxLength": str(LENGTH), "inputLength": str(INPUT_LENGTH), **given})


def lively(architecture: str, **given: str) -> Any:
    """A model whose scores differ as those of a trained one."""
    torch.manual_seed(1)
    model = build(architecture, N_ITEMS, small(architecture, **given)).eval()
    for parameter in model.parameters():
        if parameter.dim() > 1:
            torch.nn.init.normal_(parameter, std=0.3)
    return model


def test_each_architecture_is_tried() -> None:
    of_lists = {name for name in ARCHITECTURES if load(name).DECLARATION.task not in OF_ROWS}
    assert {architecture for architecture, _ in EACH} == of_lists


@pytest.mark.parametrize(("architecture", "given"), EACH, ids=IDS)
def test_padding_and_what_is_beyond_the_length_change_no_score(architecture: str, given: dict[str, str]) -> None:
    model = lively(architecture, **given)
    histories = [*walks(), np.array([3], dtype=np.int32)]
    with torch.no_grad():
        short = model(left_padded([history[-LENGTH:] for history in histories], LENGTH))
        further = model(left_padded([history[-LENGTH:] for history in histories], 3 * LENGTH))
        longer = model(left_padded(histories, 3 * LENGTH))
        hidden = model(left_padded([np.array([5, 0, 7], dtype=np.int32)], LENGTH))
        changed = model(left_padded([np.array([5, 9, 7], dtype=np.int32)], LENGTH))
    torch.testing.assert_close(short, further, atol=1e-5, rtol=0)
    torch.testing.assert_close(short, longer, atol=1e-5, rtol=0)
    assert torch.isfinite(hidden).all()
    assert not torch.allclose(hidden, changed, atol=1e-3)


@pytest.mark.parametrize(("architecture", "given"), EACH, ids=IDS)
def test_it_learns_and_a_stopped_run_ends_in_the_same_bits(
    architecture: str, given: dict[str, str], tmp_path: Path
) -> None:
    options = {
        "hiddenSize": "8",
        "batchSize": "32",
        "epochs": "3",
        "samples": "Prefixes",
        "averageDecay": "0.9",
    } | given
    made = training(architecture, **options)
    losses = []

    def keep() -> None:
        if made.epoch == 1:
            made.save(tmp_path)

    made.run(lambda report: losses.append(report.loss), keep)
    assert losses[-1] < losses[0] - 0.2
    again = training(architecture, **options)
    again.restore(tmp_path)
    again.run(lambda report: None, lambda: None)
    for kept in ("model", "judged"):
        expected, found = getattr(made, kept).state_dict(), getattr(again, kept).state_dict()
        assert all(torch.equal(expected[name], found[name]) for name in expected)


@pytest.mark.parametrize(("architecture", "given"), EACH, ids=IDS)
def test_the_graph_gives_torchs_lists_and_the_server_serves_them(architecture: str, given: dict[str, str]) -> None:
    model = lively(architecture, **given)
    onnx = export(model, N_ITEMS, INPUT_LENGTH)
    histories = walks()
    tasks = tasks_of(histories, exclude_seen=True)
    lists = Graph(onnx, N_ITEMS, LENGTH, INPUT_LENGTH, threads=1).lists(tasks)
    parity = compare(lists, reference(model, tasks, lists, LENGTH), 1e-5)
    assert (parity.users, parity.different_users) == (len(histories), 0)
    assert parity.largest_difference < 1e-5

    scoring = ScoringModel(onnx, N_ITEMS, LENGTH, INPUT_LENGTH, threads=1)
    scoring.warm_up()
    ids = [f"sku-{index}" for index in range(1, N_ITEMS + 1)]
    shop = Recommender("shop", 1, Items(ids, [1] * N_ITEMS), scoring, Catalogue(), exclude_seen=True)
    for row, history in enumerate(histories[:5]):
        request = RecommendRequest.model_validate({"history": [{"id": ids[item - 1]} for item in history], "k": 5})
        served = json.loads(shop.recommend(request, "id").body)
        assert served["fallback"] == "None"
        assert [item["id"] for item in served["items"]] == [ids[item - 1] for item in lists.items[row, :5]]
        assert [item["score"] for item in served["items"]] == pytest.approx(lists.scores[row, :5].tolist(), abs=1e-5)


def batch(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """So many prefixes of every length, in no order, and the item after each."""
    random = np.random.default_rng(3)
    cuts = [walk[: random.integers(2, len(walk) + 1)][-LENGTH - 1 :] for walk in walks() * 2][:count]
    target = np.zeros((len(cuts), LENGTH), dtype=np.int64)
    target[:, -1] = [cut[-1] for cut in cuts]
    return left_padded([cut[:-1] for cut in cuts], LENGTH), torch.from_numpy(target)


@pytest.mark.parametrize("count", [1, 3, 4, 37])
def test_bsarec_learns_in_groups_what_it_learns_of_all_at_once(count: int) -> None:
    model = lively("BSARec")
    history, target = batch(count)
    assert len(history) == count
    together = torch.nn.functional.cross_entropy(model(history), target[:, -1] - 1)
    in_groups = model.loss(history, target)
    torch.testing.assert_close(in_groups, together, atol=1e-5, rtol=0)
    for one, other in zip(
        *(torch.autograd.grad(loss, list(model.parameters())) for loss in (in_groups, together)), strict=True
    ):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


def test_in_training_bsarec_computes_nothing_for_most_padding(monkeypatch: pytest.MonkeyPatch) -> None:
    model = lively("BSARec").train()
    seen = []
    monkeypatch.setattr(model.blocks[0].filter, "forward", lambda x_BTD, last: seen.append(x_BTD.shape[:2]) or x_BTD)  # noqa: N803
    history = left_padded([np.arange(1, 1 + count) for count in (1, 9, 1, 2, 3, 1, 1, 4)], LENGTH)
    target = torch.zeros_like(history)
    target[:, -1] = 1
    model.loss(history, target)
    assert seen == [(2, 1), (2, 1), (2, 3), (2, 9)]


@pytest.mark.parametrize(("length", "frequencies"), [(10, 3), (50, 3), (7, 1), (8, 4)])
def test_the_low_pass_is_that_of_the_fourier_transform(length: int, frequencies: int) -> None:
    x_BTD = torch.randn(3, length, 4, generator=torch.Generator().manual_seed(1))
    spectrum = torch.fft.rfft(x_BTD, dim=1, norm="ortho")
    spectrum[:, frequencies:] = 0
    expected = torch.fft.irfft(spectrum, n=length, dim=1, norm="ortho")
    torch.testing.assert_close(bsarec.low_pass(length, frequencies) @ x_BTD, expected, atol=1e-5, rtol=0)


def states(model: Any, history: list[int]) -> torch.Tensor:
    """What the first block of BSARec gives for each position of one history."""
    history_BT = torch.tensor([history])
    rows_BTD = model.embedded(history_BT, model.table()) + model.position_embedding.weight[-len(history) :]
    with torch.no_grad():
        found: torch.Tensor = model.blocks[0](rows_BTD, layers.causal_mask(history_BT != 0, len(history)), len(history))
    return found[0]


def test_a_block_gives_the_last_positions_as_among_all() -> None:
    block, mask = lively("BSARec").blocks[0], layers.causal_mask(torch.ones(2, LENGTH, dtype=torch.bool), LENGTH)
    x_BTD = torch.randn(2, LENGTH, 8, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        whole, last = (block(x_BTD, mask, count) for count in (LENGTH, 1))
    torch.testing.assert_close(whole[:, -1:], last, atol=1e-5, rtol=0)


def test_the_filter_looks_ahead_so_a_target_at_every_position_is_refused() -> None:
    model, history = lively("BSARec"), torch.tensor([[1, 2, 3, 4]])
    before, after = states(model, [1, 2, 3, 4])[-2], states(model, [1, 2, 3, 9])[-2]
    assert not torch.allclose(before, after, atol=1e-3), "the state before the last item sees the last item: a leak"
    with pytest.raises(ValueError, match="targets may stand at the last position only"):
        model.loss(history, torch.tensor([[2, 3, 4, 5]]))
    assert torch.isfinite(model.loss(history, torch.tensor([[0, 0, 0, 5]])))


def test_nothing_can_be_learned_where_there_is_nothing_to_learn() -> None:
    """Items drawn at random: a model that sees its targets would get below the entropy of a draw, ours cannot."""
    made = training("BSARec", hiddenSize="16", epochs="1", dropout="0", learningRate="0.02")
    random = np.random.default_rng(2)
    unseen = [random.integers(1, N_ITEMS + 1, 20).astype(np.int32) for _ in range(40)]
    made.sampler = Sampler(unseen, made.max_length, 16, seed=11, samples=PREFIXES)
    made.run(lambda report: None, lambda: None)
    made.sampler.sequences = [random.integers(1, N_ITEMS + 1, 20).astype(np.int32) for _ in range(40)]
    with torch.no_grad():
        losses = [float(made.model.loss(batch.history_BT, batch.target_BT)) for _, batch in made.sampler.batches()]  # type: ignore[operator]
    assert np.mean(losses) > np.log(N_ITEMS) - 0.02


def test_other_samples_than_prefixes_are_refused_for_bsarec() -> None:
    with pytest.raises(ValueError, match="samples is 'Windows' but must be Prefixes"):
        check("BSARec", {"samples": "Windows"})


def test_a_decoder_is_made_without_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: Any) -> None:
        raise AssertionError("something was to be downloaded")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    for body in ("GPT2", "Llama"):
        assert build("Decoder", N_ITEMS, small("Decoder", body=body))


@pytest.mark.parametrize("body", ["GPT2", "Llama"])
def test_a_decoder_does_not_see_what_comes_after_a_position(body: str) -> None:
    model = lively("Decoder", body=body)
    with torch.no_grad():
        before = model.hidden_states(torch.tensor([[0, 1, 2, 3, 4]]), model.table())
        after = model.hidden_states(torch.tensor([[0, 1, 2, 3, 9]]), model.table())
    torch.testing.assert_close(before[:, 1:4], after[:, 1:4], atol=1e-6, rtol=0)
    assert not torch.allclose(before[:, 4], after[:, 4], atol=1e-3)


def test_the_item_table_of_a_decoder_is_input_and_output() -> None:
    model = lively("Decoder", body="Llama")
    tables = [name for name, weight in model.named_parameters() if weight.shape[0] == N_ITEMS + 1]
    assert tables == ["body.embed_tokens.weight"]
