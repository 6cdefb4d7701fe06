#!/usr/bin/env bash
# Installs the operator with Helm and, on the local cluster, its alert rules in Prometheus and its route in Alertmanager.
# With CLUSTER=current only the chart is installed, with images from REGISTRY: the cluster's own monitoring is yours to set up
# (docs/how-to/monitoring.md). It is for the demo there too: the thresholds are those of hack/demo/values.yaml.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source-path=SCRIPTDIR source=../cluster/lib.sh
. hack/cluster/lib.sh

namespace=recsys-system release=recsys-operator chart=charts/recsys-operator tag=${TAG:-dev}
clients
[ "${CLUSTER:-}" = current ] || export KUBECONFIG=$PWD/.local/kubeconfig
values=(--values hack/demo/values.yaml)
if [ "${CLUSTER:-}" = current ]; then
  REGISTRY=$(registry)
  for image in operator trainer server; do
    values+=(--set "images.$image.repository=$REGISTRY/recsys-$image" --set-string "images.$image.tag=$tag")
    # What `make images` pushed there from here last; without it, the tag alone.
    pushed=$(cat ".local/pushed/recsys-$image" 2> /dev/null || true)
    [ "${pushed%@*}" != "$REGISTRY/recsys-$image:$tag" ] || values+=(--set "images.$image.digest=${pushed##*@}")
  done
else
  # The tag stays the same when the image changes: the key makes the operator's pod follow.
  key=$(buildah inspect --type image --format '{{index .OCIv1.Config.Labels "dev.recsys.key"}}' "localhost/recsys-operator:$tag")
  for image in operator trainer server; do values+=(--set-string "images.$image.tag=$tag"); done
  values+=(--set-string "podAnnotations.recsys\.dev/image-key=$key")
fi

say "installing the chart into $namespace"
kubectl create namespace "$namespace" --dry-run=client -o yaml | kubectl apply -f - > /dev/null
kubectl label namespace "$namespace" --overwrite pod-security.kubernetes.io/enforce=restricted > /dev/null
token=.local/alert-token
[ -s "$token" ] || (umask 077 && mkdir -p .local && openssl rand -hex 32 | tr -d '\n' > "$token")
kubectl -n "$namespace" create secret generic "$release-alert-tokens" --from-file="current=$token" --dry-run=client -o yaml |
  kubectl apply -f - > /dev/null
helm upgrade --install "$release" "$chart" --namespace "$namespace" "${values[@]}" --wait --timeout 3m > /dev/null

if [ "${CLUSTER:-}" != current ]; then
  say "loading the alert rules into Prometheus, the route into Alertmanager"
  python=$(hack/venv.sh demo)
  mkdir -p .local/monitoring
  helm template "$release" "$chart" --namespace "$namespace" "${values[@]}" --set prometheusRule.enabled=true \
    --show-only templates/prometheusrule.yaml |
    "$python" -c 'import sys, yaml; yaml.safe_dump(yaml.safe_load(sys.stdin)["spec"], sys.stdout)' > .local/monitoring/rules.yaml
  hack/cluster/monitoring.sh rules .local/monitoring/rules.yaml
  sed 's|/etc/alertmanager/recsys/current|/etc/alertmanager/token|' "$chart/examples/alertmanager.yml" > .local/monitoring/alertmanager.yml
  hack/cluster/monitoring.sh alertmanager .local/monitoring/alertmanager.yml "$token"
else
  say "the thresholds of the alerts are the demo's, wrong for production: docs/how-to/monitoring.md#thresholds-of-the-demo"
fi
say "the operator runs: $(kubectl -n "$namespace" get deployment "$release" -o jsonpath='{.spec.template.spec.containers[0].image}')"
