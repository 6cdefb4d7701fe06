"""What decides the figures of the comparison with RecBole."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.recorded import RESULTS, Benchmark, Configuration, results_of_lines

from recsys_workers.models.hyperparameters import check

NAME, ARCHITECTURE = "SASRec", "SASRec"
FILE = RESULTS / "recbole.jsonl"
LEAST_RATIO = 10.0
"""What is to be reached: how many times sooner ours is as good. It decides no figure."""
SETTINGS: dict[str, Any] = json.loads((Path(__file__).parent / "settings.json").read_text())


def configuration(settings: Mapping[str, Any] = SETTINGS) -> Configuration:
    """Of both sides, whole."""
    hyperparameters = dict(check(ARCHITECTURE, settings["ours"]).text)
    rival = {name: settings[name] for name in ("epochs", "best", "threads", "recbole")}
    return {**rival, "architecture": ARCHITECTURE, "hyperparameters": hyperparameters}


RECBOLE = Benchmark(
    "make bench-recbole", lambda: {NAME: configuration()}, lambda: results_of_lines(FILE, lambda one: one["made"])
)
