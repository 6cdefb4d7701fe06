"""Who is as good when, and how much sooner, from the epochs of both sides."""

import json
from typing import Any

import numpy as np
import pytest
from benchmarks.recbole import report
from benchmarks.recbole.sides import atomic

from recsys_workers.data.split import Slices, Split, held_out


def epochs(*figures: float, seconds: float, processor: float, evaluation: float = 1.0) -> list[dict[str, Any]]:
    return [
        {
            "epoch": number,
            "loss": 2.0,
            "targets": 1000,
            "training": {"clock": seconds, "processor": processor},
            "evaluation": {"clock": evaluation, "processor": evaluation},
            "validation": figure,
            "test": figure - 0.001,
        }
        for number, figure in enumerate(figures, start=1)
    ]


RIVAL = epochs(0.01, 0.02, seconds=100.0, processor=50.0)
OURS = epochs(0.005, 0.02, 0.03, seconds=5.0, processor=4.0)


def test_the_first_epoch_that_is_as_good_counts() -> None:
    assert report.reached(OURS, 0.02) == 2
    assert report.reached(OURS, 0.031) is None
    assert report.ratios(RIVAL, OURS) == {
        "clock": 20.0,
        "clockWithEvaluation": pytest.approx(202 / 12, abs=0.01),
        "processor": 12.5,
        "processorWithEvaluation": pytest.approx(102 / 10, abs=0.01),
    }
    told = report.verdict(RIVAL, OURS)
    assert "RecBole's validation NDCG@10 after 2 epochs is 0.0200; ours has 0.0200 after 2." in told
    assert "Seconds by the clock: 200 against 10, 20.0 times sooner; with evaluation 16.8 times" in told
    assert "targets per second 10 against 200." in told


def test_who_is_never_as_good_is_told_so() -> None:
    assert report.ratios(RIVAL, OURS[:1]) == {}
    told = report.verdict(RIVAL, OURS[:1]).splitlines()
    assert told[0].endswith("ours has reached 0.0050 in 1 epochs, and so not that.")
    assert told[1:] == ["At least 10 times sooner: NOT reached."]


@pytest.mark.parametrize(
    ("processor", "said"),
    [(4.0, "10.2 times sooner; at least 10: reached"), (4.2, "9.8 times sooner; at least 10: NOT reached")],
)
def test_ten_times_sooner_is_wanted_by_every_way_to_count(processor: float, said: str) -> None:
    ours = epochs(0.005, 0.02, 0.03, seconds=5.0, processor=processor)
    assert report.verdict(RIVAL, ours).splitlines()[-1] == f"The least of these is {said}."


def test_the_table_has_a_line_an_epoch_of_either_side_with_what_was_spent_so_far() -> None:
    lines = report.table(RIVAL, OURS).splitlines()
    assert len(lines) == 2 + len(RIVAL) + len(OURS)
    assert lines[3] == "| RecBole 1.2.1 | 2 | 2.0000 | 0.0200 | 0.0190 | 200 (100) | 202 (102) | 10 (20) |"


def test_what_is_recorded_can_be_written_down() -> None:
    (one, *_) = report.rounded(epochs(1 / 3, seconds=1 / 3, processor=0.1))
    assert (one["validation"], one["training"]["clock"], one["epoch"]) == (0.33333, 0.3333, 1)
    json.dumps(one)


def test_recbole_gets_every_interaction_in_its_order() -> None:
    flat, users = np.array([3, 1, 2, 2, 1, 3, 1], dtype=np.int32), np.array([0, 1])
    starts, ends = np.array([0, 4]), np.array([4, 7])
    test = held_out(flat, users, starts, ends - 1)
    split = Split(Slices(flat, starts, ends - 2), held_out(flat, users, starts, ends - 2), test)
    rows = [line.split("\t") for line in atomic(split).splitlines()]
    assert rows[0] == ["user_id:token", "item_id:token", "timestamp:float"]
    assert [(user, item) for user, item, _ in rows[1:]] == [
        ("0", "3"), ("0", "1"), ("0", "2"), ("0", "2"), ("1", "1"), ("1", "3"), ("1", "1")
    ]  # fmt: skip
    assert [place for _, _, place in rows[1:]] == ["0", "1", "2", "3", "0", "1", "2"]
