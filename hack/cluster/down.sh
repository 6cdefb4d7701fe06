#!/usr/bin/env bash
# Stops the local cluster, or what is left of one that was killed: no process, mount, network interface, iptables rule or container
# stays. Images and binaries stay in the cache.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=processes.sh
. "$HERE/processes.sh"
# shellcheck source-path=SCRIPTDIR source=remains.sh
. "$HERE/remains.sh"
# shellcheck source-path=SCRIPTDIR source=images.sh
. "$HERE/images.sh"

[ "${1:-}" = --quiet ] || { [ "${CLUSTER:-local}" != current ] || die "CLUSTER=current: 'make down' stops only the local cluster."; }

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
{ grep -rlsF "$RUN/" "$NETWORKS" || true; } | xargs -r rm -f
rm -rf "$STATE" "$RUN"
nothing_left 10
