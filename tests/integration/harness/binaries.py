"""Where the tests find the Kubernetes binaries: the ones that the local cluster runs."""

import os
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
BINS = ROOT / "hack" / "cluster" / "bins.sh"


class MissingBinaryError(RuntimeError):
    """A program that the tests need is not there; the message says how to get it."""


@cache
def directory() -> Path:
    """The directory of etcd, kube-apiserver and their like: RECSYS_BIN_DIR, else what hack/cluster/bins.sh prints.

    The script builds what is missing, which takes some 10 minutes on a machine that never had them.
    """
    chosen = os.environ.get("RECSYS_BIN_DIR")
    if chosen:
        return Path(chosen)
    done = subprocess.run(
        [BINS, "etcd", "kubernetes", "gateway-api", "kuberay-crds"],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise MissingBinaryError(
            f"{BINS.relative_to(ROOT)} could not provide the Kubernetes binaries (exit code {done.returncode}): "
            f"{done.stderr.strip()[-2000:]}. Mend that, or name a directory that has etcd, kube-apiserver and "
            "kube-controller-manager in RECSYS_BIN_DIR."
        )
    return Path(done.stdout.strip().splitlines()[-1])


def binary(name: str) -> Path:
    """The path of one program."""
    path = directory() / name
    if not os.access(path, os.X_OK):
        raise MissingBinaryError(
            f"{path} is missing or not executable. Unset RECSYS_BIN_DIR to let hack/cluster/bins.sh build it, "
            "or put it there."
        )
    return path


def made(group: str, name: str) -> Path:
    """A program of what hack/cluster/bins.sh makes as `group`; in RECSYS_BIN_DIR where that is set."""
    chosen = os.environ.get("RECSYS_BIN_DIR")
    if not chosen:
        done = subprocess.run([BINS, group], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise MissingBinaryError(f"{BINS} {group} failed: {done.stderr.strip()[-2000:]}")
        chosen = done.stdout.strip().splitlines()[-1]
    return Path(chosen) / name


def gateway_api_crds() -> Path:
    """The directory of the Gateway API's CRDs, one YAML file each."""
    path = directory() / "gateway-api-crds"
    if not path.is_dir():
        raise MissingBinaryError(f"{path} is missing: run `hack/cluster/bins.sh gateway-api`.")
    return path


def kuberay_crds() -> Path:
    """The directory of KubeRay's CRDs, one YAML file each."""
    path = directory() / "kuberay-crds"
    if not path.is_dir():
        raise MissingBinaryError(f"{path} is missing: run `hack/cluster/bins.sh kuberay-crds`.")
    return path
