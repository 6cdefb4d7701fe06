"""A cluster in miniature: it carries out decisions about one Deployment as the real one would, at the test's word."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from recsys_operator.api.deployment import DeploymentSpec
from recsys_operator.api.recmodel import Champion, ModelVersion
from recsys_operator.api.rollout import CommandName, DeploymentStatus, Revision
from recsys_operator.decide.analysis.facts import NO_EVIDENCE, Evidence
from recsys_operator.decide.deployment.alerts import Alert
from recsys_operator.decide.deployment.decision import applied, decide
from recsys_operator.decide.deployment.facts import (
    Decision,
    ModelFacts,
    Observed,
    Rival,
    Room,
    Route,
    Service,
    Stranger,
    Workload,
)
from recsys_operator.decide.deployment.sizes import Size
from recsys_operator.decide.refusal import Refusal
from recsys_operator.decide.times import rfc3339

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
IMAGE = "localhost/recsys-server:1"
STEPS: list[dict[str, Any]] = [
    {"weight": 10},
    {"pause": {"durationSeconds": 60}},
    {"weight": 50},
    {"pause": {"durationSeconds": 60}},
]


def digest(version: int) -> str:
    """The digest that a version always has here."""
    return f"sha256:{version:064x}"


def version(number: int, verdict: str = "Passed", blocked_by: tuple[str, ...] = ()) -> ModelVersion:
    """A version of the model."""
    return ModelVersion.model_validate(
        {
            "version": number,
            "run": f"run-{number}",
            "uri": f"pvc://store/models/shop/movies/versions/{number}",
            "digest": digest(number),
            "verdict": verdict,
            "blockedBy": blocked_by,
        }
    )


def spec(**changes: Any) -> DeploymentSpec:
    """A Deployment's spec, in the API's spelling."""
    return DeploymentSpec.model_validate(
        {
            "modelRef": {"name": "movies"},
            "version": {"pin": 1},
            "replicas": 2,
            "resources": {"limits": {"cpu": "500m", "memory": "512Mi"}},
            "traffic": {"gateway": {"name": "gateway"}, "hostnames": ["movies.example"]},
            "strategy": {"canary": {"steps": STEPS}},
            "rollback": {"warmSeconds": 600, "freezeSeconds": 300},
            **changes,
        }
    )


@dataclass
class World:
    """The cluster. `step` is one reconcile; nothing else happens unless the test says so."""

    spec: DeploymentSpec = field(default_factory=spec)
    versions: tuple[ModelVersion, ...] = (version(1), version(2), version(3, "Failed"), version(4))
    champion: Champion | None = None
    has_model: bool = True
    unreadable: str = ""
    rows_task: str = ""
    strangers: tuple[Stranger, ...] = ()
    gateway_api: bool = True
    rival: Rival | None = None
    unknown_commands: tuple[str, ...] = ()
    rooms: tuple[Room, ...] | None = None
    room: int | None = None
    """How many workloads a quota allows; None: any number."""
    status: DeploymentStatus = field(default_factory=DeploymentStatus)
    generation: int = 1
    commands: dict[CommandName, str] = field(default_factory=dict)
    image: str = IMAGE
    now: datetime = START
    workloads: dict[str, Workload] = field(default_factory=dict)
    services: dict[str, Service] = field(default_factory=dict)
    sizes: Mapping[str, Size] = field(default_factory=dict)
    route: Route | None = None
    behind: frozenset[str] = frozenset()
    """Revisions whose Services do not send requests to their pods yet."""
    events: list[str] = field(default_factory=list)
    fingerprints: int = 0
    evidence: Evidence = NO_EVIDENCE

    def observed(self) -> Observed:
        """What the operator would read now."""
        return Observed(
            namespace="shop",
            name="movies",
            generation=self.generation,
            spec=self.spec,
            status=DeploymentStatus.model_validate(self.status.wire()),
            commands=dict(self.commands),
            model=ModelFacts(self.versions, self.champion, None, self.unreadable, self.rows_task)
            if self.has_model
            else None,
            workloads=tuple(self.workloads.values()),
            services=tuple(self.services.values()),
            route=self.route,
            server_image=self.image,
            strangers=self.strangers,
            gateway_api=self.gateway_api,
            rival=self.rival,
            unknown_commands=self.unknown_commands,
            endpoints=self.endpoints() if self.spec.traffic.gateway else None,
            rooms=self.rooms,
            evidence=self.evidence,
        )

    def endpoints(self) -> dict[str, int]:
        """Ready endpoints of each revision."""
        return {name: 0 if name in self.behind else one.ready for name, one in self.workloads.items()}

    def step(self, *alerts: Alert, crash: bool = False) -> Decision:
        """One reconcile. `crash`: the operator dies after the status write."""
        observed = self.observed()
        decision = decide(observed, alerts, self.now)
        self.status = DeploymentStatus.model_validate(decision.status.wire())
        if crash:
            return decision
        refusals = tuple(
            refusal
            for revision in decision.revisions
            for refusal in self._apply(revision, decision.sizes[revision.revision])
        )
        self.sizes = decision.sizes
        self._apply_route(decision)
        decision = applied(observed, decision, refusals, self.now)
        self.status = DeploymentStatus.model_validate(decision.status.wire())
        self.events += [notice.reason for notice in decision.notices]
        for workload in decision.doomed_workloads:
            del self.workloads[workload.revision.revision]
        for service in decision.doomed_services:
            del self.services[service.revision]
        return decision

    def _apply(self, revision: Revision, size: Size) -> tuple[Refusal, ...]:
        name = f"movies-v{revision.version}-{revision.revision[:8]}"
        live = self.workloads.get(revision.revision)
        self.services.setdefault(revision.revision, Service(name, f"service {name}", revision.revision))
        if live is None and self.room is not None and len(self.workloads) >= self.room:
            return (Refusal("Deployment", name, "exceeded quota"),)
        pods = max(live.replicas if live else 1, size.least) if size.replicas is None else size.replicas
        if live is None:
            self.workloads[revision.revision] = Workload(name, f"workload {name}", revision, pods, 1, 0, 0, 0, 0, 0)
        elif live.replicas != pods:
            self.workloads[revision.revision] = replace(live, replicas=pods, generation=live.generation + 1)
        return ()

    def autoscale(self, revision: str, pods: int) -> None:
        """The revision's autoscaler asks for so many pods, within its bounds; without one nothing happens."""
        size, live = self.sizes.get(revision), self.workloads.get(revision)
        if size and size.most and live:
            pods = min(max(pods, size.least), size.most)
            self.workloads[revision] = replace(live, replicas=pods, generation=live.generation + 1)

    def _apply_route(self, decision: Decision) -> None:
        if not decision.weights:
            self.route = None
            return
        stable = decision.status.stable.revision if decision.status.stable else ""
        weights, beside = dict(decision.weights), frozenset({decision.testers} if decision.testers else ())
        if self.route is None:
            self.route = Route("route", weights, False, self.now, stable=stable, beside=beside)
        elif (dict(self.route.weights), self.route.beside) != (weights, beside):
            self.route = replace(
                self.route, weights=weights, beside=beside, accepted=False, changed=self.now, stable=stable
            )
        else:
            self.route = replace(self.route, stable=stable)

    def accept(self) -> None:
        """The gateway accepts the route as it is."""
        if self.route and not self.route.accepted:
            self.route = replace(self.route, accepted=True, answered=self.now)

    def pods(self, revision: str, available: int | None = None) -> None:
        """This many pods of a revision are available, and its Service follows; all when absent."""
        self.behind -= {revision}
        live = self.workloads[revision]
        count = live.replicas if available is None else available
        self.workloads[revision] = replace(
            live,
            observed_generation=live.generation,
            pods=live.replicas,
            updated=live.replicas,
            ready=count,
            available=count,
            broken="",
        )

    def break_pods(self, revision: str, said: str = "pod movies-x ended 3 times") -> None:
        """The pods of a revision crash again and again."""
        self.pods(revision, 0)
        self.workloads[revision] = replace(self.workloads[revision], broken=said)

    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.now += timedelta(seconds=seconds)

    def run(self, *, seconds: float = 0, rounds: int = 12) -> None:
        """Everything goes well for so long: pods become available and the gateway accepts; a round takes a moment."""
        for _ in range(rounds):
            self.wait(0.5)
            self.step()
            for revision in self.workloads:
                self.pods(revision)
            self.accept()
        if seconds:
            self.wait(seconds)
            self.run()

    def edit(self, **changes: Any) -> None:
        """A user edits the spec."""
        self.spec = DeploymentSpec.model_validate({**self.spec.wire(), **changes})
        self.generation += 1

    def command(self, name: CommandName, argument: str) -> None:
        """A user writes a command annotation."""
        self.commands[name] = argument

    def outcome(self, name: CommandName) -> tuple[str, str]:
        """What became of a command: Done or Ignored, and the message."""
        return next((one.outcome, one.message) for one in self.status.commands if one.command == name)

    def alert(
        self,
        version: int | None,
        severity: str = "critical",
        *,
        began: float = 0,
        resolved: bool = False,
        fingerprint: str | None = None,
    ) -> Alert:
        """An alert that began so many seconds ago; each has a fingerprint of its own unless given."""
        self.fingerprints += 1
        return Alert(
            fingerprint=fingerprint or f"f{self.fingerprints}",
            starts_at=rfc3339(self.now - timedelta(seconds=began)),
            name="RecsysLatency",
            severity=severity,
            version=version,
            resolved=resolved,
            message="p99 is high",
        )

    def weights(self) -> dict[int, int]:
        """The route's weights by version."""
        shares: dict[int, int] = {}
        for revision, weight in (self.route.weights if self.route else {}).items():
            number = self.workloads[revision].revision.version
            shares[number] = shares.get(number, 0) + weight
        return shares

    @property
    def reason(self) -> str:
        """Reason of the condition Ready."""
        return self.status.conditions[0].reason

    @property
    def message(self) -> str:
        """Message of the condition Ready."""
        return self.status.conditions[0].message

    @property
    def verdicts(self) -> list[tuple[int | None, int, str, str]]:
        """The history: from, to, verdict, cause."""
        return [(one.from_version, one.to_version, one.verdict, one.cause) for one in self.status.history]


def serving(number: int = 1, **changes: Any) -> World:
    """A world in which a version serves, and nothing else goes on."""
    world = World(spec=spec(version={"pin": number}, **changes))
    world.run()
    assert world.weights() == {number: 100}
    assert world.reason == "Serving"
    return world


def canary(number: int = 4, stable: int = 1, **changes: Any) -> World:
    """A world in which a canary has its first 10 %, with the first pause under way."""
    world = serving(stable, **changes)
    world.edit(version={"pin": number})
    world.run()
    assert world.weights() == {stable: 90, number: 10}
    return world


def promoted(number: int = 4, stable: int = 1, **changes: Any) -> World:
    """A world in which a version was promoted a moment ago; the one before is warm."""
    world = canary(number, stable, **changes)
    world.run(seconds=61)
    world.run(seconds=61)
    assert world.weights() == {number: 100}
    assert world.status.previous
    return world
