"""What a RecModel's status says from its runs and Deployments."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.decide.run_facts import model_spec, result

from recsys_operator.api.common import Condition, Members, Origin
from recsys_operator.api.recmodel import Champion, ModelVersion, RecModelStatus
from recsys_operator.decide.conditions import find
from recsys_operator.decide.recmodel.decision import ModelDecision, decide
from recsys_operator.decide.recmodel.facts import DeploymentFacts, ObservedModel, RunFacts, Served
from recsys_operator.decide.recmodel.versions import awaits

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
STORE = "pvc://store/models/shop/movies/versions"
NAMED = {"championFrom": {"name": "front"}}


def digest(number: int) -> str:
    return f"sha256:{number:064x}"


def run(version: int, *, passed: bool = True, name: str = "", bytes_of: int = 0, **changes: Any) -> RunFacts:
    told = result(version=version, uri=f"{STORE}/{version}", digest=digest(bytes_of or version), **changes)
    return RunFacts(name or f"run-{version}", f"2026-01-{version % 28 + 1:02}T00:00:00Z", passed, told)


def version(number: int, verdict: str = "Passed", *blocked_by: str) -> ModelVersion:
    return ModelVersion.model_validate(
        {
            "version": number,
            "run": f"run-{number}",
            "uri": f"{STORE}/{number}",
            "digest": digest(number),
            "verdict": verdict,
            "blockedBy": blocked_by,
        }
    )


def model(*runs: RunFacts, **changes: Any) -> ObservedModel:
    return replace(
        ObservedModel("shop", "movies", "uid", 4, model_spec(), RecModelStatus(), runs=runs),
        **changes,
    )


def front(**changes: Any) -> DeploymentFacts:
    return replace(DeploymentFacts("front", "movies", True), **changes)


def ready(decision: ModelDecision) -> Condition:
    condition = find(decision.status.conditions, "Ready")
    assert condition is not None
    return condition


def says(observed: ObservedModel) -> tuple[str, str]:
    condition = ready(decide(observed, NOW))
    return condition.status, condition.reason


class TestVersions:
    def test_runs_become_versions(self) -> None:
        status = decide(model(run(2, passed=False), run(1)), NOW).status
        assert [(each.version, each.run, each.verdict) for each in status.versions] == [
            (1, "run-1", "Passed"),
            (2, "run-2", "Failed"),
        ]
        assert (status.latest_version, status.latest_passing_version) == (2, 1)
        assert status.versions[0].metrics[0].name == "NDCG@10"
        assert status.observed_generation == 4

    def test_what_a_version_began_with_is_told(self) -> None:
        begun = {"version": 1, "digest": digest(1)}
        second = run(2)
        second = replace(second, result=second.result.model_copy(update={"init_from": Origin.model_validate(begun)}))
        first, later = decide(model(run(1), second), NOW).status.wire()["versions"]
        assert "initFrom" not in first
        assert later["initFrom"] == begun

    def test_the_rules_stand_beside_the_figures(self) -> None:
        """A run that a trainer of an earlier release made has none."""
        rules = "LeaveOneOut: of users with 3 or more rows the last one tests."
        second = run(2)
        second = replace(second, result=second.result.model_copy(update={"protocol": rules}))
        first, later = decide(model(run(1), second), NOW).status.wire()["versions"]
        assert "protocol" not in first
        assert later["protocol"] == rules

    def test_what_a_version_was_fused_of_is_told(self) -> None:
        fused = {"method": "Weights", "versions": [{"version": 1, "digest": digest(1)}]}
        second = run(2)
        second = replace(second, result=second.result.model_copy(update={"ensemble": Members.model_validate(fused)}))
        first, later = decide(model(run(1), second), NOW).status.wire()["versions"]
        assert "ensemble" not in first
        assert {name: value for name, value in later["ensemble"].items() if value} == fused

    def test_a_version_outlives_its_run(self) -> None:
        status = decide(model(run(2), status=RecModelStatus(versions=(version(1),))), NOW).status
        assert [each.version for each in status.versions] == [1, 2]

    def test_a_version_is_never_rewritten(self) -> None:
        found = model(run(1, bytes_of=9), status=RecModelStatus(versions=(version(1),)))
        decision = decide(found, NOW)
        assert decision.status.versions[0].digest == digest(1)
        assert ready(decision).reason == "VersionConflict"
        assert [notice.reason for notice in decision.notices] == ["VersionConflict"]
        again = replace(found, status=decision.status)
        assert decide(again, NOW).notices == ()

    def test_of_two_runs_with_one_number_the_older_one_has_it(self) -> None:
        older = replace(run(1, bytes_of=8), name="older", created="2025-01-01T00:00:00Z")
        assert decide(model(run(1), older), NOW).status.versions[0].run == "older"

    def test_versions_of_another_store_are_left_out(self) -> None:
        foreign = run(1)
        foreign = replace(foreign, result=result(version=1, uri="pvc://elsewhere/shop/movies/versions/1"))
        assert decide(model(foreign), NOW).status.versions == ()

    def test_fifty_are_kept_the_oldest_failed_go_first(self) -> None:
        runs = [run(number, passed=number % 3 != 0) for number in range(1, 61)]
        status = decide(model(*runs), NOW).status
        kept = [each.version for each in status.versions]
        assert kept == [number for number in range(1, 61) if number % 3 != 0 or number > 30]
        assert len(kept) == 50
        assert status.latest_version == 60

    def test_the_champion_and_what_is_served_stay(self) -> None:
        runs = [run(number, passed=number not in (1, 3)) for number in range(1, 71)]
        deployments = (
            front(stable=Served(2, digest(2)), serves=frozenset({2, 3})),
            DeploymentFacts("other", "another-model", True, serves=frozenset({4})),
        )
        found = model(*runs, deployments=deployments, spec=model_spec(**NAMED))
        kept = [each.version for each in decide(found, NOW).status.versions]
        assert len(kept) == 50
        assert kept[:3] == [2, 3, 23]

    def test_a_run_is_awaited_until_its_version_is_listed(self) -> None:
        found = model(run(1), run(2))
        assert awaits(found, 1, digest(1))
        noted = replace(found, status=decide(found, NOW).status)
        assert not awaits(noted, 1, digest(1))
        assert awaits(noted, 1, digest(9)), "another version has its number, and the run is the evidence"

    def test_a_version_that_is_not_to_be_listed_awaits_nothing(self) -> None:
        found = model(*(run(number, passed=number % 3 != 0) for number in range(1, 61)))
        assert not awaits(found, 3, digest(3)), "fifty others come before it"
        assert not awaits(found, 99, digest(99)), "it lies in another store"
        assert [number for number in range(1, 61) if awaits(found, number, digest(number))] == [
            each.version for each in decide(found, NOW).status.versions
        ]

    def test_blocks_are_told(self) -> None:
        deployments = (
            front(blocked=frozenset({digest(1)})),
            DeploymentFacts("back", "movies", True, blocked=frozenset({digest(1)})),
            DeploymentFacts("other", "another-model", True, blocked=frozenset({digest(1)})),
        )
        status = decide(model(run(1), run(2), deployments=deployments), NOW).status
        assert [each.blocked_by for each in status.versions] == [("back", "front"), ()]

    def test_a_block_goes_with_its_unblocking_and_with_its_deployment(self) -> None:
        status = RecModelStatus(versions=(version(1, "Passed", "front", "gone"),))
        found = model(status=status, deployments=(front(),))
        assert decide(found, NOW).status.versions[0].blocked_by == ()

    def test_a_deployment_that_lost_its_status_still_blocks(self) -> None:
        status = RecModelStatus(versions=(version(1, "Passed", "front"),))
        found = model(status=status, deployments=(front(known=False),))
        assert decide(found, NOW).status.versions[0].blocked_by == ("front",)


class TestChampion:
    def test_a_completed_rollout_makes_one(self) -> None:
        found = model(run(1), spec=model_spec(**NAMED), deployments=(front(stable=Served(1, digest(1))),))
        decision = decide(found, NOW)
        assert decision.status.champion == Champion(version=1, digest=digest(1), deployment="front")
        assert [notice.reason for notice in decision.notices] == ["ChampionChanged"]
        assert decide(replace(found, status=decision.status), NOW).notices == ()

    def test_the_next_one_takes_its_place(self) -> None:
        before = Champion(version=2, digest=digest(2), deployment="front")
        found = model(
            run(1),
            run(2),
            spec=model_spec(**NAMED),
            status=RecModelStatus(champion=before),
            deployments=(front(stable=Served(1, digest(1))),),
        )
        notices = decide(found, NOW).notices
        assert notices[0].message == (
            "Version 1 is the champion instead of version 2: Deployment front completed its rollout."
        )

    @pytest.mark.parametrize(
        "deployments",
        [(), (front(),), (front(known=False),), (front(model="another", stable=Served(9, digest(9))),)],
    )
    def test_without_evidence_the_bar_stays_where_it_was(self, deployments: tuple[DeploymentFacts, ...]) -> None:
        before = Champion(version=1, digest=digest(1), deployment="front")
        found = model(run(1), spec=model_spec(**NAMED), status=RecModelStatus(champion=before), deployments=deployments)
        assert decide(found, NOW).status.champion == before

    def test_without_champion_from_there_is_none(self) -> None:
        before = Champion(version=1, digest=digest(1), deployment="front")
        found = model(status=RecModelStatus(champion=before), deployments=(front(stable=Served(1, digest(1))),))
        assert decide(found, NOW).status.champion is None


class TestReady:
    def test_reasons(self) -> None:
        named = model_spec(**NAMED)
        assert says(model()) == ("False", "NoVersion")
        assert says(model(run(1, passed=False))) == ("False", "NoPassingVersion")
        assert says(model(run(1))) == ("True", "VersionAvailable")
        assert says(model(run(1), spec=named)) == ("False", "ChampionDeploymentNotFound")
        assert says(model(run(1), spec=named, deployments=(front(model="x"),))) == (
            "False",
            "ChampionDeploymentMismatch",
        )
        assert says(model(run(1), spec=named, deployments=(front(),))) == ("True", "VersionAvailable")
        wrong = model_spec(architecture={"name": "SASRec", "hyperparameters": {"layers": "99"}})
        assert says(model(run(1), spec=wrong)) == ("False", "InvalidHyperparameters")

    def test_without_a_version_it_names_what_the_first_run_needs(self) -> None:
        begun = (
            "There is no version yet: create a TrainingRun with spec.modelRef.name movies. Its pod needs the claim "
            "store, which spec.storage.uri names."
        )
        assert ready(decide(model(), NOW)).message == begun
        named = model_spec(**NAMED)
        assert ready(decide(model(spec=named, deployments=(front(),)), NOW)).message == begun
        assert ready(decide(model(spec=named), NOW)).message == (
            f"{begun} spec.championFrom names the Deployment front (recsys.dev), which does not exist. There is no "
            "champion."
        )

    def test_the_message_of_a_good_model(self) -> None:
        found = model(
            run(1),
            run(2),
            run(3, passed=False),
            spec=model_spec(**NAMED),
            deployments=(front(stable=Served(1, digest(1))),),
        )
        assert ready(decide(found, NOW)).message == (
            "Version 2 is the newest of 2 versions that passed the gates; version 1 is the champion."
        )

    def test_a_gate_that_compares_with_nothing_is_told(self) -> None:
        gates = [{"name": "no-regression", "champion": {"metric": "NDCG@10", "maxRegressionPercent": 2}}]
        passed = "Version 1 is the newest of 1 version that passed the gates."
        floor = [{"name": "good", "floor": {"metric": "NDCG@10", "min": "0.1"}}]
        assert ready(decide(model(run(1), spec=model_spec(gates=floor)), NOW)).message == passed
        assert ready(decide(model(run(1), spec=model_spec(gates=gates)), NOW)).message == (
            f"{passed} The gate no-regression passes always, since there is no champion to compare with: name in "
            "spec.championFrom the Deployment that serves this model."
        )
        named = model_spec(gates=gates, **NAMED)
        assert ready(decide(model(run(1), spec=named, deployments=(front(),)), NOW)).message == passed


numbers = st.integers(1, 70)
runs = st.builds(
    lambda number, passed, name, content: run(number, passed=passed, name=name, bytes_of=content),
    numbers,
    st.booleans(),
    st.sampled_from(("a", "b", "c")),
    numbers,
)
served = st.builds(lambda number: Served(number, digest(number)), numbers)
deployments = st.builds(
    DeploymentFacts,
    name=st.sampled_from(("front", "back")),
    model=st.sampled_from(("movies", "another")),
    known=st.booleans(),
    stable=st.none() | served,
    serves=st.frozensets(numbers, max_size=3),
    blocked=st.frozensets(numbers.map(digest), max_size=3),
)
statuses = st.builds(
    lambda numbers, champion: RecModelStatus(
        versions=tuple(version(one) for one in sorted(numbers)), champion=champion
    ),
    st.sets(numbers, max_size=50),
    st.none() | numbers.map(lambda one: Champion(version=one, digest=digest(one), deployment="front")),
)


@settings(max_examples=100, deadline=None)
@given(
    st.builds(
        ObservedModel,
        namespace=st.just("shop"),
        name=st.just("movies"),
        uid=st.just("uid"),
        generation=st.integers(1, 5),
        spec=st.sampled_from((model_spec(), model_spec(**NAMED))),
        status=statuses,
        runs=st.lists(runs, max_size=60).map(tuple),
        deployments=st.lists(deployments, max_size=2, unique_by=lambda one: one.name).map(tuple),
    )
)
def test_every_observation_has_a_status_that_the_api_takes(found: ObservedModel) -> None:
    decision = decide(found, NOW)
    assert RecModelStatus.model_validate(decision.status.wire()) == decision.status
    kept = {each.version for each in decision.status.versions}
    assert len(kept) == len(decision.status.versions) <= 50
    if decision.status.latest_version is not None:
        assert decision.status.latest_version in kept
    again = decide(replace(found, status=decision.status), NOW)
    assert again.status == decision.status
    assert again.notices == ()
