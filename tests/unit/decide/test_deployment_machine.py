"""Anything may happen in any order: what must never happen to the traffic of a Deployment."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from tests.unit.decide.deployment_invariants import checked_step
from tests.unit.decide.deployment_world import STEPS, World, spec, version

from recsys_operator.api.rollout import COMMANDS, CommandName, DeploymentStatus
from recsys_operator.decide.deployment.alerts import Alert

VERSIONS = (1, 2, 4, 5)
CHOICES = ({"pin": 1}, {"pin": 2}, {"pin": 3}, {"pin": 4}, {"pin": 5}, {"follow": "LatestPassing"})
RESOURCES = ({"limits": {"cpu": "500m", "memory": "512Mi"}}, {"limits": {"cpu": "1", "memory": "1Gi"}})
STRATEGIES: tuple[dict[str, Any] | None, ...] = (
    {"canary": {"steps": STEPS}},
    {"canary": {"steps": [{"weight": 5}, {"weight": 20}, {"weight": 99}]}},
    {"canary": {"steps": [{"weight": 10}, {"pause": {}}, {"weight": 50}, {"pause": {}}]}},
    {
        "canary": {"steps": [{"weight": 10}, {"bake": {"durationSeconds": 100}}], "progressDeadlineSeconds": 120},
        "resourceEdits": "Surge",
    },
    None,
)

WINDOWS: tuple[list[dict[str, Any]], ...] = (
    [],
    [],
    [{"name": "often", "schedule": "*/10 * * * *", "durationSeconds": 120}],
    [{"name": "always", "schedule": "* * * * *", "durationSeconds": 86400}],
)

ENDS = ("Serving", "Degraded", "VersionBlocked", "VersionFailedGates", "VersionNotFound", "NoVersion")


class Machine(RuleBasedStateMachine):
    """Users, the cluster, the gateway, alerts and crashes, at random; every reconcile is checked."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.alerts: list[Alert] = []
        self.commands = 0

    @initialize(
        choice=st.sampled_from(CHOICES), warm=st.sampled_from((0, 60, 600)), strategy=st.sampled_from(STRATEGIES)
    )
    def begin(self, choice: dict[str, Any], warm: int, strategy: dict[str, Any] | None) -> None:
        rollback = {"warmSeconds": warm, "freezeSeconds": 300}
        self.world = World(spec=spec(version=choice, rollback=rollback, strategy=strategy))

    @rule(choice=st.sampled_from(CHOICES))
    def choose(self, choice: dict[str, Any]) -> None:
        self.world.edit(version=choice)

    @rule(resources=st.sampled_from(RESOURCES))
    def resize(self, resources: dict[str, Any]) -> None:
        self.world.edit(resources=resources)

    @rule(replicas=st.integers(1, 3))
    def scale(self, replicas: int) -> None:
        self.world.edit(replicas=replicas)

    @rule(strategy=st.sampled_from(STRATEGIES))
    def restep(self, strategy: dict[str, Any] | None) -> None:
        self.world.edit(strategy=strategy)

    @rule(there=st.booleans())
    def testers(self, there: bool) -> None:
        header = {"header": {"name": "X-Tester", "value": "yes"}}
        self.world.edit(traffic={**self.world.spec.traffic.wire(), "testers": header if there else None})

    @rule(these=st.sampled_from(WINDOWS))
    def freeze(self, these: list[dict[str, Any]]) -> None:
        self.world.edit(freezeWindows=these)

    @rule(paused=st.booleans())
    def pause(self, paused: bool) -> None:
        self.world.edit(paused=paused)

    @rule()
    def publish(self) -> None:
        if not any(one.version == 5 for one in self.world.versions):
            self.world.versions = (*self.world.versions, version(5))

    @rule(there=st.sampled_from((True, True, True, False)))
    def model(self, there: bool) -> None:
        self.world.has_model = there

    @rule(number=st.sampled_from((1, 2)))
    def upgrade(self, number: int) -> None:
        self.world.image = f"localhost/recsys-server:{number}"

    @rule(name=st.sampled_from(COMMANDS), about=st.sampled_from(("canary", "stable", "blocked", 1)))
    def command(self, name: CommandName, about: str | int) -> None:
        """Somebody writes a command annotation, most often a sensible one; it stays there."""
        status = self.world.status
        named = {"canary": status.canary, "stable": status.stable, "blocked": next(iter(status.blocked), None)}
        subject = named.get(str(about))
        self.commands += 1
        self.world.command(name, f"v{subject.version if subject else 1}/{self.commands}")
        self.reconcile()

    @rule(available=st.sampled_from((None, None, None, 0, 1)), index=st.integers(0, 3))
    def pods(self, available: int | None, index: int) -> None:
        names = sorted(self.world.workloads)
        if names:
            self.world.pods(names[index % len(names)], available)

    @rule(index=st.integers(0, 3))
    def endpoints_lag(self, index: int) -> None:
        """The Service of some revision does not send requests to its pods, until they are seen again."""
        names = sorted(self.world.workloads)
        if names:
            self.world.behind |= {names[index % len(names)]}

    @rule(index=st.integers(0, 3))
    def break_pods(self, index: int) -> None:
        """Pods of some revision crash again and again, until they are seen well."""
        names = sorted(self.world.workloads)
        if names:
            self.world.break_pods(names[index % len(names)])

    @rule(choice=st.sampled_from(CHOICES), rounds=st.integers(1, 6))
    def roll_out(self, choice: dict[str, Any], rounds: int) -> None:
        """Something is asked for, and goes well for a while."""
        self.world.edit(version=choice, paused=False)
        self.all_well(rounds)

    @rule(rounds=st.integers(1, 6))
    def all_well(self, rounds: int) -> None:
        """The cluster does its part for a while, each time with a pause of the steps gone by."""
        for _ in range(rounds):
            self.world.wait(61)
            for revision in self.world.workloads:
                self.world.pods(revision)
            self.world.accept()
            self.reconcile()

    @rule()
    def accept(self) -> None:
        self.world.accept()

    @rule()
    def refuse(self) -> None:
        if self.world.route:
            self.world.route = replace(
                self.world.route, accepted=False, problem="RouteNotAccepted", message="The listener is gone."
            )

    @rule(seconds=st.sampled_from((1, 3, 61, 1000)))
    def wait(self, seconds: int) -> None:
        self.world.wait(seconds)
        self.reconcile()

    @rule(
        about=st.sampled_from(("canary", "canary", "stable", "stable", None, 1, 4)),
        severity=st.sampled_from(("critical", "critical", "warning")),
        began=st.sampled_from((0, 30, 2000)),
    )
    def fire(self, about: str | int | None, severity: str, began: int) -> None:
        status = self.world.status
        subject = {"canary": status.canary, "stable": status.stable}.get(str(about))
        number = about if isinstance(about, int) else subject.version if subject else None
        alert = self.world.alert(number, severity, began=began)
        self.alerts.append(alert)
        self.reconcile(alert)

    @rule(index=st.integers(0, 9), resolved=st.booleans())
    def post_again(self, index: int, resolved: bool) -> None:
        if self.alerts:
            self.reconcile(replace(self.alerts[index % len(self.alerts)], resolved=resolved))

    @rule()
    def crash(self) -> None:
        """The operator dies between the status write and the rest."""
        self.reconcile(crash=True)

    @rule()
    def crash_and_lose_pods(self) -> None:
        """The operator dies between the status write and the rest, and the canary's pods die before it is back."""
        self.world.wait(61)
        for revision in self.world.workloads:
            self.world.pods(revision)
        self.world.accept()
        self.reconcile(crash=True)
        canary = self.world.status.canary
        if canary and canary.revision in self.world.workloads:
            self.world.pods(canary.revision, 0)
        self.reconcile()

    @rule(choice=st.sampled_from(CHOICES), available=st.sampled_from((0, 1, None)))
    def stable_turns_out_bad(self, choice: dict[str, Any], available: int | None) -> None:
        """While the version before is warm, with some of its pods."""
        self.roll_out(choice, 12)
        previous = self.world.status.previous
        if previous and previous.revision in self.world.workloads:
            self.world.pods(previous.revision, available)
            self.fire("stable", "critical", 0)

    @rule(often=st.integers(0, 1))
    def lose_status(self, often: int) -> None:
        """The cluster is restored from a backup without status; the RecModel knows what was blocked."""
        if often:
            return
        blocked = {block.digest for block in self.world.status.blocked}
        if self.world.status.blocked:
            self.world.command("unblock", f"v{self.world.status.blocked[-1].version}/old")
        self.world.versions = tuple(
            one.model_copy(update={"blocked_by": ("movies",) if one.digest in blocked else ()})
            for one in self.world.versions
        )
        self.world.status, told = DeploymentStatus(), len(self.world.events)
        self.reconcile()
        if self.world.has_model and "StatusRecovered" in self.world.events[told:]:
            stable = self.world.status.stable  # None where nothing serves: then the blocks alone are recovered.
            serving = {stable.digest} if stable else set()
            kept = {block.digest for block in self.world.status.blocked}
            # Pods of the canary that are broken block it anew at the same look.
            assert kept >= blocked - serving, "an old unblock undid a block"
            assert not any(one.outcome == "Done" for one in self.world.status.commands), "an old command was done again"

    @rule(room=st.sampled_from((None, None, 1, 2)))
    def limit(self, room: int | None) -> None:
        """A quota is set or lifted."""
        self.world.room = room

    @rule(often=st.integers(0, 3))
    def delete_workload(self, often: int) -> None:
        """Somebody deletes a workload by hand; traffic suffers, the operator must not stumble."""
        if self.world.workloads and not often:
            del self.world.workloads[min(self.world.workloads)]

    @rule()
    def reconcile(self, *alerts: Alert, crash: bool = False) -> None:
        checked_step(self.world, *alerts, crash=crash)

    def teardown(self) -> None:
        """Once all goes well, every rollout ends, whatever happened before."""
        self.publish()
        self.world.has_model = True
        self.world.room = None
        self.world.edit(paused=False, freezeWindows=[])
        if self.world.spec.version.pin == 3:
            self.world.edit(version={"pin": 1})  # What failed its gates holds a rollout until somebody chooses better.
        for turn in range(4):
            self.world.wait(1000)
            self.all_well(12)
            canary = self.world.status.canary
            if canary and turn < 3:  # It may be held, or wait to be promoted.
                self.world.command("promote-full", f"v{canary.version}/the end {turn}")
        status = self.world.status
        assert status.canary is None, "a rollout never ends"
        assert self.world.reason in ENDS, f"{self.world.reason}: {self.world.message}"
        kept = {entry.revision for entry in (status.stable, status.previous) if entry}
        assert set(self.world.workloads) == kept, "pods were left behind"


TestMachine = Machine.TestCase
TestMachine.settings = settings(
    max_examples=20, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)


@pytest.mark.full
@pytest.mark.timeout(7200)
class TestMillionsOfSteps(Machine.TestCase):
    """The same for a quarter of an hour, by chance: 12,000 lives of 60 rules, over two million reconciles."""

    settings = settings(
        max_examples=12_000,
        stateful_step_count=60,
        deadline=None,
        derandomize=False,
        suppress_health_check=list(HealthCheck),
    )
