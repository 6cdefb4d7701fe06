"""From an architecture's declaration to the JSON Schema of its hyperparameters, and back.

Values arrive as strings, which JSON Schema cannot bound as numbers; the bounds stand in `x-recsys-*` keywords:
`x-recsys-type` (integer, number or choice), `x-recsys-minimum`, `x-recsys-maximum` (inclusive), where weights mean the
same with another value `x-recsys-keeps-weights`, and at the top level `x-recsys-architecture`, `x-recsys-task`, what
the architecture is for, `x-recsys-attributes`, whether it can be told what items are, and `x-recsys-rules`, a list of
{left, relation, right} between two hyperparameters, with a `value` where the relation is "only with".
`hack/gen/schemas.py` writes the files.
"""

import json
from collections.abc import Mapping
from typing import Any

from recsys_workers.models.declaration import Choice, Declaration, Hyperparameter, Rule

PATTERNS = {
    "integer": r"^[+-]?[0-9]+$",
    "number": r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?$",
}


def schema_of(declaration: Declaration) -> dict[str, Any]:
    """The JSON Schema (2020-12) of the hyperparameter map of one architecture."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Hyperparameters of {declaration.architecture}",
        "description": declaration.description,
        "type": "object",
        "additionalProperties": False,
        "properties": {parameter.name: _property(parameter) for parameter in declaration.parameters},
        "x-recsys-architecture": declaration.architecture,
        "x-recsys-task": declaration.task,
        "x-recsys-attributes": declaration.attributes,
        "x-recsys-rules": [_written(rule) for rule in declaration.rules],
        "x-recsys-same-as": dict(declaration.same_as),
    }


def _property(parameter: Hyperparameter | Choice) -> dict[str, Any]:
    return {**_values(parameter), **({"x-recsys-keeps-weights": True} if parameter.keeps_weights else {})}


def _values(parameter: Hyperparameter | Choice) -> dict[str, Any]:
    if isinstance(parameter, Choice):
        return {
            "description": parameter.meaning,
            "type": "string",
            "enum": list(parameter.allowed),
            "default": parameter.default,
            "x-recsys-type": "choice",
        }
    whole = parameter.kind == "integer"
    return {
        "description": parameter.meaning,
        "type": "string",
        "pattern": PATTERNS[parameter.kind],
        "default": parameter.default,
        "x-recsys-type": parameter.kind,
        "x-recsys-minimum": int(parameter.low) if whole else parameter.low,
        "x-recsys-maximum": int(parameter.high) if whole else parameter.high,
    }


def _written(rule: Rule) -> dict[str, str]:
    entry = {"left": rule.left, "relation": rule.relation, "right": rule.right}
    return {**entry, "value": rule.value} if rule.value else entry


def text_of(declaration: Declaration) -> str:
    """The schema as the text of its file."""
    return json.dumps(schema_of(declaration), indent=2) + "\n"


def file_of(architecture: str) -> str:
    """The name of the file with an architecture's schema."""
    return f"{architecture.lower()}.json"


def declaration_in(schema: Mapping[str, Any]) -> Declaration:
    """The declaration that a schema was made of."""
    return Declaration(
        architecture=schema["x-recsys-architecture"],
        description=schema["description"],
        parameters=tuple(_parameter(name, declared) for name, declared in schema["properties"].items()),
        rules=tuple(Rule(**rule) for rule in schema["x-recsys-rules"]),
        same_as=tuple(schema["x-recsys-same-as"].items()),
        task=schema["x-recsys-task"],
        attributes=schema["x-recsys-attributes"],
    )


def _parameter(name: str, declared: Mapping[str, Any]) -> Hyperparameter | Choice:
    keeps = declared.get("x-recsys-keeps-weights", False)
    if declared["x-recsys-type"] == "choice":
        return Choice(name, tuple(declared["enum"]), declared["description"], keeps)
    return Hyperparameter(
        name,
        declared["x-recsys-type"],
        declared["default"],
        declared["x-recsys-minimum"],
        declared["x-recsys-maximum"],
        declared["description"],
        keeps,
    )
