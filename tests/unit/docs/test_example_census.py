"""The bounds of examples/census lie where its README says: outside the intervals, and better than what is trivial."""

import re

import pytest
import yaml
from tests.unit.docs.pages import ROOT

FOLDER = ROOT / "examples/census"
FIGURE = re.compile(r"(?P<value>[\d.]+)(?: \[(?P<low>[\d.]+), (?P<high>[\d.]+)\])?")


def figures(section: str) -> dict[str, list[list[float]]]:
    """The rows of a section's table by what stands first: each figure, with its interval if there is one."""
    text = (FOLDER / "README.md").read_text().split(f"## {section}\n")[1].split("\n## ")[0]
    cells = ([cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("|"))
    return {
        name: [[float(one) for one in found.groups() if one] for figure in rest if (found := FIGURE.fullmatch(figure))]
        for name, *rest in cells
    }


def bound(model: str) -> float:
    spec = yaml.safe_load((FOLDER / f"model-{model}.yaml").read_text())["spec"]
    (floor,) = [gate["floor"] for gate in spec["gates"] if "floor" in gate]
    assert floor["metric"] == spec["evaluation"]["metrics"][0], "the first column of the table"
    return float(floor.get("min") or floor["max"])


@pytest.mark.parametrize(
    ("model", "section", "better"),
    [("hours", "A number: hours a week", -1), ("marital", "One of several: marital status", 1)],
)
def test_a_bound_lies_between_the_interval_of_the_run_and_what_is_trivial(
    model: str, section: str, better: int
) -> None:
    """`better` is 1 where more is better, and -1 where less is."""
    found = figures(section)
    _, *interval = found[f"run `{model}-1`"][0]
    trivial = [rest[0][0] for name, rest in found.items() if name.startswith("always ")]
    worst = min(interval, key=lambda figure: better * figure)
    best = max(trivial, key=lambda figure: better * figure)
    assert len(interval) == 2
    assert trivial
    assert better * best < better * bound(model) < better * worst
