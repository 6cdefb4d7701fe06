#!/bin/sh
# Runs inside an image build: makes a virtual environment at $1 with the packages of the lock file $2, checked by their
# hashes and from wheels only, and compiles their bytecode, which a read-only root could not keep later.
set -eu
venv=$1 lock=$2

export UV_NO_CACHE=1 UV_PYTHON_DOWNLOADS=never
/tools/bin/uv venv --quiet --python "$(command -v python3)" "$venv"
/tools/bin/uv pip install --quiet --python "$venv" --require-hashes --only-binary=:all: -r "$lock"
"$venv/bin/python" -m compileall -q -j 0 --invalidation-mode unchecked-hash "$venv/lib"
