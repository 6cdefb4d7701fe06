"""docs/reference/settings.md tells every variable of the operator, with the defaults and bounds that hold."""

import dataclasses
import re
from typing import NamedTuple

import pytest
from tests.unit.docs.pages import CODE_WORD, ROOT
from tests.unit.docs.test_links import has_value

from recsys_operator.settings import LEVELS, Settings, SettingsError

VARIABLE = re.compile(r"RECSYS_[A-Z_]+")
BOUNDS = re.compile(r"(\d+) to (\d+)")
MOUNTED = {"RECSYS_ALERT_TOKEN_DIR", "RECSYS_NOTIFICATION_TARGETS", "RECSYS_NOTIFICATION_ADDRESS_DIR"}
"""Paths inside the pod: the value says what is mounted there."""
IMAGES = {"RECSYS_TRAINER_IMAGE": "trainer:1", "RECSYS_SERVER_IMAGE": "server:1"}


class Row(NamedTuple):
    """One line of the page's table."""

    variable: str
    meaning: str
    default: str
    allowed: str
    value: str


def rows() -> dict[str, Row]:
    lines = (ROOT / "docs/reference/settings.md").read_text().splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| `RECSYS_")]
    found = [Row(CODE_WORD.findall(first)[0], *rest) for first, *rest in cells]
    assert len({row.variable for row in found}) == len(found), "a variable stands twice in the table"
    return {row.variable: row for row in found}


def read_by_the_operator() -> set[str]:
    return set(VARIABLE.findall((ROOT / "operator/recsys_operator/settings.py").read_text()))


def test_every_variable_is_documented_and_no_other() -> None:
    assert len(read_by_the_operator()) == len(dataclasses.fields(Settings))
    assert read_by_the_operator() - rows().keys() == set(), "docs/reference/settings.md lacks these variables"
    assert rows().keys() - read_by_the_operator() == set(), "docs/reference/settings.md has variables that nobody reads"
    assert all(row.meaning and row.default and row.allowed for row in rows().values())


def test_no_other_module_reads_the_environment() -> None:
    """So that settings.py, and with it the page, is the whole list; the client asks for KUBECONFIG, as kubectl does."""
    package = ROOT / "operator/recsys_operator"
    readers = {path.name for path in package.rglob("*.py") if re.search(r"os\.(environ|getenv)", path.read_text())}
    assert readers == {"settings.py", "client.py"}
    assert not VARIABLE.search((package / "apply/client.py").read_text())


def test_the_defaults_are_those_that_hold() -> None:
    settings = Settings.from_environment(IMAGES)
    for name, row in rows().items():
        held = getattr(settings, name.removeprefix("RECSYS_").lower())
        if row.default == "required":
            with pytest.raises(SettingsError, match=f"{name} is not set"):
                Settings.from_environment({**IMAGES, name: ""})
        elif row.default.startswith("`"):
            told = ",".join(map(str, held)) if isinstance(held, tuple) else held
            assert row.default == f"`{told}`", name
        else:
            assert not held, f"{name} is {held!r} unless told, and the page says {row.default}"


def test_the_bounds_are_those_that_hold() -> None:
    bounded = {name: match for name, row in rows().items() if (match := BOUNDS.fullmatch(row.allowed))}
    assert len(bounded) == sum(field.type is int for field in dataclasses.fields(Settings))
    for name, match in bounded.items():
        low, high = int(match[1]), int(match[2])
        for value in (low, high):
            settings = Settings.from_environment({**IMAGES, name: str(value)})
            assert getattr(settings, name.removeprefix("RECSYS_").lower()) == value
        for value in (low - 1, high + 1):
            with pytest.raises(SettingsError, match=f"{name} is '{value}': .* from {low} to {high}"):
                Settings.from_environment({**IMAGES, name: str(value)})
    assert set(CODE_WORD.findall(rows()["RECSYS_LOG_LEVEL"].allowed)) == set(LEVELS)


def test_the_values_of_the_chart_are_those_that_set_them() -> None:
    """The page names a value for exactly the variables that the chart sets, and the value exists."""
    template = (ROOT / "charts/recsys-operator/templates/deployment.yaml").read_text()
    told = {name: CODE_WORD.findall(row.value) for name, row in rows().items() if row.value}
    assert told.keys() == set(VARIABLE.findall(template))
    assert all(has_value(value) for words in told.values() for value in words)
    for name in [name for name, words in told.items() if words and name not in MOUNTED]:
        after = template.split(f"name: {name}\n", 1)[1].split("- name:", 1)[0]
        assert f".Values.{told[name][0]}" in after, f"{name} does not come from {told[name][0]}"
