#!/usr/bin/env bash
# Fetch the built file of niivue again: refresh.sh [VERSION], by npm.
# Writes niivue.umd.js and VERSION beside this script; LICENSE is the repository's
# (github.com/niivue/niivue), which the npm package does not carry.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
version=${1:-$(cut -d' ' -f1 "$here/VERSION")}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm pack --silent "@niivue/niivue@$version" >/dev/null
tar -xzf niivue-niivue-"$version".tgz package/dist/niivue.umd.js
cp package/dist/niivue.umd.js "$here/niivue.umd.js"
echo "$version $(sha256sum "$here/niivue.umd.js" | cut -d' ' -f1)" >"$here/VERSION"
echo "niivue $(cat "$here/VERSION")"
