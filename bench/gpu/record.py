#!/usr/bin/env python3
"""The record for docs/gpu.md from what device.sh left in a folder: the machine, the steps, every row, and the targets.

usage: record.py FOLDER
"""
import json
import pathlib
import sys

folder = pathlib.Path(sys.argv[1])
rows, operations = {}, []
for line in (folder / "bench.jsonl").read_text().splitlines():
    if line.startswith("{"):
        try:
            r = json.loads(line)
        except ValueError:
            continue  # a step was stopped while it wrote
        if "op" in r:
            operations.append(r)
            continue
        kind = r.get("peer") or ("cpu" if r["device"] == "cpu" else "cuda")
        rows[r["row"], kind] = r

print("\n".join("    " + line for line in (folder / "machine.txt").read_text().splitlines()))
print("\n| part | status | seconds |\n|---|---|---|")
for line in (folder / "steps.tsv").read_text().splitlines():
    print("| " + " | ".join(line.split("\t")) + " |")
print("\n| row | on | median s | rounds | more |\n|---|---|---|---|---|")
for (name, kind), r in rows.items():
    more = ", ".join(f"{k} {v:.4g}" for k, v in (r.get("more") or {}).items())
    seconds = f"{r['seconds']:.4g}" if r.get("seconds") else "-"
    print(f"| {name} | {kind} | {seconds} | {len(r.get('rounds') or [])} | {r.get('error') or more} |")


def seconds(name, kind):
    return (rows.get((name, kind)) or {}).get("seconds") or None


def ratio(a, b):
    x, y = seconds(*a), seconds(*b)
    return x / y if x and y else None


share = ((rows.get(("ridge-device", "cuda")) or {}).get("more") or {}).get("share_of_limit")
print("\n| target | measured | met |\n|---|---|---|")
for what, value, least, most in (
    ("ridge, Y page-locked: 20 x himalaya", ratio(("ridge", "himalaya"), ("ridge-locked", "cuda")), 20, None),
    ("the same: at most 1.5 x the bare copy of Y", ratio(("ridge-locked", "cuda"), ("copy", "cuda")), None, 1.5),
    ("pageable Y: at most 3 x the copy", ratio(("ridge", "cuda"), ("copy", "cuda")), None, 3),
    ("data on the device: half of the limit", share, 0.5, None),
    ("K=3072: 3 x himalaya", ratio(("ridge-wide", "himalaya"), ("ridge-wide", "cuda")), 3, None),
    ("codes: 10 x the CPU path", ratio(("codes", "cpu"), ("codes", "cuda")), 10, None),
    ("learn: 2 x the CPU path", ratio(("learn", "cpu"), ("learn", "cuda")), 2, None),
):
    met = "-" if value is None else "yes" if (least is None or value >= least) and (most is None or value <= most) else "no"
    print(f"| {what} | {'not measured' if value is None else f'{value:.3g}'} | {met} |")

if operations:
    print("\n| operation | precision | operands | microseconds | TFLOP/s | GB/s | of the limit |\n|---|---|---|---|---|---|---|")
for r in operations:
    took = r["seconds"]
    print(f"| {r['op']} | {r['precision']} | {' '.join(r['shapes'])} | {took * 1e6:.4g} | {r['flops'] / took / 1e12:.3g} | {r['bytes'] / took / 1e9:.4g} | {r['share']:.0%} |")
