"""Helm and its like, and what they render."""

import os
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts" / "recsys-operator"
HERE = Path(__file__).parent
VALUES = sorted((HERE / "values").glob("*.yaml"))
BINS = ROOT / "hack" / "cluster" / "bins.sh"

Manifest = dict[str, Any]


@cache
def tool(name: str, group: str = "") -> str:
    """The path of one program: in RECSYS_BIN_DIR, else in what bins.sh makes of `group` (the same name when empty)."""
    directory = os.environ.get("RECSYS_BIN_DIR")
    if not directory:
        done = run(BINS, group or name)
        assert done.returncode == 0, f"{BINS.name} {group or name} failed: {done.stderr.strip()[-2000:]}"
        directory = done.stdout.strip().splitlines()[-1]
    path = Path(directory) / name
    assert os.access(path, os.X_OK), f"{path} is missing: unset RECSYS_BIN_DIR, or put it there"
    return str(path)


def run(*command: str | Path, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run a program to its end; the caller looks at the exit code."""
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, input=stdin)


def template(*options: str | Path) -> subprocess.CompletedProcess[str]:
    """`helm template` of the chart, as the release recsys-operator in recsys-system."""
    return run(tool("helm"), "template", "recsys-operator", CHART, "--namespace", "recsys-system", *options)


def rendered(*options: str | Path) -> str:
    """The text that the chart renders."""
    done = template(*options)
    assert done.returncode == 0, done.stderr
    return done.stdout


def manifests(*options: str | Path) -> list[Manifest]:
    """The objects that the chart renders."""
    return [manifest for manifest in yaml.safe_load_all(rendered(*options)) if manifest]


def only(kind: str, found: list[Manifest]) -> Manifest:
    """The one object of that kind."""
    matching = [manifest for manifest in found if manifest["kind"] == kind]
    assert len(matching) == 1, f"expected one {kind}, found {[manifest['metadata']['name'] for manifest in matching]}"
    return matching[0]
