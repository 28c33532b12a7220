"""Ridge regression with cross-validation, an alpha for each voxel; bands with a penalty each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from . import _base, scoring
from ._linear import LinearModel, alphas_of
from ._share import Array


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
    mask : nibabel image or path, optional
        Of responses that are images of volumes: the voxels where it is not 0, as
        ``data[mask]``. Of responses that are an array it says where its columns lie.

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
        mask: Any = None,
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
        self.mask = mask

    def fit(self, X: Any, y: Any = None, groups: Any = None) -> RidgeCV:
        """Fit the model of every voxel.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, in any units.
        y : array-like of shape (n_samples,) or (n_samples, n_targets), or images
            Responses, in any units. Arrays of float32 are half the work. A nibabel image
            (NIfTI, CIFTI-2, GIFTI) or its path, or a list of those, one for each run;
            :meth:`image` then gives results as images.
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
        alphas = alphas_of(self.alphas)
        X = _base.features(self, X, fitting=True, least_rows=2)
        _, arrays, _ = self._fit(X, y, groups, {"alphas": alphas.tolist(), "nested": bool(self.nested)})
        self.cv_scores_ = arrays["cv_score"][0]
        return self


class GroupRidgeCV(LinearModel):
    """Banded ridge regression: a penalty for each group of features, by random search.

    ``min_w |y - X D w|^2 + alpha |w|^2`` with ``D = diag(sqrt(gamma of each column's group))``:
    of the draws of gammas, and of the alphas, the pair with the highest score, averaged over
    folds, is taken for every target. himalaya's method and names; the computation is that
    of ``voxen encode --bands``.

    Parameters
    ----------
    groups : array-like of shape (n_features,), "input" or None
        The group of each feature, any label. "input": X is a list of arrays, a group each.
        None: one group, which is :class:`RidgeCV`.
    n_iter : int or array of shape (n_iter, n_groups)
        Number of draws of gammas, the first of equal ones; or the gammas, rows that sum to 1.
        himalaya has it, and the four that follow, in ``solver_params``.
    concentration : float or sequence of float
        Of the symmetric Dirichlet distributions, taken in turn.
    alphas : array-like of shape (n_alphas,), optional
        As in :class:`RidgeCV` (himalaya: 1).
    scoring : {"r2", "r", "mse"}
        As in :class:`RidgeCV` (himalaya: the negative squared error, "mse").
    alpha_per_target : bool
        Whether each target has an alpha of its own; else one for all in every draw.
    cv : int, splitter or iterable of (train, test)
        As in :class:`RidgeCV`.
    fit_intercept : bool
    random_state : int, RandomState or None
        Seed of the draws, which are himalaya's.
    nested : bool
        As in :class:`RidgeCV`: the other folds choose gammas and alpha.
    precision, device, threads, memory, progress, mask : optional
        As in :class:`RidgeCV`.

    Attributes
    ----------
    coef_ : array of shape (n_features,) or (n_features, n_targets)
        Weights of the features as given, in their order (himalaya: group by group).
    intercept_ : float or array of shape (n_targets,)
        With ``fit_intercept`` alone.
    deltas_ : array of shape (n_groups,) or (n_groups, n_targets)
        ``log(gamma / alpha)``.
    best_alphas_ : array of shape (n_targets,)
    cv_scores_ : array of shape (n_iter, n_targets)
        Of every draw, at its best alpha, mean over folds.
    nested_scores_ : array of shape (n_targets,)
        With ``nested``.
    groups_ : array of shape (n_groups,)
        Labels of the groups, in the order of ``deltas_``.
    n_features_in_ : int

    References
    ----------
    Nunez-Elizalde, Huth, Gallant (2019), NeuroImage 197; Dupré la Tour et al. (2022),
    NeuroImage 264.
    """

    deltas_: Array
    groups_: Array

    def __init__(
        self,
        groups: Any = None,
        *,
        n_iter: Any = 100,
        concentration: Any = (0.1, 1.0),
        alphas: Any = None,
        scoring: str = "r2",
        alpha_per_target: bool = True,
        cv: Any = 5,
        fit_intercept: bool = False,
        random_state: Any = None,
        nested: bool = False,
        precision: str | None = None,
        device: str = "auto",
        threads: int | None = None,
        memory: int | str | None = None,
        progress: bool = False,
        mask: Any = None,
    ) -> None:
        self.groups = groups
        self.n_iter = n_iter
        self.concentration = concentration
        self.alphas = alphas
        self.scoring = scoring
        self.alpha_per_target = alpha_per_target
        self.cv = cv
        self.fit_intercept = fit_intercept
        self.random_state = random_state
        self.nested = nested
        self.precision = precision
        self.device = device
        self.threads = threads
        self.memory = memory
        self.progress = progress
        self.mask = mask

    def fit(self, X: Any, y: Any = None, cv_groups: Any = None) -> GroupRidgeCV:
        """Fit the model of every target.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or a list of them with groups="input"
        y : array-like of shape (n_samples,) or (n_samples, n_targets), or images as in :class:`RidgeCV`
        cv_groups : array-like of shape (n_samples,), optional
            For a splitter that wants groups of rows.

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
        alphas = alphas_of(self.alphas)
        X, bands = self._features(X, fitting=True)
        gammas = self._gammas(len(self.groups_))
        draws = len(gammas)
        if len(self.groups_) == 1:
            gammas = gammas[:1]  # every draw is the same
        params = {"alphas": alphas.tolist(), "bands": bands.tolist(), "all_scores": True, "nested": bool(self.nested)}
        _, arrays, one = self._fit(X, y, cv_groups, params, gammas)
        with np.errstate(divide="ignore"):
            deltas = np.log(arrays["band_weights"] / arrays["alpha"])
        self.deltas_ = deltas[:, 0] if one else deltas
        self.cv_scores_ = np.repeat(arrays["scores"], draws, axis=0) if len(gammas) < draws else arrays["scores"]
        return self

    def predict(self, X: Any, split: bool = False) -> Array:
        """Predict responses, or the part of each group in them.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or a list of them with groups="input"
        split : bool
            Whether to give a prediction for each group; they add up to the prediction, less
            the intercept.

        Returns
        -------
        y : array of shape (n_samples,) or (n_samples, n_targets), with split (n_groups, ...)

        Raises
        ------
        ValueError
            X has another number of features, or values that are not finite.
        """
        _base.check_fitted(self, "coef_")
        X, bands = self._features(X, fitting=False)
        if not split:
            return self._predict(X)
        X = X.astype(self.coef_.dtype, copy=False)
        return np.stack([X[:, bands == g] @ self.coef_[bands == g] for g in range(len(self.groups_))])

    def score_voxels(self, X: Any, y: Any, metric: str = "r2", sample_weight: Any = None, split: bool = False) -> Array:
        """Score the predictions of each voxel by itself, or the part of each group in its score.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or a list of them with groups="input"
        y : array-like of shape (n_samples,) or (n_samples, n_targets), or images as in fit
        metric : {"r2", "r", "mse"}
            With split, r2 (himalaya's own default, the product measure) or r.
        sample_weight : array-like of shape (n_samples,), optional
            For r2 alone, without split.
        split : bool
            Whether to share the score out to the groups: :func:`voxen.scoring.r2_score_split`.

        Returns
        -------
        scores : array of shape (n_targets,), with split (n_groups, n_targets)

        Raises
        ------
        ValueError
            Shapes differ, or there is no such metric.
        """
        if not split:
            return super().score_voxels(X, y, metric, sample_weight)
        if metric not in ("r2", "r") or sample_weight is not None:
            raise ValueError(f"split of metric {metric!r} with sample_weight {sample_weight!r}, expected r2 or r, without weights")
        y, parts = self._responses(y), self.predict(X, split=True)
        if metric == "r":
            return scoring.correlation_score_split(y, parts)
        return scoring.r2_score_split(y, parts, self.intercept_ if self.fit_intercept else 0.0)

    def _features(self, X: Any, fitting: bool) -> tuple[Array, Array]:
        """Check features, and give the group of each, from 0."""
        if isinstance(self.groups, str):
            if self.groups != "input":
                raise ValueError(f"groups {self.groups!r}, expected 'input', a group for each feature, or None")
            if not isinstance(X, (list, tuple)) or not X or any(np.ndim(x) != 2 for x in X):
                raise ValueError("X, with groups='input', expected a list of arrays of two dimensions")
            sizes = [np.shape(x)[1] for x in X]
            if 0 in sizes:
                raise ValueError(f"array {sizes.index(0)} of X has no columns, expected a feature at least in every group")
            if len({np.shape(x)[0] for x in X}) > 1:
                raise ValueError(f"Found input variables with inconsistent numbers of samples: {[np.shape(x)[0] for x in X]}")
            if not fitting and len(X) != len(self.groups_):
                raise ValueError(f"{len(X)} groups of features, expected {len(self.groups_)}")
            X = np.hstack([np.asarray(x) for x in X])
        labels: Array | None = None
        if isinstance(self.groups, str):
            labels = np.repeat(np.arange(len(sizes)), sizes)
        elif self.groups is not None:
            labels = np.asarray(self.groups)
        X = _base.features(self, X, fitting=fitting, least_rows=2 if fitting else 1)
        labels = np.zeros(X.shape[1], int) if labels is None else labels
        if labels.shape != (X.shape[1],):
            raise ValueError(f"groups of shape {labels.shape}, expected one for each of {X.shape[1]} features")
        try:
            names, bands = np.unique(labels, return_inverse=True)
        except TypeError as e:
            raise ValueError(f"groups {labels.tolist()}, expected labels of one kind") from e
        if fitting:
            self.groups_ = names
        return X, bands

    def _gammas(self, groups: int) -> Array:
        """Draw the weights of groups, as himalaya does."""
        if np.ndim(self.n_iter) == 2:
            gammas = np.asarray(self.n_iter, dtype=np.float64)
            if gammas.shape[1] != groups or not len(gammas):
                raise ValueError(f"n_iter of shape {gammas.shape}, expected gammas of {groups} groups")
            return gammas
        draws = _base.whole("n_iter", self.n_iter, 1)
        concentrations: Sequence[Any] = np.atleast_1d(self.concentration).tolist()
        if not concentrations or not all(isinstance(c, (int, float)) and c > 0 for c in concentrations):
            raise ValueError(f"concentration {self.concentration!r}, expected positive numbers")
        rng = _base.generator(self.random_state)
        each = -(-draws // len(concentrations))
        equal = np.full(groups, 1 / groups)
        drawn = [np.tile(equal, (each, 1)) if np.isinf(c) else rng.dirichlet([c] * groups, each) for c in concentrations]
        gammas = np.stack(drawn, axis=1).reshape(-1, groups)[:draws]
        gammas[0] = equal
        return gammas


class LassoCV(LinearModel):
    """Lasso or elastic net with an alpha for each voxel, chosen by cross-validation.

    ``min_w 1/(2n) |y - X w|^2 + alpha l1_ratio |w|_1 + alpha (1 - l1_ratio)/2 |w|^2`` for every
    column y of the responses: scikit-learn's scaling and names. The computation is that of
    ``voxen encode --model``; every alpha is solved to its conditions of optimality.

    Parameters
    ----------
    l1_ratio : float
        1: lasso; below: elastic net. Above 0.
    n_alphas : int
        So many alphas, evenly spaced in their logarithm, from the smallest that leaves
        nothing of any target down to a thousandth of it (scikit-learn: 100, from that of its
        one target), where alphas are not given.
    alphas : array-like of shape (n_alphas,), optional
        Positive and distinct.
    fit_intercept : bool
        As in scikit-learn there is one by default.
    cv, scoring, alpha_per_target, nested, precision, device, threads, memory, progress, mask : optional
        As in :class:`RidgeCV`. scikit-learn chooses by the squared error, "mse".

    Attributes
    ----------
    coef_ : array of shape (n_features,) or (n_features, n_targets)
    intercept_ : float or array of shape (n_targets,)
    best_alphas_ : array of shape (n_targets,)
        scikit-learn: ``alpha_``.
    alphas_ : array of shape (n_alphas,)
        Those that were tried, the largest first where they were not given.
    cv_scores_ : array of shape (n_targets,)
    nested_scores_ : array of shape (n_targets,)
        With ``nested``.
    n_features_in_ : int
    """

    alphas_: Array

    def __init__(
        self,
        *,
        l1_ratio: float = 1.0,
        n_alphas: int = 20,
        alphas: Any = None,
        fit_intercept: bool = True,
        cv: Any = 5,
        scoring: str = "r2",
        alpha_per_target: bool = True,
        nested: bool = False,
        precision: str | None = None,
        device: str = "auto",
        threads: int | None = None,
        memory: int | str | None = None,
        progress: bool = False,
        mask: Any = None,
    ) -> None:
        self.l1_ratio = l1_ratio
        self.n_alphas = n_alphas
        self.alphas = alphas
        self.fit_intercept = fit_intercept
        self.cv = cv
        self.scoring = scoring
        self.alpha_per_target = alpha_per_target
        self.nested = nested
        self.precision = precision
        self.device = device
        self.threads = threads
        self.memory = memory
        self.progress = progress
        self.mask = mask

    def fit(self, X: Any, y: Any = None, groups: Any = None) -> LassoCV:
        """Fit the model of every target.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_targets), or images as in :class:`RidgeCV`
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
        if not 0 < _base.number("l1_ratio", self.l1_ratio) <= 1:
            raise ValueError(f"l1_ratio {self.l1_ratio!r}, expected above 0 and at most 1")
        params: dict[str, Any] = {"l1_ratio": float(self.l1_ratio), "nested": bool(self.nested)}
        if self.alphas is None:
            params["path"] = _base.whole("n_alphas", self.n_alphas, 1)
        else:
            params["alphas"] = alphas_of(self.alphas).tolist()
        X = _base.features(self, X, fitting=True, least_rows=2)
        result, arrays, _ = self._fit(X, y, groups, params)
        self.alphas_, self.cv_scores_ = np.asarray(result["alphas"]), arrays["cv_score"][0]
        return self
