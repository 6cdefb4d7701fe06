#!/usr/bin/env bash
# Long measurements, each on its own: hack/bench.sh NAME [ARGUMENT…]
# NAME is rollback, overhead, shadow, analysis, tabular, training, recbole, step, scale or soak.
# A benchmark prints a table; with --write it also keeps it in benchmarks/results.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source-path=SCRIPTDIR source=cluster/lib.sh
. hack/cluster/lib.sh
export PYTHONPATH=operator:workers:.

case ${1:-} in
  rollback)
    [ "${CLUSTER:-local}" = local ] || die "bench-rollback runs on the local cluster only: it starts other controllers with an administrator's rights."
    binaries=$(hack/cluster/bins.sh helm kubernetes argo-rollouts flagger)
    export PATH=$binaries:$PATH KUBECONFIG=$PWD/.local/kubeconfig
    hack/demo/data.sh
    exec "$(hack/venv.sh dev)" -u -m benchmarks.rollback --binaries "$binaries" "${@:2}"
    ;;
  overhead)
    clients
    [ "${CLUSTER:-}" = current ] || export KUBECONFIG=$PWD/.local/kubeconfig
    exec "$(hack/venv.sh dev)" -u -m benchmarks.overhead "${@:2}"
    ;;
  readme) # the page of results anew
    exec "$(hack/venv.sh dev)" -m benchmarks.readme
    ;;
  analysis)
    exec "$(hack/venv.sh dev)" -u -m benchmarks.analysis "${@:2}"
    ;;
  training)
    export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}
    exec "$(hack/venv.sh dev)" -u -m benchmarks.training "${@:2}"
    ;;
  recbole)
    export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}
    exec "$(hack/venv.sh dev)" -u -m benchmarks.recbole --recbole "$(hack/venv.sh recbole)" "${@:2}"
    ;;
  tabular)
    export OMP_NUM_THREADS=1
    exec "$(hack/venv.sh dev)" -u -m benchmarks.tabular "${@:2}"
    ;;
  step)
    export OMP_NUM_THREADS=1
    exec "$(hack/venv.sh dev)" -u -m benchmarks.step "${@:2}"
    ;;
  shadow)
    exec "$(hack/venv.sh dev)" -u -m benchmarks.shadow "${@:2}"
    ;;
  scale)
    exec "$(hack/venv.sh dev)" -u -m benchmarks.scale "${@:2}"
    ;;
  soak)
    clients
    [ "${CLUSTER:-}" = current ] || export KUBECONFIG=$PWD/.local/kubeconfig
    hack/demo/data.sh
    python=$(hack/venv.sh dev)
    "$python" -u -m benchmarks.rollback.stage # versions 1 and 2, unless they are there
    exec "$python" -u -m hack.soak "${@:2}"
    ;;
  *)
    sed -n '2,4s/^# \?//p' "$0"
    exit 2
    ;;
esac
