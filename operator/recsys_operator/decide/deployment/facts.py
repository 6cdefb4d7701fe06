"""What was observed of a Deployment and of everything that it depends on, and what is decided about it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from recsys_operator.api.common import GateVerdict, Resources
from recsys_operator.api.deployment import DeploymentSpec
from recsys_operator.api.podfields import PodFields
from recsys_operator.api.recmodel import Catalogue, Champion, ModelVersion
from recsys_operator.api.rollout import CanaryStatus, CommandName, DeploymentStatus, Revision
from recsys_operator.decide.analysis.facts import NO_EVIDENCE, Evidence, Plan, Question
from recsys_operator.decide.deployment import sizes
from recsys_operator.decide.deployment.sizes import Size
from recsys_operator.decide.notice import Notice
from recsys_operator.decide.refusal import Refusal

SETTLE = timedelta(seconds=2)
"""How long after a gateway accepted a route its data plane may not follow it yet.

Pods that lost their weight wait that long, and so does the first version before it is said to serve: counted from the
route's last change or from the gateway's answer to it, whichever is later.
"""


@dataclass(frozen=True, slots=True)
class PodInputs:
    """What a server's pod template depends on, besides version, digest and image."""

    model: str
    resources: Resources
    catalogue: Catalogue | None
    pod: PodFields | None = None
    """What the spec says of the pods besides; None when it says nothing."""


@dataclass(frozen=True, slots=True)
class Workload:
    """The `apps/v1` Deployment of one revision: `replicas` are wanted, `pods` exist."""

    name: str
    uid: str
    revision: Revision
    replicas: int
    generation: int
    observed_generation: int
    pods: int
    updated: int
    ready: int
    available: int
    trouble: str = ""
    """What its pods complain of, as a sentence; empty when there is nothing."""
    broken: str = ""
    """Why its pods will not become ready by themselves, as a sentence; empty while they may yet."""
    told_of_shadows: bool = True
    """Whether its pods have the volume that tells them to copy requests."""

    def complete(self, replicas: int) -> bool:
        """Whether this many pods are up to date and have been ready for a while."""
        return (
            self.observed_generation >= self.generation
            and self.replicas >= replicas
            and self.updated >= replicas
            and self.available >= replicas
        )


@dataclass(frozen=True, slots=True)
class Service:
    """The Service of one revision."""

    name: str
    uid: str
    revision: str


@dataclass(frozen=True, slots=True)
class Accessory:
    """What else one revision has: its disruption budget, its autoscaler (`is_autoscaler`)."""

    kind: str
    name: str
    uid: str
    revision: str
    is_autoscaler: bool = False


@dataclass(frozen=True, slots=True)
class Stranger:
    """An object that bears the name of a child but belongs to somebody else.

    `revision` is set where it keeps that revision from being served.
    """

    kind: str
    name: str
    revision: str = ""


@dataclass(frozen=True, slots=True)
class Route:
    """The HTTPRoute. `weights` are by revision (by Service name where that is none of ours), zeros left out.

    Without a gateway it is the Service, as a route that gives one revision everything.
    """

    uid: str
    weights: Mapping[str, int]
    accepted: bool
    """Accepted, with all references resolved, at its generation; a Service: its endpoints have followed it."""
    changed: datetime | None
    """When we changed it last."""
    answered: datetime | None = None
    """When its status was written last."""
    stable: str = ""
    """The revision that was stable when it was written."""
    problem: str = ""
    """CamelCase reason why it is not accepted; empty while nobody has said so."""
    message: str = ""
    beside: frozenset[str] = frozenset()
    """Revisions that get requests by something else than the weights: those of testers."""

    @property
    def followed(self) -> datetime | None:
        """From when on the data plane surely follows the route, if it is accepted; None where no time is known."""
        known = [time for time in (self.changed, self.answered) if time]
        return max(known) + SETTLE if known else None

    def sends(self, revision: str) -> bool:
        """Whether any requests go to a revision."""
        return self.weights.get(revision, 0) > 0 or revision in self.beside


@dataclass(frozen=True, slots=True)
class Rival:
    """Another HTTPRoute, which takes the requests of ours for a host name."""

    route: str
    deployment: str
    """The Deployment whose route it is; empty where it is none of ours."""
    hostname: str


@dataclass(frozen=True, slots=True)
class Room:
    """What one node has left: millicores, bytes, and places for pods. May be below zero."""

    cpu: int
    memory: int
    pods: int


