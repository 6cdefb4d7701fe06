"""The one way to the model: a bounded queue in front of one thread, so the event loop never computes."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from recsys_workers.serve.refusal import unavailable

T = TypeVar("T")


class Lane:
    """Runs work in order, off the event loop.

    One thread, because ONNX Runtime uses all of the pod's CPUs for one inference: two at once would only share them.
    A request that finds `max_pending` others waiting, or that waited longer than `patience_seconds`, is refused with
    503: under overload the latency of the answered requests stays bounded.
    """

    def __init__(self, max_pending: int, patience_seconds: float) -> None:
        self._max_pending = max_pending
        self._patience_seconds = patience_seconds
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="inference")
        self.pending = 0
        """Requests that wait or are being computed."""
        self._idle = asyncio.Event()
        self._idle.set()

    def refuse_when_full(self) -> None:
        """Raise Refused (503) when there is no room: asked before any work is done for a request."""
        if self.pending >= self._max_pending:
            raise unavailable("Overloaded", f"{self.pending} requests wait for the model already: try again later.")

    async def run(self, work: Callable[[], T]) -> T:
        """The result of `work`; raises Refused (503) when there is no room or no time for it."""
        self.refuse_when_full()
        deadline = time.monotonic() + self._patience_seconds

        def work_in_time() -> T:
            if time.monotonic() > deadline:
                raise unavailable(
                    "Overloaded", f"The request waited over {self._patience_seconds:g} seconds for the model."
                )
            return work()

        self.pending += 1
        self._idle.clear()
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work_in_time)
        finally:
            self.pending -= 1
            if not self.pending:
                self._idle.set()

    async def idle(self) -> None:
        """Return when nothing waits: for work that must not delay a request."""
        while self.pending:
            await self._idle.wait()

    def close(self) -> None:
        """Finish what is queued and end the thread."""
        self._pool.shutdown(wait=True)
