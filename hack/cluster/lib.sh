# shellcheck shell=bash
# shellcheck disable=SC2034 # used by the scripts that source this file
# Where things are, and how they are told: sourced by every script of the local cluster.
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
CHECKOUT=$(cd "$HERE/../.." && pwd)
# shellcheck source-path=SCRIPTDIR source=versions.env
. "$HERE/versions.env"

CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/recsys-operator                  # binaries and image layers: outlive the cluster
STATE=${XDG_STATE_HOME:-$HOME/.local/state}/recsys-operator/cluster    # etcd, certificates, pods, logs: end with the cluster
RUN=/run/recsys-operator                                               # sockets, containerd's mounts
SOCKET=$RUN/containerd.sock
CONTAINERD_ROOT=$CACHE/containerd
export RECSYS_BEGAN=${RECSYS_BEGAN:-$(date +%s)}
export DEBIAN_FRONTEND=noninteractive

# say TEXT: a progress line with the seconds since the first script began.
say() { printf '[%4d s] %s\n' $(($(date +%s) - RECSYS_BEGAN)) "$*" >&2; }

die() {
  printf '%s\n' "$*" >&2
  exit 1
}

case ${CLUSTER:-local} in
  local | current) ;;
  *) die "CLUSTER is '$CLUSTER'; it may be local (the default: a cluster on this machine) or current (the one that KUBECONFIG names)." ;;
esac

# wait_for SECONDS WHAT COMMAND...: polls until COMMAND succeeds.
wait_for() {
  local seconds=$1 what=$2 end
  shift 2
  end=$(($(date +%s) + seconds))
  until "$@" > /dev/null 2>&1; do
    [ "$(date +%s)" -lt "$end" ] || die "$what did not happen within $seconds s; the logs are in $STATE/log"
    sleep 0.2
  done
}

# exclusively NAME: one process at a time passes here; the lock ends with the process.
declare -A held=()
exclusively() {
  local lock
  [ -z "${held[$1]:-}" ] || return 0
  held[$1]=yes
  mkdir -p "$CACHE/lock"
  exec {lock}> "$CACHE/lock/$1"
  flock --nonblock "$lock" || { say "waiting for another process that holds $CACHE/lock/$1"; flock "$lock"; }
}

# publish DIRECTORY: moves DIRECTORY.new into place, so that a directory exists whole or not at all.
publish() {
  rm -rf "$1"
  mv "$1.new" "$1"
}

# admin ARGUMENT...: kubectl as the local cluster's administrator.
admin() { "$(bins)/kubectl" --kubeconfig="$STATE/admin.conf" "$@"; }

# registry: where the images of CLUSTER=current go, such as registry.example.com/team.
registry() {
  local name=${REGISTRY:-}
  name=${name%/}
  [ -n "$name" ] || die "CLUSTER=current needs REGISTRY, where the cluster pulls its images from: REGISTRY=registry.example.com/team"
  [[ $name != *://* ]] || die "REGISTRY is '$REGISTRY'; it must be a host and a path without a scheme: REGISTRY=registry.example.com/team"
  echo "$name"
}

# clients: puts kubectl and helm into PATH. With CLUSTER=current those of the machine do, which spares compiling Kubernetes.
clients() {
  if [ "${CLUSTER:-local}" = current ] && command -v kubectl > /dev/null && command -v helm > /dev/null; then return; fi
  PATH=$("$HERE/bins.sh" helm kubernetes):$PATH
}

# bins: the directory of links to the binaries of exactly these versions (bins.sh fills it).
bins() { echo "$CACHE/bin/links-$(cd "$HERE" && cat versions.env go/*/go.* go/*/tools.go python/*.txt | sha256sum | cut -c1-12)"; }
