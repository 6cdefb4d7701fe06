"""A RecModel that is not as its CRD says, from before the CRD was narrowed for instance."""

from collections.abc import Mapping
from typing import Any

import pytest
from tests.unit.decide.deployment_world import IMAGE, STEPS, digest

from recsys_operator.api.common import Resources
from recsys_operator.api.deployment import DEPLOYMENT, Revision
from recsys_operator.api.kinds import DEPLOYMENTS, RECMODELS, WORKLOADS, Resource
from recsys_operator.api.recmodel import Catalogue
from recsys_operator.build.labels import Owner
from recsys_operator.build.server_workload import server_workload
from recsys_operator.decide.deployment.facts import PodInputs
from recsys_operator.decide.deployment.revisions import fingerprint
from recsys_operator.decide.trainingrun.facts import Unreadable
from recsys_operator.observe.deployment import Seen, observe
from recsys_operator.observe.trainingrun import read_model

Object = dict[str, Any]

OWNER = Owner(DEPLOYMENT, "shop", "movies", "11111111-2222-3333-4444-555555555555")
RESOURCES = Resources.model_validate({"limits": {"cpu": "500m", "memory": "512Mi"}})
CATALOGUE = Catalogue.model_validate({"uri": "pvc://data/items", "format": "CSV", "idColumn": "i", "titleColumn": "t"})
URI = "pvc://store/shop/movies/versions/1"
NAME = fingerprint(digest(1), URI, IMAGE, PodInputs("movies", RESOURCES, CATALOGUE))
SERVES = Revision(version=1, digest=digest(1), uri=URI, revision=NAME, image=IMAGE)
VERSION = {"version": 1, "run": "run-1", "uri": URI, "digest": digest(1), "verdict": "Passed"}


class Cluster:
    """What an API server would answer; `fails` raises the error instead."""

    def __init__(self, *objects: tuple[Resource, Object], fails: Mapping[Resource, Exception] | None = None) -> None:
        self.objects = objects
        self.fails = fails or {}

    async def get(self, resource: Resource, namespace: str, name: str) -> Object | None:
        return next((one for one in await self.list(resource, namespace) if one["metadata"]["name"] == name), None)

    async def list(
        self, resource: Resource, namespace: str | None, labels: Mapping[str, str] | None = None
    ) -> list[Object]:
        if resource in self.fails:
            raise self.fails[resource]
        found = [obj for kind, obj in self.objects if kind == resource]
        return [one for one in found if (labels or {}).items() <= one["metadata"].get("labels", {}).items()]


def deployment() -> Object:
    return {
        "apiVersion": "recsys.dev/v1alpha1",
        "kind": "Deployment",
        "metadata": {"name": "movies", "namespace": "shop", "uid": OWNER.uid, "generation": 1},
        "spec": {
            "modelRef": {"name": "movies"},
            "version": {"pin": 1},
            "replicas": 2,
            "resources": RESOURCES.wire(),
            "traffic": {"gateway": {"name": "gateway"}, "hostnames": ["movies.example"]},
            "strategy": {"canary": {"steps": STEPS}},
        },
        "status": {"stable": {**SERVES.wire(), "weight": 100, "since": "2026-01-02T03:04:05.000000Z"}},
    }


def workload() -> Object:
    manifest = server_workload(OWNER, "movies", SERVES, RESOURCES, CATALOGUE, 2)
    manifest["metadata"] |= {"uid": "w", "generation": 1}
    return manifest


def model(spec: Any, status: Any) -> Object:
    return {"metadata": {"name": "movies", "namespace": "shop", "generation": 1}, "spec": spec, "status": status}


async def seen(cluster: Cluster) -> Seen:
    found = await observe(cluster, "shop", "movies", OWNER.uid, IMAGE)
    assert found
    return found


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
