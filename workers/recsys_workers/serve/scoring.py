"""The exported graph in ONNX Runtime: one history in, the best items out."""

import time
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recsys_workers.serve import session
from recsys_workers.serve.termination import CannotServe

INPUTS = {"history", "excluded"}
OUTPUTS = {"scores", "items"}
WARM_UP_SECONDS = 2.0


class BrokenModel(Exception):
    """The graph answered something that cannot be served, such as NaN."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """Graph indices (1 to n_items), best first, and their scores. Excluded items are not in it."""

    indices: npt.NDArray[np.int64]
    scores: npt.NDArray[np.float32]


class ScoringModel:
    """`model.onnx` of one version. Not thread-safe by need: the server calls it from one thread."""

    def __init__(self, onnx: bytes, item_count: int, max_length: int, input_length: int, threads: int) -> None:
        """`input_length` >= `max_length`: the history's last `max_length` items are left-padded to `input_length`."""
        self._session = session.loaded(onnx, threads)
        inputs, outputs = session.names(self._session)
        if inputs != INPUTS or not outputs >= OUTPUTS:
            raise CannotServe(
                "ModelUnreadable",
                f"model.onnx has inputs {sorted(inputs)} and outputs {sorted(outputs)}; "
                f"this server needs {sorted(INPUTS)} and {sorted(OUTPUTS)}.",
            )
        self._item_count = item_count
        self._max_length = max_length
        self._input_length = input_length

    def rank(self, history: list[int], excluded: npt.NDArray[np.bool_]) -> Ranking:
        """The best items that are not excluded. `history` holds graph indices, oldest first, of any length.

        `excluded` has n_items + 1 places, the first for the padding. Raises BrokenModel.
        """
        history_1L = np.zeros((1, self._input_length), dtype=np.int64)
        recent = history[-self._max_length :]
        if recent:
            history_1L[0, -len(recent) :] = recent
        scores, indices = self._session.run(
            ["scores", "items"], {"history": history_1L, "excluded": excluded[np.newaxis, :]}
        )
        kept = ~np.isneginf(scores[0])
        ranking = Ranking(indices[0][kept], scores[0][kept])
        if not np.isfinite(ranking.scores).all():
            raise BrokenModel("The model answered a score that is not a finite number.")
        if excluded[ranking.indices].any():
            raise BrokenModel("The model answered an item that was excluded.")
        return ranking

    def warm_up(self) -> None:
        """Run the graph as requests will, so that the first of them finds memory laid out and caches filled.

        Twenty times, less when one run is slow. Raises CannotServe when the graph does not work.
        """
        nothing = np.zeros(self._item_count + 1, dtype=np.bool_)
        nothing[0] = True
        history = [1 + step % self._item_count for step in range(self._max_length)]
        deadline = time.monotonic() + WARM_UP_SECONDS
        try:
            for attempt in range(20):
                found = self.rank(history if attempt % 2 == 0 else history[:1], nothing)
                if attempt >= 2 and time.monotonic() > deadline:
                    break
        except Exception as error:
            raise CannotServe("ModelBroken", f"model.onnx fails on a history of known items: {error}") from error
        if not len(found.indices):
            raise CannotServe("ModelBroken", "model.onnx answers no item although nothing is excluded.")
