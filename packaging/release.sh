#!/usr/bin/env bash
# release.sh [PLATFORM...]: archives of the program for the platforms named, all by default, into dist/release/, with checksums and
# a list of what is inside (CycloneDX), on any machine that has Go. The programs are cross-compiled without cgo and static on Linux;
# linux-amd64-cuda has the CUDA backend and is made where cuda.h of CUDA 12 and a C compiler are found (make cuda-headers).
# The same commit and release of Go give the same bytes of an archive.
set -euo pipefail
cd "$(dirname "$0")/.."
version=${VERSION:-$(git describe --tags --always --dirty)}
when=$(git log -1 --format=%ct)
include=${CUDA_INCLUDE:-}

all=(linux-amd64 linux-arm64 darwin-amd64 darwin-arm64 windows-amd64)
[ -z "$include" ] || all+=(linux-amd64-cuda)
platforms=("$@")
[ $# -gt 0 ] || platforms=("${all[@]}")

out=$PWD/dist/release
rm -rf "$out"
mkdir -p "$out"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# pack FOLDER ARCHIVE: nothing of the machine, the user or the hour is in the archive
pack() {
	find "$1" -exec touch -h -d "@$when" {} +
	case $2 in
	*.zip) (cd "$1/.." && TZ=UTC python3 -m zipfile -c "$2" "$(basename "$1")/") ;;
	*) tar -C "$1/.." --sort=name --owner=0 --group=0 --numeric-owner --mode=go=rX,u+rw -cf - "$(basename "$1")" | gzip -9n >"$2" ;;
	esac
}

for platform in "${platforms[@]}"; do
	[[ " ${all[*]} " == *" $platform "* ]] || { echo "platform $platform: expected one of ${all[*]}" >&2; exit 2; }
	IFS=- read -r os arch cuda <<<"$platform"
	name=voxen-$version-$platform
	program=$work/$name/voxen
	[ "$os" != windows ] || program+=.exe
	mkdir "$work/$name"
	cp LICENSE NOTICE README.md CHANGELOG.md "$work/$name"
	env=(CGO_ENABLED=0 GOOS="$os" GOARCH="$arch") tags=()
	[ -z "$cuda" ] || env=(CGO_ENABLED=1 CGO_CFLAGS="-O2 -I$include") tags=(-tags voxencuda)
	env "${env[@]}" go build -trimpath "${tags[@]}" -ldflags "-s -w -X main.release=$version" -o "$program" ./cmd/voxen
	if [ "$platform" = "$(go env GOHOSTOS)-$(go env GOHOSTARCH)" ]; then
		"$program" --version | grep -qF "$version" || { echo "$program does not say that it is $version" >&2; exit 1; }
	fi
	ending=tar.gz
	[ "$os" != windows ] || ending=zip
	pack "$work/$name" "$out/$name.$ending"
	echo "dist/release/$name.$ending"
done

# the licences of modules are in NOTICE and voxen licences
sbom=$out/voxen-$version.cdx.json
GOFLAGS= CGO_ENABLED=0 go run github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0 app -json -noserial -main cmd/voxen -output "$sbom" . 2>"$work/sbom.log" ||
	{ cat "$work/sbom.log" >&2; exit 1; }
(cd "$out" && sha256sum -- * >SHA256SUMS && sha256sum --quiet -c SHA256SUMS)
echo "dist/release/$(basename "$sbom") and SHA256SUMS"
