"""The trainer as a process, with Ray: killed, stopped, continued; the version is an undisturbed run's, bit by bit."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from recsys_workers import manifest, scores
from recsys_workers.train import history

pytestmark = [pytest.mark.torch, pytest.mark.timeout(900)]

EPOCHS = 40
LEFT = ["attempt.lock", "dataset.digest", "history.json"]
"""What stays of a run in its folder."""
ROOT = Path(__file__).parents[3]


def write_data(folder: Path) -> None:
    """Users who walk through 60 items in a circle, each from another place."""
    folder.mkdir(parents=True)
    rows = [f"{user}\t{(user * 7 + step) % 60}\t{step}" for user in range(150) for step in range(30)]
    (folder / "walks.inter").write_text("\n".join(["user_id:token\titem_id:token\ttimestamp:float", *rows]) + "\n")


def run_json(uid: str, gates: list[dict[str, Any]]) -> dict[str, Any]:
    roles = {"user_id": "User", "item_id": "Item", "timestamp": "Timestamp"}
    return {
        "namespace": "shop",
        "name": f"run-{uid}",
        "uid": uid,
        "model": "walks",
        "task": "SequentialRecommendation",
        "architecture": "SASRec",
        "hyperparameters": {"hiddenSize": "16", "maxLength": "10", "epochs": str(EPOCHS), "learningRate": "0.005"},
        "seed": 7,
        "dataset": {"uri": "pvc://data", "format": "RecBole", "digest": None},
        "schema": {"columns": [{"name": name, "role": role} for name, role in roles.items()]},
        "catalogue": None,
        "evaluation": {"protocol": "LeaveOneOut", "excludeSeen": True, "metrics": ["NDCG@10", "HR@10"]},
        "gates": gates,
        "storage": {"uri": "pvc://store"},
        "champion": None,
        "image": "trainer",
        "operatorVersion": "test",
    }


class Trainer:
    """`python -m recsys_workers.train` as the pod runs it, with its output in a file."""

    def __init__(
        self, folder: Path, uid: str, attempt: int, gates: list[dict[str, Any]] | None = None, **others: Any
    ) -> None:
        self.store = folder / "store" / "shop" / "walks"
        self.run_folder = self.store / "runs" / uid
        self.log = folder / f"{uid}-{attempt}.log"
        config = folder / f"{uid}.json"
        config.write_text(json.dumps({**run_json(uid, gates or []), **others}))
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT / "workers"),
            "RECSYS_PVC_ROOT": str(folder),
            "RECSYS_RUN_CONFIG": str(config),
            "RECSYS_THREADS": "1",
            "RECSYS_TERMINATION_LOG": str(folder / "termination"),
        }
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "recsys_workers.train"],
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def text(self) -> str:
        return self.log.read_text(errors="replace")

    def wait(self, seconds: float = 400) -> int:
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            pytest.fail(f"the trainer did not end:\n{self.text()}")

    def wait_for_checkpoints(self, count: int) -> None:
        """Until this attempt kept so many checkpoints: the next epoch's line comes after that."""
        end = time.monotonic() + 300
        while len(self.epochs()) <= count:
            if self.process.poll() is not None or time.monotonic() > end:
                self.kill()
                pytest.fail(f"the trainer made no {count} checkpoints:\n{self.text()}")
            time.sleep(0.05)

    def kill(self) -> None:
        """SIGKILL to all of it at once, as when the pod's node takes the pod away."""
        for pid in [self.process.pid, *descendants(self.process.pid)]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(30)

    def left(self) -> list[str]:
        """The names in the run's folder."""
        return sorted(entry.name for entry in self.run_folder.iterdir())

    def epochs(self) -> list[int]:
        return [int(number) for number in re.findall(r"INFO Epoch (\d+) of \d+:", self.text())]


