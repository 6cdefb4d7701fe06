"""The main job runs once on the local cluster; the tests read its report."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def report() -> dict[str, Any]:
    """Plays the main job (or takes the report that RECSYS_E2E_REPORT names) and returns what it found."""
    given = os.environ.get("RECSYS_E2E_REPORT")
    if given:
        return dict(json.loads(Path(given).read_text()))
    environment = {**os.environ, "KUBECONFIG": os.environ.get("KUBECONFIG", str(ROOT / ".local/kubeconfig"))}
    done = subprocess.run([str(ROOT / "hack/demo/run.sh")], cwd=ROOT, env=environment, check=False, stdout=sys.stdout)
    assert done.returncode == 0, "a step of the main job did not hold: its output is above"
    return dict(json.loads((ROOT / ".local/demo/report.json").read_text()))
