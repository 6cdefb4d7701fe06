"""Starts and stops the operator: the election, the client, the loops, the watches, the two HTTP servers."""

import asyncio
import logging
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import kopf
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from recsys_operator import __version__, alerts, handlers, leader, logs, metrics
from recsys_operator.api.kinds import Resource
from recsys_operator.apply.client import ApiError, Client, connect
from recsys_operator.health import Health
from recsys_operator.metrics import LoopMetrics
from recsys_operator.namespaces import Namespaces
from recsys_operator.notify import targets
from recsys_operator.notify.courier import Courier
from recsys_operator.notify.notifier import LAST_WORDS, Notifier
from recsys_operator.observe.measure.look import Measurer
from recsys_operator.observe.measure.looks import Looks
from recsys_operator.optional_kinds import OptionalKinds
from recsys_operator.reconcile.deployment import DeploymentReconciler
from recsys_operator.reconcile.loop import Key, Loops, Timing
from recsys_operator.reconcile.recmodel import RecModelReconciler
from recsys_operator.reconcile.trainingrun import TrainingRunReconciler
from recsys_operator.settings import Settings, SettingsError

logger = logging.getLogger("recsys_operator")

Result = TypeVar("Result")

GRACE = 15.0
"""Seconds that reconciles in flight have to finish once the process is told to stop."""


def main() -> int:
    """Run until SIGTERM or SIGINT; the exit code is 0 then."""
    try:
        settings = Settings.from_environment()
    except SettingsError as error:
        print(f"recsys-operator: {error}", file=sys.stderr)
        return 2
    logs.set_up(settings.log_level)
    return asyncio.run(run(settings))


async def run(settings: Settings) -> int:
    """The whole life of the process; returns its exit code."""
    stopping = asyncio.Event()
    _on_signal(stopping)
    health = Health(handlers.watched, patience=settings.watch_patience_seconds)
    heartbeat = asyncio.create_task(health.beat(), name="heartbeat")
    election = await leader.candidate(settings)
    fence = election.seconds_left
    client = await connect(observer=health.answered, fence=fence)
    notifier = Notifier(
        client, targets.load(settings.notification_targets, settings.notification_address_dir), Courier(fence=fence)
    )
    measurer = Measurer(client, settings.prometheus_address, settings.forbidden_networks, fence=fence)
    looks: Looks[Key] = Looks(measurer, lambda key: loops.wake(key))
    loops = Loops(
        client,
        (
            RecModelReconciler(client, settings),
            TrainingRunReconciler(client, settings),
            DeploymentReconciler(client, settings, notifier, looks=looks),
        ),
        LoopMetrics(),
        Timing(resync=settings.resync_seconds),
    )
    ready = asyncio.Event()
    logger.info("starting", extra={"version": __version__, "namespaces": settings.watch_namespaces or "all"})
    try:
        async with (
            serving(probes(health), settings.address, settings.metrics_port),
            serving(
                alerts.receiver(loops, settings, ready.is_set, election.leaders_address),
                settings.address,
                settings.alerts_port,
            ),
        ):
            code = await _lead(settings, client, loops, health, notifier, election, ready, stopping)
    finally:
        await looks.close()
        heartbeat.cancel()
        await client.close()
        await election.close()
    logger.info("stopped", extra={"exitCode": code})
    return code


async def _lead(
    settings: Settings,
    client: Client,
    loops: Loops,
    health: Health,
    notifier: Notifier,
    election: leader.Election | leader.Alone,
    ready: asyncio.Event,
    stopping: asyncio.Event,
) -> int:
    """Wait for the Lease, then work until told to stop (0), or until the Lease is lost (1) or the watches end (1).

    A process that has lost the Lease ends: nothing that it knows, or has begun, counts any more.
    """
    if not await _unless(stopping, election.acquire()):
        await election.release()
        return 0
    metrics.LEADER.set(1)
    holding = asyncio.create_task(election.hold(), name="lease")
    holding.add_done_callback(lambda _: stopping.set())

    async def finish() -> None:
        """End what is under way, and give the Lease away; after that nothing is written, and nobody is told."""
        ready.clear()
        metrics.LEADER.set(0)
        await loops.stop(0.0 if election.lost else GRACE)
        await notifier.stop(0.0 if election.lost else LAST_WORDS)
        holding.cancel()
        await election.release()

    try:
        code = await _watch(settings, client, loops, health, ready, stopping, finish)
    finally:
        await finish()
    if election.lost:
        logger.error("the Lease is lost: starting anew", extra={"lease": settings.lease})
    return 1 if election.lost else code


