#!/usr/bin/env bash
# Writes both locks anew from pyproject.toml, for every platform and every Python from 3.11 up, with hashes and without index addresses.
set -euo pipefail
cd "$(dirname "$0")/.."
compile() { uv pip compile --quiet pyproject.toml --python-version 3.11 --universal --generate-hashes \
  --extra build --no-emit-index-url --no-header --no-annotate "$@"; }
compile --output-file requirements/runtime.lock
compile --extra dev --extra scikit-learn --extra mlflow --extra onnx --extra dask --constraint requirements/runtime.lock --output-file requirements/dev.lock
