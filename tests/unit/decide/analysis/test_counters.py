"""Counters go on over pods that come, go and start anew: every request counts once, whatever happens to its pod."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.unit.decide.analysis.analysis_world import START, World, pod, served

from recsys_operator.decide.analysis import counters
from recsys_operator.decide.analysis.facts import Histogram, Reading

ERRORS = {"name": "errors", "builtIn": "SuccessRate", "min": "0", "minSamples": 1}
TEST = {"name": "errors", "builtIn": "SuccessRate", "test": "Sequential"}


def counted(world: World) -> int:
    """Requests to the canary that the next look counts."""
    world.look()
    return world.entry().samples


def begun(**metric: object) -> World:
    world = World([{**ERRORS, **metric}])
    world.serve("Canary", 1000)
    world.look()
    world.serve("Canary", 10)
    assert counted(world) == 10
    return world


def test_what_was_served_before_the_first_look_counts_for_nothing() -> None:
    world = World([ERRORS])
    world.serve("Canary", 1000)
    world.look()
    assert world.entry().samples == 0
    world.serve("Canary", 7)
    assert counted(world) == 7


def test_a_container_that_restarts_begins_at_zero() -> None:
    world = begun()
    world.canary_pods["c1"] = replace(pod("c1", world.now + timedelta(seconds=3)), restarts=1)
    world.serve("Canary", 5)
    assert counted(world) == 5
    world.serve("Canary", 6)
    assert counted(world) == 6


def test_counters_that_fall_without_a_restart_begin_at_zero() -> None:
    world = begun()
    world.canary_pods["c1"] = pod("c1")
    world.serve("Canary", 5)
    assert counted(world) == 5
    world.serve("Canary", 6)
    assert counted(world) == 6


def test_a_pod_that_is_replaced_leaves_what_it_counted() -> None:
    world = begun()
    del world.canary_pods["c1"]
    world.canary_pods["c3"] = served(pod("c3", world.now + timedelta(seconds=3)), 4)
    world.serve("Canary", 2)
    assert counted(world) == 4 + 2


def test_a_pod_that_is_older_than_the_look_before_brings_no_past() -> None:
    world = begun()
    world.canary_pods["c0"] = served(pod("c0", START - timedelta(hours=1)), 5000)
    world.serve("Canary", 3)
    assert counted(world) == 3
    world.canary_pods["c0"] = served(world.canary_pods["c0"], 4)
    assert counted(world) == 4


def test_a_pod_that_cannot_be_read_for_a_while_is_caught_up_with() -> None:
    world = begun()
    world.unreadable["Canary"] = ("c1",)
    world.serve("Canary", 5)
    world.look()
    world.unreadable.clear()
    world.serve("Canary", 6)
    assert counted(world) == 11


def test_after_an_operator_restart_the_same_pods_go_on_from_the_status() -> None:
    world = begun()
    world.restart()
    world.serve("Canary", 9)
    assert counted(world) == 9


def test_after_an_operator_restart_other_pods_begin_now_and_lose_what_was_in_between() -> None:
    world = begun(minSamples=100)
    world.serve("Canary", 30)
    world.look()
    assert world.entry().samples == 40  # 10 of them from before: too few for a look.
    world.restart()
    del world.canary_pods["c2"]
    world.canary_pods["c4"] = pod("c4", world.now + timedelta(seconds=3))
    world.serve("Canary", 1000)
    world.look()
    assert world.entry().samples == 40
    world.serve("Canary", 50)
    world.look()
    assert world.entry().samples == 90


def test_the_same_evidence_twice_counts_once() -> None:
    world = begun()
    world.serve("Canary", 8)
    world.now += timedelta(seconds=10)
    world.measure()
    world.judge()
    once = world.canary
    world.now += timedelta(seconds=60)
    world.judge()
    assert world.canary == once


def test_a_test_counts_what_is_new_and_takes_the_past_from_stable_alone() -> None:
    world = World([TEST])
    world.serve("Canary", 1000, 900)
    world.serve("Stable", 20000, 200)
    world.look()
    world.serve("Canary", 100, 1)
    world.serve("Stable", 900, 9)
    world.look()
    world.restart()
    world.serve("Canary", 50, 1)
    world.look()
    memory = world.entry().test
    assert memory
    assert (memory.requests, memory.bad) == (150, 2)
    assert (memory.stable_requests, memory.stable_bad) == (900, 9)
    assert (memory.past_requests, memory.past_bad) == (20000, 200)
    assert memory.expected == "2.000000"  # A tenth of ten, and one of one: stable served nothing in the second stretch.


def test_counters_of_another_revision_are_not_compared() -> None:
    reading = Reading("Canary", "r4", START, (pod("a"),))
    known = counters.remember(reading)
    later = replace(reading, revision="r5", at=START + timedelta(seconds=1))
    assert counters.increment(known, reading, later) is None
    assert counters.newer(known, later)
    assert not counters.newer(known, reading)


def test_pods_that_are_gone_are_remembered_within_bounds() -> None:
    before = Reading("Canary", "r4", START, tuple(pod(f"a{number}") for number in range(600)))
    now = counters.carry(before, Reading("Canary", "r4", START + timedelta(seconds=1), (pod("b"),)))
    assert len(now.gone) == counters.MOST_GONE
    assert now.gone[-1].uid == "a599"


@pytest.mark.parametrize("broken", [Histogram((1.0, 2.0), (1,)), Histogram((), ())])
def test_a_pod_whose_histogram_is_broken_is_left_out(broken: Histogram) -> None:
    reading = Reading("Canary", "r4", START, (replace(pod("a"), latency=broken), pod("b")))
    assert [one.uid for one in counters.carry(None, reading).pods] == ["b"]


def test_a_pod_with_other_buckets_is_left_out() -> None:
    other = replace(pod("b"), latency=Histogram((1.0,), (0, 0)))
    reading = Reading("Canary", "r4", START, (pod("a"), other))
    assert [one.uid for one in counters.carry(None, reading).pods] == ["a"]
