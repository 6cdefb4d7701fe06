"""Records what the demo's picture is drawn from: the weights of the HTTPRoute as the API server told them."""

import json
import subprocess
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from hack.demo.kube import NAMESPACE


@dataclass(frozen=True, slots=True)
class WeightChange:
    """Weights by version from a moment on (seconds since the epoch, as seen by the watch)."""

    time: float
    weights: dict[int, int]


def weights_of(route: dict[str, Any]) -> dict[int, int]:
    """Version → weight, read off the names of the backends (`<deployment>-v<version>-<revision>`)."""
    found: dict[int, int] = {}
    for rule in route.get("spec", {}).get("rules", []):
        for backend in rule.get("backendRefs", []):
            version = int(backend["name"].rsplit("-v", 1)[1].split("-")[0])
            found[version] = int(backend.get("weight", 1))
    return found


@dataclass
class RouteRecorder:
    """Follows one HTTPRoute with `kubectl get --watch` until stopped."""

    name: str
    changes: list[WeightChange] = field(default_factory=list)
    _process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Begins to follow."""
        command = ["kubectl", "-n", NAMESPACE, "get", "httproute", self.name, "--watch", "-o", "json"]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        threading.Thread(target=self._follow, args=(self._process,), daemon=True).start()

    def _follow(self, process: subprocess.Popen[str]) -> None:
        decoder, text = json.JSONDecoder(), ""
        assert process.stdout is not None
        for line in process.stdout:
            text += line
            if not line.startswith("}"):
                continue
            route, end = decoder.raw_decode(text.lstrip())
            text = text.lstrip()[end:]
            weights = weights_of(route)
            if not self.changes or self.changes[-1].weights != weights:
                self.changes.append(WeightChange(time.time(), weights))

    def stop(self) -> None:
        """Ends the watch."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()

    def when(self, version: int, weight: int, after: float) -> float | None:
        """When that version first had that weight (absent backends have 0), at or after a moment."""
        for change in self.changes:
            if change.time >= after and change.weights.get(version, 0) == weight:
                return change.time
        return None
