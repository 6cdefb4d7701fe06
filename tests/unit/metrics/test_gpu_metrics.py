"""What Prometheus reads of the GPU-seconds of a RecModel's runs."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from prometheus_client import REGISTRY

from recsys_operator import metrics
from recsys_operator.api.gpu_use import GpuUse
from recsys_operator.reconcile.loop import Key

MODEL = {"namespace": "shop", "model": "movies"}
KEY = Key("recmodels", "shop", "movies", "u")


@pytest.fixture(autouse=True)
def _the_model() -> Iterator[None]:
    metrics.LoopMetrics().known(KEY)
    yield
    metrics.LoopMetrics().gone(KEY)


def use(used: int, lost: int) -> GpuUse:
    return GpuUse(used_seconds=used, lost_seconds=lost, unsaved_seconds=0, held=1, until="2026-01-02T03:04:05Z")


def counted() -> tuple[float | None, float | None]:
    names = ("recsys_gpu_seconds_total", "recsys_gpu_seconds_lost_total")
    used, lost = (REGISTRY.get_sample_value(name, MODEL) for name in names)
    return used, lost


def test_what_was_written_is_added_once() -> None:
    metrics.count_gpus("shop", "movies", None, None)
    assert counted() == (None, None), "a run without GPUs makes no series"
    metrics.count_gpus("shop", "movies", None, use(100, 0))
    metrics.count_gpus("shop", "movies", use(100, 0), use(100, 0))
    metrics.count_gpus("shop", "movies", use(100, 0), use(160, 40))
    # Another run of the model.
    metrics.count_gpus("shop", "movies", use(7, 2), use(10, 3))
    assert counted() == (163, 41)


def test_the_series_go_with_the_model() -> None:
    metrics.count_gpus("shop", "movies", None, use(100, 0))
    metrics.LoopMetrics().gone(Key("trainingruns", "shop", "movies", "u"))
    assert counted() == (100, 0)
    metrics.LoopMetrics().gone(KEY)
    assert counted() == (None, None)


def test_a_run_that_outlives_its_model_does_not_bring_them_back() -> None:
    metrics.count_gpus("shop", "movies", None, use(100, 0))
    metrics.LoopMetrics().gone(KEY)
    metrics.count_gpus("shop", "movies", use(100, 0), use(160, 0))
    assert counted() == (None, None)
    again = replace(KEY, uid="another")
    metrics.LoopMetrics().known(again)
    metrics.count_gpus("shop", "movies", use(160, 0), use(170, 0))
    assert counted() == (10, 0), "one of the same name is another one"
    metrics.LoopMetrics().gone(again)
