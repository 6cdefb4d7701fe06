#!/usr/bin/env bash
# Pins every Python package of the images and of development, with hashes, in requirements/.
#   hack/lock.sh                    write the lock files; pins that still fit stay as they are
#   hack/lock.sh --upgrade [NAME]   take the newest versions that pyproject.toml allows, of everything or of one package
#   hack/lock.sh --check            fail when a lock file no longer follows from pyproject.toml
# The dev lock (Python 3.11 and later) is made first, and constrains the others: images run what the tests ran.
set -euo pipefail
cd "$(dirname "$0")/.."

uv=$(command -v uv || true)
if [ -z "$uv" ]; then # the one that hack/venv.sh installs for itself
  hack/venv.sh demo > /dev/null
  uv=$(find "${XDG_CACHE_HOME:-$HOME/.cache}"/recsys-operator/venv/tools-*/bin/uv | head -1)
fi

check=''
upgrade=()
case "${1:-}" in
  --check) check=yes ;;
  --upgrade) if [ -n "${2:-}" ]; then upgrade=(--upgrade-package "$2"); else upgrade=(--upgrade); fi ;;
  '') ;;
  *) sed -n '2,5s/^# \?//p' "$0"; exit 2 ;;
esac

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

compile() { # compile NAME PYTHON INPUT OPTION…: the lock file as it is now is where the resolution starts from
  local name=$1 python=$2 input=$3
  shift 3
  [ -f "requirements/$name.txt" ] && cp "requirements/$name.txt" "$work/$name.txt"
  echo "locking requirements/$name.txt (Python $python and later)" >&2
  "$uv" pip compile --quiet --universal --python-version "$python" --generate-hashes --no-emit-index-url --no-emit-find-links \
    --no-annotate --no-header --output-file "$work/$name.txt" "${upgrade[@]}" "$@" "$input"
  if [ -z "$check" ]; then
    cp "$work/$name.txt" "requirements/$name.txt"
  elif ! diff -u "requirements/$name.txt" "$work/$name.txt" > "$work/$name.diff"; then
    echo "requirements/$name.txt does not follow from $input: run hack/lock.sh and commit the result" >&2
    head -40 "$work/$name.diff" >&2
    exit 1
  fi
}

compile dev 3.11 pyproject.toml --extra operator --extra cli --extra server --extra trainer --group lint --group test
compile operator 3.13 pyproject.toml --extra operator --constraint "$work/dev.txt"
compile server 3.13 pyproject.toml --extra server --constraint "$work/dev.txt"
# Without Triton (1 GB): it builds its kernels with a C compiler, which the image has not. torch runs eagerly without it.
compile trainer 3.13 pyproject.toml --extra trainer --extra cluster --constraint "$work/dev.txt" --no-emit-package triton
compile demo 3.11 pyproject.toml --group demo --constraint "$work/dev.txt"
compile tools 3.11 requirements/tools.in
# Its numpy and pandas are older than ours, so nothing constrains it.
compile recbole 3.11 requirements/recbole.in
# It speaks to the product by HTTP only.
compile mlflow 3.11 requirements/mlflow.in
