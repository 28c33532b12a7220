"""RidgeCV against scikit-learn and himalaya, and in their tools."""

import io
import pickle

import joblib
import numpy as np
import pytest
from himalaya.ridge import RidgeCV as HimalayaRidgeCV
from himalaya.scoring import correlation_score, l2_neg_loss, r2_score
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, ShuffleSplit, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

import voxen

SCORES = {"r2": r2_score, "r": correlation_score, "mse": l2_neg_loss}


def test_check_estimator(monkeypatch):
    """Every check of scikit-learn is run, and passes."""
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")  # else one of them is skipped
    results = check_estimator(voxen.RidgeCV(), on_skip=None)
    assert len(results) > 40
    assert {r["status"] for r in results} == {"passed"}


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize("shape", [(120, 8, 6), (40, 60, 5), (30, 2, 1)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_himalaya(problem, score, intercept, shape, dtype):
    """Alphas, weights, scores and predictions are himalaya's, of few and of many features."""
    X, Y = problem(*shape, dtype=dtype)
    Y += 3
    alphas = np.logspace(-1, 3, 9)
    want = HimalayaRidgeCV(alphas=alphas, fit_intercept=intercept, cv=5, solver_params={"score_func": SCORES[score]}).fit(X, Y)
    got = voxen.RidgeCV(alphas, fit_intercept=intercept, scoring=score).fit(X, Y)
    tol = 1e-4 if dtype == np.float32 else 1e-8  # himalaya's own float32 is the coarser one
    assert got.coef_.dtype == dtype and got.predict(X).dtype == dtype
    np.testing.assert_allclose(got.best_alphas_, want.best_alphas_, rtol=1e-6)
    np.testing.assert_allclose(got.cv_scores_, want.cv_scores_, rtol=tol, atol=tol)
    np.testing.assert_allclose(got.coef_, want.coef_, rtol=tol, atol=tol)
    np.testing.assert_allclose(got.predict(X), want.predict(X), rtol=tol, atol=10 * tol)
    np.testing.assert_allclose(got.score_voxels(X, Y), want.score(X, Y), rtol=tol, atol=10 * tol)
    if intercept:
        np.testing.assert_allclose(got.intercept_, want.intercept_, rtol=tol, atol=tol)
    else:
        assert not hasattr(got, "intercept_")


def test_sklearn_ridge(problem):
    """With one alpha for all it is scikit-learn's Ridge, of one target and of several."""
    X, Y = problem()
    for y in (Y, Y[:, 0]):
        want = Ridge(alpha=3.0).fit(X, y)
        got = voxen.RidgeCV([3.0], fit_intercept=True).fit(X, y)
        np.testing.assert_allclose(got.coef_, want.coef_.T, atol=1e-9)
        np.testing.assert_allclose(got.intercept_, want.intercept_, atol=1e-9)
        np.testing.assert_allclose(got.predict(X), want.predict(X), atol=1e-9)
        assert got.score(X, y) == pytest.approx(want.score(X, y), abs=1e-12)
        weights = np.arange(len(X)) % 3
        assert got.score(X, y, weights) == pytest.approx(want.score(X, y, weights), abs=1e-12)


def test_one_alpha(problem):
    """One alpha for all targets is that of the highest mean score."""
    X, Y = problem()
    model = voxen.RidgeCV(np.logspace(-1, 3, 9), alpha_per_target=False).fit(X, Y)
    scores = [HimalayaRidgeCV(alphas=[a], solver_params={"score_func": r2_score}).fit(X, Y).cv_scores_.mean() for a in np.logspace(-1, 3, 9)]
    assert set(model.best_alphas_) == {np.logspace(-1, 3, 9)[np.argmax(scores)]}


def test_splitters(problem):
    """Folds of rows that are not neighbours are those of the splitter."""
    X, Y = problem()
    groups = np.arange(len(X)) % 7
    for cv, named in [(KFold(4, shuffle=True, random_state=1), None), (GroupKFold(3), groups)]:
        splits = list(cv.split(X, Y, named))
        want = HimalayaRidgeCV(alphas=np.logspace(-1, 3, 9), cv=splits, solver_params={"score_func": r2_score}).fit(X, Y)
        for given in (cv, splits):
            got = voxen.RidgeCV(np.logspace(-1, 3, 9), cv=given).fit(X, Y, groups=named)
            np.testing.assert_allclose(got.cv_scores_, want.cv_scores_, atol=1e-9)
            np.testing.assert_allclose(got.coef_, want.coef_, atol=1e-9)


def test_nested(problem):
    """The nested score of a fold is that of a model that the other folds alone made."""
    X, Y = problem()
    alphas = np.logspace(-1, 3, 9)
    model = voxen.RidgeCV(alphas, nested=True, cv=4).fit(X, Y)
    borders = np.linspace(0, len(X), 5).astype(int)
    scores = []
    for f in range(4):
        test = np.arange(borders[f], borders[f + 1])
        train = np.setdiff1d(np.arange(len(X)), test)
        fold = np.searchsorted(borders, train, side="right")
        inner = [(np.flatnonzero(fold != g), np.flatnonzero(fold == g)) for g in np.unique(fold)]
        scores.append(voxen.RidgeCV(alphas, cv=inner).fit(X[train], Y[train]).score_voxels(X[test], Y[test]))
    np.testing.assert_allclose(model.nested_scores_, np.mean(scores, axis=0), atol=1e-9)


@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize("shape", [(60, 4), (20, 30)])
def test_constant_targets(problem, intercept, shape):
    """A target that is constant has the model of the largest alpha; its neighbours do not notice."""
    X, Y = problem(*shape, 3)
    alphas = [1.0, 10.0]
    alone = voxen.RidgeCV(alphas, fit_intercept=intercept).fit(X, Y)
    both = voxen.RidgeCV(alphas, fit_intercept=intercept).fit(X, np.hstack([np.full((len(X), 1), 4.0), np.zeros((len(X), 1)), Y]))
    want = Ridge(alpha=10.0, fit_intercept=intercept).fit(X, np.full(len(X), 4.0))
    np.testing.assert_allclose(both.coef_[:, 0], want.coef_, atol=1e-10)
    np.testing.assert_allclose(both.predict(X)[:, 0], want.predict(X), atol=1e-10)
    assert (both.coef_[:, 1] == 0).all() and np.isfinite(both.score(X, np.hstack([np.full((len(X), 1), 4.0), np.zeros((len(X), 1)), Y])))
    np.testing.assert_array_equal(both.coef_[:, 2:], alone.coef_)


@pytest.mark.parametrize("dtype", [np.int16, np.int64, np.uint8, np.float16, ">f4", ">f8"])
@pytest.mark.parametrize("order", ["C", "F", "strided"])
def test_layouts(problem, dtype, order):
    """Responses of every type and layout give what float64 gives."""
    X, Y = problem()
    Y = np.clip(10 * Y + 100, 0, 200).astype(dtype)
    given = {"C": Y, "F": np.asfortranarray(Y), "strided": np.repeat(Y, 2, axis=1)[:, ::2]}[order]
    want = voxen.RidgeCV().fit(X, np.ascontiguousarray(Y, dtype=np.float64))
    np.testing.assert_array_equal(voxen.RidgeCV().fit(X, given).coef_, want.coef_)


def test_large_results(problem):
    """Results that are mapped are arrays as others: written to, pickled, kept after the engine."""
    X, Y = problem(60, 40, 8000, dtype=np.float32)
    model = voxen.RidgeCV([1.0, 100.0]).fit(X, Y)
    again = voxen.RidgeCV([1.0, 100.0]).fit(X, Y + 1)
    want = model.coef_.copy()
    voxen.shutdown()
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).coef_, want)
    model.coef_ *= 2
    np.testing.assert_array_equal(model.coef_, 2 * want)
    assert not np.array_equal(again.coef_, want)


