"""What estimators share: scikit-learn's conventions, with scikit-learn and without it."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from ._share import Array

if TYPE_CHECKING:
    HAVE_SKLEARN = True

    class BaseEstimator:
        """scikit-learn's, or our own."""

        def get_params(self, deep: bool = True) -> dict[str, Any]: ...
        def set_params(self, **params: Any) -> BaseEstimator: ...

    class RegressorMixin: ...

    class MultiOutputMixin: ...

    class TransformerMixin: ...

else:
    try:
        from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin, TransformerMixin

        HAVE_SKLEARN = True
    except ImportError:
        HAVE_SKLEARN = False

        class BaseEstimator:
            """Parameters as attributes, as in scikit-learn, which is not installed."""

            @classmethod
            def _names(cls):
                return [n for n in inspect.signature(cls.__init__).parameters if n != "self"]

            def get_params(self, deep=True):
                """Give the parameters by name; those of parameters that are estimators too, with deep."""
                params = {name: getattr(self, name) for name in self._names()}
                if deep:
                    for name, value in list(params.items()):
                        if hasattr(value, "get_params") and not isinstance(value, type):
                            params.update({f"{name}__{k}": v for k, v in value.get_params().items()})
                return params

            def set_params(self, **params):
                """Set parameters by name; NAME__OTHER is that of a parameter."""
                for name, value in params.items():
                    own, _, below = name.partition("__")
                    if own not in self._names():
                        raise ValueError(f"Invalid parameter {own!r} for estimator {self!r}. Valid parameters are: {self._names()!r}.")
                    if below:
                        getattr(self, own).set_params(**{below: value})
                    else:
                        setattr(self, own, value)
                return self

            def __repr__(self):
                defaults = inspect.signature(type(self).__init__).parameters
                given = [f"{n}={v!r}" for n, v in self.get_params(deep=False).items() if repr(v) != repr(defaults[n].default)]
                return f"{type(self).__name__}({', '.join(given)})"

        class RegressorMixin:
            """Marks a regressor."""

            _estimator_type = "regressor"

        class MultiOutputMixin:
            """Marks what takes several targets."""

        class TransformerMixin:
            """Fits and transforms at once."""

            def fit_transform(self, X, y=None, **params):
                """Fit, and transform what it was fitted to."""
                return self.fit(X, y, **params).transform(X)


class NotFittedError(ValueError, AttributeError):
    """An estimator is used before it is fitted, where scikit-learn is not installed."""


def check_fitted(estimator: Any, attribute: str) -> None:
    """Refuse an estimator that is not fitted."""
    if hasattr(estimator, attribute):
        return
    error: type[Exception] = NotFittedError
    if HAVE_SKLEARN:
        from sklearn.exceptions import NotFittedError as TheirError

        error = TheirError
    name = type(estimator).__name__
    raise error(f"This {name} instance is not fitted yet. Call 'fit' with appropriate arguments before using this estimator.")


def features(estimator: Any, X: Any, fitting: bool, least_rows: int = 1) -> Array:
    """Check features.

    Parameters
    ----------
    estimator : estimator
        Which keeps how many there are, and their names, when it is fitted.
    X : array-like of shape (n_samples, n_features)
    fitting : bool
        Whether it is being fitted; else X has as many features as then.
    least_rows : int

    Returns
    -------
    X : array of float32 or float64

    Raises
    ------
    ValueError, TypeError
        X is no such array, or has values that are not finite.
    """
    dtypes = [np.float64, np.float32]
    _refuse_masked(X, "X")
    if HAVE_SKLEARN:
        from sklearn.utils.validation import validate_data

        checked: Array = validate_data(estimator, X, reset=fitting, dtype=dtypes, ensure_min_samples=least_rows)
        return checked
    X = np.asarray(X)
    _refuse_unreal(X)
    X = X if X.dtype in dtypes else X.astype(np.float64)
    if X.ndim != 2:
        raise ValueError(f"Expected 2D array, got {X.ndim}D array instead")
    if X.shape[0] < least_rows:
        raise ValueError(f"Found array with {X.shape[0]} sample(s) (shape={X.shape}) while a minimum of {least_rows} is required.")
    if X.shape[1] == 0:
        raise ValueError(f"Found array with 0 feature(s) (shape={X.shape}) while a minimum of 1 is required.")
    if not np.isfinite(X).all():
        raise ValueError("Input X contains NaN or infinity.")
    if fitting:
        estimator.n_features_in_ = X.shape[1]
    elif X.shape[1] != estimator.n_features_in_:
        raise ValueError(
            f"X has {X.shape[1]} features, but {type(estimator).__name__} is expecting {estimator.n_features_in_} features as input."
        )
    own: Array = X
    return own


