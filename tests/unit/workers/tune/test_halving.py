"""ASHA in the order of the trials: what Ray decides of trials one after the other, whatever the order of reports."""

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys_workers.tune.halving import Halving
from recsys_workers.tune.space import Asha

EPOCHS = 20
Curves = list[list[float]]


def curves(seed: int, count: int) -> Curves:
    """The best value so far of each trial after each epoch."""
    draw = random.Random(seed)
    found = []
    for _ in range(count):
        best, curve = 0.0, []
        level = draw.random()
        for epoch in range(EPOCHS):
            best = max(best, level * (1 - 0.8 ** (epoch + 1)) + 0.1 * draw.random())
            curve.append(best)
        found.append(curve)
    return found


def one_after_the_other(halving: Halving, values: Curves) -> list[int]:
    """After how many epochs each trial has ended."""
    ended = []
    for number, curve in enumerate(values, start=1):
        epoch = 0
        for epoch, best in enumerate(curve, start=1):
            halving.tell(number, epoch, best)
            assert not halving.waits(number)
            if epoch < EPOCHS and halving.behind(number):
                break
        halving.end(number)
        ended.append(epoch)
    return ended


def side_by_side(halving: Halving, values: Curves, parallel: int, seed: int) -> list[int]:
    """The same with trials of any pace, some of which were known to have ended before the others began."""
    draw = random.Random(seed)
    ended = [0] * len(values)
    epochs = [0] * len(values)
    queue, running = list(range(len(values))), list[int]()
    while queue or running:
        while queue and len(running) < parallel:
            running.append(queue.pop(0))
        free = [index for index in running if not halving.waits(index + 1)]
        assert free, "nobody can go on"
        index = draw.choice(free)
        if (epochs[index] and epochs[index] < EPOCHS and halving.behind(index + 1)) or epochs[index] == EPOCHS:
            halving.end(index + 1)
            ended[index] = epochs[index]
            running.remove(index)
            continue
        epochs[index] += 1
        halving.tell(index + 1, epochs[index], values[index][epochs[index] - 1])
    return ended


def made(grace: int = 1, factor: int = 3, *, smaller: bool = False) -> Halving:
    return Halving(Asha(grace, factor), EPOCHS, smaller_is_better=smaller)


def test_where_the_stops_are() -> None:
    assert made(1, 3).stops_at == [1, 3, 9]
    assert made(5, 2).stops_at == [5, 10]
    assert made(20, 2).stops_at == []
    assert Halving(None, EPOCHS, smaller_is_better=False).stops_at == []


@settings(max_examples=60, deadline=None)
@given(st.integers(), st.integers(1, 12), st.integers(1, 5), st.integers(1, 4), st.integers(2, 4))
def test_neither_pace_nor_number_side_by_side_changes_anything(
    seed: int, count: int, parallel: int, grace: int, factor: int
) -> None:
    values = curves(seed, count)
    alone = one_after_the_other(made(grace, factor), values)
    assert side_by_side(made(grace, factor), values, parallel, seed) == alone


def test_the_best_is_never_ended_and_most_others_are() -> None:
    values = curves(3, 30)
    ended = one_after_the_other(made(), values)
    best = max(range(30), key=lambda index: values[index][ended[index] - 1])
    assert ended[best] == EPOCHS
    assert sum(epochs < EPOCHS for epochs in ended) > 15


def test_where_smaller_is_better_the_same_trials_are_ended() -> None:
    values = curves(4, 12)
    negative = [[-value for value in curve] for curve in values]
    assert one_after_the_other(made(smaller=True), negative) == one_after_the_other(made(), values)


def test_an_attempt_that_knows_the_ended_trials_goes_on_as_the_one_before() -> None:
    values = curves(5, 10)
    alone = one_after_the_other(made(), values)
    halving = made()
    for number in (1, 2, 4):  # 3 was running when the pod was killed
        for epoch in range(1, alone[number - 1] + 1):
            halving.tell(number, epoch, values[number - 1][epoch - 1])
        halving.end(number)
    for number in (3, 5, 6, 7, 8, 9, 10):
        for epoch, best in enumerate(values[number - 1], start=1):
            halving.tell(number, epoch, best)
            if epoch < EPOCHS and halving.behind(number):
                break
        halving.end(number)
        assert epoch == alone[number - 1]


def test_a_trial_that_is_validated_seldom_is_compared_at_the_last_stop_that_it_has_passed() -> None:
    halving = made(1, 3)
    halving.tell(1, 5, 0.5)
    assert not halving.waits(1)
    halving.tell(2, 4, 0.4)
    assert not halving.waits(2)
    assert halving.behind(2)
    halving.tell(2, 4, 0.6)  # the same report once more
    assert halving.behind(2)


@pytest.mark.torch
@pytest.mark.parametrize("seed", range(5))
def test_rays_own_scheduler_decides_the_same_of_trials_one_after_the_other(seed: int) -> None:
    schedulers = pytest.importorskip("ray.tune.schedulers")
    asha = schedulers.ASHAScheduler(
        time_attr="epoch", metric="best", mode="max", max_t=EPOCHS, grace_period=1, reduction_factor=3
    )

    class Named:
        def __init__(self, number: int) -> None:
            self.trial_id = str(number)

    values: Curves = curves(seed, 15)
    ended = []
    for number, curve in enumerate(values):
        trial: Any = Named(number)
        asha.on_trial_add(None, trial)
        for epoch, best in enumerate(curve, start=1):
            if asha.on_trial_result(None, trial, {"epoch": epoch, "best": best}) == "STOP":
                break
        ended.append(epoch)
    assert ended == one_after_the_other(made(), values)
