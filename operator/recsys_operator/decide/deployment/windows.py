"""Freeze windows: stretches of time in which no rollout begins and no weight rises.

A window opens whenever its cron schedule says so, in its time zone, and lasts for its duration. One whose schedule or
time zone cannot be read is open for ever: nobody knows when it should be.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from recsys_operator.api.strategy import FreezeWindow
from recsys_operator.decide.deployment.facts import Observed
from recsys_operator.decide.times import rfc3339

MOST_JOINED = 64
"""Windows that follow each other without a gap are one stretch; longer chains are looked at again at this one's end."""


@dataclass(frozen=True, slots=True)
class Open:
    """A stretch of frozen time that is under way: `until` is None where a window cannot be read."""

    name: str
    until: datetime | None
    problem: str = ""

    @property
    def sentence(self) -> str:
        """What the window does, within a sentence."""
        if self.until is None:
            return f"the freeze window {self.name}, which cannot be read ({self.problem}), counts as open: correct it"
        return f"the freeze window {self.name} is open until {rfc3339(self.until)}"


def opened(observed: Observed, now: datetime) -> Open | None:
    """The freeze that is under way, and when it ends; None when there is none."""
    return _opened(observed.spec.freeze_windows, now)


@lru_cache(maxsize=256)
def _opened(windows: tuple[FreezeWindow, ...], now: datetime) -> Open | None:
    first, until = None, now
    for _ in range(MOST_JOINED):
        there = list(_at(windows, until))
        unreadable = next((one for one in there if one.until is None), None)
        if unreadable and first is None:
            return unreadable
        ends = [(one.until, one) for one in there if one.until is not None]
        if not ends:
            break
        until, found = max(ends, key=lambda pair: pair[0])
        first = first or found
    return Open(first.name, until) if first else None


def _at(windows: tuple[FreezeWindow, ...], moment: datetime) -> Iterator[Open]:
    for window in windows:
        try:
            zone = ZoneInfo(window.time_zone)
            # One microsecond later, so that a window that opens at this very moment is found.
            local = (moment + timedelta(microseconds=1)).astimezone(zone)
            start = next(CronSim(window.schedule, local, reverse=True), None)
        except (ZoneInfoNotFoundError, OSError) as error:
            yield Open(window.name, None, f"timeZone {window.time_zone!r} is not known: {error}")
        except (CronSimError, ValueError, OverflowError) as error:
            yield Open(window.name, None, f"schedule {window.schedule!r}: {error}")
        else:
            # Arithmetic in UTC: a duration is one on the clock, whatever summer time does.
            end = start.astimezone(moment.tzinfo) + timedelta(seconds=window.duration_seconds) if start else None
            if end and end > moment:
                yield Open(window.name, end)