def _refuse_masked(array: Any, name: str) -> None:
    """Refuse a masked array with masked values: what lies under the mask is no data."""
    if isinstance(array, np.ma.MaskedArray) and np.ma.is_masked(array):
        raise ValueError(f"{name} is a masked array with {int(np.ma.getmaskarray(array).sum())} masked values, expected none: fill or drop them")


def _refuse_unreal(array: Array) -> None:
    """Refuse what has no real numbers."""
    if array.dtype.kind == "c":
        raise ValueError("Complex data not supported")
    if array.dtype.kind in "mM":
        raise ValueError(f"data of {array.dtype}, expected real numbers")


def whole(name: str, value: Any, least: int) -> int:
    """Give a parameter that is a whole number, at least so large."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise ValueError(f"{name} {value!r}, expected a whole number from {least}")
    return int(value)


def number(name: str, value: Any) -> float:
    """Give a parameter that is a finite number."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)) or not np.isfinite(value):
        raise ValueError(f"{name} {value!r}, expected a number")
    return float(value)


def generator(random_state: Any) -> np.random.RandomState:
    """Give the random numbers of a seed, of a generator, or with None numpy's own, as scikit-learn does."""
    if isinstance(random_state, np.random.RandomState):
        return random_state
    if random_state is None:
        own: np.random.RandomState = np.random.mtrand._rand
        return own
    return np.random.RandomState(whole("random_state", random_state, 0))


#: Types of responses that float32 holds exactly.
_NARROW = (np.float16, np.int8, np.uint8, np.int16, np.uint16, np.bool_)


def targets(estimator: Any, y: Any, rows: int) -> tuple[Array, np.dtype[Any], bool]:
    """Check responses, but for what only a look at all of them tells: the engine does that.

    Parameters
    ----------
    estimator : estimator
    y : array-like of shape (n_samples,) or (n_samples, n_targets)
    rows : int
        n_samples of the features.

    Returns
    -------
    y : array of shape (n_samples, n_targets)
        Of any type of real numbers.
    dtype : dtype
        The type that holds it: float32 or float64.
    one : bool
        Whether it was of one dimension.

    Raises
    ------
    ValueError, TypeError
        y is no such array.
    """
    name = type(estimator).__name__
    if y is None:
        raise ValueError(f"This {name} estimator requires y to be passed, but the target y is None")
    _refuse_masked(y, "y")
    if HAVE_SKLEARN:
        from sklearn.utils.validation import check_array

        y = check_array(y, dtype=None, ensure_2d=False, ensure_all_finite=False, input_name="y", estimator=estimator)
    y = np.asarray(y)
    _refuse_unreal(y)
    if y.dtype.kind not in "fiub":
        y = y.astype(np.float64)
    if y.ndim not in (1, 2):
        raise ValueError(f"y should be a 1d or 2d array, got an array of shape {y.shape} instead.")
    if y.shape[0] != rows:
        raise ValueError(f"Found input variables with inconsistent numbers of samples: {[rows, y.shape[0]]}")
    one = y.ndim == 1
    if one:
        y = y[:, None]
    if y.shape[1] == 0:
        raise ValueError(f"Found array with 0 target(s) (shape={y.shape}) while a minimum of 1 is required.")
    narrow = y.dtype.type in _NARROW or y.dtype.newbyteorder("=") == np.float32
    return y, np.dtype(np.float32 if narrow else np.float64), one


def refuse_not_finite(y: Array, columns: Array, dtype: np.dtype[Any]) -> None:
    """Refuse responses with values that are not finite, in scikit-learn's words."""
    if np.isnan(y[:, columns]).any():
        raise ValueError("Input y contains NaN.")
    raise ValueError(f"Input y contains infinity or a value too large for dtype({dtype.name!r}).")


