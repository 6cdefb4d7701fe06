"""What Prometheus reads about a Deployment, from its status; and that it is gone with the Deployment."""

from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from tests.unit.decide.deployment_world import World, canary, promoted, serving

from recsys_operator import metrics
from recsys_operator.api.analysis_status import MetricStatus
from recsys_operator.decide.times import instant
from recsys_operator.held_time import HeldTime
from recsys_operator.reconcile.loop import Key

NAME = {"namespace": "shop", "deployment": "movies"}


@pytest.fixture(autouse=True)
def _nothing_left() -> Iterator[None]:
    yield
    metrics.LoopMetrics().gone(Key("deployments", "shop", "movies", "u"))


def told(world: World) -> dict[str, float]:
    """Every sample about the Deployment, as it is exported, after its status was told."""
    metrics.set_rollout("shop", "movies", world.spec, world.status)
    return exported()


def exported() -> dict[str, float]:
    lines = [line.rsplit(" ", 1) for line in generate_latest().decode().splitlines() if 'deployment="movies"' in line]
    return {name: float(value) for name, value in lines}


def test_a_canary_that_goes_on_and_one_that_is_held() -> None:
    world = canary()
    found = told(world)
    assert found['recsys_rollout_state{deployment="movies",namespace="shop",state="Canary"}'] == 1
    assert found['recsys_rollout_state{deployment="movies",namespace="shop",state="Stable"}'] == 0
    assert found['recsys_rollout_step{deployment="movies",namespace="shop",version="4"}'] == 1
    assert found['recsys_rollout_steps{deployment="movies",namespace="shop"}'] == 4
    assert found['recsys_deployment_ready{deployment="movies",namespace="shop",reason="Progressing"}'] == 0
    assert not [name for name in found if name.startswith("recsys_rollout_held{")]
    world.edit(paused=True)
    world.step()
    found = told(world)
    assert found['recsys_rollout_held{deployment="movies",namespace="shop",reason="Paused",version="4"}'] == 1
    assert found['recsys_rollout_state{deployment="movies",namespace="shop",state="Held"}'] == 1
    assert not [name for name in found if 'reason="Progressing"' in name], "what is no longer so has no series"


def test_what_serves_is_ready_and_has_no_step() -> None:
    found = told(serving())
    assert found['recsys_deployment_ready{deployment="movies",namespace="shop",reason="Serving"}'] == 1
    assert not [name for name in found if name.startswith("recsys_rollout_step{")]


def test_a_version_that_is_taken_back_has_no_weight_any_more() -> None:
    """… or the alert rules went on to blame it."""
    weight = 'recsys_rollout_weight{{deployment="movies",namespace="shop",role="{}",version="{}"}}'.format
    metrics.set_weights("shop", "movies", {(1, "stable"): 90, (4, "canary"): 10})
    assert (exported()[weight("stable", 1)], exported()[weight("canary", 4)]) == (90, 10)
    metrics.set_weights("shop", "movies", {(1, "stable"): 100})
    assert exported() == {weight("stable", 1): 100}


def test_the_newest_rollback_names_the_version_that_was_taken_back() -> None:
    world = canary()
    world.step(world.alert(4))
    world.run()
    entry = world.status.history[-1]
    assert entry.verdict == "RolledBack"
    name = 'recsys_last_rollback_timestamp_seconds{cause="Alert",deployment="movies",namespace="shop",version="4"}'
    assert told(world)[name] == pytest.approx(instant(entry.end_time).timestamp())
    reverted = promoted()
    reverted.step(reverted.alert(4))
    assert reverted.status.history[-1].verdict == "Reverted"
    assert name in told(reverted)


def test_durations_are_counted_by_verdict() -> None:
    world = promoted()
    metrics.count_finished("shop", "movies", world.status.history)
    found = exported()
    count = 'recsys_rollout_duration_seconds_count{deployment="movies",namespace="shop",verdict="Promoted"}'
    assert found[count] == 2
    seconds = [(instant(one.end_time) - instant(one.start_time)).total_seconds() for one in world.status.history]
    assert found[count.replace("_count", "_sum")] == pytest.approx(sum(seconds))


def test_a_deleted_deployment_leaves_no_series() -> None:
    world = canary()
    world.edit(paused=True)
    world.step(world.alert(4))
    world.run()
    metrics.count_finished("shop", "movies", world.status.history)
    metrics.set_weights("shop", "movies", {(1, "stable"): 100})
    metrics.ROLLBACKS.labels("shop", "movies", "Alert").inc()
    metrics.HELD_SECONDS.hold("shop", "movies", "Paused")
    families = {name.split("{")[0] for name in told(world)}
    assert len(families) > 9
    metrics.LoopMetrics().gone(Key("deployments", "shop", "movies", "u"))
    assert exported() == {}


def test_every_metric_of_a_deployment_goes_with_it() -> None:
    """A new metric with the label `deployment` must stand in the list of those that are removed."""
    named = [one for one in vars(metrics).values() if "deployment" in getattr(one, "_labelnames", ())]
    assert set(named) == set(metrics.OF_A_DEPLOYMENT)


class Clock:
    """Seconds at the test's word."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_held_time_goes_on_until_the_scrape() -> None:
    clock, registry = Clock(), CollectorRegistry()
    held = HeldTime(registry, clock)

    def seconds(reason: str) -> float | None:
        return registry.get_sample_value("recsys_rollout_held_seconds_total", {**NAME, "reason": reason})

    held.hold("shop", "movies", "WaitingForPods")
    clock.now = 10
    assert seconds("WaitingForPods") == 10
    held.hold("shop", "movies", "WaitingForPods")
    clock.now = 15
    held.hold("shop", "movies", "Frozen")
    clock.now = 18
    held.hold("shop", "movies", "")
    clock.now = 100
    assert (seconds("WaitingForPods"), seconds("Frozen"), seconds("Paused")) == (15, 3, None)
    held.hold("shop", "movies", "Frozen")
    clock.now = 101
    assert seconds("Frozen") == 4, "a counter never falls"
    held.forget("shop", "movies")
    assert seconds("Frozen") is None


def test_an_analysis_has_values_of_both_arms_and_a_phase() -> None:
    world = canary()
    assert world.status.canary
    found = {
        "name": "errors",
        "phase": "Passed",
        "value": "0.012",
        "stable": "0.01",
        "samples": 500,
        "start_time": world.status.canary.start_time,
        "time": world.status.canary.start_time,
    }
    broken = {**found, "name": "revenue", "phase": "Error", "value": "many", "stable": None}
    analysis = tuple(MetricStatus.model_validate(one) for one in (found, broken))
    world.status = world.status.model_copy(
        update={"canary": world.status.canary.model_copy(update={"analysis": analysis})}
    )
    seen = {name: value for name, value in told(world).items() if name.startswith("recsys_analysis")}
    start = 'deployment="movies",metric="errors",namespace="shop"'
    other = 'deployment="movies",metric="revenue",namespace="shop"'
    assert seen == {
        f'recsys_analysis_value{{arm="canary",{start},version="4"}}': 0.012,
        f'recsys_analysis_value{{arm="stable",{start},version="4"}}': 0.01,
        f'recsys_analysis_phase{{{start},phase="Passed",version="4"}}': 1,
        f'recsys_analysis_phase{{{other},phase="Error",version="4"}}': 1,
        f'recsys_analysis_samples{{{start},version="4"}}': 500,
        f'recsys_analysis_samples{{{other},version="4"}}': 500,
    }
    told(serving())
    assert not [name for name in exported() if name.startswith("recsys_analysis")], "they go with the canary"
