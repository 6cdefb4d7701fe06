"""Who holds the Lease, from when until when, on a played API server and a clock that tests set."""

import asyncio
import math
from dataclasses import dataclass, field
from typing import Any

import pytest

from recsys_operator import leader
from recsys_operator.api.kinds import Resource
from recsys_operator.apply.client import ApiError
from recsys_operator.leader import (
    ADDRESS,
    LEASE_DURATION,
    LOOK_PERIOD,
    RENEW_DEADLINE,
    RETRY_PERIOD,
    Alone,
    Election,
    candidate,
)
from recsys_operator.settings import Settings

LEASE = "recsys-system/recsys-operator"


@dataclass
class Cluster:
    """The API server, with optimistic locking, and the clocks of all candidates; each may be cut off."""

    now: float = 1000.0
    lease: dict[str, Any] | None = None
    version: int = 0
    away: bool = False
    requests: list[str] = field(default_factory=list)
    replaced: asyncio.Event = field(default_factory=asyncio.Event)

    def clock(self) -> float:
        return self.now

    async def get(self, _: Resource, namespace: str, name: str) -> dict[str, Any] | None:
        self._heard("get")
        assert f"{namespace}/{name}" == LEASE
        return self.lease

    async def create(self, _: Resource, manifest: dict[str, Any]) -> dict[str, Any]:
        self._heard("create")
        if self.lease is not None:
            raise ApiError(409, "AlreadyExists", "there is one")
        return self._kept(manifest)

    async def replace(self, _: Resource, manifest: dict[str, Any]) -> dict[str, Any]:
        self._heard("replace")
        if self.lease is None or manifest["metadata"].get("resourceVersion") != str(self.version):
            raise ApiError(409, "Conflict", "it has changed")
        self.replaced.set()
        return self._kept(manifest)

    async def close(self) -> None:
        pass

    def _heard(self, what: str) -> None:
        self.requests.append(what)
        if self.away:
            raise ApiError(0, "Unreachable", "no route to host")

    def _kept(self, manifest: dict[str, Any]) -> dict[str, Any]:
        self.version += 1
        metadata = {**manifest["metadata"], "resourceVersion": str(self.version)}
        self.lease = {**manifest, "metadata": metadata}
        return self.lease

    def candidate(self, identity: str) -> Election:
        return Election(self, LEASE, identity, f"{identity}:8081", self.clock)

    @property
    def holder(self) -> str | None:
        assert self.lease
        return self.lease["spec"].get("holderIdentity")


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


def leads(election: Election) -> bool:
    return election.seconds_left() > 0


async def test_the_first_makes_the_lease_and_others_stand_by(cluster: Cluster) -> None:
    one, other = cluster.candidate("one"), cluster.candidate("other")
    assert not leads(one)
    await one.step()
    assert leads(one)
    assert await other.step() == LOOK_PERIOD
    assert not leads(other)
    assert cluster.lease
    spec = cluster.lease["spec"]
    assert (spec["holderIdentity"], spec["leaseDurationSeconds"], spec["leaseTransitions"]) == ("one", 15, 0)
    assert spec["acquireTime"] == spec["renewTime"]
    assert (one.leaders_address(), other.leaders_address()) == ("", "one:8081")


async def test_two_that_begin_at_once(cluster: Cluster) -> None:
    """Both find no Lease; one of the two writes is refused."""
    one, other = cluster.candidate("one"), cluster.candidate("other")
    await asyncio.gather(one.step(), other.step())
    assert [leads(one), leads(other)].count(True) == 1


async def test_two_that_find_the_same_expired_lease(cluster: Cluster) -> None:
    await cluster.candidate("dead").step()
    one, other = cluster.candidate("one"), cluster.candidate("other")
    await asyncio.gather(one.step(), other.step())
    cluster.now += LEASE_DURATION
    await asyncio.gather(one.step(), other.step())
    assert [leads(one), leads(other)].count(True) == 1
    assert cluster.lease
    assert cluster.lease["spec"]["leaseTransitions"] == 1


async def test_a_renewed_lease_is_never_taken(cluster: Cluster) -> None:
    one, other = cluster.candidate("one"), cluster.candidate("other")
    await one.step()
    for _ in range(100):
        await other.step()
        cluster.now += RETRY_PERIOD
        await one.step()
        assert leads(one)
        assert not leads(other)
    assert cluster.requests.count("get") == 101, "a renewal needs no read"


async def test_a_dead_leader_s_lease_is_taken_when_it_was_seen_unchanged_for_its_duration(cluster: Cluster) -> None:
    one, other = cluster.candidate("one"), cluster.candidate("other")
    await one.step()
    cluster.now += 0.5
    await other.step()
    for _ in range(16):
        cluster.now += 0.9
        delay = await other.step()
        assert not leads(other)
    assert delay == pytest.approx(0.6), "it looks again when the Lease ends, not a whole period later"
    cluster.now += delay
    await other.step()
    assert leads(other)
    assert cluster.lease
    assert cluster.lease["spec"]["leaseTransitions"] == 1
    assert cluster.lease["metadata"]["annotations"][ADDRESS] == "other:8081"


