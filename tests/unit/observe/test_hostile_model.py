"""A RecModel that is not as its CRD says, from before the CRD was narrowed for instance."""

from typing import Any

import pytest
from tests.unit.observe.cluster import SERVES, VERSION, Cluster, deployment, model, seen, workload

from recsys_operator.api.kinds import DEPLOYMENTS, RECMODELS, WORKLOADS
from recsys_operator.decide.deployment.revisions import fingerprint
from recsys_operator.decide.trainingrun.facts import Unreadable
from recsys_operator.observe.trainingrun import read_model


@pytest.mark.parametrize("spec", [None, {}, 5, {"gates": {"a": 1}, "schema": None}])
async def test_an_unreadable_spec_leaves_the_versions_and_the_catalogue_that_serves(spec: Any) -> None:
    hostile = model(spec, {"versions": [VERSION]})
    facts = (await seen(Cluster((DEPLOYMENTS, deployment()), (WORKLOADS, workload()), (RECMODELS, hostile)))).facts
    assert facts.model
    assert facts.model.unreadable.startswith("spec")
    assert [one.version for one in facts.model.versions] == [1]
    assert fingerprint(SERVES.digest, SERVES.uri, SERVES.image, facts.inputs) == SERVES.revision


@pytest.mark.parametrize("status", ["x", {"versions": 5}, {"versions": [{"version": "one"}]}, {"versions": [7]}])
async def test_an_unreadable_status_counts_as_no_versions(status: Any) -> None:
    facts = (await seen(Cluster((DEPLOYMENTS, deployment()), (RECMODELS, model({}, status))))).facts
    assert facts.model
    assert "status" in facts.model.unreadable
    assert facts.model.versions == ()


@pytest.mark.parametrize(("spec", "status"), [(None, {}), ({"gates": 1}, {}), ({}, {"versions": 5})])
async def test_a_run_is_told_what_is_wrong_with_its_model(spec: Any, status: Any) -> None:
    found = await read_model(Cluster((RECMODELS, model(spec, status))), "shop", "movies")
    assert isinstance(found, Unreadable)
    assert "spec" in found.message
