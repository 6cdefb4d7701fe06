"""With the default practice each architecture gives the curve that it gave when its golden file was written."""

import json

import pytest

pytest.importorskip("torch")

from tests.integration.workers.curves import GOLDEN, curve

pytestmark = pytest.mark.torch

CURVES = json.loads((GOLDEN / "curves.json").read_text())


@pytest.mark.parametrize("architecture", CURVES)
def test_the_curve_is_the_golden_one(architecture: str) -> None:
    reports = curve(architecture)
    assert [report.loss for report in reports] == pytest.approx(CURVES[architecture]["loss"], abs=1e-3)
    found = [report.validation_ndcg for report in reports]
    assert found == pytest.approx(CURVES[architecture]["validation"], abs=1e-3)
