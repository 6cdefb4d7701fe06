"""The model, the training loop and the export, on a tiny problem: what must hold to the bit or to rounding."""

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("torch")

import torch

from recsys_workers.data.interactions import Indices
from recsys_workers.data.split import Examples
from recsys_workers.evaluate.parity import compare
from recsys_workers.evaluate.scoring import Graph, Lists, tasks_of
from recsys_workers.export.graph import export
from recsys_workers.export.reference import reference
from recsys_workers.models.hyperparameters import Hyperparameters, check
from recsys_workers.models.registry import build
from recsys_workers.train import checkpoints
from recsys_workers.train.loop import Training, TrainingDiverged, validation_of_lists
from recsys_workers.train.reports import EpochReport, StepReport
from recsys_workers.train.sampler import Sampler, left_padded

pytestmark = pytest.mark.torch

N_ITEMS = 30


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def settings(**given: str) -> Hyperparameters:
    tiny = {"hiddenSize": "8", "heads": "2", "maxLength": "6", "batchSize": "4", "epochs": "4", "dropout": "0.3"}
    return check("SASRec", {**tiny, **given})


def sequences(count: int = 20, seed: int = 3) -> list[Indices]:
    random = np.random.default_rng(seed)
    return [random.integers(1, N_ITEMS + 1, random.integers(2, 25)).astype(np.int32) for _ in range(count)]


def examples() -> Examples:
    histories = sequences(12, seed=4)
    return Examples(np.arange(12), histories, np.array([1 + user for user in range(12)], dtype=np.int32))


def training(seed: int = 5, **given: str) -> Training:
    return Training("SASRec", sequences(), examples(), N_ITEMS, settings(**given), seed, exclude_seen=True)


def state(found: Training) -> dict[str, Any]:
    tensors = {f"model.{name}": tensor for name, tensor in found.model.state_dict().items()}
    tensors |= {f"best.{name}": tensor for name, tensor in found.best.items()}
    for index, entry in found.optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{name}": tensor for name, tensor in entry.items()}
    return tensors | {"random": torch.get_rng_state(), "sampler": found.sampler.state()}


def equal(left: dict[str, Any], right: dict[str, Any]) -> bool:
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


@pytest.mark.parametrize("length", [7, 50, 1024])
def test_padding_further_changes_no_score(length: int) -> None:
    torch.manual_seed(1)
    model = build("SASRec", N_ITEMS, settings()).eval()
    histories = [*sequences(6), np.array([3], dtype=np.int32)]
    with torch.no_grad():
        short = model(left_padded([history[-6:] for history in histories], 6))
        long = model(left_padded([history[-6:] for history in histories], length))
        # Items beyond maxLength do not matter either.
        longer = model(left_padded(histories, length))
    assert torch.allclose(short, long, atol=1e-6)
    assert torch.allclose(short, longer, atol=1e-6)


def test_the_order_of_a_history_matters() -> None:
    torch.manual_seed(1)
    model = build("SASRec", N_ITEMS, settings()).eval()
    with torch.no_grad():
        assert not torch.allclose(model(torch.tensor([[1, 2, 3]])), model(torch.tensor([[2, 1, 3]])))


def test_a_position_does_not_see_what_comes_after_it() -> None:
    torch.manual_seed(1)
    model: Any = build("SASRec", N_ITEMS, settings()).eval()
    with torch.no_grad():
        before = model.hidden_states(torch.tensor([[1, 2, 3, 4]]), model.table())
        after = model.hidden_states(torch.tensor([[1, 2, 3, 9]]), model.table())
    assert torch.equal(before[:, :3], after[:, :3])
    assert not torch.equal(before[:, 3], after[:, 3])


@given(st.integers(1, 9), st.integers(1, 7), st.integers(0, 10))
def test_every_transition_is_a_target_once_an_epoch(max_length: int, batch_size: int, seed: int) -> None:
    parts = sequences(8, seed)
    seen = []
    for windows in Sampler(parts, max_length, batch_size, seed).epoch():
        assert len(windows) <= batch_size
        for index, first, last in windows:
            assert last - first <= max_length
            seen += [(index, position) for position in range(first + 1, last + 1)]
    assert sorted(seen) == [(index, position) for index, part in enumerate(parts) for position in range(1, len(part))]


@pytest.mark.parametrize("stop_after", [1, 2, 3])
def test_a_resumed_run_equals_an_undisturbed_one_to_the_bit(tmp_path: Path, stop_after: int) -> None:
    undisturbed = training()
    undisturbed.run(lambda report: None, lambda: None)
    expected = state(undisturbed)

    first = training()

    class Killed(Exception):
        pass

    def checkpoint() -> None:
        first.save(tmp_path)
        if first.epoch == stop_after:
            raise Killed

    with pytest.raises(Killed):
        first.run(lambda report: None, checkpoint)
    torch.manual_seed(999)
    second = training()
    second.restore(tmp_path)
    assert second.epoch == stop_after
    epochs = []
    second.run(lambda report: epochs.append(report.epoch), lambda: None)
    assert epochs == list(range(stop_after + 1, 5))
    assert equal(state(second), expected)
    assert (second.step, second.history()) == (undisturbed.step, undisturbed.history())


