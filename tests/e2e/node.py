"""The local cluster's node from outside of its pods: processes, and the folders behind its claims."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.e2e.cluster import Namespace


def processes(pod: dict[str, Any]) -> dict[int, str]:
    """Command lines of the pod's processes, by their number on the node."""
    uid = pod["metadata"]["uid"]
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if uid in (entry / "cgroup").read_text():
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
                found[int(entry.name)] = command
        except OSError:
            continue
    return found


def process(pod: dict[str, Any], command: str) -> int:
    """The one process of the pod with this in its command line; the oldest of several."""
    found = [number for number, line in processes(pod).items() if command in line]
    assert found, f"no process of {pod['metadata']['name']} is called {command}: {processes(pod)}"
    return min(found)


def send(number: int, what: signal.Signals) -> None:
    """A signal to a process of a pod, past its kernel's protection of the first one."""
    os.kill(number, what)


def folder_of(namespace: Namespace, claim: str) -> Path:
    """Where the claim's volume lies on the node."""
    volume = namespace.get("persistentvolumeclaims", claim)["spec"]["volumeName"]
    spec = namespace.get("persistentvolumes", volume)["spec"]
    return Path((spec.get("local") or spec.get("hostPath"))["path"])


@contextmanager
def file_system(folder: Path) -> Iterator[Path]:
    """A small file system of its own, in a file of this folder, that the pods' group may write to."""
    image, mounted = folder / "image", folder / "mounted"
    mounted.mkdir()
    with image.open("wb") as file:
        file.truncate(200 * 2**20)
    subprocess.run(["mkfs.ext4", "-q", image], check=True)
    subprocess.run(["mount", "-o", "loop", image, mounted], check=True)
    try:
        mounted.chmod(0o777)
        yield mounted
    finally:
        subprocess.run(["umount", mounted], check=True)


@contextmanager
def frozen(mounted: Path) -> Iterator[None]:
    """Hold every write to this file system, as a server does that does not answer."""
    subprocess.run(["fsfreeze", "--freeze", mounted], check=True)
    try:
        yield
    finally:
        subprocess.run(["fsfreeze", "--unfreeze", mounted], check=True)
