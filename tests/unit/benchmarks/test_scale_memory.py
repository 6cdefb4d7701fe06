"""The memory of a run is counted where no cgroup can be made, too."""

import os
import sys
import time
from pathlib import Path

import pytest
from benchmarks.scale import attempt
from benchmarks.scale.processes import alive, processes

MIB = 1 << 20
HOLDS = f"""
import os, sys, time
own = b"x" * (60 * {MIB})
if os.fork() == 0:
    if os.fork() == 0:  # an orphan, since its parent ends
        os.setsid()
        more = b"y" * (80 * {MIB})
        print(os.getpid(), flush=True)
        time.sleep(600)
    os._exit(0)
os.wait()
time.sleep(600)
"""


def test_what_a_process_and_its_orphans_hold_is_counted_and_they_end(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with processes() as counted:
        assert counted.held() == 0
        started = counted.run([sys.executable, "-c", HOLDS], os.environ, log)
        end = time.monotonic() + 60
        while not log.read_text() and time.monotonic() < end:
            time.sleep(0.05)
        orphan = int(log.read_text())
        # What both hold since before the fork counts once.
        assert 140 * MIB < counted.held() < 180 * MIB
        assert set(counted.known) == {started.pid, orphan}
    assert orphan not in alive()
    assert started.wait(10) == -9


def test_without_cgroups_a_run_is_measured_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.scale.pod.ROOT", tmp_path / "no-such-folder")
    found = attempt.measured({"name": "nothing"}, tmp_path, 1 << 30)
    assert found.code == 2
    assert "cannot be made" in found.unlimited
    assert found.peak > 5 * MIB
