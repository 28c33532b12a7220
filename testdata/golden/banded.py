"""Golden results of banded ridge: one .npz per case and manifest.json.

usage: python banded.py            (writes banded/ beside this file)

Expected numbers are himalaya's random search in float64: solve_group_ridge_random_search
(GroupRidgeCV) with given weights of the bands, and without an intercept
solve_multiple_kernel_ridge_random_search (MultipleKernelRidgeCV) of the linear kernels,
which must agree with it to 1e-8. With one alpha the two differ in
what they choose: GroupRidgeCV, which is followed here, takes a draw per target.
"""
import json, os
import numpy as np, himalaya
from himalaya.ridge import solve_group_ridge_random_search
from himalaya.kernel_ridge import solve_multiple_kernel_ridge_random_search
from himalaya.scoring import r2_score, correlation_score, l2_neg_loss
from sklearn.model_selection import KFold

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "banded")
SCORES = dict(r2=r2_score, r=correlation_score, mse=l2_neg_loss)


def case(name, T, sizes, V, folds=5, score="r2", intercept=False, alpha_per="voxel", draws=6, seed=0):
    rng = np.random.default_rng(seed)
    Xs = [rng.standard_normal((T, k)) for k in sizes]
    X = np.hstack(Xs)
    W = rng.standard_normal((X.shape[1], V)) / np.sqrt(X.shape[1])
    W[: sizes[0], ::2] *= 3                          # bands of unlike weight
    Y = X @ W + 2 * rng.standard_normal((T, V)) + (5 if intercept else 0)
    if intercept:
        X += 1
    Xs = np.split(X, np.cumsum(sizes)[:-1], axis=1)
    gammas = rng.dirichlet([0.5] * len(sizes), draws)
    gammas[0] = 1 / len(sizes)
    alphas = np.logspace(-1, 4, 8)
    args = dict(alphas=alphas, cv=KFold(folds), fit_intercept=intercept, score_func=SCORES[score],
                local_alpha=alpha_per == "voxel", progress_bar=False)
    out = solve_group_ridge_random_search(Xs, Y, n_iter=gammas, return_weights=True, warn=False, **args)
    deltas, weights, scores = out[:3]
    b = out[3] if intercept else np.zeros(V)
    if not intercept:
        Ks = np.stack([x @ x.T for x in Xs])
        d2, _, s2 = solve_multiple_kernel_ridge_random_search(Ks, Y, n_iter=gammas, return_weights="dual", **args)[:3]
        assert np.abs(s2 - scores).max() < 1e-8 and (alpha_per == "all" or np.abs(d2 - deltas).max() < 1e-8), name
    np.savez(os.path.join(HERE, name + ".npz"), X=X, Y=Y, gammas=gammas, deltas=deltas, weights=weights, cv_scores=scores, intercept=b[None])
    return dict(name=name, sizes=list(sizes), folds=folds, score=score, intercept=intercept, alpha_per=alpha_per, alphas=alphas.tolist())


os.makedirs(HERE, exist_ok=True)
cases = [
    case("two_bands", 60, (5, 9), 7, seed=1),
    case("three_bands_r", 43, (4, 1, 7), 6, score="r", seed=2),
    case("mse", 40, (3, 6), 5, score="mse", folds=3, seed=3),
    case("intercept", 50, (6, 8), 6, intercept=True, seed=4),
    case("one_alpha", 45, (5, 5), 9, alpha_per="all", seed=5),
    case("K_above_T", 31, (20, 25), 5, seed=6),
    case("one_voxel_one_column", 30, (1, 1), 1, seed=7),
]
json.dump(dict(himalaya=himalaya.__version__, numpy=np.__version__, cases=cases), open(os.path.join(HERE, "manifest.json"), "w"), indent=1)
