#!/usr/bin/env python3
"""Tokens per second of a forward pass of a Llama with random weights, by voxen extract and by transformers: a JSON object per line.

Needs torch, transformers and numpy. The model has the shape of Llama-3.2-1B without its vocabulary and half of its layers (8 of 2,048 units,
8,192 in the feed-forward network, 32 heads over 8 keys), in float32, TF32 off. Both read the same windows of 512 tokens; voxen's rate leaves out the
reading of the weights and keeps the responses of every layer's feed-forward output. Medians of five rounds.
"""
import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time

import numpy as np
import torch
import transformers

p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
p.add_argument("--voxen", default="bin/voxen")
p.add_argument("--device", default="cuda:0")
p.add_argument("--torch", default="cuda", help="where transformers computes; cpu is for trials")
p.add_argument("--rounds", type=int, default=5)
p.add_argument("--windows", type=int, default=16)
p.add_argument("--tokens", type=int, default=512)
p.add_argument("--units", type=int, default=2048)
p.add_argument("--layers", type=int, default=8)
p.add_argument("--share", type=int, default=1, help="to try the program: with more than 1 the model is tiny")
a = p.parse_args()
if a.share > 1:
    a.windows, a.tokens, a.units, a.layers = 2, 64, 128, 2

torch.backends.cuda.matmul.allow_tf32 = False
torch.manual_seed(0)
heads = a.units // 64
config = transformers.LlamaConfig(vocab_size=1000, hidden_size=a.units, intermediate_size=4 * a.units, num_hidden_layers=a.layers,
                                  num_attention_heads=heads, num_key_value_heads=max(1, heads // 4), max_position_embeddings=4096)
where = a.torch
model = transformers.LlamaModel(config).eval().to(where)
ids = np.random.default_rng(0).integers(3, 1000, (a.windows, a.tokens))
total = ids.size


def peer():
    windows = torch.tensor(ids).to(where)
    start = time.perf_counter()
    with torch.no_grad():
        for w in windows:
            model(w[None])
    if where == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def report(device, seconds, **more):
    seconds = sorted(seconds)
    median = statistics.median(seconds)
    print(json.dumps(dict(row="language", device=device, rounds=seconds, seconds=median, more={"tokens_per_second": total / median}, **more)), flush=True)


with tempfile.TemporaryDirectory() as folder:
    model.save_pretrained(folder)
    np.save(os.path.join(folder, "ids.npy"), ids.reshape(-1).astype(np.int64))
    peer()
    report(where, [peer() for _ in range(a.rounds)], peer="transformers")
    took = []
    for i in range(a.rounds):
        lines = subprocess.run([a.voxen, "extract", "--model", folder, "--ids", os.path.join(folder, "ids.npy"), "--window", str(a.tokens), "--stride", str(a.tokens),
                                "--out", os.path.join(folder, f"r{i}.npy"), "--json", "--device", a.device], check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
        took.append(total / json.loads(lines[-1])["extract"]["tokens_per_second"])
        os.remove(os.path.join(folder, f"r{i}.npy"))
    report(a.device, took)
