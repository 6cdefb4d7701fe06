"""Writes the recorded results into benchmarks/README.md: `hack/bench.sh readme`. Who records does it too."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.all import BENCHMARKS
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
from benchmarks.training.configuration import SEEDS, configurations
from benchmarks.training.verdict import verdict

PAGE = Path(__file__).parent / "README.md"
BEGIN, END = "<!-- results -->\n", "<!-- /results -->\n"

Results = Sequence[Mapping[str, Any]]


def write() -> None:
    """Show what is recorded now."""
    PAGE.write_text(page())


def page() -> str:
    """The page with the results of now."""
    head, _, rest = PAGE.read_text().partition(BEGIN)
    return f"{head}{BEGIN}{results()}{END}{rest.partition(END)[2]}"


def results() -> str:
    """What is not recorded, and a section for each benchmark that is."""
    sections = [
        _benchmarks_missing(),
        _of_lines("Training", TRAINING, _training),
        _of_lines("Beside RecBole", RECBOLE, _recbole),
        _of_lines("Rows", TABULAR, _tabular),
        *(_of_page(file) for file in (OVERHEAD, ROLLBACK, SHADOW, ANALYSIS, SCALE) if file.exists()),
    ]
    return "\n".join(section for section in sections if section)


def _benchmarks_missing() -> str:
    missing = [f"{name} (`{one.command}`)" for name, one in BENCHMARKS.items() if not one.results()]
    return f"Not recorded: {', '.join(missing)}.\n" if missing else ""


def _of_lines(title: str, file: Path, shown: Callable[[Results], str]) -> str:
    found = lines(file)
    about = dict.fromkeys(f"{one['machine']}, commit {one['commit'][:7]}, {one['date']}" for one in found)
    made = "; ".join(about)
    return f"### {title}\n\n{made}\n\n{shown(found)}\n" if found else ""


def _of_page(file: Path) -> str:
    title, _, text = file.read_text().partition("\n")
    return f"##{title}\n{text}"


def _training(found: Results) -> str:
    parts = [training.protocol(training.BEAUTY), training.table(found), _listed(verdict(found)), seeds_missing(found)]
    return "\n\n".join(part.rstrip() for part in parts if part)


def seeds_missing(found: Results) -> str:
    """The configurations of the training, and seeds of them, that have no result; empty when all have."""
    missing = []
    for name, entry in configurations().items():
        seeds = {result["seed"] for result in found if result["name"] == name}
        without = [] if "ensemble" in entry else [str(seed) for seed in SEEDS if seed not in seeds]
        if not seeds:
            missing.append(name)
        elif without:
            missing.append(f"{name} with seed {' and '.join(without)}")
    return f"Not recorded: {', '.join(missing)}." if missing else ""


def _recbole(found: Results) -> str:
    shown = [recbole.protocol(training.BEAUTY, [one["seed"] for one in found], found[0]["threads"])]
    for one in found:
        sides = one["RecBole"], one["ours"]
        shown.append(f"Seed {one['seed']}:\n\n{recbole.table(*sides)}\n\n{_listed(recbole.verdict(*sides))}")
    return "\n\n".join(shown)


def _tabular(found: Results) -> str:
    return f"{tabular.protocol(found)}\n\n{tabular.table(found)}\n\n{_listed(tabular.verdict(found))}"


def _listed(sentences: str) -> str:
    return "\n".join(f"- {sentence}" for sentence in sentences.splitlines())


if __name__ == "__main__":
    write()
