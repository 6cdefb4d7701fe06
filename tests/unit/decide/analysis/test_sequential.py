"""The sequential test: its levels, its error rates by simulation, and what it does with a past that no longer holds."""

import pytest
from benchmarks.analysis import design, simulate
from benchmarks.analysis.simulate import Scenario
from tests.unit.decide.analysis.analysis_world import START, World, pod

from recsys_operator.api.analysis_status import TestMemory
from recsys_operator.decide.analysis import sequential
from recsys_operator.decide.analysis.sequential import Increment

TEST = {"name": "errors", "builtIn": "SuccessRate", "test": "Sequential"}


def test_the_levels_are_those_that_spend_what_is_said() -> None:
    assert len(sequential.LEVELS) == len(sequential.LOOKS)
    assert design.levels(points=401) == pytest.approx(list(sequential.LEVELS), rel=2e-3)


@pytest.mark.parametrize("past", [0, 20_000])
def test_equal_canaries_are_seldom_taken_back(past: int) -> None:
    """Seeded, and as much as 250 canaries can show; the full size is below."""
    assert simulate.rates(Scenario("equal", past=past), 250, seed=7).condemned <= 5


def test_twice_the_errors_are_found_with_the_help_of_the_past() -> None:
    outcome = simulate.rates(Scenario("doubled", 0.02, past=20_000), 300, seed=3)
    assert outcome.share >= 0.99
    assert outcome.requests <= 2500


@pytest.mark.full
@pytest.mark.timeout(1200)
def test_ten_thousand_equal_canaries_and_ten_thousand_worse_ones() -> None:
    for past, beside in ((0, (1,)), (20_000, (1,)), (0, (9,))):
        assert simulate.rates(Scenario("equal", past=past, beside=beside), 10_000, seed=20261128).upper < 0.01
    assert simulate.latencies(1.0, 10_000, seed=20261132).upper < 0.01
    assert simulate.rates(Scenario("doubled", 0.02, past=20_000), 10_000, seed=20261129).share >= 0.99


def test_a_flood_of_errors_is_found_within_some_dozen_requests() -> None:
    world = World([TEST])
    world.serve("Stable", 20_000, 200)
    world.look()
    world.serve("Canary", 50, 25)
    world.serve("Stable", 450, 4)
    world.look()
    assert world.condemned
    assert "25 of 50 requests failed, of stable's 4 of 450 beside it and 200 of 20000 before" in world.condemned.message


def test_a_test_passes_when_it_has_seen_all_its_requests() -> None:
    world = World([{**TEST, "minSamples": 500}], step=True)
    world.look()
    for _ in range(4):
        world.serve("Canary", 100, 1)
        world.serve("Stable", 900, 9)
        world.look()
        assert world.phase == "Running"
        assert world.holds("EndStep")
    world.serve("Canary", 100, 1)
    world.serve("Stable", 900, 9)
    world.look()
    assert world.phase == "Passed"
    assert not world.holds("EndStep")


def test_in_the_background_a_test_lets_the_weight_rise_before_it_is_complete_but_not_the_canary_take_over() -> None:
    world = World([TEST])
    world.look()
    assert world.holds("RaiseWeight")
    world.serve("Canary", 100, 1)
    world.serve("Stable", 900, 9)
    world.look()
    assert not world.holds("RaiseWeight")
    assert world.holds("TakeOver")
    world.look()
    assert world.holds("RaiseWeight")  # No request since: evidence is missing.


def test_a_past_that_stable_itself_no_longer_bears_out_is_left_out() -> None:
    memory = TestMemory(past_requests=20_000, past_bad=200)
    memory = sequential.observe(memory, Increment(5000, 260, 5000, 240))
    _, look = sequential.look(memory, 5000)
    assert look
    assert (look.against, look.condemned) == ("Present", False)


def test_what_the_past_condemns_the_present_must_support() -> None:
    memory = TestMemory(past_requests=200_000, past_bad=2000)
    memory = sequential.observe(memory, Increment(5000, 90, 300, 6))
    _, look = sequential.look(memory, 5000)
    assert look
    assert (look.against, look.condemned) == ("Present", False)


