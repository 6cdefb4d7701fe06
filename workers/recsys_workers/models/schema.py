"""Generate the JSON Schema of an architecture's hyperparameters: `python -m recsys_workers.models.schema [SASRec]`.

Values arrive as strings, which JSON Schema cannot bound as numbers; the bounds stand in `x-recsys-*` keywords:
`x-recsys-type` (integer or number), `x-recsys-minimum`, `x-recsys-maximum` (inclusive), and at the top level
`x-recsys-rules`, a list of {left, relation, right} between two integer hyperparameters.
"""

import json
import sys
from typing import Any

from recsys_workers.models.hyperparameters import Hyperparameter, declaration_of

PATTERNS = {
    "integer": r"^[+-]?[0-9]+$",
    "number": r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?$",
}


def schema_of(architecture: str) -> dict[str, Any]:
    """The JSON Schema (2020-12) of the hyperparameter map of one architecture."""
    declaration = declaration_of(architecture)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Hyperparameters of {declaration.architecture}",
        "type": "object",
        "additionalProperties": False,
        "properties": {parameter.name: _property(parameter) for parameter in declaration.parameters},
        "x-recsys-rules": [
            {"left": rule.left, "relation": rule.relation, "right": rule.right} for rule in declaration.rules
        ],
        "x-recsys-same-as": dict(declaration.same_as),
    }


def _property(parameter: Hyperparameter) -> dict[str, Any]:
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


def text_of(architecture: str) -> str:
    """The schema as the text of its file."""
    return json.dumps(schema_of(architecture), indent=2) + "\n"


if __name__ == "__main__":
    sys.stdout.write(text_of(sys.argv[1] if len(sys.argv) > 1 else "SASRec"))
