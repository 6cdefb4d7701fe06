#!/usr/bin/env bash
# Gives the local cluster that is up Kueue, by which runs wait in a queue; compiles it the first time (about 5 minutes).
#   hack/cluster/kueue.sh          installs it
#   hack/cluster/kueue.sh delete   takes it away again, its CRDs and all queues included
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=images.sh
. "$HERE/images.sh"

bin=$("$HERE/bins.sh" helm kubernetes kueue)
PATH=$bin:$PATH
[ -S "$SOCKET" ] || die "kueue.sh: the local cluster is not running; start it with 'make up'."
image=$("$HERE/infra-images.sh" kueue)

# manifests: what Kueue's chart makes, with our image, in which the program has a name of its own.
manifests() {
  sed "s#@REPOSITORY@#${image%:*}#; s#@TAG@#${image##*:}#" "$HERE/on-demand/kueue.yaml" |
    helm template kueue "$bin/kueue-chart" --namespace kueue-system --values - | sed 's#^\( *- \)/manager$#\1/bin/kueue#'
}

case ${1:-} in
  delete)
    # While Kueue still runs: queues, flavors and workloads have finalizers of its own.
    for kind in localqueues clusterqueues workloads resourceflavors; do
      ! admin get crd "$kind.kueue.x-k8s.io" > /dev/null 2>&1 ||
        admin delete "$kind.kueue.x-k8s.io" --all --all-namespaces --timeout=60s > /dev/null
    done
    manifests | admin delete --ignore-not-found --timeout=120s -f - > /dev/null
    admin delete namespace kueue-system --ignore-not-found --timeout=60s > /dev/null
    say "Kueue is gone"
    exit
    ;;
  '') ;;
  *) die "$(sed -n '2,4s/^# \?//p' "$0")" ;;
esac
load "$image"
admin create namespace kueue-system --dry-run=client -o yaml | admin apply -f - > /dev/null
admin label namespace kueue-system --overwrite pod-security.kubernetes.io/enforce=restricted > /dev/null
manifests | admin apply --server-side --force-conflicts -f - > /dev/null
admin -n kueue-system rollout status deployment/kueue-controller-manager --timeout=180s > /dev/null ||
  die "Kueue is not ready; look at it with: kubectl --kubeconfig $STATE/admin.conf -n kueue-system logs deploy/kueue-controller-manager"
answers() { admin create --dry-run=server -f - <<< '{"apiVersion": "kueue.x-k8s.io/v1beta2", "kind": "ResourceFlavor", "metadata": {"name": "probe"}}'; }
wait_for 60 "An answer of Kueue's webhooks" answers
say "Kueue $KUEUE_VERSION runs"
