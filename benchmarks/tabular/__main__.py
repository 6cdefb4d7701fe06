"""A network of 100 → 64 → 1 on rows of which nobody can tell more than 85 %: `make bench-tabular`.

The given target is 81.95 % of the test rows after 10 epochs at 36 ms a step, which was not measured here.
So a plain loop of that kind is trained here too, in turns of an epoch with the trainer's own loop, on the same rows:
see reference.py. Both accuracies are those of the test rows; what the best classifier reaches on them is known.
"""

import argparse
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
from benchmarks import keep, recorded
from benchmarks.tabular import report
from benchmarks.tabular.configuration import (
    ARCHITECTURE,
    BAYES_ACCURACY,
    DATA_SEED,
    FEATURES,
    FILE,
    HYPERPARAMETERS,
    NAME,
    ROWS,
    SEEDS,
    configuration,
)
from benchmarks.tabular.ours import Ours
from benchmarks.tabular.reference import Reference
from pyarrow import parquet

from recsys_workers.data.generate import numbers
from recsys_workers.models.hyperparameters import Hyperparameters, check
from recsys_workers.train import deterministic
from recsys_workers.train.reports import EpochReport


def main() -> None:
    """Train both sides with each seed, and print the table."""
    given = _arguments()
    deterministic.set_up(threads=1)
    results = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        os.environ["RECSYS_PVC_ROOT"] = scratch
        hyperparameters = check(ARCHITECTURE, HYPERPARAMETERS)
        settings = numbers.Settings(given.rows, FEATURES, BAYES_ACCURACY, DATA_SEED)
        files = _write(folder, settings, hyperparameters.integer("batchSize"))
        best = round(_best(files["test"], settings), 5)
        for seed in given.seed or SEEDS:
            results.append({**_one(folder, files, hyperparameters, seed), "best": best})
            if given.rows == ROWS:
                told = configuration()
                keep.result(FILE, {**results[-1], "made": told, "fingerprint": recorded.fingerprint(told)})
    print("\n" + report.protocol(results, given.rows))
    print("\n" + report.table(results))
    print("\n" + report.verdict(results))


def _write(folder: Path, settings: numbers.Settings, group: int) -> dict[str, Path]:
    """The table for the trainer, and for the reference a file a part, whose row groups are its steps."""
    (folder / "data").mkdir()
    (folder / "store").mkdir()
    numbers.generate(folder / "data", "Parquet", settings)
    print((folder / "data" / "truth.json").read_text(), flush=True)
    table = parquet.read_table(folder / "data" / "numbers")
    parts = np.asarray(table["part"])
    files = {}
    for part in ("train", "test"):
        files[part] = folder / f"{part}.parquet"
        of_part = table.filter(pa.array(parts == part)).drop_columns(["part"])
        parquet.write_table(of_part, files[part], row_group_size=group)
    return files


def _best(file: Path, settings: numbers.Settings) -> float:
    """The accuracy of who knows the rule, on the rows of a file."""
    table = parquet.read_table(file)
    x = np.column_stack([np.asarray(table[name], dtype=np.float64) for name in numbers.names(settings.features)])
    told = numbers.score(x, *numbers.directions(settings)) > 0
    return float((told == (np.asarray(table["label"]) == 1)).mean())


def _one(folder: Path, files: dict[str, Path], hyperparameters: Hyperparameters, seed: int) -> dict[str, Any]:
    features = numbers.names(FEATURES)
    rate = hyperparameters.number("learningRate")
    reference = Reference(files["train"], features, hyperparameters.integer("hiddenSize"), rate, seed)
    ours = Ours(folder, features, hyperparameters, seed)
    print(f"seed {seed}: {ours.sentence}", flush=True)

    def after_epoch(done: EpochReport) -> None:
        loss = reference.epoch()
        print(
            f"seed {seed}, epoch {done.epoch} of {done.epochs}: loss {done.loss:.4f}, of the reference {loss:.4f}; "
            f"a step takes {ours.steps.milliseconds()} ms, of the reference {reference.steps.milliseconds()} ms",
            flush=True,
        )

    found = ours.train(after_epoch)
    return {
        "name": NAME,
        "seed": seed,
        "accuracy": round(found.value, 5),
        "accuracy±": round((found.high - found.low) / 2, 5),
        "stepMilliseconds": ours.steps.milliseconds(),
        "steps": ours.training.step,
        "reference": {
            "accuracy": round(reference.accuracy(files["test"]), 5),
            "stepMilliseconds": reference.steps.milliseconds(),
            "steps": len(reference.steps.times),
        },
        "threads": 1,
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench-tabular", description=__doc__)
    parser.add_argument("--seed", type=int, action="append", help=f"one seed; may be repeated (default: {SEEDS})")
    parser.add_argument("--rows", type=int, default=ROWS, help=f"other than {ROWS}: nothing is recorded")
    return parser.parse_args()


if __name__ == "__main__":
    main()
