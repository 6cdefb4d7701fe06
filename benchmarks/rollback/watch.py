"""Follows objects with `kubectl get --watch` and remembers when the API server told of which value."""

import json
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hack.demo.kube import NAMESPACE


@dataclass
class Watch:
    """`value` is taken from each object that is told of; None means that the object says nothing about it."""

    arguments: tuple[str, ...]
    value: Callable[[dict[str, Any]], Any]
    namespace: str = NAMESPACE
    changes: list[tuple[float, Any]] = field(default_factory=list)
    _process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Begin to follow."""
        command = ["kubectl", "-n", self.namespace, "get", *self.arguments, "--watch", "-o", "json"]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        threading.Thread(target=self._follow, args=(self._process,), daemon=True).start()

    def _follow(self, process: subprocess.Popen[str]) -> None:
        text: list[str] = []
        assert process.stdout is not None
        for line in process.stdout:
            text.append(line)
            if not line.startswith("}"):  # the end of an object, which kubectl indents
                continue
            now = time.time()
            value = self.value(json.loads("".join(text)))
            text.clear()
            if value is not None and (not self.changes or self.changes[-1][1] != value):
                self.changes.append((now, value))

    def stop(self) -> None:
        """End the watch."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()

    def first(self, wanted: Callable[[Any], bool], after: float, seconds: float) -> float:
        """When the first value that is wanted was told after a moment; waits for it."""
        until = time.time() + seconds
        while True:
            for moment, value in tuple(self.changes):
                if moment >= after and wanted(value):
                    return moment
            if time.time() > until:
                raise TimeoutError(f"kubectl get {' '.join(self.arguments)}: what was waited for did not come")
            time.sleep(0.02)
