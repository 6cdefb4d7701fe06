"""One Deployment under a load that never stops, and what may happen to it."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hack.demo.kube import NAMESPACE, StepFailed, condition, get, items, kubectl, wait_until
from hack.demo.load import Load
from hack.soak.alert import Receiver

NAME = "steady"
HOST = f"{NAME}.example.com"
STEPS = [{"weight": 10}, {"pause": {"durationSeconds": 5}}, {"weight": 50}, {"pause": {"durationSeconds": 5}}]


@dataclass
class Shop:
    """The Deployment `steady` of the demo's model, with versions 1 and 2 to go to and fro between."""

    url: str
    """The gateway's; where there is none, the load goes to the Service."""
    replicas: int = 2
    memory: str = "512Mi"
    stable: int = 1
    commands: int = 0
    extra: dict[str, Any] = field(default_factory=dict)
    """More of the spec; None takes a field away."""

    @property
    def other(self) -> int:
        """The version that does not serve."""
        return 2 if self.stable == 1 else 1

    def manifest(self, version: int) -> dict[str, Any]:
        """The Deployment, pinned."""
        spec: dict[str, Any] = {
            "modelRef": {"name": "movies"},
            "version": {"pin": version},
            "replicas": self.replicas,
            "resources": {
                "requests": {"cpu": "50m", "memory": "128Mi"},
                "limits": {"cpu": "1", "memory": self.memory},
            },
            "traffic": {"gateway": {"name": "gateway", "namespace": "gateway-system"}, "hostnames": [HOST]},
            "strategy": {"canary": {"steps": STEPS}},
            "rollback": {"warmSeconds": 60},
        }
        return {
            "apiVersion": "recsys.dev/v1alpha1",
            "kind": "Deployment",
            "metadata": {"name": NAME},
            "spec": {name: value for name, value in {**spec, **self.extra}.items() if value is not None},
        }

    def apply(self, version: int) -> None:
        """Ask for a version."""
        path = Path(".local/soak/deployment.json")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.manifest(version)))
        kubectl("apply", "-f", str(path))

    def status(self) -> dict[str, Any]:
        """The Deployment's status."""
        return dict(get("deployments.recsys.dev", NAME).get("status", {}))

    def wait(self, what: str, holds: Callable[[dict[str, Any]], bool], seconds: float = 180) -> None:
        """Wait until the status is as it should be."""

        def probe() -> str | None:
            obj = get("deployments.recsys.dev", NAME)
            if holds(obj.get("status", {})):
                return None
            ready = condition(obj, "Ready")
            return f"{NAME}: {ready.get('reason', 'new')}: {ready.get('message', '')}"

        wait_until(what, probe, seconds, every=0.25)

    def settled(self, seconds: float = 240) -> None:
        """Wait until the stable version serves everything and nothing else goes on."""

        def holds(status: dict[str, Any]) -> bool:
            ready = condition({"status": status}, "Ready")
            generation = get("deployments.recsys.dev", NAME)["metadata"]["generation"]
            return (
                ready.get("status") == "True"
                and ready.get("observedGeneration") == generation
                and "canary" not in status
                and status["stable"]["version"] == self.stable
            )

        self.wait(f"version {self.stable} to serve everything", holds, seconds)

    def begin(self) -> None:
        """Version 1 serves."""
        kubectl("delete", "rdep", NAME, "--ignore-not-found", "--wait=true")
        self.apply(self.stable)
        self.settled()

    def canary(self, weight: int) -> None:
        """The other version is asked for, and has that weight."""
        self.apply(self.other)
        self.wait(
            f"a canary of version {self.other} with {weight} %",
            lambda status: status.get("canary", {}).get("weight", 0) >= weight and "abort" not in status["canary"],
        )

    def command(self, name: str, version: int) -> None:
        """A command annotation with a fresh id."""
        self.commands += 1
        value = f"v{version}/{self.commands}-{time.time_ns()}"
        kubectl("annotate", "rdep", NAME, f"recsys.dev/{name}={value}", "--overwrite")

        def done(status: dict[str, Any]) -> bool:
            return any(one["argument"] == value for one in status.get("commands", ()))

        self.wait(f"the command {name} to be carried out", done, 30)

    def alert(self, version: int) -> str:
        """A critical alert about a version, as Alertmanager posts it; what became of it."""
        return Receiver.of_cluster().post(NAME, version)

    def pods(self, version: int) -> list[str]:
        """Names of the ready pods of a version."""
        found = items("pods", "-l", f"recsys.dev/deployment={NAME},recsys.dev/version={version}")
        return [
            pod["metadata"]["name"]
            for pod in found
            if "deletionTimestamp" not in pod["metadata"] and condition(pod, "Ready").get("status") == "True"
        ]

    def service(self) -> str:
        """The address of the Deployment's own Service."""
        address = kubectl("get", "service", NAME, "-o", "jsonpath={.spec.clusterIP}:{.spec.ports[0].port}")
        return f"http://{address}"

    def evict(self, pod: str) -> None:
        """Evict a pod as a drained node does; a budget that does not allow it is waited for."""
        eviction = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": pod, "namespace": NAMESPACE},
        }
        path = Path(".local/soak/eviction.json")
        path.write_text(json.dumps(eviction))
        end = time.monotonic() + 120
        while True:
            try:
                kubectl("create", "--raw", f"/api/v1/namespaces/{NAMESPACE}/pods/{pod}/eviction", "-f", str(path))
            except StepFailed:
                if time.monotonic() > end:
                    raise
                time.sleep(1)
            else:
                return

    def load(self, name: str, rate: int, requests: int = 1_000_000) -> Load:
        """A load that has begun: half of its requests keep their connection, half make a new one."""
        load = Load(name, self.url or self.service(), HOST, rate, requests)
        load.start()
        return load

    def under_load(self, name: str, rate: int, happens: Callable[[], None]) -> dict[str, Any]:
        """What became of the requests while something happened, and in the two seconds after it."""
        load = self.load(name, rate)
        try:
            happens()
            time.sleep(2)
        finally:
            result = load.finish(stop=True)
        return result
