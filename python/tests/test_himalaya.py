"""What himalaya's own tests of ridge regression ask for, written anew, of this package.

himalaya/ridge/tests of version 0.4.11, one by one:

==================================================  ================================================
test_sklearn_api_ridge.py
test_ridge_vs_scikit_learn                          test_one_alpha
test_ridge_cv_vs_scikit_learn                       test_cv_is_sklearn
test_banded_ridge_cv_vs_ridge_cv                    test_one_group_is_ridge
test_group_ridge_split_score                        test_split_score
test_check_estimator                                test_ridge.py, test_estimators.py
test_solvers_ridge.py
test_solve_kernel_ridge                             test_solves, of few and of many targets
test_solve_kernel_ridge_intercept                   test_solves, with means of 10 and 100
test_warning_kernel_ridge_ridge                     none: the engine itself takes the smaller system
test_different_number_of_samples                    test_numbers_of_samples
test_random_search_ridge.py
test_solve_group_ridge_random_search_*_batch        test_search; in the place of sizes of batches
                                                    ``memory`` bounds them, of the same bits
test_different_number_of_samples                    test_numbers_of_samples
test_solve_group_ridge_random_search_Y_in_cpu       none: responses lie in the memory of the host
test_column.py
test_column_transformer_*, test_make_*              none: transformers are himalaya's
test_column_transformer_in_pipeline                 test_column_transformer
==================================================  ================================================

Its backends are devices here (``device``); what they share is tested on the CPU.
"""

import numpy as np
import pytest
import scipy.linalg
from himalaya.ridge import make_column_transformer_no_stack
from himalaya.scoring import correlation_score_split, r2_score_split
from sklearn.linear_model import Ridge
from sklearn.linear_model import RidgeCV as SklearnRidgeCV
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import voxen

FEW, MANY = (30, 10, 3), (10, 5, 20)


@pytest.fixture
def noise():
    """Give X and Y that know nothing of each other, of a shape and with means."""

    def make(shape=FEW, x=0.0, y=0.0, seed=0):
        rng = np.random.default_rng(seed)
        rows, features, targets = shape
        return x + rng.standard_normal((rows, features)), y + rng.standard_normal((rows, targets))

    return make


@pytest.mark.parametrize("one", [False, True])
@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize("alpha", np.logspace(0, 3, 7))
def test_one_alpha(problem, one, intercept, alpha):
    """Weights, intercepts, predictions and the mean score at an alpha are scikit-learn's."""
    X, Y = problem(*FEW)
    if intercept:
        X, Y = X + 10, Y + 10
    y = Y[:, 0] if one else Y
    got, want = voxen.RidgeCV([alpha], fit_intercept=intercept).fit(X, y), Ridge(alpha=alpha, fit_intercept=intercept).fit(X, y)
    assert got.coef_.shape == ((10,) if one else (10, 3))
    np.testing.assert_allclose(got.coef_, want.coef_.T, atol=1e-9)
    if intercept:
        np.testing.assert_allclose(got.intercept_, want.intercept_, atol=1e-8)
    np.testing.assert_allclose(got.predict(X), want.predict(X), atol=1e-8)
    assert got.score(X, y) == pytest.approx(want.score(X, y), abs=1e-10)


@pytest.mark.parametrize("intercept", [False, True])
def test_cv_is_sklearn(problem, intercept):
    """The alpha that five folds choose for a target, and its model, are scikit-learn's."""
    X, Y = problem(*FEW)
    y = Y[:, 0]
    if intercept:
        X, y = X + 1, y + 10
    alphas = np.logspace(-2, 3, 21)
    want = SklearnRidgeCV(alphas=alphas, fit_intercept=intercept, cv=5, scoring="r2").fit(X, y)
    got = voxen.RidgeCV(alphas, fit_intercept=intercept).fit(X, y)
    assert got.best_alphas_[0] == pytest.approx(want.alpha_)
    np.testing.assert_allclose(got.coef_, want.coef_, atol=1e-9)
    np.testing.assert_allclose(got.predict(X), want.predict(X), atol=1e-8)
    assert got.score(X, y) == pytest.approx(want.score(X, y), abs=1e-10)


@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize("nested", [False, True])
def test_one_group_is_ridge(problem, intercept, nested):
    """Without groups banded ridge is ridge, nested scores too."""
    X, Y = problem(*FEW)
    alphas = np.logspace(-2, 3, 21)
    want = voxen.RidgeCV(alphas, fit_intercept=intercept, nested=nested).fit(X, Y + 10 * intercept)
    got = voxen.GroupRidgeCV(alphas=alphas, fit_intercept=intercept, nested=nested).fit(X, Y + 10 * intercept)
    np.testing.assert_array_equal(got.best_alphas_, want.best_alphas_)
    np.testing.assert_allclose(got.coef_, want.coef_, atol=1e-10)
    np.testing.assert_allclose(got.predict(X), want.predict(X), atol=1e-9)
    np.testing.assert_allclose(got.score_voxels(X, Y), want.score_voxels(X, Y), atol=1e-9)
    if nested:
        np.testing.assert_allclose(got.nested_scores_, want.nested_scores_, atol=1e-9)
    else:
        assert not hasattr(got, "nested_scores_")


