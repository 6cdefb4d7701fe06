"""The local cluster's node from outside of its pods: processes, and the folders behind its claims."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.e2e.cluster import Namespace, until


def processes(pod: dict[str, Any]) -> dict[int, str]:
    """Command lines of the pod's processes, by their number on the node."""
    return _processes(pod["metadata"]["uid"])


def _processes(group: str) -> dict[int, str]:
    """Those of the cgroup in whose path this stands."""
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if group in (entry / "cgroup").read_text():
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


def kill_container(pod: dict[str, Any]) -> None:
    """Signal 9 to the first process of the pod's one container, with which the kernel ends all its others."""
    (container,) = pod["status"]["containerStatuses"]
    found = _processes(container["containerID"].rpartition("/")[2])
    (first,) = [number for number in found if _number_inside(number) == 1]
    send(first, signal.SIGKILL)


def _number_inside(number: int) -> int:
    """A process's number in its container."""
    status = Path(f"/proc/{number}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("NSpid:")).split()[-1])


def kill_operator(namespace: Namespace) -> None:
    """Signal 9 to the operator's process, wherever it is; the kubelet has begun another one when this returns."""
    selector = "app.kubernetes.io/name=recsys-operator"
    found = namespace.kubectl("get", "pods", "--namespace=recsys-system", "-l", selector, "-o", "json")
    (pod,) = json.loads(found)["items"]
    killed = process(pod, "recsys_operator")
    send(killed, signal.SIGKILL)

    def begun_anew() -> bool | None:
        others = (line for number, line in processes(pod).items() if number != killed)
        return True if any("recsys_operator" in line for line in others) else None

    until("another process of the operator", begun_anew, 60)


HOG = """
import pathlib, sys, time
group, held = pathlib.Path(sys.argv[1]), []
(group / "cgroup.procs").write_text("0")
counts = group / ("memory.events" if (group / "memory.events").exists() else "memory.oom_control")
killed = lambda: next(int(line.split()[1]) for line in counts.read_text().splitlines() if line.startswith("oom_kill "))
before = killed()
while killed() == before:
    held.append(b"x" * (16 << 20))
    time.sleep(0.01)
"""
"""Joins a container's cgroup and takes memory there until the kernel has killed another process of it."""


def fill_memory(number: int) -> None:
    """Let the container of this process run out of its memory once, so that the kernel kills the process."""
    Path(f"/proc/{number}/oom_score_adj").write_text("1000")  # before all others of its cgroup
    hog = subprocess.run([sys.executable, "-c", HOG, str(_memory_group(number))], check=False, timeout=120)
    # By its memory.oom.group a cgroup of version 2 may be killed whole.
    assert hog.returncode in (0, -signal.SIGKILL), f"the memory could not be filled: {hog.returncode}"


def killed_whole(number: int) -> bool:
    """Whether the kernel, for want of memory, kills all processes of this one's container at once."""
    group = _memory_group(number) / "memory.oom.group"  # version 2 only
    return group.exists() and group.read_text().strip() == "1"


def _memory_group(number: int) -> Path:
    """The cgroup, of version 1 or 2, that counts the memory of the process."""
    root = Path("/sys/fs/cgroup")
    lines = [line.split(":", 2) for line in Path(f"/proc/{number}/cgroup").read_text().splitlines()]
    for _, controllers, path in lines:
        if "memory" in controllers.split(","):
            return root / "memory" / path.lstrip("/")
    (path,) = (path for _, controllers, path in lines if not controllers)
    return root / path.lstrip("/")


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


@contextmanager
def away(store: Path) -> Iterator[None]:
    """Let every access by a path fail, as that of a server that answers with errors."""
    mode = store.stat().st_mode & 0o7777
    store.chmod(0)
    try:
        yield
    finally:
        store.chmod(mode)


@contextmanager
def extended_resource(namespace: Namespace, resource: str, count: int) -> Iterator[None]:
    """The cluster's one node hands out so many of a resource that nobody owns, and in the end none."""
    [name] = namespace.kubectl("get", "nodes", "-o", "name").split()

    def patch(**operation: str) -> None:
        path = f"/status/capacity/{resource.replace('/', '~1')}"
        changes = json.dumps([{**operation, "path": path}])
        namespace.kubectl("patch", name, "--subresource=status", "--type=json", "-p", changes)

    def allocatable() -> str | None:
        found = json.loads(namespace.kubectl("get", name, "-o", "json"))
        return dict(found["status"]["allocatable"]).get(resource)

    patch(op="add", value=str(count))
    try:
        until("the kubelet to hand it out", lambda: True if allocatable() == str(count) else None, 120)
        yield
    finally:
        patch(op="remove")
        until("the end of what is handed out", lambda: None if allocatable() else True, 120)
