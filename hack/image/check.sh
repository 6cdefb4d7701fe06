#!/usr/bin/env bash
# Checks built images: what each must not carry, its user, its entry point, and that its modules import as that user.
#   hack/image/check.sh IMAGE…     the names recsys-operator, recsys-server and recsys-trainer say what to expect
set -euo pipefail
cd "$(dirname "$0")/../.."

containers=()
trap 'for container in "${containers[@]}"; do buildah rm "$container" > /dev/null; done' EXIT

check() { # check IMAGE
  local image=$1 name container root packages forbidden=() code user found problems=()
  name=${image##*/}
  name=${name%%[:@]*}
  case $name in
    recsys-operator) code=recsys_operator forbidden=(torch ray onnxruntime onnx numpy transformers recsys_workers) ;;
    recsys-server) code=recsys_workers.serve forbidden=(torch ray onnx transformers kopf kubernetes recsys_operator) ;;
    recsys-trainer) code=recsys_workers forbidden=(kopf recsys_operator) ;;
    *) echo "hack/image/check.sh: $image is none of recsys-operator, recsys-server and recsys-trainer" >&2; return 2 ;;
  esac
  container=$(buildah from --pull-never "$image")
  containers+=("$container")
  root=$(buildah mount "$container")
  packages=$(echo "$root"/opt/recsys/lib/python3*/site-packages)

  for package in "${forbidden[@]}" pip uv; do
    for found in "$packages/$package" "$packages/$package"-*.dist-info "$root/opt/recsys/app/$package"; do
      [ ! -e "$found" ] || problems+=("it carries $package (${found#"$root"})")
    done
  done
  [ -z "$(ls -A "$root/tools" 2>/dev/null)" ] || problems+=("it carries the build's tools in /tools")
  user=$(buildah inspect --type image --format '{{.OCIv1.Config.User}}' "$image")
  [ "$user" = 65532:65532 ] || problems+=("its user is '$user', not 65532:65532")
  found=$(find "$root/opt" "$root/etc/passwd" \( -perm /022 -o -not -user 0 \) -not -type l -print -quit)
  [ -z "$found" ] || problems+=("somebody else than root may write ${found#"$root"}")
  found=$(find "$root/opt/recsys" -name '*.py' -path '*/site-packages/*' -print -quit)
  [ -n "$found" ] || problems+=("its packages are missing")
  buildah run --isolation chroot --user 65532:65532 --volume "$PWD/hack/image:/check:ro" "$container" -- \
    python /check/imports.py "$code" > /dev/null || problems+=("its modules do not import; the reason stands above")

  [ ${#problems[@]} -eq 0 ] || { printf "$image: %s\n" "${problems[@]}" >&2; return 1; }
}

for image in "$@"; do check "$image"; done
