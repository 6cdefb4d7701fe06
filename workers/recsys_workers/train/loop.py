"""The training loop, free of Ray: a state that can be saved between epochs, and one epoch after the other.

A run that is stopped at a checkpoint and continued gives the same bits as one that was not, at a fixed number of
threads: weights, optimizer, sampler and torch's random state are all in the checkpoint.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import nn

from recsys_workers.data.interactions import Indices
from recsys_workers.data.split import Examples
from recsys_workers.models import registry
from recsys_workers.models.hyperparameters import Hyperparameters
from recsys_workers.models.sequential import SequentialModel
from recsys_workers.train.sampler import Sampler, left_padded

STATE = "state.pt"
WARM_UP = 0.05
"""Share of the training in which the learning rate rises to its value."""
FINAL = 0.02
"""Share of the learning rate that the linear decay leaves at the end."""
VALIDATION_K = 10


class TrainingDiverged(ArithmeticError):
    """The loss is not a finite number."""


@dataclass(frozen=True, slots=True)
class EpochReport:
    """What one epoch gave; `validation_ndcg` is NDCG@10 on the validation items, at checkpoints only."""

    epoch: int
    epochs: int
    loss: float
    validation_ndcg: float | None


class Training:
    """A model in training. `epoch` counts the finished epochs; `best` holds the weights that validated best."""

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
    ) -> None:
        torch.manual_seed(seed)
        self.hyperparameters = hyperparameters
        self.validation = validation
        self.exclude_seen = exclude_seen
        self.max_length = hyperparameters.integer("maxLength")
        self.epochs = hyperparameters.integer("epochs")
        self.model = registry.build(architecture, n_items, hyperparameters)
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(),
            lr=hyperparameters.number("learningRate"),
            weight_decay=hyperparameters.number("weightDecay"),
            foreach=True,
        )
        self.sampler = Sampler(training, self.max_length, hyperparameters.integer("batchSize"), seed)
        self.epoch = 0
        self.best_ndcg = -math.inf
        self.best_epoch = 0
        self.best: dict[str, Any] = {}

    def run(self, on_epoch: Callable[[EpochReport], None], on_checkpoint: Callable[[], None]) -> None:
        """Train the epochs that are left, none if none is; calls `on_checkpoint` when a state is worth keeping."""
        every = self.hyperparameters.integer("checkpointEvery")
        while self.epoch < self.epochs:
            loss = self._one_epoch()
            due = self.epoch % every == 0 or self.epoch == self.epochs
            validation_ndcg = self._validate() if due else None
            on_epoch(EpochReport(self.epoch, self.epochs, loss, validation_ndcg))
            if due:
                on_checkpoint()

    def _one_epoch(self) -> float:
        self.model.train()
        total, batches = 0.0, 0
        for done, batch in self.sampler.batches():
            rate = self.hyperparameters.number("learningRate") * schedule((self.epoch + done) / self.epochs)
            for group in self.optimizer.param_groups:
                group["lr"] = rate
            loss = cast("SequentialModel", self.model).loss(batch.history_BT, batch.target_BT)
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimizer.step()
            total, batches = total + float(loss.detach()), batches + 1
        self.epoch += 1
        mean = total / batches
        if not math.isfinite(mean):
            raise TrainingDiverged(
                f"The loss is {mean} in epoch {self.epoch}: the training diverged. Lower the hyperparameter "
                f"learningRate, which is {self.hyperparameters.text['learningRate']}."
            )
        return mean

    def _validate(self) -> float:
        ndcg = validation_ndcg(self.model, self.validation, self.max_length, exclude_seen=self.exclude_seen)
        if ndcg > self.best_ndcg:
            self.best_ndcg, self.best_epoch = ndcg, self.epoch
            self.best = {name: tensor.clone() for name, tensor in self.model.state_dict().items()}
        return ndcg

    def best_model(self) -> nn.Module:
        """The model with the weights that validated best, ready to score."""
        self.model.load_state_dict(self.best)
        return self.model.eval()

    def save(self, folder: Path) -> None:
        """Write the whole state into a folder."""
        torch.save(
            {
                "epoch": self.epoch,
                "model": self.model.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "sampler": self.sampler.state(),
                "random": torch.get_rng_state(),
                "best": self.best,
                "bestNdcg": self.best_ndcg,
                "bestEpoch": self.best_epoch,
            },
            folder / STATE,
        )

    def restore(self, folder: Path) -> None:
        """Continue from a state that `save` wrote with the same hyperparameters."""
        state = torch.load(folder / STATE, weights_only=True)
        self.epoch = state["epoch"]
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.sampler.restore(state["sampler"])
        torch.set_rng_state(state["random"])
        self.best, self.best_ndcg, self.best_epoch = state["best"], state["bestNdcg"], state["bestEpoch"]


def schedule(done: float) -> float:
    """The learning rate's factor after the share `done` of the training: linear warm-up, then linear decay."""
    rising = (done + 1e-3) / WARM_UP
    return min(1.0, rising, max(FINAL, (1 - done) / (1 - WARM_UP)))


def validation_ndcg(
    model: nn.Module, examples: Examples, max_length: int, *, exclude_seen: bool, batch: int = 256
) -> float:
    """NDCG@10 over all items by the rules of recsys_workers.evaluate.metrics, on the torch model."""
    model.eval()
    gains = []
    with torch.no_grad():
        for start in range(0, len(examples.users), batch):
            histories = examples.histories[start : start + batch]
            scores = model(left_padded(histories, max_length))
            target = torch.from_numpy(examples.targets[start : start + batch].astype(np.int64))[:, None] - 1
            wanted = scores.gather(1, target)
            if exclude_seen:
                for row, history in enumerate(histories):
                    scores[row, torch.from_numpy(history.astype(np.int64)) - 1] = -math.inf
            rank = (scores >= wanted).sum(1) - (scores.gather(1, target) >= wanted).sum(1) + 1
            seen = ~torch.isfinite(scores.gather(1, target)[:, 0])
            gains.append(torch.where((rank <= VALIDATION_K) & ~seen, 1 / torch.log2(rank + 1.0), 0.0))
    return float(torch.cat(gains).mean())
