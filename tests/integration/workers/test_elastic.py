"""An elastic run on a real Ray cluster of several nodes: it goes on with fewer when one is killed, and grows again."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.integration.workers.test_trainer_kill import LEFT, ROOT, Trainer, descendants, run_json, write_data

from recsys_workers import manifest
from recsys_workers.train import history

pytestmark = [pytest.mark.torch, pytest.mark.full, pytest.mark.timeout(1800)]

EPOCHS = 120
HYPERPARAMETERS = {**run_json("", [])["hyperparameters"], "epochs": str(EPOCHS), "dropout": "0"}
PATIENT = {"RAY_memory_monitor_refresh_ms": "0", "RAY_agent_register_timeout_ms": "300000"}
"""What else may keep a busy machine's node from starting."""


class Cluster:
    """Ray's nodes on this machine, each as KubeRay starts it in a pod, with room for one worker."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        self.nodes: list[subprocess.Popen[bytes]] = []

    def start(self) -> subprocess.Popen[bytes]:
        """One more node, which has joined; the first one is the head."""
        port = self.address.rpartition(":")[2]
        role = (
            [f"--address={self.address}"] if self.nodes else ["--head", f"--port={port}", "--include-dashboard=false"]
        )
        room = ["--num-cpus=1", "--num-gpus=0", f"--object-store-memory={80 * 2**20}"]
        log = self.folder / f"node-{len(self.nodes)}.log"
        with log.open("wb") as output:
            node = subprocess.Popen(
                [sys.executable, Path(__file__).with_name("ray_node.py"), "start", *role, *room, "--block"],
                env={**os.environ, "PYTHONPATH": str(ROOT / "workers"), **PATIENT},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.nodes.append(node)
        while "Ray runtime started" not in log.read_text(errors="replace"):
            if node.poll() is not None:
                pytest.fail(log.read_text(errors="replace"))
            time.sleep(0.2)
        return node

    def kill(self, node: subprocess.Popen[bytes]) -> None:
        """SIGKILL to all of a node at once, as when its machine goes away."""
        for pid in [node.pid, *descendants(node.pid)]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        node.wait(30)


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """Two nodes, which ask for a token, as KubeRay's do."""
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("RAY_DEDUP_LOGS", "0")
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN", "of-the-test")
    made = Cluster(tmp_path)
    try:
        made.start()
        made.start()
        yield made
    finally:
        for node in reversed(made.nodes):
            if node.poll() is None:
                made.kill(node)


def until(what: str, trainer: Trainer, found: Callable[[str], bool]) -> None:
    end = time.monotonic() + 1200
    while not found(trainer.text()):
        if trainer.process.poll() is not None or time.monotonic() > end:
            trainer.kill()
            pytest.fail(f"waited for {what}:\n{trainer.text()}")
        time.sleep(0.1)


def epochs(text: str) -> set[str]:
    """The lines that tell of an epoch. Nodes on one machine share their logs, and each forwards them."""
    return {line for line in text.splitlines() if "INFO Epoch " in line}


def metrics(store: Path, number: int) -> dict[str, float]:
    version = manifest.load(store / "versions" / str(number), None).manifest
    return {entry["name"]: float(entry["value"]) for entry in json.loads(manifest.encode(version))["metrics"]}


def test_a_node_that_is_killed_costs_no_attempt_and_another_one_is_taken_in(
    tmp_path: Path, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_data(tmp_path / "data")
    (tmp_path / "store").mkdir()
    elastic = {"RAY_ADDRESS": cluster.address, "RECSYS_WORKERS": "2", "RECSYS_MIN_WORKERS": "1"}
    for name, value in elastic.items():
        monkeypatch.setenv(name, value)
    trainer = Trainer(tmp_path, "elastic", 1, hyperparameters=HYPERPARAMETERS)
    until("two workers", trainer, lambda text: "the training begins with 2 workers" in text)
    trainer.wait_for_checkpoints(3)
    cluster.kill(cluster.nodes[-1])
    until("one worker", trainer, lambda text: "the training begins with 1 workers" in text)
    cluster.start()
    until("two workers again", trainer, lambda text: "2 workers follow 1" in text)
    assert trainer.wait(900) == 0, trainer.text()

    text = trainer.text()
    assert "a pod is gone" in text
    assert trainer.left() == LEFT
    # After the loss and after the growth, an epoch or two are done again at most.
    assert EPOCHS <= len(epochs(text)) <= EPOCHS + 4

    for name in elastic:
        monkeypatch.delenv(name)
    alone = Trainer(tmp_path, "alone", 1, hyperparameters=HYPERPARAMETERS)
    assert alone.wait(900) == 0, alone.text()
    found = history.read(trainer.run_folder)
    expected = history.read(alone.run_folder)
    assert found is not None
    assert expected is not None
    assert [point.epoch for point in found.points] == list(range(1, EPOCHS + 1))
    assert [point.loss for point in found.points] == pytest.approx([point.loss for point in expected.points], rel=0.05)
    assert metrics(trainer.store, 1) == pytest.approx(metrics(alone.store, 2), abs=0.01)
