"""Golden results of nested cross-validation with gaps: nested/*.npz and manifest.json.

usage: python nested.py            (writes nested/ beside this file)

For each outer fold the alpha is chosen on the other folds by scikit-learn's Ridge
(himalaya's RidgeCV on the same splits must choose the same where it has the options),
refitted on all of them and scored on the fold. Per-run steps that a fold cuts are
done by numpy's lstsq on training and test rows of each run by themselves. All in float64.
"""
import json, os, platform
import numpy as np, sklearn, himalaya
from himalaya.ridge import RidgeCV
from himalaya.scoring import r2_score, correlation_score, l2_neg_loss
from ridge import DEFAULTS, Model, delayed, preprocess, score, splits, trends

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "nested")


def around(test, runs, gap):
    """The rows of a fold, and as many of the same run on either side."""
    T = len(runs)
    rows = set(test)
    for t in (test[0], test[-1]):
        rows |= {s for s in range(max(0, t - gap), min(T, t + gap + 1)) if runs[s] == runs[t]}
    return np.array(sorted(rows))


def steps(A, rows, runs, o):
    """Trends, means and SDs of the rows of each run by themselves; the basis is the whole run's."""
    A = A[rows].copy()
    for r in np.unique(runs[rows]):
        i, whole = runs[rows] == r, np.flatnonzero(runs == r)
        C = trends(len(whole), o["detrend"], o["tr"])[np.searchsorted(whole, rows[i])]
        if o["per_run"] != "none":
            C = np.hstack([C, np.ones((len(C), 1))])
        A[i] -= C @ np.linalg.lstsq(C, A[i], rcond=None)[0]
        if o["per_run"] == "zscore":
            A[i] /= A[i].std(0)
    return A


def nested(X, Y, runs, o):
    T = len(X)
    tests = [te for _, te in splits(T, runs, o["cv"])]
    near = [around(te, runs, o["gap"]) for te in tests]
    X, Y = delayed(preprocess(X, runs, o), runs, o["delays"]), preprocess(Y, runs, o)
    cut = (o["detrend"] != "none" or o["per_run"] != "none") and any(
        te[0] and runs[te[0] - 1] == runs[te[0]] for te in tests)
    get = (lambda A, rows: steps(A, rows, runs, o)) if cut else (lambda A, rows: A[rows])
    alphas = np.array(o["alphas"])
    out = {m: [] for m in ("r", "r2", "mse")}
    for f, outer in enumerate(tests):
        rest = np.setdiff1d(np.arange(T), near[f])
        pairs = [(np.setdiff1d(rest, near[g]), np.setdiff1d(tests[g], near[f])) for g in range(len(tests)) if g != f]
        s = np.array([np.mean([score(o["score"], get(Y, te), Model(o, a).fit(get(X, tr), get(Y, tr)).predict(get(X, te)))
                               for tr, te in pairs], axis=0) for a in alphas])
        chosen = np.array([max(range(len(alphas)), key=lambda a: (s[a, v], alphas[a])) for v in range(Y.shape[1])])
        if not cut and o["standardize"] == "none":
            func = dict(r2=r2_score, r=correlation_score, mse=l2_neg_loss)[o["score"]]
            cv = [(np.searchsorted(rest, tr), np.searchsorted(rest, te)) for tr, te in pairs]
            theirs = RidgeCV(alphas=alphas, cv=cv, fit_intercept=o["intercept"], solver_params=dict(score_func=func)).fit(X[rest], Y[rest])
            assert np.allclose(theirs.best_alphas_, alphas[chosen])
        P = np.array([Model(o, alphas[a]).fit(get(X, rest), get(Y, rest)).predict(get(X, outer))[:, v] for v, a in enumerate(chosen)]).T
        for m in out:
            out[m].append(score(m, get(Y, outer), P))
    return {"nested_" + m: np.mean(x, axis=0) for m, x in out.items()}


def case(name, seed, T, K, V, lengths, **options):
    o = DEFAULTS | dict(gap=0, alphas=np.logspace(-1, 3, 6).tolist()) | options
    rng = np.random.default_rng(seed)
    runs = np.repeat(np.arange(len(lengths)), lengths)
    X = rng.standard_normal((T, K)) + np.linspace(0, 1, K)
    slow = np.cumsum(rng.standard_normal((T, V)), axis=0) / 8
    Y = 50 + slow + X @ rng.standard_normal((K, V)) / np.sqrt(K) + 2 * rng.standard_normal((T, V))
    np.savez_compressed(os.path.join(HERE, name + ".npz"), X=X, Y=Y, runs=runs.astype(float), **nested(X, Y, runs, o))
    return dict(name=name, **o)


if __name__ == "__main__":
    os.makedirs(HERE, exist_ok=True)
    one, two, three = [72], [31, 50], [30, 21, 39]
    cases = [
        case("one_run", 1, 72, 6, 4, one, score="r2", intercept=True),
        case("gap", 2, 72, 6, 4, one, score="r", gap=4, intercept=True),
        case("runs", 3, 90, 6, 4, three, cv="runs", score="r", per_run="zscore", detrend="linear", gap=5),
        case("within", 4, 72, 6, 4, one, score="r", per_run="zscore", detrend="cosine:50", tr=2.0),
        case("within_gap", 5, 72, 6, 4, one, cv="kfold:4", score="r", per_run="zscore", detrend="cosine:60", tr=2.0, gap=3),
        case("two_runs", 6, 81, 5, 3, two, cv="kfold:3", score="mse", per_run="center", detrend="linear", gap=3),
        case("more_features", 7, 48, 60, 3, [48], cv="kfold:3", score="r2", per_run="zscore", detrend="linear", gap=2),
        case("delays", 8, 72, 3, 3, one, cv="kfold:4", score="r", per_run="zscore", detrend="linear", delays=[1, 2, 3], gap=2),
        case("standardize", 9, 60, 5, 1, [60], cv="kfold:3", score="r2", standardize="both", gap=2),
    ]
    versions = dict(python=platform.python_version(), numpy=np.__version__, sklearn=sklearn.__version__, himalaya=himalaya.__version__)
    with open(os.path.join(HERE, "manifest.json"), "w") as f:
        json.dump(dict(made_by="testdata/golden/nested.py", versions=versions, cases=cases), f, indent=1)
