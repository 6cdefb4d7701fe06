"""A table of numbers from which a 0 or a 1 is to be told, and nobody can tell more than a share of them that is set.

All columns are independent standard normal numbers. The label is the sign of a function of theirs, turned round for a
share of the rows, whatever they hold: so the best classifier is that sign, and its accuracy is the rest exactly. The
function is one direction of the space and the square along another one, so that no line can divide the labels well.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]

from recsys_workers.data.generate.churn import CHUNK_ROWS, PARTS, SHARES
from recsys_workers.data.generate.tables import WRITERS
from recsys_workers.data.generate.world import InvalidSettings

BEND = 0.3
"""The part of the square."""

Floats = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, slots=True)
class Settings:
    """What the command line says."""

    rows: int = 50_000
    features: int = 100
    bayes_accuracy: float = 0.85
    seed: int = 1

    def __post_init__(self) -> None:
        for name, least in (("rows", 10), ("features", 2), ("seed", 0)):
            if getattr(self, name) < least:
                raise InvalidSettings(f"--{name} is {getattr(self, name)}: it must be at least {least}.")
        if not 0.5 < self.bayes_accuracy <= 1:
            raise InvalidSettings(f"--bayes-accuracy is {self.bayes_accuracy}: it must be above 0.5, and at most 1.")


def generate(folder: Path, file_format: str, settings: Settings) -> None:
    """Write numbers/ and truth.json into a folder that is there; memory does not grow with the rows."""
    suffix, write = WRITERS[file_format]
    (folder / "numbers").mkdir(parents=True)
    ones = right = 0
    for number, first in enumerate(range(0, settings.rows, CHUNK_ROWS)):
        table, sign = chunk(settings, number, min(CHUNK_ROWS, settings.rows - first))
        write(table, folder / "numbers" / f"part-{number:05d}{suffix}")
        label = np.asarray(table["label"]) == 1
        ones += int(label.sum())
        right += int((label == sign).sum())
    (folder / "truth.json").write_text(json.dumps(truth(settings, ones, right), indent=2) + "\n")


def chunk(settings: Settings, number: int, count: int) -> "tuple[pa.Table, np.ndarray[Any, np.dtype[np.bool_]]]":
    """So many rows, and the sign that decides before any is turned round."""
    random = np.random.default_rng([settings.seed, 5, number])
    x = random.standard_normal((count, settings.features))
    sign = score(x, *directions(settings)) > 0
    label = sign ^ (random.random(count) >= settings.bayes_accuracy)
    part = random.choice(len(PARTS), count, p=SHARES)
    columns = {name: pa.array(x[:, place].astype(np.float32)) for place, name in enumerate(names(settings.features))}
    parts = pa.array(PARTS).take(pa.array(part))
    return pa.table({**columns, "part": parts, "label": label.astype(np.int8)}), sign


def names(features: int) -> list[str]:
    """Of the columns that tell something."""
    width = len(str(features - 1))
    return [f"x{place:0{width}d}" for place in range(features)]


def directions(settings: Settings) -> tuple[Floats, Floats]:
    """Two directions at right angles, drawn with the seed, each of length 1."""
    drawn = np.random.default_rng([settings.seed, 4]).standard_normal((settings.features, 2))
    straight, bent = np.linalg.qr(drawn)[0].T
    return straight, bent


def score(x: Floats, straight: Floats, bent: Floats) -> Floats:
    """What the sign of decides, of each row."""
    decided: Floats = x @ straight + BEND * ((x @ bent) ** 2 - 1)
    return decided


def truth(settings: Settings, ones: int, right: int) -> dict[str, Any]:
    """truth.json: the best that anybody can expect, and what the sign reaches on these very rows: `right` of them."""
    best = settings.bayes_accuracy
    turned = 1 - best
    return {
        "settings": {
            "rows": settings.rows,
            "features": settings.features,
            "bayesAccuracy": best,
            "seed": settings.seed,
        },
        "ones": ones,
        "bayesAccuracy": best,
        "bayesLogLoss": -sum(share * math.log(share) for share in (turned, best) if share),
        "ofTheSign": {"accuracy": right / settings.rows},
    }
