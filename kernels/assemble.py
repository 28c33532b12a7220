#!/usr/bin/env python3
"""Assembles the committed PTX for compute capability 9.0, as a driver does, and fails on an error, on values
that leave the registers where that is not known of, and on more registers than the kernels are planned for.

    assemble.py [--ptxas ptxas] [--loops nvdisasm]

`make ptxas` gets ptxas 12.1 from a Python wheel. --loops prints, for the kernels that decide the time of the jobs,
the instructions of their inner loops, with a disassembler (nvdisasm, in the wheel nvidia-cuda-nvdisasm).
"""
import argparse
import collections
import concurrent.futures
import gzip
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
CAPABILITY = 90

# Bytes of instructions that move values to memory and back, by kernel: of large products before and after the loop
# over the terms, where the whole tile is in registers.
SPILLS = {"gemm_nn_f32": 600, "gemm_nt_f32": 700, "gemm_tn_f32": 600, "gemm_tt_f32": 600, "gemm_nt_f64": 40,
          "fir_nn_f32": 40, "fir_tn_f32": 40, "sym_eig_f64": 8}
# Registers of a thread that leave room for the threads that a kernel needs to hide its waits.
REGISTERS = {"sparse_code_2_f32": 40, "shift_moments_f32": 40, "path_dots_20_f32": 128, "path_quad_20_f32": 168, "gemm_tn_f32": 168, "gemm_nn_f32": 168}

LOOPS = ["path_quad_20_f32", "path_dots_20_f32", "path_rows_f32", "gemm_tn_f32", "gemm_nn_f32", "gemm_small_nn_f32", "fir_tn_f32",
         "shift_moments_f32", "sparse_code_2_f32", "atom_update_f32"]


def assemble(ptxas, family, folder):
    source, cubin = folder / f"{family}.ptx", folder / f"{family}.cubin"
    source.write_bytes(gzip.decompress((HERE / "ptx" / f"{family}_{CAPABILITY}.ptx.gz").read_bytes()))
    run = subprocess.run([ptxas, f"-arch=sm_{CAPABILITY}", "-v", source, "-o", cubin], capture_output=True, text=True)
    if run.returncode:
        sys.exit(f"{family}: {run.stderr}")
    found = {}
    for part in run.stderr.split("Compiling entry function '")[1:]:
        spill = re.search(r"(\d+) bytes spill stores, (\d+) bytes spill loads", part)
        shared = re.search(r"(\d+) bytes smem", part)
        found[part.split("'")[0]] = dict(registers=int(re.search(r"Used (\d+) registers", part)[1]), spill=max(map(int, spill.groups())),
                                         shared=int(shared[1]) if shared else 0)
    return cubin, found


def innermost(text):
    """The innermost loops of every kernel in a disassembly, as counts of instructions."""
    loops, name, at, code = collections.defaultdict(list), None, {}, []
    for line in text.splitlines():
        if m := re.match(r"\.text\.(\w+):", line.strip()):
            name, at, code = m[1], {}, []
        elif m := re.match(r"\s*(\.L_x_\d+):", line):
            at[m[1]] = len(code)
        elif m := re.match(r"\s*/\*[0-9a-f]+\*/\s+(?:@!?U?P\w+\s+)?(.*?);", line):
            code.append(m[1])
            back = re.match(r"BRA\S*\s.*?(\.L_x_\d+)", m[1])
            if back and at.get(back[1], len(code)) < len(code) - 1:
                loops[name].append((at[back[1]], len(code)))
                kinds = []
                for c in code[at[back[1]]:]:
                    parts = c.split()[0].split(".")
                    kinds.append(parts[0] + ("128" if "128" in parts else ""))
                loops[name, len(loops[name]) - 1] = collections.Counter(kinds)
    best = {}
    for name in [n for n in loops if isinstance(n, str)]:
        spans = loops[name]
        inner = [i for i, (a, b) in enumerate(spans) if not any(a <= c and d <= b and (c, d) != (a, b) for c, d in spans)]
        best[name] = [loops[name, i] for i in inner]
    return best


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--ptxas", default="ptxas")
    parser.add_argument("--loops", metavar="NVDISASM")
    args = parser.parse_args()
    families = sorted({p.name.rsplit("_", 1)[0] for p in (HERE / "ptx").glob(f"*_{CAPABILITY}.ptx.gz")})
    wrong, kernels, loops = [], {}, {}
    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor() as pool:
        for cubin, found in pool.map(lambda f: assemble(args.ptxas, f, pathlib.Path(folder)), families):
            kernels.update(found)
            if args.loops:
                loops.update(innermost(subprocess.run([args.loops, "-c", cubin], check=True, capture_output=True, text=True).stdout))
    for name, k in kernels.items():
        if k["spill"] > SPILLS.get(name, 0):
            wrong.append(f"{name}: {k['spill']} bytes leave the registers, {SPILLS.get(name, 0)} are known of")
        if k["registers"] > REGISTERS.get(name, 255):
            wrong.append(f"{name}: {k['registers']} registers, at most {REGISTERS[name]} are planned")
    for name in LOOPS if args.loops else []:
        k = kernels[name]
        print(f"{name}: {k['registers']} registers, {k['shared']} bytes shared")
        for c in loops[name]:
            print(f"    {sum(c.values())}: " + ", ".join(f"{n} {i}" for i, n in c.most_common(12)))
    if wrong:
        sys.exit("\n".join(wrong))
    print(f"{len(kernels)} kernels assembled; values of {sum(k['spill'] > 0 for k in kernels.values())} leave the registers, as is known")


if __name__ == "__main__":
    main()