async def test_the_old_leader_stops_writing_before_anybody_can_begin(cluster: Cluster) -> None:
    """However late its last renewal arrived: the fence counts from before it was sent."""
    one, other = cluster.candidate("one"), cluster.candidate("other")
    await one.step()
    await other.step()
    cluster.now += RENEW_DEADLINE - 0.1
    assert leads(one)
    cluster.now += 0.1
    assert not leads(one)
    cluster.now += LEASE_DURATION - RENEW_DEADLINE - 0.1
    await other.step()
    assert not leads(other)
    cluster.now += 0.1
    await other.step()
    assert leads(other)


async def test_a_slow_answer_does_not_prolong_the_lease(cluster: Cluster) -> None:
    one = cluster.candidate("one")
    await one.step()
    cluster.now += RETRY_PERIOD
    kept = cluster._kept

    def slow(manifest: dict[str, Any]) -> dict[str, Any]:
        cluster.now += 4
        return kept(manifest)

    cluster._kept = slow  # type: ignore[method-assign]
    assert await one.step() == 0, "the next renewal is due at once"
    assert one.seconds_left() == RENEW_DEADLINE - 4


async def test_a_renewal_of_which_no_answer_came(cluster: Cluster) -> None:
    """The Lease has changed since it was read last: it is read again, and is still ours."""
    one = cluster.candidate("one")
    await one.step()
    cluster.version += 1
    assert cluster.lease
    cluster.lease["metadata"]["resourceVersion"] = str(cluster.version)
    one._lease = {**cluster.lease, "metadata": {**cluster.lease["metadata"], "resourceVersion": "1"}}
    cluster.now += RETRY_PERIOD
    await one.step()
    assert one.seconds_left() == RENEW_DEADLINE - RETRY_PERIOD
    await one.step()
    assert one.seconds_left() == RENEW_DEADLINE


async def test_an_api_server_that_is_away_for_a_while(cluster: Cluster) -> None:
    one = cluster.candidate("one")
    await one.step()
    cluster.away = True
    cluster.now += 9
    await one.step()
    assert leads(one)
    cluster.away = False
    await one.step()
    assert one.seconds_left() == RENEW_DEADLINE


async def test_who_stands_by_does_not_besiege_an_api_server_that_is_away(cluster: Cluster) -> None:
    one = cluster.candidate("one")
    cluster.away = True
    assert await one.step() == RETRY_PERIOD
    cluster.away = False
    await cluster.candidate("other").step()
    await one.step()
    cluster.away = True
    assert await one.step() == RETRY_PERIOD


async def test_what_is_lost_stays_lost(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that slept does not lead when it wakes, even if nobody took its Lease meanwhile."""
    one = cluster.candidate("one")
    await one.step()
    monkeypatch.setattr(leader, "RETRY_PERIOD", 0.1)
    holding = asyncio.create_task(one.hold())
    await asyncio.sleep(0)
    cluster.now += 60
    assert not leads(one)
    await asyncio.wait_for(holding, 30)
    assert one.lost
    requests = len(cluster.requests)
    await one.release()
    assert len(cluster.requests) == requests, "it writes nothing any more, not even to the Lease"


async def test_a_lease_that_somebody_took_away(cluster: Cluster) -> None:
    """An administrator, say: the leader finds it out when its renewal conflicts."""
    one, other = cluster.candidate("one"), cluster.candidate("other")
    await one.step()
    assert cluster.lease
    cluster._kept({**cluster.lease, "spec": {**cluster.lease["spec"], "holderIdentity": None}})
    await other.step()
    assert leads(other)
    await one.step()
    await one.step()
    assert one.lost
    assert not leads(one)


async def test_a_released_lease_is_taken_at_the_next_look(cluster: Cluster) -> None:
    one, other = cluster.candidate("one"), cluster.candidate("other")
    await one.step()
    await other.step()
    await one.release()
    assert not leads(one)
    assert not one.lost, "it was given away"
    assert cluster.holder is None
    assert cluster.lease
    assert ADDRESS not in cluster.lease["metadata"]["annotations"]
    await other.step()
    assert leads(other)


async def test_a_release_after_a_renewal_that_was_broken_off(cluster: Cluster) -> None:
    one = cluster.candidate("one")
    await one.step()
    assert cluster.lease
    cluster._kept(cluster.lease)
    await one.release()
    assert cluster.holder is None


async def test_the_container_that_is_started_again_goes_on_at_once(cluster: Cluster) -> None:
    """Its identity is the pod's, and the process before it is dead."""
    await cluster.candidate("pod").step()
    again = cluster.candidate("pod")
    await again.step()
    assert leads(again)
    assert cluster.lease
    assert cluster.lease["spec"]["leaseTransitions"] == 0


async def test_acquire_waits_and_hold_renews(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leader, "RETRY_PERIOD", 0.1)
    one = cluster.candidate("one")
    assert await asyncio.wait_for(one.acquire(), 5)
    holding = asyncio.create_task(one.hold())
    await asyncio.wait_for(cluster.replaced.wait(), 30)
    assert not holding.done()
    holding.cancel()


async def test_without_a_lease_a_process_leads() -> None:
    election = await candidate(Settings(trainer_image="trainer:1", server_image="server:1"))
    assert isinstance(election, Alone)
    assert await election.acquire()
    assert election.seconds_left() == math.inf
    assert election.leaders_address() == ""
