"""Ridge regression with cross-validation, an alpha for each voxel."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from . import _base, _worker, scoring
from ._base import BaseEstimator, MultiOutputMixin, RegressorMixin
from ._share import Array

#: What the engine says of voxels without a model.
_CONSTANT, _NOT_FINITE = 1, 2


class LinearModel(MultiOutputMixin, RegressorMixin, BaseEstimator):
    """What linear models of many targets share once they have coefficients."""

    coef_: Array
    intercept_: Any
    fit_intercept: bool

    def predict(self, X: Any) -> Array:
        """Predict responses: ``X @ coef_ + intercept_``.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        y : array of shape (n_samples,) or (n_samples, n_targets)
            In the units of the responses that the model was fitted to.

        Raises
        ------
        ValueError
            X has another number of features, or values that are not finite.
        """
        _base.check_fitted(self, "coef_")
        X = _base.features(self, X, fitting=False).astype(self.coef_.dtype, copy=False)
        y: Array = X @ self.coef_
        if self.fit_intercept:
            y += self.intercept_
        return y

    def score_voxels(self, X: Any, y: Any, metric: str = "r2", sample_weight: Any = None) -> Array:
        """Score the predictions of each voxel by itself.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
        metric : {"r2", "r", "mse"}
            Coefficient of determination, Pearson's correlation, or the negative mean
            squared error (:mod:`voxen.scoring`).
        sample_weight : array-like of shape (n_samples,), optional
            For r2 alone.

        Returns
        -------
        scores : array of shape (n_targets,)

        Raises
        ------
        ValueError
            Shapes differ, or there is no such metric.
        """
        if metric not in scoring.SCORES:
            raise ValueError(f"metric {metric!r}, expected one of {sorted(scoring.SCORES)}")
        if sample_weight is not None:
            if metric != "r2":
                raise ValueError(f"sample_weight with metric {metric!r}, expected r2")
            return scoring.r2_score(y, self.predict(X), sample_weight)
        return scoring.SCORES[metric](y, self.predict(X))

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Give the mean over voxels of R2: one number, as in scikit-learn.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        score : float
            himalaya gives an array here, which is :meth:`score_voxels`.

        Raises
        ------
        ValueError
            Shapes differ.
        """
        return float(self.score_voxels(X, y, sample_weight=sample_weight).mean())