def test_split_score(problem):
    """The parts of groups are himalaya's, and add up to the score; with an intercept up to its own part."""
    X, Y = problem(*FEW)
    Y -= Y.mean(0)
    groups = np.arange(10) % 3
    model = voxen.GroupRidgeCV(groups, n_iter=10, alphas=np.logspace(-2, 3, 21), random_state=0).fit(X, Y)
    parts = model.predict(X, split=True)
    for metric, theirs in {"r2": r2_score_split, "r": correlation_score_split}.items():
        split = model.score_voxels(X, Y, metric, split=True)
        assert split.shape == model.deltas_.shape == (3, 3)
        np.testing.assert_allclose(split, theirs(Y, parts), atol=1e-9)
        np.testing.assert_allclose(split.sum(0), model.score_voxels(X, Y, metric), atol=1e-9)
    one = voxen.GroupRidgeCV(groups, n_iter=10, random_state=0).fit(X, Y[:, 0])
    np.testing.assert_allclose(one.score_voxels(X, Y[:, 0], split=True).sum(0), one.score_voxels(X, Y[:, 0]), atol=1e-9)
    X, Y = X + 1, Y + 7
    model = voxen.GroupRidgeCV(groups, n_iter=10, fit_intercept=True, random_state=0).fit(X, Y)
    y, p = Y - Y.mean(0), model.predict(X) - Y.mean(0)
    constant = ((model.intercept_ - Y.mean(0)) * (2 * y - p)).sum(0) / (y**2).sum(0)
    np.testing.assert_allclose(model.score_voxels(X, Y, split=True).sum(0) + constant, model.score_voxels(X, Y), atol=1e-9)
    with pytest.raises(ValueError, match="expected r2 or r"):
        model.score_voxels(X, Y, "mse", split=True)


@pytest.mark.parametrize("shape", [FEW, MANY])
@pytest.mark.parametrize("mean", [False, True])
@pytest.mark.parametrize("alpha", np.logspace(-2, 5, 7))
def test_solves(noise, shape, mean, alpha):
    """Weights solve the normal equations, whatever the penalty; those with means are scikit-learn's with an intercept."""
    X, Y = noise(shape, 10.0 * mean, 100.0 * mean)
    got = voxen.RidgeCV([alpha], cv=2, fit_intercept=mean).fit(X, Y)
    want = Ridge(alpha=alpha, fit_intercept=mean).fit(X, Y)
    np.testing.assert_allclose(got.coef_, want.coef_.T, atol=1e-8)
    np.testing.assert_allclose(got.predict(X), want.predict(X), atol=1e-7)
    if not mean:
        np.testing.assert_allclose(got.coef_, scipy.linalg.solve(X.T @ X + alpha * np.eye(X.shape[1]), X.T @ Y), atol=1e-8)


def test_search(noise):
    """Scores of given gammas are those of scikit-learn's ridge in every fold; weights solve at the deltas chosen."""
    rng = np.random.default_rng(1)
    X, _ = noise((80, 30, 1))
    Y = X @ rng.standard_normal((30, 4)) + rng.standard_normal((80, 4))
    groups, alphas, cv = np.repeat([0, 1], [10, 20]), np.logspace(-3, 5, 9), KFold(10)
    gammas = rng.random((3, 2))
    gammas /= gammas.sum(1, keepdims=True)
    model = voxen.GroupRidgeCV(groups, n_iter=gammas, alphas=alphas, cv=cv).fit(X, Y)
    for gamma, scores in zip(gammas, model.cv_scores_, strict=True):
        Z = X * np.sqrt(gamma[groups])
        of_fold = [
            [voxen.scoring.r2_score(Y[test], Ridge(alpha=a, fit_intercept=False).fit(Z[train], Y[train]).predict(Z[test])) for a in alphas]
            for train, test in cv.split(Z)
        ]
        np.testing.assert_allclose(scores, np.mean(of_fold, axis=0).max(0), atol=1e-7)
    for t in range(4):
        scale = np.sqrt(np.exp(model.deltas_[groups, t]))
        want = scale * Ridge(alpha=1.0, fit_intercept=False).fit(X * scale, Y[:, t]).coef_
        np.testing.assert_allclose(model.coef_[:, t], want, atol=1e-8)
    with pytest.raises(ValueError, match="at least") as refused:
        voxen.GroupRidgeCV(groups, n_iter=gammas, alphas=alphas, cv=cv, memory=1).fit(X, Y)
    small = voxen.GroupRidgeCV(groups, n_iter=gammas, alphas=alphas, cv=cv, memory=str(refused.value).split()[-1]).fit(X, Y)
    np.testing.assert_array_equal(small.coef_, model.coef_)


@pytest.mark.parametrize("make", [lambda: voxen.RidgeCV(cv=2), lambda: voxen.GroupRidgeCV(cv=2, n_iter=2), lambda: voxen.LassoCV(cv=2)])
def test_numbers_of_samples(noise, make):
    """X and Y of different numbers of rows are refused, in fit and in score; so are groups of features."""
    X, Y = noise()
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        make().fit(X[:4], Y[:3])
    with pytest.raises(ValueError, match="expected the same"):
        make().fit(X, Y).score(X, Y[:3])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        voxen.GroupRidgeCV("input", cv=2).fit([X[:4], X[:3]], Y[:4])


def test_column_transformer(problem):
    """A list of groups comes from himalaya's transformer in a pipeline; a group without columns is refused."""
    X, Y = problem(20, 5, 3)
    columns = make_column_transformer_no_stack((StandardScaler(), slice(0, 4)), (StandardScaler(), slice(4, 6)))
    gammas = np.full((1, 2), 0.5)
    pipe = make_pipeline(columns, voxen.GroupRidgeCV("input", n_iter=gammas)).fit(X, Y)
    Z = StandardScaler().fit_transform(X)
    np.testing.assert_allclose(pipe.predict(X), voxen.GroupRidgeCV([0, 0, 0, 0, 1], n_iter=gammas).fit(Z, Y).predict(Z), atol=1e-10)
    with pytest.raises(ValueError, match="array 1 of X has no columns"):
        voxen.GroupRidgeCV("input", n_iter=gammas).fit([X, X[:, :0]], Y)
