"""From the pydantic models of the API to structural OpenAPI schemas, as a CustomResourceDefinition wants them.

The generation fails, with a sentence, when a field lacks what the API server or this project asks for.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from recsys_operator.api.schema import Model, Rule

Schema = dict[str, Any]

# What a structural schema may hold, in the order in which it is written.
KEYWORDS = (
    "description",
    "type",
    "format",
    "x-kubernetes-int-or-string",
    "enum",
    "pattern",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "minItems",
    "maxItems",
    "maxProperties",
    "default",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "items",
    "additionalProperties",
    "required",
    "properties",
    "x-kubernetes-validations",
)


class SchemaError(Exception):
    """A model cannot become a schema; the message names the field and what to change."""


def structural(model: type[Model], where: str, *, is_spec: bool) -> Schema:
    """The structural schema of a spec or a status.

    `where` names the root in messages. A spec must be bounded everywhere; a status carries no defaults, because the API
    server would add them to what a writer applied.
    """
    raw = model.model_json_schema(by_alias=True, mode="validation")
    schema = _Conversion(raw.pop("$defs", {}), with_defaults=is_spec).convert(
        {**raw, "description": model.__doc__}, where, model
    )
    check(schema, where, is_spec=is_spec)
    return schema


def _models() -> Mapping[str, type[Model]]:
    """All models by name, which is how pydantic refers to them."""
    found: dict[str, type[Model]] = {}

    def collect(parent: type[Model]) -> None:
        for child in parent.__subclasses__():
            if found.setdefault(child.__name__, child) is not child:
                raise SchemaError(f"Two models are named {child.__name__}: rename one.")
            collect(child)

    collect(Model)
    return found


class _Conversion:
    def __init__(self, definitions: Mapping[str, Schema], *, with_defaults: bool) -> None:
        self.definitions = definitions
        self.with_defaults = with_defaults
        self.models = _models()

    def convert(self, raw: Schema, where: str, model: type[Model] | None = None) -> Schema:
        """One node: references inlined, null dropped, pydantic's extras removed, CEL rules added."""
        node = dict(raw)
        node.pop("title", None)
        if "anyOf" in node:
            node = self._without_null(node, where)
        if "$ref" in node:
            name = node.pop("$ref").rsplit("/", 1)[-1]
            model = self.models[name]
            node = {**self.definitions[name], "description": model.__doc__, **node}
            node.pop("title", None)
        if "const" in node:
            node["enum"] = [node.pop("const")]
        if not self.with_defaults or node.get("default") is None:
            node.pop("default", None)
        if node.get("additionalProperties") is True:
            node.pop("additionalProperties")
        if "description" in node:
            node["description"] = " ".join(str(node["description"]).split())

        rules = list(node.pop("x-kubernetes-validations", []))
        rules += [written(rule) for rule in (model.CEL if model else ())]
        if key_pattern := node.pop("x-recsys-key-pattern", None):
            rules.append(written(key_rule(key_pattern)))
        if rules:
            node["x-kubernetes-validations"] = rules

        if "properties" in node:
            node["properties"] = {
                name: self.convert(child, f"{where}.{name}") for name, child in node["properties"].items()
            }
        for word, mark in (("items", "[]"), ("additionalProperties", "{}")):
            if isinstance(node.get(word), dict):
                node[word] = self.convert(node[word], where + mark)
        if unknown := node.keys() - set(KEYWORDS):
            raise SchemaError(f"{where} uses {', '.join(sorted(unknown))}, which a structural schema does not have.")
        return {word: node[word] for word in KEYWORDS if word in node}

    def _without_null(self, node: Schema, where: str) -> Schema:
        """`anyOf: [X, null]`, as Optional becomes, is X: an absent field says null in Kubernetes."""
        choices = [choice for choice in node["anyOf"] if choice != {"type": "null"}]
        if len(choices) != 1:
            raise SchemaError(f"{where} is a union of {len(choices)} types; a structural schema allows one.")
        rest = {word: value for word, value in node.items() if word != "anyOf"}
        return {**choices[0], **rest}


def written(rule: Rule) -> dict[str, str]:
    """A rule as an entry of x-kubernetes-validations."""
    entry = {"rule": rule.rule, "message": rule.message}
    if rule.field_path:
        entry["fieldPath"] = rule.field_path
    return entry


def key_rule(pattern: str) -> Rule:
    """A schema cannot bound the keys of a map: a rule can."""
    return Rule(f"self.all(name, name.matches('{pattern}'))", f"each name must match {pattern}, such as learningRate")


def walk(schema: Schema, where: str) -> Iterator[tuple[str, Schema]]:
    """Every node with its path: `spec.gates[].floor.min`, `spec.hyperparameters{}`."""
    yield where, schema
    for name, child in schema.get("properties", {}).items():
        yield from walk(child, f"{where}.{name}")
    for word, mark in (("items", "[]"), ("additionalProperties", "{}")):
        if isinstance(schema.get(word), dict):
            yield from walk(schema[word], where + mark)


def check(schema: Schema, where: str, *, is_spec: bool) -> None:
    """Raise SchemaError for the first node that lacks a type, a description, a list type or (in a spec) a bound."""
    for path, node in walk(schema, where):
        if fault := _fault(path, node, is_spec=is_spec):
            raise SchemaError(f"{path} {fault}")


def _fault(path: str, node: Schema, *, is_spec: bool) -> str | None:
    kind = node.get("type", "int-or-string" if node.get("x-kubernetes-int-or-string") else None)
    if kind not in ("object", "array", "string", "integer", "boolean", "int-or-string"):
        return f"has the type {kind}; use object, array, string, integer or boolean (no floats: write a string)."
    if not path.endswith(("[]", "{}")) and not node.get("description"):
        return "has no description: give its Field one."
    if kind == "array" and "x-kubernetes-list-type" not in node:
        return "has no x-kubernetes-list-type: use json_schema_extra=listing(...)."
    if kind == "array" and "items" not in node:
        return "does not say what its items are."
    if kind == "object" and not node.get("properties") and "additionalProperties" not in node:
        return "is an object without fields."
    if not is_spec:
        return None
    if kind in ("string", "int-or-string") and "maxLength" not in node and "enum" not in node:
        return "is a string without maxLength."
    if kind == "array" and "maxItems" not in node:
        return "is a list without maxItems."
    if "additionalProperties" in node and "maxProperties" not in node:
        return "is a map without maxProperties."
    for rule in node.get("x-kubernetes-validations", []):
        if not rule.get("message"):
            return f"has the rule {rule['rule']} without a message."
    return None
