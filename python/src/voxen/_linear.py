"""What linear models of every voxel share: one fit by the engine, predictions and scores."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from . import _base, _images, _worker, scoring
from ._base import BaseEstimator, MultiOutputMixin, RegressorMixin
from ._share import Array

#: What the engine says of voxels without a model.
_CONSTANT, _NOT_FINITE = 1, 2


class LinearModel(MultiOutputMixin, RegressorMixin, BaseEstimator):
    """A linear model of every target, fitted and cross-validated by the engine."""

    cv: Any
    fit_intercept: bool
    scoring: str
    alpha_per_target: bool
    precision: str | None
    device: str
    threads: int | None
    memory: int | str | None
    progress: bool
    mask: Any

    coef_: Array
    intercept_: Any
    best_alphas_: Array
    cv_scores_: Array
    nested_scores_: Array
    n_features_in_: int

    def _fit(self, X: Array, y: Any, groups: Any, params: dict[str, Any], gammas: Array | None = None) -> tuple[dict[str, Any], dict[str, Array], bool]:
        """Have the engine fit: weights, alphas and intercepts become attributes.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
            Checked.
        y : array-like of shape (n_samples,) or (n_samples, n_targets), or images
        groups : array-like or None
            For the splitter.
        params : dict
            Of the engine's fit, besides those that all models have.
        gammas : array of shape (n_draws, n_bands), optional
            Weights of bands.

        Returns
        -------
        result : dict
            What the engine says.
        arrays : dict of arrays of shape (rows, n_targets)
            Its results.
        one : bool
            Whether y has one dimension.
        """
        if self.scoring not in scoring.SCORES:
            raise ValueError(f"scoring {self.scoring!r}, expected one of {sorted(scoring.SCORES)}")
        y, space = _images.responses(y, self.mask)
        y, y_dtype, one = _base.targets(self, y, len(X))
        dtype = _base.precision_of(self.precision, X)
        borders, order = _base.folds(self.cv, X, y, groups)
        params = {
            "folds": borders,
            "score": self.scoring,
            "one_alpha": not self.alpha_per_target,
            "intercept": bool(self.fit_intercept),
        } | params
        arrays_in = {"X": (X, X.dtype, order), "Y": (y, y_dtype, order)}
        if gammas is not None:
            arrays_in["gammas"] = (gammas, gammas.dtype, None)
        bar = _base.bar(self.progress)
        try:
            common = _base.shared_options(self.device, self.threads, self.memory, dtype)
            result, arrays = _worker.call("fit", arrays_in, params, common, bar)
        finally:
            if bar is not None:
                bar.close()
        status = arrays["status"][0]
        if result["not_finite"]:
            _base.refuse_not_finite(y, np.flatnonzero(status == _NOT_FINITE), dtype)
        if result["constant"]:
            columns = np.flatnonzero(status == _CONSTANT)
            self._constant_targets(columns, y[0, columns].astype(np.float64), X, arrays, max(result["alphas"]), gammas, params)
        if result["no_score"]:
            warnings.warn(f"{result['no_score']} targets have no finite score in {dtype.name}: their results are NaN", stacklevel=3)
        self.coef_ = arrays["coef"][:, 0] if one else arrays["coef"]
        self.best_alphas_ = arrays["alpha"][0]
        self._space = space
        for attribute in ("intercept_", "nested_scores_"):  # of a fit before
            vars(self).pop(attribute, None)
        if "nested" in arrays:
            self.nested_scores_ = arrays["nested"][0]
        if self.fit_intercept:
            self.intercept_ = arrays["intercept"][0, 0] if one else arrays["intercept"][0]
        return result, arrays, one

    def _constant_targets(
        self, columns: Array, values: Array, X: Array, arrays: dict[str, Array], alpha: float, gammas: Array | None, params: dict[str, Any]
    ) -> None:
        """Fit targets that are constant, which the engine leaves out.

        They score 0 at every alpha, and so take the largest, and the first weights of bands.
        """
        arrays["alpha"][0, columns] = alpha
        for name in {"cv_score", "nested", "scores"} & arrays.keys():
            arrays[name][:, columns] = np.nan if self.scoring == "mse" else 0
        scale = np.ones(X.shape[1])
        if gammas is not None:
            arrays["band_weights"][:, columns] = gammas[0][:, None]
            scale = np.sqrt(gammas[0][params["bands"]])
        if self.fit_intercept:
            arrays["coef"][:, columns], arrays["intercept"][0, columns] = 0, values
        elif params.get("l1_ratio"):
            arrays["coef"][:, columns] = 0  # the largest penalty of the path is beyond all but the constant's own
        else:
            arrays["coef"][:, columns] = np.outer(scale * _ridge(X * scale, np.ones(len(X)), alpha), values)

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
        return self._predict(_base.features(self, X, fitting=False))

    def _predict(self, X: Array) -> Array:
        """Predict from features that are checked."""
        y: Array = X.astype(self.coef_.dtype, copy=False) @ self.coef_
        if self.fit_intercept:
            y += self.intercept_
        return y

    def score_voxels(self, X: Any, y: Any, metric: str = "r2", sample_weight: Any = None) -> Array:
        """Score the predictions of each voxel by itself.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_targets), or images as in fit
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
        y = self._responses(y)
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
        y : array-like of shape (n_samples,) or (n_samples, n_targets), or images as in fit
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

    def image(self, values: Any) -> Any:
        """Give a result as an image, where responses were images or there is a mask.

        Parameters
        ----------
        values : str, or array of shape (n_targets,) or (n_maps, n_targets)
            The name of an attribute, as "best_alphas_", or values such as those of
            :meth:`score_voxels` and :meth:`predict`.

        Returns
        -------
        image : nibabel image of the kind of the responses
            0 outside the mask. Of responses in several parts, such as hemispheres, a list.

        Raises
        ------
        ValueError
            Responses were no images, or the values are not of their voxels.
        """
        _base.check_fitted(self, "coef_")
        if self._space is None:
            raise ValueError("responses were an array: fit images, or give the mask in which its columns lie")
        array = np.asarray(getattr(self, values) if isinstance(values, str) else values)
        rows = array[None] if array.ndim == 1 else array
        if rows.ndim != 2 or rows.shape[1] != self._space.columns:
            raise ValueError(f"values of shape {array.shape}, expected {self._space.columns} columns, a voxel each")
        return self._space.image(rows)

    def _responses(self, y: Any) -> Any:
        """Give responses to be scored, which are of the voxels that were fitted."""
        _base.check_fitted(self, "coef_")
        y, space = _images.responses(y, self.mask)
        if space is not None and self._space is not None and not space.same(self._space):
            raise ValueError("the images have other voxels than those that were fitted")
        return y


def _ridge(X: Array, y: Array, alpha: float) -> Array:
    """Solve ``min_w |y - X w|^2 + alpha |w|^2``, by the smaller of the two systems."""
    rows, columns = X.shape
    if columns <= rows:
        w: Array = np.linalg.solve(X.T @ X + alpha * np.eye(columns), X.T @ y)
        return w
    dual: Array = X.T @ np.linalg.solve(X @ X.T + alpha * np.eye(rows), y)
    return dual


def alphas_of(alphas: Any) -> Array:
    """Check alphas; None are those of voxen encode."""
    if alphas is None:
        return np.logspace(-1, 5, 20)
    checked: Array = np.atleast_1d(np.asarray(alphas, dtype=np.float64))
    if checked.ndim != 1 or checked.size == 0:
        raise ValueError(f"alphas of shape {checked.shape}, expected at least one, in one dimension")
    if not (np.isfinite(checked).all() and (checked > 0).all()) or len(np.unique(checked)) != len(checked):
        raise ValueError(f"alphas {checked.tolist()}, expected positive and distinct numbers")
    return checked