def test_rates_that_change_while_the_weights_change_are_no_difference() -> None:
    """Simpson's paradox: in sum the canary has 3 % bad requests and stable 1.4 %, and yet both are always alike."""
    memory = sequential.observe(TestMemory(), Increment(1000, 10, 9000, 90))
    memory = sequential.observe(memory, Increment(1000, 50, 1000, 50))
    _, look = sequential.look(memory, 2000)
    assert look
    assert not look.condemned
    assert look.tail > 0.4


def test_a_tolerance_lets_a_canary_be_worse_by_so_much() -> None:
    for tolerance, condemned in ((0.0, True), (1.0, False)):
        memory = sequential.observe(TestMemory(), Increment(5000, 100, 20_000, 200), tolerance)
        _, look = sequential.look(memory, 5000, tolerance)
        assert look
        assert look.condemned == condemned


def test_each_planned_look_is_taken_once() -> None:
    memory = sequential.observe(TestMemory(), Increment(50, 0, 50, 0))
    memory, look = sequential.look(memory, 5000)
    assert look
    memory, look = sequential.look(memory, 5000)
    assert look is None
    memory = sequential.observe(memory, Increment(1_000_000, 0, 50, 0))
    memory, look = sequential.look(memory, 5000)
    assert look
    assert memory.looks == len(sequential.LOOKS)
    assert sequential.look(sequential.observe(memory, Increment(10**9, 5, 50, 0)), 5000)[1] is None


def test_nothing_bad_at_all_condemns_nobody() -> None:
    memory = sequential.observe(TestMemory(), Increment(5000, 0, 5000, 0))
    _, look = sequential.look(memory, 5000)
    assert look
    assert (look.tail, look.condemned) == (1.0, False)


def slow_world(**metric: object) -> World:
    world = World([{"name": "p99", "builtIn": "LatencyP99", "test": "Sequential", "minSamples": 1000, **metric}])
    world.serve("Stable", 5000, slow=40)
    world.look()
    return world


def test_a_latency_is_tested_as_the_share_beyond_stables_own_quantile() -> None:
    world = slow_world()
    world.look()
    memory = world.entry().test
    assert memory
    assert memory.bound == "0.025"
    while not world.condemned:
        assert world.canary_pods["c1"].requests < 1000
        world.serve("Canary", 100, slow=10)
        world.serve("Stable", 400, slow=3)
        world.look()
    assert "requests took over 0.025 s" in world.condemned.message


def test_a_latency_within_the_tolerance_is_good() -> None:
    world = slow_world(tolerancePercent=100)
    world.look()
    memory = world.entry().test
    assert memory
    assert (memory.bound, memory.canary_bound) == ("0.025", "0.05")
    for _ in range(10):
        world.serve("Canary", 100, seconds=0.04)
        world.serve("Stable", 400, slow=3)
        world.look()
    assert world.phase == "Passed"


def test_a_stable_version_that_is_slower_than_its_pods_can_count_gives_no_bound() -> None:
    world = World([{"name": "p99", "builtIn": "LatencyP99", "test": "Sequential", "tolerancePercent": 20}])
    world.serve("Stable", 5000, seconds=3600)
    world.look()
    world.serve("Canary", 100)
    world.look()
    assert "more, is beyond" in world.entry().message
    assert "Use max or relativeToStable instead of test." in world.entry().message
    assert world.holds()


def test_a_stable_version_that_has_shown_too_little_gives_no_bound_yet() -> None:
    world = World([{"name": "p99", "builtIn": "LatencyP99", "test": "Sequential"}])
    world.stable_pods = {"s1": pod("s1", START)}
    world.look()
    assert world.entry().message == "It is measured from now on; the first look comes in 10 s."
    world.serve("Canary", 100)
    world.serve("Stable", 900)
    world.look()
    assert world.entry().message == (
        "Stable has answered 900 of 1000 requests: only then is it known how long 99 % of them take at most, and the "
        "canary is judged by that."
    )
    assert world.holds()
    world.serve("Stable", 900)
    world.look()
    world.serve("Canary", 100)
    world.serve("Stable", 900)
    world.look()
    memory = world.entry().test
    assert memory
    assert (memory.requests, memory.stable_requests) == (100, 900)