def test_each_step_is_told_with_its_targets_and_changes_no_bit() -> None:
    quiet = training()
    quiet.run(lambda report: None, lambda: None)
    told = training()
    steps: list[StepReport] = []
    epochs: list[EpochReport] = []
    told.run(epochs.append, lambda: None, steps.append)
    assert equal(state(told), state(quiet))
    assert [report.step for report in steps] == list(range(1, told.step + 1))
    for epoch in range(4):
        of_epoch = [report for report in steps if report.epoch == epoch]
        assert of_epoch[-1].targets == sum(len(part) - 1 for part in told.sampler.sequences)  # type: ignore[attr-defined]
        assert (of_epoch[-1].step, of_epoch[-1].loss) == (epochs[epoch].step, epochs[epoch].loss)
    assert [(point.epoch, point.validation) for point in told.history().points] == [
        (report.epoch, report.validation) for report in epochs
    ]


def test_the_same_seed_gives_the_same_bits_and_another_seed_does_not() -> None:
    runs = []
    for seed in (5, 5, 6):
        made = training(seed)
        made.run(lambda report: None, lambda: None)
        runs.append(state(made))
    assert equal(runs[0], runs[1])
    assert not equal(runs[0], runs[2])


def test_input_length_does_not_change_the_training() -> None:
    runs = []
    for length in ("6", "1024"):
        made = training(inputLength=length)
        made.run(lambda report: None, lambda: None)
        runs.append(state(made))
    assert equal(runs[0], runs[1])


def test_a_finished_run_trains_no_further(tmp_path: Path) -> None:
    done = training()
    done.run(lambda report: None, lambda: done.save(tmp_path))
    again = training()
    again.restore(tmp_path)
    again.run(lambda report: pytest.fail("an epoch too many"), lambda: pytest.fail("a checkpoint too many"))
    assert again.epoch == 4


def test_checkpoints_come_every_so_many_epochs_and_at_the_end() -> None:
    made = training(checkpointEvery="3")
    epochs: list[int] = []
    made.run(lambda report: None, lambda: epochs.append(made.epoch))
    assert epochs == [3, 4]


def test_a_training_that_diverges_says_what_to_change() -> None:
    made = training()
    with torch.no_grad():
        made.model.get_parameter("output_norm.weight").fill_(torch.nan)
    with pytest.raises(TrainingDiverged, match=r"Lower the hyperparameter learningRate, which is 0\.001"):
        made.run(lambda report: None, lambda: None)


def test_validation_follows_the_rules_of_the_metrics() -> None:
    histories = [np.array([1, 2], dtype=np.int32)] * 3
    scores = torch.tensor([[9.0, 9.0, 1.0, 2.0, 1.0]]).repeat(3, 1)
    tasks = Examples(np.arange(3), histories, np.array([4, 3, 1], dtype=np.int32))

    class Fixed(torch.nn.Module):
        def forward(self, history: Any) -> Any:
            return scores[: len(history)].clone()

    # Seen items 1 and 2 are excluded: 4 is first; 3 ties with 5 and counts as third; 1 was seen and is a miss.
    assert validation_of_lists(Fixed(), tasks, 2, exclude_seen=True) == pytest.approx((1 + 0.5 + 0) / 3)
    assert validation_of_lists(Fixed(), tasks, 2, exclude_seen=True, metric="HR@10") == pytest.approx(2 / 3)
    assert validation_of_lists(Fixed(), tasks, 2, exclude_seen=True, metric="HR@1") == pytest.approx(1 / 3)
    assert validation_of_lists(Fixed(), tasks, 2, exclude_seen=True, metric="MRR@10") == pytest.approx((1 + 1 / 3) / 3)


def test_a_validation_finds_the_other_metrics_by_the_same_ranks_and_chooses_as_without_them(tmp_path: Path) -> None:
    reports: list[EpochReport] = []
    plain = training()
    plain.run(reports.append, lambda: None)
    measured = training()
    measured.measure(["HR@5", "NDCG@10", "MRR@20"])
    measured.run(reports.append, lambda: None)
    assert plain.points == measured.points
    assert plain.found_by_others == {}
    expected = {
        name: validation_of_lists(measured.model, examples(), 6, exclude_seen=True, metric=name)
        for name in ("HR@5", "MRR@20")
    }
    assert measured.found_by_others == expected == reports[-1].others == measured.history().others
    assert len({*expected.values(), measured.points[-1].validation}) == 3
    measured.save(tmp_path)
    again = training()
    again.restore(tmp_path)
    assert again.history() == measured.history()


