"""Banded ridge, lasso, dictionaries, delays and repeats, against himalaya and scikit-learn."""

import numpy as np
import pytest
from himalaya.ridge import GroupRidgeCV as HimalayaGroupRidgeCV
from himalaya.scoring import correlation_score, l2_neg_loss, r2_score
from sklearn.base import clone
from sklearn.decomposition import MiniBatchDictionaryLearning, SparseCoder
from sklearn.linear_model import ElasticNet
from sklearn.linear_model import LassoCV as SklearnLassoCV
from sklearn.model_selection import KFold, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import check_estimator

import voxen

SCORES = {"r2": r2_score, "r": correlation_score, "mse": l2_neg_loss}
ALPHAS = np.logspace(-1, 3, 7)


@pytest.mark.parametrize("make", [voxen.GroupRidgeCV, voxen.LassoCV, voxen.DictionaryLearning, voxen.Delayer])
def test_check_estimator(monkeypatch, make):
    """Every check of scikit-learn is run, and passes."""
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    results = check_estimator(make(), on_skip=None)
    assert len(results) > 40
    assert {r["status"] for r in results} == {"passed"}


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize("shape", [(100, 9, 6), (40, 60, 4)])
def test_banded_is_himalaya(problem, score, intercept, shape):
    """Deltas, weights, scores and predictions are himalaya's, from its own draws."""
    X, Y = problem(*shape)
    groups = np.arange(X.shape[1]) % 3
    params = {"n_iter": 12, "alphas": ALPHAS, "score_func": SCORES[score], "progress_bar": False, "warn": False}
    want = HimalayaGroupRidgeCV(groups=groups, fit_intercept=intercept, random_state=3, solver_params=params).fit(X, Y)
    got = voxen.GroupRidgeCV(groups, n_iter=12, alphas=ALPHAS, scoring=score, fit_intercept=intercept, random_state=3).fit(X, Y)
    assert got.cv_scores_.shape == (12, Y.shape[1])
    np.testing.assert_allclose(got.cv_scores_, want.cv_scores_, atol=1e-8)
    np.testing.assert_allclose(got.deltas_, want.deltas_, atol=1e-8)
    np.testing.assert_allclose(got.best_alphas_, want.best_alphas_, rtol=1e-8)
    by_group = np.argsort(groups, kind="stable")  # himalaya's order of weights, whatever that of the features
    np.testing.assert_allclose(got.coef_[by_group], want.coef_, atol=1e-8)
    np.testing.assert_allclose(got.predict(X), want.predict(X), atol=1e-7)
    if not intercept:
        np.testing.assert_allclose(got.predict(X, split=True), want.predict(X, split=True), atol=1e-7)


def test_banded_inputs(problem):
    """A list of arrays is groups; labels may be words; one target has one dimension less; gammas may be given."""
    X, Y = problem()
    gammas = np.array([[0.5, 0.5], [0.9, 0.1]])
    listed = voxen.GroupRidgeCV("input", n_iter=gammas, alphas=ALPHAS).fit([X[:, :3], X[:, 3:]], Y)
    labels = voxen.GroupRidgeCV(["a"] * 3 + ["b"] * 5, n_iter=gammas, alphas=ALPHAS).fit(X, Y)
    np.testing.assert_array_equal(listed.coef_, labels.coef_)
    np.testing.assert_array_equal(listed.predict([X[:, :3], X[:, 3:]]), labels.predict(X))
    assert labels.groups_.tolist() == ["a", "b"]
    one = clone(labels).fit(X, Y[:, 0])
    assert one.deltas_.shape == (2,) and one.coef_.shape == (8,) and one.predict(X).shape == (len(X),)
    np.testing.assert_allclose(one.coef_, labels.coef_[:, 0], atol=1e-12)
    alone = voxen.GroupRidgeCV(alphas=ALPHAS, n_iter=4).fit(X, Y)
    np.testing.assert_allclose(alone.coef_, voxen.RidgeCV(ALPHAS).fit(X, Y).coef_, atol=1e-12)
    assert alone.cv_scores_.shape == (4, Y.shape[1])
    constant = clone(labels).fit(X, np.hstack([np.full((len(X), 1), 2.0), Y]))
    D = np.sqrt(0.5)
    want = D * np.linalg.solve(D * X.T @ X * D + ALPHAS.max() * np.eye(8), D * X.T @ np.full(len(X), 2.0))
    np.testing.assert_allclose(constant.coef_[:, 0], want, atol=1e-10)
    np.testing.assert_array_equal(constant.coef_[:, 1:], labels.coef_)


