#!/usr/bin/env bash
# Makes what takes long before the cluster starts: compiles its binaries while the project's images are downloaded and built.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

[ "${CLUSTER:-local}" = local ] || exit 0
"$HERE/packages.sh"
"$HERE/bins.sh" > /dev/null &
binaries=$!
trap 'kill "$binaries" 2> /dev/null || true' EXIT
NO_LOAD=1 "$CHECKOUT/hack/images.sh"
wait "$binaries"
