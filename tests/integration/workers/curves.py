"""Tiny seeded data with a planted order, and the curve that an architecture gives on it."""

from pathlib import Path

import numpy as np

from recsys_workers.data.attributes import ItemAttributes
from recsys_workers.data.interactions import Indices
from recsys_workers.data.split import Examples
from recsys_workers.models.hyperparameters import check
from recsys_workers.train import deterministic
from recsys_workers.train.loop import Training
from recsys_workers.train.reports import EpochReport

N_ITEMS = 40
TINY = {"hiddenSize": "16", "maxLength": "10", "batchSize": "16", "epochs": "6", "learningRate": "0.01"}
GOLDEN = Path(__file__).parent / "golden"


def walks(count: int = 60) -> list[Indices]:
    """Users who walk through the items in a circle, each from another place and by steps of one or two."""
    random = np.random.default_rng(7)
    return [
        ((random.integers(N_ITEMS) + np.arange(random.integers(3, 30)) * random.choice([1, 2])) % N_ITEMS + 1).astype(
            np.int32
        )
        for _ in range(count)
    ]


def training(architecture: str, attributes: ItemAttributes | None = None, **given: str) -> Training:
    """A training on the walks; the last item of each validates."""
    sequences = walks()
    examples = Examples(
        np.arange(len(sequences)),
        [sequence[:-1] for sequence in sequences],
        np.array([sequence[-1] for sequence in sequences], dtype=np.int32),
    )
    parts = [sequence[:-1] for sequence in sequences]
    hyperparameters = check(architecture, {**TINY, **given})
    return Training(
        architecture, parts, examples, N_ITEMS, hyperparameters, seed=11, exclude_seen=False, attributes=attributes
    )


def curve(architecture: str, **given: str) -> list[EpochReport]:
    """The reports of all epochs, by one thread, with torch as the trainer sets it up."""
    deterministic.set_up(threads=1)
    reports: list[EpochReport] = []
    training(architecture, **given).run(reports.append, lambda: None)
    return reports
