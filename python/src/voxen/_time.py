"""Delayed features, and what repeats of one stimulus say of every voxel."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import _base
from ._base import BaseEstimator, TransformerMixin
from ._share import Array


class Delayer(TransformerMixin, BaseEstimator):
    """Features beside their delayed copies: a finite impulse response model.

    Column block i is the features of ``delays[i]`` rows before, within each run; rows from before a
    run's first are zero. voxelwise_tutorials' Delayer, and runs; as ``voxen encode --delays``.

    Parameters
    ----------
    delays : sequence of int, optional
        In rows; negative ones look ahead. None: the features as they are.
    runs : array-like of int, optional
        One label for each row, the rows of a run together; or the first row of each run,
        from 0 (voxelwise_tutorials' run_onsets). None: one run.

    Attributes
    ----------
    n_features_in_ : int

    Examples
    --------
    >>> import numpy as np
    >>> import voxen
    >>> voxen.Delayer([0, 1]).fit_transform(np.array([[1.0], [2], [3]]))
    array([[1., 0.],
           [2., 1.],
           [3., 2.]])
    """

    n_features_in_: int

    def __init__(self, delays: Any = None, runs: Any = None) -> None:
        self.delays = delays
        self.runs = runs

    def fit(self, X: Any, y: Any = None) -> Delayer:
        """Learn the number of features.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : ignored

        Returns
        -------
        self
        """
        _base.features(self, X, fitting=True)
        return self

    def transform(self, X: Any, runs: Any = None) -> Array:
        """Delay features.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        runs : array-like of int, optional
            Those of these rows, in the place of the parameter.

        Returns
        -------
        X : array of shape (n_samples, n_features * n_delays)

        Raises
        ------
        ValueError
            Delays are no distinct whole numbers, or runs are not of these rows.
        """
        _base.check_fitted(self, "n_features_in_")
        X = _base.features(self, X, fitting=False)
        if self.delays is None:
            return np.asarray(X)
        delays = np.asarray(self.delays)
        if delays.ndim != 1 or delays.dtype.kind not in "iu" or not len(delays) or len(np.unique(delays)) != len(delays):
            raise ValueError(f"delays {self.delays!r}, expected distinct whole numbers of rows")
        borders = _borders(self.runs if runs is None else runs, len(X))
        out = np.zeros((len(X), len(delays) * X.shape[1]), X.dtype)
        for i, delay in enumerate(delays.tolist()):
            block = out[:, i * X.shape[1] : (i + 1) * X.shape[1]]
            for lo, hi in zip(borders[:-1], borders[1:], strict=True):
                n = hi - lo - abs(delay)
                if n > 0:
                    to, of = lo + max(delay, 0), lo + max(-delay, 0)
                    block[to : to + n] = X[of : of + n]
        return out

    @property
    def _n_features_out(self) -> int:
        """Number of columns, for scikit-learn."""
        return self.n_features_in_ * (1 if self.delays is None else len(self.delays))

    def __sklearn_tags__(self) -> Any:
        """Say what scikit-learn wants to know."""
        tags = super().__sklearn_tags__()  # type: ignore[misc]
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _borders(runs: Any, rows: int) -> list[int]:
    """Give the rows at which runs begin, and the number of rows."""
    if runs is None:
        return [0, rows]
    runs = np.asarray(runs)
    if runs.ndim == 1 and runs.dtype.kind in "iu" and 0 < len(runs) < rows and runs[0] == 0 and (np.diff(runs) > 0).all() and runs[-1] < rows:
        return [*runs.tolist(), rows]
    if runs.shape != (rows,):
        raise ValueError(f"runs of shape {runs.shape}, expected a label for each of {rows} rows, or the first row of each run")
    starts = np.flatnonzero(np.r_[True, runs[1:] != runs[:-1]])
    if len(np.unique(runs)) != len(starts):
        raise ValueError("runs have a label again after another, expected the rows of a run together")
    return [*starts.tolist(), rows]


def explainable_variance(data: Any, bias_correction: bool = True, do_zscore: bool = True) -> Array:
    """Share of the variance of each voxel that repeats of one stimulus have in common.

    With z the responses of n repeats, z-scored in time, ``ev = var(mean of z over repeats) /
    mean over repeats of var(z)``, and corrected for the noise in the mean ``ev - (1 - ev) / (n - 1)``.

    Parameters
    ----------
    data : array-like of shape (n_repeats, n_times, n_voxels)
        In any units.
    bias_correction : bool
    do_zscore : bool
        Whether to z-score each repeat in time first; data are z-scored already without.

    Returns
    -------
    ev : array of shape (n_voxels,)
        NaN of a voxel that is constant in a repeat.

    Raises
    ------
    ValueError
        There are fewer than two repeats, or two time points.

    References
    ----------
    Hsu, Borst, Theunissen (2004), Network 15; Schoppe et al. (2016). The function of
    voxelwise_tutorials, and ``voxen encode --test-repeats``.
    """
    data = np.asarray(data)
    if data.ndim != 3 or data.shape[0] < 2 or data.shape[1] < 2:
        raise ValueError(f"data of shape {data.shape}, expected (repeats, times, voxels), at least two of the first two")
    ev = np.empty(data.shape[2])
    for lo in range(0, len(ev), 1024):
        z = data[:, :, lo : lo + 1024].astype(np.float64)
        constant = (np.ptp(z, axis=1) == 0).any(axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            if do_zscore:
                z -= z.mean(axis=1, keepdims=True)
                z /= z.std(axis=1, keepdims=True)
            part = z.mean(axis=0).var(axis=0) / z.var(axis=1).mean(axis=0)
        ev[lo : lo + 1024] = np.where(constant, np.nan, part)
    return ev - (1 - ev) / (len(data) - 1) if bias_correction else ev
