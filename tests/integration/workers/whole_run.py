"""A run of the trainer from its run.json to its version, in a process of its own with the real Ray."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from recsys_workers import manifest

ROOT = Path(__file__).resolve().parents[3]


def version_of(document: dict[str, Any], folder: Path, seconds: float) -> manifest.Version:
    """Train by this run.json, with the claims in `folder`; the model shop/topics' first version."""
    config = folder / "run.json"
    config.write_text(json.dumps(document))
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT / "workers"),
        "RECSYS_PVC_ROOT": str(folder),
        "RECSYS_RUN_CONFIG": str(config),
        "RECSYS_THREADS": "1",
        "RECSYS_TERMINATION_LOG": str(folder / "termination"),
    }
    done = subprocess.run(
        [sys.executable, "-m", "recsys_workers.train"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return manifest.load(folder / "store/shop/topics/versions/1", None)
