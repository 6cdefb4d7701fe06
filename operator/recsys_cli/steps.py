"""The steps of a canary: which are behind it, which one it is at, how far that one is."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from recsys_cli.fields import Json, number, rows, table
from recsys_cli.times import instant, span
from recsys_cli.values import Canary, Rollout


@dataclass(frozen=True, slots=True)
class Step:
    """One step as it is told."""

    number: int
    text: str
    state: Literal["Done", "Now", "Next", "Skipped"]
    progress: float | None = None
    """From 0 to 1, where time alone ends the step."""
    note: str = ""


def describe(step: Json) -> str:
    """A step of the spec, in a few words."""
    if "weight" in step:
        return f"weight {step['weight']} %"
    for kind in ("pause", "bake"):
        if kind in step:
            lasts = number(table(step, kind), "durationSeconds")
            return f"{kind} {span(lasts)}" if lasts else f"{kind} until promoted"
    if "shadow" in step:
        shadow = table(step, "shadow")
        share = f"shadow of {number(shadow, 'percent') or 10} % {span(number(shadow, 'durationSeconds') or 0)}"
        gates = ", ".join(str(row.get("metric", "")) for row in rows(step, "shadow", "gates"))
        return f"{share}: {gates}" if gates else share
    kind = next(iter(step), "?")
    names = [str(row.get("name", "")) for row in rows(step, kind, "metrics")]
    listed = ", ".join(name for name in names if name)
    return f"{kind} {listed}".strip()


def listed(rollout: Rollout, at: datetime) -> list[Step]:
    """All steps of the spec, for the canary that takes them; none where there is none, or it is being taken back."""
    canary = rollout.canary
    if canary is None or canary.reverting or canary.abort or rollout.stable is None:
        return []
    found = []
    for index, step in enumerate(rollout.steps):
        text = describe(step)
        if index < canary.step:
            found.append(Step(index + 1, text, "Done"))
        elif canary.skips_steps:
            found.append(Step(index + 1, text, "Skipped"))
        elif index > canary.step:
            found.append(Step(index + 1, text, "Next"))
        else:
            progress, note = _now(rollout, canary, step, at)
            found.append(Step(index + 1, text, "Now", progress, note))
    return found


def where(rollout: Rollout) -> str:
    """The step that the canary is at, as `2/4 pause 5m`; empty where it takes none."""
    canary = rollout.canary
    if canary is None or canary.reverting or rollout.stable is None or not rollout.steps:
        return ""
    if canary.abort:
        return "taken back"
    count = len(rollout.steps)
    if canary.skips_steps or canary.step >= count:
        return f"{count}/{count}"
    return f"{canary.step + 1}/{count} {describe(rollout.steps[canary.step])}"


def _now(rollout: Rollout, canary: Canary, step: Json, at: datetime) -> tuple[float | None, str]:
    """How far the step under way is, and what it waits for."""
    held = _held(rollout, canary)
    if "pause" in step:
        lasts = number(table(step, "pause"), "durationSeconds")
        if lasts is None:
            return None, held or f"waits for: {rollout.command('promote')}"
        return _timed(canary.step_start or canary.start, lasts, at, held)
    if "bake" in step:
        if not canary.well_since:
            return 0.0, held or "begins when all is well"
        return _timed(canary.well_since, number(table(step, "bake"), "durationSeconds") or 1, at, held)
    return None, held or _waits(rollout, canary, at)


def _held(rollout: Rollout, canary: Canary) -> str:
    if rollout.paused:
        return "held by spec.paused"
    by_reason = {"FreezeWindow": "held by a freeze window", "Frozen": "held by an alert"}
    return "held by command" if canary.held else by_reason.get(rollout.ready.reason, "")


def _timed(since: str | None, lasts: int, at: datetime, held: str) -> tuple[float | None, str]:
    began = instant(since)
    if began is None:
        return None, held
    passed = max(0.0, (at - began).total_seconds())
    left = f"{span(lasts - passed)} left" if passed < lasts else "over"
    return min(1.0, passed / lasts), ", ".join(part for part in (left, held) if part)


def _waits(rollout: Rollout, canary: Canary, at: datetime) -> str:
    """What a weight waits for, and how long before it is given up."""
    tried, wanted = rollout.tried, rollout.wanted("canary")
    short = tried is not None and wanted is not None and tried.ready < wanted
    words = [f"waits for pods: {tried.ready} of {wanted} ready"] if tried and short else []
    began = instant(canary.waiting_since)
    if began and rollout.deadline:
        left = rollout.deadline - canary.waited - (at - began).total_seconds()
        words.append(f"taken back in {span(left)}" if words else f"waits, taken back in {span(left)}")
    return ", ".join(words)
