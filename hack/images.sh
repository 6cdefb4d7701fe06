#!/usr/bin/env bash
# Builds the project's images with buildah, each only when something in it changed, and hands them to the cluster.
#   hack/images.sh [recsys-operator|recsys-server|recsys-trainer …]     all three without a name
#     TAG=dev          the images' tag
#     FORCE=1          builds again although nothing changed
#     NO_LOAD=1        does not load them into the local cluster that is running
#     BASE=IMAGE       another base than the local one, such as python:3.13-slim
#     CLUSTER=current  pushes to REGISTRY (required then) instead of loading into the local node;
#                      a registry without TLS takes "insecure = true" in /etc/containers/registries.conf
# An image carries the hash of everything it is made of in the label dev.recsys.key; an equal hash means nothing to do.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source-path=SCRIPTDIR source=cluster/lib.sh
. hack/cluster/lib.sh

tag=${TAG:-dev}
names=("$@")
[ $# -gt 0 ] || names=(recsys-operator recsys-server recsys-trainer)
version=$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
log_dir=.local/log
[ "${CLUSTER:-}" != current ] || REGISTRY=$(registry) # told before the build, not after it
mkdir -p "$log_dir"

sources() { # sources NAME: the paths that the image is made of
  local common=(Dockerfile .dockerignore hack/image/install.sh requirements/tools.txt "requirements/${1#recsys-}.txt")
  case "$1" in
    recsys-operator) printf '%s\n' "${common[@]}" operator/recsys_operator ;;
    recsys-server) printf '%s\n' "${common[@]}" workers/recsys_workers/*.py workers/recsys_workers/serve ;;
    recsys-trainer) printf '%s\n' "${common[@]}" workers/recsys_workers ;;
    *) echo "hack/images.sh: there is no image \"$1\"; there are recsys-operator, recsys-server and recsys-trainer" >&2; return 2 ;;
  esac
}

key_of() { # key_of NAME BASE_KEY: the hash of the base and of every file, with its name
  { echo "$2"
    sources "$1" | xargs -I{} find {} -type f -not -path '*/__pycache__/*' -not -name '*.pyc' -print0 | sort -z | xargs -0 sha256sum
  } | sha256sum | cut -c1-16
}

revision_of() { # revision_of NAME: the last commit that touched the image's files, marked when they differ from it
  local files
  mapfile -t files < <(sources "$1")
  git rev-parse --git-dir >/dev/null 2>&1 || { echo unknown; return; }
  printf '%s%s\n' "$(git log -1 --format=%H -- "${files[@]}")" "$([ -z "$(git status --porcelain -- "${files[@]}")" ] || echo -dirty)"
}

label() { buildah inspect --type image --format "{{index .OCIv1.Config.Labels \"$2\"}}" "$1" 2>/dev/null || true; }
image_id() { buildah inspect --type image --format '{{.FromImageID}}' "$1" 2>/dev/null || true; }
size() { buildah images --format '{{.Size}}' "$1" | tr -d ' '; }

steps() { # steps NAME: the steps that take time, out of what buildah says
  local line
  while read -r line; do
    [[ ! $line =~ STEP\ [0-9/]+:\ ((RUN|COPY)\ .*) ]] || say "$1:   ${BASH_REMATCH[1]:0:100}"
  done
}

build() { # build NAME BASE KEY: an image gets its tag when it passed its check
  local name=$1 base=$2 key=$3 image=localhost/$1:$tag new=localhost/$1:$tag-unchecked log=$log_dir/$1.log start=$SECONDS old
  old=$(image_id "$image")
  local options=(--layers --isolation "${BUILDAH_ISOLATION:-chroot}" --target "$name" --tag "$new" --build-arg "BASE_IMAGE=$base"
    --build-arg "VERSION=$version" --build-arg "REVISION=$(revision_of "$name")" --build-arg "KEY=$key")
  # The machine's certificates serve the download inside the build (a company's proxy may sign with its own).
  [ ! -d /etc/ssl/certs ] || options+=(--volume /etc/ssl/certs:/etc/ssl/certs:ro --build-arg UV_SYSTEM_CERTS=1)
  say "$name: building; the log is $log"
  if ! buildah bud "${options[@]}" . 2>&1 | tee "$log" | steps "$name"; then
    tail -30 "$log" >&2
    say "$name: the build failed; the whole log is $log"
    return 1
  fi
  say "$name: checking what it carries"
  hack/image/check.sh "$new"
  buildah tag "$new" "$image"
  buildah rmi "$new" > /dev/null
  # What the tag named before, with the layers that only it used: a stale trainer alone would keep gigabytes.
  if [ -n "$old" ] && [ "$old" != "$(image_id "$image")" ]; then buildah rmi "$old" >/dev/null 2>&1 || true; fi
  say "$name: built in $((SECONDS - start)) s, $(size "$image")"
}

command -v buildah > /dev/null || hack/cluster/packages.sh
exclusively images
base=${BASE:-$(hack/cluster/base-image.sh)}
# The recipe of the local base, or the identity of another one.
base_key=$(label "$base" dev.recsys.base)
[ -n "$base_key" ] && [ "$base_key" != '<no value>' ] || base_key=$(image_id "$base")
images=()
for name in "${names[@]}"; do
  sources "$name" >/dev/null
  key=$(key_of "$name" "$base_key")
  images+=("localhost/$name:$tag")
  if [ -z "${FORCE:-}" ] && [ "$(label "localhost/$name:$tag" dev.recsys.key)" = "$key" ]; then
    say "$name: unchanged, $(size "localhost/$name:$tag")"
  else
    build "$name" "$base" "$key"
  fi
done

if [ "${CLUSTER:-}" = current ]; then
  mkdir -p .local/pushed
  for name in "${names[@]}"; do
    say "pushing localhost/$name:$tag to $REGISTRY"
    buildah push --quiet --digestfile ".local/pushed/$name.digest" "localhost/$name:$tag" "docker://$REGISTRY/$name:$tag"
    # hack/demo/install.sh names the image by this: the tag stays the same when the image changes.
    echo "$REGISTRY/$name:$tag@$(cat ".local/pushed/$name.digest")" > ".local/pushed/$name"
    rm ".local/pushed/$name.digest"
  done
elif [ -z "${NO_LOAD:-}" ] && timeout 5 ctr --address "$SOCKET" version > /dev/null 2>&1; then
  hack/cluster/load.sh "${images[@]}"
fi
