"""Where the time of an attempt goes, across the two processes that share it."""

import os
import time
from pathlib import Path

import pytest

from recsys_workers.train import seconds
from recsys_workers.train.seconds import STAGES, Stopwatch, process_began


class Clock:
    """A clock that is set."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def lap(watch: Stopwatch, clock: Clock, now: float, stage: str, until: float | None = None) -> None:
    clock.now = now
    watch.lap(stage, until)


def left_by_the_worker(folder: Path) -> None:
    clock = Clock()
    worker = Stopwatch(15.0, clock)
    lap(worker, clock, 18.0, "prepare")
    lap(worker, clock, 19.0, "prepare")
    lap(worker, clock, 25.5, "training")
    lap(worker, clock, 27.0, "export", 26.5)
    lap(worker, clock, 27.0, "scoring")
    worker.leave(folder)


def test_the_stages_of_both_processes_stand_in_their_order_and_make_up_the_whole(tmp_path: Path) -> None:
    clock = Clock()
    driver = Stopwatch(10.0, clock)
    lap(driver, clock, 11.0, "start")
    lap(driver, clock, 12.25, "data")
    left_by_the_worker(tmp_path)
    driver.take(tmp_path)
    lap(driver, clock, 28.0, "leave")
    lap(driver, clock, 29.0, "gates")
    lap(driver, clock, 29.1, "publish")
    found = {"start": 1.0, "data": 1.25, "ray": 2.75, "prepare": 4.0, "training": 6.5, "export": 1.0, "scoring": 0.5}
    found |= {"leave": 1.0, "gates": 1.0, "publish": 0.1}
    assert driver.document() == found
    assert list(driver.document()) == [stage for stage in STAGES if stage not in ("folds", "search")]
    assert driver.sentence() == (
        "seconds: start 1.0, data 1.2, ray 2.8, prepare 4.0, training 6.5, export 1.0, scoring 0.5, leave 1.0, "
        "gates 1.0, publish 0.1; 19.1 in all"
    )


@pytest.mark.parametrize("content", [None, "", "{}", '{"began": 1, "ended": "x", "seconds": {}}', "[]"])
def test_without_what_the_worker_leaves_the_next_lap_has_it_all(content: str | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / seconds.FILE).write_text(content)
    clock = Clock()
    driver = Stopwatch(0.0, clock)
    lap(driver, clock, 1.0, "data")
    driver.take(tmp_path)
    lap(driver, clock, 21.0, "leave")
    assert driver.document() == {"data": 1.0, "leave": 20.0}


def test_a_worker_whose_clock_goes_behind_makes_no_stage_shorter_than_nothing(tmp_path: Path) -> None:
    left_by_the_worker(tmp_path)
    clock = Clock()
    driver = Stopwatch(100.0, clock)
    driver.take(tmp_path)
    lap(driver, clock, 101.0, "leave")
    assert driver.document()["ray"] == 0.0
    assert driver.document()["leave"] == 1.0


def test_what_an_earlier_attempt_left_is_forgotten(tmp_path: Path) -> None:
    left_by_the_worker(tmp_path)
    seconds.forget(tmp_path)
    seconds.forget(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_this_process_began_before_now_and_after_the_machine() -> None:
    age = time.time() - process_began()
    assert 0 < age < time.clock_gettime(time.CLOCK_BOOTTIME)
    ticks = 1 / os.sysconf("SC_CLK_TCK")
    assert abs((time.time() - process_began()) - age) < 1 + ticks


def test_the_page_for_users_names_every_stage() -> None:
    page = (Path(__file__).parents[4] / "docs/how-to/train-a-model.md").read_text()
    table = page[page.index("| stage | what |") :].split("\n\n")[0]
    assert [stage for stage in STAGES if f"`{stage}`" not in table] == []
