"""Who can be told: named targets from a file, and where they lead from the files of a mounted Secret.

Addresses are Apprise URLs and hold passwords. They are read anew for each attempt, so that they can be rotated, and are
given to nobody but the process that sends.
"""

import logging
from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import Field, ValidationError

from recsys_operator.api.notifications import EventName, Template
from recsys_operator.api.schema import Model, ObjectName

logger = logging.getLogger(__name__)


class Target(Model):
    """One target of the configuration."""

    name: ObjectName
    namespaces: tuple[str, ...] = Field((), description="Whose Deployments may name it; empty: all.")
    events: tuple[EventName, ...] = Field(
        (), description="What it is told of every Deployment of those namespaces, whether that names it or not."
    )
    template: Template | None = None

    def open_to(self, namespace: str) -> bool:
        """Whether Deployments of a namespace may name it."""
        return not self.namespaces or namespace in self.namespaces


@dataclass(frozen=True, slots=True)
class Targets:
    """All targets by name; `faulty` counts entries of the file that could not be read and are left out."""

    by_name: dict[str, Target]
    directory: Path | None = None
    faulty: int = 0

    def find(self, name: str, namespace: str) -> Target | None:
        """The target, if there is one that Deployments of this namespace may name."""
        target = self.by_name.get(name)
        return target if target and target.open_to(namespace) else None

    def addresses(self, name: str) -> tuple[str, ...]:
        """Where a target leads now: the lines of the Secret's key of its name."""
        if self.directory is None:
            return ()
        try:
            lines = (self.directory / name).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            return ()
        stripped = [line.strip() for line in lines]
        return tuple(dict.fromkeys(line for line in stripped if line and not line.startswith("#")))


def load(file: Path | None, directory: Path | None) -> Targets:
    """The targets of a file. What is wrong in it is logged and left out: rollbacks must not wait for a correction."""
    if file is None:
        return Targets({}, directory)
    try:
        found = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        return _nothing(file, directory, type(error).__name__)
    entries = found.get("targets") if isinstance(found, dict) else None
    if not isinstance(entries, list):
        return _nothing(file, directory, "it must be an object with the list `targets`")
    targets: dict[str, Target] = {}
    faulty = 0
    for index, entry in enumerate(entries):
        problem = ""
        try:
            target = Target.model_validate(entry)
        except ValidationError as error:
            problem = _told(error)
        else:
            problem = f"the name {target.name} stands twice" if target.name in targets else ""
        if problem:
            faulty += 1
            logger.error("a notification target is left out", extra={"index": index, "error": problem})
        else:
            targets[target.name] = target
    return Targets(targets, directory, faulty)


def _nothing(file: Path, directory: Path | None, problem: str) -> Targets:
    logger.error("cannot read the notification targets", extra={"file": str(file), "error": problem})
    return Targets({}, directory, 1)


def _told(error: ValidationError) -> str:
    """Without the values: somebody may have written an address here."""
    return "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['type']}" for one in error.errors(include_input=False))
