"""The manifests in the documentation are what the API takes, field by field."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.unit.docs.pages import blocks, pages, table_words

from recsys_operator.api.kinds import KINDS

SPECS = {kind.kind: kind for kind in KINDS}
GROUP = "recsys.dev/"


def manifests() -> list[tuple[Path, dict[str, Any]]]:
    """Every object of every yaml block that says a kind."""
    found = []
    for path in pages():
        for block in blocks(path.read_text()):
            if block.language == "yaml":
                found += [
                    (path, one) for one in yaml.safe_load_all(block.text) if isinstance(one, dict) and "kind" in one
                ]
    return found


OURS = [(path, one) for path, one in manifests() if str(one.get("apiVersion", "")).startswith(GROUP)]


def strangers(given: Any, taken: Any, place: str = "spec") -> Iterator[str]:
    """What was given and is not in what was taken: a field that nobody reads, or a value that was changed."""
    if isinstance(given, Mapping):
        for name, inner in given.items():
            if not isinstance(taken, Mapping) or name not in taken:
                yield f"{place}.{name}"
            else:
                yield from strangers(inner, taken[name], f"{place}.{name}")
    elif isinstance(given, list):
        for index, inner in enumerate(given):
            yield from strangers(inner, taken[index], f"{place}[{index}]")
    elif given != taken:
        yield f"{place}: {given!r} became {taken!r}"


def test_there_are_manifests_of_every_kind() -> None:
    assert {one["kind"] for _, one in OURS} == set(SPECS)
    assert {path.name for path, _ in OURS} >= {"README.md", "train-a-model.md", "roll-out-and-roll-back.md"}


@pytest.mark.parametrize(("path", "manifest"), OURS, ids=[f"{path.stem}-{one['kind']}" for path, one in OURS])
def test_a_manifest_is_of_its_type(path: Path, manifest: dict[str, Any]) -> None:
    kind = SPECS[manifest["kind"]]
    assert manifest["apiVersion"] == kind.api_version
    spec = kind.spec.model_validate(manifest["spec"])
    assert list(strangers(manifest["spec"], spec.wire())) == [], f"{path}: fields that no type knows"


@pytest.mark.parametrize(("path", "manifest"), manifests(), ids=lambda one: getattr(one, "stem", ""))
def test_a_manifest_has_a_head(path: Path, manifest: dict[str, Any]) -> None:
    assert set(manifest) <= {"apiVersion", "kind", "metadata", "spec", "data", "stringData"}, path
    assert manifest["metadata"]["name"]


def test_a_misspelt_field_is_found() -> None:
    spec = SPECS["TrainingRun"].spec
    given = {"modelRef": {"name": "a"}, "dataset": {"uri": "pvc://data/a.csv"}, "maxretries": 2}
    assert list(strangers(given, spec.model_validate(given).wire())) == ["spec.maxretries"]


def test_a_table_that_is_missing_is_found() -> None:
    with pytest.raises(AssertionError, match="no table marked"):
        table_words("# Nothing", "RecModel conditions")
