#!/usr/bin/env bash
# Checks what the project needs of the cluster that is up: restricted pods on a volume, exec and logs, names, weights, preStop.
#   hack/cluster/check.sh    half a minute; leaves nothing behind
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=images.sh
. "$HERE/images.sh"

kube() { admin -n cluster-check "$@"; }
fetch() { curl --silent --fail --max-time 2 -H 'Host: check.localhost' http://127.0.0.1:30080/; }
expect() { [ "$2" = "$3" ] || die "check.sh: $1 is '$2', it should be '$3'"; say "$1: $2"; }
volumes() { find "$STATE/volumes" -mindepth 1 -maxdepth 1 -name '*cluster-check*' | wc -l; }

# weigh ONE TWO: sets the weights of the route.
weigh() {
  kube patch httproute check --type=json -p "[{\"op\":\"replace\",\"path\":\"/spec/rules/0/backendRefs/0/weight\",\"value\":$1},
    {\"op\":\"replace\",\"path\":\"/spec/rules/0/backendRefs/1/weight\",\"value\":$2}]" > /dev/null
}

# settle WANTED: milliseconds until ten answers in a row come from the wanted pod.
settle() {
  local began row=0
  began=$(date +%s%3N)
  while [ "$row" -lt 10 ]; do
    if [ "$(fetch)" = "$1" ]; then row=$((row + 1)); else row=0; fi
    [ $(($(date +%s%3N) - began)) -lt 5000 ] || die "check.sh: after 5 s not every answer comes from '$1'"
  done
  echo $(($(date +%s%3N) - began))
}

trap 'admin delete namespace cluster-check --ignore-not-found --wait=false > /dev/null' EXIT
admin delete namespace cluster-check --ignore-not-found > /dev/null
sed "s#@BUSYBOX@#$(infra_image busybox)#g" "$HERE/check.yaml" | admin apply -f - > /dev/null
kube wait --for=condition=Ready pod --all --timeout=60s > /dev/null
expect "a restricted pod's user" "$(kube logs writer | head -1)" 'uid=65532 gid=65532 groups=65532'
expect "what it wrote to its volume" "$(kube exec writer -- busybox cat /data/file)" written
expect "a read-only root" "$(kube exec writer -- sh -c 'echo x > /file' 2>&1 | grep -c 'Read-only file system')" 1
expect "a Service by its name" "$(kube exec writer -- busybox wget -qO- http://one.cluster-check.svc.cluster.local)" one
wait_for 30 "A route that answers" fetch
expect "the gateway at weights 100:0" "$(for _ in $(seq 20); do fetch; done | sort | uniq -c | xargs)" '20 one'
for _ in 1 2 3; do
  weigh 0 100; say "weights 0:100 served by all answers after $(settle two) ms"
  weigh 100 0; say "weights 100:0 served by all answers after $(settle one) ms"
done
weigh 50 50
answers_two() { [ "$(fetch)" = two ]; }
wait_for 5 "An answer from the second pod" answers_two
expect "the gateway at weights 50:50" "$(for _ in $(seq 100); do fetch; done | sort | uniq -c | xargs)" '50 one 50 two'
began=$(date +%s)
kube delete pod writer > /dev/null
waited=$(($(date +%s) - began))
[ "$waited" -ge 4 ] || die "check.sh: a preStop sleep of 4 s took $waited s"
say "a preStop sleep of 4 s: the pod was gone after $waited s"
kube delete pvc data > /dev/null
wait_for 30 "The removal of the volume's directory" sh -c "[ -z \"\$(find '$STATE/volumes' -name '*cluster-check*')\" ]"
expect "directories that the deleted volume left" "$(volumes)" 0
