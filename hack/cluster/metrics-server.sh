#!/usr/bin/env bash
# Gives the local cluster that is up a metrics-server, which autoscalers need; compiles it the first time (about 2 minutes).
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=images.sh
. "$HERE/images.sh"

PATH=$("$HERE/bins.sh" kubernetes metrics-server):$PATH
[ -S "$SOCKET" ] || die "metrics-server.sh: the local cluster is not running; start it with 'make up'."
image=$("$HERE/infra-images.sh" metrics-server)
load "$image"
sed "s#@METRICS_SERVER@#$image#" "$HERE/on-demand/metrics-server.yaml" | admin apply --server-side --force-conflicts -f - > /dev/null
admin -n kube-system rollout status deployment/metrics-server --timeout=120s > /dev/null ||
  die "metrics-server is not ready; look at it with: kubectl --kubeconfig $STATE/admin.conf -n kube-system logs deploy/metrics-server"
wait_for 60 "The first figures of metrics-server" admin top nodes
say "metrics-server serves"
