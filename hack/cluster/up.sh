#!/usr/bin/env bash
# Starts the local cluster: seconds when it is up, half a minute when everything is cached, 15 minutes when nothing is.
#   hack/cluster/up.sh              writes .local/kubeconfig
#   CLUSTER=current hack/cluster/up.sh   only checks the cluster that KUBECONFIG names
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=processes.sh
. "$HERE/processes.sh"
# shellcheck source-path=SCRIPTDIR source=images.sh
. "$HERE/images.sh"

# The control plane's parts and the node's, in the order in which they start.
daemons=(etcd kube-apiserver kube-controller-manager kube-scheduler containerd kubelet kube-proxy)

check_current() {
  local group
  clients
  kubectl get --raw=/readyz > /dev/null ||
    die "CLUSTER=current: the cluster of KUBECONFIG (${KUBECONFIG:-unset, so the default of kubectl}) does not answer, or not to these credentials."
  # Discovery is open to every user, CustomResourceDefinitions are not.
  group=$(kubectl get --raw=/apis/gateway.networking.k8s.io/v1 || true)
  [[ $group = *'"HTTPRoute"'* ]] ||
    die "CLUSTER=current: that cluster has no Gateway API; install its standard channel (v$GATEWAY_API_VERSION or newer) and a Gateway first."
  say "the cluster that KUBECONFIG names answers and has Gateway API"
}

write_kubeconfig() { install -D -m 600 "$STATE/admin.conf" "$CHECKOUT/.local/kubeconfig"; }

is_up() {
  local name
  [ "$(cat "$STATE/complete" 2> /dev/null)" = "$(fingerprint)" ] || return 1
  for name in "${daemons[@]}"; do pid_of "$STATE" "$name" > /dev/null || return 1; done
  admin get --raw=/readyz > /dev/null 2>&1
}

# fingerprint: changes when what runs in the cluster does, so that `make up` then starts it afresh.
fingerprint() { cat "$HERE/infra-images.sh" "$HERE/control-plane.sh" "$HERE"/config/* "$HERE"/manifests/* <(bins) | sha256sum; }

node_address() {
  local address
  address=$(ip -4 route get 192.0.2.1 2> /dev/null | sed -n 's/.* src \([0-9.]*\).*/\1/p')
  [ -n "$address" ] || address=$(ip -4 -brief address show scope global | awk '{sub("/.*", "", $3); print $3; exit}')
  echo "${address:?This machine has no IPv4 address besides the loopback; the node needs one.}"
}

# configure FILE TARGET: fills in the paths of this machine.
configure() {
  sed -e "s#@STATE@#$STATE#g" -e "s#@RUN@#$RUN#g" -e "s#@SOCKET@#$SOCKET#g" -e "s#@CONTAINERD_ROOT@#$CONTAINERD_ROOT#g" \
    -e "s#@PAUSE@#$(infra_image busybox)#g" -e "s#@NODE_IP@#$node_ip#g" -e "s#@DISABLED@##g" "$HERE/config/$1" > "$2"
}

start_node() {
  mkdir -p "$RUN" "$STATE/cni" "$STATE/volumes" "$CONTAINERD_ROOT"
  touch "$CONTAINERD_ROOT/.pods" # down.sh removes it together with the containers that containerd remembers
  configure containerd.toml "$STATE/containerd.toml"
  configure cni.conflist "$STATE/cni/10-recsys.conflist"
  configure kubelet.yaml "$STATE/kubelet.yaml"
  sysctl -n net.ipv4.ip_forward net.ipv4.conf.all.route_localnet | xargs > "$STATE/sysctl"
  sysctl -qw net.ipv4.ip_forward=1
  start "$STATE" containerd containerd --config "$STATE/containerd.toml"
  wait_for 60 "A containerd that answers" ctr version
}

