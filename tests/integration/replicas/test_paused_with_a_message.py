"""A leader is paused with a question to a gate, or a notification, in hand: it sends neither once another one leads."""

import asyncio
import base64
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import yaml
from aiohttp import web
from aiohttp.test_utils import TestServer
from tests.integration.harness import access
from tests.integration.harness.api import until
from tests.integration.kill.case import PATIENCE, Case, World
from tests.integration.kill.objects import deployment
from tests.integration.kill.rollout import (
    HOLD,
    STEPS,
    alert,
    canary,
    edit,
    falls_back,
    has_ten_percent,
    serves,
    three_versions,
    until_promoted,
)
from tests.integration.notify.servers import webhook_server
from tests.integration.replicas.pair import pair
from tests.integration.replicas.test_failover import holder

from recsys_operator.api.kinds import DEPLOYMENTS, SECRETS

pytestmark = [pytest.mark.full, pytest.mark.timeout(600)]

SENDER = b"recsys_operator.notify.sender"
HANDED_OVER = 4.0
"""Seconds after a rollback until the sender has its notification for certain; it waits for half of one."""
LOOPBACK = {"RECSYS_FORBIDDEN_NETWORKS": "192.0.2.0/24"}
"""Gates are on loopback here."""


class Door:
    """Whoever reads the Secret is held up here until it opens."""

    def __init__(self) -> None:
        self.arrived, self.open = asyncio.Event(), asyncio.Event()

    async def wait(self) -> None:
        """Come to the door."""
        self.arrived.set()
        await self.open.wait()


async def takes_over(other: Case) -> None:
    """Wait until the other replica has the Lease, and no longer: what is in hand has time-outs of its own."""

    async def check() -> bool:
        return bool(await holder(other) == "second")

    await until("the Lease to change hands", check, PATIENCE, every=0.1)


async def begin(one: Case) -> None:
    """Version 1 serves."""
    await three_versions(one)
    await one.api.create(DEPLOYMENTS, deployment(one.namespace, STEPS))
    await serves(one, 1)


async def test_a_question_to_a_gate(world: World) -> None:
    """It is paused while it reads the token for the question, and has the token when it wakes."""
    posts: list[object] = []

    async def gate(request: web.Request) -> web.Response:
        posts.append(await request.json())
        return web.json_response({"message": "by Ada"})

    app = web.Application()
    app.router.add_post("/gate", gate)
    async with TestServer(app) as server, pair(world, "paused-gate", LOOPBACK) as (first, second):
        doors = {one.namespace + str(number): Door() for number, one in enumerate((first, second))}
        for one, door in zip((first, second), doors.values(), strict=True):
            one.proxy.delay_reads = lambda path, door=door: door.wait() if path.endswith("/secrets/gate") else None  # type: ignore[misc]
        mine, others = doors.values()
        access.allow_secret(world.plane, first.namespace, "gate")
        secret = {"metadata": {"name": "gate", "namespace": first.namespace}}
        await first.api.create(SECRETS, {**secret, "data": {"token": base64.b64encode(b"of-the-gate").decode()}})
        await begin(first)
        asked = {"url": str(server.make_url("/gate")), "token": {"name": "gate", "key": "token"}}
        metric = {"name": "desk", "webhook": asked, "intervalSeconds": 1}
        steps = [{"weight": 10}, {"analysis": {"durationSeconds": 1, "metrics": [metric]}}]
        await edit(first, **canary(3, steps))
        await asyncio.wait_for(mine.arrived.wait(), PATIENCE)
        first.operator.pause()
        mine.open.set()  # The token waits at a process that sleeps.
        await takes_over(second)
        first.operator.go_on()
        assert await first.operator.ended(PATIENCE) == 1
        assert posts == [], "it asked although it had lost the Lease"
        others.open.set()
        await until_promoted(second, 3)
        assert posts, "the new leader asks"


@contextmanager
def targets(directory: Path, address: str) -> Iterator[dict[str, str]]:
    """The operator's settings with one target."""
    (directory / "addresses").mkdir()
    (directory / "addresses" / "hook").write_text(address)
    (directory / "targets.yaml").write_text(
        yaml.safe_dump({"targets": [{"name": "hook", "events": ["RolledBack", "WeightChanged"]}]})
    )
    yield {
        "RECSYS_NOTIFICATION_TARGETS": str(directory / "targets.yaml"),
        "RECSYS_NOTIFICATION_ADDRESS_DIR": str(directory / "addresses"),
    }


def sender_of(parent: int) -> int:
    """The process that sends notifications for an operator."""
    for found in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            ours = int(found.joinpath("stat").read_text().rpartition(")")[2].split()[1]) == parent
            if ours and SENDER in found.joinpath("cmdline").read_bytes():
                return int(found.name)
    raise AssertionError(f"the operator {parent} has no process that sends")


def runs(pid: int) -> bool:
    """Whether there is still such a process."""
    return Path(f"/proc/{pid}").exists()


def written_by(pid: int) -> int:
    """Bytes that a process has written so far: an answer to the operator adds some."""
    fields = dict(line.split(": ") for line in Path(f"/proc/{pid}/io").read_text().splitlines())
    return int(fields["wchar"])


async def test_a_notification(world: World, tmp_path: Path) -> None:
    """Of a rollback; operator and sender are paused when the sender has been given it, and both wake too late."""
    async with webhook_server() as hook:
        with targets(tmp_path, hook.address()) as settings:
            async with pair(world, "paused-told", settings) as (first, second):
                await begin(first)
                await edit(first, **canary(3, HOLD))
                await has_ten_percent(first, 3)

                async def told() -> bool:
                    count = f'recsys_notifications_total{{outcome="Sent",target="hook"}} {float(len(hook.posts))}'
                    return bool(hook.posts) and count in await first.operator.metrics()

                await until("the notification of the weight, which is not held up", told, PATIENCE)
                posts, sender = len(hook.posts), sender_of(first.operator.pid)
                os.kill(sender, signal.SIGSTOP)
                written = written_by(sender)
                await alert(first, 3)
                # Nobody tells when the sender has it. Was this too short, it has nothing to answer, which fails below.
                await asyncio.sleep(HANDED_OVER)
                first.operator.pause()
                await takes_over(second)
                os.kill(sender, signal.SIGCONT)

                async def answered() -> bool:
                    return written_by(sender) > written

                await until("the sender to have done with it", answered, PATIENCE)
                assert len(hook.posts) == posts, "it told of the rollback although another one may lead"
                first.operator.go_on()
                assert await first.operator.ended(PATIENCE) == 1
                await falls_back(second, 3)
                assert len(hook.posts) == posts
                assert not runs(sender), "the sender outlives its operator"
