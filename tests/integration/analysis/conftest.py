"""A shop whose pods count requests, a Prometheus that says what a test wants, and a gate."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from tests.integration.alerts.shop import Shop, open_shop
from tests.integration.analysis.fleet import Fleet, open_fleet
from tests.integration.harness.api import Api, Object
from tests.integration.harness.players import Players
from tests.integration.harness.stage import Stage
from tests.integration.kill.objects import deployment

from recsys_operator.api.kinds import DEPLOYMENTS

NUMBERS = itertools.count(1)
EVERYWHERE = {"RECSYS_FORBIDDEN_NETWORKS": "192.0.2.0/24"}
"""Everything that the operator is to reach in these tests is on loopback."""


@dataclass(slots=True)
class Others:
    """Who is asked besides the pods; each answers by a status and a document that the test sets."""

    address: str
    prometheus: tuple[int, Any] = (200, {"status": "success", "data": {"resultType": "vector", "result": []}})
    gate: tuple[int, Any] = (403, {"message": "nobody has looked yet"})
    queries: list[str] = field(default_factory=list)
    posts: list[Any] = field(default_factory=list)
    answered: int = 0
    """Queries that were."""
    most: int | None = None
    """So many are answered; the others wait for `release`."""
    waiting: int = 0
    release: asyncio.Event = field(default_factory=asyncio.Event)

    def says(self, *values: str) -> None:
        """Have Prometheus answer with so many series."""
        series = [{"metric": {"series": str(at)}, "value": [0, value]} for at, value in enumerate(values)]
        self.prometheus = (200, {"status": "success", "data": {"resultType": "vector", "result": series}})

    async def answer_query(self, request: web.Request) -> web.Response:
        """POST /api/v1/query."""
        self.queries.append(str((await request.post())["query"]))
        if self.most is not None and self.answered >= self.most:
            self.waiting += 1
            await self.release.wait()
            return web.Response(status=503)
        self.answered += 1
        status, document = self.prometheus
        return web.json_response(document, status=status)

    async def answer_post(self, request: web.Request) -> web.Response:
        """POST /gate."""
        self.posts.append(await request.json())
        status, document = self.gate
        return web.json_response(document, status=status)


@dataclass(slots=True)
class Market:
    """A Deployment that is being watched, all that is measured of it, and its operator."""

    shop: Shop
    fleet: Fleet
    others: Others

    async def serve(self, version: int = 1) -> None:
        """Deploy a first version."""
        manifest = deployment(
            self.shop.namespace, [{"weight": 10}], version, rollback={"warmSeconds": 60, "freezeSeconds": 60}
        )
        await self.shop.api.create(DEPLOYMENTS, manifest)
        await self.shop.until_weights({version: 100})

    async def try_out(self, version: int, steps: list[Object], **canary: Any) -> None:
        """Ask for another version, by these steps."""
        await self.shop.edit(version={"pin": version}, strategy={"canary": {"steps": steps, **canary}})

    async def until_weights(self, wanted: dict[int, int]) -> None:
        """Wait for these weights; what the analysis says stands in the error."""
        try:
            await self.shop.until_weights(wanted)
        except AssertionError as error:
            canary = (await self.shop.status()).get("canary")
            raise AssertionError(f"{error}; the canary is {canary}") from None

    async def metric(self, name: str) -> dict[str, Any]:
        """What the status says of a metric; empty while it says nothing."""
        canary = (await self.shop.status()).get("canary") or {}
        return next((one for one in canary.get("analysis", ()) if one["name"] == name), {})


@pytest.fixture
async def market(stage: Stage, tmp_path: Path) -> AsyncIterator[Market]:
    """All of it, with version 1 serving."""
    plane, token = stage
    found = Others("")
    app = web.Application()
    app.add_routes([web.post("/api/v1/query", found.answer_query), web.post("/gate", found.answer_post)])
    async with TestServer(app) as server, Api(plane) as api, Players(api):
        found.address = str(server.make_url("")).rstrip("/")
        settings = {**EVERYWHERE, "RECSYS_PROMETHEUS_ADDRESS": found.address}
        name = f"market-{next(NUMBERS)}"
        async with (
            open_shop(plane, api, token, tmp_path, name, **settings) as shop,
            open_fleet(api, shop.namespace) as fleet,
        ):
            opened = Market(shop, fleet, found)
            await opened.serve()
            try:
                yield opened
            finally:
                found.release.set()
