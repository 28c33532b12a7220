"""Golden results of cross-validated ridge: one .npz per case and manifest.json.

usage: python ridge.py            (writes ridge/ beside this file)

Every expected number comes from the definition, with scikit-learn's Ridge on the
training rows of each fold and its predictions on the test rows; where himalaya
has the same options (no standardisation, r2, r or mse, alpha per voxel) its
RidgeCV and KernelRidgeCV are run too, with score_func by name, and must agree
to 1e-9 in scores, in alphas and in weights. All in float64.
Versions are written to the manifest.
"""
import json, os, platform
import numpy as np, sklearn, himalaya, scipy
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score as sk_r2
from sklearn.model_selection import KFold, LeaveOneGroupOut
from sklearn.preprocessing import StandardScaler
from himalaya.ridge import RidgeCV
from himalaya.kernel_ridge import KernelRidgeCV
from himalaya.scoring import r2_score, correlation_score, l2_neg_loss

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "ridge")
DEFAULTS = dict(cv="kfold:5", alphas=np.logspace(-1, 5, 20).tolist(), alpha_per="voxel", score="r2", per_run="none",
                detrend="none", tr=0.0, standardize="none", intercept=False, delays=[])


def splits(T, runs, cv):
    if cv == "runs":
        return list(LeaveOneGroupOut().split(np.zeros(T), groups=runs))
    return list(KFold(int(cv.split(":")[1])).split(np.zeros(T)))


def trends(n, detrend, tr):
    """Columns of the slow trends of a run; linear and cosine hold the constant."""
    if detrend == "none":
        return np.zeros((n, 0))
    cols = [np.ones(n)]
    if detrend == "linear":
        cols.append(np.arange(n))
    else:                                            # as nilearn's create_cosine_drift
        seconds = float(detrend.split(":")[1])
        order = min(n - 1, int(np.floor(2 * n * tr / seconds)))
        t = np.arange(n)
        cols += [np.cos(np.pi / n * (t + 0.5) * k) for k in range(1, order + 1)]
    return np.array(cols).T


def preprocess(A, runs, o):
    """Detrend, then centre or z-score, within each run."""
    A = A.astype(float).copy()
    for r in np.unique(runs):
        i = runs == r
        C = trends(i.sum(), o["detrend"], o["tr"])
        if C.shape[1]:
            A[i] -= C @ np.linalg.lstsq(C, A[i], rcond=None)[0]
        if o["per_run"] != "none":
            A[i] -= A[i].mean(0)
        if o["per_run"] == "zscore":
            sd = A[i].std(0)
            A[i] /= np.where(sd > 1e-10 * np.abs(A[i]).max(initial=1), sd, 1)
    return A


def delayed(X, runs, delays):
    if not delays:
        return X
    out = []
    for d in delays:
        Z = np.zeros_like(X)
        for r in np.unique(runs):
            i = np.flatnonzero(runs == r)
            if d < len(i):
                Z[i[d:]] = X[i[:len(i) - d]]
        out.append(Z)
    return np.hstack(out)


class Model:
    """Ridge in original units, with what is centred and scaled on the training rows."""

    def __init__(self, o, alpha):
        self.o, self.alpha = o, alpha

    def fit(self, X, Y):
        o = self.o
        fx, fy = o["standardize"] in ("features", "both"), o["standardize"] in ("responses", "both")
        self.mx, self.sx, self.my, self.sy = np.zeros(X.shape[1]), np.ones(X.shape[1]), np.zeros(Y.shape[1]), np.ones(Y.shape[1])
        if o["intercept"] or fx:
            self.mx = X.mean(0)
        if o["intercept"] or fy:
            self.my = Y.mean(0)
        if fx:
            self.sx = StandardScaler().fit(X).scale_
        if fy:
            self.sy = StandardScaler().fit(Y).scale_
        ridge = Ridge(alpha=self.alpha, fit_intercept=False, solver="svd")
        ridge.fit((X - self.mx) / self.sx, (Y - self.my) / self.sy)
        self.W = (np.atleast_2d(ridge.coef_) / self.sx).T * self.sy
        self.b = self.my - self.mx @ self.W
        return self

    def predict(self, X):
        return X @ self.W + self.b


def score(kind, Y, P):
    if kind == "mse":
        return -((Y - P) ** 2).mean(0)
    out = np.zeros(Y.shape[1])
    for v in range(Y.shape[1]):
        if np.ptp(Y[:, v]) == 0:
            continue                                 # constant in this fold: 0
        if kind == "r2":
            out[v] = sk_r2(Y[:, v], P[:, v])
        elif np.std(P[:, v]) > 1e-12 * np.abs(P[:, v]).max():
            out[v] = np.corrcoef(Y[:, v], P[:, v])[0, 1]
    return out


