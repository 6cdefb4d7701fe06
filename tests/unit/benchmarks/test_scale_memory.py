"""The memory of a run is counted where no cgroup can be made, too."""

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from benchmarks.scale import attempt
from benchmarks.scale.processes import alive, processes

MIB = 1 << 20
HOLDS = f"""
import os, time
own = b"x" * (60 * {MIB})
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        more = b"y" * (80 * {MIB})
        print(os.getppid(), os.getpid(), flush=True)
time.sleep(600)
"""


def test_what_a_process_and_its_descendants_hold_is_counted_and_they_end(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with processes() as counted:
        assert counted.held() == 0
        started = counted.run([sys.executable, "-c", HOLDS], os.environ, log)
        until(lambda: log.read_text().endswith("\n"))
        parent, child = map(int, log.read_text().split())
        # What all hold since before they were forked counts once.
        assert 140 * MIB < counted.held() < 180 * MIB
        assert set(counted.known) == {started.pid, parent, child}
        os.kill(parent, signal.SIGKILL)
        until(lambda: parent not in alive())
        assert 140 * MIB < counted.held() < 180 * MIB, "an orphan is not lost"
        assert set(counted.known) == {started.pid, child}
    assert child not in alive()
    assert started.wait(10) == -signal.SIGKILL


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_without_cgroups_a_run_is_measured_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.scale.pod.ROOT", tmp_path / "no-such-folder")
    found = attempt.measured({"name": "nothing"}, tmp_path, 1 << 30)
    assert found.code == 2
    assert "cannot be made" in found.unlimited
    assert found.peak > 5 * MIB
