"""The graph of a version of lists, and what users did, in its numbers: to judge it by one's own means."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from recsys_workers import manifest
from recsys_workers.evaluate.scoring import Graph


def graph_and_walks(
    folder: Path, walk: Callable[[int], Sequence[str]], users: int
) -> tuple[Graph, list[npt.NDArray[np.int32]]]:
    """The graph of the version in the folder, and the items of each user's walk as it counts them."""
    version = manifest.load(folder, None)
    ids, described = version.items().items, version.manifest
    graph = Graph(version.contents[manifest.MODEL], len(ids), described.max_length, described.input_length, threads=1)
    place = {item: index for index, item in enumerate(ids, start=1)}
    return graph, [np.array([place[item] for item in walk(user)], dtype=np.int32) for user in range(users)]
