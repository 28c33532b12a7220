"""Welch's t of random samples by scipy, for study/localize.

usage: localize.py OUT      writes OUT/welch.json: pairs of samples with t, df and two-sided p of scipy.stats.ttest_ind(equal_var=False). numpy, scipy
"""
import json, os, sys
import numpy as np, scipy
from scipy import stats

rng = np.random.default_rng(7)
pairs = []
for n, m, shift, scale, mean in [(2, 2, 0, 1, 0), (2, 9, 1, 3, 0), (5, 5, 0, 1, 1e4), (12, 40, 0.5, 0.1, 0), (80, 30, 2, 1, -3), (240, 240, 1, 1, 0), (20, 20, 60, 1, 0), (7, 3, 0, 1e-6, 1), (3, 25, -1, 1e5, 0)]:
    a, b = mean + shift + rng.standard_normal(n), mean + scale * rng.standard_normal(m)
    r = stats.ttest_ind(a, b, equal_var=False)
    pairs.append(dict(a=a.tolist(), b=b.tolist(), t=float(r.statistic), df=float(r.df), p=float(r.pvalue)))
os.makedirs(sys.argv[1], exist_ok=True)
json.dump(dict(versions=dict(numpy=np.__version__, scipy=scipy.__version__), pairs=pairs), open(sys.argv[1] + "/welch.json", "w"))
print(*[f"{p['t']:.3g} {p['df']:.3g} {p['p']:.3g}" for p in pairs], sep="\n")
