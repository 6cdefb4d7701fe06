"""What holds for every field of the committed CRDs, read without the generator."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
FILES = sorted((ROOT / "crds").glob("*.yaml"))


@cache
def load(path: Path) -> dict[str, Any]:
    manifest: dict[str, Any] = yaml.load(path.read_text(), Loader=yaml.CSafeLoader)
    return manifest


def nodes(path: str, schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    yield path, schema
    for name, child in schema.get("properties", {}).items():
        yield from nodes(f"{path}.{name}", child)
    for word, mark in (("items", "[]"), ("additionalProperties", "{}")):
        if isinstance(schema.get(word), dict):
            yield from nodes(path + mark, schema[word])


def part(name: str) -> list[tuple[str, dict[str, Any]]]:
    """All nodes of `spec` or `status` of all kinds."""
    found: list[tuple[str, dict[str, Any]]] = []
    for file in FILES:
        schema = load(file)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
        found += nodes(f"{file.stem}.{name}", schema["properties"][name])
    return found


SPEC, STATUS = part("spec"), part("status")


def test_the_three_kinds_are_there() -> None:
    assert [load(file)["spec"]["names"]["shortNames"] for file in FILES] == [["rdep"], ["rmod"], ["trun"]]


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.stem))
def test_a_definition_has_what_kubectl_shows(file: Path) -> None:
    spec = load(file)["spec"]
    (version,) = spec["versions"]
    assert spec["group"] == "recsys.dev"
    assert version["name"] == "v1alpha1"
    assert spec["scope"] == "Namespaced"
    assert spec["names"]["categories"] == ["recsys"]
    assert version["subresources"]["status"] == {}
    assert version["additionalPrinterColumns"]
    assert ("scale" in version["subresources"]) == (spec["names"]["kind"] == "Deployment")


def test_every_field_says_what_it_means() -> None:
    silent = [path for path, node in SPEC + STATUS if not path.endswith(("[]", "{}")) and not node.get("description")]
    assert not silent


def test_every_list_has_a_list_type_with_its_keys() -> None:
    for path, node in SPEC + STATUS:
        if node.get("type") == "array":
            assert node.get("x-kubernetes-list-type") in ("atomic", "set", "map"), path
        if node.get("x-kubernetes-list-type") == "map":
            keys = node["x-kubernetes-list-map-keys"]
            assert set(keys) <= set(node["items"]["required"]), f"{path}: keys of a map list must be required"


def test_every_list_string_and_map_of_a_spec_is_bounded() -> None:
    free = [
        path
        for path, node in SPEC
        if (node.get("type") == "array" and "maxItems" not in node)
        or (node.get("type") == "string" and not {"maxLength", "enum"} & node.keys())
        or (node.get("x-kubernetes-int-or-string") and "maxLength" not in node)
        or ("additionalProperties" in node and "maxProperties" not in node)
    ]
    assert not free


def test_every_list_of_a_status_is_bounded() -> None:
    assert not [path for path, node in STATUS if node.get("type") == "array" and "maxItems" not in node]


def test_nothing_is_a_float_a_reference_or_free_form() -> None:
    for path, node in SPEC + STATUS:
        assert node.get("type") != "number", path
        forbidden = {"$ref", "anyOf", "oneOf", "allOf", "title", "nullable", "x-kubernetes-preserve-unknown-fields"}
        assert not node.keys() & forbidden, path
        assert ("type" in node) != ("x-kubernetes-int-or-string" in node), path


def test_every_rule_has_a_message_of_its_own() -> None:
    for path, node in SPEC + STATUS:
        messages = [rule.get("message") for rule in node.get("x-kubernetes-validations", ())]
        assert all(messages), path
        assert len(messages) == len(set(messages)), path


def test_the_api_server_fills_nothing_into_a_status() -> None:
    assert not [path for path, node in STATUS if "default" in node]


def test_a_default_that_looks_like_a_number_is_a_string_for_kubectl_too() -> None:
    """PyYAML reads 1e-5 as a string; kubectl's parser reads a number, and the API server refuses the CRD."""
    assert "default: '1e-5'" in (ROOT / "crds" / "recsys.dev_recmodels.yaml").read_text()
