"""JSON Schemas for kubeconform out of the OpenAPI description that an API server gives.

The files follow the layout of kubeconform's default location: `<kind>-<group>-<version>.json`, the group without its
domain. They are strict: a property that the API does not know is an error.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Schema = dict[str, Any]

# Amounts and the like: the API takes a number as well as a string.
STRING_OR_NUMBER = ("io.k8s.apimachinery.pkg.api.resource.Quantity", "io.k8s.apimachinery.pkg.util.intstr.IntOrString")
PREFIX = "#/definitions/"


def write(openapi: dict[str, Any], directory: Path) -> None:
    """Write one self-contained file for each kind."""
    definitions = {name: _strict(name, schema) for name, schema in openapi["definitions"].items()}
    directory.mkdir(parents=True, exist_ok=True)
    for name, schema in definitions.items():
        for kind in openapi["definitions"][name].get("x-kubernetes-group-version-kind", ()):
            needed = {other: definitions[other] for other in _closure(name, definitions)}
            group = kind["group"].partition(".")[0]
            file = "-".join(part for part in (kind["kind"], group, kind["version"]) if part).lower() + ".json"
            (directory / file).write_text(json.dumps({**schema, "definitions": needed}))


def _strict(name: str, schema: Schema) -> Schema:
    if name in STRING_OR_NUMBER:
        return {"type": ["string", "number"]}
    strict = {key: value for key, value in schema.items() if not key.startswith("x-")}
    if "properties" in strict:
        strict["properties"] = {key: _strict("", value) for key, value in strict["properties"].items()}
        strict.setdefault("additionalProperties", False)
    if isinstance(strict.get("items"), dict):
        strict["items"] = _strict("", strict["items"])
    return strict


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "$ref" and isinstance(inner, str):
                yield inner.removeprefix(PREFIX)
            else:
                yield from _references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _references(inner)


def _closure(name: str, definitions: dict[str, Schema]) -> set[str]:
    found: set[str] = set()
    waiting = list(_references(definitions[name]))
    while waiting:
        other = waiting.pop()
        if other not in found:
            found.add(other)
            waiting.extend(_references(definitions[other]))
    return found
