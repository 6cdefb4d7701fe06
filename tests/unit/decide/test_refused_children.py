"""What a Deployment and a TrainingRun say of children that the API server refuses."""

from dataclasses import replace

from tests.unit.decide.deployment_world import World, serving
from tests.unit.decide.run_facts import NOW, job, observed, result, run_spec, started

from recsys_operator.api.common import Condition
from recsys_operator.api.trainingrun import TrainingRunStatus
from recsys_operator.decide.deployment.decision import applied, decide
from recsys_operator.decide.deployment.facts import Decision
from recsys_operator.decide.refusal import Refusal
from recsys_operator.decide.trainingrun.decision import decide as decide_run
from recsys_operator.decide.trainingrun.facts import RayAttempt

QUOTA = Refusal("Deployment", "movies-v4-abc", 'deployments.apps "movies-v4-abc" is forbidden: exceeded quota: count')


def reconcile(world: World, *refusals: Refusal) -> tuple[Condition, Decision]:
    """One reconcile in which these children were refused: the condition before the children were tried, and the end."""
    seen = world.observed()
    first = decide(seen, (), world.now)
    end = applied(seen, first, refusals, world.now)
    world.status = end.status
    return first.status.conditions[0], end


def rolling_out() -> World:
    """Version 4 was just asked for beside version 1."""
    world = serving(1)
    world.edit(version={"pin": 4})
    return world


def test_a_refusal_is_said_with_its_cause_its_remedy_and_what_goes_on() -> None:
    world = rolling_out()
    _, end = reconcile(world, QUOTA)
    ready = end.status.conditions[0]
    assert (ready.status, ready.reason) == ("False", "ChildRefused")
    assert "Deployment movies-v4-abc" in ready.message
    assert "exceeded quota: count" in ready.message
    assert "Remove what stands in the way" in ready.message
    assert "Version 4: 0 %" in ready.message
    assert end.status.stable
    assert end.weights == {end.status.stable.revision: 100}


def test_it_is_told_once_and_stands_still_between_two_tries() -> None:
    world = rolling_out()
    _, end = reconcile(world, QUOTA)
    assert [notice.reason for notice in end.notices].count("ChildRefused") == 1
    for _ in range(3):
        world.wait(60)
        before = world.status.conditions[0]
        untried, end = reconcile(world, QUOTA)
        assert untried == before, "the status that is written before the children forgets the refusal"
        assert end.status.conditions[0] == before
        assert end.notices == ()


def test_it_heals_with_the_try_that_succeeds() -> None:
    world = rolling_out()
    reconcile(world, QUOTA)
    _, end = reconcile(world)
    assert end.status.conditions[0].reason == "WaitingForPods"


def test_what_serves_as_asked_for_stays_ready() -> None:
    world = serving(1)
    before = world.status.conditions[0]
    untried, end = reconcile(world, QUOTA)
    ready = end.status.conditions[0]
    assert untried == before
    assert (ready.status, ready.reason) == ("True", "ChildRefused")
    assert ready.message.endswith("Version 1 serves all requests.")
    assert ready.last_transition_time == before.last_transition_time
    assert reconcile(world, QUOTA)[0] == ready
    assert reconcile(world)[1].status.conditions[0] == before


def test_a_rollback_goes_on_while_a_child_is_refused() -> None:
    world = rolling_out()
    reconcile(world, QUOTA)
    world.edit(version={"pin": 1})
    _, end = reconcile(world, QUOTA)
    assert end.status.canary is None
    assert end.status.conditions[0].status == "True"


def test_without_refusals_the_decision_is_as_it_was() -> None:
    world = rolling_out()
    decision = decide(world.observed(), (), world.now)
    assert applied(world.observed(), decision, (), world.now) == decision


def test_a_run_says_it_once_and_heals() -> None:
    run = observed()
    refused = Refusal("Job", "movies-1-train", 'jobs.batch "movies-1-train" is forbidden: exceeded quota')
    decision = decide_run(replace(run, refusals=(refused,)), NOW)
    (condition,) = decision.status.conditions
    assert (condition.status, condition.reason) == ("Unknown", "ChildRefused")
    assert "Job movies-1-train: jobs.batch" in condition.message
    assert [notice.reason for notice in decision.notices] == ["ChildRefused"]
    again = replace(run, status=decision.status)
    assert decide_run(replace(again, refusals=(refused,)), NOW).notices == ()
    assert decide_run(again, NOW).status.conditions[0].reason == "Pending"


def test_a_run_goes_on_until_the_api_server_takes_away_what_kueue_would_start() -> None:
    status = TrainingRunStatus(result=result())
    ray = RayAttempt("movies-1-ray1", 1, "2026-01-02T03:00:00Z", suspended=True, deployment="Suspended", queue="team-a")
    one = started(status=status, job=job(active=0, suspended=True, queue="team-a"), spec=run_spec(queueName="team-a"))
    several = run_spec(queueName="team-a", ray={"workers": 2, "resourcesPerWorker": {}})
    two = started(status=status, job=None, attempts=(ray,), spec=several)
    for run, refused in (
        (one, Refusal("Job", "movies-1-train", "a webhook says no")),
        (two, Refusal("RayJob", "movies-1-ray1", "a webhook says no")),
    ):
        assert decide_run(run, NOW).status.conditions[0].reason == "VersionCreated"
        decision = decide_run(replace(run, refusals=(refused,)), NOW)
        (condition,) = decision.status.conditions
        assert (condition.status, condition.reason) == ("Unknown", "ChildRefused")
        assert f"{refused.kind} {refused.name}: a webhook says no" in condition.message
        assert (decision.job or (decision.ray and decision.ray.action)) == "Delete"


def test_a_run_that_has_ended_ends_in_spite_of_a_refusal() -> None:
    role = Refusal("Role", "movies-1-trainer", "no")
    ended = started(job=job(verdict="Complete", succeeded=1), status=TrainingRunStatus(result=result()))
    assert decide_run(replace(ended, refusals=(role,)), NOW).status.conditions[0].reason == "VersionCreated"
