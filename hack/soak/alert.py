"""A critical alert, posted to the operator as Alertmanager posts it; and those of the cluster, silenced."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

import httpx
from hack.demo.kube import NAMESPACE, SYSTEM, kubectl, say


@dataclass(frozen=True, slots=True)
class Receiver:
    """The operator's alert receiver."""

    url: str
    token: str

    @classmethod
    def of_cluster(cls) -> Self:
        """That of the cluster, with the token that hack/demo/install.sh made."""
        address = kubectl("get", "service", "recsys-operator", "-n", SYSTEM, "-o", "jsonpath={.spec.clusterIP}")
        return cls(f"http://{address}:8081/alerts", Path(".local/alert-token").read_text().strip())

    def post(self, deployment: str, version: int) -> str:
        """An alert that begins now, with a fingerprint of its own; what became of it once it is acted on."""
        alert = {
            "status": "firing",
            "labels": {
                "alertname": "RecsysErrorRateHigh",
                "severity": "critical",
                "namespace": NAMESPACE,
                "deployment": deployment,
                "version": str(version),
            },
            "annotations": {"summary": "somebody says so"},
            "startsAt": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
            "endsAt": "0001-01-01T00:00:00Z",
            "fingerprint": f"{time.time_ns():x}",
        }
        body = {"version": "4", "status": "firing", "receiver": "recsys-operator", "alerts": [alert]}
        headers = {"Authorization": f"Bearer {self.token}"}
        answer = httpx.post(self.url, json=body, headers=headers, timeout=10)
        answer.raise_for_status()
        return str(answer.json()["alerts"][0]["outcome"])


@contextmanager
def silenced(deployments: str, alert: str, minutes: float) -> Iterator[None]:
    """Silence an alert of the local cluster's Alertmanager for the Deployments whose names match; others go on.

    It ends with the block, and after so many minutes where this process does not live to see that. Where nobody
    installed that Alertmanager there is nothing to silence.
    """
    service = ("service", "alertmanager", "-n", "monitoring", "--ignore-not-found")
    address = kubectl("get", *service, "-o", "jsonpath={.spec.clusterIP}").strip()
    if not address:
        say(f"   no Alertmanager in the namespace monitoring: {alert} is not silenced")
        yield
        return
    now = datetime.now(UTC)
    body = {
        "matchers": [
            {"name": "alertname", "value": alert, "isRegex": False, "isEqual": True},
            {"name": "deployment", "value": deployments, "isRegex": True, "isEqual": True},
        ],
        "startsAt": now.isoformat(),
        "endsAt": (now + timedelta(minutes=minutes)).isoformat(),
        "createdBy": "soak",
        "comment": "the demo's limit of latency is one for an idle machine",
    }
    api = f"http://{address}:9093/api/v2"
    made = httpx.post(f"{api}/silences", json=body, timeout=10).raise_for_status().json()["silenceID"]
    try:
        yield
    finally:
        httpx.delete(f"{api}/silence/{made}", timeout=10).raise_for_status()
