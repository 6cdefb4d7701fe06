"""Argo Rollouts, with its fastest sensible analysis: a web metric every second that may not fail once.

Its plugin for the Gateway API cannot be had as a Go module, so traffic follows the ratio of the pods, behind the same
gateway: one stable and one canary pod. "Weight 0" is a canary that the API server tells to be scaled to 0. That happens
once another stable pod is available: with `maxUnavailable` above 0 it would be sooner, and capacity would be lost.
"""

import random
import time
from pathlib import Path
from typing import Any

from benchmarks.rollback import stage
from benchmarks.rollback.controllers import Judge, running
from benchmarks.rollback.figures import Rollback, Side
from benchmarks.rollback.traffic import WRITTEN_SECONDS, Traffic
from benchmarks.rollback.watch import Watch
from hack.demo.kube import get, kubectl, say

SIDE = Side("Argo Rollouts", "web metric each second, failureLimit 0 → pod ratio")
NAME = "bench-argo"


def measure(
    binaries: Path, url: str, count: int, rate: int, pods: dict[int, dict[str, Any]]
) -> tuple[list[Rollback], tuple[int, int]]:
    """So many rollbacks one after the other."""
    kubectl("apply", "--server-side", "-f", str((binaries / "argo-rollouts-crds").resolve()))
    judge = Judge()
    traffic = Traffic(f"{NAME}.example.com", url, rate, stage.HISTORIES)
    hashes: dict[str, int] = {}
    watch = Watch(("replicasets", "-l", f"app={NAME}"), lambda one: _replicas(one, hashes))
    stage.apply(stage.service(NAME, NAME))
    stage.apply(_route())
    stage.apply(_template(judge.url))
    stage.apply(_rollout(pods[stage.GOOD]))
    command = [
        str(binaries / "rollouts-controller"),
        "--leader-elect=false",
        "--metricsPort=18090",
        "--healthzPort=18080",
    ]
    found: list[Rollback] = []
    try:
        with running("argo-rollouts", command) as alive:
            stage.until("Argo Rollouts serving", lambda: alive() and _phase() == "Healthy", 180)
            watch.start()
            traffic.start()
            traffic.wait_for(stage.GOOD, 60)
            for number in range(count):
                found.append(_rollback(number, judge, traffic, watch, pods))
                one = found[-1]
                told = f"canary scaled to 0 after {one.zero * 1e3:.0f} ms, last answer after {one.last * 1e3:.0f} ms"
                say(f"   {SIDE.name} {number + 1} of {count}: {told}")
    finally:
        traffic.stop()
        watch.stop()
        judge.close()
        stage.clean(
            f"rollout.argoproj.io/{NAME}",
            f"httproute/{NAME}",
            f"service/{NAME}",
            f"analysistemplate.argoproj.io/{NAME}",
        )
    return found, (traffic.requests, traffic.failed)


def setting() -> dict[str, Any]:
    """What decides how fast it is: its Rollout, but for the pods, and its analysis."""
    return {"rollout": _rollout({})["spec"], "analysis": _template("")["spec"]}


def _rollback(number: int, judge: Judge, traffic: Traffic, watch: Watch, pods: dict[int, dict[str, Any]]) -> Rollback:
    judge.bad.clear()
    stage.apply(_rollout(pods[stage.BAD]))
    stage.until("a canary of Argo Rollouts", lambda: _phase() == "Paused", 180)
    traffic.wait_for(stage.BAD, 60)
    canary = str(get("rollout.argoproj.io", NAME)["status"]["currentPodHash"])
    time.sleep(random.uniform(0.2, 1.2))
    told = time.time()
    judge.bad.set()
    zero = watch.first(lambda replicas: replicas.get(canary) == 0, told, 60)
    time.sleep(max(0.0, zero + 12 + WRITTEN_SECONDS - time.time()))  # longer than the pod's preStop
    last = traffic.last_answer(stage.BAD, told, time.time())
    judge.bad.clear()
    stage.apply(_rollout(pods[stage.GOOD]))
    stage.until("Argo Rollouts back", lambda: _phase() == "Healthy", 180)
    return Rollback(SIDE.name, number, zero - told, max(0.0, (last or told) - told))


def _replicas(one: dict[str, Any], hashes: dict[str, int]) -> dict[str, int]:
    hashes[one["metadata"]["labels"]["rollouts-pod-template-hash"]] = one["spec"].get("replicas", 1)
    return dict(hashes)


def _phase() -> str:
    status = get("rollout.argoproj.io", NAME)
    observed = status.get("status", {}).get("observedGeneration") == str(status["metadata"]["generation"])
    return str(status.get("status", {}).get("phase", "")) if observed else ""


def _rollout(template: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "metadata": {"name": NAME},
        "spec": {
            "replicas": 2,
            "minReadySeconds": 2,
            "selector": {"matchLabels": {"app": NAME}},
            "template": stage.labelled(template, NAME),
            "strategy": {
                "canary": {
                    "maxSurge": 1,
                    "maxUnavailable": 0,
                    "analysis": {"templates": [{"templateName": NAME}]},
                    "steps": [{"setWeight": 50}, {"pause": {}}],
                }
            },
        },
    }


def _template(judge: str) -> dict[str, Any]:
    metric = {
        "name": "good",
        "interval": "1s",
        "failureLimit": 0,
        "successCondition": "result == true",
        "provider": {"web": {"url": f"{judge}/value", "timeoutSeconds": 2, "jsonPath": "{$.ok}"}},
    }
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AnalysisTemplate",
        "metadata": {"name": NAME},
        "spec": {"metrics": [metric]},
    }


def _route() -> dict[str, Any]:
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": NAME},
        "spec": {
            "parentRefs": [stage.GATEWAY],
            "hostnames": [f"{NAME}.example.com"],
            "rules": [{"matches": stage.MATCHES, "backendRefs": [{"name": NAME, "port": 80}]}],
        },
    }
