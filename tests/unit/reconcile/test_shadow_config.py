"""The ConfigMap that tells running servers to copy requests: when it is written, and what it says."""

import json
from typing import Any

import pytest
from tests.unit.decide.deployment_world import START, STEPS
from tests.unit.observe.cluster import OWNER, SERVES, VERSION, Cluster, Object, deployment, model, seen, workload

from recsys_operator.api.kinds import CONFIGMAPS, DEPLOYMENTS, RECMODELS, WORKLOADS, Resource
from recsys_operator.build import names, shadow_config
from recsys_operator.decide.conditions import find
from recsys_operator.decide.deployment.decision import decide
from recsys_operator.decide.times import rfc3339
from recsys_operator.reconcile.deployment import children
from recsys_workers.serve import shadow_config as served

TRIED = SERVES.model_copy(update={"version": 2, "digest": "sha256:" + "2" * 64, "revision": "2" * 16})
SHADOW: dict[str, Any] = {"shadow": {"percent": 20, "durationSeconds": 60}}


def trying(*others: tuple[Resource, Object], shadow: bool = True) -> Cluster:
    """Version 1 serves, version 2 is a canary at its first step, which is a shadow or a weight."""
    obj = deployment()
    obj["spec"]["version"] = {"pin": 2}
    obj["spec"]["strategy"] = {"canary": {"steps": [SHADOW, *STEPS] if shadow else STEPS}}
    times = dict.fromkeys(("startTime", "stepStartTime"), rfc3339(START))
    obj["status"]["canary"] = {**TRIED.wire(), "weight": 0, "step": 0, **times}
    versions = {"versions": [VERSION, {**VERSION, "version": 2, "digest": TRIED.digest}]}
    return Cluster((DEPLOYMENTS, obj), (WORKLOADS, workload()), (RECMODELS, model({}, versions)), *others)


def config_map(text: str, *, ours: bool = True) -> tuple[Resource, Object]:
    """The ConfigMap as it is there."""
    manifest = shadow_config.config_map(OWNER, "movies", text)
    if not ours:
        manifest["metadata"]["ownerReferences"] = []
    return CONFIGMAPS, manifest


async def written(cluster: Cluster) -> list[str]:
    """What is written into the ConfigMap."""
    found = await seen(cluster)
    batches = children(found, decide(found.facts, (), START))
    maps = [manifest for batch in batches for kind, manifest in batch if kind == CONFIGMAPS]
    assert all(OWNER.owns(one) and one["metadata"]["name"] == "movies-shadow" for one in maps)
    return [one["data"][shadow_config.KEY] for one in maps]


@pytest.mark.parametrize("live", [(), (config_map("{}"),)])
async def test_it_names_who_copies_and_who_compares(live: tuple[tuple[Resource, Object], ...]) -> None:
    (text,) = await written(trying(*live))
    name = names.server("movies", 2, json.loads(text)["to"])
    assert json.loads(text) == {
        "url": f"http://{name}.shop.svc/shadow",
        "from": SERVES.revision,
        "to": json.loads(text)["to"],
        "percent": 20,
        "token": json.loads(text)["token"],
    }
    target = served.parse(text)
    assert target is not None
    assert (target.host, target.port, target.path, target.percent) == (f"{name}.shop.svc", 80, "/shadow", 20)
    assert len(target.token) == 43


async def test_a_shadow_keeps_its_token_and_the_next_one_has_another() -> None:
    (first,) = await written(trying())
    content = json.loads(first)
    assert await written(trying(config_map(first))) == [first]
    assert await written(trying(config_map(json.dumps({**content, "percent": 5, "url": "http://old"})))) == [first]
    tokens = {content["token"]}
    others = ({"to": "another"}, {"from": "another"}, {"token": "short"}, {"token": 7}, {"token": None})
    for number, change in enumerate(others, 2):
        (text,) = await written(trying(config_map(json.dumps({**content, **change}))))
        tokens.add(json.loads(text)["token"])
        assert len(tokens) == number
    for nonsense in ("", "not json", "[]", "7"):
        (text,) = await written(trying(config_map(nonsense)))
        assert json.loads(text)["token"] not in tokens


async def test_it_is_there_before_the_pods_that_mount_it() -> None:
    found = await seen(trying())
    kinds = [kind for batch in children(found, decide(found.facts, (), START)) for kind, _ in batch]
    assert kinds.index(CONFIGMAPS) < kinds.index(WORKLOADS)


async def test_it_stays_and_says_that_there_is_no_shadow() -> None:
    (text,) = await written(trying(config_map('{"url": "http://old"}'), shadow=False))
    assert text == "{}"
    assert served.parse(text) is None


async def test_without_shadows_there_is_none() -> None:
    assert await written(trying(shadow=False)) == []


async def test_somebody_elses_is_left_alone_and_named_only_where_it_is_in_the_way() -> None:
    for shadow in (True, False):
        cluster = trying(config_map("mine", ours=False), shadow=shadow)
        assert await written(cluster) == []
        found = await seen(cluster)
        condition = find(decide(found.facts, (), START).status.conditions, "Ready")
        assert condition
        assert (condition.reason == "ChildNameTaken") is shadow
        assert ("ConfigMap movies-shadow" in condition.message) is shadow


async def test_a_config_map_that_cannot_be_read_stands_in_nothings_way() -> None:
    class Refused(Exception):
        status = 403

    for shadow in (True, False):
        cluster = trying(shadow=shadow)
        cluster.fails = {CONFIGMAPS: Refused()}
        assert await written(cluster) == []


async def test_pods_without_the_volume_are_known() -> None:
    old = workload()
    old["spec"]["template"]["spec"]["volumes"] = []
    for live, told in ((workload(), True), (old, False)):
        found = await seen(Cluster((DEPLOYMENTS, deployment()), (WORKLOADS, live)))
        (facts,) = found.facts.workloads
        assert facts.told_of_shadows is told
