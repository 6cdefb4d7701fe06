#!/usr/bin/env bash
# Stops the local cluster, or what is left of one that was killed: no process, mount, network interface, iptables rule or container
# stays. Images and binaries stay in the cache.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=processes.sh
. "$HERE/processes.sh"
# shellcheck source-path=SCRIPTDIR source=images.sh
. "$HERE/images.sh"

[ "${1:-}" = --quiet ] || { [ "${CLUSTER:-local}" != current ] || die "CLUSTER=current: 'make down' stops only the local cluster."; }

cgroups() { find /sys/fs/cgroup -maxdepth 2 -type d -name kubepods; } # one in each hierarchy of version 1

# pod_pids: everything that runs in a pod, also when its containerd was killed.
pod_pids() { cgroups | xargs -r -I{} find {} -name cgroup.procs | xargs -r cat 2> /dev/null | sort -un; }

shim_pids() { pgrep -f "containerd-shim-runc-v2 .*-address $SOCKET" || true; }

# delete_containers: with containerd at work, but without its Kubernetes part, which would hold on to its pods.
delete_containers() {
  local id
  mkdir -p "$RUN" "$STATE"
  sed -e "s#@RUN@#$RUN#; s#@SOCKET@#$SOCKET#; s#@CONTAINERD_ROOT@#$CONTAINERD_ROOT#; s#@DISABLED@#\"io.containerd.grpc.v1.cri\"#" \
    "$HERE/config/containerd.toml" | sed '/^\[plugins/,$d' > "$STATE/containerd-cleanup.toml"
  rm -f "$SOCKET"
  start "$STATE" containerd containerd --config "$STATE/containerd-cleanup.toml"
  wait_for 60 "A containerd that answers" ctr version
  for id in $(ctr tasks ls -q); do ctr tasks rm --force "$id" > /dev/null 2>&1 || true; done
  ctr containers ls -q | xargs -r -n 50 command ctr --address "$SOCKET" --namespace k8s.io containers rm > /dev/null 2>&1 || true
  stop "$STATE" containerd
  rm -rf "$CONTAINERD_ROOT"/io.containerd.grpc.v1.cri/{containers,sandboxes} "$CONTAINERD_ROOT/.pods"
}

# theirs NETNS: whether a network plugin set it up for somebody else's container.
theirs() { grep -rlsF "/$1\"" /var/lib/cni/results | xargs -r grep -LF "$RUN/" | grep -q .; }

# unmount DIRECTORY...: every mount below the directories, deepest first.
unmount() {
  local directory
  for directory in "$@"; do
    awk -v below="$directory/" 'index($2, below) == 1 {print $2}' /proc/mounts | sort -r | xargs -r -d '\n' -n 50 umount --lazy
  done
}

# delete_rules FAMILY: the chains of kube-proxy, of the kubelet and of the network plugin, and nothing else.
delete_rules() {
  local rules
  command -v "$1-save" > /dev/null || return 0
  rules=$("$1-save" 2> /dev/null) || return 0
  ! grep -qE '[: ](KUBE|CNI)-' <<< "$rules" || grep -vE '[: ](KUBE|CNI)-|cni.*recsys' <<< "$rules" | "$1-restore"
}

# left: what a cluster leaves where it is not taken down well, one thing a line.
left() {
  awk -v state="$STATE/" -v run="$RUN/" 'index($2, state) == 1 || index($2, run) == 1 {print "mount " $2}' /proc/mounts
  { pod_pids; shim_pids; } | xargs -r -n 1 ps -o pid=,args= -p | sed 's/^ */process /' || true
  ip -o link show type veth | awk -F': ' '/link-netns cni-/ {print "interface " $2}'
  { iptables-save; ip6tables-save; } 2> /dev/null | grep -E '^-A (KUBE|CNI)-' | sed 's/^/rule /' || true
}

[ -d "$STATE" ] || [ -d "$RUN" ] || [ -e "$CONTAINERD_ROOT/.pods" ] || exit 0
[ "$(id -u)" = 0 ] || die "The local cluster belongs to root: run 'make down' as root."
[ "${1:-}" = --quiet ] || exclusively cluster
refuse_other_kubelets "$STATE"
say "removing what is left of the cluster"
# Their state is deleted next, so there is nothing that they could finish.
for name in kubelet kube-proxy kube-scheduler kube-controller-manager kube-apiserver etcd; do stop "$STATE" "$name" KILL; done
stop "$STATE" containerd
pod_pids | xargs -r kill -KILL 2> /dev/null || true
[ ! -e "$CONTAINERD_ROOT/.pods" ] || delete_containers
shim_pids | xargs -r kill -KILL 2> /dev/null || true
for name in $(ip netns list 2> /dev/null | awk '/^cni-/ {print $1}'); do
  theirs "$name" || ip netns delete "$name"
done
unmount "$STATE" "$RUN"
delete_rules iptables
delete_rules ip6tables
if [ -f "$STATE/sysctl" ]; then
  read -r forward localnet < "$STATE/sysctl"
  sysctl -qw "net.ipv4.ip_forward=$forward" "net.ipv4.conf.all.route_localnet=$localnet"
fi
cgroups | while read -r cgroup; do find "$cgroup" -depth -type d -exec rmdir {} +; done
{ grep -rlsF "$RUN/" /var/lib/cni/results || true; } | xargs -r rm -f
rm -rf "$STATE" "$RUN"
for _ in $(seq 50); do
  remains=$(left)
  [ -n "$remains" ] || exit 0
  sleep 0.2
done
die "of the cluster this is still there:"$'\n'"$remains"
