"""Our side: a canary at 50 %, an alert posted to the operator's receiver as Alertmanager posts it."""

import random
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from benchmarks.rollback import stage
from benchmarks.rollback.figures import Rollback, Side
from benchmarks.rollback.traffic import WRITTEN_SECONDS, Traffic
from benchmarks.rollback.watch import Watch
from hack.demo.kube import get, kubectl, say
from hack.demo.record import weights_of
from hack.soak.alert import Receiver

SIDE = Side("recsys-operator", "alert → HTTPRoute weight")


@dataclass
class Lane:
    """One Deployment whose canary is rolled back again and again."""

    name: str
    url: str
    rate: int
    receiver: Receiver

    def __post_init__(self) -> None:
        """A load and a watch of its own."""
        self.traffic = Traffic(f"{self.name}.example.com", self.url, self.rate, stage.HISTORIES)
        self.watch = Watch(("httproute", self.name), weights_of)

    def manifest(self, version: int) -> dict[str, Any]:
        """The Deployment, pinned."""
        return {
            "apiVersion": "recsys.dev/v1alpha1",
            "kind": "Deployment",
            "metadata": {"name": self.name},
            "spec": {
                "modelRef": {"name": "movies"},
                "version": {"pin": version},
                "replicas": 1,
                "resources": {
                    "requests": {"cpu": "100m", "memory": "256Mi"},
                    "limits": {"cpu": "1", "memory": "768Mi"},
                },
                "traffic": {
                    "gateway": {"name": "gateway", "namespace": "gateway-system"},
                    "hostnames": [self.traffic.host],
                },
                "strategy": {"canary": {"steps": [{"weight": 50}, {"pause": {"durationSeconds": 3600}}]}},
            },
        }

    def begin(self) -> None:
        """Version 1 serves, under load; version 2 is asked for."""
        stage.apply(self.manifest(stage.GOOD))
        stage.until(f"{self.name} serving", lambda: stage.reason("rdep", self.name) == "Serving", 180)
        self.watch.start()
        self.traffic.start()
        self.traffic.wait_for(stage.GOOD, 60)
        stage.apply(self.manifest(stage.BAD))

    def rollback(self, number: int, *, again: bool) -> Rollback:
        """Wait for the canary at 50 %, post the alert, wait until it is gone; then lift the block for the next one."""
        stage.until(f"{self.name}: a canary at 50 %", self._halfway, 180)
        self.traffic.wait_for(stage.BAD, 60)
        time.sleep(random.uniform(0.2, 1.2))
        told = time.time()
        outcome = self.receiver.post(self.name, stage.BAD)
        answered = time.time()
        if outcome != "RolledBack":
            raise RuntimeError(f"{self.name}: the alert led to {outcome}")
        zero = self.watch.first(lambda weights: not weights.get(stage.BAD), told, 30)
        stage.until(f"{self.name}: the canary gone", lambda: "canary" not in get("rdep", self.name)["status"], 120)
        time.sleep(max(0.0, answered + WRITTEN_SECONDS + 1 - time.time()))
        last = self.traffic.last_answer(stage.BAD, told, time.time())
        if again:
            command = f"recsys.dev/unblock=v{stage.BAD}/{self.name}-{number}"
            kubectl("annotate", "rdep", self.name, command, "--overwrite")
        return Rollback(SIDE.name, number, zero - told, max(0.0, (last or told) - told), answered - told)

    def _halfway(self) -> bool:
        canary = get("rdep", self.name)["status"].get("canary", {})
        return canary.get("weight") == 50 and canary.get("step", 0) >= 1 and "abort" not in canary


def measure(url: str, count: int, rate: int, lanes: int) -> tuple[list[Rollback], tuple[int, int]]:
    """So many rollbacks, shared among Deployments: while one waits for its pods, another one is rolled back."""
    receiver = Receiver.of_cluster()
    mine = [Lane(f"bench-{index}", url, rate, receiver) for index in range(lanes)]
    try:
        for lane in mine:
            lane.begin()
        with ThreadPoolExecutor(lanes) as pool:
            futures = [pool.submit(_shift, lane, range(index, count, lanes), count) for index, lane in enumerate(mine)]
            found = [one for future in futures for one in future.result()]
    finally:
        for lane in mine:
            lane.traffic.stop()
            lane.watch.stop()
    totals = (sum(lane.traffic.requests for lane in mine), sum(lane.traffic.failed for lane in mine))
    return found, totals


def _shift(lane: Lane, numbers: range, count: int) -> list[Rollback]:
    found = []
    for number in numbers:
        one = lane.rollback(number, again=number != numbers[-1])
        told = f"weight 0 after {one.zero * 1e3:.0f} ms, last answer after {one.last * 1e3:.0f} ms"
        say(f"   {SIDE.name} {number + 1} of {count}: {told}")
        found.append(one)
    return found
