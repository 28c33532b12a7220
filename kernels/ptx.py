#!/usr/bin/env python3
"""Compiles every .cu file here to PTX with NVRTC; needs no GPU and no driver.

    ptx.py [--nvrtc libnvrtc.so.12] [--check] [FAMILY...]

writes ptx/FAMILY_CC.ptx.gz, or with --check fails where one does not hold what it would write.

The library must be version 12.1 (`make nvrtc` gets it from the Python wheel
nvidia-cuda-nvrtc-cu12 12.1.105), so that drivers from 530 on take what it writes.
"""
import argparse
import ctypes
import gzip
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
CAPABILITIES = (70, 80, 90)
VERSION = (12, 1)


class NVRTC:
    def __init__(self, path):
        self.lib = ctypes.CDLL(str(path))
        major, minor = ctypes.c_int(), ctypes.c_int()
        self.call("nvrtcVersion", ctypes.byref(major), ctypes.byref(minor))
        if (major.value, minor.value) != VERSION:
            sys.exit(f"{path} is NVRTC {major.value}.{minor.value}, want {VERSION[0]}.{VERSION[1]}")

    def call(self, name, *args):
        code = getattr(self.lib, name)(*args)
        if code:
            raise RuntimeError(f"{name}: error {code}")

    def text(self, program, size, get):
        n = ctypes.c_size_t()
        self.call(size, program, ctypes.byref(n))
        buf = ctypes.create_string_buffer(n.value)
        self.call(get, program, buf)
        return buf.value.decode()

    def compile(self, name, source, headers, capability):
        names = (ctypes.c_char_p * len(headers))(*[n.encode() for n in headers])
        texts = (ctypes.c_char_p * len(headers))(*[t.encode() for t in headers.values()])
        p = ctypes.c_void_p()
        self.call("nvrtcCreateProgram", ctypes.byref(p), source.encode(), name.encode(), len(headers), texts, names)
        options = [f'-DFAMILY="{name}.cu"', f"--gpu-architecture=compute_{capability}", "--std=c++17", "--fmad=false", "--restrict"]
        argv = (ctypes.c_char_p * len(options))(*[o.encode() for o in options])
        failed = self.lib.nvrtcCompileProgram(p, len(options), argv)
        log = self.text(p, "nvrtcGetProgramLogSize", "nvrtcGetProgramLog")
        if failed:
            sys.exit(f"{name} for compute_{capability}:\n{log}")
        if log.strip():
            print(log, file=sys.stderr)
        ptx = self.text(p, "nvrtcGetPTXSize", "nvrtcGetPTX")
        self.call("nvrtcDestroyProgram", ctypes.byref(p))
        # unused variables of nv/target, whose names hold a hash of no meaning
        ptx = re.sub(r"^\.global .*nv6target.*\n", "", ptx, flags=re.M)
        return re.sub(r"[ \t]+\n", "\n", ptx).strip("\n") + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--nvrtc", default="libnvrtc.so.12")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("families", nargs="*")
    args = parser.parse_args()
    nvrtc = NVRTC(args.nvrtc)
    folder, stale = HERE / "ptx", []
    for family in args.families or sorted(p.stem for p in HERE.glob("*.cu")):
        headers = {p.name: p.read_text() for p in sorted([*HERE.glob("*.cuh"), HERE / f"{family}.cu"])}
        for capability in CAPABILITIES:
            ptx = nvrtc.compile(family, '#include "both.cuh"\n', headers, capability)
            path = folder / f"{family}_{capability}.ptx.gz"
            if not args.check:
                path.write_bytes(gzip.compress(ptx.encode(), mtime=0))
            elif not path.exists() or gzip.decompress(path.read_bytes()).decode() != ptx:
                stale.append(path.name)
    if stale:
        sys.exit("not what the sources compile to (make ptx): " + " ".join(stale))


if __name__ == "__main__":
    main()
