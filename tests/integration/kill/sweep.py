"""Every write of a life, cut before and after."""

import asyncio
import itertools
import sys
import time
from collections import Counter
from collections.abc import Iterable

from tests.integration.harness.proxy import Cut, When, Write
from tests.integration.harness.snapshot import differences
from tests.integration.kill.case import End, Life, World, run

SIDE_BY_SIDE = 10
"""Cases at once: they mostly wait, and an operator's start takes a second of CPU."""
WHENS: tuple[When, ...] = ("before", "after")
TRIES = 4
"""Lives for one cut: two writes of one status may fall together, and then a life has an occurrence less."""


def is_event(write: Write) -> bool:
    """Events change no object; a cut at one is like a cut between the writes around it."""
    return "/apis/events.k8s.io/" in write.path


async def sweep(world: World, life: Life, *, quick: bool = False, attempts: int = 1) -> None:
    """Live undisturbed, then once for each cut before and after each write; each must end as the undisturbed life did.

    A write is known by its meaning and its occurrence. A `quick` sweep passes events over and cuts each other write
    once, by turns before and after it: just after one write and just before the next the cluster holds the same.
    """
    begin = time.monotonic()
    undisturbed = await run(world, life)
    problems = _sound(undisturbed, attempts)
    assert undisturbed.writes, f"{life.name}: the operator wrote nothing"
    cuts = _quick_cuts(undisturbed.writes) if quick else _all_cuts(undisturbed.writes)
    places = asyncio.Semaphore(SIDE_BY_SIDE)
    found = await asyncio.gather(*(_cut(world, life, cut, undisturbed, places, attempts) for cut in cuts))
    for cut, (_, lines) in zip(cuts, found, strict=True):
        problems += [f"{life.name} cut {cut}: {line}" for line in lines[:12]]
    hits = Counter(cut.meaning for cut, (hit, _) in zip(cuts, found, strict=True) if hit)
    missed = [cut for cut, (hit, lines) in zip(cuts, found, strict=True) if not hit and not lines]
    never = sorted({cut.meaning for cut in missed} - hits.keys())
    problems += [f"{life.name}: no cut hit {meaning} in {TRIES} lives" for meaning in never]
    print(
        f"\n{life.name}: {len(undisturbed.writes)} writes undisturbed in {undisturbed.seconds:.1f} s, "
        f"{hits.total()} kills at {len(hits)} kinds of writes of {len(cuts)} planned, "
        f"{time.monotonic() - begin:.0f} s in all",
        *(f"  never came: {cut} ({hits[cut.meaning]} other kills at this write)" for cut in missed),
        sep="\n",
        file=sys.stderr,
    )
    assert not problems, f"{len(problems)} problems:\n" + "\n".join(problems[:60])


def _all_cuts(writes: Iterable[Write]) -> list[Cut]:
    return [Cut(write.meaning, write.occurrence, when) for write in writes for when in WHENS]


def _quick_cuts(writes: Iterable[Write]) -> list[Cut]:
    whens = itertools.cycle(WHENS)
    return [Cut(write.meaning, write.occurrence, next(whens)) for write in writes if not is_event(write)]


async def _cut(
    world: World, life: Life, cut: Cut, undisturbed: End, places: asyncio.Semaphore, attempts: int
) -> tuple[bool, list[str]]:
    """Whether the cut was made, and what was wrong in the end."""
    for _ in range(TRIES):
        async with places:
            try:
                end = await run(world, life, cut, undisturbed.objects)
            except Exception as error:
                return False, [f"{type(error).__name__}: {error}"]
        problems = [*_sound(end, attempts), *differences(undisturbed.objects, end.objects)]
        if problems or end.cut_at is not None:
            return end.cut_at is not None, [f"({end.name}) {line}" for line in problems]
    return False, []


def _sound(end: End, attempts: int) -> list[str]:
    """What must hold of every end: one Job a run, or so many RayJobs."""
    problems = [f"the run {run} had {count} Jobs" for run, count in end.jobs.items() if count != attempts]
    for name, obj in end.objects.items():
        if obj["metadata"].get("finalizers"):
            problems.append(f"{name} has finalizers {obj['metadata']['finalizers']}")
        foreign = [key for key in obj["metadata"].get("annotations", {}) if "kopf" in key]
        problems += [f"{name} has the annotation {key}" for key in foreign]
    return problems
