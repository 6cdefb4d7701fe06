"""One kind as a CustomResourceDefinition."""

from typing import Any

from hack.gen.structural import Schema, structural, written

from recsys_operator.api.schema import Kind


def definition(kind: Kind) -> dict[str, Any]:
    """The manifest of apiextensions.k8s.io/v1."""
    subresources: dict[str, Any] = {"status": {}}
    if kind.scale:
        spec_path, status_path, selector_path = kind.scale
        subresources["scale"] = {
            "specReplicasPath": spec_path,
            "statusReplicasPath": status_path,
            "labelSelectorPath": selector_path,
        }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.{kind.group}"},
        "spec": {
            "group": kind.group,
            "names": {
                "kind": kind.kind,
                "listKind": f"{kind.kind}List",
                "plural": kind.plural,
                "singular": kind.singular,
                "shortNames": [kind.short_name],
                "categories": ["recsys"],
            },
            "scope": "Namespaced",
            "versions": [
                {
                    "name": kind.version,
                    "served": True,
                    "storage": True,
                    "additionalPrinterColumns": [_column(column) for column in kind.columns],
                    "schema": {"openAPIV3Schema": root(kind)},
                    "subresources": subresources,
                }
            ],
        },
    }


def _column(column: Any) -> dict[str, Any]:
    entry = {"name": column.name, "type": column.type, "jsonPath": column.path}
    return {**entry, "priority": column.priority} if column.priority else entry


def root(kind: Kind) -> Schema:
    """The schema of a whole object."""
    schema: Schema = {
        "description": kind.description,
        "type": "object",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"description": f"{kind.api_version}.", "type": "string"},
            "kind": {"description": f"{kind.kind}.", "type": "string"},
            "metadata": {"type": "object"},  # the API server knows it, and takes no description here
            "spec": structural(kind.spec, "spec", is_spec=True),
            "status": structural(kind.status, "status", is_spec=False),
        },
    }
    if kind.rules:
        schema["x-kubernetes-validations"] = [written(rule) for rule in kind.rules]
    return schema
