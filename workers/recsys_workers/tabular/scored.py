"""What Ray's worker leaves of a run on rows: the graph, and every test row's outputs by ONNX and by torch."""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recsys_workers.manifest import write_file
from recsys_workers.predictions import Outputs
from recsys_workers.train.scored import ONNX_FILE

FILE = "outputs.npz"


@dataclass(frozen=True, slots=True)
class ScoredRows:
    """The test rows' outputs, in the order of the split."""

    onnx: Outputs
    torch: Outputs
    best_epoch: int
    validation: float


def write(folder: Path, onnx: bytes, scored: ScoredRows) -> None:
    """Write both files, each atomically."""
    stream = io.BytesIO()
    numbers = {"bestEpoch": scored.best_epoch, "validation": scored.validation}
    np.savez(stream, allow_pickle=False, onnx=scored.onnx, torch=scored.torch, **numbers)
    write_file(folder / ONNX_FILE, onnx)
    write_file(folder / FILE, stream.getvalue())


def read(folder: Path) -> tuple[bytes, ScoredRows]:
    """The graph and the outputs."""
    with np.load(folder / FILE) as arrays:
        scored = ScoredRows(arrays["onnx"], arrays["torch"], int(arrays["bestEpoch"]), float(arrays["validation"]))
    return (folder / ONNX_FILE).read_bytes(), scored
