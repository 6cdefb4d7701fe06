"""How soon a SASRec of ours is as good as RecBole's after its five epochs: `make bench-recbole`.

Both are SASRec with 2 layers, 64 wide, length 50 and cross-entropy over all items, on the same data, split, threads and
machine, in turns of an epoch; RecBole runs in a virtual environment of its own (requirements/recbole.txt) with its own
defaults. After each epoch all items are ranked for every user, those of the history excluded, and {metric} is
computed by this project's code from the scores of either side. The data are not ours to ship: `--data` (or
RECSYS_BEAUTY) names the folder. What was stopped goes on after its last epoch.
"""

import argparse
import hashlib
import json
import os
import sys
from pathlib import Path
from typing import Any

from benchmarks import keep, recorded
from benchmarks.recbole import report
from benchmarks.recbole.configuration import ARCHITECTURE, FILE, NAME, SETTINGS, configuration
from benchmarks.recbole.ours import Ours
from benchmarks.recbole.sides import METRIC, RecBole
from benchmarks.training import beauty
from benchmarks.training.report import BEAUTY

from recsys_workers.models.hyperparameters import check

STATE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "recsys-operator" / "bench-recbole"


def main() -> int:
    """Exit code 0, also when there are no data to run on."""
    given = _arguments()
    if given.data is None or not all((given.data / name).exists() for name in beauty.FILES):
        print(
            f"bench-recbole is skipped: it needs the folder with amazon-beauty's {' and '.join(beauty.FILES)}, by "
            f"--data FOLDER or RECSYS_BEAUTY, and found {given.data}."
        )
        return 0
    data = beauty.read(given.data, given.users)
    hyperparameters = check(ARCHITECTURE, SETTINGS["ours"])
    same = [data.digest, data.users, given.seed, given.threads]
    folder = STATE / f"recbole-{_key([SETTINGS['recbole'], SETTINGS['best'], *same])}"
    rival = RecBole(given.recbole, folder, data, SETTINGS, given.seed, given.threads)
    folder = STATE / f"ours-{_key([dict(hyperparameters.text), *same])}"
    ours = Ours(folder, data, hyperparameters, given.seed, given.threads)
    print(report.protocol(data.digest, [given.seed], given.threads, given.data.name) + "\n")
    print(f"{data.users} users, {data.n_items} items, {data.interactions} interactions; sequences.txt is {data.digest}")
    print(f"seed {given.seed}, threads {given.threads}, state in {STATE}", flush=True)
    while not rival.ended:
        _say("RecBole", rival.epoch())
        if len(ours.epochs) < len(rival.epochs) and not ours.ended:
            _say("ours", ours.epoch())
    while not ours.ended and report.reached(ours.epochs, rival.epochs[-1]["validation"]) is None:
        _say("ours", ours.epoch())
    print(f"\n{report.table(rival.epochs, ours.epochs)}\n\n{report.verdict(rival.epochs, ours.epochs)}")
    if given.users is None and given.threads == SETTINGS["threads"] and data.digest == BEAUTY:
        _record(data, given, rival.epochs, ours.epochs)
    return 0


def _record(data: beauty.Beauty, given: argparse.Namespace, rival: report.Epochs, ours: report.Epochs) -> None:
    count = report.reached(ours, rival[-1]["validation"])
    made = configuration()
    about = {"name": NAME, "seed": given.seed, "users": data.users, "data": data.digest, "threads": given.threads}
    found = {
        "epochs": {"RecBole": len(rival), "ours": count},
        "timesSooner": report.ratios(rival, ours),
        "RecBole": report.rounded(rival),
        "ours": report.rounded(ours),
    }
    keep.result(FILE, {**about, **found, "made": made, "fingerprint": recorded.fingerprint(made)})


def _say(side: str, epoch: dict[str, Any]) -> None:
    spent = " and ".join(
        f"{epoch[name]['clock']:.1f} s of {name} ({epoch[name]['processor']:.1f} of the processor)"
        for name in ("training", "evaluation")
    )
    own = ""
    if "own" in epoch:
        own = (
            f" (with items of the history {epoch['own']['ours']:.4f}, by RecBole itself {epoch['own']['ndcg@10']:.4f})"
        )
    print(
        f"{side}, epoch {epoch['epoch']}: loss {epoch['loss']:.4f}, validation {METRIC} {epoch['validation']:.4f}"
        f"{own}, test {epoch['test']:.4f}; {spent}",
        flush=True,
    )


def _key(told: list[object]) -> str:
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]


def _arguments() -> argparse.Namespace:
    folder = os.environ.get("RECSYS_BEAUTY")
    parser = argparse.ArgumentParser(prog="bench-recbole", description=__doc__.format(metric=METRIC))
    parser.add_argument("--data", type=Path, default=Path(folder) if folder else None, help="has sequences.txt")
    parser.add_argument("--recbole", type=Path, required=True, help="the Python of RecBole's virtual environment")
    parser.add_argument("--seed", type=int, default=SETTINGS["seed"])
    parser.add_argument("--threads", type=int, default=SETTINGS["threads"], help="of either side")
    parser.add_argument("--users", type=int, help="the first so many users; nothing is recorded")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
