#!/usr/bin/env bash
# Builds the base of the project's images (Debian with Python, nothing else) once, and prints its name.
#   hack/cluster/base-image.sh [--rebuild]    a minute; --rebuild takes Debian's newest packages
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

packages=python3,python3-venv,ca-certificates
# shellcheck disable=SC2016 # $1 is mmdebstrap's: the directory of the new system
options=(--variant=minbase --include="$packages"
  --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*'
  --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright'
  --customize-hook='rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/* "$1"/var/log/*')
recipe=$(sha256sum <<< "$BASE_SUITE ${options[*]}" | cut -c1-12)

built() {
  [ "$(buildah inspect --type image --format '{{index .OCIv1.Config.Labels "dev.recsys.base"}}' "$BASE_IMAGE" 2> /dev/null)" = "$recipe" ]
}

if [ "${1:-}" = --rebuild ] || ! built; then
  "$HERE/packages.sh"
  exclusively base-image
  if [ "${1:-}" = --rebuild ] || ! built; then
    say "building $BASE_IMAGE (about a minute)"
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    # Without a mirror argument mmdebstrap asks Debian's own; APT_MIRROR names another one.
    mmdebstrap --quiet "${options[@]}" "$BASE_SUITE" "$work/base.tar" ${APT_MIRROR:+"$APT_MIRROR"} >&2
    printf 'FROM scratch\nADD base.tar /\nENV PATH=/usr/local/bin:/usr/bin:/bin LANG=C.UTF-8\nCMD ["python3"]\n' > "$work/Dockerfile"
    buildah bud --quiet --label "dev.recsys.base=$recipe" -t "$BASE_IMAGE" "$work" >&2
  fi
fi
echo "$BASE_IMAGE"
