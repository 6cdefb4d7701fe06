"""With the default practice each architecture gives the curve that it gave when its golden file was written."""

import json
from typing import Any

import pytest

pytest.importorskip("torch")

from tests.integration.workers.curves import GOLDEN, curve
from tests.integration.workers.test_tabular import row_curve

from recsys_workers.models.registry import ARCHITECTURES
from recsys_workers.train.reports import EpochReport

pytestmark = pytest.mark.torch

CURVES = json.loads((GOLDEN / "curves.json").read_text())


def played(golden: dict[str, Any]) -> list[EpochReport]:
    """The reports of an entry's training: of rows where it names an objective, else of walks."""
    if "objective" in golden:
        return row_curve(golden["architecture"], golden["objective"], **golden["hyperparameters"])
    return curve(golden["architecture"], **golden["hyperparameters"])


@pytest.mark.parametrize("name", CURVES)
def test_the_curve_is_the_golden_one(name: str) -> None:
    golden = CURVES[name]
    reports = played(golden)
    assert [report.loss for report in reports] == pytest.approx(golden["loss"], abs=1e-3)
    assert [report.validation for report in reports] == pytest.approx(golden["validation"], abs=1e-3)


def test_each_architecture_has_a_curve() -> None:
    assert {golden["architecture"] for golden in CURVES.values()} == set(ARCHITECTURES)
