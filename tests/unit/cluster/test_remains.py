"""What `make down` removes, what of somebody else's it spares, and what it says is still there."""

import shutil
import time
from pathlib import Path

import pytest
from tests.unit.cluster.machine import Machine


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def mounts(machine: Machine, *points: Path | str) -> None:
    (machine.home / "mounts").write_text("".join(f"tmpfs {point} tmpfs rw 0 0\n" for point in points))


OURS = """\
*filter
:INPUT ACCEPT [0:0]
:KUBE-FORWARD - [0:0]
:CNI-FORWARD - [0:0]
-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT
-A INPUT -m comment --comment "kubernetes load balancer firewall" -j KUBE-FORWARD
-A KUBE-FORWARD -m mark --mark 0x4000/0x4000 -j ACCEPT
-A FORWARD -m comment --comment "CNI firewall plugin rules" -j CNI-FORWARD
-A FORWARD -o docker0 -j DOCKER
COMMIT
"""
THEIRS = """\
*filter
:INPUT ACCEPT [0:0]
-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT
-A FORWARD -o docker0 -j DOCKER
COMMIT
"""


def test_a_machine_without_a_cluster_has_nothing_left(machine: Machine) -> None:
    mounts(machine, "/", "/var/lib/kubelet/pods/1/volumes", f"{machine.run}-of-somebody-else/rootfs")
    (machine.home / "iptables").write_text(THEIRS)
    (machine.home / "links").write_text("4: veth1@if3: <UP> mtu 1500 \\ link/ether 1 link-netns docker-1\n")
    done = machine.does("nothing_left 0")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_all_that_is_left_is_named(machine: Machine) -> None:
    mounts(machine, "/", machine.run / "rootfs", machine.state / "kubelet/pods/1/volumes/token")
    (machine.home / "iptables").write_text(OURS)
    (machine.home / "ip6tables").write_text("-A KUBE-SERVICES -j DROP\n")
    (machine.home / "links").write_text("4: veth1@if3: <UP> mtu 1500 \\ link/ether 1 link-netns cni-1\n")
    (pod := machine.home / "cgroup/unified/kubepods/burstable/pod1").mkdir(parents=True)
    worker, shim = machine.waits("worker"), machine.waits("containerd-shim-runc-v2")
    done = machine.does(
        f"""
begin {worker} --serve
echo "$!" | tee {pod}/cgroup.procs
begin {shim} -namespace k8s.io -id 1 -address "$SOCKET"
echo "$!"
begin {shim} -namespace moby -id 2 -address /run/containerd/containerd.sock
nothing_left 0
"""
    )
    in_pod, of_pod = done.stdout.split()
    assert done.returncode == 1
    head, *left = done.stderr.splitlines()
    assert head == "of the cluster this is still there:"
    python = shim.read_text().splitlines()[0].removeprefix("#!")
    assert left == [
        f"mount {machine.run}/rootfs",
        f"mount {machine.state}/kubelet/pods/1/volumes/token",
        f"process {in_pod} {python} {worker} --serve",
        f"process {of_pod} {python} {shim} -namespace k8s.io -id 1 -address {machine.run}/containerd.sock",
        "interface veth1@if3",
        "rule -A KUBE-FORWARD -m mark --mark 0x4000/0x4000 -j ACCEPT",
        "rule -A KUBE-SERVICES -j DROP",
    ]


def test_what_goes_away_by_itself_is_waited_for(machine: Machine) -> None:
    mounts(machine, machine.run / "rootfs")
    begin = time.monotonic()
    done = machine.does('{ sleep 0.5; : > "$MACHINE/mounts"; } &\nnothing_left 30')
    assert (done.returncode, done.stderr) == (0, "")
    assert 0.5 <= time.monotonic() - begin < 25


def test_mounts_below_the_directories_are_removed_and_the_deepest_first(machine: Machine) -> None:
    inner, outer = machine.run / "a/b", machine.run / "a"
    mounts(machine, "/", outer, inner, f"{machine.run}x/a", machine.state / "pods", "/var/lib/kubelet")
    assert machine.does('unmount "$STATE" "$RUN"').returncode == 0
    lines = (machine.home / "unmounted").read_text().splitlines()
    assert lines == [f"--lazy {machine.state}/pods", f"--lazy {inner} {outer}"]


@pytest.mark.parametrize("family", ["iptables", "ip6tables"])
def test_only_rules_of_a_cluster_are_removed(machine: Machine, family: str) -> None:
    (machine.home / family).write_text(OURS)
    assert machine.does(f"delete_rules {family}").returncode == 0
    assert (machine.home / family).read_text() == THEIRS


def test_rules_are_not_written_where_there_is_none_of_a_cluster(machine: Machine) -> None:
    (machine.home / "iptables").write_text(THEIRS)
    machine.program("bin/iptables-restore", "#!/bin/sh\nexit 1\n")
    assert machine.does("delete_rules iptables").returncode == 0


def test_a_machine_without_iptables_has_no_rules(machine: Machine) -> None:
    done = machine.does("delete_rules no-such-tables")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_network_of_another_container_runtime_is_spared(machine: Machine) -> None:
    for name, directory in (("ours", machine.run), ("theirs", Path("/run/containerd"))):
        text = f'{{"containerId": "{name}", "netns": "/var/run/netns/cni-{name}", "dir": "{directory}/"}}'
        (machine.home / "networks" / name).write_text(text)
    script = "for name in ours theirs nobodys; do ! theirs cni-$name || echo $name; done"
    assert machine.does(script).stdout == "theirs\n"
    shutil.rmtree(machine.home / "networks")
    done = machine.does(script)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_process_is_stopped_by_its_own_start_and_no_other_that_has_its_number(machine: Machine) -> None:
    """A pid file that outlived its process may name somebody else's by now."""
    waits = machine.waits("waits")
    done = machine.does(
        f"""
(start "$STATE" worker {waits})
pid=$(pid_of "$STATE" worker)
sed -i 's/ .*/ 1/' "$STATE/pid/worker"
stop "$STATE" worker KILL
kill -0 "$pid" && echo spared
echo "$pid $(awk '{{print $22}}' "/proc/$pid/stat")" > "$STATE/pid/worker"
stop "$STATE" worker KILL
[ "$(awk '{{print $3}}' "/proc/$pid/stat" 2> /dev/null || echo Z)" = Z ] && echo gone
"""
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "spared\ngone\n", "")
