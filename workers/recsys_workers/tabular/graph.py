"""A version's graph under ONNX Runtime, as the server runs it."""

from collections.abc import Iterable

import numpy as np

from recsys_workers.evaluate.scoring import session
from recsys_workers.predictions import Outputs
from recsys_workers.preprocessing import Inputs
from recsys_workers.tabular.table import SCORED_TOGETHER


class RowGraph:
    """A loaded model.onnx."""

    def __init__(self, onnx: bytes, threads: int) -> None:
        self._session = session(onnx, threads)

    def outputs(self, inputs: Inputs) -> Outputs:
        """The outputs of all rows, a batch at a time."""
        parts = []
        for start in range(0, len(inputs), SCORED_TOGETHER):
            end = start + SCORED_TOGETHER
            fed = {"numeric": inputs.numeric[start:end], "categorical": inputs.categorical[start:end]}
            parts.append(self._session.run(["output"], fed)[0])
        return np.concatenate(parts)

    def of_pieces(self, pieces: Iterable[Inputs]) -> Outputs:
        """The outputs of rows that come some at a time, as if they came at once."""
        return np.concatenate([self.outputs(piece) for piece in pieces])