async def _watch(
    settings: Settings,
    client: Client,
    loops: Loops,
    health: Health,
    ready: asyncio.Event,
    stopping: asyncio.Event,
    finish: Callable[[], Awaitable[None]],
) -> int:
    """Watch with kopf until told to stop (0), or until kopf, or the look at the namespaces, ends on its own (1)."""
    waker = handlers.Waker(loops, health)
    await _unless(stopping, _until_served(client, handlers.OWN))
    if stopping.is_set():
        return 0
    namespaces = Namespaces(client, settings.watch_namespaces, (), loops, health)
    optional = OptionalKinds(client, namespaces.insights, health)
    await _unless(stopping, optional.start())
    namespaces.resources = handlers.to_watch(optional.served)
    await _unless(stopping, namespaces.start())
    if stopping.is_set():
        return 0
    before = asyncio.all_tasks()
    tasks = await kopf.spawn_tasks(
        registry=handlers.registry(client, waker),
        settings=handlers.kopf_settings(),
        standalone=True,
        clusterwide=not namespaces.names,
        namespaces=namespaces.readable,
        insights=namespaces.insights,
    )
    _on_signal(stopping)

    async def changed() -> None:
        namespaces.resources = handlers.to_watch(optional.served)
        await _wake_everything(namespaces, client, loops)

    watching = asyncio.create_task(kopf.run_tasks(tasks, ignored=before), name="kopf")
    keeping = [asyncio.create_task(namespaces.keep(), name="namespaces")]
    keeping.append(asyncio.create_task(optional.keep(changed), name="optional kinds"))
    await _unless(stopping, _wake_everything(namespaces, client, loops))
    if not stopping.is_set():
        ready.set()
        watched = [f"{one.plural}.{one.group}" for one in namespaces.resources]
        logger.info("ready", extra={"watched": watched})
    stop = asyncio.create_task(_until_set(stopping), name="stop")
    await asyncio.wait([watching, stop, *keeping], return_when=asyncio.FIRST_COMPLETED)
    if any(one.cancelled() for one in (stop, *keeping)):
        await asyncio.wait([watching])  # It is ending, and ends every task that it finds.
    ended = next((one for one in (watching, *keeping) if one.done() and not one.cancelled()), None)
    for one in (stop, *keeping):
        one.cancel()
    if ended is not None:
        logger.error("the watches ended", extra={"error": repr(ended.exception())})
        return 1
    await finish()  # Before the watches: when they end, kopf ends every task that it finds.
    watching.cancel()
    await asyncio.wait([watching])
    return 0


async def _until_set(event: asyncio.Event) -> None:
    await event.wait()


async def _unless(stopping: asyncio.Event, work: Coroutine[Any, Any, Result]) -> Result | None:
    """What the work comes to; None when the process is told to stop before that."""
    working = asyncio.create_task(work)
    stop = asyncio.create_task(_until_set(stopping))
    try:
        await asyncio.wait({working, stop}, return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        stop.cancel()
        working.cancel()


async def _until_served(client: Client, resources: tuple[Resource, ...]) -> None:
    """Wait until the API server knows these resources, and tell what is in the way."""
    told = ""
    while True:
        try:
            missing = [f"{one.plural}.{one.group}" for one in resources if not await client.serves(one)]
            reason = f"these resources are not installed: {', '.join(missing)}" if missing else ""
        except ApiError as error:
            reason = error.message
        if not reason:
            return
        if reason != told:
            logger.warning("waiting for the API server", extra={"error": reason})
            told = reason
        await asyncio.sleep(1.0)


async def _wake_everything(namespaces: Namespaces, client: Client, loops: Loops) -> None:
    """Start a task for each object there is. When this is through, the state of the cluster has been taken in."""
    for resource in handlers.OWN:
        for namespace in namespaces.scopes:
            for obj in await _listed(client, resource, namespace, namespaces):
                loops.wake(handlers.key_of(resource, obj))


async def _listed(
    client: Client, resource: Resource, namespace: str | None, namespaces: Namespaces
) -> list[dict[str, Any]]:
    """All objects there are, once the API server tells; none of a namespace that cannot be read."""
    while True:
        try:
            return await client.list(resource, namespace)
        except ApiError as error:
            if namespace is not None and namespaces.refused(namespace, error):
                return []
            logger.warning("cannot list", extra={"resource": resource.plural, "error": error.message})
            await asyncio.sleep(1.0)


def probes(health: Health) -> web.Application:
    """/healthz and /metrics."""

    async def healthz(_: web.Request) -> web.Response:
        problems = health.problems()
        return web.Response(status=503 if problems else 200, text="\n".join(problems or ("ok",)) + "\n")

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.add_routes([web.get("/healthz", healthz), web.get("/metrics", metrics)])
    return app


@asynccontextmanager
async def serving(app: web.Application, address: str, port: int) -> AsyncIterator[None]:
    """Serve on a port; at the end, requests under way have a few seconds to finish."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=6)
    await runner.setup()
    try:
        await web.TCPSite(runner, address, port).start()
        yield
    finally:
        await runner.cleanup()


def _on_signal(stopping: asyncio.Event) -> None:
    """kopf takes the signals for itself when it starts; this takes them back."""
    loop = asyncio.get_running_loop()
    for one in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(one, stopping.set)
