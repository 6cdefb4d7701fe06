"""Hands messages to the process that sends, which is started when there is something to send.

One process sends to many services at once. When one of them hangs, the process gets nothing more and is killed once its
other messages are answered; another one takes over at once. It is told by when to send, and looks at the clock itself
right before it does: both processes may be paused in between.
"""

import asyncio
import json
import math
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from contextlib import suppress
from dataclasses import dataclass, field

from recsys_operator.clock import clock
from recsys_operator.fence import Fence
from recsys_operator.notify.message import Message
from recsys_operator.notify.sender import READY, TOO_LATE

COMMAND = (sys.executable, "-m", "recsys_operator.notify.sender")
DEADLINE = 45.0
"""Seconds until a message counts as not taken; services have time-outs of their own, of some seconds."""
START = 180.0
"""Seconds until a process that is not ready counts as broken: it has a low priority, and loads a lot."""
IDLE = 30.0
"""Seconds after the last message until the process ends."""


@dataclass(slots=True, eq=False)
class Sender:
    """One process, and what it owes."""

    process: Process
    ready: asyncio.Event
    waiting: dict[int, asyncio.Future[str]] = field(default_factory=dict)
    hangs: bool = False
    idle: asyncio.TimerHandle | None = None


class Courier:
    """Sends messages one by one; `deadline`, `idle` and `start` are seconds. None is sent past the `fence`."""

    def __init__(
        self,
        command: tuple[str, ...] = COMMAND,
        deadline: float = DEADLINE,
        idle: float = IDLE,
        start: float = START,
        fence: Fence | None = None,
    ) -> None:
        self._command = command
        self._deadline = deadline
        self._idle = idle
        self._start_deadline = start
        self._fence = fence or (lambda: math.inf)
        self._sender: Sender | None = None
        self._all: dict[asyncio.Task[None], Sender] = {}
        self._starting = asyncio.Lock()
        self._number = 0

    async def send(self, address: str, message: Message) -> str:
        """Empty once the service has taken the message, else why not, as one word."""
        try:
            async with self._starting:
                sender = self._sender or await self._start()
            if sender is None:
                return "SenderFailed"
            async with asyncio.timeout(self._deadline):
                return await self._ask(sender, address, message)
        except TimeoutError:
            return "TimedOut"
        except OSError:
            return "SenderFailed"

    @property
    def processes(self) -> tuple[int, ...]:
        """Process ids of those that run."""
        return tuple(sender.process.pid for sender in self._all.values())

    async def close(self) -> None:
        """Kill the processes, whatever they do."""
        readers = dict(self._all)
        for sender in readers.values():
            _kill(sender.process)
        await asyncio.gather(*readers, return_exceptions=True)

    async def _ask(self, sender: Sender, address: str, message: Message) -> str:
        left = self._fence()
        if left <= 0:
            return TOO_LATE
        self._number += 1
        number = self._number
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        sender.waiting[number] = answer
        if sender.idle:
            sender.idle.cancel()
        request = {
            "id": number,
            "address": address,
            "title": message.title,
            "body": message.body,
            "kind": message.kind,
            "until": clock() + left,
        }
        try:
            assert sender.process.stdin
            sender.process.stdin.write(json.dumps(request).encode() + b"\n")
            await sender.process.stdin.drain()
            return await answer
        except asyncio.CancelledError:
            # The deadline: the thread that sends cannot be stopped, its process can.
            sender.hangs = True
            self._leave(sender)
            raise
        finally:
            sender.waiting.pop(number, None)
            self._release(sender)

    async def _start(self) -> Sender | None:
        """A process that takes messages; None when it does not come to that."""
        process = await asyncio.create_subprocess_exec(*self._command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL)
        sender = Sender(process, asyncio.Event())
        reader = asyncio.create_task(self._read(sender), name="notifications: answers")
        self._all[reader] = sender
        reader.add_done_callback(self._all.pop)
        try:
            async with asyncio.timeout(self._start_deadline):
                await sender.ready.wait()
        except TimeoutError:
            _kill(process)
            return None
        if reader.done() or sender.hangs:
            return None
        self._sender = sender
        return sender

    def _release(self, sender: Sender) -> None:
        """End a process that owes nothing: at once when it hangs, else after a while."""
        if sender.waiting:
            return
        if sender.hangs:
            _kill(sender.process)
        else:
            sender.idle = asyncio.get_running_loop().call_later(self._idle, self._dismiss, sender)

    def _dismiss(self, sender: Sender) -> None:
        if not sender.waiting:
            self._leave(sender)
            _kill(sender.process)

    def _leave(self, sender: Sender) -> None:
        if self._sender is sender:
            self._sender = None

    async def _read(self, sender: Sender) -> None:
        """Pass the answers on until the process ends; whoever still waits then is told."""
        assert sender.process.stdout
        try:
            async for line in sender.process.stdout:
                found = json.loads(line)
                if found["id"] == READY:
                    sender.ready.set()
                    continue
                answer = sender.waiting.get(found["id"])
                if answer and not answer.done():
                    answer.set_result(str(found["outcome"]))
        finally:
            sender.hangs = True
            sender.ready.set()
            self._leave(sender)
            if sender.idle:
                sender.idle.cancel()
            for answer in sender.waiting.values():
                if not answer.done():
                    answer.set_result("SenderFailed")
            _kill(sender.process)
            await sender.process.wait()


def _kill(process: Process) -> None:
    with suppress(ProcessLookupError):
        process.kill()
