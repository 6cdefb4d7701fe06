"""Which of several operators acts: the one that holds a Lease, by the algorithm of client-go's leader election.

The holder renews the Lease every two seconds. Others take it when they have not seen it change for fifteen. A holder
that has not renewed it for ten stops writing, so there are five seconds between its last write and another's first.
Time counts from before a renewal was sent, by a clock that nobody sets and that goes on while the machine sleeps; the
clocks of two machines are never compared.
"""

import asyncio
import logging
import math
import socket
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Protocol

from recsys_operator.api.kinds import LEASES, Resource
from recsys_operator.apply.client import ApiError, connect
from recsys_operator.clock import clock
from recsys_operator.settings import Settings

logger = logging.getLogger(__name__)

LEASE_DURATION = 15
"""Seconds without a change after which others may take the Lease."""
RENEW_DEADLINE = 10.0
"""Seconds without a renewal after which the holder does not write any more."""
RETRY_PERIOD = 2.0
"""Seconds between two renewals, and between two tries that fail."""
LOOK_PERIOD = 1.0
"""Seconds between two looks of those who stand by: how late they may see that the Lease is renewed, or released."""
PATIENCE = 5.0
"""Seconds for one try, so that a connection that hangs leaves time for another."""
ADDRESS = "recsys.dev/alerts-address"
"""Annotation of the Lease: where its holder takes alerts."""


class Leases(Protocol):
    """The API server, as far as an election needs it; an `apply.client.Client` without a fence is one."""

    async def get(self, resource: Resource, namespace: str, name: str) -> dict[str, Any] | None:
        """The object, or None where there is none."""
        ...

    async def create(self, resource: Resource, manifest: dict[str, Any]) -> dict[str, Any]:
        """Create; a conflict when there is one of this name already."""
        ...

    async def replace(self, resource: Resource, manifest: dict[str, Any]) -> dict[str, Any]:
        """Replace the object that was read; a conflict when it has changed since."""
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...


class Alone:
    """The election where there is no Lease: this process is the only one, and leads."""

    lost = False

    def seconds_left(self) -> float:
        """No end."""
        return math.inf

    def leaders_address(self) -> str:
        """There is no other."""
        return ""

    async def acquire(self) -> bool:
        """At once."""
        return True

    async def hold(self) -> None:
        """For ever."""
        await asyncio.Event().wait()

    async def release(self) -> None:
        """Nothing to release."""

    async def close(self) -> None:
        """Nothing to close."""


