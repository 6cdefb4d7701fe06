#!/usr/bin/env bash
# Copies images that buildah built into the node of the local cluster: nothing if they are there, else the layers that are missing.
#   hack/cluster/load.sh IMAGE...
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=images.sh
. "$HERE/images.sh"

[ $# -gt 0 ] || die "$(sed -n '2,3s/^# \?//p' "$0")"
[ -S "$SOCKET" ] || die "load.sh: the local cluster is not running; start it with 'make up'."
mkdir -p "$CACHE/tmp"
for image in "$@"; do load "$image"; done
prune
