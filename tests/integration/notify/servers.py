"""Real servers on loopback that notifications are sent to: one for mail, one for webhooks."""

import asyncio
import email.policy
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any

from aiohttp import web
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from tests.integration.harness.processes import free_port

USER, PASSWORD = "operator", "p4ssw0rd-of-the-tests"


@dataclass
class Mailbox:
    """What the mail server has taken."""

    port: int
    mails: list[EmailMessage] = field(default_factory=list)

    def address(self, password: str = PASSWORD) -> str:
        """As Apprise takes it."""
        return f"mailto://{USER}:{password}@127.0.0.1:{self.port}/?from=a@example.com&to=b@example.com&mode=insecure"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        self.mails.append(email.message_from_bytes(envelope.content, EmailMessage, policy=email.policy.default))
        return "250 OK"


@contextmanager
def mail_server() -> Iterator[Mailbox]:
    """A server that wants a password."""
    box = Mailbox(free_port())

    def authenticate(*args: Any) -> AuthResult:
        given = args[-1]
        right = isinstance(given, LoginPassword) and given.password == PASSWORD.encode()
        return AuthResult(success=right, handled=False)

    controller = Controller(
        box,
        hostname="127.0.0.1",
        port=box.port,
        authenticator=authenticate,
        auth_required=True,
        auth_require_tls=False,
    )
    controller.start()
    try:
        yield box
    finally:
        controller.stop()


@dataclass
class Hook:
    """What the webhook server was asked: a path that begins with a status answers that, `hang` and `drip` never end."""

    port: int = 0
    posts: list[dict[str, Any]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    """Statuses for the next posts, before 200."""
    hanging: int = 0

    def address(self, path: str = "", options: str = "") -> str:
        """As Apprise takes it; the password is in the path, as those of chat services are."""
        return f"json://127.0.0.1:{self.port}/{path or 'ok'}/{PASSWORD}{options}"

    async def post(self, request: web.Request) -> web.StreamResponse:
        found = json.loads(await request.read())
        self.posts.append(found)
        what = request.path.split("/")[1]
        if what in ("hang", "drip"):
            return await self._never(request, drips=what == "drip")
        if what.isdigit():
            return web.Response(status=int(what))
        return web.Response(status=self.answers.pop(0) if self.answers else 200)

    async def _never(self, request: web.Request, *, drips: bool) -> web.StreamResponse:
        self.hanging += 1
        response = web.StreamResponse()
        if drips:
            await response.prepare(request)
        try:
            while request.transport is not None and not request.transport.is_closing():
                if drips:
                    await response.write(b"x")
                await asyncio.sleep(0.05)
        finally:
            self.hanging -= 1
        return response


@asynccontextmanager
async def webhook_server() -> AsyncIterator[Hook]:
    """A server of webhooks."""
    hook = Hook(free_port())
    app = web.Application()
    app.router.add_post("/{tail:.*}", hook.post)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", hook.port).start()
    try:
        yield hook
    finally:
        await runner.cleanup()
