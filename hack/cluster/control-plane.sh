#!/usr/bin/env bash
# Starts or stops etcd and kube-apiserver, and kube-controller-manager if asked, with all their state in one directory.
# Nothing else is needed: no root, no kubelet, no containers. `make up` builds on it, and so can an integration test:
#   hack/cluster/control-plane.sh start DIR [--api-port N] [--etcd-port N] [--controllers LIST] [--address IP] [-- APISERVER_FLAG...]
#   hack/cluster/control-plane.sh stop DIR
# `start` prints the administrator's kubeconfig (DIR/admin.conf), made for a kube-apiserver that answers /readyz. Its ports are free
# ones unless told. LIST is what kube-controller-manager takes, for instance
# 'garbage-collector-controller,namespace-controller,serviceaccount-controller'; without it there is no controller-manager.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=processes.sh
. "$HERE/processes.sh"

usage() { die "$(sed -n '2,9s/^# \?//p' "$0")"; }
[ $# -ge 2 ] || usage
action=$1 directory=$2
shift 2

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# certificates IP: a certificate authority, and a client or server certificate for everyone who needs one.
certificates() {
  local name subject
  cd "$directory/pki"
  openssl ecparam -name prime256v1 -genkey -noout -out ca.key
  # Python 3.13 takes certificates only as RFC 5280 has them: with the CA's key usage and the leaf's authority key identifier.
  openssl req -x509 -new -key ca.key -out ca.crt -subj /CN=recsys-local-ca -days 365 -addext keyUsage=critical,keyCertSign,cRLSign
  openssl ecparam -name prime256v1 -genkey -noout -out service-account.key
  while read -r name subject; do
    openssl ecparam -name prime256v1 -genkey -noout -out "$name.key"
    openssl req -new -key "$name.key" -out "$name.csr" -subj "$subject"
    openssl x509 -req -in "$name.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days 365 -out "$name.crt" -extfile <(
      printf 'authorityKeyIdentifier=keyid\nsubjectKeyIdentifier=hash\nbasicConstraints=CA:FALSE\nextendedKeyUsage=clientAuth,serverAuth\nsubjectAltName=DNS:localhost,DNS:local,IP:127.0.0.1,IP:%s,IP:10.96.0.1,' "$1"
      echo 'DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local'
    ) 2> /dev/null
  done << 'SUBJECTS'
apiserver /CN=kube-apiserver
apiserver-client /O=system:masters/CN=kube-apiserver-kubelet-client
admin /O=system:masters/CN=admin
controller-manager /CN=system:kube-controller-manager
scheduler /CN=system:kube-scheduler
kubelet /O=system:nodes/CN=system:node:local
kube-proxy /CN=system:kube-proxy
front-proxy /CN=front-proxy
SUBJECTS
  for name in admin controller-manager scheduler kubelet kube-proxy; do
    (
      umask 077
      cat > "../$name.conf" << KUBECONFIG
apiVersion: v1
kind: Config
clusters: [{name: local, cluster: {server: "https://127.0.0.1:$api_port", certificate-authority-data: $(base64 -w0 ca.crt)}}]
users: [{name: $name, user: {client-certificate-data: $(base64 -w0 "$name.crt"), client-key-data: $(base64 -w0 "$name.key")}}]
contexts: [{name: local, context: {cluster: local, user: $name}}]
current-context: local
KUBECONFIG
    )
  done
  rm -f ./*.csr ca.srl
  cd "$directory"
}

start_control_plane() {
  local api_port='' etcd_port='' controllers='' address=127.0.0.1 bind=127.0.0.1 kubeconfig pki=$directory/pki extra=()
  while [ $# -gt 0 ]; do
    case $1 in
      --api-port) api_port=$2 && shift 2 ;;
      --etcd-port) etcd_port=$2 && shift 2 ;;
      --controllers) controllers=$2 && shift 2 ;;
      --address) address=$2 bind=0.0.0.0 && shift 2 ;;
      --) shift && extra=("$@") && break ;;
      *) usage ;;
    esac
  done
  PATH=$("$HERE/bins.sh" kubernetes etcd):$PATH
  api_port=${api_port:-$(free_port)} etcd_port=${etcd_port:-$(free_port)}
  mkdir -p "$directory"/{pki,log,pid}
  directory=$(cd "$directory" && pwd) pki=$directory/pki
  chmod 700 "$pki"
  certificates "$address"
  start "$directory" etcd etcd --data-dir "$directory/etcd" --listen-client-urls "http://127.0.0.1:$etcd_port" \
    --advertise-client-urls "http://127.0.0.1:$etcd_port" --listen-peer-urls http://127.0.0.1:0 \
    --auto-compaction-mode=revision --auto-compaction-retention=1000 --logger=zap --log-level=warn
  start "$directory" kube-apiserver kube-apiserver --etcd-servers="http://127.0.0.1:$etcd_port" --secure-port="$api_port" \
    --bind-address="$bind" --advertise-address="$address" --service-cluster-ip-range=10.96.0.0/16 \
    --tls-cert-file="$pki/apiserver.crt" --tls-private-key-file="$pki/apiserver.key" --client-ca-file="$pki/ca.crt" \
    --service-account-key-file="$pki/service-account.key" --service-account-signing-key-file="$pki/service-account.key" \
    --service-account-issuer=https://kubernetes.default.svc --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction \
    --kubelet-client-certificate="$pki/apiserver-client.crt" --kubelet-client-key="$pki/apiserver-client.key" \
    --requestheader-client-ca-file="$pki/ca.crt" --requestheader-allowed-names=front-proxy --requestheader-username-headers=X-Remote-User \
    --requestheader-group-headers=X-Remote-Group --requestheader-extra-headers-prefix=X-Remote-Extra- \
    --proxy-client-cert-file="$pki/front-proxy.crt" --proxy-client-key-file="$pki/front-proxy.key" \
    --kubelet-certificate-authority="$pki/ca.crt" --kubelet-preferred-address-types=InternalIP --profiling=false "${extra[@]}"
  kubeconfig=$directory/admin.conf
  wait_for 60 "A ready kube-apiserver (log: $directory/log/kube-apiserver.log)" kubectl --kubeconfig="$kubeconfig" get --raw=/readyz
  if [ -n "$controllers" ]; then
    start "$directory" kube-controller-manager kube-controller-manager --kubeconfig="$directory/controller-manager.conf" \
      --authentication-kubeconfig="$directory/controller-manager.conf" --authorization-kubeconfig="$directory/controller-manager.conf" \
      --bind-address=127.0.0.1 --secure-port="${CONTROLLER_MANAGER_PORT:-0}" --controllers="$controllers" --leader-elect=false \
      --service-account-private-key-file="$pki/service-account.key" --root-ca-file="$pki/ca.crt" --use-service-account-credentials
  fi
  echo "$kubeconfig"
}

case $action in
  start) start_control_plane "$@" ;;
  stop) for name in kube-controller-manager kube-apiserver etcd; do stop "$directory" "$name"; done ;;
  *) usage ;;
esac
