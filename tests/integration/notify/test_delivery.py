"""Apprise in its own process against real servers: what is taken, what is refused, what hangs."""

import asyncio
import os
import re
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import apprise
import pytest
from tests.integration.harness.api import until
from tests.integration.harness.binaries import ROOT
from tests.integration.harness.processes import free_port
from tests.integration.notify.servers import PASSWORD, mail_server, webhook_server

from recsys_operator.notify.courier import Courier
from recsys_operator.notify.message import Message
from recsys_operator.notify.outbox import Letter, Outbox, Patience

MESSAGE = Message("[shop/movies] RolledBack", "Version 4 is taken back: <slow> & bad.\n\nStable 1.", "failure")


pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")


@pytest.fixture(autouse=True)
def _path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "operator"))


@pytest.fixture
async def courier() -> AsyncIterator[Courier]:
    found = Courier()
    yield found
    await found.close()
    assert found.processes == ()


def runs(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def shown_by(pid: int) -> bytes:
    """What everybody on the machine may read of a process, and what its children inherit."""
    return Path(f"/proc/{pid}/cmdline").read_bytes() + Path(f"/proc/{pid}/environ").read_bytes()


async def gone(courier: Courier) -> None:
    """Wait until no process is left."""

    async def none() -> bool:
        return courier.processes == ()

    await until("the end of the sender", none)


async def test_a_mail_arrives_as_it_was_written(courier: Courier) -> None:
    with mail_server() as box:
        assert await courier.send(box.address(), MESSAGE) == ""
        assert await courier.send(box.address("wrong"), MESSAGE) == "Smtp535"
        assert await courier.send(box.address() + "&format=text", MESSAGE) == ""
    html, text = box.mails
    assert (html["Subject"], html["To"]) == (MESSAGE.title, "b@example.com")
    body = html.get_body(("html",))
    assert body
    shown = body.get_content().replace("&nbsp;", " ")
    assert "Version 4 is taken back: &lt;slow&gt; &amp; bad." in shown, "what a message quotes is no markup"
    assert text.get_content().splitlines() == MESSAGE.body.splitlines()


async def test_a_webhook_gets_title_text_and_kind(courier: Courier) -> None:
    async with webhook_server() as hook:
        assert await courier.send(hook.address(), MESSAGE) == ""
    (post,) = hook.posts
    assert (post["title"], post["message"], post["type"]) == (MESSAGE.title, MESSAGE.body, "failure")


async def test_why_something_is_not_taken_is_one_word(courier: Courier) -> None:
    async with webhook_server() as hook:
        assert await courier.send(hook.address("401"), MESSAGE) == "Http401"
        assert await courier.send(hook.address("503"), MESSAGE) == "Http503"
        assert await courier.send(hook.address("hang", "?rto=0.2"), MESSAGE) == "TimedOut"
    assert await courier.send(f"json://127.0.0.1:{free_port()}/{PASSWORD}", MESSAGE) == "ConnectionRefused"
    assert await courier.send("json://nobody.invalid/", MESSAGE) == "NoSuchHost"
    assert await courier.send(f"nonsense://{PASSWORD}", MESSAGE) == "BadAddress"


async def test_refused_twice_then_taken_once() -> None:
    class Hooks:
        ends: list[str] = []  # noqa: RUF012

        def waiting(self, target: str, count: int) -> None: ...

        def ended(self, letter: Letter, outcome: str) -> None:
            self.ends.append(outcome)

        def refused(self, letter: Letter, reason: str) -> None:
            self.ends.append(reason)

        async def failed(self, letter: Letter, reason: str) -> None: ...

    courier = Courier()
    async with webhook_server() as hook:
        hook.answers = [503, 500]
        addresses = (hook.address(), hook.address("other"))
        box = Outbox(lambda _: addresses, courier.send, Hooks(), Patience(0, 0, 0))
        box.post(Letter("oncall", MESSAGE))
        await asyncio.gather(*box._tasks.values())
    await courier.close()
    assert Hooks.ends[-1] == "Sent"
    assert set(Hooks.ends[:-1]) <= {"Http503", "Http500"}
    assert len(hook.posts) == 4, "two addresses, two refusals, nothing twice"


async def test_a_service_that_never_ends_is_cut_off_and_delays_no_other() -> None:
    """It sends a byte now and then, so that no time-out of a socket ends it."""
    courier = Courier(deadline=6)
    async with webhook_server() as hook:
        stuck = asyncio.create_task(courier.send(hook.address("drip"), MESSAGE))

        async def drips() -> bool:
            return hook.hanging == 1

        await until("the service that never ends", drips)
        assert await courier.send(hook.address(), MESSAGE) == ""
        assert not stuck.done()
        (before,) = courier.processes
        assert await stuck == "TimedOut"
        await gone(courier)
        assert not runs(before)
        assert await courier.send(hook.address(), MESSAGE) == "", "another process takes over"
    await courier.close()


async def test_a_process_that_is_killed_loses_its_message_and_no_other(courier: Courier) -> None:
    async with webhook_server() as hook:
        stuck = asyncio.create_task(courier.send(hook.address("hang"), MESSAGE))

        async def hangs() -> bool:
            return hook.hanging == 1

        await until("the service that hangs", hangs)
        (pid,) = courier.processes
        os.kill(pid, signal.SIGKILL)
        assert await stuck == "SenderFailed"
        assert await courier.send(hook.address(), MESSAGE) == ""


async def test_the_process_ends_when_there_is_nothing_to_send_and_its_arguments_tell_nothing() -> None:
    courier = Courier(idle=0.01)
    async with webhook_server() as hook:
        sending = asyncio.create_task(courier.send(hook.address("hang", "?rto=0.5"), MESSAGE))

        async def hangs() -> bool:
            return hook.hanging == 1

        await until("the service that hangs", hangs)
        (pid,) = courier.processes
        assert PASSWORD.encode() not in shown_by(pid)
        await sending
        await gone(courier)


def test_apprise_knows_the_addresses_of_the_documentation() -> None:
    text = (ROOT / "docs/how-to/notifications.md").read_text()
    found = re.findall(r"[`']([a-z]+://[^`']+)[`']", text)
    addresses = [address for address in found if len(address) > len("json://")]
    assert len(addresses) >= 7
    assert [address for address in addresses if apprise.Apprise.instantiate(address) is None] == []


@pytest.mark.parametrize("command", [("sleep", "60"), ("false",), ("no-such-program",)])
async def test_a_process_that_does_not_come_up_is_an_attempt_that_failed(command: tuple[str, ...]) -> None:
    courier = Courier(command, start=0.2)
    assert await courier.send("json://127.0.0.1/", MESSAGE) == "SenderFailed"
    await gone(courier)
    await courier.close()
