"""What an event of `events.k8s.io/v1` says."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

COMPONENT = "recsys.dev/recsys-operator"
NOTE_BYTES = 1024
"""The API server refuses longer notes."""


@dataclass(frozen=True, slots=True)
class ObjectRef:
    """The object that an event is about."""

    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str

    @classmethod
    def of(cls, obj: Mapping[str, Any]) -> "ObjectRef":
        """The reference to an object as the API server gave it."""
        metadata = obj["metadata"]
        return cls(obj["apiVersion"], obj["kind"], metadata["namespace"], metadata["name"], metadata["uid"])


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to an object, for `kubectl describe`.

    `reason` and `action` are CamelCase words, `message` is a sentence.
    """

    regarding: ObjectRef
    type: Literal["Normal", "Warning"]
    reason: str
    message: str
    action: str

    def manifest(self, instance: str, now: datetime) -> dict[str, Any]:
        """The event as the API server takes it; `instance` names the process that tells it."""
        ref = self.regarding
        time = now.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        identity = "\n".join((ref.uid, self.reason, self.message, time))
        return {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {
                "name": f"{ref.name}.{hashlib.sha256(identity.encode()).hexdigest()[:16]}",
                "namespace": ref.namespace,
            },
            "eventTime": time,
            "reportingController": COMPONENT,
            "reportingInstance": instance[:128],
            "action": self.action,
            "reason": self.reason,
            "regarding": {
                "apiVersion": ref.api_version,
                "kind": ref.kind,
                "namespace": ref.namespace,
                "name": ref.name,
                "uid": ref.uid,
            },
            "note": self.message.encode()[:NOTE_BYTES].decode(errors="ignore"),
            "type": self.type,
        }
