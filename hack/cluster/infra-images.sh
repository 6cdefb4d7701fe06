#!/usr/bin/env bash
# Builds the images of the cluster's own pods that are missing, each from nothing but its program, and prints their names.
#   hack/cluster/infra-images.sh [NAME...]   all that `make up` needs, or these
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=images.sh
. "$HERE/images.sh"

bin=$(bins)
work=
trap 'rm -rf "$work"' EXIT

# image NAME PROGRAM [FILE=TARGET...]: an image that holds a program with the shared libraries it needs, and perhaps data files.
image() {
  local reference program=$2 name file
  reference=$(infra_image "$1")
  shift 2
  echo "$reference"
  buildah inspect --type image "$reference" > /dev/null 2>&1 && return
  say "building $reference"
  rm -rf "$work"
  work=$(mktemp -d)
  install -d -m 1777 "$work/root/tmp"
  name=$(basename "$program")
  install -D "$program" "$work/root/bin/$name"
  for file in "$@" $(ldd "$program" 2> /dev/null | sed -n 's#^[^/]*\(/[^ ]*\).*#\1=\1#p'); do
    install -D "${file%%=*}" "$work/root/${file#*=}"
  done
  printf 'FROM scratch\nCOPY root /\nENV PATH=/bin\nUSER 65532:65532\nENTRYPOINT ["/bin/%s"]\n' "$name" > "$work/Dockerfile"
  if [ "$name" = busybox ]; then # each pod's sandbox sleeps in it, and the volume provisioner's scripts need a shell
    for file in sh mkdir chmod rm; do ln -s busybox "$work/root/bin/$file"; done
    echo 'CMD ["sleep", "infinity"]' >> "$work/Dockerfile"
  fi
  buildah bud --quiet -t "$reference" "$work" > /dev/null
}

[ $# -gt 0 ] || set -- busybox coredns local-path-provisioner traefik prometheus alertmanager
for name in "$@"; do
  case $name in
    busybox) image busybox /bin/busybox ;;
    alertmanager) # it reads its templates at start
      image alertmanager "$bin/alertmanager" "$bin/default.tmpl=/usr/share/prometheus/alertmanager/default.tmpl" \
        "$bin/email.tmpl=/usr/share/prometheus/alertmanager/email.tmpl"
      ;;
    *) image "$name" "$bin/$name" ;;
  esac
done