@dataclass(frozen=True, slots=True)
class Leftover:
    """The HTTPRoute of a Deployment that has no gateway any more, or the Service of one that has got one."""

    kind: str
    name: str
    uid: str
    sends: frozenset[str]
    """Revisions that it still sends requests to."""


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """The RecModel, as far as it matters here."""

    versions: tuple[ModelVersion, ...]
    champion: Champion | None
    catalogue: Catalogue | None
    unreadable: str = ""
    """What is wrong with it, where it is not as its CRD says; then this is what is known all the same."""
    rows_task: str = ""
    """Its task where it answers rows, and no lists of items, which a shadow could compare."""


@dataclass(frozen=True, slots=True)
class Observed:
    """Everything that a decision about one Deployment needs."""

    namespace: str
    name: str
    generation: int
    spec: DeploymentSpec
    status: DeploymentStatus
    commands: Mapping[CommandName, str]
    """Values of the annotations recsys.dev/<command>."""
    model: ModelFacts | None
    workloads: tuple[Workload, ...]
    services: tuple[Service, ...]
    route: Route | None
    server_image: str
    failed_gates: tuple[GateVerdict, ...] = ()
    """Verdicts of the pinned version's run, where that version failed."""
    strangers: tuple[Stranger, ...] = ()
    accessories: tuple[Accessory, ...] = ()
    leftover: Leftover | None = None
    unknown_commands: tuple[str, ...] = ()
    """Annotations recsys.dev/<something> that are no command."""
    rival: Rival | None = None
    """Who gets the requests instead, in the same namespace."""
    endpoints: Mapping[str, int] | None = None
    """Ready endpoints of each revision's Service; None without a gateway, where a Service is looked at as a route."""
    rooms: tuple[Room, ...] | None = None
    """Of the nodes that may take the pods; None where that is not known, or does not matter now."""
    gateway_api: bool = True
    """Whether the API server knows HTTPRoutes."""
    evidence: Evidence = NO_EVIDENCE
    """What was measured of the canary and of stable last."""
    refusals: tuple[Refusal, ...] | None = None
    """What the API server refused when the children were applied just now; None before that."""

    @property
    def inputs(self) -> PodInputs:
        """The pod inputs that the specs ask for now."""
        catalogue = self.model.catalogue if self.model else None
        return PodInputs(self.spec.model_ref.name, self.spec.resources, catalogue, PodFields.of(self.spec))

    @property
    def by_weight(self) -> bool:
        """Whether requests can be shared between revisions: there is a gateway."""
        return self.spec.traffic.gateway is not None

    @property
    def edited(self) -> bool:
        """Whether the spec changed since the last decision."""
        return self.status.observed_generation not in (None, self.generation)

    def workload(self, revision: str) -> Workload | None:
        """The workload of a revision."""
        return next((workload for workload in self.workloads if workload.revision.revision == revision), None)

    def complete(self, revision: str) -> bool:
        """Whether a revision has all the pods that it needs, available, and nobody has taken its name."""
        return self._has(revision, self.needs(revision))

    def fit(self, canary: CanaryStatus) -> bool:
        """Whether a canary may get the share that it is about to get. The way back needs one pod only."""
        if canary.reverting:
            return self.can_serve(canary.revision)
        pods = sizes.of_canary(self.spec, canary, self.stable_pods)
        return self._has(canary.revision, pods) and self.reachable(canary.revision) >= pods

    def needs(self, revision: str) -> int:
        """Pods that a revision needs by the status that was read."""
        canary = self.status.canary
        if canary and canary.revision == revision:
            return sizes.of_canary(self.spec, canary, self.stable_pods)
        return sizes.of_stable(self.spec)

    @property
    def stable_pods(self) -> int | None:
        """Pods that the workload of the stable revision asks for; None while nothing serves."""
        if self.status.stable is None:
            return None
        workload = self.workload(self.status.stable.revision)
        return workload.replicas if workload else 0

    def _has(self, revision: str, pods: int) -> bool:
        workload = self.workload(revision)
        return workload is not None and workload.complete(pods) and not self.taken(revision)

    def can_serve(self, revision: str) -> bool:
        """Whether requests to a revision reach a ready pod of it."""
        return self.ready(revision) > 0 and not self.taken(revision)

    def taken(self, revision: str) -> bool:
        """Whether somebody else's object bears the name of a child of this revision."""
        return any(stranger.revision == revision for stranger in self.strangers)

    def ready(self, revision: str) -> int:
        """How many pods of a revision are ready."""
        workload = self.workload(revision)
        return workload.ready if workload else 0

    def reachable(self, revision: str) -> int:
        """How many ready pods of a revision its Service sends requests to."""
        return self.ready(revision) if self.endpoints is None else self.endpoints.get(revision, 0)

    def trouble(self, revision: str) -> str:
        """What a revision's pods complain of."""
        workload = self.workload(revision)
        return workload.trouble if workload else ""

    def asked(self, weights: Mapping[str, int]) -> bool:
        """Whether the route asks the gateway for exactly these weights, accepted or not."""
        return self.route is not None and dict(self.route.weights) == dict(weights)

    def in_place(self, weights: Mapping[str, int]) -> bool:
        """Whether the gateway has accepted exactly these weights."""
        return self.route is not None and self.route.accepted and self.asked(weights)

    def reached_from(self, weights: Mapping[str, int]) -> datetime | None:
        """From when on requests are sent by these weights; None while the gateway has not accepted them."""
        route = self.route
        if route is None or not self.in_place(weights):
            return None
        return route.followed

    def silent_from(self, revision: str) -> datetime | None:
        """From when on the gateway sends nothing to a revision; None while that is not in sight."""
        route = self.route
        if self.leftover and revision in self.leftover.sends:
            return None
        if route is None:
            return datetime.min.replace(tzinfo=UTC)
        if not route.accepted or route.sends(revision):
            return None
        return route.followed if route.changed else None


