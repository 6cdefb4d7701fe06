"""A run with two workers, with real Ray, as KubeRay's command starts it: the same quality as with one, and survival."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from tests.integration.workers.test_trainer_kill import (
    EPOCHS,
    LEFT,
    ROOT,
    Trainer,
    alive,
    descendants,
    run_json,
    write_data,
)
from tests.unit.workers.exposition import sample

from recsys_workers import manifest
from recsys_workers.train import exposition, submitted

pytestmark = [pytest.mark.torch, pytest.mark.full, pytest.mark.timeout(1800)]


def metrics(store: Path, number: int) -> dict[str, float]:
    version = manifest.load(store / "versions" / str(number), None).manifest
    return {entry["name"]: float(entry["value"]) for entry in json.loads(manifest.encode(version))["metrics"]}


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("0.0.0.0", 0))
        found: int = free.getsockname()[1]
    return found


def test_two_workers_reach_what_one_reaches_and_go_on_after_a_kill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_data(tmp_path / "data")
    (tmp_path / "store").mkdir()
    one = Trainer(tmp_path, "one", 1)
    assert one.wait() == 0, one.text()

    monkeypatch.setenv("RECSYS_WORKERS", "2")
    port = free_port()
    monkeypatch.setenv(exposition.PORT, str(port))
    two = Trainer(tmp_path, "two", 1)
    two.wait_for_checkpoints(3)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as answer:
        scraped = answer.read()
    processes = [two.process.pid, *descendants(two.process.pid)]
    two.kill()
    assert not alive(processes)
    run = {"namespace": "shop", "run": "run-two", "model": "walks"}
    assert sample(scraped, "recsys_training_workers", **run) == 2
    assert 3 <= (sample(scraped, "recsys_training_epoch", **run) or 0) <= EPOCHS
    assert sample(scraped, "recsys_training_stage", **run, stage="Training") == 1
    again = Trainer(tmp_path, "two", 2)
    assert again.wait() == 0, again.text()
    assert "continuing after epoch" in again.text()
    assert len(again.epochs()) < EPOCHS
    assert "worker 2 of 2" in again.text()
    assert again.left() == LEFT

    monkeypatch.setenv("RECSYS_GPUS", "1")  # which torch does not see
    undisturbed = Trainer(tmp_path, "three", 1)
    assert undisturbed.wait() == 0, undisturbed.text()
    assert "asks for 1 GPU, and the trainer sees 0 CUDA devices: it trains on the CPU" in undisturbed.text()
    assert "worker 2 of 2, joined by gloo" in undisturbed.text()
    found = [metrics(one.store, number) for number in (1, 2, 3)]
    assert found[1] == found[2], "a run that was killed becomes what an undisturbed one does"
    for name, value in found[0].items():
        assert abs(found[1][name] - value) < 0.05, (name, found)


def test_a_worker_that_is_killed_ends_the_attempt_with_a_word_in_the_last_line(tmp_path: Path) -> None:
    write_data(tmp_path / "data")
    (tmp_path / "store").mkdir()
    (tmp_path / "run.json").write_text(json.dumps(run_json("uid-1", [])))
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT / "workers"),
        "RECSYS_PVC_ROOT": str(tmp_path),
        "RECSYS_RUN_CONFIG": str(tmp_path / "run.json"),
        "RECSYS_THREADS": "1",
        "RECSYS_WORKERS": "2",
    }
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "recsys_workers.train.submitted"],
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    end = time.monotonic() + 600
    while "INFO Epoch 2 of" not in log.read_text(errors="replace"):  # so that there is a checkpoint
        assert process.poll() is None, log.read_text(errors="replace")
        assert time.monotonic() < end
        time.sleep(0.1)
    workers = [
        pid for pid in descendants(process.pid) if b"RayTrainWorker" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]
    assert len(workers) == 2
    os.kill(workers[-1], signal.SIGKILL)
    assert process.wait(300) == 1
    told = json.loads(log.read_text(errors="replace").splitlines()[-1].removeprefix(submitted.MARK))
    assert (told["reason"], told["exitCode"]) == ("TrainingFailed", 1)
    assert "died" in told["message"] or "died" in told["log"], told
