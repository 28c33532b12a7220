#!/usr/bin/env bash
# wheel.sh [PLATFORM...]: builds the wheels of the platforms named, all by default, into dist/, on any machine that has Go and
# Python: the program is cross-compiled without cgo. With CGO_ENABLED=1, and BUILD_TAGS and CGO_CFLAGS as make build has them, the
# program of this machine's own platform is that with CUDA, and the version of its wheel ends with +cuda12. Makes its own Python
# environment under build/wheel.
set -euo pipefail
cd "$(dirname "$0")/.."
version=${VERSION:-$(git describe --tags --always --dirty 2>/dev/null || echo unknown)}
here=$(go env GOHOSTOS)-$(go env GOHOSTARCH)

# what pip calls the platforms: no symbol of the programs for Linux asks for a version of glibc, and Go needs macOS 12
declare -A tags=(
	[linux-amd64]=manylinux_2_17_x86_64.manylinux2014_x86_64
	[linux-arm64]=manylinux_2_17_aarch64.manylinux2014_aarch64
	[darwin-amd64]=macosx_12_0_x86_64
	[darwin-arm64]=macosx_12_0_arm64
	[windows-amd64]=win_amd64
)
platforms=("$@")
[ $# -gt 0 ] || platforms=(linux-amd64 linux-arm64 darwin-amd64 darwin-arm64 windows-amd64)

build=$PWD/build/wheel
mkdir -p "$build" dist
if ! cmp -s python/requirements-build.txt "$build/installed.txt"; then
	python3 -m venv "$build/venv"
	.ci/fetch "$build/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check --require-hashes -r python/requirements-build.txt
	cp python/requirements-build.txt "$build/installed.txt"
fi
rm -rf "$build/source"
mkdir "$build/source"
cp -r python/src python/pyproject.toml python/hatch_build.py python/README.md LICENSE NOTICE "$build/source"
find "$build/source" -name __pycache__ -prune -exec rm -r {} +

for platform in "${platforms[@]}"; do
	tag=${tags[$platform]:?"expected a platform of ${!tags[*]}"}
	program=$build/$platform/voxen
	[ "$platform" != windows-amd64 ] || program+=.exe
	local="" cgo=0 with=""
	if [ "${CGO_ENABLED:-0}" = 1 ] && [ -n "${BUILD_TAGS:-}" ] && [ "$platform" = "$here" ]; then
		local=+cuda12 cgo=1 with=$BUILD_TAGS
	fi
	# shellcheck disable=SC2086 # the tags are words
	CGO_ENABLED=$cgo GOOS=${platform%-*} GOARCH=${platform#*-} go build $with -ldflags "-s -w -X main.release=$version" -o "$program" ./cmd/voxen
	if [ $cgo = 1 ]; then # with cgo it needs this machine's glibc, or what its symbols ask for
		glibc=$(objdump -T "$program" | grep -o 'GLIBC_[0-9.]*' | sort -uV | tail -1)
		glibc=${glibc#GLIBC_}
		tag=${tag##*.}
		tag=${tag/manylinux2014/manylinux_${glibc//./_}}
	fi
	[ "${platform%-*}" != linux ] || rm -f dist/voxen-*manylinux*"${tags[$platform]#*.manylinux2014}".whl # one with CUDA and one without
	sed "s/^__version__ = \"\([^\"]*\)\"/__version__ = \"\1$local\"/" python/src/voxen/_version.py >"$build/source/src/voxen/_version.py"
	(cd "$build/source" && VOXEN_WHEEL_PROGRAM=$program VOXEN_WHEEL_TAG=$tag "$build/venv/bin/python" -m hatchling build -t wheel -d "$OLDPWD/dist" | tail -1)
done
