#!/usr/bin/env bash
# Plays the main job on the cluster that is up, where the operator is installed (`make up images install`).
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source-path=SCRIPTDIR source=../cluster/lib.sh
. hack/cluster/lib.sh

PATH=$(hack/cluster/bins.sh helm):$PATH
[ "${CLUSTER:-}" = current ] || export KUBECONFIG=$PWD/.local/kubeconfig
python=$(hack/venv.sh demo)
hack/demo/data.sh
rm -rf .local/demo # what an earlier demo measured and drew
exec "$python" -u -m hack.demo