def descendants(pid: int) -> list[int]:
    """Every process below one."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(entry.name))
    found: list[int] = []
    queue = [pid]
    while queue:
        below = children.get(queue.pop(), [])
        found += below
        queue += below
    return found


def alive(pids: list[int]) -> list[int]:
    return [pid for pid in pids if Path(f"/proc/{pid}").exists() and "Z" not in state(pid)]


def state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"


def test_a_killed_and_a_stopped_attempt_lose_at_most_one_checkpoint_and_change_no_bit(tmp_path: Path) -> None:
    write_data(tmp_path / "data")
    (tmp_path / "store").mkdir()
    gates = [
        {"name": "good-enough", "floor": {"metric": "NDCG@10", "min": "0.5"}},
        {"name": "no-regression", "champion": {"metric": "NDCG@10", "maxRegressionPercent": 10}},
        {"name": "same-lists", "parity": {"tolerance": "1e-5"}},
        {"name": "fast-enough", "latency": {"p99Milliseconds": 5000}},
    ]
    first = Trainer(tmp_path, "disturbed", 1, gates)
    first.wait_for_checkpoints(3)
    first.kill()
    done = max(first.epochs(), default=3)
    assert done < EPOCHS - 5, "the kill came too late to show anything"

    second = Trainer(tmp_path, "disturbed", 2, gates)
    second.wait_for_checkpoints(2)
    below = descendants(second.process.pid)
    second.process.send_signal(signal.SIGTERM)
    assert second.wait(60) == 143
    end = time.monotonic() + 20
    while alive(below) and time.monotonic() < end:
        time.sleep(0.2)
    assert alive(below) == [], "Ray's processes outlive the trainer"
    assert json.loads((tmp_path / "termination").read_text())["reason"] == "Stopped"
    continued = re.search(rf"continuing after epoch (\d+) of {EPOCHS}", second.text())
    assert continued is not None, second.text()
    assert done - 1 <= int(continued[1]) <= done + 1

    third = Trainer(tmp_path, "disturbed", 3, gates)
    assert third.wait() == 0, third.text()
    assert "continuing after epoch" in third.text()
    assert third.left() == LEFT
    version = manifest.load(third.store / "versions" / "1", None)
    assert version.manifest.verdict == "Passed", version.manifest.gates
    assert {gate["name"]: gate["verdict"] for gate in version.manifest.gates} == {
        gate["name"]: "Passed" for gate in gates
    }
    spread = scores.parse(json.loads(version.contents[manifest.EVALUATION])["scores"])
    assert spread is not None
    assert 0 < spread["+Inf"] <= scores.FIRST * version.manifest.protocol["evaluatedUsers"]

    undisturbed = Trainer(tmp_path, "undisturbed", 1)
    assert undisturbed.wait() == 0, undisturbed.text()
    twin = manifest.load(undisturbed.store / "versions" / "2", None)
    assert twin.contents[manifest.MODEL] == version.contents[manifest.MODEL]
    first_weights, second_weights = (
        manifest.load(third.store / "versions" / number, None, {manifest.WEIGHTS}).contents for number in ("1", "2")
    )
    assert first_weights == second_weights
    found = history.read(third.run_folder)
    assert found is not None
    assert [point.epoch for point in found.points] == list(range(1, EPOCHS + 1))
    assert found == history.read(undisturbed.run_folder)

    again = Trainer(tmp_path, "disturbed", 4, gates)
    assert again.wait(60) == 0, again.text()
    assert "an earlier attempt published version 1 already" in again.text()
    assert sorted(entry.name for entry in (again.store / "versions").iterdir()) == ["1", "2"]
    assert again.left() == LEFT


SLOW_END = """
import os, signal, time
from recsys_workers.train import ray_run
from recsys_workers.train.__main__ import STOPPED, _leave, _stop

signal.signal(signal.SIGTERM, _stop)
try:
    with ray_run.session(1, 0, 1):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(60)
except SystemExit:
    time.sleep(5)
    _leave(STOPPED)
"""
"""Is stopped while it has Ray, and takes a while to say so, as where the API server or MLflow is slow."""


def test_a_trainer_that_is_stopped_has_more_than_the_three_seconds_that_ray_would_give_it() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SLOW_END],
        env={**os.environ, "PYTHONPATH": str(ROOT / "workers")},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert (done.returncode, done.stdout, done.stderr) == (143, "", "")
