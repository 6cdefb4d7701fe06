"""The training loop, free of Ray: a state that can be saved between epochs, and one epoch after the other.

A run that is stopped at a checkpoint and continued gives the same bits as one that was not, at a fixed number of
threads: weights, their averages, optimizer, sampler, patience and torch's random state are all in the checkpoint.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from recsys_workers.data.attributes import ItemAttributes
from recsys_workers.data.interactions import Indices
from recsys_workers.data.split import Examples
from recsys_workers.evaluate.metrics import Values, values
from recsys_workers.models import registry
from recsys_workers.models.declaration import ON
from recsys_workers.models.hyperparameters import Hyperparameters
from recsys_workers.models.items import ItemTable
from recsys_workers.models.sets import CountsItems
from recsys_workers.train import optimizers
from recsys_workers.train.augmentation import augmentation_of
from recsys_workers.train.axes import ITEMS, NEW
from recsys_workers.train.beginning import Beginning
from recsys_workers.train.history import History, Point
from recsys_workers.train.reports import EpochReport, StepReport
from recsys_workers.train.sampler import Sampler, left_padded
from recsys_workers.train.team import Divisible, Team

STATE = "state.pt"
VALIDATION_K = 10


class TrainingDiverged(ArithmeticError):
    """The loss is not a finite number."""


class Batch(Divisible, Protocol):
    """What one step learns from."""

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """The arguments of the model's loss."""
        ...


class Batches(Protocol):
    """Where batches come from; all randomness is in the state."""

    def batches(self) -> Iterator[tuple[float, Batch]]:
        """The next epoch's batches, each with the share of the epoch that was done before it."""
        ...

    def state(self) -> Tensor:
        """The state between two epochs."""
        ...

    def restore(self, state: Tensor) -> None:
        """Continue from a state."""
        ...


