"""Objects survive the way through the types unchanged, and nothing on the wire is unknown to them."""

from typing import Any

import pytest
from hack.gen.structural import walk
from pydantic import ValidationError
from tests.integration.api.constraints import definition
from tests.unit.api.full_examples import NEVER_SET, whole

from recsys_operator.api.kinds import KINDS
from recsys_operator.api.schema import Kind

each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: str(kind.kind))

MAPS = ("yperparameters", "nodeSelector", "matchLabels", "serviceAccountAnnotations")
"""Fields whose keys are the user's."""


def paths(value: Any, path: str) -> set[str]:
    """The fields that are set, written as in a schema walk."""
    if isinstance(value, list):
        return {found for item in value for found in paths(item, f"{path}[]")}
    if isinstance(value, dict) and not path.endswith(MAPS):
        return {path} | {found for name, child in value.items() for found in paths(child, f"{path}.{name}")}
    return {path}


@each_kind
def test_the_examples_set_every_field(kind: Kind) -> None:
    """Else the other tests here would not see a field that was forgotten."""
    schema = definition(kind.plural)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
    example = whole(kind.plural, all_tasks=True)
    for part in ("spec", "status"):
        declared = {path for path, node in walk(schema[part], part) if not path.endswith(("[]", "{}"))}
        declared -= {path for path, node in walk(schema[part], part) if node.get("type") == "array"}
        said = {path for path in paths(example[part], part) if not path.endswith("[]")}
        assert declared - said - NEVER_SET == set()
        assert said - declared == set()


@each_kind
def test_what_is_read_is_written_back(kind: Kind) -> None:
    example = whole(kind.plural, all_tasks=True)
    assert kind.spec.model_validate(example["spec"]).wire() == example["spec"]
    assert kind.status.model_validate(example["status"]).wire() == example["status"]


@each_kind
def test_a_field_of_a_later_version_is_ignored(kind: Kind) -> None:
    example = whole(kind.plural, all_tasks=True)
    assert kind.spec.model_validate({**example["spec"], "later": 1}) == kind.spec.model_validate(example["spec"])


@each_kind
def test_an_empty_status_is_read(kind: Kind) -> None:
    assert kind.status.model_validate({}) == kind.status()


@each_kind
def test_types_are_immutable(kind: Kind) -> None:
    status = kind.status()
    with pytest.raises(ValidationError):
        status.observed_generation = 1  # type: ignore[attr-defined]


@each_kind
def test_the_types_fill_in_what_the_api_server_fills_in(kind: Kind) -> None:
    """One default, whoever reads: each default of the schema is the type's."""
    schema = definition(kind.plural)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    example = whole(kind.plural, all_tasks=True)["spec"]
    defaults = {name: node["default"] for name, node in schema["properties"].items() if "default" in node}
    bare = {name: value for name, value in example.items() if name not in defaults}
    wire = kind.spec.model_validate(bare).wire()
    assert {name: wire[name] for name in defaults} == defaults
