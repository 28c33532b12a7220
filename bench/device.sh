#!/usr/bin/env bash
# Checks and times the CUDA backend on a real card, in the folder that `make
# device-check` packed: nothing is built here and nothing is fetched.
#
#   device.sh [PART...]     parts, in the order of what is wanted most: conform bench
#                           learning peers wide peers-wide cpu goldens bits language ops
#                           sanitizer
#
# Every part has a limit of its own and goes on after a failure of another; when
# BUDGET seconds (default 570) are used up the rest is left out, and a second call
# can name it. What is found goes to $OUT (default: ./out) in five files: machine.txt,
# steps.tsv (part, status, seconds), tests.log, bench.jsonl, and record.md, the record
# for docs/gpu.md. The exit status is 1 where a test failed.
#
# To try the script without a card (make device-rehearse): SHARE=N makes all jobs
# small, voxels and signals N times fewer; PEERS=cpu has torch compute on the processor.
set -u
cd "$(dirname "$0")"
mkdir -p "${OUT:-out}"
out=$(cd "${OUT:-out}" && pwd)
budget=${BUDGET:-570} share=${SHARE:-1} peers=${PEERS:-cuda}
[ "$peers" = cuda ] && backend=torch_cuda || backend=torch
export VOXEN_TEST_DEVICE=${VOXEN_TEST_DEVICE:-cuda:0} PYTHONUNBUFFERED=1
export PYTHONPATH=$PWD/python${PYTHONPATH:+:$PYTHONPATH}
# The driver compiles the kernels when they are first used, some 20 s in all: once.
export CUDA_CACHE_PATH=${CUDA_CACHE_PATH:-$PWD/cache}
# where containers have the driver, should the loader not look there
export LD_LIBRARY_PATH=${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}/usr/local/nvidia/lib64:/usr/local/nvidia/lib
parts=${*:-conform bench learning peers wide peers-wide cpu goldens bits language ops sanitizer}
failed=0
touch "$out/tests.log" "$out/bench.jsonl" "$out/steps.tsv"

{
    echo "date: $(date -u +%Y-%m-%d)"
    timeout 20 nvidia-smi --query-gpu=name,driver_version,memory.total,power.limit,clocks.max.sm --format=csv 2>&1
    grep -m1 'model name' /proc/cpuinfo
    echo "$(nproc) processors"
    timeout 60 ./voxen devices
} >"$out/machine.txt" 2>&1
cat "$out/machine.txt"

# step NAME LIMIT FILE FOLDER COMMAND...: run a command in a folder for at most LIMIT
# seconds, or what is left of the budget, and append what it prints to FILE.
step() {
    local name=$1 limit=$2 file=$3 folder=$4 start=$SECONDS status left=$((budget - SECONDS))
    shift 4
    [ "$share" = 1 ] || limit=$((4 * limit)) # a trial is on a slow machine
    if [ $left -lt 15 ]; then
        printf '%s\tleft out\t0\n' "$name" | tee -a "$out/steps.tsv"
        return 0
    fi
    [ $limit -le $left ] || limit=$left
    [ "$file" = bench.jsonl ] || echo "== $name" >>"$out/$file"
    (cd "$folder" && timeout -k 5 "$limit" "$@") 2> >(tail -c 20000 >>"$out/tests.log") >>"$out/$file"
    status=$?
    printf '%s\t%s\t%s\n' "$name" "$status" $((SECONDS - start)) | tee -a "$out/steps.tsv"
    return $status
}

# check is step for tests: a failure counts.
check() {
    step "$1" "$2" tests.log "${@:3}" || { failed=1; grep -E '^ *--- FAIL|off by|other bits|^panic' "$out/tests.log" | tail -20; }
}

time_rows() { step "$1" "$2" bench.jsonl . ./gpu --device "$3" --limit "$4" --share "$share" "${@:5}"; }
himalaya() { step "$1" 75 bench.jsonl . python3 himalaya_cuda.py --limit 35 --share "$share" --backend $backend "$2"; }

for part in $parts; do
    case $part in
    conform)
        check conform 120 cuda ./cuda.test -test.v -test.run 'Conform|Libraries|Large|ManyAtoms|Delayed|ShiftMoments|SymEig|Products|SumErrors'
        ;;
    bench) time_rows bench 120 "$VOXEN_TEST_DEVICE" 12s copy ridge-locked ridge limits ridge-device ;;
    learning) time_rows learning 75 "$VOXEN_TEST_DEVICE" 20s codes learn ;;
    peers) himalaya peers ridge ;;
    wide) time_rows wide 60 "$VOXEN_TEST_DEVICE" 20s ridge-wide ;;
    peers-wide) himalaya peers-wide ridge-wide ;;
    cpu) time_rows cpu 100 cpu 25s codes learn ;;
    goldens)
        check ridge-goldens 60 engine/ridge ./ridge.test -test.v -test.run 'Goldens/cuda'
        check dict-goldens 45 engine/dict ./dict.test -test.v -test.run 'Sklearn/cuda|OnDevice'
        ;;
    bits)
        check bits 60 engine/ridge ./ridge.test -test.v -test.run 'OnDevice'
        check overlap 30 cuda ./cuda.test -test.v -test.run 'Tiles|Recorded|PageLocked'
        ;;
    language) step language 90 bench.jsonl . python3 language.py --voxen ./voxen --device "$VOXEN_TEST_DEVICE" --torch $peers --share "$share" ;;
    ops) time_rows ops 75 "$VOXEN_TEST_DEVICE" 1s ops ;;
    sanitizer)
        sanitizer=$(command -v compute-sanitizer || ls /usr/local/cuda/bin/compute-sanitizer 2>/dev/null)
        if [ -z "$sanitizer" ]; then
            printf 'sanitizer\tnot on this machine\t0\n' | tee -a "$out/steps.tsv"
            continue
        fi
        for tool in memcheck racecheck synccheck initcheck; do
            check "sanitizer-$tool" 90 cuda "$sanitizer" --tool $tool --error-exitcode 9 ./cuda.test -test.run 'LargeCases|ShiftMoments'
        done
        ;;
    *)
        echo "device.sh: no part $part" >&2
        exit 2
        ;;
    esac
done

wait
python3 record.py "$out" | tee "$out/record.md"
exit $failed
