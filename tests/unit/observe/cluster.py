"""A Deployment and its objects as an API server would answer them, for tests of what is read."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from tests.unit.decide.deployment_world import IMAGE, STEPS, digest

from recsys_operator.api.common import Resources
from recsys_operator.api.deployment import DEPLOYMENT
from recsys_operator.api.kinds import Resource
from recsys_operator.api.recmodel import Catalogue
from recsys_operator.api.rollout import Revision
from recsys_operator.build.labels import Owner
from recsys_operator.build.server_workload import server_workload
from recsys_operator.decide.deployment.facts import PodInputs
from recsys_operator.decide.deployment.revisions import fingerprint
from recsys_operator.observe.deployment import Seen, observe

Object = dict[str, Any]

OWNER = Owner(DEPLOYMENT, "shop", "movies", "11111111-2222-3333-4444-555555555555")
RESOURCES = Resources.model_validate({"limits": {"cpu": "500m", "memory": "512Mi"}})
CATALOGUE = Catalogue.model_validate({"uri": "pvc://data/items", "format": "CSV", "idColumn": "i", "titleColumn": "t"})
URI = "pvc://store/shop/movies/versions/1"
NAME = fingerprint(digest(1), URI, IMAGE, PodInputs("movies", RESOURCES, CATALOGUE))
SERVES = Revision(version=1, digest=digest(1), uri=URI, revision=NAME, image=IMAGE)
VERSION = {"version": 1, "run": "run-1", "uri": URI, "digest": digest(1), "verdict": "Passed"}


class Cluster:
    """What an API server would answer; `fails` raises the error instead, `unknown` are resources that it lacks."""

    def __init__(
        self,
        *objects: tuple[Resource, Object],
        fails: Mapping[Resource, Exception] | None = None,
        unknown: tuple[Resource, ...] = (),
    ) -> None:
        self.objects = objects
        self.fails = fails or {}
        self.unknown = unknown

    async def get(self, resource: Resource, namespace: str, name: str) -> Object | None:
        return next((one for one in await self.list(resource, namespace) if one["metadata"]["name"] == name), None)

    async def list(
        self, resource: Resource, namespace: str | None, labels: Mapping[str, str] | None = None
    ) -> list[Object]:
        if resource in self.fails:
            raise self.fails[resource]
        found = [obj for kind, obj in self.objects if kind == resource]
        return [one for one in found if (labels or {}).items() <= one["metadata"].get("labels", {}).items()]

    async def pages(
        self,
        resource: Resource,
        namespace: str | None,
        labels: Mapping[str, str] | None = None,
        fields: str = "",
    ) -> AsyncIterator[Sequence[Object]]:
        """Two objects a page, and an empty one at the end."""
        over = {one.removeprefix("status.phase!=") for one in fields.split(",")}
        there = await self.list(resource, namespace, labels)
        found = [one for one in there if one.get("status", {}).get("phase") not in over]
        for start in range(0, len(found) + 1, 2):
            yield found[start : start + 2]

    async def serves(self, resource: Resource) -> bool:
        return resource not in self.unknown


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
