#!/usr/bin/env bash
# The long form of the Python package's tests: the wheels of all platforms and their metadata; that of this platform in a fresh
# environment under build/python-long, with the tests of CI, then many seeds against himalaya and scikit-learn, kills, interrupts,
# forks, threads and the memory of thousands of fits (python/long).
set -euo pipefail
cd "$(dirname "$0")/.."
here=build/python-long
rm -rf dist
make --no-print-directory wheel
rm -rf "$here"
python3 -m venv "$here"
.ci/fetch "$here/bin/pip" install --quiet --disable-pip-version-check --require-hashes -r python/requirements-test.txt
"$here/bin/pip" install --quiet --disable-pip-version-check --no-index --no-deps --find-links dist voxen
"$here/bin/voxen" devices
python=$PWD/$here/bin/python
cd python
"$python" -m voxen --version
"$python" -m pytest -q -p no:cacheprovider -W ignore tests
"$python" -m pytest -q -p no:cacheprovider --durations=12 long
