"""Hyperparameters against the JSON Schema of their architecture, before a pod is started for them.

The schemas in `schemas/` are generated from the trainers' registry. Values are strings, so the bounds stand in
`x-recsys-*` keywords: type, minimum, maximum of a property; `x-recsys-rules` between two of them; `x-recsys-same-as`
for a default that is another one's value. A choice is an ordinary `enum`.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from recsys_operator.api.architectures import Schema, schemas


@dataclass(frozen=True, slots=True)
class Source:
    """Where a set of hyperparameters is written."""

    field: str
    values: Mapping[str, str]


def schema_of(architecture: str) -> Schema:
    """The packaged schema of an architecture."""
    return schemas()[architecture]


def merge(*sources: Source) -> dict[str, str]:
    """One set; a later source overrides an earlier one."""
    return {name: value for source in sources for name, value in source.values.items()}


def faults(architecture: str, *sources: Source, schema: Schema | None = None) -> tuple[str, ...]:
    """What is wrong with the merged set, a sentence each; empty when a trainer would accept it."""
    schema = schema_of(architecture) if schema is None else schema
    wrong = wrong_names(schema, *sources)
    return (*value_faults(architecture, *sources, schema=schema), *broken_rules(schema, *sources, wrong=wrong))


def wrong_names(schema: Schema, *sources: Source) -> frozenset[str]:
    """The names whose values are wrong for themselves, so that no rule can be held against them."""
    declared: Mapping[str, Schema] = schema["properties"]
    given = merge(*sources)
    return frozenset(name for name in given if name in declared and _fault("", given[name], declared[name]))


def value_faults(architecture: str, *sources: Source, schema: Schema, place: str | None = None) -> tuple[str, ...]:
    """What is wrong with each for itself; `place` is where a value stands that has another place than its name's."""
    declared: Mapping[str, Schema] = schema["properties"]
    where = {name: f"{source.field}.{name}" for source in sources for name in source.values}
    given = merge(*sources)
    unknown = [_unknown(architecture, place or where[name], name, declared) for name in given if name not in declared]
    wrong = [
        fault
        for name, value in given.items()
        if name in declared and (fault := _fault(place or where[name], value, declared[name]))
    ]
    return (*unknown, *wrong)


def _unknown(architecture: str, place: str, name: str, declared: Mapping[str, Schema]) -> str:
    near = _near(name.replace("_", ""), declared)
    hint = f"did you mean {near}?" if near else f"it has {', '.join(sorted(declared))}."
    return f"{place}: {architecture} has no such hyperparameter; {hint}"


def _near(word: str, known: Iterable[str]) -> str | None:
    lower = {candidate.lower(): candidate for candidate in known}
    close = get_close_matches(word.lower(), list(lower), n=1)
    return lower[close[0]] if close else None


def _fault(place: str, value: str, declared: Schema) -> str | None:
    if "enum" in declared:
        return _choice_fault(place, value, declared["enum"])
    low, high = declared.get("x-recsys-minimum"), declared.get("x-recsys-maximum")
    kind = declared.get("x-recsys-type", "string")
    if not re.search(declared.get("pattern", ""), value):
        return f"{place} is {value!r} but must be {_wanted(kind, low, high)}."
    if kind in ("integer", "number"):
        number = int(value) if kind == "integer" else float(value)
        if (low is not None and number < low) or (high is not None and number > high):
            return f"{place} is {value} but must be {_wanted(kind, low, high)}."
    return None


def _choice_fault(place: str, value: str, allowed: Sequence[str]) -> str | None:
    if value in allowed:
        return None
    if len(allowed) == 1:
        return f"{place} is {value!r} but must be {allowed[0]}."
    near = _near(value, allowed)
    return f"{place} is {value!r} but must be one of {', '.join(allowed)}{f'; did you mean {near}?' if near else '.'}"


def _wanted(kind: str, low: float | None, high: float | None) -> str:
    bounds = "" if low is None or high is None else f" from {low:g} to {high:g}"
    return f"{'an' if kind == 'integer' else 'a'} {kind}{bounds}"


def to_judge(schema: Schema, given: Collection[str], wrong: Collection[str]) -> Iterator[Mapping[str, str]]:
    """The rules between hyperparameters of which none is `wrong`, nor follows one that is."""
    same_as: Mapping[str, str] = schema.get("x-recsys-same-as", {})
    unknown = {*wrong, *(name for name, source in same_as.items() if name not in given and source in wrong)}
    return (rule for rule in schema.get("x-recsys-rules", ()) if not {rule["left"], rule["right"]} & unknown)


def broken_rules(schema: Schema, *sources: Source, wrong: Collection[str] = ()) -> Iterator[str]:
    """The rules that the merged set breaks, a sentence each. Every value but the `wrong` ones is right for itself."""
    declared: Mapping[str, Schema] = schema["properties"]
    where = {name: source.field for source in sources for name in source.values}
    given = merge(*sources)
    values = {name: str(declared[name].get("default", "")) for name in declared}
    values |= {name: value for name, value in given.items() if name in declared}
    for name, source in schema.get("x-recsys-same-as", {}).items():
        if name not in given:
            values[name] = values[source]
    for rule in to_judge(schema, given, wrong):
        if sentence := _broken(rule, values, where):
            yield sentence


def _broken(rule: Mapping[str, str], values: Mapping[str, str], where: Mapping[str, str]) -> str | None:
    """`where` has the fields in which hyperparameters are written; one that is not there has its default."""
    left, relation, right = rule["left"], rule["relation"], rule["right"]
    place = f"{where[left]}.{left}" if left in where else f"The hyperparameter {left}"
    beside = f"{where[right]}.{right}" if right in where else right
    if relation == "only with":
        if left not in where or values[right] == rule["value"]:
            return None
        return (
            f"{place} is given but changes nothing, because {beside} is {values[right]}: "
            f"leave {left} out, or set {right} to {rule['value']}."
        )
    number, other = int(values[left]), int(values[right])
    bound = 2 * other if relation.endswith(" twice") else other
    if number >= bound if relation.startswith("at least") else number % bound == 0:
        return None
    return f"{place} is {number} but must be {relation} {beside}, which is {other}."
