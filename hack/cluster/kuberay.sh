#!/usr/bin/env bash
# Gives the local cluster that is up KubeRay, which runs with several workers need; compiles it the first time (about 2 minutes).
#   hack/cluster/kuberay.sh          installs it
#   hack/cluster/kuberay.sh delete   takes it away again, its CRDs and all RayJobs included
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=images.sh
. "$HERE/images.sh"

bin=$("$HERE/bins.sh" kubernetes kuberay kuberay-crds)
PATH=$bin:$PATH
[ -S "$SOCKET" ] || die "kuberay.sh: the local cluster is not running; start it with 'make up'."
case ${1:-} in
  delete)
    # While the operator still runs: RayJobs have a finalizer of its own.
    admin delete --ignore-not-found -f "$bin/kuberay-crds/" --timeout=120s > /dev/null
    admin delete --ignore-not-found -f "$bin/kuberay-rbac/" -f "$HERE/on-demand/kuberay.yaml" --timeout=60s > /dev/null
    say "KubeRay is gone"
    exit
    ;;
  '') ;;
  *) die "$(sed -n '2,4s/^# \?//p' "$0")" ;;
esac
image=$("$HERE/infra-images.sh" kuberay)
load "$image"
admin apply --server-side --force-conflicts -f "$bin/kuberay-crds/" -f "$bin/kuberay-rbac/" > /dev/null
sed "s#@KUBERAY@#$image#" "$HERE/on-demand/kuberay.yaml" | admin apply --server-side --force-conflicts -f - > /dev/null
admin -n kuberay-system rollout status deployment/kuberay-operator --timeout=120s > /dev/null ||
  die "KubeRay is not ready; look at it with: kubectl --kubeconfig $STATE/admin.conf -n kuberay-system logs deploy/kuberay-operator"
say "KubeRay $KUBERAY_VERSION runs"
