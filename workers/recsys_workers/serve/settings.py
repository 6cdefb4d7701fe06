"""What the pod's environment tells the server."""

import os
from collections.abc import Mapping
from dataclasses import dataclass


class BadSettings(Exception):
    """The environment does not describe a server. The message is a sentence for the user."""


@dataclass(frozen=True, slots=True)
class Settings:
    """One server process: which version it serves and how much it may use."""

    namespace: str
    model: str
    deployment: str
    version: int
    artifact_uri: str
    digest: str
    """`sha256:<hex>` of manifest.json: the only bytes that this process may serve."""
    catalogue: str
    """The JSON of RecModel's spec.catalogue, or an empty string."""
    threads: int
    """Threads of ONNX Runtime: the pod's CPU limit, because the library would look at the host."""
    host: str
    port: int
    max_pending: int
    """Requests that may wait for the model; the next one is answered 503."""
    patience_seconds: int
    """A request that waited this long for the model is answered 503: its client has gone, or soon will."""
    drain_seconds: int
    """How long after SIGTERM the server still answers, asking every client to close its connection."""
    revision: str = ""
    """What the operator calls this version with these pods; empty outside of it, and then nothing is shadowed."""
    shadow_file: str = ""
    """Where a ConfigMap says whether requests are copied to a shadow; empty: they never are."""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> "Settings":
        """Read RECSYS_*; raises BadSettings naming the variable."""
        digest = _required(environ, "RECSYS_DIGEST")
        if not digest.startswith("sha256:") or len(digest) != len("sha256:") + 64:
            raise BadSettings(f"RECSYS_DIGEST is {digest!r}: it must be sha256: and 64 hexadecimal digits.")
        return cls(
            namespace=_required(environ, "RECSYS_NAMESPACE"),
            model=_required(environ, "RECSYS_MODEL"),
            deployment=_required(environ, "RECSYS_DEPLOYMENT"),
            version=_whole_number("RECSYS_VERSION", _required(environ, "RECSYS_VERSION")),
            artifact_uri=_required(environ, "RECSYS_ARTIFACT_URI"),
            digest=digest,
            catalogue=environ.get("RECSYS_CATALOGUE", ""),
            threads=_whole_number("RECSYS_THREADS", environ.get("RECSYS_THREADS") or "1"),
            host=environ.get("RECSYS_HOST") or "0.0.0.0",  # noqa: S104
            port=_whole_number("RECSYS_PORT", environ.get("RECSYS_PORT") or "8080"),
            max_pending=_whole_number("RECSYS_MAX_PENDING", environ.get("RECSYS_MAX_PENDING") or "256"),
            patience_seconds=_whole_number("RECSYS_PATIENCE_SECONDS", environ.get("RECSYS_PATIENCE_SECONDS") or "5"),
            drain_seconds=_whole_number("RECSYS_DRAIN_SECONDS", environ.get("RECSYS_DRAIN_SECONDS") or "5"),
            revision=environ.get("RECSYS_REVISION", ""),
            shadow_file=environ.get("RECSYS_SHADOW_FILE", ""),
        )


def _required(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(name, "")
    if not value:
        raise BadSettings(f"The environment variable {name} is not set: the operator sets it on every server pod.")
    return value


def _whole_number(name: str, value: str) -> int:
    if not value.isascii() or not value.isdigit() or int(value) < 1:
        raise BadSettings(f"The environment variable {name} is {value!r}: it must be a whole number of at least 1.")
    return int(value)