def test_tools_of_sklearn(problem):
    """Pipelines, searches, cross-validation, clones and pickles."""
    X, Y = problem()
    model = make_pipeline(StandardScaler(), voxen.RidgeCV([1.0, 10.0], cv=3))
    search = GridSearchCV(model, {"ridgecv__alphas": [[0.1], [1e6]], "ridgecv__fit_intercept": [True]}, cv=3).fit(X, Y + 5)
    assert search.best_params_["ridgecv__alphas"] == [0.1]
    scores = cross_validate(model, X, Y, cv=4, n_jobs=2)["test_score"]
    np.testing.assert_array_equal(scores, cross_validate(model, X, Y, cv=4)["test_score"])
    fitted = model.fit(X, Y)
    for copied in (pickle.loads(pickle.dumps(fitted)), clone(fitted).fit(X, Y)):
        np.testing.assert_array_equal(copied.predict(X), fitted.predict(X))
    saved = io.BytesIO()
    joblib.dump(fitted, saved)
    saved.seek(0)
    np.testing.assert_array_equal(joblib.load(saved).predict(X), fitted.predict(X))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"alphas": [-1.0]}, "positive"),
        ({"alphas": [1.0, 1.0]}, "distinct"),
        ({"alphas": []}, "at least one"),
        ({"alphas": [[1.0]]}, "one dimension"),
        ({"scoring": "r3"}, "'r3', expected one of"),
        ({"precision": "float16"}, "float16.*float32 or float64"),
        ({"device": "tpu"}, "tpu"),
        ({"device": 3}, 'device "3"'),
        ({"cv": 120}, "fold 0 of rows 0 to 1, expected at least 2"),
        ({"memory": "12 apples"}, "12 apples"),
        ({"memory": 1000}, "too small: this job needs at least"),
        ({"threads": -1}, "--threads -1"),
        ({"cv": 1}, "n_splits=1"),
        ({"cv": 500}, "n_splits=500"),
        ({"cv": "runs"}, "'runs', expected an int"),
        ({"cv": ShuffleSplit(3)}, "test every row once|all rows but"),
        ({"cv": 2, "nested": True}, "at least 3"),
    ],
)
def test_wrong_parameters(problem, change, says):
    """A wrong parameter is a ValueError of one line, and the next fit is well."""
    X, Y = problem()
    with pytest.raises(ValueError, match=says) as error:
        voxen.RidgeCV(**change).fit(X, Y)
    assert "\n" not in str(error.value)
    assert voxen.RidgeCV().fit(X, Y).score(X, Y) > 0.1


