"""A version's graph under ONNX Runtime, as the server runs it."""

from typing import Any

import numpy as np
import onnxruntime  # type: ignore[import-untyped]

from recsys_workers.predictions import Outputs
from recsys_workers.preprocessing import Inputs

AT_ONCE = 1024


class RowGraph:
    """A loaded model.onnx."""

    def __init__(self, onnx: bytes, threads: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        self._session: Any = onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])

    def outputs(self, inputs: Inputs) -> Outputs:
        """The outputs of all rows, a batch at a time."""
        parts = []
        for start in range(0, len(inputs), AT_ONCE):
            end = start + AT_ONCE
            fed = {"numeric": inputs.numeric[start:end], "categorical": inputs.categorical[start:end]}
            parts.append(self._session.run(["output"], fed)[0])
        return np.concatenate(parts)
