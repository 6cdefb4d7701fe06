"""What whole runs print, which is what `kubectl logs` shows: a line an epoch, a few besides, all of them readable.

Epochs are shorter than a minute here; each minute of a longer one has a line too.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.integration.workers.test_trainer_kill import ROOT, run_json, write_data

from recsys_workers.train import submitted

pytestmark = [pytest.mark.torch, pytest.mark.timeout(1800)]

BESIDES = 10
"""Lines that a run of any length may have besides those of its epochs: data, export, each gate, version, seconds."""
LONGEST_LINE = 160
"""Bytes of a line, on average."""
READABLE = re.compile(r"(\(RayTrainWorker pid=\d+\) )?\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d INFO \S.*")
GATES = [
    {"name": "good", "floor": {"metric": "NDCG@10", "min": "0"}},
    {"name": "same", "parity": {"tolerance": "1e-5"}},
    {"name": "fast", "latency": {"p99Milliseconds": 60000}},
]


def printed(folder: Path, epochs: int, module: str, **environment: str) -> bytes:
    """Standard output and error of a run of so many epochs, which went well."""
    if not (folder / "store").exists():
        write_data(folder / "data")
        (folder / "store").mkdir()
    document: dict[str, Any] = run_json(f"uid-{epochs}", GATES)
    document["hyperparameters"]["epochs"] = str(epochs)
    (folder / "run.json").write_text(json.dumps(document))
    done = subprocess.run(
        [sys.executable, "-m", module],
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT / "workers"),
            "RECSYS_PVC_ROOT": str(folder),
            "RECSYS_RUN_CONFIG": str(folder / "run.json"),
            "RECSYS_THREADS": "1",
            "RECSYS_TERMINATION_LOG": str(folder / "termination"),
            **environment,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout.decode(errors="replace")
    return done.stdout


def require_no_flood(said: bytes, epochs: int, workers: int = 1) -> None:
    """Not more than a run of so many epochs has to say."""
    text = said.decode()
    lines = text.splitlines()
    assert [line for line in lines if not READABLE.fullmatch(line)] == []
    assert [int(number) for number in re.findall(r" INFO Epoch (\d+) of ", text)] == list(range(1, epochs + 1))
    most = epochs + BESIDES + workers
    assert len(lines) <= most, text
    assert len(said) <= most * LONGEST_LINE, text


@pytest.mark.parametrize("epochs", [3, 12])
def test_a_run_in_one_pod_prints_a_line_an_epoch_and_a_few_besides(tmp_path: Path, epochs: int) -> None:
    require_no_flood(printed(tmp_path, epochs, "recsys_workers.train"), epochs)


@pytest.mark.full
def test_a_run_with_two_workers_does_too_and_the_heads_log_has_the_same_lines(tmp_path: Path) -> None:
    """What the workers say of themselves comes besides: which of them each one is."""
    for epochs in (3, 12):
        pod_log = tmp_path / f"pod-{epochs}.log"
        variables = {"RECSYS_WORKERS": "2", submitted.POD_LOG: str(pod_log)}
        said = printed(tmp_path, epochs, "recsys_workers.train.submitted", **variables)
        require_no_flood(said, epochs, workers=2)
        assert pod_log.read_bytes() == said
