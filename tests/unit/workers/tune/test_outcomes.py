"""What is kept of each trial, which one wins, and what is told of the search."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from recsys_workers.train.fence import Fence, Superseded
from recsys_workers.train.progress import Progress, StatusWriter
from recsys_workers.tune import outcomes, space
from recsys_workers.tune.outcomes import ENDED_EARLY, FAILED, FINISHED, Objective, Outcome, Search
from recsys_workers.tune.space import Trial, Tuning
from recsys_workers.tune.tuner import Tuner, share, told

LARGER, SMALLER = Objective("NDCG@10", smaller_is_better=False), Objective("LogLoss", smaller_is_better=True)
SPACE = {
    "parameters": [
        {"name": "learningRate", "min": "0.001", "max": "0.1", "scale": "Log"},
        {"name": "layers", "values": ["1", "2"]},
    ],
    "maxTrials": 4,
    "parallelTrials": 2,
    "asha": {"gracePeriod": 2},
}


@pytest.fixture
def tuning() -> Tuning:
    found = space.parse(SPACE, 5)
    assert found is not None
    return found


@pytest.fixture
def trials(tuning: Tuning) -> list[Trial]:
    return space.trials("SASRec", {}, tuning)


def outcome(number: int, best: float | None, state: str = FINISHED) -> Outcome:
    points = () if best is None else ((1, best),)
    reason = ("TrainingDiverged", "The loss is nan.") if state == FAILED else ("", "")
    return Outcome(number, state, 20, best, 3, 12.34, points, *reason)


FOUND = {
    1: outcome(1, 0.2),
    2: outcome(2, 0.31234567),
    3: outcome(3, 0.1, ENDED_EARLY),
    4: outcome(4, 0.9, FAILED),
}


def test_the_best_that_did_not_fail_wins_and_of_equal_ones_the_first() -> None:
    assert outcomes.winner(FOUND.values(), LARGER) == FOUND[2]
    assert outcomes.winner(FOUND.values(), SMALLER) == FOUND[3]
    assert outcomes.winner([outcome(2, 0.5), outcome(1, 0.5)], LARGER) == outcome(1, 0.5)
    assert outcomes.winner([outcome(1, None, FAILED), outcome(2, float("nan"))], LARGER) is None


def test_what_was_written_is_read_and_what_is_damaged_is_run_again(tmp_path: Path, trials: list[Trial]) -> None:
    assert outcomes.read(tmp_path, trials) == {}
    for number, one in FOUND.items():
        outcomes.folder_of(tmp_path, number).mkdir(parents=True)
        outcomes.write(tmp_path, one)
    assert outcomes.read(tmp_path, trials) == FOUND
    (outcomes.folder_of(tmp_path, 2) / outcomes.OUTCOME).write_text('{"trial": 2}')
    assert outcomes.read(tmp_path, trials) == {number: one for number, one in FOUND.items() if number != 2}


def test_only_the_states_of_the_best_and_of_those_that_run_are_kept(tmp_path: Path) -> None:
    for number in range(1, 6):
        folder = outcomes.folder_of(tmp_path, number)
        folder.mkdir(parents=True)
        (folder / outcomes.STATE).write_bytes(b"state")
    outcomes.tidy(tmp_path, FOUND, LARGER)
    assert [path.parent.name for path in sorted(tmp_path.glob("trials/*/state.pt"))] == ["2", "5"]


def test_what_is_told_of_a_search(tuning: Tuning, trials: list[Trial]) -> None:
    search = Search(tuning, LARGER, trials, FOUND)
    assert search.short() == {
        "trials": 4,
        "endedEarly": 1,
        "failed": 1,
        "metric": "NDCG@10",
        "best": "0.312346",
        "bestTrial": 2,
        "hyperparameters": dict(trials[1].tuned),
        "parameters": SPACE["parameters"],
    }
    document = json.loads(search.encode())
    assert document["objective"] == {"metric": "NDCG@10", "direction": "Maximize"}
    assert (document["winner"], document["seed"], document["asha"]) == (2, 5, {"gracePeriod": 2, "reductionFactor": 3})
    assert [trial["state"] for trial in document["trials"]] == [FINISHED, FINISHED, ENDED_EARLY, FAILED]
    assert document["trials"][3] == {
        "trial": 4,
        "hyperparameters": dict(trials[3].tuned),
        "state": FAILED,
        "epochs": 20,
        "best": "0.9",
        "bestEpoch": 3,
        "seconds": 12.3,
        "reason": "TrainingDiverged",
        "message": "The loss is nan.",
    }


def test_what_the_status_says_meanwhile(trials: list[Trial]) -> None:
    nothing = {"trials": 4, "ended": 0, "failed": 0, "metric": "LogLoss"}
    assert told(trials, {}, SMALLER) == nothing
    ended = {2: replace(FOUND[2]), 4: FOUND[4]}
    assert told(trials, ended, SMALLER) == {**nothing, "ended": 2, "failed": 1, "best": "0.312346", "bestTrial": 2}


@pytest.mark.parametrize(
    ("asked", "threads", "resources"),
    [
        ((4, 0, 1, 1), 4, {"CPU": 4}),
        ((4, 0, 1, 2), 2, {"CPU": 2}),
        ((2, 0, 1, 3), 1, {"CPU": 0.6666}),
        ((1, 1, 1, 3), 1, {"CPU": 0.3333, "GPU": 0.3333}),
        ((4, 0, 2, 4), 2, {"CPU": 2}),
        ((4, 0, 4, 2), 4, {"CPU": 4}),
    ],
)
def test_trials_side_by_side_share_the_pods(
    asked: tuple[int, int, int, int], threads: int, resources: dict[str, float]
) -> None:
    own, found = share(*asked)
    assert own == threads
    assert found == pytest.approx(resources)
    cores, _, workers, parallel = asked
    assert found["CPU"] * -(-parallel // workers) <= cores


@pytest.mark.parametrize("newest", [True, False])
def test_an_attempt_that_was_superseded_keeps_no_outcome(
    tmp_path: Path, tuning: Tuning, trials: list[Trial], *, newest: bool
) -> None:
    lock = tmp_path / "attempt.lock"
    lock.write_text("this one" if newest else "a newer one")
    outcomes.folder_of(tmp_path, 1).mkdir(parents=True)
    progress = Progress(StatusWriter("shop", "movies-1", "uid-1", None))
    tuner = Tuner(tuning, trials, LARGER, tmp_path, progress, Fence(lock, "this one"))
    report = {"trial": 1, "epoch": 20, "epochs": 20, "best": 0.2, "bestEpoch": 3, "seconds": 1.0, "finished": True}
    tuner._on_report(report)
    tuner._on_end(report, ended_here=False)
    progress.close()
    assert outcomes.read(tmp_path, trials) == tuner.outcomes
    assert list(tuner.outcomes) == ([1] if newest else [])
    assert isinstance(tuner._broken, type(None) if newest else Superseded)
    if newest:
        assert tuner.outcomes[1].points == ((20, 0.2),)
        assert progress.latest["tuning"] == {
            "trials": 4, "ended": 1, "failed": 0, "metric": "NDCG@10", "best": "0.2", "bestTrial": 1
        }  # fmt: skip
        assert progress.latest["message"] == "Trial 1 of 4 ended after epoch 20 of 20: NDCG@10 0.2 in epoch 3."


def test_of_trials_side_by_side_each_loses_what_it_did_since_its_own_checkpoint(
    tmp_path: Path, tuning: Tuning, trials: list[Trial]
) -> None:
    """As if all places had kept their work at the mean of the moments at which each did."""
    lock, at = tmp_path / "attempt.lock", [1000.0]
    lock.write_text("this one")
    for trial in trials:
        outcomes.folder_of(tmp_path, trial.number).mkdir(parents=True)
    progress = Progress(StatusWriter("shop", "movies-1", "uid-1", None))
    tuner = Tuner(tuning, trials, LARGER, tmp_path, progress, Fence(lock, "this one"), lambda: at[0])

    def validated(number: int, moment: float, *, finished: bool = False) -> str:
        at[0] = moment
        told = {"trial": number, "epoch": 1, "epochs": 20, "best": 0.2, "seconds": 1.0, "finished": finished}
        tuner._on_report(told)
        if finished:
            tuner._on_end(told, ended_here=False)
        return str(progress.of_attempt["checkpointTime"])

    tuner._on_start(1)
    tuner._on_start(2)
    assert "checkpointTime" not in progress.of_attempt
    assert validated(1, 1060) == "1970-01-01T00:17:10Z", "1030: the second one would lose all of its minute"
    assert validated(1, 1100, finished=True) == "1970-01-01T00:17:30Z", "1050"
    at[0] = 1110
    tuner._on_start(3)
    assert validated(2, 1200) == "1970-01-01T00:19:10Z", "1150: nothing was lost of the first one's place before 1100"
    progress.close()
