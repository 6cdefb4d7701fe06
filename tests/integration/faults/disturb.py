"""What the wire and the API server do to the writes of a rollout."""

import asyncio
import sys
import time
from collections.abc import Callable, Iterable

from tests.integration.faults.weights import wrong_weights
from tests.integration.harness.proxy import When, Write
from tests.integration.harness.snapshot import differences
from tests.integration.kill.case import Case, End, Life, World, run
from tests.integration.kill.sweep import SIDE_BY_SIDE, is_event

Fault = int | When
STEPS = (10, 50)
"""The weights of the steps of the lives here."""
TRIES = 4
"""Lives for one fault: two writes of one status may fall together, and then a life has an occurrence less."""


def first_of_each(faults: Iterable[Fault], *, watches: bool = False) -> Callable[[Case], None]:
    """The first write of each meaning suffers, one fault after the other; with `watches`, they break then too."""

    def disturb(one: Case) -> None:
        left, met = list(faults), set[str]()

        def fault(write: Write) -> Fault | None:
            if write.meaning in met or is_event(write):
                return None
            met.add(write.meaning)
            if watches:
                one.proxy.break_watches(expired=len(met) % 2 == 0)
            left.append(left.pop(0))
            return left[-1]

        one.proxy.fault = fault

    return disturb


def at(chosen: Write, fault: Fault | Callable[[Case], Fault | None], hit: list[Write]) -> Callable[[Case], None]:
    """One write suffers; `hit` gets it when it comes."""

    def disturb(one: Case) -> None:
        def once(write: Write) -> Fault | None:
            if hit or (write.meaning, write.occurrence) != (chosen.meaning, chosen.occurrence):
                return None
            hit.append(write)
            return fault(one) if callable(fault) else fault

        one.proxy.fault = once

    return disturb


def broken_watches(one: Case) -> None:
    """The write itself passes."""
    one.proxy.break_watches(expired=len(one.proxy.writes) % 2 == 0)


def wrong(undisturbed: End, end: End) -> list[str]:
    """How a disturbed life differs from the undisturbed one, and which weights were wrong on the way."""
    lines = [*differences(undisturbed.objects, end.objects), *wrong_weights(end.accepted, STEPS)]
    return [f"({end.name}) {line}" for line in lines[:12]]


async def sweep(world: World, life: Life, fault: Fault | Callable[[Case], Fault | None]) -> None:
    """Live undisturbed, then once with this fault at each write: the same end each time, by right weights."""
    begin = time.monotonic()
    undisturbed = await run(world, life)
    problems = wrong_weights(undisturbed.accepted, STEPS)
    chosen = [write for write in undisturbed.writes if not is_event(write)]
    places = asyncio.Semaphore(SIDE_BY_SIDE)

    async def one(write: Write) -> tuple[bool, list[str]]:
        for _ in range(TRIES):
            hit: list[Write] = []
            async with places:
                try:
                    end = await run(world, life, None, undisturbed.objects, at(write, fault, hit))
                except Exception as error:
                    return bool(hit), [f"{type(error).__name__}: {error}"]
            if hit or (lines := wrong(undisturbed, end)):
                return bool(hit), wrong(undisturbed, end)
        return False, lines

    found = await asyncio.gather(*(one(write) for write in chosen))
    hits = {write.meaning for write, (hit, _) in zip(chosen, found, strict=True) if hit}
    problems += [f"at {write}: {line}" for write, (_, lines) in zip(chosen, found, strict=True) for line in lines]
    problems += [f"no life had {meaning}" for meaning in sorted({write.meaning for write in chosen} - hits)]
    print(
        f"\n{life.name}: {sum(hit for hit, _ in found)} of {len(chosen)} writes disturbed, "
        f"{time.monotonic() - begin:.0f} s in all",
        file=sys.stderr,
    )
    assert not problems, f"{len(problems)} problems:\n" + "\n".join(problems[:60])
