"""Golden results of lasso and elastic net: lasso/lasso.json.

usage: python lasso.py            (writes lasso/ beside this file)

scikit-learn's Lasso and ElasticNet at every alpha and fold, to 1e-12; the alpha that they choose by mse must be that of
LassoCV and ElasticNetCV. Standardised features and responses are by the means and SDs of the training rows. The nested
score refits the alpha chosen on the other folds and scores the fold. Everything in float64, made from a seed.
"""
import json, os, platform, warnings
import numpy as np, sklearn
from sklearn.linear_model import ElasticNet, ElasticNetCV, Lasso, LassoCV
from sklearn.metrics import r2_score
from sklearn.model_selection import KFold

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "lasso")
PRECISE = dict(tol=1e-12, max_iter=10**6)


class Model:
    """Of every target by itself; weights and intercept in the units of X and Y."""

    def __init__(self, alpha, o):
        self.alpha, self.o = alpha, o

    def fit(self, X, Y):
        o = self.o
        sx, sy = o["standardize"] in ("features", "both"), o["standardize"] in ("responses", "both")
        mx = X.mean(0) if sx or o["intercept"] else np.zeros(X.shape[1])
        my = Y.mean(0) if sy or o["intercept"] else np.zeros(Y.shape[1])
        dx, dy = X.std(0) if sx else np.ones(X.shape[1]), Y.std(0) if sy else np.ones(Y.shape[1])
        make = lambda: (Lasso(self.alpha, fit_intercept=False, **PRECISE) if o["ratio"] == 1 else
                        ElasticNet(alpha=self.alpha, l1_ratio=o["ratio"], fit_intercept=False, **PRECISE))
        Z, R = (X - mx) / dx, (Y - my) / dy
        W = np.array([make().fit(Z, R[:, v]).coef_ for v in range(Y.shape[1])]).T
        self.w = W / dx[:, None] * dy
        self.b = my - mx @ self.w
        return self

    def predict(self, X):
        return X @ self.w + self.b


def scores(X, Y, splits, alphas, o):
    r2, mse = [], []
    for a in alphas:
        p = [(Y[te], Model(a, o).fit(X[tr], Y[tr]).predict(X[te])) for tr, te in splits]
        r2.append(np.mean([r2_score(y, q, multioutput="raw_values") for y, q in p], axis=0))
        mse.append(np.mean([-((y - q) ** 2).mean(0) for y, q in p], axis=0))
    return np.array(r2), np.array(mse)


def best(s, alphas):
    return np.array([max((s[a, v], alphas[a]) for a in range(len(alphas)))[1] for v in range(s.shape[1])])


def main():
    os.makedirs(HERE, exist_ok=True)
    cases = []
    for seed, (name, T, K, V, ratio, intercept, standardize) in enumerate([
            ("lasso", 40, 6, 4, 1, True, "none"), ("no_intercept", 40, 6, 3, 1, False, "none"), ("enet", 41, 5, 4, 0.4, True, "none"),
            ("standardized", 40, 5, 3, 1, True, "both"), ("responses", 40, 5, 3, 0.7, False, "responses"), ("features", 40, 5, 3, 1, False, "features"),
            ("more_features", 18, 30, 3, 1, True, "none"), ("more_features_enet", 18, 30, 3, 0.5, True, "features"),
            ("one_voxel", 24, 3, 1, 1, True, "none"), ("one_feature", 24, 1, 3, 1, True, "none")]):
        rng = np.random.default_rng(100 + seed)
        X = rng.standard_normal((T, K)) * np.geomspace(1, 4, K) + 1
        Y = X @ (rng.standard_normal((K, V)) * (rng.random((K, V)) < 0.5)) + 2 * rng.standard_normal((T, V)) + 5
        X, Y = X.round(4), Y.round(4)
        o = dict(ratio=ratio, intercept=intercept, standardize=standardize)
        alphas = np.array([0.01, 0.1, 0.5, 2.0])
        splits = list(KFold(4).split(X))
        r2, mse = scores(X, Y, splits, alphas, o)
        alpha, by_mse = best(r2, alphas), best(mse, alphas)
        if standardize == "none":
            for v in range(V):
                cv = (LassoCV(alphas=alphas, cv=splits, fit_intercept=intercept, **PRECISE) if ratio == 1 else
                      ElasticNetCV(alphas=alphas, l1_ratio=ratio, cv=splits, fit_intercept=intercept, **PRECISE)).fit(X, Y[:, v])
                assert cv.alpha_ == by_mse[v], (name, v)
        W, b = np.zeros((K, V)), np.zeros(V)
        for v in range(V):
            m = Model(alpha[v], o).fit(X, Y[:, [v]])
            W[:, v], b[v] = m.w[:, 0], m.b[0]
        nested = np.zeros(V)
        for f, (tr, te) in enumerate(splits):
            inner = [(np.setdiff1d(tr, other), other) for g, (_, other) in enumerate(splits) if g != f]
            chosen = best(scores(X, Y, inner, alphas, o)[0], alphas)
            for v in range(V):
                p = Model(chosen[v], o).fit(X[tr], Y[tr][:, [v]]).predict(X[te])[:, 0]
                nested[v] += r2_score(Y[te, v], p) / 4
        cases.append(dict(name=name, x=X, y=Y, alphas=alphas, r2=r2, mse=mse, alpha=alpha, alpha_mse=by_mse, weights=W, b=b, nested=nested, **o))
    versions = dict(python=platform.python_version(), numpy=np.__version__, sklearn=sklearn.__version__)
    with open(os.path.join(HERE, "lasso.json"), "w") as f:
        json.dump(dict(versions=versions, cases=cases), f, default=lambda a: a.tolist(), separators=(",", ":"))
        f.write("\n")


warnings.simplefilter("ignore")
main()