def folds(cv: Any, X: Array, y: Array, groups: Any = None) -> tuple[list[int], Array | None]:
    """Cut rows into folds.

    Parameters
    ----------
    cv : int, splitter or iterable of (train, test)
        An int is scikit-learn's KFold without shuffling. The test rows of a splitter's
        folds are all rows once, and each is predicted from all others.
    X, y : arrays
    groups : array-like, optional
        Handed to the splitter.

    Returns
    -------
    borders : list of int
        First rows of the folds, and the number of rows.
    order : array of int, or None
        The order of rows in which the folds lie one after the other; None for that which
        they have.

    Raises
    ------
    ValueError
        The folds are others, or there are fewer rows than folds.
    """
    rows = len(X)
    if isinstance(cv, (int, np.integer)) and not isinstance(cv, bool):
        if cv < 2:
            raise ValueError(f"k-fold cross-validation requires at least one train/test split by setting n_splits=2 or more, got n_splits={cv}.")
        if cv > rows:
            raise ValueError(f"Cannot have number of splits n_splits={cv} greater than the number of samples: n_samples={rows}.")
        sizes = np.full(cv, rows // cv)
        sizes[: rows % cv] += 1
        return [0, *np.cumsum(sizes).tolist()], None
    if hasattr(cv, "split") and not isinstance(cv, (str, bytes)):
        splits = cv.split(X, y, groups)
    elif isinstance(cv, Iterable) and not isinstance(cv, (str, bytes)):
        splits = cv
    else:
        raise ValueError(f"cv={cv!r}, expected an int, a splitter or an iterable of (train, test)")
    borders, tests = [0], []
    for train, test in splits:
        train, test = _rows(train), _rows(test)
        if len(train) + len(test) != rows or len(np.union1d(train, test)) != rows:
            raise ValueError("cv has a fold that does not train on all rows but those that it tests, which this estimator does not fit")
        tests.append(test)
        borders.append(borders[-1] + len(test))
    order = np.concatenate(tests) if tests else np.zeros(0, int)
    if len(order) != rows or len(np.unique(order)) != rows:
        raise ValueError("cv does not test every row once, which this estimator needs: KFold, GroupKFold and LeaveOneGroupOut do")
    return borders, None if (order == np.arange(rows)).all() else order


def _rows(index: Any) -> Array:
    """Give the numbers of rows, of these or of a mask."""
    index = np.asarray(index)
    return np.flatnonzero(index) if index.dtype == bool else index


def shared_options(device: str, threads: int | None, memory: int | str | None, dtype: np.dtype[Any]) -> dict[str, str]:
    """Give the options that all calls of the engine have, as text."""
    common = {"device": str(device), "precision": dtype.name, "threads": str(threads_of(threads))}
    if memory is not None:
        common["memory"] = str(memory)
    return common


def threads_of(threads: int | None) -> int:
    """Give how many threads are asked for, 0 for all: without a number OMP_NUM_THREADS says, which joblib sets in its workers."""
    if threads is None:
        named = os.environ.get("OMP_NUM_THREADS", "")
        threads = int(named) if named.isdigit() else 0
    return threads


def precision_of(precision: str | None, X: Array) -> np.dtype[Any]:
    """Give the type of results: that of X unless it is named."""
    if precision is None:
        return np.dtype(np.float32 if X.dtype == np.float32 else np.float64)
    if precision not in ("float32", "float64"):
        raise ValueError(f"precision {precision!r}, expected float32 or float64")
    return np.dtype(precision)


class Bar:
    """A bar of progress by tqdm, where it is installed; without it nothing is shown."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._stage = ""

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Show how much of a stage is done."""
        from tqdm.auto import tqdm

        if self._bar is None or stage != self._stage:
            self.close()
            self._bar, self._stage = tqdm(total=total, desc=stage, leave=False), stage
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.close()


def bar(wanted: bool) -> Bar | None:
    """Give a bar of progress where it is wanted and tqdm is installed."""
    if not wanted:
        return None
    try:
        import tqdm.auto  # noqa: F401
    except ImportError:
        return None
    return Bar()
