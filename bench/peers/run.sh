#!/usr/bin/env bash
# Compares voxen with its peers on this machine: run.sh [--threads N] [--rounds N] [--minutes N] [--keep] [ROW...], run.sh --list.
# Makes a Python environment under build/peers with what requirements.txt names; VOXEN_PEERS_PYTHON takes another one.
# Exit status: 0 every row has its rounds, 1 a row failed, 2 wrong usage, 3 too few rounds with the machine to itself (peers.py).
set -eu
cd "$(dirname "$0")/../.."
build=build/peers
mkdir -p "$build"
python=${VOXEN_PEERS_PYTHON:-$build/venv/bin/python}
if [ -z "${VOXEN_PEERS_PYTHON:-}" ] && ! cmp -s bench/peers/requirements.txt "$build/installed.txt"; then
	python3 -m venv "$build/venv"
	"$python" -m pip install --quiet --disable-pip-version-check -r bench/peers/requirements.txt
	cp bench/peers/requirements.txt "$build/installed.txt"
fi
CGO_ENABLED=0 go build -o "$build/worker" ./bench/peers/worker
CGO_ENABLED=0 go build -o "$build/voxen" ./cmd/voxen
exec "$python" bench/peers/peers.py --build "$build" "$@"
