#!/usr/bin/env bash
# The parts of `make test`, each on its own: hack/test.sh lint|lint-shell|unit|chart|integration|e2e|full|golden|generate
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source-path=SCRIPTDIR source=cluster/lib.sh
. hack/cluster/lib.sh

python() {
  [ -n "${dev:-}" ] || dev=$(hack/venv.sh dev)
  # Compiled once and kept, whatever the environment says: half of a first start is compiling.
  env --unset=PYTHONDONTWRITEBYTECODE PYTHONPYCACHEPREFIX="$CACHE/bytecode" PYTHONPATH=operator:workers:. "$dev" "$@"
}

# images_ahead: builds the images that the next tests need while these ones wait, half of their time.
images_ahead() {
  mkdir -p .local/log
  NO_LOAD=1 nice -n 19 hack/images.sh > .local/log/images.log 2>&1 &
  images=$!
  trap 'wait "$images" || true' EXIT
}

two=(--numprocesses 2 --dist worksteal) # side by side
# What fills the machine by itself, or measures load or latency: nothing runs beside it.
alone=(tests/integration/{kill,faults,serve,workers})

case ${1:-} in
  lint)
    say "lint: ruff, mypy, import contracts, generated files"
    python -m ruff check .
    python -m ruff format --check .
    python -m mypy operator/recsys_operator operator/recsys_cli workers/recsys_workers hack benchmarks
    PYTHONPATH=operator:workers "$(dirname "$dev")/lint-imports" --no-cache
    python hack/gen/schemas.py --check
    python hack/gen/crds.py --check # the chart's copies too
    ;;
  lint-shell)
    hack/cluster/packages.sh
    git ls-files '*.sh' .ci/run | xargs shellcheck --external-sources
    ;;
  unit)
    say "unit tests"
    python -m pytest tests/unit -m 'not full' --numprocesses 3 --dist worksteal # They wait a quarter of their time.
    ;;
  chart)
    say "chart tests"
    hack/cluster/bins.sh helm kubeconform kubernetes etcd gateway-api prometheus alertmanager > /dev/null
    python -m pytest tests/chart
    ;;
  integration)
    say "integration tests: a real kube-apiserver and etcd (about a quarter of an hour)"
    hack/cluster/packages.sh
    hack/cluster/bins.sh kubernetes etcd gateway-api kuberay-crds prometheus seaweedfs fake-gcs-server > /dev/null
    [ -z "${RECSYS_AHEAD:-}" ] || images_ahead
    python -m pytest tests/integration -m 'not full' "${two[@]}" "${alone[@]/#/--ignore=}"
    [ -z "${images:-}" ] || wait "$images" || die "the images could not be built: see .local/log/images.log"
    python -m pytest "${alone[@]}" -m 'not full'
    ;;
  e2e)
    say "e2e: the main job on the local cluster"
    hack/demo/data.sh
    python -m pytest tests/e2e -m 'not full' -s
    ;;
  full)
    say "full: every fault, every example"
    python -m pytest tests/unit --hypothesis-profile=random "${two[@]}"
    examples=tests/e2e/test_examples.py # last: their first commands delete the demo, whose versions other tests deploy
    python -m pytest tests/integration tests/e2e -m full --ignore "$examples"
    python -m pytest "$examples" -m full
    ;;
  golden) # hack/test.sh golden PATH…: those of some tests only
    [ $# -gt 1 ] || set -- golden tests/unit tests/chart tests/integration/workers/test_golden_curves.py
    python -m pytest "${@:2}" --golden
    ;;
  generate)
    python hack/gen/schemas.py # first: the CRDs name the architectures that have one
    python hack/gen/crds.py
    ;;
  *)
    sed -n '2s/^# \?//p' "$0"
    exit 2
    ;;
esac
