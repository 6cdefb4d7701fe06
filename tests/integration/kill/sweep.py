"""Every write of a life, cut before and after."""

import asyncio
import re
import sys
import time
from collections.abc import Sequence

from tests.integration.harness.proxy import Cut, Write
from tests.integration.harness.snapshot import differences
from tests.integration.kill.case import End, Life, World, run

SIDE_BY_SIDE = 10
"""Cases at once: they mostly wait, and an operator's start takes a second of CPU."""
MOST_AGAIN = 3
"""Rounds of further cuts for the writes that none has hit: the number of a write may differ by one between lives."""


def what(write: Write) -> str:
    """A write without its number, namespace and revision: the same in every case."""
    path = re.sub(r"-[0-9a-f]{8}$", "-<revision>", re.sub(r"/namespaces/[^/]+", "", write.path))
    return f"{write.method} {path}"


def is_event(write: Write) -> bool:
    """Events change no object; a cut at one is like a cut between the writes around it."""
    return "/apis/events.k8s.io/" in write.path


async def sweep(world: World, life: Life, numbers: Sequence[int] | None = None, *, events: bool = True) -> None:
    """Live undisturbed, then once for each cut; each must end as the undisturbed life did.

    `numbers` chooses writes to cut at; all when absent. Without `events` those are passed over.
    """
    begin = time.monotonic()
    undisturbed = await run(world, life)
    problems = _sound(undisturbed)
    total = len(undisturbed.writes)
    assert total, f"{life.name}: the operator wrote nothing"
    places = asyncio.Semaphore(SIDE_BY_SIDE)

    async def one(cut: Cut) -> tuple[Cut, End | Exception]:
        async with places:
            try:
                return cut, await run(world, life, cut)
            except Exception as error:
                return cut, error

    chosen = numbers or [write.number for write in undisturbed.writes if events or not is_event(write)]
    cuts = [Cut(number, when) for number in chosen for when in ("before", "after")]
    wanted = {what(write) for write in undisturbed.writes if not is_event(write)} if numbers is None else set()
    reached: set[str] = set()
    hit = planned = 0
    for _ in range(1 + MOST_AGAIN):
        for cut, end in await asyncio.gather(*(one(cut) for cut in cuts)):
            where = f"{life.name} cut {cut.when} write {cut.number}"
            planned += 1
            if isinstance(end, Exception):
                problems.append(f"{where}: {type(end).__name__}: {end}")
                continue
            if end.cut_at is not None:
                hit += 1
                reached.add(what(end.cut_at))
            found = [*_sound(end), *differences(undisturbed.objects, end.objects)]
            problems += [f"{where} ({end.cut_at}): {line}" for line in found[:12]]
        cuts = _again(undisturbed.writes, wanted - reached)
        if not cuts:
            break
    problems += [f"{life.name}: no cut hit {write}" for write in sorted(wanted - reached)]
    print(
        f"\n{life.name}: {total} writes undisturbed in {undisturbed.seconds:.1f} s, "
        f"{hit} kills of {planned} planned, {time.monotonic() - begin:.0f} s in all",
        file=sys.stderr,
    )
    assert not problems, f"{len(problems)} problems:\n" + "\n".join(problems[:60])


def _again(writes: Sequence[Write], missed: set[str]) -> list[Cut]:
    """Cuts around the writes that none hit: writes that follow one another may swap, or one more comes before them."""
    near = {write.number + offset for write in writes if what(write) in missed for offset in (-2, -1, 0, 1)}
    return [Cut(number, "before") for number in sorted(near) if number > 0]


def _sound(end: End) -> list[str]:
    """What must hold of every end."""
    problems = [f"the run {run} had {count} Jobs" for run, count in end.jobs.items() if count != 1]
    for name, obj in end.objects.items():
        if obj["metadata"].get("finalizers"):
            problems.append(f"{name} has finalizers {obj['metadata']['finalizers']}")
        foreign = [key for key in obj["metadata"].get("annotations", {}) if "kopf" in key]
        problems += [f"{name} has the annotation {key}" for key in foreign]
    return problems