@pytest.mark.parametrize("ratio", [1.0, 0.5])
@pytest.mark.parametrize("intercept", [False, True])
def test_lasso_is_sklearn(problem, ratio, intercept):
    """Weights are scikit-learn's elastic net at the alphas chosen, which are those of its scores."""
    X, Y = problem()
    Y += 3
    model = voxen.LassoCV(l1_ratio=ratio, fit_intercept=intercept, scoring="mse", n_alphas=8).fit(X, Y)
    assert len(model.alphas_) == 8 and model.alphas_[0] == pytest.approx(1000 * model.alphas_[-1])
    largest = ElasticNet(alpha=model.alphas_[0] * 1.0001, l1_ratio=ratio, fit_intercept=intercept)
    assert not largest.fit(X, Y).coef_.any()
    for v, alpha in enumerate(model.best_alphas_):
        want = ElasticNet(alpha=alpha, l1_ratio=ratio, fit_intercept=intercept, tol=1e-12, max_iter=100000).fit(X, Y[:, v])
        np.testing.assert_allclose(model.coef_[:, v], want.coef_, atol=1e-6)
    theirs = SklearnLassoCV(alphas=model.alphas_, fit_intercept=intercept, cv=KFold(5), tol=1e-8)
    if ratio == 1:
        for v in range(Y.shape[1]):
            assert theirs.fit(X, Y[:, v]).alpha_ == pytest.approx(model.best_alphas_[v])
            assert -theirs.mse_path_.mean(1).min() == pytest.approx(model.cv_scores_[v], rel=1e-5)
    given = voxen.LassoCV(l1_ratio=ratio, fit_intercept=intercept, scoring="mse", alphas=model.alphas_).fit(X, Y)
    np.testing.assert_array_equal(given.coef_, model.coef_)


def test_lasso_constant_target(problem):
    """A constant target has its value as intercept, or without one no weight."""
    X, Y = problem()
    Y[:, 2] = 5
    model = voxen.LassoCV().fit(X, Y)
    assert not model.coef_[:, 2].any() and model.intercept_[2] == 5
    assert np.isfinite(model.score(X, Y)) and np.isfinite(voxen.LassoCV(fit_intercept=False).fit(X, Y).predict(X)).all()


def _objective(X, atoms):
    """Give the mean objective of samples over atoms, at scikit-learn's codes."""
    codes = SparseCoder(atoms, transform_algorithm="lasso_cd", transform_alpha=0.05, transform_max_iter=10000).transform(X)
    return (0.5 * ((X - codes @ atoms) ** 2).sum(1) + 0.05 * np.abs(codes).sum(1)).mean()