class Loop:
    """A model in training. `epoch` counts the finished epochs; `best` holds the weights that validated best.

    With `averageDecay` these are averages of the weights over the steps, which `judged` has. A task's own class says
    what validates; it seeds torch before it makes the model, and carries into it what the run begins with. `team` are
    the workers that train it together: one, unless somebody says otherwise.

    A training with a `beginning` is validated before its first epoch too: where no epoch gets better than that, the
    weights that it began with are the best.
    """

    validated_by = ""
    """The metric that chooses the epoch."""
    smaller_is_better = False
    others: Sequence[str] = ()
    """Further metrics of what validates, which are told and decide nothing."""

    def __init__(
        self,
        model: nn.Module,
        sampler: Batches,
        hyperparameters: Hyperparameters,
        beginning: Beginning | None = None,
    ) -> None:
        self.hyperparameters = hyperparameters
        self.beginning = beginning
        self.epochs = hyperparameters.integer("epochs")
        self.patience = hyperparameters.integer("patience")
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.model = model.to(self.device)
        self.optimizer = optimizers.build(self.model.parameters(), hyperparameters)
        self.averages = averages_of(self.model, hyperparameters.number("averageDecay"))
        self.judged = self.model if self.averages is None else self.averages.module
        self.sampler = sampler
        self.epoch = 0
        self.step = 0
        self.points: list[Point] = []
        self.best_validation = self.worst
        self.best_epoch = 0
        self.best: dict[str, Any] = {}
        self.without_better = 0
        self.found_by_others: Mapping[str, float] = {}
        """What the last validation found by `others`, but for what is no finite number; of the worker that tells."""
        self.seconds = 0.0
        """Of training, those of earlier attempts included, where somebody counts them."""
        self.team = Team()

    def validate_by(self, told: Mapping[str, Any]) -> None:
        """Let another metric of the task choose the epoch, before the first one: its name and direction."""
        self.validated_by, self.smaller_is_better = told["metric"], told["smallerIsBetter"]
        self.best_validation = self.worst

    def measure(self, metrics: Sequence[str]) -> None:
        """Let each validation find these too; what chooses the epoch stays."""
        self.others = tuple(name for name in metrics if name != self.validated_by)

    @property
    def worst(self) -> float:
        """What every validation is better than."""
        return math.inf if self.smaller_is_better else -math.inf

    def better(self, value: float, than: float) -> bool:
        """Whether one value of the metric is better than another."""
        return value < than if self.smaller_is_better else value > than

    @property
    def stopped_early(self) -> bool:
        """Whether as many validations as `patience` says, one after the other, brought nothing better."""
        return 0 < self.patience <= self.without_better

    def history(self) -> History:
        """The validations so far, those of earlier attempts included."""
        return History(self.validated_by, self.epochs, self.best_epoch, tuple(self.points), self.found_by_others)

    def run(
        self,
        on_epoch: Callable[[EpochReport], None],
        on_checkpoint: Callable[[], None],
        on_step: Callable[[StepReport], None] = lambda report: None,
    ) -> None:
        """Train the epochs that are left, none if none is; calls `on_checkpoint` when a state is worth keeping.

        `on_step` is called after each step of the optimizer, and must take no time to speak of.
        """
        every = self.hyperparameters.integer("checkpointEvery")
        if self.beginning is not None and not self.points:
            self._report(None, self._validate(), on_epoch)
        loss_of = self._loss()
        while self.epoch < self.epochs and not self.stopped_early:
            loss = self._one_epoch(loss_of, on_step)
            due = self.epoch % every == 0 or self.epoch == self.epochs
            self._report(loss, self._validate() if due else None, on_epoch)
            if due:
                on_checkpoint()

    def _report(self, loss: float | None, validation: float | None, on_epoch: Callable[[EpochReport], None]) -> None:
        if validation is not None:
            self.points.append(Point(self.epoch, self.step, loss, validation))
        others = {} if validation is None else self.found_by_others
        on_epoch(EpochReport(self.epoch, self.epochs, loss, validation, self.step, others))

    def _loss(self) -> Callable[..., Tensor]:
        loss_of = cast("Callable[..., Tensor]", self.model.loss)
        if self.hyperparameters.choice("compile") == ON:
            loss_of = torch.compile(loss_of, dynamic=True)
        return self.team.averaging(self.model, loss_of)

    def _one_epoch(self, loss_of: Callable[..., Tensor], on_step: Callable[[StepReport], None]) -> float:
        self.model.train()
        self.team.begin_epoch(self.epoch)
        mixed = torch.autocast(
            self.device.type, torch.bfloat16, enabled=self.hyperparameters.choice("precision") == "BFloat16"
        )
        longest = self.hyperparameters.number("gradientClip")
        total, batches, targets = 0.0, 0, 0
        for done, batch in self.sampler.batches():
            rate = optimizers.rate(self.hyperparameters, (self.epoch + done) / self.epochs)
            optimizers.set_rate(self.optimizer, rate)
            mine, weight = self.team.part(batch)
            with mixed:
                loss = loss_of(*(tensor.to(self.device) for tensor in mine.tensors))
            if weight != 1.0:
                loss = loss * weight
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            if longest:
                nn.utils.clip_grad_norm_(self.model.parameters(), longest)
            self.optimizer.step()
            if self.averages is not None:
                self.averages.update_parameters(self.model)
            total, batches = total + float(loss.detach()), batches + 1
            self.step, targets = self.step + 1, targets + batch.targets
            on_step(StepReport(self.epoch, self.epochs, done, self.step, total / batches, targets))
        self.epoch += 1
        mean = self.team.mean(total / batches)
        if not math.isfinite(mean):
            raise TrainingDiverged(
                f"The loss is {mean} in epoch {self.epoch}: the training diverged. Lower the hyperparameter "
                f"learningRate, which is {self.hyperparameters.text['learningRate']}."
            )
        return mean

    def validations_of(self, model: nn.Module) -> dict[str, float]:
        """The metrics `validated_by` and `others` of the model on what validates."""
        raise NotImplementedError

    def _validate(self) -> float:
        measured = self.validations_of(self.judged) if self.team.tells else {}
        found = self.team.from_teller(measured.pop(self.validated_by, 0.0))
        self.found_by_others = {name: value for name, value in measured.items() if math.isfinite(value)}
        self.without_better += 1
        if self.better(found, self.best_validation):
            self.best_validation, self.best_epoch, self.without_better = found, self.epoch, 0
            self.best = {name: tensor.clone() for name, tensor in self.judged.state_dict().items()}
        return found

    def best_model(self) -> nn.Module:
        """The model with the weights that validated best, ready to score on the CPU; ends the training."""
        self.model.load_state_dict(self.best)
        return self.model.cpu().eval()

    def save(self, folder: Path) -> None:
        """Write the whole state into a folder."""
        torch.save(
            {
                "epoch": self.epoch,
                "step": self.step,
                "points": [asdict(point) for point in self.points],
                "model": self.model.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "averages": None if self.averages is None else self.averages.state_dict(),
                "sampler": self.sampler.state(),
                "random": torch.get_rng_state(),
                "cudaRandom": torch.cuda.get_rng_state_all(),
                "best": self.best,
                "bestValidation": self.best_validation,
                "bestEpoch": self.best_epoch,
                "withoutBetter": self.without_better,
                "foundByOthers": dict(self.found_by_others),
                "seconds": self.seconds,
            },
            folder / STATE,
        )

    def restore(self, folder: Path) -> None:
        """Continue from a state that `save` wrote with the same hyperparameters."""
        state = torch.load(folder / STATE, weights_only=True, map_location="cpu")
        self.epoch, self.step = state["epoch"], state["step"]
        self.points = [Point(**point) for point in state["points"]]
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.averages is not None:
            self.averages.load_state_dict(state["averages"])
        self.sampler.restore(state["sampler"])
        torch.set_rng_state(state["random"])
        if self.device.type == "cuda":
            torch.cuda.set_rng_state_all(state["cudaRandom"])
        self.best, self.best_validation = state["best"], state["bestValidation"]
        self.best_epoch = state["bestEpoch"]
        self.without_better = state["withoutBetter"]
        self.found_by_others = state.get("foundByOthers", {})
        self.seconds = state.get("seconds", 0.0)


