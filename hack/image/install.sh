#!/bin/sh
# Runs inside an image build: makes a virtual environment at $1 with exactly the packages of the lock file $2, checked by
# their hashes and from wheels only; drops what cannot be used there; and compiles the bytecode, which a read-only root
# could not keep later.
set -eu
venv=$1 lock=$2

export UV_NO_CACHE=1 UV_PYTHON_DOWNLOADS=never
/tools/bin/uv venv --quiet --python "$(command -v python3)" "$venv"
/tools/bin/uv pip install --quiet --python "$venv" --require-hashes --no-deps --only-binary=:all: -r "$lock"

cd "$venv"/lib/python3*/site-packages
# Nothing is compiled or linked at run time: the image has no compiler.
find . -name '*.a' -type f -delete
rm -rf torch/include torch/share/cmake pyarrow/include nvidia/*/include nvidia/*/lib/*.bc
# Tests of the packages; ray.cpp and Java workers; the multi-GPU solver, which torch does not link.
for package in numpy pandas pyarrow sympy networkx mpmath; do
  [ ! -d "$package" ] || find "$package" -type d -name tests -prune -exec rm -rf {} +
done
rm -rf onnx/backend/test ray/jars ray/cpp nvidia/*/lib/libcusolverMg.so.*

"$venv/bin/python" -m compileall -q -j 0 --invalidation-mode unchecked-hash "$venv/lib"
rm -f "$venv/.lock" # uv's own, writable by everyone
