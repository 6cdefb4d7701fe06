"""Flagger on the same gateway, with its fastest setting: the least interval (10 seconds) and a rollback webhook."""

import os
import random
import time
from pathlib import Path
from typing import Any

from benchmarks.rollback import stage
from benchmarks.rollback.controllers import Judge, running
from benchmarks.rollback.figures import Rollback, Side
from benchmarks.rollback.traffic import WRITTEN_SECONDS, Traffic
from benchmarks.rollback.watch import Watch
from hack.demo.kube import NAMESPACE, get, kubectl, say

SIDE = Side("Flagger", "a look every 10 s, its least; rollback webhook → HTTPRoute weight")
NAME = "bench-flagger"


def measure(
    binaries: Path, url: str, count: int, rate: int, pods: dict[int, dict[str, Any]], prometheus: str
) -> tuple[list[Rollback], tuple[int, int]]:
    """So many rollbacks one after the other."""
    kubectl("apply", "--server-side", "-f", str((binaries / "flagger-crds").resolve()))
    judge = Judge()
    traffic = Traffic(f"{NAME}.example.com", url, rate, stage.HISTORIES)
    watch = Watch(("httproute", NAME), _canary_weight)
    stage.apply(_deployment(pods[stage.GOOD], 0))
    stage.apply(_canary(judge.url))
    command = [str(binaries / "flagger"), "-mesh-provider=gatewayapi:v1", f"-metrics-server={prometheus}"]
    command += [f"-namespace={NAMESPACE}", "-port=18091", "-log-level=info", "-threadiness=2"]
    command.append(f"-kubeconfig={os.environ['KUBECONFIG']}")  # It does not look at the variable.
    found: list[Rollback] = []
    try:
        with running("flagger", command) as alive:
            stage.until("Flagger initialized", lambda: alive() and _phase() == "Initialized", 240)
            watch.start()
            traffic.start()
            traffic.wait_for(stage.GOOD, 60)
            for number in range(count):
                found.append(_rollback(number, judge, traffic, watch, pods))
                one = found[-1]
                told = f"weight 0 after {one.zero * 1e3:.0f} ms, last answer after {one.last * 1e3:.0f} ms"
                say(f"   {SIDE.name} {number + 1} of {count}: {told}")
    finally:
        traffic.stop()
        watch.stop()
        judge.close()
        stage.clean(f"canary.flagger.app/{NAME}", f"deployment.apps/{NAME}", f"deployment.apps/{NAME}-primary")
        stage.clean(f"httproute/{NAME}", *(f"service/{NAME}{suffix}" for suffix in ("", "-primary", "-canary")))
    return found, (traffic.requests, traffic.failed)


def setting() -> dict[str, Any]:
    """What decides how fast it is: its Canary."""
    spec: dict[str, Any] = _canary("")["spec"]
    return spec


def _rollback(number: int, judge: Judge, traffic: Traffic, watch: Watch, pods: dict[int, dict[str, Any]]) -> Rollback:
    judge.bad.clear()
    stage.apply(_deployment(pods[stage.BAD], number + 1))
    stage.until("a canary of Flagger at 50 %", lambda: watch.changes[-1][1] == 50, 180)
    traffic.wait_for(stage.BAD, 60)
    time.sleep(random.uniform(0.2, 1.2))
    told = time.time()
    judge.bad.set()
    zero = watch.first(lambda weight: weight == 0, told, 60)
    time.sleep(max(0.0, zero + 12 + WRITTEN_SECONDS - time.time()))
    last = traffic.last_answer(stage.BAD, told, time.time())
    stage.until("Flagger done", lambda: _phase() == "Failed", 120)
    return Rollback(SIDE.name, number, zero - told, max(0.0, (last or told) - told))


def _canary_weight(route: dict[str, Any]) -> int | None:
    backends = [one for rule in route["spec"].get("rules", ()) for one in rule.get("backendRefs", ())]
    return next((int(one.get("weight", 1)) for one in backends if one["name"] == f"{NAME}-canary"), 0)


def _phase() -> str:
    return str(get("canary.flagger.app", NAME).get("status", {}).get("phase", ""))


def _deployment(template: dict[str, Any], attempt: int) -> dict[str, Any]:
    """The template with a new annotation each time: Flagger tries a revision that failed only once."""
    labels = {"app": NAME}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": NAME, "labels": labels},
        "spec": {
            "minReadySeconds": 2,
            "selector": {"matchLabels": labels},
            "template": {**template, "metadata": {"labels": labels, "annotations": {"attempt": str(attempt)}}},
        },
    }


def _canary(judge: str) -> dict[str, Any]:
    return {
        "apiVersion": "flagger.app/v1beta1",
        "kind": "Canary",
        "metadata": {"name": NAME},
        "spec": {
            "provider": "gatewayapi:v1",
            "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": NAME},
            "service": {
                "port": 80,
                "targetPort": "http",
                "hosts": [f"{NAME}.example.com"],
                "gatewayRefs": [stage.GATEWAY],
            },
            "skipAnalysis": False,
            "analysis": {
                "interval": "1s",
                "threshold": 1,
                "maxWeight": 50,
                "stepWeight": 50,
                "webhooks": [
                    {"name": "hold", "type": "confirm-promotion", "url": f"{judge}/hold"},
                    {"name": "bad", "type": "rollback", "url": f"{judge}/roll-back"},
                ],
            },
        },
    }
