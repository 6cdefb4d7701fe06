"""The figures that README.md quotes are those that are recorded."""

import re
from pathlib import Path

from benchmarks import readme
from benchmarks.all import BENCHMARKS

ROOT = Path(__file__).parents[3]


def cells(text: str, head: str) -> list[list[str]]:
    """The rows of the table whose head begins so, without head and rule."""
    lines = text.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(head)) + 2
    rows = []
    for line in lines[start:]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


def in_words(milliseconds: list[str], unit: str) -> str:
    """p50 and p95 as README has them."""
    shown = [f"{int(value) / 1000:.1f}" if unit == "s" else value for value in milliseconds[:2]]
    return f"{' / '.join(shown)} {unit}"


def test_readme_quotes_the_recorded_rollbacks() -> None:
    quoted = cells((ROOT / "README.md").read_text(), "| | rollbacks | to weight 0")
    recorded = cells((ROOT / "benchmarks/results/rollback.md").read_text(), "| controller | rollbacks |")
    assert len(quoted) == len(recorded) == 3
    for quote, row in zip(quoted, recorded, strict=True):
        unit = quote[2].split()[-1]
        assert quote[0].split(":")[0] == row[0].split(":")[0]
        assert quote[1] == row[1]
        assert quote[2:4] == [in_words(re.findall(r"\d+", cell), unit) for cell in row[2:4]]
        assert quote[4] == row[4]


def test_the_page_of_the_benchmarks_shows_what_is_recorded() -> None:
    """Run `hack/bench.sh readme` where it does not."""
    assert readme.page() == readme.PAGE.read_text()


def test_every_command_of_the_page_of_the_benchmarks_exists() -> None:
    commands = re.findall(r"^\| `make ([a-z-]+)` \|", readme.PAGE.read_text(), re.MULTILINE)
    targets = (ROOT / "Makefile").read_text()
    assert sorted(commands) == sorted([*(f"bench-{name}" for name in BENCHMARKS), "soak"])
    assert [name for name in commands if f"\n{name}:" not in targets] == []