def left_out(Y, runs, o):
    """Not finite, constant over all rows, or within every run when per-run steps are on."""
    bad = ~np.isfinite(Y).all(0)
    Z = np.where(np.isfinite(Y), Y, 0)
    bad |= np.ptp(Z, axis=0) == 0
    if o["per_run"] != "none" or o["detrend"] != "none":
        bad |= np.all([np.ptp(Z[runs == r], axis=0) == 0 for r in np.unique(runs)], axis=0)
    return bad


def expected(X, Y, runs, o, Xt=None, Yt=None, runs_t=None):
    out_voxels = left_out(Y, runs, o)
    keep = np.flatnonzero(~out_voxels)
    Xp = delayed(preprocess(X, runs, o), runs, o["delays"])
    Yp = preprocess(Y[:, keep], runs, o)
    alphas = np.array(o["alphas"])
    folds = splits(len(X), runs, o["cv"])
    scores = np.array([np.mean([score(o["score"], Yp[te], Model(o, a).fit(Xp[tr], Yp[tr]).predict(Xp[te]))
                                for tr, te in folds], axis=0) for a in alphas])

    def pick(s):                                     # ties go to the larger alpha
        best = s.max()
        return max(range(len(alphas)), key=lambda a: (s[a] >= best, alphas[a]))
    if o["alpha_per"] == "all":
        chosen = np.full(len(keep), pick(scores.mean(1)))
    else:
        chosen = np.array([pick(scores[:, v]) for v in range(len(keep))])
    models = {a: Model(o, alphas[a]).fit(Xp, Yp) for a in set(chosen)}
    V = Y.shape[1]

    def spread(x, rows=None):
        full = np.full(((rows,) if rows else ()) + (V,), np.nan)
        full[..., keep] = x
        return full
    r = dict(cv_scores=spread(scores, len(alphas)), alpha=spread(alphas[chosen]),
             cv_score=spread(scores[chosen, range(len(keep))]),
             weights=spread(np.array([models[a].W[:, i] for i, a in enumerate(chosen)]).T, Xp.shape[1]),
             intercept=spread(np.array([models[a].b[i] for i, a in enumerate(chosen)])))
    if Xt is not None:
        Xtp = delayed(preprocess(Xt, runs_t, o), runs_t, o["delays"])
        Ytp = preprocess(Yt[:, keep], runs_t, o)
        P = np.array([models[a].predict(Xtp)[:, i] for i, a in enumerate(chosen)]).T
        r["test_score"] = spread(score(o["score"], Ytp, P))
    Xs = Xp                                          # spectrum of the Gram matrix, for the limit on weights
    if o["intercept"] or o["standardize"] in ("features", "both"):
        Xs = Xs - Xs.mean(0)
    if o["standardize"] in ("features", "both"):
        Xs = Xs / StandardScaler().fit(Xp).scale_
    s = np.linalg.svd(Xs, compute_uv=False) ** 2
    r["spectrum"] = np.array([s.max(), s.min() if Xs.shape[1] <= Xs.shape[0] else 0.0])
    check_himalaya(Xp, Yp, folds, o, scores, alphas[chosen], r["weights"][:, keep])
    return r


def check_himalaya(X, Y, folds, o, scores, chosen, weights):
    """himalaya has these options only; it must give the same."""
    if o["standardize"] != "none" or o["alpha_per"] != "voxel" or sorted(o["alphas"]) != o["alphas"]:
        return
    func = dict(r2=r2_score, r=correlation_score, mse=l2_neg_loss)[o["score"]]
    if any(np.ptp(Y[te], axis=0).min() == 0 for _, te in folds):
        return                                       # himalaya's scores of constant voxels differ
    ours = scores.max(0)
    alphas = np.array(o["alphas"])
    models = [RidgeCV(alphas=alphas, cv=folds, fit_intercept=o["intercept"], solver_params=dict(score_func=func))]
    if not o["intercept"]:
        models.append(KernelRidgeCV(alphas=alphas, cv=folds, solver_params=dict(score_func=func)))
    for m in models:
        m.fit(X, Y)
        # himalaya adds 1e-10 log(alpha) to the scores, so that ties go to the larger alpha
        theirs = np.asarray(m.cv_scores_).reshape(-1, Y.shape[1])[-1] - 1e-10 * np.log(m.best_alphas_)
        scale = np.maximum(1, np.abs(ours))
        worst = np.max(np.abs(theirs - ours) / scale)
        # the kernel of features graded over 12 decades costs himalaya digits
        limit = 1e-8 if np.linalg.cond(X) > 1e5 and isinstance(m, KernelRidgeCV) else 1e-9
        assert worst < limit, (type(m).__name__, worst)
        same = np.isclose(m.best_alphas_, chosen, rtol=1e-9)
        second = np.sort(scores, axis=0)[-2] if len(scores) > 1 else ours - 1
        assert np.all(same | (ours - second < 1e-10 * scale)), type(m).__name__
        W = m.coef_ if isinstance(m, RidgeCV) else m.get_primal_coef(X)
        assert np.allclose(np.asarray(W)[:, same], weights[:, same], rtol=1e-6, atol=1e-8 * np.abs(weights).max()), type(m).__name__


