#!/usr/bin/env bash
# Tries device.sh, whole, on the stand-in driver: the archive of `make device-check`
# is unpacked into an empty folder, with nothing on the path but a few tools and
# Python, and every part has to end well and leave its rows.
#
#   rehearse.sh ARCHIVE STANDIN-FOLDER
#
# PYTHON (python3) needs torch, transformers and scikit-learn for the peers; without
# them those parts are left out. compute-sanitizer is a script that runs its command.
set -eu
archive=$(realpath "$1") standin=$(realpath "$2") python=$(command -v "${PYTHON:-python3}")
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
mkdir "$here/bin"
for tool in bash cat date dirname env grep ls mkdir nproc tail tee timeout touch; do
    ln -s "$(command -v $tool)" "$here/bin/"
done
printf '#!/bin/sh\nexec "%s" "$@"\n' "$python" >"$here/bin/python3" # a link would lose a virtual environment
printf '#!/bin/sh\nwhile [ "${1#./}" = "$1" ]; do shift; done\nexec "$@"\n' >"$here/bin/compute-sanitizer"
printf '#!/bin/sh\necho a stand-in, no card\n' >"$here/bin/nvidia-smi"
chmod +x "$here/bin/python3" "$here/bin/compute-sanitizer" "$here/bin/nvidia-smi"
"$python" -m tarfile -e "$archive" "$here"

parts="conform bench learning wide cpu goldens bits ops sanitizer"
if "$python" -c 'import torch, transformers, sklearn' 2>/dev/null; then
    parts="$parts peers peers-wide language"
else
    echo "rehearse.sh: $python has no torch, transformers and scikit-learn: peers peers-wide language are left out"
fi
cd "$here/device"
env -i HOME="$here" PATH="$here/bin" LD_LIBRARY_PATH="$standin" VOXEN_CUDA_LIBRARIES="$standin" \
    SHARE="${SHARE:-400}" PEERS=cpu BUDGET="${BUDGET:-3000}" ./device.sh $parts || { tail -50 out/tests.log; exit 1; }

failed=0
if grep -vP '\t0\t' out/steps.tsv; then
    echo "rehearse.sh: these parts did not end well" >&2
    tail -50 out/tests.log
    failed=1
fi
for row in copy ridge-locked ridge limits ridge-device codes learn ridge-wide ops; do
    grep "^{\"row\":\"$row\"" out/bench.jsonl | grep -qv '"error"' || { echo "rehearse.sh: no row $row" >&2; failed=1; }
done
exit $failed
