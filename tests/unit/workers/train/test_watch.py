"""What status.progress says of a training, by a clock that the test sets."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from recsys_operator.api.progress import HISTORY
from recsys_operator.api.progress import Progress as ProgressField
from recsys_workers.train import history
from recsys_workers.train.history import History, Point
from recsys_workers.train.progress import Progress, StatusWriter
from recsys_workers.train.reports import EpochReport, StepReport
from recsys_workers.train.watch import Under, Watch


class Training:
    """A training of 4 epochs, each with 10 steps of 50 targets, that validates after each."""

    validated_by = "NDCG@10"

    def __init__(self, points: int = 0, epochs: int = 4) -> None:
        self.epochs = epochs
        self.epoch = points
        self.others: dict[str, float] = {}
        self.points = [Point(epoch, 10 * epoch, 8.0 / epoch, 0.01 * epoch) for epoch in range(1, points + 1)]

    def history(self) -> History:
        best = max(self.points, key=lambda point: point.validation, default=None)
        return History(self.validated_by, self.epochs, best.epoch if best else 0, tuple(self.points), self.others)


class Played:
    """A watch with its clock, and what it tells."""

    def __init__(self, training: Training) -> None:
        self.training = training
        self.now = 100.0
        self.progress = Progress(StatusWriter("shop", "movies-1", "uid-1"))
        self.recorded: list[tuple[int, dict[str, float]]] = []
        self.watch = Watch(training, self.progress, [self], lambda: self.now)

    def scalars(self, step: int, values: dict[str, float]) -> None:
        self.recorded.append((step, values))

    def step(self, number: int, *, seconds: float) -> dict[str, Any]:
        """The `number`th step of the epoch, `seconds` after what was before."""
        self.now += seconds
        epoch = self.training.epoch
        report = StepReport(epoch, self.training.epochs, (number - 1) / 10, 10 * epoch + number, 7.5, 50 * number)
        self.watch.on_step(report)
        return self.progress.latest

    def epoch(self, validation: float | None, *, seconds: float) -> dict[str, Any]:
        self.now += seconds
        self.training.epoch += 1
        epoch, step = self.training.epoch, 10 * self.training.epoch
        if validation is not None:
            self.training.points.append(Point(epoch, step, 6.25, validation))
        self.watch.on_epoch(EpochReport(epoch, self.training.epochs, 6.25, validation, step))
        return self.progress.latest


def test_steps_of_the_first_epoch_are_told_with_pace_and_estimate() -> None:
    played = Played(Training())
    assert played.step(1, seconds=0.5) == {}, "too soon to tell"
    played.step(2, seconds=2)
    told = played.step(3, seconds=2)
    # 100 targets in the 4 seconds since the first step; 4.5 s for 0.2 of the 4 epochs.
    assert (told["targetsPerSecond"], told["etaSeconds"]) == (25, round(4.5 / 0.2 * 3.8))
    assert (told["epoch"], told["epochs"], told["step"], told["loss"]) == (0, 4, 3, "7.5")
    assert told["percent"] == 5 + int(75 * 0.2 / 4)
    assert "validation" not in told
    assert "history" not in told
    ProgressField.model_validate(told)


def test_an_epoch_brings_validation_and_history_which_the_next_steps_keep() -> None:
    played = Played(Training())
    played.step(1, seconds=1)
    told = played.epoch(0.25, seconds=9)
    assert told["message"] == "Epoch 1 of 4: loss 6.2500, validation NDCG@10 0.2500."
    assert told["validation"] == {"metric": "NDCG@10", "value": "0.25", "epoch": 1, "best": "0.25", "bestEpoch": 1}
    assert told["etaSeconds"] == 30
    played.step(1, seconds=60)
    later = played.step(2, seconds=2)
    assert (later["epoch"], later["step"], later["loss"], later["percent"]) == (1, 12, "6.25", 5 + int(75 * 1.1 / 4))
    assert later["targetsPerSecond"] == 25, "the minute of validation and checkpoint does not count"
    assert later["history"] == [{"epoch": 1, "step": 10, "loss": "6.25", "validation": "0.25"}]
    assert later["message"] == told["message"]
    worse = played.epoch(0.125, seconds=1)["validation"]
    assert (worse["value"], worse["epoch"], worse["best"], worse["bestEpoch"]) == ("0.125", 2, "0.25", 1)
    without = played.epoch(None, seconds=1)
    assert (without["epoch"], without["validation"]["epoch"], len(without["history"])) == (3, 2, 2)
    ProgressField.model_validate(without)


def test_what_a_run_begins_with_is_validated_as_epoch_0_and_has_no_loss() -> None:
    played = Played(Training())
    played.training.points.append(Point(0, 0, None, 0.125))
    played.watch.on_epoch(EpochReport(0, 4, None, 0.125, 0))
    told = played.progress.latest
    assert told["message"] == "Epoch 0 of 4: begun with a version's weights, validation NDCG@10 0.1250."
    assert told["validation"] == {"metric": "NDCG@10", "value": "0.125", "epoch": 0, "best": "0.125", "bestEpoch": 0}
    assert told["history"] == [{"epoch": 0, "step": 0, "validation": "0.125"}]
    assert (told["percent"], "loss" in told) == (5, False)
    ProgressField.model_validate(told)
    later = played.epoch(0.0625, seconds=1)
    assert (later["loss"], later["validation"]["best"], later["validation"]["bestEpoch"]) == ("6.25", "0.125", 0)
    assert played.recorded[0] == (0, {"validation/NDCG@10": 0.125})


def test_the_figures_of_each_epoch_are_recorded() -> None:
    played = Played(Training())
    played.epoch(None, seconds=1)
    played.step(1, seconds=1)
    played.step(2, seconds=1)
    played.epoch(0.25, seconds=1)
    assert played.recorded == [
        (10, {"loss/training": 6.25}),
        (20, {"loss/training": 6.25, "validation/NDCG@10": 0.25, "pace/targetsPerSecond": 50.0}),
    ]


def test_what_a_validation_finds_by_other_metrics_is_told_and_recorded_and_history_keeps_the_one() -> None:
    played = Played(Training(points=1))
    others = {"HR@10": 0.5, "MRR@5": 0.0625}
    played.training.others = others
    played.watch.on_epoch(EpochReport(1, 4, 6.25, 0.01, 10, others))
    told = played.progress.latest
    assert told["validation"]["metrics"] == [{"name": "HR@10", "value": "0.5"}, {"name": "MRR@5", "value": "0.0625"}]
    assert told["history"] == [{"epoch": 1, "step": 10, "loss": "8", "validation": "0.01"}]
    ProgressField.model_validate(told)
    recorded = {"loss/training": 6.25, "validation/NDCG@10": 0.01, "validation/HR@10": 0.5, "validation/MRR@5": 0.0625}
    assert played.recorded == [(10, recorded)]


def test_an_attempt_that_goes_on_estimates_by_its_own_pace_and_keeps_the_history() -> None:
    played = Played(Training(points=2))
    told = played.epoch(0.5, seconds=20)
    assert told["etaSeconds"] == 20
    assert [point["epoch"] for point in told["history"]] == [1, 2, 3]


def test_an_epoch_of_minutes_has_a_line_in_the_log_each_minute(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "recsys_workers.train.watch")
    played = Played(Training())
    for number in range(1, 11):
        for _ in range(20):  # steps of a second and a half
            played.step(number, seconds=1.5)
    assert [record.getMessage() for record in caplog.records] == [
        f"In epoch 1 of 4, at {percent} %: loss 7.5000, 2 targets/s, about {left} min left."
        for percent, left in ((20, 19), (40, 18), (60, 17), (80, 16))
    ]


def test_a_line_within_an_epoch_bears_the_fold_and_counts_what_comes_after(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "recsys_workers.train.watch")
    played = Played(Training())
    played.watch = Watch(
        played.training, played.progress, clock=lambda: played.now, name="Fold 2 of 3", before=1, after=2
    )
    for number in range(1, 7):
        played.step(number, seconds=12)
    assert [record.getMessage() for record in caplog.records] == [
        # 72 s for half an epoch of 4, and two more trainings of 4.
        "Fold 2 of 3: In epoch 1 of 4, at 50 %: loss 7.5000, 4 targets/s, about 28 min left."
    ]


def test_epochs_of_less_than_a_minute_have_their_own_line_only(caplog: pytest.LogCaptureFixture) -> None:
    """However long validation and checkpoints between them take."""
    caplog.set_level(logging.INFO, "recsys_workers.train.watch")
    played = Played(Training())
    for epoch in range(1, 5):
        for number in range(1, 11):
            played.step(number, seconds=90 if number == 1 else 6)
        played.epoch(0.25, seconds=90)
        assert [record.getMessage() for record in caplog.records][-1].startswith(f"Epoch {epoch} of 4: ")
    assert len(caplog.records) == 4


def test_a_fold_is_a_part_of_what_is_to_be_done() -> None:
    played = Played(Training())
    played.watch = Watch(
        played.training, played.progress, clock=lambda: played.now, name="Fold 2 of 3", before=1, after=2
    )
    told = played.epoch(0.02, seconds=10)
    assert told["message"] == "Fold 2 of 3: Epoch 1 of 4: loss 6.2500, validation NDCG@10 0.0200."
    assert told["percent"] == 5 + int(75 * 5 / 16)
    assert told["etaSeconds"] == 10 * (3 + 2 * 4)


def test_other_stages_keep_what_is_known_of_the_training_and_neither_pace_nor_estimate() -> None:
    played = Played(Training())
    played.step(1, seconds=1)
    played.step(2, seconds=1)
    played.epoch(0.25, seconds=9)
    played.progress.report("Exporting", 80, "")
    told = played.progress.latest
    assert (told["stage"], told["step"], told["validation"]["value"]) == ("Exporting", 10, "0.25")
    assert not {"targetsPerSecond", "etaSeconds"} & told.keys()


def test_the_status_has_the_newest_points_and_no_more_than_the_crd_allows() -> None:
    assert history.TOLD == HISTORY
    fields = Training(points=HISTORY + 7, epochs=100).history().fields()
    told = [point["epoch"] for point in fields["history"]]
    assert told == list(range(8, HISTORY + 8))
    ProgressField.model_validate({"stage": "Training", **fields})


def test_what_is_kept_in_the_run_s_folder_comes_back(tmp_path: Path) -> None:
    kept = Training(points=3).history()
    history.write(tmp_path, kept)
    found = history.read(tmp_path)
    assert found is not None
    assert found.fields() == kept.fields()


@pytest.mark.parametrize(
    "text", ["", "[]", json.dumps({"metric": "NDCG@10", "epochs": 1, "bestEpoch": 1, "points": [1]})]
)
def test_a_history_that_cannot_be_read_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / history.FILE).write_text(text)
    assert history.read(tmp_path) is None


def test_a_history_that_is_not_there_is_none(tmp_path: Path) -> None:
    assert history.read(tmp_path) is None


@pytest.mark.parametrize("number", [0.0, -1.5, 1e30, 1e-30, float("nan"), float("inf")])
def test_any_number_fits_the_field(number: float) -> None:
    assert len(history.text(number)) <= 32


def test_figures_of_one_of_several_trainings_stand_under_its_name() -> None:
    recorded = []

    class Recorder:
        def scalars(self, step: int, values: dict[str, float]) -> None:
            recorded.append((step, values))

    Under("Seed 2", Recorder()).scalars(7, {"loss/training": 0.5, "validation/NDCG@10": 0.25})
    assert recorded == [(7, {"Seed 2/loss/training": 0.5, "Seed 2/validation/NDCG@10": 0.25})]
