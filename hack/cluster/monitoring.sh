#!/usr/bin/env bash
# Gives Prometheus its rules and Alertmanager its configuration, and returns when they are in force (a few seconds).
#   hack/cluster/monitoring.sh rules FILE                 a Prometheus rule file (`groups:`)
#   hack/cluster/monitoring.sh alertmanager FILE TOKENFILE   an alertmanager.yml; it finds the token at /etc/alertmanager/token
# Both work on the cluster of .local/kubeconfig, or on the one that KUBECONFIG names.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

usage() { die "$(sed -n '2,5s/^# \?//p' "$0")"; }

kube() { "$("$HERE/bins.sh" kubernetes)/kubectl" --kubeconfig="${KUBECONFIG:-$CHECKOUT/.local/kubeconfig}" -n monitoring "$@"; }

hash_of() { cat "$@" | sha256sum | cut -c1-12; }

# rules_in_force KEY: asks Prometheus to read its files again, and whether the groups of file KEY are among its rules.
rules_in_force() {
  kube create --raw /api/v1/namespaces/monitoring/services/prometheus:9090/proxy/-/reload -f /dev/null > /dev/null 2>&1
  grep -q "\"file\":\"[^\"]*/$1\"" <<< "$(kube get --raw /api/v1/namespaces/monitoring/services/prometheus:9090/proxy/api/v1/rules)"
}

apply_rules() { # the key carries the file's hash: Prometheus then tells from which content its rules come
  local file=$1 key
  key=recsys-$(hash_of "$file").yaml
  kube create configmap recsys-rules --from-file="$key=$file" --dry-run=client -o yaml | kube apply --server-side --force-conflicts -f - > /dev/null
  # A pod that changes has its volumes brought up to date at once; otherwise that takes the kubelet up to ten seconds.
  kube annotate pods -l app.kubernetes.io/name=prometheus --overwrite "recsys.dev/rules=$key" > /dev/null
  wait_for 30 "Loading the rules of $file (see: kubectl -n monitoring logs deploy/prometheus)" rules_in_force "$key"
}

apply_alertmanager() { # a new pod: its state is a minute of alerts, which Prometheus sends again
  local file=$1 token=$2
  kube create secret generic alertmanager --from-file="alertmanager.yml=$file" --from-file="token=$token" --dry-run=client -o yaml |
    kube apply --server-side --force-conflicts -f - > /dev/null
  kube patch deployment alertmanager --type=merge \
    -p "{\"spec\":{\"template\":{\"metadata\":{\"annotations\":{\"recsys.dev/config\":\"$(hash_of "$file" "$token")\"}}}}}" > /dev/null
  kube rollout status deployment/alertmanager --timeout=60s > /dev/null ||
    die "Alertmanager does not start with $file: see kubectl -n monitoring logs deploy/alertmanager"
}

[ $# -ge 2 ] || usage
for file in "${@:2}"; do [ -r "$file" ] || die "monitoring.sh: the file '$file' cannot be read."; done
case $1 in
  rules) apply_rules "$2" && say "Prometheus has the rules of $2" ;;
  alertmanager)
    [ $# -eq 3 ] || usage
    apply_alertmanager "$2" "$3" && say "Alertmanager has the configuration of $2"
    ;;
  *) usage ;;
esac
