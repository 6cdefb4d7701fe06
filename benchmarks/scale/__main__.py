"""A run of the trainer on many generated events, in the memory of one small pod: `hack/bench.sh scale`."""

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import keep, recorded
from benchmarks.scale.attempt import Measured, measured
from benchmarks.scale.configuration import CLEANING, EVENTS, FILE, GIB, MEMORY_GIB, STEPS, configuration

from recsys_workers.data.generate.__main__ import generate
from recsys_workers.data.generate.world import Settings

EVENTS_A_USER = 139
"""Of the generator with IMPRESSIONS a user."""
IMPRESSIONS = 112


def main() -> int:
    """Print the table; exit code 1 when the run failed, or held more than the pod has."""
    parser = argparse.ArgumentParser(prog="hack/bench.sh scale", description=__doc__)
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--gib", type=float, default=MEMORY_GIB, help="memory of the pod")
    parser.add_argument("--folder", type=Path, help="where to work and to leave everything; else in /tmp, for a while")
    parser.add_argument("--cleaning", type=json.loads, default=CLEANING, help="spec.cleaning as JSON")
    parser.add_argument("--write", action="store_true", help=f"write the table to {FILE.name} in benchmarks/results")
    asked = parser.parse_args()
    asked_for = configuration(asked.events, asked.gib, asked.cleaning)
    if asked.write and asked_for != configuration():
        parser.error("--write keeps the results of the benchmark as it is configured: leave the other options out.")
    folder = asked.folder or Path(tempfile.mkdtemp(prefix="recsys-scale-"))
    try:
        return _run(folder, asked_for, write=asked.write)
    finally:
        if asked.folder is None:
            shutil.rmtree(folder)


def _run(folder: Path, asked: recorded.Configuration, *, write: bool) -> int:
    limit = int(asked["gib"] * GIB)
    generated(folder, asked["events"])
    found = measured(run_json(asked["cleaning"]), folder, limit)
    print(table(found))
    if found.unlimited:
        print(f"{found.unlimited} So the memory is what its processes held, and nothing limited it.", file=sys.stderr)
    if found.code:
        print(found.log[-3000:], file=sys.stderr)
    if found.code or found.killed or found.peak > limit:
        return 1
    if write:
        keep.page(FILE, "Many events in a small pod", asked, told(asked, found))
    return 0


def told(asked: recorded.Configuration, found: Measured) -> str:
    """The table with what it is of."""
    pod = f"a pod of {asked['gib']:g} GiB"
    where = f"{pod}, of which nothing limited it here" if found.unlimited else f"{pod}, a cgroup"
    return (
        f"About {asked['events']:,} generated events go through cleaning, split and sharding and then "
        f"{asked['steps']:,} steps of SASRec, in {where}; nothing was killed for its memory.\n\n"
        f"{table(found)}"
    )


def generated(folder: Path, events: int) -> None:
    """About so many events in the folder `log`, unless they are there, and an empty folder `store`."""
    log = folder / "log"
    if not log.exists():
        generate(log, "Parquet", Settings(users=events // EVENTS_A_USER, items=10_000, impressions=IMPRESSIONS))
    shutil.rmtree(folder / "store", ignore_errors=True)
    (folder / "store").mkdir()


def run_json(cleaning: dict[str, Any]) -> dict[str, Any]:
    """A run that cleans and splits all events, and trains STEPS steps."""
    roles = {"user_id": "User", "item_id": "Item", "timestamp": "Timestamp"}
    return {
        "namespace": "shop",
        "name": "scale-1",
        "uid": "uid-1",
        "model": "scale",
        "task": "SequentialRecommendation",
        "architecture": "SASRec",
        "hyperparameters": {
            "hiddenSize": "16",
            "layers": "1",
            "heads": "1",
            "maxLength": "20",
            "batchSize": "16",
            "epochs": "1",
            "stepsPerEpoch": str(STEPS),
        },
        "seed": 7,
        "dataset": {"uri": "pvc://log/events", "format": "Parquet", "digest": None},
        "cleaning": cleaning,
        "schema": {"columns": [{"name": name, "role": role} for name, role in roles.items()]},
        "catalogue": None,
        "evaluation": {"protocol": "LeaveOneOut", "excludeSeen": False, "metrics": ["NDCG@10", "HR@10"]},
        "gates": [{"name": "better-than-popular", "floor": {"metric": "NDCG@10", "against": "Popularity"}}],
        "storage": {"uri": "pvc://store"},
        "champion": None,
        "image": "trainer",
        "operatorVersion": "benchmark",
    }


def table(found: Measured) -> str:
    """Seconds and most memory of each stage."""
    lines = ["| stage      | seconds | most memory, MiB |", "| ---------- | ------: | ---------------: |"]
    lines += [f"| {stage.name:<10} | {stage.seconds:>7.1f} | {stage.peak / 2**20:>16,.0f} |" for stage in found.stages]
    seconds = sum(stage.seconds for stage in found.stages)
    lines.append(f"| {'all':<10} | {seconds:>7.1f} | {found.peak / 2**20:>16,.0f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
