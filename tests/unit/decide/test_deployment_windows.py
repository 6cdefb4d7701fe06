"""Freeze windows: when they are open, what they hold, and what they do not."""

from datetime import UTC, datetime
from typing import Any

import pytest
from tests.unit.decide.deployment_world import World, canary, promoted, serving, spec

from recsys_operator.decide.deployment.windows import opened

# The worlds begin on 2 January 2026, a Friday, at 03:04:05 UTC.
OPEN = {"name": "morning", "schedule": "0 3 * * *", "durationSeconds": 3600}
LATER = {"name": "noon", "schedule": "0 12 * * *", "durationSeconds": 3600}


def until(windows: list[dict[str, Any]], moment: str) -> str | None:
    """When the freeze ends that is under way at a moment; None where there is none."""
    world = World(spec=spec(freezeWindows=windows), now=datetime.fromisoformat(moment).replace(tzinfo=UTC))
    found = opened(world.observed(), world.now)
    if found is None:
        return None
    return found.until.strftime("%Y-%m-%d %H:%M:%S") if found.until else found.problem


@pytest.mark.parametrize(
    ("moment", "end"),
    [
        ("2026-01-02 02:59:59", None),
        ("2026-01-02 03:00:00", "2026-01-02 04:00:00"),
        ("2026-01-02 03:59:59.999999", "2026-01-02 04:00:00"),
        ("2026-01-02 04:00:00", None),
    ],
)
def test_a_window_is_open_from_its_schedule_for_its_duration(moment: str, end: str | None) -> None:
    assert until([OPEN], moment) == end


@pytest.mark.parametrize(
    ("moment", "end"),
    [
        ("2026-01-02 16:59:00", None),
        ("2026-01-02 17:00:00", "2026-01-05 09:00:00"),
        ("2026-01-05 08:59:00", "2026-01-05 09:00:00"),
        ("2026-01-05 09:00:00", None),
    ],
)
def test_over_the_weekend(moment: str, end: str | None) -> None:
    weekend = {"name": "weekend", "schedule": "0 17 * * FRI", "durationSeconds": 64 * 3600}
    assert until([weekend], moment) == end


def test_the_schedule_is_read_in_its_time_zone_also_in_summer() -> None:
    night = {"name": "night", "schedule": "0 22 * * *", "durationSeconds": 3600, "timeZone": "Europe/Berlin"}
    assert until([night], "2026-01-02 21:30:00") == "2026-01-02 22:00:00"
    assert until([night], "2026-07-02 20:30:00") == "2026-07-02 21:00:00"
    assert until([night], "2026-07-02 21:30:00") is None


def test_a_schedule_in_the_hour_that_summer_time_skips_is_kept_an_hour_later() -> None:
    skipped = {"name": "skipped", "schedule": "30 2 * * *", "durationSeconds": 3600, "timeZone": "Europe/Berlin"}
    assert until([skipped], "2026-03-29 01:30:00") is not None


def test_windows_that_meet_are_one() -> None:
    windows = [OPEN, {**OPEN, "name": "next", "schedule": "30 3 * * *"}, {**LATER, "schedule": "30 4 * * *"}]
    assert until(windows, "2026-01-02 03:10:00") == "2026-01-02 05:30:00"


def test_a_window_that_never_closes_is_looked_at_again() -> None:
    always = {"name": "always", "schedule": "* * * * *", "durationSeconds": 600}
    end = until([always], "2026-01-02 03:10:00")
    assert end
    assert end > "2026-01-02 04:00:00"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"schedule": "0 0 31 2 *"}, "schedule '0 0 31 2 *'"),
        ({"schedule": "0 9-5 * * *"}, "schedule '0 9-5 * * *'"),
        ({"timeZone": "Europe/Bielefeld"}, "timeZone 'Europe/Bielefeld' is not known"),
        ({"timeZone": "Europe"}, "timeZone 'Europe' is not known"),
    ],
)
def test_one_that_cannot_be_read_counts_as_open_and_is_told(change: dict[str, str], problem: str) -> None:
    found = until([{**LATER, **change}], "2026-01-02 03:10:00")
    assert found
    assert found.startswith(problem)
    world = canary()
    world.edit(freezeWindows=[{**LATER, **change}])
    world.run(seconds=100)
    assert world.weights() == {1: 90, 4: 10}
    assert world.reason == "FreezeWindow"
    assert problem in world.message


def test_no_rollout_begins_in_a_window_and_one_begins_at_its_end() -> None:
    world = serving(freezeWindows=[LATER])
    world.edit(freezeWindows=[OPEN], version={"pin": 4})
    told = world.step()
    assert world.status.canary is None
    assert world.reason == "FreezeWindow"
    assert "Version 4 is held back: the freeze window morning is open until 2026-01-02T04:00:00" in world.message
    assert "FreezeWindow" in world.events
    world.now = datetime(2026, 1, 2, 3, 59, 59, tzinfo=UTC)
    told = world.step()
    assert told.requeue_after == pytest.approx(1.01)
    world.wait(1)
    world.step()
    assert world.status.canary
    world.run()
    assert world.weights() == {1: 90, 4: 10}


def test_no_weight_rises_in_a_window() -> None:
    world = canary(freezeWindows=[LATER])
    world.edit(freezeWindows=[OPEN])
    world.run(seconds=300)
    world.command("promote-full", "v4/1")
    world.run(seconds=300)
    assert world.weights() == {1: 90, 4: 10}
    assert world.reason == "FreezeWindow"
    assert "Something else still holds it" in world.outcome("promote-full")[1]
    world.run(seconds=3600)
    assert world.weights() == {4: 100}


def test_a_canary_is_not_replaced_by_another_in_a_window_but_stable_can_be_asked_for() -> None:
    world = canary(freezeWindows=[LATER])
    world.edit(freezeWindows=[OPEN], version={"pin": 2})
    world.run(seconds=10)
    assert world.weights() == {1: 90, 4: 10}
    world.edit(version={"pin": 1})
    world.step()
    assert world.weights() == {1: 100}


@pytest.mark.parametrize("how", ["alert", "abort", "pods"])
def test_a_canary_is_taken_back_in_a_window(how: str) -> None:
    world = canary(freezeWindows=[LATER])
    world.edit(freezeWindows=[OPEN])
    if how == "abort":
        world.command("abort", "v4/1")
    elif how == "pods":
        world.break_pods(next(name for name, one in world.workloads.items() if one.revision.version == 4))
    world.step(*([world.alert(4)] if how == "alert" else []))
    assert world.weights() == {1: 100}


@pytest.mark.parametrize("cold", [False, True])
def test_stable_is_taken_back_in_a_window(cold: bool) -> None:
    world = promoted(freezeWindows=[LATER])
    world.run(seconds=700 if cold else 0)
    world.edit(freezeWindows=[OPEN])
    world.command("undo", "v4/1")
    world.run(seconds=3)
    assert world.weights() == {1: 100}


def test_a_window_that_holds_nothing_is_not_spoken_of() -> None:
    world = serving(freezeWindows=[LATER])
    world.edit(freezeWindows=[OPEN])
    told = world.step()
    assert world.reason == "Serving"
    assert told.requeue_after is None


def test_the_first_version_waits_too() -> None:
    world = World(spec=spec(freezeWindows=[OPEN]))
    world.run()
    assert world.reason == "FreezeWindow"
    assert not world.workloads
    world.run(seconds=3600)
    assert world.reason == "Serving"
