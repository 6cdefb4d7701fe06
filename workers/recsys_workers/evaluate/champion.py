"""The champion's artifact on this run's own examples."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from recsys_workers import manifest
from recsys_workers.data.interactions import Indices
from recsys_workers.data.split import Examples
from recsys_workers.evaluate.metrics import Values, target_ranks
from recsys_workers.evaluate.scoring import Graph, Tasks


def ranks(folder: Path, digest: str, item_ids: list[str], examples: Examples, *, exclude: bool, threads: int) -> Values:
    """The rank of each example's target in the champion's list, after the champion's bytes are verified.

    The champion has its own vocabulary: items it does not know are left out of the histories it sees, and a target
    that it does not know is one that it cannot return. Raises manifest.ArtifactError.
    """
    version = manifest.load(folder, digest)
    described = version.manifest
    known = version.items().items
    graph = Graph(
        version.contents[manifest.MODEL], len(known), described.max_length, described.input_length, threads=threads
    )
    translation = translate(item_ids, known)
    histories = [_known(translation[history]) for history in examples.histories]
    nothing: Indices = np.empty(0, dtype=np.int32)
    lists = graph.lists(Tasks(histories, histories if exclude else [nothing] * len(histories)))
    targets = translation[examples.targets]
    found = target_ranks(lists, np.where(targets == 0, -1, targets).astype(np.int32), len(known))
    return np.where((targets == 0) & ~np.isnan(found), np.inf, found)


def translate(item_ids: list[str], known: list[str]) -> npt.NDArray[np.int32]:
    """For each of our item indices (0 is padding) the champion's index, 0 where it has none."""
    index = {item: position for position, item in enumerate(known, start=1)}
    return np.array([0, *(index.get(item, 0) for item in item_ids)], dtype=np.int32)


def _known(history: Indices) -> Indices:
    known: Indices = history[history != 0]
    return known
