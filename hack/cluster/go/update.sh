#!/usr/bin/env bash
# Writes go.mod, go.sum and tools.go of each tool from versions.env. Run it after a version changes, and commit the result.
#   hack/cluster/go/update.sh [TOOL...]
set -euo pipefail
cd "$(dirname "$0")"
# shellcheck source-path=SCRIPTDIR source=../versions.env
. ../versions.env
export GOTOOLCHAIN=local

# write TOOL MODULE VERSION PACKAGE...: the module's own `replace` lines are carried over, since they do not apply to importers.
write() {
  local tool=$1 module=$2 version=$3 source
  shift 3
  mkdir -p "$tool"
  (
    cd "$tool"
    rm -f go.mod go.sum
    printf 'module recsys.dev/hack/%s\n\ngo %s\n\nrequire %s v%s\n' "$tool" "$GO_MINIMUM" "$module" "$version" > go.mod
    source=$(go mod download -json "$module@v$version" | sed -n 's/.*"GoMod": "\(.*\)",/\1/p')
    if [ "$tool" = kubernetes ]; then # its staging modules are required at v0.0.0: pin the published ones
      sed -nE 's/^\t(k8s\.io\/[a-z-]+) v0\.0\.0( .*)?$/\1/p' "$source" | sort -u |
        while read -r staging; do echo "replace $staging => $staging v0.${version#1.}"; done >> go.mod
    else
      go mod edit -json "$source" | python3 -c 'import json, sys
for r in json.load(sys.stdin).get("Replace") or []:
    print("replace", *(r["Old"].values()), "=>", *(r["New"].values()))' >> go.mod
    fi
    # The one that Flagger names does not compile with Go 1.25 and newer.
    [ "$tool" != flagger ] || go mod edit -require=golang.org/x/tools@v0.30.0
    {
      printf '//go:build tools\n\n// Package tools names the commands that are built from this module.\npackage tools\n\nimport (\n'
      printf '\t_ "%s"\n' "$@"
      echo ')'
    } > tools.go
    go mod tidy
  )
}

wanted=${*:-kubernetes helm kubeconform coredns prometheus local-path-provisioner gateway-api metrics-server kuberay kueue argo-rollouts flagger fake-gcs-server}
for tool in $wanted; do
  case $tool in
    kubernetes)
      write kubernetes k8s.io/kubernetes "$KUBERNETES_VERSION" k8s.io/kubernetes/cmd/kube-apiserver \
        k8s.io/kubernetes/cmd/kube-controller-manager k8s.io/kubernetes/cmd/kube-proxy \
        k8s.io/kubernetes/cmd/kube-scheduler k8s.io/kubernetes/cmd/kubectl k8s.io/kubernetes/cmd/kubelet
      ;;
    helm) write helm helm.sh/helm/v4 "$HELM_VERSION" helm.sh/helm/v4/cmd/helm ;;
    kubeconform) write kubeconform github.com/yannh/kubeconform "$KUBECONFORM_VERSION" github.com/yannh/kubeconform/cmd/kubeconform ;;
    coredns) write coredns github.com/coredns/coredns "$COREDNS_VERSION" github.com/coredns/coredns ;;
    prometheus)
      write prometheus github.com/prometheus/prometheus "$PROMETHEUS_VERSION" github.com/prometheus/prometheus/cmd/prometheus \
        github.com/prometheus/prometheus/cmd/promtool
      ;;
    local-path-provisioner)
      write local-path-provisioner github.com/rancher/local-path-provisioner "$LOCAL_PATH_PROVISIONER_VERSION" \
        github.com/rancher/local-path-provisioner
      ;;
    gateway-api) write gateway-api sigs.k8s.io/gateway-api "$GATEWAY_API_VERSION" sigs.k8s.io/gateway-api/apis/v1 ;;
    metrics-server) write metrics-server sigs.k8s.io/metrics-server "$METRICS_SERVER_VERSION" sigs.k8s.io/metrics-server/cmd/metrics-server ;;
    kuberay) write kuberay github.com/ray-project/kuberay/ray-operator "$KUBERAY_VERSION" github.com/ray-project/kuberay/ray-operator ;;
    kueue) write kueue sigs.k8s.io/kueue "$KUEUE_VERSION" sigs.k8s.io/kueue/cmd/kueue ;;
    argo-rollouts)
      write argo-rollouts github.com/argoproj/argo-rollouts "$ARGO_ROLLOUTS_VERSION" github.com/argoproj/argo-rollouts/cmd/rollouts-controller
      ;;
    flagger) write flagger github.com/fluxcd/flagger "$FLAGGER_VERSION" github.com/fluxcd/flagger/cmd/flagger ;;
    fake-gcs-server) write fake-gcs-server github.com/fsouza/fake-gcs-server "$FAKE_GCS_SERVER_VERSION" github.com/fsouza/fake-gcs-server ;;
    *) echo "update.sh: no tool is called '$tool'; there are kubernetes, helm, kubeconform, coredns, prometheus, local-path-provisioner, gateway-api, metrics-server, kuberay, kueue, argo-rollouts, flagger and fake-gcs-server" >&2; exit 2 ;;
  esac
done
