"""Where the bytes of a `pvc://claim/path` URI lie inside a pod.

Every pod of the project mounts a claim at `/mnt/pvc/<claim>`, so one URI names one file everywhere. Tests and
development set `RECSYS_PVC_ROOT` to use another folder than `/mnt/pvc`.
"""

import os
from pathlib import Path, PurePosixPath

SCHEME = "pvc://"
DEFAULT_ROOT = "/mnt/pvc"


class BadLocation(ValueError):
    """A URI that names no place on a PersistentVolumeClaim. The message is a sentence for the user."""


def path_of(uri: str) -> Path:
    """The local path of `pvc://<claim>/<path>`; raises BadLocation for anything else, and for `..` in the path."""
    if not uri.startswith(SCHEME):
        raise BadLocation(f"The URI {uri!r} is not supported: it must look like pvc://<claim>/<path>.")
    claim, _, path = uri.removeprefix(SCHEME).partition("/")
    if not claim or claim in {".", ".."}:
        raise BadLocation(f"The URI {uri!r} names no claim: it must look like pvc://<claim>/<path>.")
    parts = [part for part in PurePosixPath(path).parts if part != "/"]
    if ".." in parts:
        raise BadLocation(f"The URI {uri!r} contains '..': name the path from the root of the claim.")
    return Path(os.environ.get("RECSYS_PVC_ROOT", DEFAULT_ROOT), claim, *parts)


def join(uri: str, *parts: str) -> str:
    """`uri` with more path segments: join("pvc://store/models", "versions", "4")."""
    return "/".join([uri.rstrip("/"), *parts])
