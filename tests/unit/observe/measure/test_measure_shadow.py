"""A shadow's figures, from the very text that a server writes."""

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from recsys_operator.decide.analysis.shadow_facts import ShadowReading, Sum
from recsys_operator.observe.measure.exposition import NotMetrics, samples
from recsys_operator.observe.measure.shadow import SUMS, shadow_readings
from recsys_workers.serve.shadow_metrics import ShadowMetrics


def test_it_reads_what_a_server_writes() -> None:
    registry = CollectorRegistry()
    metrics = ShadowMetrics(registry, {"model": "movies", "version": "5"})
    metrics.percent.set(10)
    metrics.sent.inc(7)
    assert shadow_readings(samples(generate_latest(registry).decode())) == ()
    for stable, value in (("4", 0.25), ("12", 0.5)):
        comparison = metrics.against(stable)
        for _ in range(2):
            comparison.samples.inc()
            for name in SUMS:
                getattr(comparison, name).observe(value)
        comparison.failures.inc(3)
    expected = {
        stable: ShadowReading(stable, 2, 3, **{name: Sum(2, 2 * value) for name in SUMS})
        for stable, value in ((4, 0.25), (12, 0.5))
    }
    assert shadow_readings(samples(generate_latest(registry).decode())) == (expected[4], expected[12])


@pytest.mark.parametrize("value", ["NaN", "+Inf", "-1"])
def test_a_value_that_is_no_count_is_refused(value: str) -> None:
    with pytest.raises(NotMetrics, match="recsys_shadow_overlap_sum"):
        shadow_readings(samples(f'recsys_shadow_overlap_sum{{stable="4"}} {value}\n'))


@pytest.mark.parametrize("stable", ["", "0", "v4", "4444444444", "4 "])
def test_what_names_no_version_is_left_out(stable: str) -> None:
    assert shadow_readings(samples(f'recsys_shadow_samples_total{{stable="{stable}"}} 1\n')) == ()
