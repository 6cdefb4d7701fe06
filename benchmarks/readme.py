"""Writes the recorded results into benchmarks/README.md: `hack/bench.sh readme`. Who records does it too."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.analysis.configuration import FILE as ANALYSIS
from benchmarks.overhead.configuration import FILE as OVERHEAD
from benchmarks.recbole import report as recbole
from benchmarks.recbole.configuration import FILE as RECBOLE
from benchmarks.recorded import lines
from benchmarks.rollback.configuration import FILE as ROLLBACK
from benchmarks.scale.configuration import FILE as SCALE
from benchmarks.shadow.configuration import FILE as SHADOW
from benchmarks.tabular import report as tabular
from benchmarks.tabular.configuration import FILE as TABULAR
from benchmarks.training import report as training
from benchmarks.training.configuration import FILE as TRAINING

PAGE = Path(__file__).parent / "README.md"
BEGIN, END = "<!-- results -->\n", "<!-- /results -->\n"
NONE = "Nothing is recorded yet."

Results = Sequence[Mapping[str, Any]]


def write() -> None:
    """Show what is recorded now."""
    PAGE.write_text(page())


def page() -> str:
    """The page with the results of now."""
    head, _, rest = PAGE.read_text().partition(BEGIN)
    return f"{head}{BEGIN}{results()}{END}{rest.partition(END)[2]}"


def results() -> str:
    """A section a benchmark."""
    sections = [
        _of_lines(
            "Training",
            TRAINING,
            lambda found: training.protocol(training.BEAUTY).rstrip() + "\n\n" + training.table(found),
        ),
        _of_lines("Beside RecBole", RECBOLE, _recbole),
        _of_lines("Rows", TABULAR, lambda found: tabular.table(found) + "\n\n" + _listed(tabular.verdict(found))),
        *(_of_page(file) for file in (OVERHEAD, ROLLBACK, SHADOW, ANALYSIS, SCALE) if file.exists()),
    ]
    return "\n".join(sections)


def _of_lines(title: str, file: Path, shown: Callable[[Results], str]) -> str:
    found = lines(file)
    about = dict.fromkeys(f"{one['machine']}, commit {one['commit'][:7]}, {one['date']}" for one in found)
    made = "; ".join(about)
    return f"### {title}\n\n{made}\n\n{shown(found)}\n" if found else f"### {title}\n\n{NONE}\n"


def _of_page(file: Path) -> str:
    title, _, text = file.read_text().partition("\n")
    return f"##{title}\n{text}"


def _recbole(found: Results) -> str:
    shown = []
    for one in found:
        sides = one["RecBole"], one["ours"]
        shown.append(f"Seed {one['seed']}:\n\n{recbole.table(*sides)}\n\n{_listed(recbole.verdict(*sides))}")
    return "\n\n".join(shown)


def _listed(sentences: str) -> str:
    return "\n".join(f"- {sentence}" for sentence in sentences.splitlines())


if __name__ == "__main__":
    write()
