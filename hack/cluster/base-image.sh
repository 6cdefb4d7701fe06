#!/usr/bin/env bash
# Builds the base of the project's images (Debian with Python, nothing else) once, and prints its name.
#   hack/cluster/base-image.sh [--rebuild]
set -euo pipefail
cd "$(dirname "$0")"
# shellcheck source-path=SCRIPTDIR source=versions.env
. ./versions.env

packages=python3,python3-venv,ca-certificates
key=$(sha256sum base-image.sh | cut -c1-12)
if [ "${1:-}" != --rebuild ] && [ "$(buildah inspect --type image --format '{{index .OCIv1.Config.Labels "dev.recsys.base"}}' "$BASE_IMAGE" 2>/dev/null)" = "$key" ]; then
  echo "$BASE_IMAGE"
  exit
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# shellcheck disable=SC2016 # $1 is mmdebstrap's: the directory of the new system
# Without a mirror argument mmdebstrap asks Debian's own; APT_MIRROR names another one.
mmdebstrap --quiet --variant=minbase --include="$packages" \
  --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
  --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
  --customize-hook='rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/* "$1"/var/log/*' \
  "$BASE_SUITE" "$work/base.tar" ${APT_MIRROR:+"$APT_MIRROR"} >&2
printf 'FROM scratch\nADD base.tar /\nENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8\nCMD ["python3"]\n' > "$work/Dockerfile"
buildah bud --quiet --label "dev.recsys.base=$key" -t "$BASE_IMAGE" "$work" >&2
echo "$BASE_IMAGE"
