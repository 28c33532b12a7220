"""Golden results of repeats of one stimulus, in float64 numpy.

    python testdata/golden/repeats.py

writes golden/repeats/NAME.npz and manifest.json. explainable_variance is the function
of voxelwise_tutorials.utils (BSD-3-Clause) with bias_correction and do_zscore, written
out; ridge is the closed form at one alpha.
"""
import json
import os

import numpy as np

OUT = os.path.join(os.path.dirname(__file__), "repeats")
ALPHA = 3.0


def zscore(x):
    x = x - x.mean(0)
    sd = x.std(0)
    return x / np.where(sd < 1e-12, 1, sd)


def explainable_variance(data):
    """data: (n_repeats, n_times, n_voxels)"""
    data = np.stack([zscore(d) for d in data])
    mean_var = data.var(axis=1, dtype=np.float64, ddof=1).mean(axis=0)
    var_mean = data.mean(axis=0).var(axis=0, dtype=np.float64, ddof=1)
    ev = var_mean / mean_var
    return ev - (1 - ev) / (len(data) - 1)


def per_run(x, kind):
    return {"none": lambda x: x, "center": lambda x: x - x.mean(0), "zscore": zscore}[kind](x)


def case(name, seed, n, T, held, K, V, steps, intercept, again):
    rng = np.random.default_rng(seed)
    W = rng.standard_normal((K, V))
    W[:, V // 2:] *= 0.02  # voxels that hardly repeat
    X, testX = rng.standard_normal((T, K)), rng.standard_normal((held, K))
    away = 0 if steps == "none" and not intercept else 700
    Y = X @ W + 2 * rng.standard_normal((T, V)) + away
    test = np.stack([testX @ W + 2 * rng.standard_normal((held, V)) + away for _ in range(n)])
    x, y, tx = per_run(X, steps), per_run(Y, steps), per_run(testX, steps)
    ty = np.stack([per_run(t, steps) for t in test])
    mx, my = (x.mean(0), y.mean(0)) if intercept else (0, 0)
    w = np.linalg.solve((x - mx).T @ (x - mx) + ALPHA * np.eye(K), (x - mx).T @ (y - my))
    p = (tx - mx) @ w + my
    mean = ty.mean(0)
    if again:
        mean = zscore(mean)
    yc, pc = mean - mean.mean(0), p - p.mean(0)
    r = (yc * pc).sum(0) / np.sqrt((yc ** 2).sum(0) * (pc ** 2).sum(0))
    r2 = 1 - ((mean - p) ** 2).sum(0) / (yc ** 2).sum(0)
    rho = explainable_variance(ty)
    with np.errstate(invalid="ignore"):
        ceiling = np.sqrt(np.where(rho > 0.01, n * rho / (1 + (n - 1) * rho), np.nan))
    np.savez_compressed(os.path.join(OUT, name + ".npz"), X=X, Y=Y, testX=testX, testY=test.reshape(n * held, V),
                        predictions=p, r2=r2, r=r, rho=rho, ceiling=ceiling, normalized=r / ceiling)
    return dict(name=name, repeats=n, per_run=steps, intercept=intercept, again=again, alpha=ALPHA)


os.makedirs(OUT, exist_ok=True)
cases = [
    case("two", 1, 2, 31, 13, 3, 9, "none", False, False),
    case("ten_zscored", 2, 10, 40, 17, 4, 11, "zscore", False, False),
    case("three_centred_again", 3, 3, 25, 22, 2, 8, "center", False, True),
    case("five_intercept", 4, 5, 33, 19, 3, 70, "none", True, False),
    case("four_intercept_again", 5, 4, 30, 15, 5, 7, "none", True, True),
]
json.dump(dict(versions=dict(numpy=np.__version__), cases=cases), open(os.path.join(OUT, "manifest.json"), "w"), indent=1)
