"""A small world in every state that a handful of inputs can bring it to: nothing forbidden happens, and all end."""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.unit.decide.deployment_invariants import checked_step
from tests.unit.decide.deployment_world import World, spec, version

from recsys_operator.api.rollout import CommandName, Revision
from recsys_operator.decide.times import instant

STEPS = [{"weight": 10}, {"pause": {}}, {"weight": 50}]
SETTLED = timedelta(seconds=2)

Input = Callable[[World], None]


def small() -> World:
    """Two versions, one pod each; version 1 serves."""
    world = World(
        spec=spec(replicas=1, strategy={"canary": {"steps": STEPS}}, rollback={"warmSeconds": 60, "freezeSeconds": 60}),
        versions=(version(1), version(2)),
    )
    world.run(rounds=6)
    return world


def copied(world: World) -> World:
    """A world that goes its own way from here; everything in it is immutable but for these."""
    return replace(
        world,
        commands=dict(world.commands),
        workloads=dict(world.workloads),
        services=dict(world.services),
        events=[],
    )


def obeyed(world: World) -> None:
    """Kubelet and gateway do their part, and the operator looks."""
    for revision in world.workloads:
        world.pods(revision)
    world.accept()
    world.wait(3)
    checked_step(world)


def later(world: World) -> None:
    world.wait(1000)
    checked_step(world)


def pods_gone(world: World) -> None:
    if world.status.canary and world.status.canary.revision in world.workloads:
        world.pods(world.status.canary.revision, 0)
    checked_step(world)


def endpoints_behind(world: World) -> None:
    """The Service of the canary does not reach its pods, until they are seen again."""
    if world.status.canary:
        world.behind |= {world.status.canary.revision}
    checked_step(world)


def pods_broken(world: World) -> None:
    if world.status.canary and world.status.canary.revision in world.workloads:
        world.break_pods(world.status.canary.revision)
    checked_step(world)


def crashed(world: World) -> None:
    """All is well, but the operator dies between the status write and the rest."""
    for revision in world.workloads:
        world.pods(revision)
    world.accept()
    world.wait(3)
    checked_step(world, crash=True)


def pinned(number: int) -> Input:
    def edit(world: World) -> None:
        world.edit(version={"pin": number})
        checked_step(world)

    return edit


def paused(world: World) -> None:
    world.edit(paused=not world.spec.paused)
    checked_step(world)


def fired(about: str, severity: str) -> Input:
    def alert(world: World) -> None:
        status = world.status
        subject = status.canary if about == "canary" else status.stable
        checked_step(world, *([world.alert(subject.version, severity)] if subject else []))

    return alert


def told(name: CommandName) -> Input:
    def command(world: World) -> None:
        status = world.status
        blocked = next(iter(status.blocked), None)
        subject: Revision | None = status.stable if name == "undo" else status.canary
        number = subject.version if subject else 1
        if name == "unblock":
            number = blocked.version if blocked else 1
        world.fingerprints += 1
        world.command(name, f"v{number}/{world.fingerprints}")
        checked_step(world)

    return command


INPUTS: dict[str, Input] = {
    "obeyed": obeyed,
    "later": later,
    "pods gone": pods_gone,
    "pods broken": pods_broken,
    "endpoints behind": endpoints_behind,
    "crashed": crashed,
    "pin 1": pinned(1),
    "pin 2": pinned(2),
    "paused": paused,
    "critical alert on the canary": fired("canary", "critical"),
    "critical alert on stable": fired("stable", "critical"),
    "warning about the canary": fired("canary", "warning"),
    "promote": told("promote"),
    "pause": told("pause"),
    "resume": told("resume"),
    "abort": told("abort"),
    "undo": told("undo"),
    "unblock": told("unblock"),
}


HOLDS = ("promote", "pause", "resume", "paused", "warning about the canary")
"""What holds a rollout, or lets it go on. Nearly every state there is is also there held, each in its own way."""
TURNS = tuple(name for name in INPUTS if name not in HOLDS)
"""What starts a rollout, takes it back, breaks it or delays it."""
FAILING = ("obeyed", "later", "crashed", "pin 2", "abort", "pods gone", "pods broken", "endpoints behind")
"""What pods do, and what becomes of a rollout then."""
STEERED = tuple(name for name in TURNS if name not in ("pods gone", "endpoints behind"))
HELD = ("obeyed", "later", "pin 2", *HOLDS)