def test_dictionary():
    """Codes are scikit-learn's lasso codes over the atoms, whose objective is reported and falls."""
    rng = np.random.default_rng(0)
    V = rng.standard_normal((6, 30))
    V /= np.linalg.norm(V, axis=1, keepdims=True)
    X = np.where(rng.random((400, 6)) < 0.3, rng.standard_normal((400, 6)), 0) @ V + 0.01 * rng.standard_normal((400, 30))
    model = voxen.DictionaryLearning(6, alpha=0.05, batch_size=50, epochs=10)
    codes = model.fit_transform(X)
    assert codes.shape == (400, 6) and model.components_.shape == (6, 30)
    assert (np.linalg.norm(model.components_, axis=1) < 1 + 1e-9).all() and (codes.sum(0) >= 0).all()
    objective = (0.5 * ((X - codes @ model.components_) ** 2).sum(1) + 0.05 * np.abs(codes).sum(1)).mean()
    assert model.objective_ == pytest.approx(objective, rel=1e-6)
    assert model.objectives_[-8:].mean() < 0.5 * model.objectives_[0] and model.n_steps_ == 80
    theirs = MiniBatchDictionaryLearning(6, alpha=0.05, batch_size=50, max_iter=10, random_state=0, fit_algorithm="cd").fit(X)
    assert model.objective_ < _objective(X, theirs.components_)  # in as many passes
    coder = SparseCoder(model.components_, transform_algorithm="lasso_cd", transform_alpha=0.05, transform_max_iter=10000)
    np.testing.assert_allclose(model.transform(X[:50]), coder.transform(X[:50]), atol=1e-3)
    np.testing.assert_allclose(model.transform(X), codes, atol=1e-6)
    np.testing.assert_allclose(model.inverse_transform(codes), codes @ model.components_)
    assert (voxen.DictionaryLearning(6, alpha=0.05, positive_code=True).fit_transform(X) >= 0).all()
    again = clone(model).fit(X)
    np.testing.assert_array_equal(again.components_, model.components_)
    assert not np.array_equal(clone(model).set_params(random_state=1).fit(X).components_, model.components_)


def test_random_states(problem):
    """Generators and None are what they are in scikit-learn."""
    X, Y = problem()
    for make in (lambda state: voxen.DictionaryLearning(3, random_state=state).fit(X).components_, lambda state: voxen.GroupRidgeCV([0] * 4 + [1] * 4, n_iter=5, random_state=state).fit(X, Y).cv_scores_):
        np.testing.assert_array_equal(make(np.random.RandomState(3)), make(np.random.RandomState(3)))
        np.random.seed(3)
        np.testing.assert_array_equal(make(None), make(np.random.RandomState(3)))
        assert not np.array_equal(make(None), make(np.random.RandomState(3)))


def test_dictionary_is_the_command():
    """The command on the signals as columns learns the same."""
    X = np.random.default_rng(0).standard_normal((80, 20)).astype(np.float32)
    model = voxen.DictionaryLearning(5, alpha=0.15, standardize=True)
    codes = model.fit_transform(X)
    results = voxen.learn(np.ascontiguousarray(X.T), atoms=5)
    np.testing.assert_array_equal(results["atoms"], model.components_.T)
    np.testing.assert_array_equal(results["codes"].toarray().T.astype(np.float32), codes)


@pytest.mark.parametrize(
    ("estimator", "says"),
    [
        (voxen.GroupRidgeCV([0, 1]), "expected one for each of 8 features"),
        (voxen.GroupRidgeCV("inputs"), "'inputs', expected 'input'"),
        (voxen.GroupRidgeCV("input"), "expected a list of arrays"),
        (voxen.GroupRidgeCV(n_iter=0), "n_iter 0"),
        (voxen.GroupRidgeCV(n_iter=np.ones((2, 3))), "expected gammas of 1 groups"),
        (voxen.GroupRidgeCV([0, 0, 0, 0, 1, 1, 1, 1], n_iter=np.ones((2, 2))), "sum to 2, expected 1"),
        (voxen.GroupRidgeCV(concentration=0), "expected positive numbers"),
        (voxen.LassoCV(l1_ratio=0), "above 0 and at most 1"),
        (voxen.GroupRidgeCV(n_iter=2.5), "n_iter 2.5, expected a whole number"),
        (voxen.GroupRidgeCV([None, None, 1, 1, 1, 1, 1, 1]), "labels of one kind"),
        (voxen.GroupRidgeCV(concentration="a"), "expected positive numbers"),
        (voxen.LassoCV(l1_ratio="a"), "l1_ratio 'a', expected a number"),
        (voxen.LassoCV(n_alphas=0), "n_alphas 0, expected a whole number from 1"),
        (voxen.LassoCV(alphas=[0.0]), "positive"),
        (voxen.DictionaryLearning(0), "n_components 0, expected a whole number from 1"),
        (voxen.DictionaryLearning(alpha=float("nan")), "alpha nan, expected a number"),
        (voxen.DictionaryLearning(random_state=-1), "random_state -1, expected a whole number from 0"),
        (voxen.GroupRidgeCV([0] * 4 + [1] * 4, random_state="a"), "random_state 'a', expected a whole number from 0"),
        (voxen.DictionaryLearning(alpha=-1), "lambda -1"),
        (voxen.DictionaryLearning(epochs=0), "epochs 0, expected a whole number from 1"),
        (voxen.DictionaryLearning(memory="1MiB"), "too small: this job needs at least"),
        (voxen.Delayer([1, 1]), "distinct"),
        (voxen.Delayer([0.5]), "whole numbers"),
        (voxen.Delayer([1], runs=[0, 1, 0]), "runs of shape"),
    ],
)
def test_wrong_parameters(problem, estimator, says):
    """A wrong parameter is a ValueError of one line."""
    X, Y = problem()
    with pytest.raises(ValueError, match=says) as error:
        estimator.fit(X, Y)
        estimator.transform(X)
    assert "\n" not in str(error.value)


