"""Whether a run makes the network that a version's weights are of; if not, where both differ."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from recsys_workers.calendars import USUAL
from recsys_workers.manifest import Manifest
from recsys_workers.models.declaration import Choice
from recsys_workers.models.hyperparameters import Hyperparameters, declaration_of
from recsys_workers.tabular.schema import CALENDAR, GROUP, IDS, ONE_HOT, SPLIT, TIMESTAMP, VOCABULARY, WEIGHT
from recsys_workers.tasks import OF_ROWS
from recsys_workers.train.run_config import RunConfig

NOT_LEARNED_FROM = (TIMESTAMP, SPLIT, WEIGHT, GROUP)
"""Roles of columns whose names a network does not depend on; of a Timestamp with parts in `calendar` it does."""
OF_SPLIT = (TIMESTAMP, SPLIT, GROUP)
"""Roles of columns that decide which rows are learned from."""
Column = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Difference:
    """A field, what the version has there, and what the run wants."""

    field: str
    theirs: str
    ours: str

    def text(self, version: int) -> str:
        """Half a sentence."""
        return f"{self.field} is {self.theirs} in version {version} and {self.ours} in this run"


def differences(described: Manifest, config: RunConfig, hyperparameters: Hyperparameters) -> list[Difference]:
    """Every one. Of another task or architecture nothing else is compared, and of another schema no hyperparameter."""
    named = {
        "task": (described.task, config.task),
        "architecture.name": (described.architecture, config.architecture),
        **({"objective": (str(described.protocol.get("objective")), str(config.objective))} if _rows(config) else {}),
    }
    found = [Difference(f"spec.{field}", *both) for field, both in named.items() if both[0] != both[1]]
    return (
        found
        or list(_of_schema(described.schema, config.schema, config.task))
        or list(_of_hyperparameters(described, config.architecture, hyperparameters))
    )


def of_rows_and_columns(described: Manifest, config: RunConfig) -> list[Difference]:
    """Where task and columns differ, those that a split goes by included; the network may be another one."""
    named = {
        "task": (described.task, config.task),
        **({"objective": (str(described.protocol.get("objective")), str(config.objective))} if _rows(config) else {}),
    }
    found = [Difference(f"spec.{field}", *both) for field, both in named.items() if both[0] != both[1]]
    theirs, ours = described.schema, config.schema
    return found or [*_of_schema(theirs, ours, config.task), *_of_split(theirs, ours)]


def _of_split(theirs: Sequence[Column], ours: Sequence[Column]) -> Iterator[Difference]:
    for role in OF_SPLIT:
        their, our = (
            ", ".join(
                f"{column['name']} ({column.get('unit') or 'no unit'})" for column in columns if column["role"] == role
            )
            for columns in (theirs, ours)
        )
        if their != our:
            yield Difference(f"the column with the role {role}", their or "absent", our or "absent")


def _rows(config: RunConfig) -> bool:
    return config.task in OF_ROWS


def _of_hyperparameters(described: Manifest, architecture: str, ours: Hyperparameters) -> Iterator[Difference]:
    for parameter in declaration_of(architecture).parameters:
        if parameter.keeps_weights:
            continue
        name = parameter.name
        # A hyperparameter that the version's trainer did not have yet: its default is what was there before it.
        their_text, our_text = str(described.hyperparameters.get(name, parameter.default)), ours.text[name]
        same = their_text == our_text if isinstance(parameter, Choice) else float(their_text) == float(our_text)
        if not same:
            yield Difference(f"the hyperparameter {name}", their_text, our_text)


def _of_schema(theirs: Sequence[Column], ours: Sequence[Column], task: str) -> Iterator[Difference]:
    their, our = _learned_from(theirs, task), _learned_from(ours, task)
    for name in {**their, **our}:
        if name not in our:
            yield Difference(f"schema.columns[{name}]", _words(their[name]), "absent")
        elif name not in their:
            yield Difference(f"schema.columns[{name}]", "absent", _words(our[name]))
        elif their[name] != our[name]:
            yield Difference(f"schema.columns[{name}]", _words(their[name]), _words(our[name]))
    if task in OF_ROWS and their == our and list(their) != list(our):
        yield Difference("the order of schema.columns", ", ".join(their), ", ".join(our))


def _learned_from(columns: Sequence[Column], task: str) -> dict[str, dict[str, Any]]:
    """What a network depends on of each column, by name.

    How many rows a value needs is not of it, nor how many words a text may have: these stay the version's.
    """
    found = {}
    for column in columns:
        role = column["role"]
        of_times = task in OF_ROWS and (role == CALENDAR or bool(column.get("calendar")))
        if role in NOT_LEARNED_FROM and not of_times:
            continue
        coded = task in OF_ROWS and role in ("Categorical", *IDS)
        facts = {
            "role": role,
            "encoding": (column.get("encoding") or (VOCABULARY if role in IDS else ONE_HOT))
            if coded or of_times
            else None,
            "calendar": " ".join(sorted(column.get("calendar") or USUAL)) if of_times else None,
            "buckets": column.get("buckets"),
            "missing": None if column.get("missing") == "Fail" else column.get("missing"),
            "fill": column.get("fill"),
            "positive": column.get("positive"),
        }
        found[str(column["name"])] = {name: value for name, value in facts.items() if value is not None}
    return found


def _words(facts: Mapping[str, Any]) -> str:
    """Such as `Categorical (encoding Hashed, buckets 64)`."""
    others = ", ".join(f"{name} {value}" for name, value in facts.items() if name != "role")
    return f"{facts['role']} ({others})" if others else str(facts["role"])