start_pods() {
  local manifest
  say "starting kubelet and kube-proxy"
  start "$STATE" kubelet kubelet --config="$STATE/kubelet.yaml" --kubeconfig="$STATE/kubelet.conf" --hostname-override=local \
    --node-ip="$node_ip" --root-dir="$STATE/kubelet"
  # Zeros leave the machine's conntrack settings alone; endpoints are programmed at once, since a rollout waits for them.
  start "$STATE" kube-proxy kube-proxy --kubeconfig="$STATE/kube-proxy.conf" --hostname-override=local --cluster-cidr=10.244.0.0/16 \
    --proxy-mode=iptables --iptables-min-sync-period=100ms --nodeport-addresses="127.0.0.0/8,$node_ip/32" \
    --healthz-bind-address=127.0.0.1:10256 --metrics-bind-address=127.0.0.1:10249 \
    --conntrack-max-per-core=0 --conntrack-tcp-timeout-established=0 --conntrack-tcp-timeout-close-wait=0
  say "applying CoreDNS, volumes, Gateway API, Traefik, Prometheus and Alertmanager"
  admin apply --server-side --force-conflicts -f "$bin/gateway-api-crds/" > /dev/null
  for manifest in "$HERE"/manifests/*.yaml; do
    sed -e "s#@STATE@#$STATE#g" -e "s#@NODE_IP@#$node_ip#g" -e "s#@BUSYBOX@#$(infra_image busybox)#g" -e "s#@COREDNS@#$(infra_image coredns)#g" \
      -e "s#@PROVISIONER@#$(infra_image local-path-provisioner)#g" -e "s#@TRAEFIK@#$(infra_image traefik)#g" \
      -e "s#@PROMETHEUS@#$(infra_image prometheus)#g" -e "s#@ALERTMANAGER@#$(infra_image alertmanager)#g" "$manifest"
    echo ---
  done | admin apply --server-side -f - > /dev/null
  wait_for 120 "A ready node (log: $STATE/log/kubelet.log)" admin wait --for=condition=Ready node/local --timeout=1s
  say "waiting for the cluster's own pods"
  for manifest in kube-system/coredns local-path-storage/local-path-provisioner gateway-system/traefik monitoring/prometheus monitoring/alertmanager; do
    admin -n "${manifest%/*}" rollout status "deployment/${manifest#*/}" --timeout=120s > /dev/null ||
      die "The pods of $manifest are not ready; look at them with: kubectl --kubeconfig $STATE/admin.conf -n ${manifest%/*} describe pods"
  done
  admin wait --for=condition=Programmed gateway/gateway -n gateway-system --timeout=60s > /dev/null
}

if [ "${CLUSTER:-local}" = current ]; then
  check_current
  exit
fi
[ "$(id -u)" = 0 ] || die "The local cluster runs containers without Docker, which takes root: run 'make up' as root, or use CLUSTER=current."
exclusively cluster
"$HERE/packages.sh"
bin=$("$HERE/bins.sh")
PATH=$bin:$PATH
if is_up; then
  write_kubeconfig
  say "the cluster is up: export KUBECONFIG=$CHECKOUT/.local/kubeconfig"
  exit
fi

refuse_other_kubelets "$STATE"
"$HERE/down.sh" --quiet
mapfile -t infra < <("$HERE/infra-images.sh")
node_ip=$(node_address)
mkdir -p "$STATE/log"
say "starting etcd, kube-apiserver, kube-controller-manager and kube-scheduler $KUBERNETES_VERSION"
CONTROLLER_MANAGER_PORT=10257 "$HERE/control-plane.sh" start "$STATE" --api-port 6443 --etcd-port 2379 --address "$node_ip" --controllers '*' -- \
  --allow-privileged --audit-policy-file="$HERE/config/audit-policy.yaml" --audit-log-path="$STATE/log/audit.log" --audit-log-maxsize=100 --audit-log-maxbackup=1 > /dev/null
start "$STATE" kube-scheduler kube-scheduler --kubeconfig="$STATE/scheduler.conf" --authentication-kubeconfig="$STATE/scheduler.conf" \
  --authorization-kubeconfig="$STATE/scheduler.conf" --bind-address=127.0.0.1 --leader-elect=false
say "starting containerd"
start_node
for image in "${infra[@]}"; do load "$image"; done
prune_infra "${infra[@]}"
prune
start_pods
fingerprint > "$STATE/complete"
write_kubeconfig
say "the cluster is up: export KUBECONFIG=$CHECKOUT/.local/kubeconfig"