class RidgeCV(LinearModel):
    """Ridge regression with an alpha for each voxel, chosen by cross-validation.

    ``min_w |y - X w|^2 + alpha |w|^2`` for every column y of the responses; of the alphas
    the one with the highest score, averaged over folds, is taken, the larger of equals, and
    the model is fitted again to all rows. The computation is that of ``voxen encode``.

    Parameters
    ----------
    alphas : array-like of shape (n_alphas,), optional
        Positive and distinct. By default 20 values from 0.1 to 100,000, evenly spaced in
        their logarithm, as in ``voxen encode`` (himalaya: 0.1 and 1).
    cv : int, splitter or iterable of (train, test)
        An int is so many contiguous folds, scikit-learn's KFold. Splitters whose folds test
        every row once and train on all others, such as GroupKFold and LeaveOneGroupOut.
    fit_intercept : bool
        As in himalaya there is none by default: features and responses then have mean 0.
    scoring : {"r2", "r", "mse"}
        By which alphas are chosen: coefficient of determination (himalaya's ``r2_score``),
        Pearson's correlation (``correlation_score``), or the negative mean squared error
        (``l2_neg_loss``, which is himalaya's own default).
    alpha_per_target : bool
        Whether each voxel has an alpha of its own, as in himalaya; else one for all has the
        highest mean score.
    nested : bool
        Whether each fold is also scored by models of which the other folds alone chose alpha
        and weights: ``nested_scores_``, a held-out score without held-out rows.
    precision : {"float32", "float64"}, optional
        Of the arithmetic and the results; by default that of X: float32 for float32, else
        float64.
    device : str
        "auto", "cpu", "cuda" or "cuda:N".
    threads : int, optional
        Threads of the CPU; by default OMP_NUM_THREADS, which joblib sets in its workers, or all.
    memory : int or str, optional
        Bound, in bytes or as "4GiB", of the memory of the engine's process and the arrays
        that are shared with it. By default half of what is free.
    progress : bool
        Whether to show a bar, where tqdm is installed.

    Attributes
    ----------
    coef_ : array of shape (n_features,) or (n_features, n_targets)
        Weights, in the units of X and y, as in himalaya (scikit-learn has them transposed).
    intercept_ : float or array of shape (n_targets,)
        With ``fit_intercept`` alone.
    best_alphas_ : array of shape (n_targets,)
    cv_scores_ : array of shape (n_targets,)
        Score at the alpha chosen, mean over folds. It chose alpha, and is above 0 on noise.
    nested_scores_ : array of shape (n_targets,)
        Held-out score, with ``nested``.
    n_features_in_ : int
    feature_names_in_ : array of shape (n_features_in_,)
        Where X has names.

    Notes
    -----
    A target that is constant has no score; the largest alpha is taken for it. Responses that
    are not finite are refused.

    References
    ----------
    Nunez-Elizalde, Huth, Gallant (2019), NeuroImage 197. himalaya: Dupré la Tour et al.
    (2022), NeuroImage 264.

    Examples
    --------
    >>> import numpy as np
    >>> import voxen
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((100, 5))
    >>> Y = X @ rng.standard_normal((5, 3)) + 0.1 * rng.standard_normal((100, 3))
    >>> model = voxen.RidgeCV().fit(X, Y)
    >>> model.coef_.shape, model.best_alphas_.shape
    ((5, 3), (3,))
    """

    best_alphas_: Array
    cv_scores_: Array
    nested_scores_: Array
    n_features_in_: int

    def __init__(
        self,
        alphas: Any = None,
        *,
        cv: Any = 5,
        fit_intercept: bool = False,
        scoring: str = "r2",
        alpha_per_target: bool = True,
        nested: bool = False,
        precision: str | None = None,
        device: str = "auto",
        threads: int | None = None,
        memory: int | str | None = None,
        progress: bool = False,
    ) -> None:
        self.alphas = alphas
        self.cv = cv
        self.fit_intercept = fit_intercept
        self.scoring = scoring
        self.alpha_per_target = alpha_per_target
        self.nested = nested
        self.precision = precision
        self.device = device
        self.threads = threads
        self.memory = memory
        self.progress = progress

    def fit(self, X: Any, y: Any = None, groups: Any = None) -> RidgeCV:
        """Fit the model of every voxel.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, in any units.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Responses, in any units. Arrays of float32 are half the work.
        groups : array-like of shape (n_samples,), optional
            For a splitter that wants them.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            Something about the arrays or the parameters is wrong; the line says what.
        voxen.WorkerLost
            The process of the engine ended.
        """
        alphas = _alphas(self.alphas)
        if self.scoring not in scoring.SCORES:
            raise ValueError(f"scoring {self.scoring!r}, expected one of {sorted(scoring.SCORES)}")
        X = _base.features(self, X, fitting=True, least_rows=2)
        y, y_dtype, one = _base.targets(self, y, len(X))
        dtype = _precision(self.precision, X)
        borders, order = _base.folds(self.cv, X, y, groups)
        params = {
            "alphas": alphas.tolist(),
            "folds": borders,
            "score": self.scoring,
            "one_alpha": not self.alpha_per_target,
            "intercept": bool(self.fit_intercept),
            "nested": bool(self.nested),
        }
        bar = _base.bar(self.progress)
        try:
            result, arrays = _worker.call(
                "fit",
                {"X": (X, X.dtype, order), "Y": (y, y_dtype, order)},
                params,
                _base.shared_options(self.device, self.threads, self.memory, dtype),
                bar,
            )
        finally:
            if bar is not None:
                bar.close()
        status = arrays["status"][0]
        if result["not_finite"]:
            _base.refuse_not_finite(y, np.flatnonzero(status == _NOT_FINITE), dtype)
        if result["constant"]:
            self._constant_targets(np.flatnonzero(status == _CONSTANT), X, y, arrays, alphas)
        if result["no_score"]:
            warnings.warn(f"{result['no_score']} targets have no finite score in {dtype.name}: their results are NaN", stacklevel=2)
        self.coef_ = arrays["coef"][:, 0] if one else arrays["coef"]
        self.best_alphas_, self.cv_scores_ = arrays["alpha"][0], arrays["cv_score"][0]
        for name, value in {"intercept_": arrays.get("intercept"), "nested_scores_": arrays.get("nested")}.items():
            if value is None:
                vars(self).pop(name, None)  # of a fit before
            else:
                setattr(self, name, value[0])
        if one and self.fit_intercept:
            self.intercept_ = self.intercept_[0]
        return self

    def _constant_targets(self, columns: Array, X: Array, y: Array, arrays: dict[str, Array], alphas: Array) -> None:
        """Fit targets that are constant, which the engine leaves out: at the largest alpha."""
        values, alpha = y[0, columns].astype(np.float64), alphas.max()
        arrays["alpha"][0, columns] = alpha
        for name in {"cv_score", "nested"} & arrays.keys():
            arrays[name][0, columns] = np.nan if self.scoring == "mse" else 0
        if self.fit_intercept:
            arrays["coef"][:, columns], arrays["intercept"][0, columns] = 0, values
        else:
            arrays["coef"][:, columns] = np.outer(_ridge(X.astype(np.float64), np.ones(len(X)), alpha), values)


def _ridge(X: Array, y: Array, alpha: float) -> Array:
    """Solve ``min_w |y - X w|^2 + alpha |w|^2``, by the smaller of the two systems."""
    rows, columns = X.shape
    if columns <= rows:
        w: Array = np.linalg.solve(X.T @ X + alpha * np.eye(columns), X.T @ y)
        return w
    dual: Array = X.T @ np.linalg.solve(X @ X.T + alpha * np.eye(rows), y)
    return dual


def _alphas(alphas: Any) -> Array:
    """Check alphas; None are those of voxen encode."""
    if alphas is None:
        return np.logspace(-1, 5, 20)
    checked: Array = np.atleast_1d(np.asarray(alphas, dtype=np.float64))
    if checked.ndim != 1 or checked.size == 0:
        raise ValueError(f"alphas of shape {checked.shape}, expected at least one, in one dimension")
    if not (np.isfinite(checked).all() and (checked > 0).all()) or len(np.unique(checked)) != len(checked):
        raise ValueError(f"alphas {checked.tolist()}, expected positive and distinct numbers")
    return checked


def _precision(precision: str | None, X: Array) -> np.dtype[Any]:
    """Give the type of results: that of X unless it is named."""
    if precision is None:
        return np.dtype(np.float32 if X.dtype == np.float32 else np.float64)
    if precision not in ("float32", "float64"):
        raise ValueError(f"precision {precision!r}, expected float32 or float64")
    return np.dtype(precision)
