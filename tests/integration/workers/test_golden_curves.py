"""With the default practice each architecture gives the curve that it gave when its golden file was written."""

import json

import pytest

pytest.importorskip("torch")

from tests.integration.workers.curves import GOLDEN, curve

pytestmark = pytest.mark.torch

CURVES = json.loads((GOLDEN / "curves.json").read_text())


@pytest.mark.parametrize("name", CURVES)
def test_the_curve_is_the_golden_one(name: str) -> None:
    golden = CURVES[name]
    reports = curve(golden["architecture"], **golden["hyperparameters"])
    assert [report.loss for report in reports] == pytest.approx(golden["loss"], abs=1e-3)
    assert [report.validation for report in reports] == pytest.approx(golden["validation"], abs=1e-3)