def data(T, K, V, seed, noise=3.0, mean=0.0, sd=1.0, x_mean=0.0):
    r = np.random.default_rng(seed)
    X = r.standard_normal((T, K)) + x_mean
    W = r.standard_normal((K, V)) * (r.random((K, V)) < 0.5) / np.sqrt(K)
    signal = (X - x_mean) @ W
    return X, mean + sd * (signal + noise * r.standard_normal((T, V)) * r.uniform(0.1, 1, V))


def cases():
    def case(name, T, K, V, seed, edit=None, runs=None, test=None, noise=3.0, mean=0.0, sd=1.0, x_mean=0.0, **options):
        o = dict(DEFAULTS, **options)
        X, Y = data(T + (test or 0), K, V, seed, noise, mean, sd, x_mean)
        labels = np.zeros(T, int) if runs is None else np.repeat(np.arange(len(runs)), runs)
        c = dict(name=name, X=X[:T], Y=Y[:T], runs=labels, o=o)
        if test:
            c.update(Xt=X[T:], Yt=Y[T:], runs_t=np.zeros(test, int))
        if edit:
            edit(c)
        return c

    def constant(c):
        c["Y"][:, 0] = 7
        c["Y"][: len(c["Y"]) // 5, 1] = -2           # constant in the first test fold of five
        c["Y"][3, 2] = np.nan
        c["Y"][5, 3] = np.inf

    def constant_runs(c):
        c["Y"][:, 0] = c["runs"] * 3.5               # constant within every run
        c["Y"][c["runs"] == 0, 1] = 4                # constant within one

    def constant_feature(c):
        c["X"][:, 1] = 5

    def rank_deficient(c):
        c["X"][:, 2] = c["X"][:, 0]
        c["X"][:, 3] = c["X"][:, 0] - 2 * c["X"][:, 1]

    def repeated_rows(c):
        c["X"][10:20] = c["X"][:10]

    def graded(c):
        c["X"] *= 10.0 ** np.linspace(-3, 3, c["X"].shape[1])

    wide = np.logspace(-3, 8, 23).tolist()
    few = [0.5, 10.0, 300.0]
    out = [
        case("defaults", 100, 8, 20, 1),
        case("K1_V1", 40, 1, 1, 2),
        case("V1", 60, 12, 1, 3, score="r"),
        case("T_not_divisible", 83, 7, 12, 4, cv="kfold:4"),
        case("two_folds", 31, 5, 6, 5, cv="kfold:2", score="mse"),
        case("K_above_fold", 60, 30, 10, 6),
        case("K_near_T", 50, 48, 10, 7, cv="kfold:3"),
        case("K_above_T", 40, 90, 10, 8, cv="kfold:4"),
        case("K_above_T_r", 36, 300, 5, 9, cv="kfold:3", score="r"),
        case("K_above_T_intercept", 40, 60, 8, 10, intercept=True, x_mean=2.0, mean=30.0),
        case("K_above_T_standardize", 40, 60, 8, 11, standardize="both", x_mean=2.0, mean=30.0),
        case("intercept", 80, 9, 12, 12, intercept=True, x_mean=1.0, mean=50.0),
        case("intercept_r", 80, 9, 12, 13, intercept=True, score="r", mean=50.0),
        case("intercept_mse", 80, 9, 12, 14, intercept=True, score="mse", mean=50.0),
        case("raw_bold_intercept", 120, 10, 15, 15, intercept=True, mean=10000.0, sd=100.0),
        case("raw_bold_no_intercept", 120, 10, 15, 16, mean=10000.0, sd=100.0),
        case("raw_bold_mse", 120, 10, 15, 17, mean=10000.0, sd=100.0, score="mse", intercept=True),
        case("standardize_features", 70, 6, 10, 18, standardize="features", x_mean=3.0),
        case("standardize_responses", 70, 6, 10, 19, standardize="responses", mean=20.0, sd=5.0),
        case("standardize_both", 70, 6, 10, 20, standardize="both", x_mean=3.0, mean=20.0, sd=5.0, score="mse"),
        case("standardize_intercept", 70, 6, 10, 21, standardize="features", intercept=True, x_mean=3.0, mean=9.0),
        case("leave_run_out", 120, 8, 10, 22, runs=[40, 40, 40], cv="runs"),
        case("uneven_runs", 101, 8, 10, 23, runs=[20, 47, 34], cv="runs", per_run="zscore", score="r"),
        case("center_runs", 90, 8, 10, 24, runs=[30, 30, 30], cv="runs", per_run="center", mean=500.0),
        case("detrend_linear", 96, 5, 10, 25, runs=[32, 32, 32], cv="runs", detrend="linear", mean=800.0, sd=10.0),
        case("detrend_cosine", 120, 5, 10, 26, runs=[60, 60], cv="runs", detrend="cosine:60", tr=2.0, per_run="zscore", mean=800.0, sd=10.0),
        case("haxby_like", 144, 8, 12, 27, runs=[12] * 12, cv="runs", detrend="linear", per_run="zscore", score="r", mean=900.0, sd=12.0),
        case("delays", 90, 4, 10, 28, runs=[45, 45], cv="runs", delays=[1, 2, 3, 4]),
        case("delays_kfold", 77, 3, 6, 29, runs=[40, 37], cv="kfold:5", delays=[0, 2], standardize="features", intercept=True),
        case("long_delay", 30, 2, 4, 30, runs=[10, 20], cv="runs", delays=[0, 12]),
        case("one_alpha", 80, 8, 12, 31, alpha_per="all"),
        case("one_alpha_left_out", 80, 8, 12, 32, constant, alpha_per="all", score="r"),
        case("left_out", 100, 6, 10, 33, constant),
        case("left_out_mse", 100, 6, 10, 34, constant, score="mse", intercept=True),
        case("left_out_runs", 60, 4, 8, 35, constant_runs, runs=[30, 30], cv="kfold:3", per_run="center"),
        case("constant_feature", 60, 5, 8, 36, constant_feature, standardize="features", x_mean=1.0),
        case("constant_feature_plain", 60, 5, 8, 37, constant_feature, intercept=True),
        case("rank_deficient", 70, 9, 8, 38, rank_deficient, alphas=few),
        case("repeated_rows", 60, 9, 8, 39, repeated_rows),
        case("wide_alphas", 80, 10, 10, 40, alphas=wide),
        case("unsorted_alphas", 80, 10, 10, 41, alphas=[100.0, 0.1, 5000.0, 3.0]),
        case("one_value", 50, 4, 6, 42, alphas=[7.0]),
        case("graded_features", 80, 10, 8, 43, graded, alphas=few),
        case("test_set", 80, 8, 10, 44, test=30),
        case("test_set_intercept", 80, 8, 10, 45, test=30, intercept=True, mean=40.0, score="r"),
        case("test_set_runs", 80, 4, 10, 46, test=25, runs=[40, 40], cv="runs", per_run="zscore", detrend="linear", delays=[1, 2], mean=300.0),
        case("two_rows_per_fold", 10, 2, 4, 47, cv="kfold:5", score="mse"),
    ]
    return out


def main():
    os.makedirs(HERE, exist_ok=True)
    entries = []
    for c in cases():
        o = c["o"]
        extra = (c["Xt"], c["Yt"], c["runs_t"]) if "Xt" in c else ()
        r = expected(c["X"], c["Y"], c["runs"], o, *extra)
        arrays = dict(X=c["X"], Y=c["Y"], runs=c["runs"].astype("i8"), **r)
        if extra:
            arrays.update(test_X=c["Xt"], test_Y=c["Yt"])
        np.savez(os.path.join(HERE, c["name"] + ".npz"), **arrays)
        entries.append(dict(name=c["name"], **o))
        print(c["name"], flush=True)
    versions = dict(python=platform.python_version(), numpy=np.__version__, scipy=scipy.__version__,
                    scikit_learn=sklearn.__version__, himalaya=himalaya.__version__)
    with open(os.path.join(HERE, "manifest.json"), "w") as f:
        json.dump(dict(versions=versions, cases=entries), f, indent=1)
        f.write("\n")


if __name__ == "__main__":
    main()
