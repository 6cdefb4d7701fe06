"""The champion on a run's own examples, against plain numpy: it has another vocabulary, in another order."""

import math
from pathlib import Path

import numpy as np
import pytest
from tests.unit.workers.serve.tiny_version import TinyVersion, write_version

from recsys_workers import manifest
from recsys_workers.data.interactions import Indices
from recsys_workers.data.split import Examples
from recsys_workers.evaluate import champion

OURS = ["new-1", *(str(number) for number in range(28, 2, -1)), "new-2"]
"""Of the champion's items "1" to "30" four are not in our data, and two of ours it has never seen."""


@pytest.fixture
def reigning(tmp_path: Path) -> TinyVersion:
    return write_version(tmp_path)


def examples(count: int = 200) -> Examples:
    random = np.random.default_rng(2)
    histories = [random.integers(1, len(OURS) + 1, random.integers(1, 12)).astype(np.int32) for _ in range(count)]
    histories[0] = np.array([1, len(OURS)], dtype=np.int32)  # nothing that the champion knows
    targets: Indices = random.integers(1, len(OURS) + 1, count).astype(np.int32)
    return Examples(np.arange(count), histories, targets)


def rank(version: TinyVersion, history: list[str], target: str, *, exclude: bool) -> float:
    """By the rules of the metrics, from all scores: ties count against the target."""
    known = [int(item) for item in history if not item.startswith("new")]
    if target.startswith("new"):
        return math.inf
    scores = version.embedding @ version.embedding[known[-version.max_length :]].sum(axis=0)
    left_out = set(known) if exclude else set()
    if int(target) in left_out:
        return math.inf
    return float(sum(scores[item] >= scores[int(target)] for item in range(1, 31) if item not in left_out))


@pytest.mark.parametrize("exclude", [True, False])
def test_its_ranks_are_those_of_its_own_lists(reigning: TinyVersion, exclude: bool) -> None:
    asked = examples()
    found = champion.ranks(reigning.folder, reigning.digest, OURS, asked, exclude=exclude, threads=1)
    named = [
        ([OURS[item - 1] for item in history], OURS[target - 1])
        for history, target in zip(asked.histories, asked.targets, strict=True)
    ]
    expected = [rank(reigning, history, target, exclude=exclude) for history, target in named]
    assert found.tolist() == expected
    assert {math.inf, 1.0} <= set(expected), "the examples have misses and hits"


def test_its_bytes_are_verified_first(reigning: TinyVersion) -> None:
    with pytest.raises(manifest.DigestMismatch):
        champion.ranks(reigning.folder, "sha256:" + "0" * 64, OURS, examples(1), exclude=True, threads=1)
