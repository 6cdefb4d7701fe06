"""What Ray's worker leaves for the evaluation: the graph, and every test user's list by ONNX and by torch."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recsys_workers.evaluate.parity import Reference
from recsys_workers.evaluate.scoring import Lists
from recsys_workers.manifest import replaced, write_file

ONNX_FILE = "candidate.onnx"
LISTS_FILE = "candidate.npz"


@dataclass(frozen=True, slots=True)
class Scored:
    """The lists of the test targets, in the order of the split."""

    onnx: Lists
    reference: Reference
    best_epoch: int
    validation_ndcg: float


def write(folder: Path, onnx: bytes, scored: Scored) -> None:
    """Write both files, each atomically."""
    write_file(folder / ONNX_FILE, onnx)
    with replaced(folder / LISTS_FILE) as stream:
        np.savez(
            stream,
            onnxScores=scored.onnx.scores,
            onnxItems=scored.onnx.items,
            items=scored.reference.items,
            scores=scored.reference.scores,
            scoresOfOnnx=scored.reference.scores_of_onnx,
            finite=scored.reference.finite,
            bestEpoch=scored.best_epoch,
            validationNdcg=scored.validation_ndcg,
        )


def read(folder: Path) -> tuple[bytes, Scored]:
    """The graph and the lists."""
    with np.load(folder / LISTS_FILE) as arrays:
        scored = Scored(
            Lists(arrays["onnxScores"], arrays["onnxItems"]),
            Reference(arrays["items"], arrays["scores"], arrays["scoresOfOnnx"], arrays["finite"]),
            int(arrays["bestEpoch"]),
            float(arrays["validationNdcg"]),
        )
    return (folder / ONNX_FILE).read_bytes(), scored
