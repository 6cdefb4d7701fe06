"""Every rule and bound in the spec of a CRD, read from crds/*.yaml: what the cases have to cover."""

from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import yaml
from tests.integration.harness.binaries import ROOT

BOUNDS = (
    "enum",
    "pattern",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "minItems",
    "maxItems",
    "maxProperties",
)


class Constraint(NamedTuple):
    """One thing that the API server checks: a bound, `required`, `unique` (items of a set or map) or a CEL rule."""

    path: str
    keyword: str
    message: str = ""

    def __str__(self) -> str:
        return f"{self.path or 'the object'} {self.keyword}" + (f" «{self.message}»" if self.message else "")


@cache
def definition(plural: str) -> dict[str, Any]:
    """One CRD."""
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "crds" / f"recsys.dev_{plural}.yaml").read_text())
    return loaded


def constraints(plural: str) -> set[Constraint]:
    """All of one kind, but for its status: nobody writes that by hand."""
    root: dict[str, Any] = definition(plural)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    root = {**root, "properties": {"spec": root["properties"]["spec"]}}
    return set(_of("", root))


def _of(path: str, node: dict[str, Any]) -> Iterator[Constraint]:
    for keyword in BOUNDS:
        if keyword in node:
            yield Constraint(path, keyword)
    for rule in node.get("x-kubernetes-validations", ()):
        yield Constraint(path, "rule", rule["message"])
    if node.get("x-kubernetes-list-type") in ("set", "map"):
        yield Constraint(path, "unique")
    for name in node.get("required", ()):
        yield Constraint(f"{path}.{name}".lstrip("."), "required")
    for name, child in node.get("properties", {}).items():
        yield from _of(f"{path}.{name}".lstrip("."), child)
    if "items" in node:
        yield from _of(f"{path}[]", node["items"])
    if "additionalProperties" in node:
        yield from _of(f"{path}{{}}", node["additionalProperties"])
