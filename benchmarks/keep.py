"""Keeps results, and shows them in benchmarks/README.md: only those whose commit tells the code that made them."""

import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks import readme, recorded
from benchmarks.recorded import ROOT, Configuration

DECIDING = ("benchmarks", "workers", "operator")
"""The code that makes figures."""
MADE = ("benchmarks/results", "benchmarks/README.md")
"""What is written here, and decides nothing."""


def result(file: Path, found: Mapping[str, Any]) -> None:
    """A line of a file with a JSON document a line, in the place of an earlier one of its name and seed."""
    _keep(file, lambda: recorded.add(file, found))


def page(file: Path, title: str, configuration: Configuration, text: str) -> None:
    """A page of its own."""
    _keep(file, lambda: file.write_text(recorded.page(title, configuration, text)))


def refusal() -> str:
    """Why nothing can be kept now, in a sentence; empty when it can."""
    try:
        found = changed(*DECIDING, *(f":(exclude){path}" for path in MADE))
    except subprocess.CalledProcessError as error:
        return f"git does not tell the commit that makes the figures: {error.stderr.strip()}."
    if not found:
        return ""
    return f"no commit has the code that makes the figures; commit or take back {', '.join(found)}."


def changed(*paths: str) -> list[str]:
    """What below these paths is not as the commit has it; raises CalledProcessError where git knows no commit."""
    command = ["git", "status", "--porcelain", "--", *paths]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return [line[3:] for line in done.stdout.splitlines()]


def _keep(file: Path, write: Callable[[], object]) -> None:
    why = refusal()
    if why:
        print(f"Not recorded in {file.name}: {why}", flush=True)
        return
    write()
    readme.write()
    print(f"Recorded in {file.name}.", flush=True)