def weights(status: DeploymentStatus) -> dict[str, int]:
    """The share of each revision, in percent, that a status asks for; zeros left out."""
    canary, stable = status.canary, status.stable
    share = canary.weight if canary else 0
    wanted = {stable.revision: 100 - share} if stable else {}
    if canary:
        wanted[canary.revision] = share
    return {revision: weight for revision, weight in wanted.items() if weight > 0}


def routed(observed: Observed, status: DeploymentStatus) -> dict[str, int]:
    """The weights that the route gets now: those of the status, but no rise that its pods no longer bear out.

    The status is written first. When the operator stops between the two and the canary's pods die, what is on the
    route stays until they are back. Nothing delays a weight that falls.
    """
    canary = status.canary
    if canary and not observed.fit(canary):
        there = observed.route.weights.get(canary.revision, 0) if observed.route else 0
        held = canary.model_copy(update={"weight": min(canary.weight, there)})
        status = status.model_copy(update={"canary": held})
    shares = weights(status)
    if observed.by_weight or status.stable is None or 100 in shares.values():
        return shares
    return {status.stable.revision: 100}


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a canary is taken back for good: it is blocked, as a revision, or as a `whole` version."""

    cause: str
    """One CamelCase word."""
    message: str
    whole: bool = False
    verdict: Literal["RolledBack", "Aborted"] = "RolledBack"


@dataclass(frozen=True, slots=True)
class Copying:
    """The pods of one revision are to copy a share of their requests, in percent, to those of another."""

    stable: Revision
    canary: Revision
    percent: int


@dataclass(frozen=True, slots=True)
class State:
    """A status in the making and what will be told about it."""

    status: DeploymentStatus
    notices: tuple[Notice, ...] = ()

    def change(self, *notices: Notice, **fields: object) -> "State":
        """The state with these fields of the status replaced and these notices added."""
        return State(self.status.model_copy(update=fields), (*self.notices, *notices))


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to be, and what is to go."""

    status: DeploymentStatus
    revisions: tuple[Revision, ...]
    """Those that must have a workload and a Service."""
    sizes: Mapping[str, Size]
    """Of each of these, by revision."""
    weights: Mapping[str, int]
    """By revision; empty: no route."""
    testers: str = ""
    """The revision that the testers' requests go to; empty: nowhere else than by weight."""
    doomed_leftover: Leftover | None = None
    doomed_workloads: tuple[Workload, ...] = ()
    doomed_services: tuple[Service, ...] = ()
    doomed_accessories: tuple[Accessory, ...] = ()
    notices: tuple[Notice, ...] = ()
    outcomes: tuple[str, ...] = ()
    """One an alert, in their order: RolledBack, Reverted, Frozen, Degraded, Duplicate, Resolved or Ignored."""
    requeue_after: float | None = None
    measure: Plan | None = None
    """What is to be measured next, beside the reconciles."""
    jobs: tuple[Question, ...] = ()
    """What the Jobs of an analysis are to find out."""
    copying: Copying | None = None
    """Who copies requests to whom."""
