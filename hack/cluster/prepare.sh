#!/usr/bin/env bash
# Makes what takes long before the cluster starts: compiles its binaries while the project's images are downloaded and built.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

[ "${CLUSTER:-local}" = local ] || exit 0
"$HERE/packages.sh"
# A session, and so a process group, of its own: when the images fail, or this script is stopped, the compilers end with it.
setsid "$HERE/bins.sh" > /dev/null &
binaries=$!
end_binaries() {
  kill -- "-$binaries" 2> /dev/null || kill "$binaries" 2> /dev/null || return 0
  say "the compilation of the cluster's binaries is ended too"
  wait "$binaries" || true
}
trap end_binaries EXIT
NO_LOAD=1 "$CHECKOUT/hack/images.sh"
wait "$binaries"
trap - EXIT
