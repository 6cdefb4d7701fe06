#!/usr/bin/env bash
# Gets MovieLens-100K for the demo: it lies in the PyPI wheel of RecBole, and is unpacked to .local/data/ml-100k.
set -euo pipefail
cd "$(dirname "$0")/../.."
[ -s .local/data/ml-100k/ml-100k.inter ] && [ -s .local/data/ml-100k/ml-100k.item ] && exit 0
"$(hack/venv.sh demo)" hack/demo/fetch_movielens.py
