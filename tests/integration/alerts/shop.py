"""A namespace with a model of four versions, a Deployment and a real operator; the rest of the cluster is played."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
from tests.integration.harness import access
from tests.integration.harness.api import Api, Object, until
from tests.integration.harness.control_plane import ControlPlane
from tests.integration.harness.operator import TOKEN, Operator
from tests.integration.harness.players import Players
from tests.integration.kill.objects import DEPLOYMENT, MODEL, deployment, recmodel, trainingrun

from recsys_operator.api.kinds import DEPLOYMENTS, EVENTS, HTTPROUTES, RECMODELS, TRAININGRUNS, WORKLOADS

VERSIONS = 4
HOLD: list[Object] = [{"weight": 10}, {"pause": {"durationSeconds": 3600}}]
"""A canary that stays at 10 %."""
WARM: Object = {"warmSeconds": 3600, "freezeSeconds": 3600}


@dataclass(slots=True)
class Answer:
    """What the receiver said, and how long it took."""

    status: int
    outcomes: list[str]
    seconds: float


@dataclass(slots=True)
class Shop:
    """One namespace and its operator."""

    api: Api
    namespace: str
    operator: Operator
    http: aiohttp.ClientSession
    players: Players | None = field(default=None)
    fingerprints: int = field(default=0)

    def alert(self, version: int | None, severity: str = "critical", **changes: Any) -> Object:
        """A firing alert with a fingerprint of its own."""
        self.fingerprints += 1
        labels = {
            "alertname": "RecsysLatency",
            "namespace": self.namespace,
            "deployment": DEPLOYMENT,
            "severity": severity,
            **({"version": str(version)} if version else {}),
        }
        return {
            "status": "firing",
            "labels": labels,
            "annotations": {"summary": "p99 is over three times that of stable"},
            "startsAt": (datetime.now(UTC) + timedelta(milliseconds=1)).isoformat(),
            "fingerprint": f"{self.fingerprints:016x}",
            **changes,
        }

    async def post(self, *alerts: Object) -> Answer:
        """Post as Alertmanager does; status 0 when nobody answers."""
        url = f"http://127.0.0.1:{self.operator.alerts_port}/alerts"
        body = {"version": "4", "status": "firing", "receiver": "recsys-operator", "alerts": list(alerts)}
        begin = time.perf_counter()
        try:
            async with self.http.post(url, json=body, headers={"Authorization": f"Bearer {TOKEN}"}) as answer:
                found = await answer.json()
                outcomes = [one["outcome"] for one in found.get("alerts", ())]
                return Answer(answer.status, outcomes, time.perf_counter() - begin)
        except (aiohttp.ClientError, TimeoutError):
            return Answer(0, [], time.perf_counter() - begin)

    async def edit(self, **spec: Any) -> None:
        """A user edits the Deployment."""
        await self.api.patch(DEPLOYMENTS, self.namespace, DEPLOYMENT, {"spec": spec})

    async def annotate(self, **annotations: str) -> None:
        """A user annotates the Deployment with `recsys.dev/…`."""
        named = {f"recsys.dev/{name}": value for name, value in annotations.items()}
        await self.api.patch(DEPLOYMENTS, self.namespace, DEPLOYMENT, {"metadata": {"annotations": named}})

    async def status(self) -> dict[str, Any]:
        """The Deployment's status."""
        found = await self.api.get(DEPLOYMENTS, self.namespace, DEPLOYMENT)
        status: dict[str, Any] = (found or {}).get("status", {})
        return status

    async def reason(self) -> str:
        """Reason of the condition Ready."""
        conditions = (await self.status()).get("conditions", ())
        return str(next((one["reason"] for one in conditions if one["type"] == "Ready"), ""))

    async def weights(self) -> dict[int, int]:
        """The route's weights by version, as they stand in the API."""
        route = await self.api.get(HTTPROUTES, self.namespace, DEPLOYMENT)
        backends = route["spec"]["rules"][0].get("backendRefs", ()) if route else ()
        return {int(one["name"].split("-v")[1].split("-")[0]): one.get("weight", 1) for one in backends}

    async def reasons_of_events(self) -> list[str]:
        """The reasons of all events about the Deployment."""
        events = await self.api.list(EVENTS, self.namespace)
        return [str(one["reason"]) for one in events if one["regarding"]["kind"] == "Deployment"]

    async def versions_with_pods(self) -> set[int]:
        """Which versions have a workload."""
        found = await self.api.list(WORKLOADS, self.namespace)
        return {int(one["metadata"]["labels"]["recsys.dev/version"]) for one in found}

    async def until_weights(self, wanted: dict[int, int]) -> None:
        """Wait until the route has these weights and the status knows that they were accepted."""

        async def check() -> object:
            status = await self.status()
            canary = status.get("canary")
            counted = canary is None or canary["step"] > 0
            return await self.weights() == wanted and status.get("stable") and counted

        await until(f"weights {wanted}", check, 60)

    async def until_reason(self, wanted: str) -> None:
        """Wait for a reason of the condition Ready."""

        async def check() -> bool:
            return await self.reason() == wanted

        await until(f"Ready with reason {wanted}", check, 60)

    async def serve(self, version: int) -> None:
        """Deploy a first version."""
        manifest = deployment(self.namespace, HOLD, version, rollback=WARM)
        await self.api.create(DEPLOYMENTS, manifest)
        await self.until_weights({version: 100})

    async def try_out(self, version: int, stable: int) -> None:
        """Have a canary at 10 %."""
        await self.edit(version={"pin": version}, strategy={"canary": {"steps": HOLD}})
        await self.until_weights({stable: 90, version: 10})

    async def promote(self, version: int) -> None:
        """Have another version promoted, without steps; the one before stays warm."""
        await self.edit(version={"pin": version}, strategy=None)
        await self.until_weights({version: 100})
        await self.until_reason("Serving")


@asynccontextmanager
async def open_shop(
    plane: ControlPlane, api: Api, token: str, directory: Path, name: str, **variables: str
) -> AsyncIterator[Shop]:
    """A shop whose model has its versions; the operator, with these variables besides, must end well."""
    namespace = await api.namespace(name)
    config = access.kubeconfig(plane, token, directory)
    operator = Operator(directory, config, (namespace,), **variables)
    operator.start()
    timeout = aiohttp.ClientTimeout(total=10)
    try:
        async with aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0)) as http:
            await operator.until_ready()
            shop = Shop(api, namespace, operator, http)
            await _make_versions(shop)
            yield shop
        code = await operator.terminate()
        assert code == 0, operator.tail()
    finally:
        operator.kill()


async def _make_versions(shop: Shop) -> None:
    await shop.api.create(RECMODELS, recmodel(shop.namespace))
    runs = [trainingrun(shop.namespace, f"run-{number}") for number in range(1, VERSIONS + 1)]
    await asyncio.gather(*(shop.api.create(TRAININGRUNS, run) for run in runs))

    async def listed() -> bool:
        model = await shop.api.get(RECMODELS, shop.namespace, MODEL)
        return len((model or {}).get("status", {}).get("versions", ())) == VERSIONS

    await until(f"{VERSIONS} versions", listed, 60)
