# shellcheck shell=bash
# What a cluster leaves on the machine: finding it, telling it from what is somebody else's, and removing it. Sourced by down.sh.

CGROUPS=/sys/fs/cgroup
MOUNTS=/proc/mounts
NETWORKS=/var/lib/cni/results # what network plugins set up, of all container runtimes

cgroups() { find "$CGROUPS" -maxdepth 2 -type d -name kubepods; } # one in each hierarchy of version 1

# pod_pids: everything that runs in a pod, also when its containerd was killed.
pod_pids() { cgroups | xargs -r -I{} find {} -name cgroup.procs | xargs -r cat 2> /dev/null | sort -un; }

shim_pids() { pgrep -f "containerd-shim-runc-v2 .*-address $SOCKET" || true; }

# theirs NETNS: whether a network plugin set it up for somebody else's container.
theirs() { grep -rlsF "/$1\"" "$NETWORKS" | { xargs -r grep -LF "$RUN/" || true; } | grep -q .; } # grep -L says 1 for what it lists

# unmount DIRECTORY...: every mount below the directories, deepest first.
unmount() {
  local directory
  for directory in "$@"; do
    awk -v below="$directory/" 'index($2, below) == 1 {print $2}' "$MOUNTS" | sort -r | xargs -r -d '\n' -n 50 umount --lazy
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
  awk -v state="$STATE/" -v run="$RUN/" 'index($2, state) == 1 || index($2, run) == 1 {print "mount " $2}' "$MOUNTS"
  { pod_pids; shim_pids; } | xargs -r -n 1 ps -o pid=,args= -p | sed 's/^ */process /' || true
  ip -o link show type veth | awk -F': ' '/link-netns cni-/ {print "interface " $2}'
  { iptables-save; ip6tables-save; } 2> /dev/null | grep -E '^-A (KUBE|CNI)-' | sed 's/^/rule /' || true
}

# nothing_left SECONDS: dies when something of a cluster is still there after so long.
nothing_left() {
  local remains end=$(($(date +%s) + $1))
  while remains=$(left) && [ -n "$remains" ]; do
    [ "$(date +%s)" -lt "$end" ] || die "of the cluster this is still there:"$'\n'"$remains"
    sleep 0.2
  done
}
