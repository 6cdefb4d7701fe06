# shellcheck shell=bash
# Names of images, and how they get into the node: sourced by up.sh, load.sh and infra-images.sh.

# infra_image NAME: the image of one of the cluster's own programs, tagged by what it is built from and how.
infra_image() {
  local program=/bin/busybox
  [ "$1" = busybox ] || program=$(readlink -f "$(bins)/$1")
  echo "localhost/recsys-infra-$1:$({ dirname "$program"; cat "$HERE/infra-images.sh"; } | sha256sum | cut -c1-12)"
}

ctr() { command ctr --address "$SOCKET" --namespace k8s.io "$@"; }

# image_id REFERENCE: the id of an image in buildah's store.
image_id() { buildah inspect --type image --format '{{.FromImageID}}' "$1" 2> /dev/null; }

# loaded REFERENCE ID: whether the node has this very image under this name.
loaded() { grep -q "recsys.dev/image-id=$2" <<< "$(ctr images ls "name==$1")"; }

# load REFERENCE: copies an image into containerd, only the layers that it lacks. Layers travel uncompressed, and once they are
# unpacked their archives are deleted: an image costs its own size in the node, not twice that.
load() {
  local reference=$1 id work digest size parent='' known=()
  id=$(image_id "$reference") || die "load.sh: buildah has no image '$reference'; build it first (buildah images lists what there is)."
  ! loaded "$reference" "$id" || return 0
  exclusively load
  say "loading $reference into the node"
  mkdir -p "$CACHE/tmp"
  work=$(mktemp -d "$CACHE/tmp/load.XXXXXX")
  mkdir -p "$work/blobs/sha256"
  # A file of the right size, but without content, makes buildah skip a layer that the node has unpacked already.
  while read -r digest size; do
    parent=${parent:+$(printf '%s %s' "$parent" "$digest" | sha256sum | sed 's/^\([0-9a-f]*\).*/sha256:\1/')}
    parent=${parent:-$digest}
    ctr snapshots info "$parent" > /dev/null 2>&1 || break
    truncate -s "$size" "$work/blobs/sha256/${digest#sha256:}"
    known+=("--exclude=./blobs/sha256/${digest#sha256:}")
  done < <(layers "$reference")
  skopeo copy --quiet --dest-oci-accept-uncompressed-layers "containers-storage:$reference" "oci:$work:$reference" 2> "$work.log" ||
    die "load.sh: copying '$reference' failed: $(cat "$work.log")"
  tar -C "$work" "${known[@]}" --remove-files -cf - index.json oci-layout blobs 2> "$work.log" | ctr images import - > /dev/null
  rm -rf "$work" "$work.log"
  ctr images label "$reference" "recsys.dev/image-id=$id" > /dev/null
  layers "$reference" | while read -r digest size; do ctr content rm "$digest" > /dev/null 2>&1 || true; done
  ctr leases create --id recsys-collect > /dev/null
  ctr leases delete --sync recsys-collect > /dev/null # collects the archives now, not some time
}

# layers REFERENCE: the digest and the size of each uncompressed layer, lowest first.
layers() {
  buildah inspect --type image --format '{{.Manifest}}' "$1" |
    python3 -c 'import json, sys; [print(layer["digest"], layer["size"]) for layer in json.load(sys.stdin)["layers"]]'
}

# prune_infra REFERENCE...: forgets the cluster's own images but these, in the node and in buildah's store.
prune_infra() {
  local old
  for old in $(ctr images ls -q | grep '^localhost/recsys-infra-'); do
    [[ " $* " = *" $old "* ]] || ctr images rm "$old" > /dev/null
  done
  for old in $(buildah images --format '{{.Name}}:{{.Tag}}' | grep '^localhost/recsys-infra-'); do
    [[ " $* " = *" $old "* ]] || buildah rmi "$old" > /dev/null
  done
}

# prune: forgets the images that a newer one of the same name replaced; running containers keep what they use.
prune() {
  local ids id
  ids=$(ctr images ls | grep -o 'recsys.dev/image-id=[0-9a-f]*' | cut -d= -f2 | sort -u)
  for id in $(ctr images ls -q | sed -n 's/^sha256://p'); do
    grep -q "$id" <<< "$ids" || ctr images rm "sha256:$id" > /dev/null
  done
}
