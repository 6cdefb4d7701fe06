"""What waits to be told: a bounded queue for each target, tried again with back-off until it is taken or too old.

One message to a target is under way at a time. One that is not taken goes to the end of its queue, so that it delays no
other. It is sent to each address of the target until that has taken it, and then not again.
"""

import asyncio
import hashlib
import logging
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from recsys_operator.notify.message import Message

logger = logging.getLogger(__name__)

MOST_WAITING = 100
"""Messages that may wait for one target."""


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds."""

    before: float = 0.5
    """Before the first attempt: what the message tells of goes first."""
    first_back_off: float = 2.0
    longest_back_off: float = 300.0
    give_up: float = 3600.0
    """A message that is older than this after an attempt is given up."""


@dataclass(slots=True, eq=False)
class Letter:
    """A message on its way to a target. `about` is the caller's own."""

    target: str
    message: Message
    about: object = None
    posted: float = 0.0
    taken: set[str] = field(default_factory=set)
    """Hashes of the addresses that have it."""
    attempts: int = 0


class Hooks(Protocol):
    """What becomes of letters."""

    def waiting(self, target: str, count: int) -> None:
        """So many letters wait for the target."""

    def ended(self, letter: Letter, outcome: str) -> None:
        """A letter was Sent, or Dropped for want of room."""

    def refused(self, letter: Letter, reason: str) -> None:
        """An attempt failed; another one follows."""

    async def failed(self, letter: Letter, reason: str) -> None:
        """A letter was given up."""


class Outbox:
    """All queues. `addresses` tells where a target leads now; `send` is one attempt (empty: taken, else why not)."""

    def __init__(
        self,
        addresses: Callable[[str], tuple[str, ...]],
        send: Callable[[str, Message], Awaitable[str]],
        hooks: Hooks,
        patience: Patience | None = None,
        parallel: int = 8,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._addresses = addresses
        self._send = send
        self._hooks = hooks
        self._patience = patience or Patience()
        self._places = asyncio.Semaphore(parallel)
        self._clock = clock
        self._queues: dict[str, deque[Letter]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._stopping = False

    def post(self, letter: Letter) -> None:
        """Queue a letter; returns at once. Where there is no room, the oldest minor one makes room, else the oldest."""
        if self._stopping:
            return
        letter.posted = self._clock()
        queue = self._queues.setdefault(letter.target, deque())
        queue.append(letter)
        if len(queue) > MOST_WAITING:
            dropped = next((one for one in queue if one.message.minor), queue[0])
            queue.remove(dropped)
            self._hooks.ended(dropped, "Dropped")
        self._hooks.waiting(letter.target, len(queue))
        if letter.target not in self._tasks:
            self._tasks[letter.target] = asyncio.get_running_loop().create_task(
                self._deliver(letter.target, queue), name=f"notifications to {letter.target}"
            )

    async def stop(self, grace: float) -> None:
        """Take nothing more, and give what waits so many seconds."""
        self._stopping = True
        tasks = list(self._tasks.values())
        if tasks:
            await asyncio.wait(tasks, timeout=grace)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _deliver(self, target: str, queue: deque[Letter]) -> None:
        await asyncio.sleep(self._patience.before)
        failures = 0
        while queue:
            letter = queue.popleft()
            reason = await self._attempt(letter)
            failures = failures + 1 if reason else 0
            if not reason:
                self._hooks.ended(letter, "Sent")
            elif self._clock() - letter.posted >= self._patience.give_up:
                await self._hooks.failed(letter, reason)
            else:
                queue.append(letter)
                self._hooks.refused(letter, reason)
            self._hooks.waiting(target, len(queue))
            if queue and reason:
                await asyncio.sleep(self._back_off(failures))
        del self._tasks[target]

    async def _attempt(self, letter: Letter) -> str:
        """Empty when every address has taken it, else why the first one did not."""
        letter.attempts += 1
        addresses = self._addresses(letter.target)
        if not addresses:
            return "NoAddress"
        left = [one for one in addresses if _hash(one) not in letter.taken]
        async with self._places:
            outcomes = await asyncio.gather(*(self._sent(address, letter) for address in left))
        return next((outcome for outcome in outcomes if outcome), "")

    async def _sent(self, address: str, letter: Letter) -> str:
        try:
            outcome = await self._send(address, letter.message)
        except Exception as error:
            # Its text is not logged: it may quote the address.
            logger.error("sending a notification failed", extra={"error": type(error).__name__})
            return "SenderFailed"
        if not outcome:
            letter.taken.add(_hash(address))
        return outcome

    def _back_off(self, failures: int) -> float:
        longest = min(self._patience.longest_back_off, self._patience.first_back_off * 2.0 ** min(failures - 1, 16))
        return longest * random.uniform(0.75, 1.0)  # noqa: S311


def _hash(address: str) -> str:
    return hashlib.sha256(address.encode()).hexdigest()