def test_delayer(problem):
    """Delays stop at the borders of runs, are those of the command, and go into pipelines."""
    X, Y = problem()
    runs = np.repeat([7, 3, 5], [50, 30, 40])
    got = voxen.Delayer([0, 2, -1], runs).fit_transform(X)
    want = np.zeros((120, 24))
    for lo, hi in [(0, 50), (50, 80), (80, 120)]:
        want[lo:hi, :8] = X[lo:hi]
        want[lo + 2 : hi, 8:16] = X[lo : hi - 2]
        want[lo : hi - 1, 16:] = X[lo + 1 : hi]
    np.testing.assert_array_equal(got, want)
    onsets = voxen.Delayer([0, 2, -1]).fit(X)
    np.testing.assert_array_equal(onsets.transform(X, runs=[0, 50, 80]), want)
    with pytest.raises(ValueError, match="again after another"):
        onsets.transform(X, runs=np.arange(120) % 2)
    command = voxen.encode(X, Y, delays=[1, 2], runs=runs, alphas=[1, 10], cv="kfold:4", precision="float64")
    model = voxen.RidgeCV([1, 10], cv=4).fit(voxen.Delayer([1, 2], runs).fit_transform(X), Y)
    np.testing.assert_allclose(command["weights"], model.coef_, atol=1e-10)
    scores = cross_validate(make_pipeline(voxen.Delayer([1, 2]), voxen.RidgeCV()), X, Y, cv=KFold(3))["test_score"]
    assert np.isfinite(scores).all()
    assert not voxen.Delayer([200]).fit_transform(X).any()


def test_explainable_variance():
    """Of signal and noise of equal variance half is explainable, whatever the units; constants have none."""
    rng = np.random.default_rng(0)
    signal, noise = rng.standard_normal((1, 4000, 3)), rng.standard_normal((5, 4000, 3))
    data = 100 + 7 * (signal + noise)
    data[:, :, 2] = 4
    ev = voxen.explainable_variance(data)
    np.testing.assert_allclose(ev[:2], 0.5, atol=0.05)
    assert np.isnan(ev[2])
    raw = voxen.explainable_variance(data, bias_correction=False)
    np.testing.assert_allclose(raw[:2], (0.5 + 0.5 / 5), atol=0.05)
    np.testing.assert_allclose(raw[:2] - (1 - raw[:2]) / 4, ev[:2])
    z = (data[:, :, :2] - data[:, :, :2].mean(1, keepdims=True)) / data[:, :, :2].std(1, keepdims=True)
    np.testing.assert_allclose(voxen.explainable_variance(z, do_zscore=False), ev[:2])
    with pytest.raises(ValueError, match="at least two"):
        voxen.explainable_variance(data[:1])