class Training(Loop):
    """A sequential model in training."""

    validated_by = f"NDCG@{VALIDATION_K}"

    def __init__(
        self,
        architecture: str,
        training: Sequence[Indices],
        validation: Examples,
        n_items: int,
        hyperparameters: Hyperparameters,
        seed: int,
        *,
        exclude_seen: bool,
        attributes: ItemAttributes | None = None,
        beginning: Beginning | None = None,
    ) -> None:
        torch.manual_seed(seed)
        self.validation = validation
        self.exclude_seen = exclude_seen
        self.max_length = hyperparameters.integer("maxLength")
        sampler = Sampler(
            training,
            self.max_length,
            hyperparameters.integer("batchSize"),
            seed,
            hyperparameters.choice("samples"),
            augmentation_of(hyperparameters),
            hyperparameters.integer("stepsPerEpoch"),
        )
        model = registry.build(architecture, n_items, hyperparameters)
        if beginning is not None:
            beginning.carry_into(model, lambda sizes: registry.build(architecture, sizes[ITEMS], hyperparameters))
        if isinstance(model, CountsItems):
            model.count(sampler.target_counts(n_items))
        if attributes is not None:
            _described(model, architecture, attributes, beginning)
        super().__init__(model, sampler, hyperparameters, beginning)

    def validations_of(self, model: nn.Module) -> dict[str, float]:
        """The metrics on the validation items, all by the same ranks."""
        ranks = ranks_of_lists(model, self.validation, self.max_length, exclude_seen=self.exclude_seen)
        return {name: float(values(name, ranks).mean()) for name in (self.validated_by, *self.others)}


def _described(model: nn.Module, architecture: str, attributes: ItemAttributes, beginning: Beginning | None) -> None:
    """Tell the model what items are; what it knows of an item from a version stays the item's whole row."""
    if not isinstance(model, ItemTable):
        raise TypeError(f"The architecture {architecture} takes no attributes of items.")
    known = None if beginning is None else torch.from_numpy(beginning.axes[ITEMS].places != NEW)
    model.describe(attributes, known)


def averages_of(model: nn.Module, decay: float) -> AveragedModel | None:
    """An exponential moving average of the weights, which begins with those of the first step; None without decay."""
    if not decay:
        return None
    return AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay))  # type: ignore[no-untyped-call]


def validation_of_lists(
    model: nn.Module,
    examples: Examples,
    max_length: int,
    *,
    exclude_seen: bool,
    metric: str = f"NDCG@{VALIDATION_K}",
) -> float:
    """NDCG@k, HR@k or MRR@k of the torch model; see `ranks_of_lists`."""
    return float(values(metric, ranks_of_lists(model, examples, max_length, exclude_seen=exclude_seen)).mean())


def ranks_of_lists(
    model: nn.Module, examples: Examples, max_length: int, *, exclude_seen: bool, batch: int = 256
) -> Values:
    """Each target's rank among all items by the rules of recsys_workers.evaluate.metrics, on the torch model."""
    model.eval()
    device = next((parameter.device for parameter in model.parameters()), torch.device("cpu"))
    ranks = []
    with torch.no_grad():
        for start in range(0, len(examples.users), batch):
            histories = examples.histories[start : start + batch]
            scores = model(left_padded(histories, max_length).to(device)).cpu()
            target = torch.from_numpy(examples.targets[start : start + batch].astype(np.int64))[:, None] - 1
            wanted = scores.gather(1, target)
            if exclude_seen:
                for row, history in enumerate(histories):
                    scores[row, torch.from_numpy(history.astype(np.int64)) - 1] = -math.inf
            rank = (scores >= wanted).sum(1) - (scores.gather(1, target) >= wanted).sum(1) + 1
            seen = ~torch.isfinite(scores.gather(1, target)[:, 0])
            ranks.append(torch.where(seen, math.inf, rank.double()).numpy())
    return np.concatenate(ranks)
