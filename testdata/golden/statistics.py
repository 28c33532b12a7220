"""Golden results of couplings and of group statistics: statistics/*.json.

usage: python statistics.py       (needs numpy, scipy, statsmodels; writes statistics/ beside this file)

Everything comes from other people's routines, in float64:
  coupling: correlations by scipy.stats.pearsonr, autocorrelations by
            statsmodels.tsa.stattools.acf (its plain, biased estimate), p by
            scipy.stats.t, q by statsmodels' fdr_bh over all pairs; runs by summing
            the variances of their sums of products
  one sample: scipy.stats.ttest_1samp; flips by scipy.stats.permutation_test of
            the mean, exact; the maximum over variables by plain loops
  partial:  statsmodels OLS of the full model, r = t / sqrt(t^2 + df); Freedman
            and Lane by refitting the full model to every permutation of the
            residuals of the reduced one
Versions are written to each file.
"""
import itertools, json, os, platform
import numpy as np, scipy, statsmodels
import statsmodels.api as sm
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.tsa.stattools import acf

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "statistics")
VERSIONS = dict(python=platform.python_version(), numpy=np.__version__, scipy=scipy.__version__, statsmodels=statsmodels.__version__)


def write(name, cases):
    os.makedirs(HERE, exist_ok=True)
    with open(os.path.join(HERE, name + ".json"), "w") as f:
        json.dump(dict(versions=VERSIONS, cases=cases), f, indent=None, separators=(",", ":"))
        f.write("\n")


def courses(rng, n, cols):
    """AR(1) courses of coefficients from -0.5 to 0.95."""
    x = rng.standard_normal((n, cols))
    phi = np.linspace(-0.5, 0.95, cols) if cols > 1 else np.array([0.8])
    for t in range(1, n):
        x[t] = phi * x[t - 1] + np.sqrt(1 - phi**2) * x[t]
    return x


def coupling(seed, n, N, M, slow=False):
    rng = np.random.default_rng(seed)
    x, y = courses(rng, n, N), courses(rng, n, M)
    if slow:
        x = np.cumsum(x, 0)
        y = np.cumsum(y, 0)
    y[:, 0] += 0.7 * x[:, -1]
    return coupled(f"{n}x{N}x{M}" + ("-slow" if slow else ""), [1000 + 10 * x], [3 * y])


def several(seed, rows, N, M):
    """Runs of other lengths, levels and scales."""
    rng = np.random.default_rng(seed)
    xs, ys = [], []
    for i, n in enumerate(rows):
        x, y = courses(rng, n, N), courses(rng, n, M)
        y[:, 0] += 0.7 * x[:, -1]
        xs.append(1000 + 100 * i + (10 + 5 * i) * x)
        ys.append(3 * (i + 1) * y - i)
    return coupled(f"{'+'.join(map(str, rows))}x{N}x{M}", xs, ys)


def coupled(name, xs, ys):
    """r is the mean over runs, weighted by their rows; the variances of the runs' sums of products add."""
    rows = [len(x) for x in xs]
    n, N, M = sum(rows), xs[0].shape[1], ys[0].shape[1]
    r, variance = np.zeros((M, N)), np.zeros((M, N))
    for x, y, m in zip(xs, ys, rows):
        lags = max(1, m // 5)
        k = np.arange(1, lags + 1)
        rho = lambda a: np.array([acf(c, adjusted=False, nlags=lags, fft=False)[1:] for c in a.T])
        variance += m / n**2 * (1 + 2 * np.einsum("ik,jk,k->ij", rho(y), rho(x), 1 - k / m))
        r += m / n * np.array([[stats.pearsonr(a, b)[0] for a in x.T] for b in y.T])
    neff = np.where(variance > 0, np.maximum(len(rows) + 2, 1 / np.where(variance > 0, variance, 1)), n)
    df = neff - len(rows) - 1
    t = r * np.sqrt(df / (1 - r**2))
    p = 2 * stats.t.sf(np.abs(t), df)
    q = multipletests(p.ravel(), method="fdr_bh")[1].reshape(p.shape)
    return dict(name=name, n=n, runs=rows, x=np.concatenate(xs).ravel().tolist(), y=np.concatenate(ys).ravel().tolist(), artificial=N, biological=M,
                r=r.ravel().tolist(), neff=neff.ravel().tolist(), p=p.ravel().tolist(), q=q.ravel().tolist())


def one_sample(seed, n, V):
    rng = np.random.default_rng(seed)
    y = rng.standard_normal((n, V)) + np.linspace(0, 1.5, V)
    t, p = stats.ttest_1samp(y, 0)
    flips = stats.permutation_test((y,), np.mean, permutation_type="samples", n_resamples=np.inf, alternative="two-sided", vectorized=True, axis=0)
    tobs, maxima = np.abs(t), []
    for signs in itertools.product([1, -1], repeat=n):
        maxima.append(np.abs(stats.ttest_1samp(y * np.array(signs)[:, None], 0).statistic).max())
    pmax = [(np.array(maxima) >= v - 1e-9).mean() for v in tobs]
    return dict(name=f"one-sample {n}x{V}", n=n, variables=V, y=y.ravel().tolist(), estimate=y.mean(0).tolist(), t=t.tolist(), pt=p.tolist(),
                p=flips.pvalue.tolist(), pmax=pmax, q=multipletests(flips.pvalue, method="fdr_bh")[1].tolist())


def fit_t(y, X):
    return sm.OLS(y, X).fit().tvalues[-1]


def partial(seed, n, V, q):
    rng = np.random.default_rng(seed)
    Z = rng.standard_normal((n, q))
    x = 50 + 5 * rng.standard_normal(n) + (2 * Z[:, 0] if q else 0)
    y = np.linspace(0, 0.3, V) * (x - 50)[:, None] + rng.standard_normal((n, V)) + (Z[:, :1] if q else 0)
    reduced = np.column_stack([np.ones(n), Z])
    full = np.column_stack([reduced, x])
    df = n - 2 - q
    t = np.array([fit_t(c, full) for c in y.T])
    count, maxima = np.zeros(V), []
    fitted = reduced @ np.linalg.lstsq(reduced, y, rcond=None)[0]
    orders = list(itertools.permutations(range(n)))
    for order in orders:
        tp = np.array([fit_t(f + e[list(order)], full) for f, e in zip(fitted.T, (y - fitted).T)])
        count += np.abs(tp) >= np.abs(t) - 1e-7
        maxima.append(np.abs(tp).max())
    pmax = [(np.array(maxima) >= v - 1e-7).mean() for v in np.abs(t)]
    return dict(name=f"partial {n}x{V} q={q}", n=n, variables=V, covariates=q, x=x.tolist(), z=Z.ravel().tolist(), y=y.ravel().tolist(),
                estimate=(t / np.sqrt(t**2 + df)).tolist(), t=t.tolist(), pt=(2 * stats.t.sf(np.abs(t), df)).tolist(),
                p=(count / len(orders)).tolist(), pmax=pmax)


write("coupling", [coupling(0, 372, 12, 7), coupling(1, 150, 1, 1), coupling(2, 10, 3, 2), coupling(3, 40, 5, 9, slow=True), coupling(4, 5, 4, 1),
                   several(5, [120, 75, 75], 8, 5), several(6, [10, 31], 3, 2)])
write("onesample", [one_sample(0, 8, 5), one_sample(1, 2, 1), one_sample(2, 11, 3)])
write("partial", [partial(0, 6, 3, 0), partial(1, 6, 2, 1), partial(2, 6, 1, 2)])
