#!/usr/bin/env python3
"""himalaya with its torch_cuda backend on the ridge rows of docs/gpu.md, host to host: a JSON object per line.

Needs himalaya, torch with CUDA and scikit-learn. float32, TF32 off; warm; synchronised by the copy of the weights to the
host; of several target batches the one with the best second round gets all rounds; medians of five rounds, as for voxen
(bench/gpu), fewer after --limit seconds.
"""
import argparse
import json
import time

import numpy as np
import torch
from himalaya.backend import set_backend
from himalaya.kernel_ridge import KernelRidgeCV
from himalaya.ridge import RidgeCV
from himalaya.scoring import r2_score
from sklearn.model_selection import KFold

ROWS = {"ridge": (1000, 64, 228000), "ridge-wide": (600, 3072, 228000)}
BATCHES = (10000, 50000, 2000, None)


def problem(T, K, V):
    rng = np.random.default_rng(1)
    X = rng.standard_normal((T, K), dtype=np.float32)
    Y = rng.standard_normal((T, V), dtype=np.float32)
    Y += np.float32(0.3) * X[:, np.arange(V) % K]
    return X, Y


def models(T, K, batch, backend):
    alphas = np.logspace(-1, 5, 20)
    common = dict(alphas=alphas, cv=KFold(5))
    params = dict(score_func=r2_score, n_targets_batch=batch, n_targets_batch_refit=batch)
    if K > T:  # first, as it is the faster one
        yield "KernelRidgeCV", KernelRidgeCV(kernel="linear", solver_params=params, **common), lambda m: m.get_primal_coef()
    yield "RidgeCV", RidgeCV(fit_intercept=False, solver_params=params, **common), lambda m: m.coef_


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--limit", type=float, default=60)
    parser.add_argument("--backend", default="torch_cuda", help="torch, on the processor, is for trials")
    parser.add_argument("--share", type=int, default=1, help="to try the program: voxels are this many times fewer, and with more than 1 rows and features 8 times")
    parser.add_argument("rows", nargs="*", default=list(ROWS))
    args = parser.parse_args()
    backend = set_backend(args.backend)
    torch.backends.cuda.matmul.allow_tf32 = False
    for row in args.rows:
        T, K, V = ROWS[row]
        few = 8 if args.share > 1 else 1
        T, K = T // few, K // few
        X, Y = problem(T, K, V // args.share)
        begin = time.perf_counter()
        over = lambda: time.perf_counter() - begin > args.limit
        best = None

        def fit(model, weights):
            start = time.perf_counter()
            model.fit(X, Y)
            backend.to_numpy(weights(model))
            return time.perf_counter() - start

        for batch in BATCHES:
            for name, model, weights in models(T, K, batch, backend):
                if best and over():
                    continue
                try:
                    fit(model, weights)
                    took = fit(model, weights)
                except torch.cuda.OutOfMemoryError:
                    torch.cuda.empty_cache()
                    continue
                if best is None or took < best[0]:
                    best = took, name, batch, model, weights
        if best is None:
            print(json.dumps(dict(row=row, peer="himalaya", device=args.backend, error="out of memory in every batch")), flush=True)
            continue
        took, name, batch, model, weights = best
        rounds = []
        while len(rounds) < args.rounds and not (rounds and over()):
            rounds.append(fit(model, weights))
        rounds.sort()
        device = torch.cuda.get_device_name(0) if args.backend == "torch_cuda" else args.backend
        print(json.dumps(dict(row=row, peer="himalaya", model=name, batch=batch, rounds=rounds, seconds=rounds[len(rounds) // 2], device=device)), flush=True)


if __name__ == "__main__":
    main()
