"""Both sides of the comparison on the same data: what lies in the folder that they share, and RecBole's turn."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.training.beauty import Beauty

from recsys_workers.data.split import HeldOut, Split
from recsys_workers.evaluate import metrics
from recsys_workers.evaluate.scoring import Lists

METRIC = "NDCG@10"
SETTINGS, TRUTH, EPOCHS, BEST = "settings.json", "truth.npz", "recbole.json", "recbole-{}.npz"
AGREEMENT = 1e-3
"""Between RecBole's own figure, with the items of the history, and ours by the same scores: tied ones differ."""
ATOMIC = Path("beauty/beauty.inter")


@dataclass
class RecBole:
    """RecBole 1.2.1 in an environment of its own, an epoch a process."""

    python: Path
    folder: Path
    beauty: Beauty
    settings: dict[str, Any]
    seed: int
    threads: int

    def __post_init__(self) -> None:
        """Write what its process reads, and read what it has done."""
        self.folder.mkdir(parents=True, exist_ok=True)
        told = {**self.settings["recbole"], "seed": self.seed}
        document = {"threads": self.threads, "best": self.settings["best"], "recbole": told}
        (self.folder / SETTINGS).write_text(json.dumps(document))
        (self.folder / ATOMIC).parent.mkdir(exist_ok=True)
        (self.folder / ATOMIC).write_text(atomic(self.beauty.split))
        held = {"validation": self.beauty.split.validation, "test": self.beauty.split.test}
        arrays: dict[str, Any] = {"items": self.beauty.n_items}
        for part, found in held.items():
            slices = found.histories
            arrays |= {f"{part}Flat": slices.flat, f"{part}Starts": slices.starts, f"{part}Ends": slices.ends}
        np.savez(self.folder / TRUTH, allow_pickle=False, **arrays)
        done = self.folder / EPOCHS
        self.epochs: list[dict[str, Any]] = json.loads(done.read_text()) if done.exists() else []

    @property
    def ended(self) -> bool:
        """Whether it has trained all its epochs."""
        return len(self.epochs) >= int(self.settings["epochs"])

    def epoch(self) -> dict[str, Any]:
        """Train the next one in its process, and compute the metrics from its scores here."""
        command = [str(self.python), "-m", "benchmarks.recbole.rival", str(self.folder), str(len(self.epochs) + 1)]
        threads = str(self.threads)
        environment = {**os.environ, "OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}
        environment["PYTHONPATH"] = str(Path(__file__).resolve().parents[2])
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"RecBole ended with exit code {done.returncode}:\n{done.stdout}{done.stderr}")
        told = json.loads(done.stdout.splitlines()[-1])
        split = self.beauty.split
        told["validation"] = self._figure("validation", split.validation)
        told["test"] = self._figure("test", split.test)
        told["own"]["ours"] = self._figure("own", split.validation)
        if abs(told["own"]["ours"] - told["own"]["ndcg@10"]) > AGREEMENT:
            raise RuntimeError(f"RecBole's own {METRIC} and ours by its scores differ: {told['own']}.")
        self.epochs.append(told)
        (self.folder / f"{EPOCHS}.partial").write_text(json.dumps(self.epochs))
        (self.folder / f"{EPOCHS}.partial").replace(self.folder / EPOCHS)
        return self.epochs[-1]

    def _figure(self, part: str, examples: HeldOut) -> float:
        with np.load(self.folder / BEST.format(part)) as best:
            lists = Lists(best["scores"], best["items"].astype(np.int64))
        ranks = metrics.target_ranks(lists, examples.targets, self.beauty.n_items)
        return float(metrics.values(METRIC, ranks).mean())


def atomic(split: Split) -> str:
    """All interactions as RecBole's atomic file; users and items are their numbers in our data, times their places."""
    test = split.test
    lines = ["user_id:token\titem_id:token\ttimestamp:float"]
    for user, (history, target) in enumerate(zip(test.histories, test.targets, strict=True)):
        lines += [f"{user}\t{item}\t{place}" for place, item in enumerate([*history.tolist(), int(target)])]
    return "\n".join(lines) + "\n"