def state(world: World) -> tuple[object, ...]:
    """What the future depends on: two worlds with the same state are one. Times count as past, near or far.

    Of the history a decision asks only which versions have served well enough to go back to; with two versions their
    order says nothing.
    """
    status, now = world.status, world.now
    canary, stable, previous, route = status.canary, status.stable, status.previous, world.route
    frozen = [
        one for one in status.alerts if one.action == "Frozen" and now < instant(one.time) + timedelta(seconds=60)
    ]
    return (
        (world.spec.version.pin, world.spec.paused),
        stable and stable.version,
        canary
        and (
            *(canary.version, canary.weight, canary.step, canary.held, canary.skip_steps, canary.reverting),
            canary.abort and canary.abort.verdict,
            bool(canary.first_weight_time),
            _age(world, canary.waiting_since),
        ),
        previous and (previous.version, now < instant(previous.warm_until)),
        tuple(sorted((block.version, block.revision is None) for block in status.blocked)),
        tuple(sorted({(one.version or 0) for one in frozen})),
        any(one.action == "Degraded" for one in status.alerts),
        frozenset(one.from_version for one in status.history if one.verdict in ("Promoted", "Reverted")),
        route and (tuple(sorted(world.weights().items())), route.accepted, bool(route.changed) and _quiet(world)),
        tuple(
            sorted(
                (one.revision.version, one.ready, bool(one.broken), name in world.behind)
                for name, one in world.workloads.items()
            )
        ),
    )


def _age(world: World, since: str | None) -> str:
    if since is None:
        return "none"
    return "far" if world.now - instant(since) >= timedelta(seconds=600) else "near"


def _quiet(world: World) -> bool:
    return world.route is not None and world.route.changed is not None and world.now - world.route.changed >= SETTLED


def explore(inputs: Iterable[str], most: int) -> tuple[int, int, bool]:
    """Breadth first from the small world: states, transitions, and whether all there are were seen."""
    happenings = {name: INPUTS[name] for name in inputs}
    begin = small()
    seen = {state(begin)}
    waiting: deque[tuple[World, tuple[str, ...]]] = deque([(begin, ())])
    transitions = 0
    while waiting and transitions < most:
        world, path = waiting.popleft()
        for name, happen in happenings.items():
            after = copied(world)
            transitions += 1
            try:
                happen(after)
            except Exception as error:
                raise AssertionError(f"after {' → '.join((*path, name))}: {error}") from error
            found = state(after)
            if found not in seen:
                seen.add(found)
                _ends(copied(after), (*path, name))
                waiting.append((after, (*path, name)))
    return len(seen), transitions, not waiting


def _ends(world: World, path: tuple[str, ...]) -> None:
    """Whatever state this is, there is a way on to one in which no rollout is under way."""
    for turn in range(12):
        if world.status.canary is None:
            return
        if world.spec.paused:
            world.edit(paused=False)
        if turn == 6:  # A warning ends, and so does a pause.
            world.wait(100)
        for name in ("resume", "promote-full"):
            world.command(name, f"v{world.status.canary.version}/end {turn}")
        obeyed(world)
    raise AssertionError(f"after {' → '.join(path)}: the rollout of version {world.status.canary} never ends")


@pytest.mark.parametrize(
    ("inputs", "least"),
    [
        pytest.param(STEERED, 150, id="steered"),
        pytest.param(FAILING, 50, id="failing"),
        pytest.param(HELD, 100, id="held"),
        pytest.param(TURNS, 400, id="turns", marks=pytest.mark.full),
    ],
)
def test_all_that_can_happen_by_these_inputs_in_any_order(inputs: tuple[str, ...], least: int) -> None:
    """Every input is among them, but not all in one: what holds a rollout multiplies the states of everything else."""
    assert {*STEERED, *FAILING, *HELD} == set(INPUTS)
    states, transitions, whole = explore(inputs, 20_000)
    assert whole, f"there are more than {states} states ({transitions} transitions)"
    assert states > least, f"{states} states, {transitions} transitions"


@pytest.mark.full
@pytest.mark.timeout(3600)
def test_what_all_inputs_lead_to_in_a_few_steps() -> None:
    """All in one, as far as 200,000 steps lead: after 28,000 there are 2,959 states, and new ones still come."""
    states, transitions, _ = explore(INPUTS, 200_000)
    assert states >= 2_959, f"{states} states, {transitions} transitions"
