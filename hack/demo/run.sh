#!/usr/bin/env bash
# Plays the main job on the cluster that is up, where the operator is installed (`make up images install`).
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source-path=SCRIPTDIR source=../cluster/lib.sh
. hack/cluster/lib.sh

clients
if [ "${CLUSTER:-}" = current ]; then # said now, not after the training
  [ -n "${RECSYS_GATEWAY_URL:-}" ] ||
    die "CLUSTER=current needs RECSYS_GATEWAY_URL, where the Gateway answers requests from here: RECSYS_GATEWAY_URL=http://gateway.example.com"
  kubectl -n gateway-system get gateways.gateway.networking.k8s.io gateway > /dev/null ||
    die "CLUSTER=current: the demo's Deployment names the Gateway 'gateway' in namespace gateway-system; make it, and allow routes of all namespaces."
else
  export KUBECONFIG=$PWD/.local/kubeconfig
fi
python=$(hack/venv.sh demo)
hack/demo/data.sh
rm -rf .local/demo # what an earlier demo measured and drew
exec "$python" -u -m hack.demo
