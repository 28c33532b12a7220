"""Golden results of leave-one-out and generalised cross-validation and of random chunks: heldout/heldout.json.

usage: python heldout.py            (writes heldout/ beside this file)

loo: scikit-learn's RidgeCV(alpha_per_target=True, store_cv_results=True): cv_results_ are squared errors of each left-out
row (scoring=None) or its prediction (scoring="r2"); standardised features come from a StandardScaler before it. gcv: the
formula of Golub, Heath and Wahba with the hat matrix of scikit-learn's Ridge. Everything in float64, made from a seed.
"""
import json, os, platform
import numpy as np, sklearn
from sklearn.linear_model import Ridge, RidgeCV
from sklearn.metrics import r2_score
from sklearn.preprocessing import StandardScaler

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "heldout")
ALPHAS = np.array([0.5, 20.0, 3000.0])


def loo(X, Y, intercept):
    m = RidgeCV(ALPHAS, fit_intercept=intercept, alpha_per_target=True, store_cv_results=True).fit(X, Y)
    mse = -m.cv_results_.mean(axis=0).T  # alphas x targets
    p = RidgeCV(ALPHAS, fit_intercept=intercept, alpha_per_target=True, store_cv_results=True, scoring="r2").fit(X, Y)
    pred = p.cv_results_  # T x targets x alphas
    r2 = np.array([r2_score(Y, pred[:, :, a], multioutput="raw_values") for a in range(len(ALPHAS))])
    assert np.allclose(mse, -np.array([((Y - pred[:, :, a]) ** 2).mean(0) for a in range(len(ALPHAS))]), rtol=1e-6)
    return dict(mse=mse, r2=r2, alpha=np.atleast_1d(m.alpha_), alpha_r2=np.atleast_1d(p.alpha_), weights=np.atleast_2d(m.coef_).T)


def gcv(X, Y, intercept):
    T, out = len(X), []
    for a in ALPHAS:
        H = Ridge(alpha=a, fit_intercept=intercept).fit(X, np.eye(T)).predict(X)
        E = Y - H @ Y
        out.append(-(E ** 2).mean(0) / (1 - np.trace(H) / T) ** 2)
    return np.array(out)


def main():
    os.makedirs(HERE, exist_ok=True)
    cases = []
    for seed, (name, T, K, V, intercept, scaled) in enumerate([
            ("plain", 30, 4, 5, False, False), ("intercept", 31, 6, 4, True, False), ("scaled", 30, 5, 4, True, True),
            ("more_features", 14, 25, 3, True, False), ("more_features_plain", 14, 25, 3, False, False),
            ("one_voxel", 20, 3, 1, True, False), ("one_feature", 20, 1, 4, True, False)]):
        rng = np.random.default_rng(seed)
        X = rng.standard_normal((T, K)) * np.geomspace(1, 5, K) + 1
        Y = X @ rng.standard_normal((K, V)) + 4 * rng.standard_normal((T, V)) + 7
        X, Y = X.round(4), Y.round(4)
        Z = StandardScaler().fit_transform(X) if scaled else X
        cases.append(dict(name=name, intercept=intercept, scaled=scaled, x=X, y=Y, loo=loo(Z, Y, intercept), gcv=gcv(Z, Y, intercept)))
    versions = dict(python=platform.python_version(), numpy=np.__version__, sklearn=sklearn.__version__)
    with open(os.path.join(HERE, "heldout.json"), "w") as f:
        json.dump(dict(versions=versions, alphas=ALPHAS, cases=cases), f, default=lambda a: a.tolist(), separators=(",", ":"))
        f.write("\n")


main()
