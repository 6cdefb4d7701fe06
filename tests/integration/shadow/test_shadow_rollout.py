"""A shadow step with everything real but the cluster: operator, API server, and two servers that copy and compare."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.integration.alerts.shop import HOLD, Shop
from tests.integration.harness.api import Object, until
from tests.integration.kill.objects import DEPLOYMENT
from tests.integration.serve.server_process import ServerProcess, running
from tests.unit.workers.serve.tiny_version import VERSION, embedding_of, write_version
from yarl import URL

from recsys_operator.api.kinds import CONFIGMAPS, PODS, SERVICEACCOUNTS

STABLE, CANARY = VERSION, 2
"""Versions of the shop's model. A tiny version calls itself VERSION, so that is what the shadow is compared with."""
SAMPLES = 120


@dataclass
class Pods:
    """The servers of both versions, as their pods would run them."""

    stable: ServerProcess
    canary: ServerProcess
    file: Path
    """What the kubelet projects for stable."""

    def project(self, text: str) -> None:
        """Bring the ConfigMap to stable, with the canary's address for its Service's name."""
        content = json.loads(text)
        self.file.write_text(json.dumps({**content, "url": f"{self.canary.url}/shadow"} if content else content))


@contextmanager
def pods(folder: Path, told: Object, *, agree: bool) -> Iterator[Pods]:
    """Both servers, ready; they serve the same model, or two that do not agree."""
    with ExitStack() as stack:
        found = []
        for number, revision in enumerate((told["from"], told["to"])):
            version = write_version(
                folder / f"claims-{number}", embedding=embedding_of(30, seed=7 if agree else number)
            )
            (folder / revision).mkdir()
            settings = {"RECSYS_REVISION": revision, "RECSYS_SHADOW_FILE": str(folder / "shadow.json")}
            found.append(stack.enter_context(running(version, folder / revision, **settings)))
        for server in found:
            server.wait_ready()
        yield Pods(found[0], found[1], folder / "shadow.json")


async def told(shop: Shop) -> Object:
    """What the ConfigMap says."""
    found = await shop.api.get(CONFIGMAPS, shop.namespace, f"{DEPLOYMENT}-shadow")
    content: Object = json.loads(found["data"]["shadow.json"]) if found else {}
    return content


async def begin(shop: Shop, gate: Object) -> Object:
    """Have a canary whose first step is a shadow; what stable is told."""
    shadow = {"percent": 100, "durationSeconds": 1, "minSamples": SAMPLES, "gates": [gate]}
    steps: list[Any] = [{"shadow": shadow}, *HOLD]
    await shop.serve(STABLE)
    assert await told(shop) == {}
    await shop.edit(version={"pin": CANARY}, strategy={"canary": {"steps": steps}})

    async def copying() -> Object:
        return await told(shop)

    await until("the ConfigMap", copying, 60)
    return await told(shop)


async def make_pod(shop: Shop, revision: str, server: ServerProcess) -> None:
    """The canary's pod, as the kubelet tells of it."""
    url = URL(server.url)
    container = {"name": "server", "image": "played", "ports": [{"name": "http", "containerPort": url.port}]}
    marks = {"recsys.dev/deployment": DEPLOYMENT, "recsys.dev/revision": revision}
    account = {"name": "default", "namespace": shop.namespace}
    await shop.api.create(SERVICEACCOUNTS, {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account})
    metadata = {"name": "canary-0", "namespace": shop.namespace, "labels": marks}
    spec = {"containers": [container], "automountServiceAccountToken": False}
    await shop.api.create(PODS, {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    state = {"name": "server", "ready": True, "restartCount": 0, "image": "played", "imageID": ""}
    status = {
        "podIP": url.host,
        "podIPs": [{"ip": url.host}],
        "conditions": [{"type": "Ready", "status": "True"}],
        "containerStatuses": [{**state, "state": {"running": {"startedAt": now}}}],
    }
    await shop.api.patch(PODS, shop.namespace, "canary-0", {"status": status}, "status")


async def ask_until(shop: Shop, server: ServerProcess, over: str) -> None:
    """Ask stable until the rollout is at a step, or over; every request is answered."""
    async with httpx.AsyncClient(timeout=10) as client:
        for number in range(100_000):
            body = {"history": [{"id": str(1 + number % 30)}, {"id": str(1 + number * 7 % 30)}]}
            assert (await client.post(f"{server.url}/v1/recommend", json=body)).status_code == 200
            if number % 20 == 0:
                status = await shop.status()
                canary = status.get("canary")
                if (over == "NextStep" and canary and canary["step"] > 0) or (over == "Gone" and not canary):
                    return
                await asyncio.sleep(0)
    raise AssertionError(f"The shadow did not end: {await shop.status()}")


@pytest.mark.parametrize("agree", [True, False], ids=["alike", "unlike"])
async def test_a_shadow_goes_on_or_is_blocked(shop: Shop, tmp_path: Path, agree: bool) -> None:
    copying = await begin(shop, {"metric": "RankBiasedOverlap", "min": "0.99"})
    name = f"{DEPLOYMENT}-v{CANARY}-{copying['to'][:8]}"
    assert copying["url"] == f"http://{name}.{shop.namespace}.svc/shadow"
    assert await shop.weights() == {STABLE: 100}
    with pods(tmp_path, copying, agree=agree) as both:
        await make_pod(shop, copying["to"], both.canary)
        both.project(json.dumps(copying))
        await ask_until(shop, both.stable, "NextStep" if agree else "Gone")
    status = await shop.status()
    if agree:
        await shop.until_weights({STABLE: 90, CANARY: 10})
        phases = {one["name"]: one["phase"] for one in status["canary"]["analysis"]}
        assert phases == {"shadow": "Passed", "shadow-rank-biased-overlap": "Passed"}
        assert int(status["canary"]["analysis"][0]["samples"]) >= SAMPLES
    else:
        assert status["history"][-1]["cause"] == "ShadowGate"
        assert "RankBiasedOverlap is 0." in status["blocked"][0]["message"]
        assert await shop.weights() == {STABLE: 100}

    async def ended() -> bool:
        return await told(shop) == {}

    await until("the end of the copying", ended, 60)
