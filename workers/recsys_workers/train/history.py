"""The validations of a run: what they found, as status.progress tells it, and kept beside the run's checkpoints."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from recsys_workers import manifest

LOGGER = logging.getLogger(__name__)
FILE = "history.json"
TOLD = 50
"""How many points status.progress.history has room for; the file holds all."""


@dataclass(frozen=True, slots=True)
class Point:
    """One validation: the epoch and the steps until then, the epoch's mean loss, and what was found.

    That of epoch 0, of a run that begins with a version's weights, has no loss.
    """

    epoch: int
    step: int
    loss: float | None
    validation: float


@dataclass(frozen=True, slots=True)
class History:
    """All validations of a run, oldest first; `metric` is what they measure, `epochs` how many there are to be.

    `others` is what the last one found by other metrics.
    """

    metric: str
    epochs: int
    best_epoch: int
    points: Sequence[Point]
    others: Mapping[str, float] = field(default_factory=dict)

    def fields(self) -> dict[str, Any]:
        """What status.progress says of it, as of the last validation; nothing before the first one."""
        if not self.points:
            return {}
        last = self.points[-1]
        best = next((point for point in self.points if point.epoch == self.best_epoch), last)
        return {
            "epoch": last.epoch,
            "epochs": self.epochs,
            "step": last.step,
            **_loss(last),
            "validation": {
                "metric": self.metric,
                "value": text(last.validation),
                "epoch": last.epoch,
                "best": text(best.validation),
                "bestEpoch": best.epoch,
                **_others(self.others),
            },
            "history": [
                {
                    "epoch": point.epoch,
                    "step": point.step,
                    **_loss(point),
                    "validation": text(point.validation),
                }
                for point in self.points[-TOLD:]
            ],
        }


def _loss(point: Point) -> dict[str, str]:
    return {} if point.loss is None else {"loss": text(point.loss)}


def _others(found: Mapping[str, float]) -> dict[str, list[dict[str, str]]]:
    return {"metrics": [{"name": name, "value": text(value)} for name, value in found.items()]} if found else {}


def text(number: float) -> str:
    """A figure of the status."""
    return f"{number:.6g}"


def write(folder: Path, history: History) -> None:
    """Keep it in the run's folder, where the driver and later attempts find it."""
    document = {
        "metric": history.metric,
        "epochs": history.epochs,
        "bestEpoch": history.best_epoch,
        "points": [asdict(point) for point in history.points],
        "others": dict(history.others),
    }
    manifest.write_file(folder / FILE, (json.dumps(document) + "\n").encode())


def read(folder: Path) -> History | None:
    """What `write` kept; None where there is nothing that can be read, since nothing depends on it but what is told."""
    try:
        document = json.loads((folder / FILE).read_text())
        points = [Point(**point) for point in document["points"]]
        others = document.get("others", {})
        return History(document["metric"], document["epochs"], document["bestEpoch"], points, others)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        LOGGER.warning("%s cannot be read, so the status goes without it: %s", folder / FILE, error)
        return None
