"""With the default practice each architecture gives the curve that it gave when its golden file was written."""

import json

import pytest

pytest.importorskip("torch")

from tests.integration.workers.golden_curves import FILE, entries, keep, played, same

from recsys_workers.models.registry import ARCHITECTURES

pytestmark = pytest.mark.torch

WRITE = "`make golden` writes it into golden/curves.json: read the diff before you commit it"


@pytest.mark.parametrize("name", entries())
def test_the_curve_is_the_golden_one(name: str, golden: bool) -> None:
    found = played(entries()[name])
    if golden:
        keep(name, found)
    entry = entries()[name]
    assert "loss" in entry, f"{name} has no golden curve. {WRITE}."
    assert same(entry, found), f"{name} learns otherwise: {found} instead of {entry}. Where that is meant, {WRITE}."


def test_each_architecture_has_a_curve() -> None:
    known = {entry["architecture"] for entry in json.loads(FILE.read_text()).values()}
    assert known == set(ARCHITECTURES), f"{sorted(set(ARCHITECTURES) - known)} have no golden curve. {WRITE}."
