"""Results that are kept, and whether they are those of the benchmarks' present configurations.

Every result in benchmarks/results names the fingerprint of the configuration that it was made with. A configuration
that has changed since makes its results stale, and a unit test fails until they are made anew or removed. That a
configuration has no result yet is no fault.
"""

import hashlib
import io
import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from recsys_workers.models.hyperparameters import declaration_of

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
FINGERPRINT = re.compile(r"\bconfiguration ([0-9a-f]{12})\b")

Configuration = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Result:
    """One result that is kept."""

    place: str
    """For people: the file, the line, which run."""
    name: str
    """Of its configuration."""
    fingerprint: str
    configuration: Configuration | None
    """The whole configuration, where the result has it."""


@dataclass(frozen=True, slots=True)
class Benchmark:
    """What is measured by one command; a result is stale when its configuration is no longer that of its name."""

    command: str
    present: Callable[[], Mapping[str, Configuration]]
    results: Callable[[], list[Result]]

    def stale(self) -> list[str]:
        """A sentence for each result that is."""
        present = self.present()
        told = (_stale(result, present, self.command) for result in self.results())
        return [sentence for sentence in told if sentence]


def fingerprint(configuration: Configuration) -> str:
    """12 hexadecimal digits; the same for the same values, in whatever order they stand."""
    return hashlib.sha256(json.dumps(configuration, sort_keys=True).encode()).hexdigest()[:12]


def _stale(result: Result, present: Mapping[str, Configuration], command: str) -> str | None:
    repair = f"Run `{command}` and commit what it writes, or take the result away."
    if result.name not in present:
        return f"{result.place}: there is no configuration {result.name!r} any more. {repair}"
    now = present[result.name]
    if result.configuration is None:
        present_one = fingerprint(now)
        if result.fingerprint == present_one:
            return None
        return f"{result.place} was made with the configuration {result.fingerprint}; it is {present_one} now. {repair}"
    now = as_of(now, result.configuration)
    if result.fingerprint != fingerprint(result.configuration):
        return (
            f"{result.place} names the configuration {result.fingerprint}, and what it tells of it is that of "
            f"{fingerprint(result.configuration)}. {repair}"
        )
    changes = _differences(result.configuration, now)
    return f"{result.place} was made with another configuration: {'; '.join(changes)}. {repair}" if changes else None


def as_of(now: Configuration, then: Configuration) -> Configuration:
    """The present configuration without the hyperparameters that came later and stand at their defaults.

    A default is what a trainer did that did not have the hyperparameter yet.
    """
    if "hyperparameters" not in now or "hyperparameters" not in then:
        return now
    defaults = {parameter.name: parameter.default for parameter in declaration_of(now["architecture"]).parameters}
    kept = {
        name: value
        for name, value in now["hyperparameters"].items()
        if name in then["hyperparameters"] or value != defaults[name]
    }
    return {**now, "hyperparameters": kept}


def same(now: Configuration, then: Configuration) -> bool:
    """Whether a result that was made with `then` is one of the present configuration."""
    return not _differences(then, as_of(now, then))


def _differences(then: Any, now: Any, path: str = "") -> list[str]:
    if isinstance(then, Mapping) and isinstance(now, Mapping):
        names = dict.fromkeys([*then, *now])
        return [
            told
            for name in names
            for told in _differences(then.get(name), now.get(name), f"{path}.{name}" if path else str(name))
        ]
    return [] if then == now else [f"{path} was {json.dumps(then)} and is {json.dumps(now)}"]


def lines(file: Path) -> list[dict[str, Any]]:
    """The results of a file with a JSON document a line; none without the file."""
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def add(file: Path, result: Mapping[str, Any]) -> None:
    """Write a result with its machine, commit and date, in the place of an earlier one of its name and seed."""
    kept = [one for one in lines(file) if (one["name"], one["seed"]) != (result["name"], result["seed"])]
    partial = file.with_suffix(".partial")
    partial.write_text("".join(json.dumps(one) + "\n" for one in [*kept, {**result, **provenance()}]))
    partial.replace(file)


def results_of_lines(file: Path, configuration_of: Callable[[Mapping[str, Any]], Configuration]) -> list[Result]:
    """The results of such a file, each with the configuration that it tells."""
    found = []
    for number, line in enumerate(lines(file), start=1):
        told = configuration_of(line)
        place = f"{_named(file)}, line {number} ({line['name']}, seed {line['seed']})"
        found.append(Result(place, line["name"], line.get("fingerprint", fingerprint(told)), told))
    return found


def results_of_page(file: Path, name: str) -> list[Result]:
    """The one result of a page, which names its fingerprint as `configuration 0123456789ab`; none without the page."""
    if not file.exists():
        return []
    match = FINGERPRINT.search(file.read_text())
    return [Result(_named(file), name, match[1] if match else "that it does not name", None)]


def page(title: str, configuration: Configuration, text: str) -> str:
    """A page of results."""
    made = provenance()
    about = (
        f"{made['machine']}, commit {made['commit'][:7]}, {made['date']}, configuration {fingerprint(configuration)}"
    )
    return f"# {title}\n\n{about}\n\n{text.rstrip()}\n"


def provenance() -> dict[str, str]:
    """Machine, commit and date of a run."""
    done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True)
    machine = f"{os.cpu_count()} cores, {platform.machine()}"
    return {"commit": done.stdout.strip(), "machine": machine, "date": f"{datetime.now(UTC):%Y-%m-%d}"}


class Kept(io.StringIO):
    """What is printed, kept too: for `contextlib.redirect_stdout`."""

    def write(self, text: str, /) -> int:
        """To the terminal and here."""
        if sys.__stdout__:
            sys.__stdout__.write(text)
        return super().write(text)

    def flush(self) -> None:
        """The terminal."""
        if sys.__stdout__:
            sys.__stdout__.flush()


def _named(file: Path) -> str:
    return str(file.relative_to(ROOT)) if file.is_relative_to(ROOT) else str(file)
