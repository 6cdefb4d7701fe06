"""Fusing models that rank items into one graph, and holding it against the members' own graphs.

Shapes are in the suffixes: B users, K places of a list, V items.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from recsys_workers import manifest
from recsys_workers.data.interactions import Indices
from recsys_workers.data.split import Split
from recsys_workers.evaluate.scoring import Graph, Lists, Tasks, tasks_of
from recsys_workers.export.graph import export
from recsys_workers.export.reference import reference
from recsys_workers.models import registry
from recsys_workers.models.ensemble import MeanScores, soup
from recsys_workers.train import scored, store, weights
from recsys_workers.train.axes import ITEMS, Axis
from recsys_workers.train.beginning import Beginning, CannotBegin, Sizes
from recsys_workers.train.failure import AttemptFailed
from recsys_workers.train.fence import Fence
from recsys_workers.train.loop import validation_of_lists
from recsys_workers.train.members import FIELD, Member, refuse
from recsys_workers.train.run_config import WEIGHTS
from recsys_workers.train.scored import Scored

COMPARED = 1000
"""How many histories the fused graph is held against the members' own graphs with."""
TOLERANCE = 1e-4
"""How far a score may be from the mean of the members' scores; of those above 1 by that share."""

Model = TypeVar("Model", bound=nn.Module)


@dataclass(frozen=True, slots=True)
class Ranker:
    """A version: its network in terms of the run's items, its own graph, and where these items stand there."""

    model: nn.Module
    max_length: int
    graph: Callable[[int], Graph]
    """For so many threads."""
    places: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Ranking:
    """What the fused model is exported for and judged by."""

    split: Split
    n_items: int
    max_length: int
    input_length: int
    exclude_seen: bool


def ranker(member: Member, axis: Axis) -> Ranker:
    """A version's network and graph; raises AttemptFailed."""

    def sized(sizes: Sizes) -> nn.Module:
        return registry.build(member.described.architecture, sizes[ITEMS], member.hyperparameters)

    described = member.described

    def graph(threads: int) -> Graph:
        onnx = member.version.contents[manifest.MODEL]
        return Graph(onnx, axis.theirs, described.max_length, described.input_length, threads)

    length = member.hyperparameters.integer("maxLength")
    return Ranker(carried(member, {ITEMS: axis}, sized), length, graph, axis.places)


def carried(member: Member, along: dict[str, Axis], sized: Callable[[Sizes], Model]) -> Model:
    """A network of the run's sizes with the member's weights, ready to score; raises AttemptFailed."""
    model = sized({name: len(axis) for name, axis in along.items()})
    try:
        found = weights.decode(member.version.contents[manifest.WEIGHTS])
        Beginning(member.number, found, along, FIELD).carry_into(model, sized)
    except manifest.ArtifactError as error:
        refuse(f"version {member.number}: {error}")
    except CannotBegin as error:
        raise AttemptFailed("EnsembleMismatch", str(error), heals=False) from error
    return model.eval()


def lists(
    folder: Path, members: Sequence[tuple[nn.Module, int]], method: str, ranking: Ranking, threads: int, fence: Fence
) -> Lists:
    """Leave the graph of models, each with its longest history, and every test user's list in the run's folder.

    Of one network its weights too. Returns the lists. Raises StoreUnreachable, and Superseded before it would write.
    """
    torch.set_num_threads(threads)
    fused = soup([model for model, _ in members]) if method == WEIGHTS else MeanScores(members).eval()
    if method == WEIGHTS:
        store.await_turn(folder, fence)
        weights.write(folder, fused)
    onnx = export(fused, ranking.n_items, ranking.input_length)
    graph = Graph(onnx, ranking.n_items, ranking.max_length, ranking.input_length, threads)
    tasks = tasks_of(ranking.split.test.histories, exclude_seen=ranking.exclude_seen)
    made = graph.lists(tasks)
    found = reference(fused, tasks, made, ranking.max_length)
    validation = validation_of_lists(
        fused, ranking.split.validation, ranking.max_length, exclude_seen=ranking.exclude_seen
    )
    store.await_turn(folder, fence)
    scored.write(folder, onnx, Scored(made, found, 0, validation))
    return made


def require_mean(rankers: Sequence[Ranker], all_histories: Sequence[Indices], made: Lists, threads: int) -> None:
    """Raise AttemptFailed where the members' own graphs score the listed items of some histories otherwise."""
    count = len(all_histories)
    chosen = np.unique(np.linspace(0, count - 1, min(COMPARED, count)).astype(np.int64))
    histories = [all_histories[row] for row in chosen]
    listed = Lists(made.scores[chosen], made.items[chosen])
    mean_BK = np.mean([_scores_of(one, histories, listed.items, threads) for one in rankers], axis=0)
    there_BK = ~np.isneginf(listed.scores)
    require_close(listed.scores[there_BK], mean_BK[there_BK], "scores")


def _scores_of(
    one: Ranker,
    histories: Sequence[Indices],
    items_BK: npt.NDArray[np.int64],  # noqa: N803
    threads: int,
) -> npt.NDArray[np.float64]:
    """The member's own scores [B, K] of items of the run.

    Its graph returns no more than it returns to anybody, but what it must not return is an input: all other items.
    """
    graph = one.graph(threads)
    place = np.concatenate([[0], one.places + 1]).astype(np.int32)
    everything = np.arange(1, graph.n_items + 1, dtype=np.int32)
    parts = []
    for start in range(0, len(histories), graph.batch):
        wanted = place[items_BK[start : start + graph.batch]]
        theirs = [place[history] for history in histories[start : start + graph.batch]]
        found = graph.lists(Tasks(theirs, [np.setdiff1d(everything, row) for row in wanted]))
        scores = np.full((len(wanted), graph.n_items + 1), -np.inf)
        np.put_along_axis(scores, found.items, found.scores.astype(np.float64), axis=1)
        parts.append(np.take_along_axis(scores, wanted.astype(np.int64), axis=1))
    return np.concatenate(parts)


def require_close(found: npt.NDArray[np.floating], mean: npt.NDArray[np.floating], what: str) -> None:
    """Raise AttemptFailed where the fused graph gives something else than the mean of the members' graphs.

    Where the mean itself is no finite number, the gates say so.
    """
    with np.errstate(invalid="ignore"):
        gaps = np.abs(found - mean) / np.maximum(1.0, np.abs(mean))
    worst = float(np.nanmax(gaps, initial=0.0, where=np.isfinite(mean)))
    if worst > TOLERANCE:
        text = (
            f"{FIELD}: the fused graph's {what} differ from the mean of what the members' own graphs give, by up to "
            f"{worst:.3g}, where {TOLERANCE:g} is allowed: a member's weights are not those of its graph, or this "
            "release exports another one. Train the members anew."
        )
        raise AttemptFailed("EnsembleDiffers", text, heals=False)
