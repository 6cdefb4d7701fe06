"""What needs a GPU is refused where there is none, before anything is started."""

import json
from pathlib import Path
from typing import Any

import pytest

from recsys_workers.models.hyperparameters import check
from recsys_workers.train import checks, hardware, run_config
from recsys_workers.train.failure import CANNOT_HEAL, AttemptFailed


@pytest.mark.parametrize(
    ("given", "devices", "triton", "said"),
    [
        ({}, 0, False, None),
        (
            {"precision": "BFloat16"},
            0,
            True,
            "The hyperparameter precision is BFloat16, which needs a CUDA device, and the trainer sees none: set it to "
            "Float32, or leave it out.",
        ),
        (
            {"compile": "On"},
            0,
            True,
            "The hyperparameter compile is On, which needs a CUDA device, and the trainer sees none: set it to Off, or "
            "leave it out.",
        ),
        (
            {"compile": "On"},
            1,
            False,
            "The hyperparameter compile is On, which needs Triton, and the trainer's image has none: set it to Off, or "
            "build the image with Triton and a C compiler.",
        ),
        ({"precision": "BFloat16", "compile": "On"}, 1, True, None),
    ],
)
def test_the_refusal_names_what_is_missing(given: dict[str, str], devices: int, triton: bool, said: str | None) -> None:
    assert hardware.refusal(check("SASRec", given), devices, triton=triton) == said


def test_without_a_driver_there_is_no_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "DRIVER", "libno-such-driver.so.1")
    assert hardware.cuda_devices() == 0


def test_a_run_is_refused_before_it_starts(
    document: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hardware, "DRIVER", "libno-such-driver.so.1")
    document["hyperparameters"]["precision"] = "BFloat16"
    (tmp_path / "run.json").write_text(json.dumps(document))
    with pytest.raises(AttemptFailed, match="needs a CUDA device") as refused:
        checks.specification(run_config.read(tmp_path / "run.json"))
    assert (refused.value.reason, refused.value.exit_code) == ("InvalidHyperparameters", CANNOT_HEAL)


def test_a_gpu_that_cannot_be_used_is_told() -> None:
    assert hardware.idle_gpus(0, 0) is None
    assert hardware.idle_gpus(1, 1) is None
    assert "sees 0 CUDA devices" in (hardware.idle_gpus(1, 0) or "")
