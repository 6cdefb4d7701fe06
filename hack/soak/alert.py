"""A critical alert, posted to the operator as Alertmanager posts it."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

import httpx
from hack.demo.kube import NAMESPACE, SYSTEM, kubectl


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
