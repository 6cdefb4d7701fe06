"""What a case is: a valid object, one value made wrong, and the same value made right."""

import copy
import json
import re
from dataclasses import dataclass
from typing import Any, Final

from tests.integration.api.constraints import Constraint

Manifest = dict[str, Any]


class _Absent:
    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = _Absent()


@dataclass(frozen=True)
class Case:
    """One wrong value beside the nearest right one.

    `at` is where the value stands, such as `spec.gates[0].floor.min` or `spec.hyperparameters{dropout}`; ABSENT removes
    it. The API server must answer with exactly one cause, which contains `message`; `also` are further causes that
    cannot be avoided. `about` is the path of the constraint when it is not that of the value.
    """

    at: str
    keyword: str
    wrong: Any
    right: Any
    message: str
    about: str | None = None
    also: tuple[str, ...] = ()
    base: Manifest | None = None
    """The valid object, where it is not its kind's."""

    @property
    def constraint(self) -> Constraint:
        """What this is a case of."""
        path = self.at if self.about is None else self.about
        path = re.sub(r"\{[^}]+\}", "{}", re.sub(r"\[\d+\]", "[]", path))
        return Constraint(path, self.keyword, self.message if self.keyword == "rule" else "")

    def __str__(self) -> str:
        shown = repr(self.wrong)
        return f"{self.at} {self.keyword} {shown if len(shown) < 40 else shown[:37] + '...'}"


@dataclass(frozen=True)
class Transition(Case):
    """An update: the object exists with the value `right`, and `wrong` is refused."""


_STEP = re.compile(r"\.?([^.\[{]+)|\[(\d+)\]|\{([^}]+)\}")


def unshared(manifest: Manifest) -> Manifest:
    """A copy in which nothing stands at two places: an edit of one would be an edit of both."""
    copied: Manifest = json.loads(json.dumps(manifest))
    return copied


def edited(base: Manifest, at: str, value: Any) -> Manifest:
    """A copy of a manifest with one value set, or removed when it is ABSENT."""
    manifest = copy.deepcopy(base)
    steps: list[Any] = [int(index) if index else name or key for name, index, key in _STEP.findall(at)]
    node: Any = manifest
    for step in steps[:-1]:
        node = node[step]
    if value is ABSENT:
        node.pop(steps[-1]) if isinstance(node, list) else node.pop(steps[-1], None)
    else:
        node[steps[-1]] = value
    return manifest
