#!/usr/bin/env python3
"""Copies crds/*.yaml into the Helm chart, each with the annotation that keeps it when the release is uninstalled.

The chart templates them: Helm never upgrades a chart's own crds/ directory. `--check` writes nothing and exits 1 when a
file is not what would be written.
"""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE = Path("crds")
TARGET = Path("charts/recsys-operator/files/crds")
COMMAND = "python hack/gen/chart_crds.py"
HEADER = f"# Copied by {COMMAND.removeprefix('python ')} from {SOURCE}: do not edit.\n"

METADATA = "\nmetadata:\n"
KEEP = METADATA + "  annotations:\n    helm.sh/resource-policy: keep\n"


def annotated(text: str, name: str) -> str:
    """The definition with Helm's annotation. It stays text, so that the chart has the very same schema.

    Raises ValueError when the definition has annotations already, or no metadata at the top level.
    """
    head = text.partition("\nspec:\n")[0]
    if head.count(METADATA) != 1 or "\n  annotations:" in head:
        raise ValueError(f"{name}: expected one top-level `metadata:` without annotations, before `spec:`")
    return HEADER + text.replace(METADATA, KEEP, 1)


def generated(root: Path = ROOT) -> dict[Path, str]:
    """Every file of the chart's copy, relative to the checkout, with its text."""
    return {
        TARGET / path.name: annotated(path.read_text(), path.name) for path in sorted((root / SOURCE).glob("*.yaml"))
    }


def stale(root: Path = ROOT) -> list[str]:
    """One sentence for each file that differs from what would be written, or that should not be there."""
    files = generated(root)
    present = {path.relative_to(root) for path in (root / TARGET).glob("*.yaml")}
    sentences = [
        f"{path} is missing or stale: run `{COMMAND}` and commit the result"
        for path, text in files.items()
        if path not in present or (root / path).read_text() != text
    ]
    return sentences + [f"{path} has no counterpart in {SOURCE}: delete it" for path in sorted(present - files.keys())]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare with the files instead of writing them")
    if parser.parse_args().check:
        problems = stale()
        for problem in problems:
            print(problem, file=sys.stderr)
        return 1 if problems else 0
    (ROOT / TARGET).mkdir(parents=True, exist_ok=True)
    for path in (ROOT / TARGET).glob("*.yaml"):
        path.unlink()
    for path, text in generated().items():
        (ROOT / path).write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
