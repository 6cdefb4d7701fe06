"""Whatever is measured, the analysis has an answer that the API server takes, and evidence counts once."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.decide.analysis.analysis_world import LATENCY, SCORES, START, World, pod

from recsys_operator.api.rollout import CanaryStatus
from recsys_operator.decide.analysis.facts import Answer, Histogram, PodReading

SORTS: list[dict[str, Any]] = [
    {"name": "errors", "builtIn": "SuccessRate", "min": "0.9", "relativeToStable": {"min": "0.9"}, "minSamples": 5},
    {"name": "slow", "builtIn": "LatencyP99", "relativeToStable": {"max": "2"}, "minSamples": 5},
    {"name": "busy", "builtIn": "ThroughputPerPod", "min": "1", "minSamples": 1},
    {"name": "empty", "builtIn": "EmptyAnswers", "test": "Sequential", "minSamples": 50},
    {"name": "unknown", "builtIn": "UnknownItems", "max": "0.5"},
    {"name": "shift", "builtIn": "ScoreShift", "max": "0.2", "minSamples": 5},
    {"name": "own", "builtIn": "ScoreShift", "against": "Evaluation", "max": "0.2", "minSamples": 5},
    {"name": "p50", "builtIn": "LatencyP50", "test": "Sequential", "tolerancePercent": 50},
    {"name": "query", "prometheus": {"query": "a"}, "relativeToStable": {"min": "0", "max": "1e9"}},
    {"name": "gate", "webhook": {"url": "http://gate"}},
]
counts = st.integers(0, 10**12)
bounds = st.sampled_from([LATENCY, SCORES, (), (0.1,), tuple(float(number) for number in range(70))])


@st.composite
def histograms(draw: st.DrawFn) -> Histogram:
    limits = draw(bounds)
    length = draw(st.sampled_from([len(limits) + 1, len(limits) + 1, len(limits)]))
    found = draw(st.lists(counts, min_size=length, max_size=length))
    return Histogram(limits, tuple(sorted(found) if draw(st.booleans()) else found))


@st.composite
def pods(draw: st.DrawFn) -> PodReading:
    uid, numbers = draw(st.sampled_from("abcd")), [draw(counts) for _ in range(6)]
    usual = draw(st.booleans())
    started = START + timedelta(seconds=draw(st.integers(-100, 100)))
    return replace(
        pod(uid, started),
        restarts=draw(st.integers(0, 1)),
        requests=numbers[0],
        errors=numbers[1],
        answers=numbers[2],
        empty_answers=numbers[3],
        items_asked=numbers[4],
        unknown_items=numbers[5],
        latency=Histogram(LATENCY, tuple(sorted(draw(counts) for _ in range(9)))) if usual else draw(histograms()),
        scores=Histogram(SCORES, tuple(sorted(draw(counts) for _ in range(9)))) if usual else draw(histograms()),
        evaluation=draw(st.none() | histograms()),
    )


answers = st.builds(
    Answer,
    st.sampled_from(
        ["Value", "Passed", "Failed", "Pending", "Empty", "NotANumber", "SeveralSeries", "Unavailable", "Refused"]
    ),
    st.none() | st.floats(),
    st.text(max_size=2000),
)


@settings(max_examples=40, deadline=None)
@given(data=st.data(), step=st.booleans())
def test_no_evidence_whatsoever_makes_a_status_that_is_refused(data: st.DataObject, step: bool) -> None:
    world = World(SORTS, step=step, settings={"deadlineSeconds": 60, "onDeadline": "Abort"})
    for _ in range(data.draw(st.integers(1, 5))):
        for arm in ("canary_pods", "stable_pods"):
            setattr(world, arm, {one.uid: one for one in data.draw(st.lists(pods(), max_size=3))})
        world.answers = {(name, arm): data.draw(answers) for name in ("query", "gate") for arm in ("Canary", "Stable")}  # type: ignore[misc]
        if data.draw(st.booleans()):
            world.restart()
        if data.draw(st.booleans()):
            world.unreadable = {"Canary": ("a", "b", "c")}
        world.look(seconds=data.draw(st.sampled_from([1, 10, 100])))
        if not step:
            assert CanaryStatus.model_validate(world.canary.wire()) == world.canary
        once = world.canary
        world.judge()
        assert world.canary == once
        assert world.holds("TakeOver") in (True, False)
        assert world.condemned is None or world.condemned.message
        for entry in world.canary.analysis:
            assert len(entry.canary_mark) <= 128
            if entry.test:
                assert entry.test.bad <= entry.test.requests
                assert float(entry.test.expected) >= 0


def test_entries_of_metrics_that_were_edited_away_make_room() -> None:
    world = World([{"name": "first", "prometheus": {"query": "a"}, "min": "0"}])
    for number in range(40):
        world.metrics = [{"name": f"m{number}", "prometheus": {"query": "a"}, "min": "0"}]
        world.answers[f"m{number}", "Canary"] = Answer("Value", 1.0)
        world.look()
    assert len(world.canary.analysis) == 20
    assert world.canary.analysis[0].name == "m39"
