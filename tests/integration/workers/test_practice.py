"""Optimizers, schedules, clipping, averages, patience, augmentation: what each does, and that each survives a stop."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from tests.integration.workers.curves import curve, training
from torch._dynamo.testing import CompileCounterWithBackend

from recsys_workers.models.common import PREFIXES
from recsys_workers.models.hyperparameters import check
from recsys_workers.train import optimizers
from recsys_workers.train.augmentation import Augmentation
from recsys_workers.train.loop import Training
from recsys_workers.train.sampler import Sampler

pytestmark = pytest.mark.torch

OPTIONS: list[dict[str, str]] = [
    {"optimizer": "Adam", "weightDecay": "0.01"},
    {"optimizer": "SGD", "momentum": "0.8", "learningRate": "0.1"},
    {"schedule": "WarmUpCosine", "warmUpShare": "0.3"},
    {"schedule": "Constant", "warmUpShare": "0"},
    {"gradientClip": "0.05"},
    {"averageDecay": "0.9"},
    {"averageDecay": "0.99", "patience": "2", "learningRate": "0.3"},
    {"maskProbability": "0.2"},
    {"cropShare": "0.5"},
    {"reorderShare": "0.5"},
    {"tokenDropout": "0.3"},
    {"samples": "Prefixes", "tokenDropout": "0.2", "maskProbability": "0.2", "cropShare": "0.3", "reorderShare": "0.3"},
]
NAMES = [" ".join(f"{name}={value}" for name, value in option.items()) for option in OPTIONS]
SMALL = {"hiddenSize": "8", "batchSize": "32", "epochs": "4"}


def small(**given: str) -> Training:
    return training("SASRec", **{**SMALL, **given})


def state(made: Training) -> dict[str, Any]:
    """Every tensor and number that a run ends with."""
    found: dict[str, Any] = {"random": torch.get_rng_state(), "sampler": made.sampler.state()}
    found |= {f"model.{name}": tensor for name, tensor in made.model.state_dict().items()}
    found |= {f"judged.{name}": tensor for name, tensor in made.judged.state_dict().items()}
    found |= {f"best.{name}": tensor for name, tensor in made.best.items()}
    for index, entry in made.optimizer.state_dict()["state"].items():
        found |= {f"optimizer.{index}.{name}": value for name, value in entry.items()}
    numbers = (made.epoch, made.best_epoch, made.best_validation, made.without_better)
    return found | {"numbers": torch.tensor(numbers, dtype=torch.float64)}


def equal(left: dict[str, Any], right: dict[str, Any]) -> bool:
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


@pytest.mark.parametrize("option", OPTIONS, ids=NAMES)
def test_stopped_at_any_checkpoint_a_run_ends_in_the_same_bits(option: dict[str, str], tmp_path: Path) -> None:
    torch.set_num_threads(1)
    made = small(**option)

    def keep() -> None:
        (tmp_path / str(made.epoch)).mkdir()
        made.save(tmp_path / str(made.epoch))

    made.run(lambda report: None, keep)
    expected = state(made)
    for folder in tmp_path.iterdir():
        torch.manual_seed(999)
        again = small(**option)
        again.restore(folder)
        again.run(lambda report: None, lambda: None)
        assert equal(state(again), expected), f"continued after epoch {folder.name}"


@pytest.mark.parametrize("option", [{}, *OPTIONS], ids=["default", *NAMES])
def test_every_option_changes_the_run_and_learns(option: dict[str, str]) -> None:
    reports = curve("SASRec", **{**SMALL, **option})
    assert reports[-1].loss < reports[0].loss
    if option:
        plain = curve("SASRec", **SMALL)
        assert [(report.loss, report.validation) for report in reports] != [
            (report.loss, report.validation) for report in plain
        ]


def test_the_optimizer_is_the_one_that_is_named() -> None:
    sgd = small(optimizer="SGD", momentum="0.8", weightDecay="0.01", learningRate="0.1").optimizer
    assert isinstance(sgd, torch.optim.SGD)
    (group,) = sgd.param_groups
    assert (group["lr"], group["momentum"], group["weight_decay"]) == (0.1, 0.8, 0.01)
    assert type(small(optimizer="Adam").optimizer) is torch.optim.Adam
    assert type(small().optimizer) is torch.optim.AdamW


def test_schedules() -> None:
    assert optimizers.factor("Constant", 0.0, 0.0) == optimizers.factor("Constant", 0.2, 0.9) == 1.0
    assert optimizers.factor("WarmUpLinear", 0.0, 0.0) == 1.0
    for schedule in ("WarmUpLinear", "WarmUpCosine", "Constant"):
        assert optimizers.factor(schedule, 0.2, 0.099) == pytest.approx(0.5), "half of the warm-up"
        assert optimizers.factor(schedule, 0.2, 0.2) == 1.0
    assert optimizers.factor("WarmUpLinear", 0.2, 0.6) == pytest.approx(0.5)
    assert optimizers.factor("WarmUpCosine", 0.2, 0.6) == pytest.approx(0.51), "half-way between 1 and 0.02"
    assert optimizers.factor("WarmUpCosine", 0.2, 0.4) > optimizers.factor("WarmUpLinear", 0.2, 0.4)
    assert optimizers.factor("WarmUpCosine", 0.2, 1.0) == optimizers.factor("WarmUpLinear", 0.2, 1.0) == 0.02
    given = check("SASRec", {"learningRate": "0.5", "schedule": "Constant", "warmUpShare": "0"})
    assert optimizers.rate(given, 0.7) == 0.5


def test_clipping_bounds_the_step() -> None:
    """With plain gradient descent the weights move by the learning rate times the clipped norm, and no further."""
    steps = 0
    longest = 0.01
    made = small(optimizer="SGD", momentum="0", learningRate="0.5", schedule="Constant", gradientClip=str(longest))
    moved = []
    before = torch.cat([weight.detach().flatten() for weight in made.model.parameters()])
    step = made.optimizer.step

    def watched(*arguments: Any) -> Any:
        nonlocal before, steps
        answer = step(*arguments)
        after = torch.cat([weight.detach().flatten() for weight in made.model.parameters()])
        moved.append(float((after - before).norm()) / made.optimizer.param_groups[0]["lr"])
        before, steps = after, steps + 1
        return answer

    made.optimizer.step = watched  # type: ignore[method-assign]
    made.run(lambda report: None, lambda: None)
    assert max(moved) == pytest.approx(longest, rel=1e-2)
    assert len(moved) == steps > 10


def test_the_average_is_what_is_validated_and_kept() -> None:
    decay = 0.9
    made = small(averageDecay=str(decay), epochs="1")
    weights: list[torch.Tensor] = []
    step = made.optimizer.step

    def watched(*arguments: Any) -> Any:
        answer = step(*arguments)
        weights.append(made.model.get_parameter("output_bias").detach().clone())
        return answer

    made.optimizer.step = watched  # type: ignore[method-assign]
    made.run(lambda report: None, lambda: None)
    average = weights[0]
    for weight in weights[1:]:
        average = decay * average + (1 - decay) * weight
    torch.testing.assert_close(made.best["output_bias"], average)
    assert not torch.equal(made.best["output_bias"], weights[-1])
    torch.testing.assert_close(made.best_model().get_parameter("output_bias"), average)


def test_patience_ends_the_training_at_the_best_weights(tmp_path: Path) -> None:
    made = small(patience="2", epochs="50", learningRate="0.3")
    reports: list[float] = []

    def note(report: Any) -> None:
        reports.append(report.validation)

    made.run(note, lambda: made.save(tmp_path))
    best = int(np.argmax(reports))
    assert len(reports) == best + 3 < 50
    assert (made.stopped_early, made.best_epoch) == (True, best + 1)
    again = small(patience="2", epochs="50", learningRate="0.3")
    again.restore(tmp_path)
    again.run(lambda report: pytest.fail("an epoch too many"), lambda: pytest.fail("a checkpoint too many"))


def test_prefixes_are_samples_with_one_target_that_they_do_not_hold() -> None:
    parts = [np.arange(10 * number + 1, 10 * number + 8, dtype=np.int32) for number in range(4)]
    seen = []
    for _, batch in Sampler(parts, 3, 5, seed=1, samples=PREFIXES).batches():
        assert (batch.target_BT[:, :-1] == 0).all()
        for history, target in zip(batch.history_BT.tolist(), batch.target_BT[:, -1].tolist(), strict=True):
            items = [item for item in history if item]
            assert items == list(range(target - len(items), target)), "what came right before the target, and no more"
            assert 1 <= len(items) <= 3
            seen.append(target)
    assert sorted(seen) == sorted(item for part in parts for item in part[1:].tolist())


def test_an_epoch_of_some_steps_draws_other_samples_each_time() -> None:
    parts = [np.arange(10 * number + 1, 10 * number + 8, dtype=np.int32) for number in range(40)]
    sampler = Sampler(parts, 3, 5, seed=1, samples=PREFIXES, most_batches=4)
    drawn = [[tuple(sample) for batch in sampler.epoch() for sample in batch.tolist()] for _ in range(2)]
    assert [len(set(epoch)) for epoch in drawn] == [20, 20], "each sample once"
    assert set(drawn[0]) != set(drawn[1])
    assert [share for share, _ in sampler.batches()] == [0, 0.25, 0.5, 0.75], "the schedule is that of the short epoch"
    made = training("SASRec", **SMALL, stepsPerEpoch="2")
    made.run(lambda report: None, lambda: None)
    assert (made.epoch, made.step) == (4, 8)


@pytest.mark.parametrize("samples", ["Windows", "Prefixes"])
def test_an_augmented_position_is_not_asked_for_an_item_that_it_sees(samples: str) -> None:
    """Each item occurs once in a walk of 30, so a target that stands before its position has leaked."""
    augmentation = Augmentation(token_dropout=0.2, mask_probability=0.2, crop_share=0.5, reorder_share=1.0)
    parts = [np.random.default_rng(seed).permutation(30).astype(np.int32) + 1 for seed in range(10)]
    targets = 0
    for _, batch in Sampler(parts, 20, 8, 1, samples, augmentation).batches():
        for history, wanted in zip(batch.history_BT.tolist(), batch.target_BT.tolist(), strict=True):
            for position, target in enumerate(wanted):
                if target:
                    targets += 1
                    assert target not in history[: position + 1]
                    assert any(history[: position + 1]), "something is seen"
    assert targets > 100


def test_mixed_precision_gives_nearly_the_same_curve() -> None:
    """autocast works on the CPU too, where the hyperparameter is refused because it makes nothing faster."""
    plain, mixed = curve("SASRec", **SMALL), curve("SASRec", **SMALL, precision="BFloat16")
    assert [report.loss for report in mixed] == pytest.approx([report.loss for report in plain], rel=0.02)
    assert [report.loss for report in mixed] != [report.loss for report in plain]


def test_compilation_takes_the_loss_and_changes_next_to_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """What torch traces of forward and backward, for batches of any size; no code is made of it without a GPU."""
    compiled, compile_ = CompileCounterWithBackend("aot_eager"), torch.compile

    def traced(loss: Any, **options: Any) -> Any:
        assert options == {"dynamic": True}
        return compile_(loss, **options, backend=compiled)

    two = {**SMALL, "epochs": "2"}
    plain = curve("SASRec", **two)
    torch.compiler.reset()
    monkeypatch.setattr(torch, "compile", traced)
    found = curve("SASRec", **two, compile="On")
    assert [report.loss for report in found] == pytest.approx([report.loss for report in plain], rel=1e-4)
    assert [report.validation for report in found] == pytest.approx([report.validation for report in plain], abs=0.02)
    assert compiled.op_count > 10, "the loss was traced, and not left to run as it is"
