"""GPU-seconds that a run used and lost, from what each look at its pods finds."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.decide.run_facts import NOW, failed_pod, job, pod, progress, result, run_spec, started

from recsys_operator.api.gpu_use import MOST_SECONDS, GpuUse
from recsys_operator.api.trainingrun import TrainingRunStatus
from recsys_operator.decide.conditions import conclude
from recsys_operator.decide.times import rfc3339
from recsys_operator.decide.trainingrun.decision import decide
from recsys_operator.decide.trainingrun.facts import Exit, ObservedRun, PodFacts
from recsys_operator.decide.trainingrun.gpus import Hold, counted, gpu_use

BEGAN = int(NOW.timestamp())


def after(seconds: int) -> datetime:
    return NOW + timedelta(seconds=seconds)


def at(seconds: int) -> str:
    return rfc3339(after(seconds))


def spec(workers: int = 1, gpu: int = 1) -> Any:
    return run_spec(ray={"workers": workers, "resourcesPerWorker": {"gpu": gpu}})


def runs(name: str = "a", since: int = 0) -> PodFacts:
    return pod(name, phase="Running", running=True, scheduled=at(since))


def fails(name: str, since: int, until: int) -> PodFacts:
    return replace(failed_pod(name, finished=at(until)), scheduled=at(since))


class Life:
    """A run that is looked at again and again, and whose status.gpu is written after each look."""

    def __init__(self, workers: int = 1) -> None:
        self.run = started(spec=spec(workers))

    def look(self, seconds: int, *pods: PodFacts, checkpoint: int | None = None, **status: Any) -> tuple[int, int, int]:
        """Seconds used, lost and unsaved, after a look so long after the beginning."""
        told = {} if checkpoint is None else {"progress": progress(checkpointTime=at(checkpoint))}
        known = self.run.status.model_copy(update={**told, **status})
        self.run = replace(self.run, status=known, pods=pods)
        found = gpu_use(self.run, after(seconds), decided=False)
        self.run = replace(self.run, status=known.model_copy(update={"gpu": found}))
        return (0, 0, 0) if found is None else (found.used_seconds, found.lost_seconds, found.unsaved_seconds)


def test_a_run_without_gpus_has_none() -> None:
    run = started(spec=spec(gpu=0), pods=(runs(),))
    assert gpu_use(run, after(100), decided=True) is None
    assert decide(run, after(100)).status.gpu is None
    assert gpu_use(started(pods=(runs(),)), after(100), decided=True) is None


def test_a_pod_without_a_node_holds_nothing() -> None:
    assert gpu_use(started(spec=spec(), pods=(pod("a"),)), after(100), decided=True) is None


def test_an_attempt_that_fails_loses_what_its_checkpoint_does_not_have() -> None:
    life = Life()
    assert life.look(5, runs()) == (5, 0, 5)
    assert life.look(100, runs(), checkpoint=90) == (100, 0, 10)
    failed = fails("a", 0, 120)
    assert life.look(125, failed, checkpoint=90) == (120, 30, 0)
    # Another pod follows, dies before its first checkpoint, and a third one makes the version.
    assert life.look(140, failed, runs("b", 135), checkpoint=90) == (125, 30, 5)
    again = fails("b", 135, 155)
    assert life.look(160, failed, again, runs("c", 158)) == (142, 50, 2)
    assert life.look(300, failed, again, runs("c", 158), checkpoint=290) == (282, 50, 10)
    ended = replace(pod("c", phase="Succeeded", scheduled=at(158)), exit=Exit(0, "Completed", "", at(320)))
    assert life.look(330, failed, again, ended, checkpoint=290, result=result()) == (302, 50, 0)


def test_nothing_is_written_for_time_alone_within_a_minute() -> None:
    life = Life()
    life.look(5, runs())
    before = life.run.status.gpu
    life.look(60, runs())
    assert life.run.status.gpu is before
    life.look(65, runs())
    assert life.run.status.gpu is not before


def test_a_look_that_is_repeated_counts_nothing_twice() -> None:
    life = Life(2)
    pods = fails("a", 0, 50), runs("b")
    assert life.look(60, *pods) == (110, 100, 10)
    for _ in range(3):
        assert life.look(60, *pods) == (110, 100, 10)
    assert life.look(30, *pods) == (110, 100, 10), "a clock that was set back"


def test_more_than_a_status_can_hold_is_the_most_that_it_can() -> None:
    """An object may hold it, whoever wrote it; a look that raises would be repeated for ever."""
    most = GpuUse(
        used_seconds=MOST_SECONDS, lost_seconds=MOST_SECONDS, unsaved_seconds=MOST_SECONDS, held=2, until=at(0)
    )
    found = counted(most, [Hold(1, BEGAN)], BEGAN + 60)
    assert (found.used_seconds, found.lost_seconds, found.unsaved_seconds) == (MOST_SECONDS, MOST_SECONDS, 60)


def test_several_workers_lose_together() -> None:
    """What the others learned since the checkpoint is done again too."""
    life = Life(3)
    assert life.look(10, runs("a"), runs("b"), runs("c", 4)) == (26, 0, 26)
    assert life.look(70, runs("a"), runs("b"), runs("c", 4), checkpoint=60) == (206, 0, 30)
    # One of them is gone without a word: counted until it was seen last.
    assert life.look(75, runs("a"), runs("b"), checkpoint=60) == (216, 30, 10)
    assert life.look(80, runs("a"), runs("b"), runs("d", 79), checkpoint=79) == (227, 30, 3)


def test_a_suspended_run_holds_nothing_after_its_pod_is_gone() -> None:
    life = Life()
    life.look(100, runs(), checkpoint=80)
    going = replace(runs(), deleting=True)
    assert life.look(160, going, checkpoint=80) == (160, 0, 80)
    assert life.look(165, checkpoint=80) == (160, 80, 0)
    assert life.run.status.gpu is not None
    assert life.run.status.gpu.held == 0
    assert life.look(10_000, checkpoint=80) == (160, 80, 0)
    assert life.look(10_010, runs("b", 10_000)) == (170, 80, 10)


def test_a_pod_that_is_being_deleted_is_counted_to_the_last_look() -> None:
    life = Life()
    life.look(5, runs())
    going = replace(runs(), deleting=True)
    assert life.look(20, going) == (20, 0, 20)
    before = life.run.status.gpu
    for woken in (20, 21, 29):
        life.look(woken, going)
        assert life.run.status.gpu is before, "each write wakes the operator, which must not write because of that"
    assert life.look(30, going) == (30, 0, 30)
    assert life.look(38) == (30, 30, 0), "gone without a word"


def test_one_that_has_ended_is_no_reason_to_write_while_it_is_deleted() -> None:
    life = Life(2)
    pods = replace(fails("a", 0, 4), deleting=True), runs("b")
    life.look(5, *pods)
    before = life.run.status.gpu
    life.look(30, *pods)
    assert life.run.status.gpu is before


def test_an_operator_that_was_away_finds_the_same() -> None:
    """… as long as the pods that ended are still there to tell when."""
    life = Life()
    life.look(5, runs())
    pods = fails("a", 0, 120), fails("b", 130, 150), runs("c", 160)
    assert life.look(500, *pods, checkpoint=400) == (120 + 20 + 340, 140, 100)


def test_a_version_keeps_what_its_pod_did_however_it_ended() -> None:
    life = Life()
    life.look(5, runs())
    assert life.look(90, fails("a", 0, 80), result=result()) == (80, 0, 0)
    two = Life()
    two.look(5, runs())
    ended = fails("a", 0, 40), fails("b", 50, 80)
    assert two.look(90, *ended, result=result()) == (70, 40, 0), "the first one ended before there was a version"


def decided_with(gpu: GpuUse, *pods: PodFacts) -> ObservedRun:
    condition = conclude((), "Succeeded", "True", "VersionCreated", "done", generation=1, now=NOW)
    status = TrainingRunStatus(conditions=(condition,), result=result(), gpu=gpu)
    return started(spec=spec(2), job=None, status=status, pods=pods)


def test_the_pods_of_a_run_that_is_decided_count_until_they_are_gone() -> None:
    held = GpuUse(used_seconds=10, lost_seconds=1, unsaved_seconds=0, held=2, until=at(0))
    decision = decide(decided_with(held, runs("a", -5), runs("b", -5)), after(9))
    assert decision.requeue_after == 10
    assert decision.status.gpu == held, "a minute has not passed"
    decision = decide(decided_with(held, runs("a", -5)), after(9))
    assert decision.status.gpu == held.model_copy(update={"used_seconds": 19, "held": 1, "until": at(9)})
    over = decide(decided_with(held), after(30))
    assert over.status.gpu == held.model_copy(update={"held": 0, "until": at(30)})
    assert over.requeue_after is None
    last = over.status.gpu
    assert last is not None
    assert decide(decided_with(last), after(500)).status.gpu == last


def test_pods_with_gpus_are_looked_at_again_soon() -> None:
    run = started(spec=spec(), job=job(), pods=(runs(),))
    assert decide(run, after(1)).requeue_after == 10
    assert decide(started(job=job(), pods=(runs(),)), after(1)).requeue_after is None


holds = st.lists(
    st.builds(
        lambda start, length, failed: Hold(
            1, BEGAN + start, None if length is None else BEGAN + start + length, failed
        ),
        st.integers(0, 200),
        st.none() | st.integers(0, 100),
        st.booleans(),
    ),
    min_size=1,
    max_size=5,
)


@given(holds, st.lists(st.integers(0, 400), max_size=8), st.none() | st.integers(0, 400))
def test_used_is_the_same_however_often_one_looks(found: list[Hold], looks: list[int], checkpoint: int | None) -> None:
    """… at pods that tell when they began and ended, as each look sees them at its time."""
    end = BEGAN + 500
    before: GpuUse | None = None
    for now in (*sorted(BEGAN + look for look in looks), end):
        seen = [
            replace(hold, end=hold.end if hold.end is not None and hold.end <= now else None)
            for hold in found
            if hold.start <= now
        ]
        if not seen and before is None:
            continue
        kept_at = None if checkpoint is None or BEGAN + checkpoint > now else BEGAN + checkpoint
        use = counted(before, seen, now, checkpoint=kept_at)
        if before is not None:
            assert use.used_seconds >= before.used_seconds
            assert use.lost_seconds >= before.lost_seconds
        assert use.lost_seconds + use.unsaved_seconds <= use.used_seconds
        before = use
    assert before is not None
    assert before.used_seconds == sum(hold.between(0, end) for hold in found)