def test_an_epoch_without_a_validation_tells_nothing_of_the_one_before() -> None:
    made, reports = training(checkpointEvery="2"), list[EpochReport]()
    made.measure(["HR@5"])
    made.run(reports.append, lambda: None)
    assert [list(report.others) for report in reports] == [[], ["HR@5"], [], ["HR@5"]]


def keep_two(folder: Path) -> Path:
    """Checkpoints after the first and the last epoch; the state of the latter."""
    made = training(checkpointEvery="1")

    def keep() -> None:
        if made.epoch in (1, 4):
            (kept := folder / f"checkpoint_2026-01-01_00-00-0{made.epoch}").mkdir()
            made.save(kept)

    made.run(lambda report: None, keep)
    return folder / "checkpoint_2026-01-01_00-00-04" / "state.pt"


def gone_on_from(folder: Path) -> int:
    """The epoch."""
    made = training()
    checkpoints.go_on(made, folder, checkpoints.of_seed(folder, 1))
    return made.epoch


def test_a_checkpoint_that_was_cut_is_passed_over(tmp_path: Path) -> None:
    newest = keep_two(tmp_path)
    whole = newest.read_bytes()
    for damaged in (whole[:-100], whole[:3000], b"", whole[:-22] + bytes(22)):
        newest.write_bytes(damaged)
        assert gone_on_from(tmp_path) == 1
    newest.unlink()
    assert gone_on_from(tmp_path) == 1
    assert gone_on_from(tmp_path / "absent") == 0


def test_a_checkpoint_that_the_store_does_not_give_for_a_moment_is_waited_for(tmp_path: Path) -> None:
    """Reading a process's memory at its first byte is an input/output error, as the kernel has it of a store too."""
    newest = keep_two(tmp_path)
    aside = newest.rename(tmp_path / "aside")
    newest.symlink_to("/proc/self/mem")
    back = threading.Timer(1.5, aside.replace, (newest,))
    back.start()
    assert gone_on_from(tmp_path) == 4
    back.join()


@pytest.fixture(scope="module")
def exported() -> tuple[Any, bytes]:
    torch.manual_seed(1)
    model = build("SASRec", N_ITEMS, settings(inputLength="40")).eval()
    return model, export(model, N_ITEMS, 40)


def test_onnx_returns_torchs_lists_at_another_length(exported: tuple[Any, bytes]) -> None:
    model, onnx = exported
    tasks = tasks_of(sequences(70), exclude_seen=True)
    lists = Graph(onnx, N_ITEMS, 6, 40, threads=1).lists(tasks)
    assert lists.items.shape == (70, N_ITEMS)
    found = reference(model, tasks, lists, 6)
    parity = compare(lists, found, 1e-5)
    assert parity.different_users == 0
    assert parity.largest_difference < 1e-5
    shifted = Lists(lists.scores, np.roll(lists.items, 1, axis=1))
    assert compare(shifted, reference(model, tasks, shifted, 6), 1e-5).different_users == 70


def test_the_graph_excludes_what_it_is_told_and_padding_always(exported: tuple[Any, bytes]) -> None:
    _, onnx = exported
    import onnxruntime  # type: ignore[import-untyped]

    session = onnxruntime.InferenceSession(onnx, providers=["CPUExecutionProvider"])
    history = np.zeros((1, 40), dtype=np.int64)
    history[0, -2:] = [3, 4]
    excluded = np.zeros((1, N_ITEMS + 1), dtype=bool)
    excluded[0, [3, 4, 5]] = True
    scores, items = session.run(["scores", "items"], {"history": history, "excluded": excluded})
    assert (scores.dtype, items.dtype) == (np.float32, np.int64)
    kept = items[0][~np.isneginf(scores[0])]
    assert set(kept) == set(range(1, N_ITEMS + 1)) - {3, 4, 5}
    assert (np.diff(scores[0][: len(kept)]) <= 0).all()


def test_the_graph_says_nothing_of_the_machine_it_was_made_on(exported: tuple[Any, bytes]) -> None:
    assert b"site-packages" not in exported[1]
    assert b"recsys_workers/" not in exported[1]


def test_tied_scores_are_ordered_by_index() -> None:
    class Tied(torch.nn.Module):
        def forward(self, history: Any) -> Any:
            return torch.zeros(history.shape[0], N_ITEMS) + (history[:, -1:] * 0.0)

    tasks = tasks_of([np.array([7], dtype=np.int32)], exclude_seen=True)
    lists = Graph(export(Tied(), N_ITEMS, 6), N_ITEMS, 6, 6, threads=1).lists(tasks)
    assert lists.items[0, :-1].tolist() == [item for item in range(1, N_ITEMS + 1) if item != 7]
    assert compare(lists, reference(Tied(), tasks, lists, 6), 0.0).different_users == 0
