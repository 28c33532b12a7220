#!/usr/bin/env bash
# Checks and times the CUDA backend on a real card, in the folder that `make
# device-check` packed: nothing is built here and nothing is fetched.
#
#   device.sh [PART...]     parts: conform goldens bits sanitizer bench peers (default: all)
#
# What is found goes to $OUT (default: ./out): a log per part, bench.jsonl, and
# record.md, the record for docs/gpu.md. The exit status is that of the tests.
set -u
cd "$(dirname "$0")"
out=${OUT:-out}
mkdir -p "$out"
export VOXEN_TEST_DEVICE=${VOXEN_TEST_DEVICE:-cuda:0}
parts=${*:-conform goldens bits sanitizer bench peers}
failed=0

{
    echo "date: $(date -u +%Y-%m-%d)"
    nvidia-smi --query-gpu=name,driver_version,memory.total,power.limit --format=csv 2>&1
    grep -m1 'model name' /proc/cpuinfo
    echo "$(nproc) processors"
    ./voxen devices
} >"$out/machine.txt" 2>&1
cat "$out/machine.txt"

# check NAME FOLDER COMMAND...: run tests in a folder, keep the log, show the end.
check() {
    local name=$1 folder=$2 start=$SECONDS
    shift 2
    (cd "$folder" && "$@") >"$out/$name.log" 2>&1
    local status=$?
    echo "== $name: status $status after $((SECONDS - start)) s, $(grep -cE '^ *--- PASS' "$out/$name.log") passed, $(grep -cE '^ *--- FAIL' "$out/$name.log") failed, $(grep -cE '^ *--- SKIP' "$out/$name.log") skipped"
    [ $status -eq 0 ] || { failed=1; grep -E '^ *--- FAIL|error|off by' "$out/$name.log" | head -20; }
    return $status
}

for part in $parts; do
    case $part in
    conform)
        check conform cuda ./cuda.test -test.v -test.run 'Conform|Libraries' -test.timeout 10m
        ;;
    goldens)
        check ridge-goldens engine/ridge ./ridge.test -test.v -test.run 'Goldens/cuda' -test.timeout 10m
        check dict-goldens engine/dict ./dict.test -test.v -test.run 'Sklearn/cuda|OnDevice' -test.timeout 10m
        ;;
    bits)
        check bits engine/ridge ./ridge.test -test.v -test.run 'BitsOnDevice' -test.timeout 10m
        check overlap cuda ./cuda.test -test.v -test.run 'Tiles|Recorded|PageLocked' -test.timeout 10m
        ;;
    sanitizer)
        sanitizer=$(command -v compute-sanitizer || ls /usr/local/cuda/bin/compute-sanitizer 2>/dev/null)
        if [ -z "$sanitizer" ]; then
            echo "== compute-sanitizer: not on this machine" | tee "$out/sanitizer.log"
            continue
        fi
        for tool in memcheck racecheck initcheck synccheck; do
            check "sanitizer-$tool" cuda "$sanitizer" --tool $tool --error-exitcode 9 ./cuda.test -test.run 'ConformOwnKernels' -test.timeout 30m
        done
        ;;
    bench)
        for device in "$VOXEN_TEST_DEVICE" cpu; do
            rows=
            [ "$device" = cpu ] && rows="ridge codes learn"
            ./gpu --device "$device" $rows 2>&1 | tee -a "$out/bench.jsonl"
        done
        ./voxen bench --device "$VOXEN_TEST_DEVICE" --only ops --out "$out/ops" >"$out/ops.log" 2>&1 || failed=1
        ;;
    peers)
        if python3 -c 'import himalaya, torch; assert torch.cuda.is_available()' 2>/dev/null; then
            python3 himalaya_cuda.py 2>&1 | tee -a "$out/bench.jsonl"
        else
            echo "== peers: no himalaya with CUDA's torch in python3"
        fi
        ;;
    *)
        echo "device.sh: no part $part" >&2
        exit 2
        ;;
    esac
done

# The table, a line per measurement, for docs/gpu.md.
{
    sed 's/^/    /' "$out/machine.txt"
    echo
    echo "| row | device | median s | rounds |"
    echo "|---|---|---|---|"
    [ -f "$out/bench.jsonl" ] && python3 - "$out/bench.jsonl" <<'PYTHON'
import json, sys
for line in open(sys.argv[1]):
    if line.startswith("{"):
        r = json.loads(line)
        s = r["seconds"]
        print(f"| {r['row']}{' (himalaya, ' + r['model'] + ')' if 'batch' in r else ''} | {r['device']} | {'-' if s is None else f'{s:.4g}'} | {len(r.get('rounds', []))} |")
PYTHON
} >"$out/record.md"
exit $failed
