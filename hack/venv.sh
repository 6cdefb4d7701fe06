#!/usr/bin/env bash
# Prints the Python of the virtual environment that requirements/NAME.txt describes; makes it when it is missing.
#   hack/venv.sh dev    everything: operator, workers, tests, lint (6 GB, about 2 minutes the first time)
#   hack/venv.sh demo   what the demo's script needs (some seconds)
#   hack/venv.sh mlflow   a real MLflow server, for one of the full tests (600 MB, some seconds)
#   hack/venv.sh recbole   RecBole, for `make bench-recbole` (Python 3.11, since its Ray has no wheel for later ones)
# Environments lie in the XDG cache under the hash of their lock file, so that every checkout shares them.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=cluster/lib.sh
. "$(dirname "$0")/cluster/lib.sh"

name=${1:?"usage: hack/venv.sh dev|demo|mlflow|recbole"}
lock=$CHECKOUT/requirements/$name.txt
[ -f "$lock" ] || die "hack/venv.sh: there is no $lock; names are dev, demo, mlflow and recbole."
key() { cat "$@" | sha256sum | cut -c1-12; }

python=$(command -v python3) || die "python3 is missing: apt-get install python3 python3-venv"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || die "Python 3.11 or later is needed; $python is $("$python" -V)."
tools=$CACHE/venv/tools-$(key "$CHECKOUT/requirements/tools.txt")
home=$CACHE/venv/$name-$(key "$lock")
if [ ! -x "$tools/bin/uv" ] || [ ! -e "$home/.complete" ]; then
  exclusively "venv-$name"
  if [ ! -x "$tools/bin/uv" ]; then
    python3 -c 'import ensurepip' 2> /dev/null || "$HERE/packages.sh"
    say "installing uv"
    rm -rf "$tools.new"
    python3 -m venv "$tools.new"
    "$tools.new/bin/pip" install --quiet --require-hashes --requirement "$CHECKOUT/requirements/tools.txt"
    publish "$tools"
  fi
  if [ ! -e "$home/.complete" ]; then
    say "installing the Python packages of requirements/$name.txt"
    rm -rf "$home"
    "$tools/bin/uv" venv --quiet --python "$python" "$home"
    "$tools/bin/uv" pip install --quiet --python "$home/bin/python" --require-hashes --requirement "$lock"
    touch "$home/.complete"
  fi
  # Environments of earlier lock files are of no use to this checkout.
  find "$CACHE/venv" -maxdepth 1 -name "$name-*" ! -path "$home" -mtime +7 -exec rm -rf {} +
fi
echo "$home/bin/python"
