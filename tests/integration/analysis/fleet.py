"""Inference pods that count requests and tell it, as an operator process finds them: by the API server, then by HTTP.

Nobody sends requests: a test says how many there were and how they went, to the server's own metrics.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

from aiohttp import web
from aiohttp.test_utils import TestServer
from tests.integration.harness.api import Api, Object

from recsys_operator.api.kinds import PODS, SERVICEACCOUNTS, WORKLOADS
from recsys_operator.build import labels
from recsys_workers.serve.metrics import Metrics
from recsys_workers.serve.recommender import Answer, Fallback

TICK = 0.1
"""Seconds between two portions of traffic."""


@dataclass(slots=True)
class Health:
    """How a version behaves; a test changes it under way."""

    requests: int = 100
    """In each tick."""
    errors: int = 0
    """Of these."""
    empty: int = 0
    """Of the others, the answers without items."""
    seconds: float = 0.004
    answers: bool = True
    """Whether /metrics answers."""


@dataclass(slots=True)
class Fleet:
    """All versions of one Deployment, one pod each."""

    api: Api
    namespace: str
    health: dict[int, Health] = field(default_factory=dict)
    _metrics: dict[str, Metrics] = field(default_factory=dict)
    _servers: list[TestServer] = field(default_factory=list)

    def of(self, version: int) -> Health:
        """How a version behaves from now on."""
        return self.health.setdefault(version, Health())

    async def follow(self) -> None:
        """Give each workload a pod, and each pod traffic, for ever."""
        while True:
            for workload in await self.api.list(WORKLOADS, self.namespace):
                if workload["metadata"]["name"] not in self._metrics:
                    await self._start(workload)
            for name, metrics in self._metrics.items():
                self._count(metrics, self.of(int(name.split("-v")[1].split("-")[0])))
            await asyncio.sleep(TICK)

    @staticmethod
    def _count(metrics: Metrics, health: Health) -> None:
        for number in range(health.requests):
            if number < health.errors:
                metrics.request(500, health.seconds)
                continue
            scores = [] if number < health.errors + health.empty else [3.0, 2.0, 1.0]
            metrics.answer(Answer(b"", scores, Fallback.NONE, 5, 0))
            metrics.request(200, health.seconds)

    async def _start(self, workload: Object) -> None:
        metadata = workload["metadata"]
        version = int(metadata["labels"][labels.VERSION])
        metrics = Metrics("movies", version, metadata["annotations"]["recsys.dev/digest"])

        async def tell(_: web.Request) -> web.Response:
            if not self.of(version).answers:
                return web.Response(status=500)
            return web.Response(body=metrics.exposition())

        app = web.Application()
        app.router.add_get("/metrics", tell)
        server = TestServer(app)
        await server.start_server()
        self._servers.append(server)
        assert server.port is not None
        await self._make_pod(metadata, server.port)
        self._metrics[metadata["name"]] = metrics

    async def _make_pod(self, workload: Object, port: int) -> None:
        name = f"{workload['name']}-0"
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": self.namespace, "labels": workload["labels"]},
            "spec": {
                "containers": [
                    {"name": "server", "image": "played", "ports": [{"name": "http", "containerPort": port}]}
                ]
            },
        }
        await self.api.create(PODS, pod)
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        container = {
            "name": "server",
            "ready": True,
            "restartCount": 0,
            "image": "played",
            "imageID": "",
            "state": {"running": {"startedAt": now}},
        }
        status = {
            "phase": "Running",
            "podIP": "127.0.0.1",
            "podIPs": [{"ip": "127.0.0.1"}],
            "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": now}],
            "containerStatuses": [container],
        }
        await self.api.patch(PODS, self.namespace, name, {"status": status}, "status")

    async def close(self) -> None:
        """End all servers."""
        for server in self._servers:
            await server.close()


@asynccontextmanager
async def open_fleet(api: Api, namespace: str) -> AsyncIterator[Fleet]:
    """A fleet that follows the workloads of a namespace."""
    # No controller makes it here, and without it no pod is admitted.
    account = {"metadata": {"name": "default", "namespace": namespace}}
    await api.create(SERVICEACCOUNTS, account)
    fleet = Fleet(api, namespace)
    following = asyncio.create_task(fleet.follow())
    try:
        yield fleet
    finally:
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following
        await fleet.close()