class Election:
    """One candidate for one Lease. `acquire`, then `hold` until it returns, then `release` if it did not."""

    def __init__(
        self,
        client: Leases,
        lease: str,
        identity: str,
        address: str = "",
        clock: Callable[[], float] = clock,
    ) -> None:
        self.client = client
        self.namespace, _, self.name = lease.partition("/")
        self.identity = identity
        self.address = address
        self.lost = False
        """Whether this process held the Lease and does not any more, without having given it away."""
        self._released = False
        self._clock = clock
        self._renewed = -math.inf
        self._lease: dict[str, Any] | None = None
        """As the API server had it last, when that is not known to be old."""
        self._seen: tuple[Any, ...] = ()
        self._changed = -math.inf
        self._complained = ""

    def seconds_left(self) -> float:
        """For how long this process may still write; none when it may not."""
        return 0.0 if self.lost or self._released else self._renewed + RENEW_DEADLINE - self._clock()

    def leaders_address(self) -> str:
        """Where the replica that leads takes alerts; empty when it is this one, or not known."""
        if self._lease is None or _holder(self._lease) in ("", self.identity):
            return ""
        return str(self._lease["metadata"].get("annotations", {}).get(ADDRESS, ""))

    async def acquire(self) -> bool:
        """Wait until this process holds the Lease."""
        told = ""
        while self.seconds_left() <= 0:
            delay = await self.step()
            holder = _holder(self._lease)
            if self.seconds_left() <= 0:
                if holder and holder != told:
                    logger.info("standing by", extra={"lease": f"{self.namespace}/{self.name}", "leader": holder})
                told = holder or told
                await asyncio.sleep(delay)
        logger.info("leading", extra={"lease": f"{self.namespace}/{self.name}", "identity": self.identity})
        return True

    async def hold(self) -> None:
        """Renew the Lease; returns when it is lost, for good."""
        delay = RETRY_PERIOD
        while self.seconds_left() > 0:
            await asyncio.sleep(min(delay, self.seconds_left()))
            if self.seconds_left() > 0:
                delay = await self.step()
        self.lost = not self._released

    async def step(self) -> float:
        """Try once to take the Lease, or to renew it; gives the seconds to wait before the next try."""
        begin = self._clock()
        try:
            async with asyncio.timeout(min(PATIENCE, self.seconds_left()) if self.seconds_left() > 0 else PATIENCE):
                await self._try(begin)
            self._complained = ""
        except (ApiError, TimeoutError) as error:
            self._lease = self._lease if self.seconds_left() <= 0 else None
            self._complain(str(error) or "no answer in time")
        else:
            if self.seconds_left() <= 0:
                return min(LOOK_PERIOD, max(0.05, self._free_in()))
        return max(0.0, RETRY_PERIOD - (self._clock() - begin))

    async def release(self) -> None:
        """Give the Lease away, so that another replica takes it at its next look. Nothing is written after that."""
        held = self.seconds_left() > 0
        self._released = True
        if not held:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                if not await self._released_once():
                    await self._released_once()

    async def close(self) -> None:
        """Close the connections."""
        await self.client.close()

    async def _released_once(self) -> bool:
        """Whether there is nothing left to release. A renewal that was broken off may have changed the Lease."""
        try:
            lease = self._lease or await self.client.get(LEASES, self.namespace, self.name)
            if _holder(lease) == self.identity and lease is not None:
                await self.client.replace(LEASES, self._manifest(lease, released=True))
        except ApiError as error:
            self._lease = None
            return error.status != 409
        return True

    async def _try(self, begin: float) -> None:
        lease = self._lease if self.seconds_left() > 0 else None
        if lease is None:
            lease = await self.client.get(LEASES, self.namespace, self.name)
            self._look_at(lease)
        if lease is None:
            self._lease = await self.client.create(LEASES, self._manifest({}))
        elif self._free_in() > 0:
            self.lost = self.lost or self.seconds_left() > 0
            return
        else:
            self._lease = await self.client.replace(LEASES, self._manifest(lease))
        self._renewed = begin

    def _look_at(self, lease: dict[str, Any] | None) -> None:
        """Remember since when the Lease has been as it is."""
        spec = (lease or {}).get("spec", {})
        seen = tuple(spec.get(name) for name in ("holderIdentity", "acquireTime", "renewTime", "leaseTransitions"))
        if seen != self._seen:
            self._seen, self._changed = seen, self._clock()
        self._lease = lease

    def _free_in(self) -> float:
        """Seconds until the Lease may be taken, as far as we know."""
        holder = _holder(self._lease)
        if self._lease is None or holder in ("", self.identity):
            return 0.0
        duration = self._lease["spec"].get("leaseDurationSeconds") or LEASE_DURATION
        return self._changed + float(duration) - self._clock()

    def _manifest(self, lease: Mapping[str, Any], *, released: bool = False) -> dict[str, Any]:
        """The Lease in our hand, or in nobody's. It carries the resourceVersion that was read."""
        metadata, spec = lease.get("metadata", {}), lease.get("spec", {})
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        ours = _holder(lease) == self.identity
        transitions = int(spec.get("leaseTransitions") or 0) + (1 if lease and not ours else 0)
        held = {
            "leaseDurationSeconds": 1 if released else LEASE_DURATION,
            "acquireTime": spec.get("acquireTime") if ours else now,
            "renewTime": now,
            "leaseTransitions": transitions,
        }
        others = {name: value for name, value in metadata.get("annotations", {}).items() if name != ADDRESS}
        return {
            "apiVersion": LEASES.api_version,
            "kind": LEASES.kind,
            "metadata": {
                **metadata,
                "namespace": self.namespace,
                "name": self.name,
                "annotations": others if released or not self.address else {**others, ADDRESS: self.address},
            },
            "spec": held if released else {**held, "holderIdentity": self.identity},
        }

    def _complain(self, problem: str) -> None:
        """Once for each problem, not for each try."""
        if problem != self._complained:
            logger.warning(
                "the Lease was not renewed or taken", extra={"lease": f"{self.namespace}/{self.name}", "error": problem}
            )
        self._complained = problem


def _holder(lease: Mapping[str, Any] | None) -> str:
    return str((lease or {}).get("spec", {}).get("holderIdentity") or "")


async def candidate(settings: Settings) -> Election | Alone:
    """The election that the settings ask for, with a connection of its own: renewals wait for nothing else."""
    if not settings.lease:
        return Alone()
    identity = settings.identity or f"{socket.gethostname()}_{uuid.uuid4()}"
    host = settings.advertised_address
    address = f"[{host}]" if ":" in host else host
    return Election(await connect(), settings.lease, identity, f"{address}:{settings.alerts_port}" if host else "")