def test_wrong_arrays(problem):
    """Arrays that are none are ValueErrors."""
    X, Y = problem()
    hole = Y.copy()
    hole[3, 2] = np.nan
    far = Y.copy()
    far[3, 2] = np.inf
    for x, y, says in [
        (X, Y[:-1], "inconsistent numbers of samples"),
        (X, hole, "Input y contains NaN"),
        (X, far, "Input y contains infinity"),
        (hole, Y, "Input X contains NaN"),
        (X, None, "the target y is None"),
        (X, Y[:, :0], r"0 (feature|target)\(s\)"),
        (X, Y[:, :, None], "dim"),
        (X[:1], Y[:1], "1 sample"),
        (X[:3], Y[:3], "n_splits=5.*n_samples=3"),
        (X, np.ma.masked_greater(Y, 1), r"y is a masked array with \d+ masked values"),
        (np.ma.masked_greater(X, 1), Y, "X is a masked array"),
        (X, (Y * 1e9).astype("datetime64[s]"), "datetime"),
        (X, Y * 1j, "[Cc]omplex"),
    ]:
        with pytest.raises(ValueError, match=says):
            voxen.RidgeCV().fit(x, y)
    with pytest.raises(ValueError, match="7 features"):
        voxen.RidgeCV().fit(X, Y).predict(X[:, :7])


def test_narrow_overflow(problem):
    """A target whose scores float32 does not hold is NaN there, with a warning, and fitted in float64."""
    X, Y = problem()
    Y[:, 1] *= 1e60
    with pytest.warns(UserWarning, match="1 targets have no finite score in float32"):
        model = voxen.RidgeCV(precision="float32").fit(X, Y)
    assert np.flatnonzero(np.isnan(model.best_alphas_)).tolist() == [1]
    assert np.isfinite(voxen.RidgeCV().fit(X, Y).coef_).all()
