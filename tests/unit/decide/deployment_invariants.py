"""What must hold of every reconcile of a Deployment, whatever happened before it."""

from tests.unit.decide.deployment_world import World

from recsys_operator.api.rollout import CanaryStatus, DeploymentStatus
from recsys_operator.decide.deployment import blocks, windows
from recsys_operator.decide.deployment.alerts import Alert
from recsys_operator.decide.deployment.facts import SETTLE, Decision, Route, Workload


def checked_step(world: World, *alerts: Alert, crash: bool = False) -> Decision:
    """One reconcile, checked; then a second look at the same things, which must not decide otherwise after a crash."""
    before, status, route = dict(world.workloads), world.status, world.route
    decision = world.step(*alerts, crash=crash)
    _sums(status, decision)
    _blocked(status, decision)
    _weights_rise_with_their_pods(world, before, route, decision)
    _weight_goes_before_the_pods(world, route, decision)
    _stable_keeps_its_pods(world, status, decision)
    _no_step_skipped(world, status, decision)
    _held(world, status, route, decision)
    _what_serves_can_serve(world, before, status, route, decision)
    again = world.step(crash=crash)
    settled = again.weights == decision.weights and again.status.stable == decision.status.stable
    assert settled or not crash, "a second look at the same things decided otherwise"
    return decision


def told(decision: Decision) -> set[str]:
    """The reasons of what a decision tells."""
    return {notice.reason for notice in decision.notices}


def _sums(before: DeploymentStatus, decision: Decision) -> None:
    if decision.weights:
        assert sum(decision.weights.values()) == 100
        assert all(0 < share <= 100 for share in decision.weights.values())
    if before.stable:
        assert decision.status.stable, "what serves was forgotten"
        assert decision.weights, "nothing serves any more"


def _blocked(before: DeploymentStatus, decision: Decision) -> None:
    after = decision.status
    if after.canary and after.stable and blocks.of_revision(after.blocked, after.canary):
        assert after.canary.weight == 0, "a blocked version got requests"
        assert not decision.testers, "a blocked version got testers' requests"
    if before.stable and after.stable and before.stable.revision != after.stable.revision:
        assert not blocks.of_revision(after.blocked, after.stable), "a blocked version became stable"


def _weights_rise_with_their_pods(
    world: World, before: dict[str, Workload], route: Route | None, decision: Decision
) -> None:
    canary = decision.status.canary
    for revision, share in decision.weights.items():
        was = route.weights.get(revision, 0) if route else 0
        if share > was and canary and canary.revision == revision:
            live = before.get(revision)
            back = canary.reverting and live and live.ready
            assert back or (live and live.complete(world.spec.replicas)), "a weight rose without its pods"
            assert back or revision not in world.behind, "a weight rose without its endpoints"


def _weight_goes_before_the_pods(world: World, route: Route | None, decision: Decision) -> None:
    for workload in decision.doomed_workloads:
        name = workload.revision.revision
        assert name not in decision.weights
        if route:
            assert route.accepted, "pods went before the gateway obeyed"
            assert not route.sends(name), "pods went before the weight"
            assert route.changed
            assert world.now - max(route.changed, route.answered or route.changed) >= SETTLE


def _stable_keeps_its_pods(world: World, before: DeploymentStatus, decision: Decision) -> None:
    for stable in (before.stable, decision.status.stable):
        if stable and stable.revision in decision.weights:
            assert stable.revision in {one.revision for one in decision.revisions}, "what serves lost its pods"
            size = decision.sizes[stable.revision]
            least = size.least if size.replicas is None else size.replicas
            assert least >= world.spec.replicas, "what serves has fewer pods than it must have"


def _held(world: World, before: DeploymentStatus, route: Route | None, decision: Decision) -> None:
    """What is paused, held or in a freeze window neither begins nor gets more; only a way back does.

    A canary whose status was lost and read back from its route has what it had.
    """
    old, new = before.canary, decision.status.canary
    if new is None or new.reverting:
        return
    begun = not _same(old, new)
    had = 0 if begun or old is None else old.weight
    if route and "StatusRecovered" in told(decision):
        had = route.weights.get(new.revision, 0)
    rose = new.weight > had
    if not rose and not (begun and "RolloutStarted" in told(decision)):
        return
    assert not world.spec.paused, "a rollout went on while it was paused"
    assert not windows.opened(world.observed(), world.now), "a rollout went on in a freeze window"
    assert not new.held, "a rollout went on while it was held"


def _no_step_skipped(world: World, before: DeploymentStatus, decision: Decision) -> None:
    old, new = before.canary, decision.status.canary
    if new is None or before.stable is None or new.reverting:
        return
    if new.skip_steps:
        assert new.weight in (0, old.weight if old else 0, 100), "a step between was taken"
        return
    step, weight = (old.step, old.weight) if old and _same(old, new) else (0, 0)
    if new.weight <= weight:
        return
    strategy = world.spec.strategy
    ahead = [one.weight for one in (strategy.canary.steps if strategy else ())[step:] if one.weight]
    higher = [one for one in ahead if one > weight]
    assert new.weight == (higher[0] if higher else 100), "a step was skipped"


def _what_serves_can_serve(
    world: World, before: dict[str, Workload], status: DeploymentStatus, route: Route | None, decision: Decision
) -> None:
    after = decision.status.stable
    if status.stable is None and after and "StatusRecovered" not in told(decision):
        assert route, "a first version serves without a route"
        assert route.accepted, "a first version serves before the gateway accepted its route"
        assert route.answered
        assert world.now - route.answered >= SETTLE, "a first version is said to serve before the gateway can"
    if status.stable and after and after.revision != status.stable.revision:
        live = before.get(after.revision)
        assert live, "what serves has no pods"
        assert live.ready, "what serves has no ready pod"


def _same(old: CanaryStatus | None, new: CanaryStatus) -> bool:
    """Whether both are one attempt at one revision."""
    return old is not None and (old.revision, old.start_time) == (new.revision, new.start_time)
