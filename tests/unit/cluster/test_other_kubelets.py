"""`make up` and `make down` leave a machine alone on which somebody else's kubelet runs, and know their own."""

import sys
from pathlib import Path

import pytest
from tests.unit.cluster.machine import Machine


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.mark.parametrize("name", ["kubelet", "kubelite", "k3s-server", "k3s-agent"])
def test_another_kubelet_is_refused(machine: Machine, name: str) -> None:
    program = machine.program(f"theirs/{name}")
    done = machine.does(f'begin {program} 600\necho "$!"\nrefuse_other_kubelets "$STATE"\necho goes on')
    (pid,) = done.stdout.split()
    assert done.returncode == 1
    assert done.stderr == (
        f"another Kubernetes runs on this machine ({pid} {program} 600): stop it first; "
        "the local cluster needs the machine for itself.\n"
    )


def test_the_clusters_own_kubelet_is_none(machine: Machine) -> None:
    own = machine.program(f"{machine.state.relative_to(machine.home)}/kubelet")
    done = machine.does(f'begin {own} 600\nrefuse_other_kubelets "$STATE"\necho goes on')
    assert (done.returncode, done.stdout, done.stderr) == (0, "goes on\n", "")


def test_another_one_beside_its_own_is_refused(machine: Machine) -> None:
    own = machine.program(f"{machine.state.relative_to(machine.home)}/kubelet")
    other = machine.program("theirs/kubelet")
    done = machine.does(f'begin {own} 600\nbegin {other} 600\nother_kubelets "$STATE"')
    assert done.stdout.endswith(f" {other} 600\n")
    assert (len(done.stdout.splitlines()), done.stderr) == (1, "")


@pytest.mark.parametrize("name", ["kubelet-exporter", "my-kubelet", "k3s"])
def test_what_is_only_called_alike_is_none(machine: Machine, name: str) -> None:
    program = machine.program(f"theirs/{name}")
    done = machine.does(f'begin {program} 600\nrefuse_other_kubelets "$STATE"')
    assert (done.returncode, done.stderr) == (0, "")


def test_a_kubelet_that_is_dead_and_that_nobody_has_buried_is_none(machine: Machine) -> None:
    """Where process 1 buries nobody, such as in a container, every earlier cluster leaves one."""
    program = machine.program("theirs/kubelet")
    parent = machine.program(
        "parent",
        f"""#!{sys.executable} -SE
import os, subprocess, time
child = subprocess.Popen(["{program}", "600"])
child.kill()
os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
print("dead", flush=True)
time.sleep(600)
""",
    )
    done = machine.does(
        f'begin {parent}\nuntil grep -q dead "$MACHINE/out"; do kill -0 $!; done\n'
        'pgrep -x kubelet > "$MACHINE/seen"\nrefuse_other_kubelets "$STATE"'
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert (machine.home / "seen").read_text(), "pgrep alone would have found it"
