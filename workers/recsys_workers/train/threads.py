"""How many threads the trainer may use: the pod's CPU limit, not the host's cores."""

import math
import os
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")


def allowed(environ: dict[str, str] | os._Environ[str] = os.environ, cgroup: Path = CGROUP) -> int:
    """RECSYS_THREADS if it is set, else the cgroup's CPU quota rounded up, else the cores that the process may use."""
    if text := environ.get("RECSYS_THREADS", ""):
        return max(1, int(text))
    cores = len(os.sched_getaffinity(0))
    quota = _quota(cgroup)
    return cores if quota is None else max(1, min(cores, math.ceil(quota)))


def _quota(cgroup: Path) -> float | None:
    try:
        quota, period = (cgroup / "cpu.max").read_text().split()
    except (OSError, ValueError):
        try:
            quota = (cgroup / "cpu" / "cpu.cfs_quota_us").read_text()
            period = (cgroup / "cpu" / "cpu.cfs_period_us").read_text()
        except OSError:
            return None
    if quota.strip() in {"max", "-1"}:
        return None
    return int(quota) / int(period)
