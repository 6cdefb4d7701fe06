"""The main job runs once on the local cluster; the tests read its report."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.cluster import binaries, kubeconfig

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def written() -> Path:
    """The report of the main job, its picture beside it: of one played now, or the one that RECSYS_E2E_REPORT names."""
    given = os.environ.get("RECSYS_E2E_REPORT")
    if given:
        return Path(given)
    environment = {**os.environ, "KUBECONFIG": os.environ.get("KUBECONFIG", str(ROOT / ".local/kubeconfig"))}
    done = subprocess.run([str(ROOT / "hack/demo/run.sh")], cwd=ROOT, env=environment, check=False, stdout=sys.stdout)
    assert done.returncode == 0, "a step of the main job did not hold: its output is above"
    return ROOT / ".local/demo/report.json"


@pytest.fixture(scope="module")
def gateway() -> Iterator[str]:
    """The gateway's address; kubectl and helm are those of its cluster meanwhile."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{binaries()}{os.pathsep}{os.environ['PATH']}")
        patch.setenv("KUBECONFIG", str(kubeconfig()))
        yield os.environ.get("RECSYS_GATEWAY_URL", "http://127.0.0.1:30080")


@pytest.fixture(scope="session")
def report(written: Path) -> dict[str, Any]:
    """What the main job found."""
    return dict(json.loads(written.read_text()))
