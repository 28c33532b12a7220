"""RidgeCV of the Python package on X.npy and Y.npy of a folder: fit.py first|again DIR.

Reads lines from standard input: "run" fits, and answers {"seconds": ...}; "save" writes what was fitted to DIR/voxen.
first: every run has a process of the engine of its own, whose start and first pages are part of the time.
"""
import json
import os
import sys
import time

import numpy as np
import voxen

how, folder = sys.argv[1:]
X, Y = (np.load(os.path.join(folder, name + ".npy")) for name in "XY")
model = voxen.RidgeCV(device="cpu")
print("{}", flush=True)
for line in sys.stdin:
    answer = {}
    if line.strip() == "run":
        if how == "first":
            voxen.shutdown()
        start = time.perf_counter()
        model.fit(X, Y)
        answer["seconds"] = time.perf_counter() - start
    else:
        os.makedirs(os.path.join(folder, "voxen"), exist_ok=True)
        for name, array in {"alpha": model.best_alphas_, "cv_score": model.cv_scores_, "weights": model.coef_}.items():
            np.save(os.path.join(folder, "voxen", name + ".npy"), array)
    print(json.dumps(answer), flush=True)
