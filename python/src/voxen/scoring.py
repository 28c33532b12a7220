"""Scores of predictions, of each voxel (target) by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ._share import Array

#: Columns that are scored at once: temporaries stay in the caches.
_BLOCK = 1024


def _pair(y_true: Any, y_pred: Any, sample_weight: Any) -> tuple[Array, Array, Array | None]:
    y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
    if y_true.ndim == 1:
        y_true = y_true[:, None]
    if y_pred.ndim == 1:
        y_pred = y_pred[:, None]
    if y_true.shape != y_pred.shape:
        raise ValueError(f"responses of shape {y_true.shape} and predictions of shape {y_pred.shape}, expected the same")
    if len(y_true) < 2:
        raise ValueError(f"{len(y_true)} rows, expected at least 2 for a score")
    weight = None if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
    if weight is not None and weight.shape != (len(y_true),):
        raise ValueError(f"sample_weight of shape {weight.shape}, expected ({len(y_true)},)")
    return y_true, y_pred, weight


def _by_block(y_true: Array, y_pred: Array, score: Callable[[Array, Array], Array]) -> Array:
    """Score some targets at a time, in float64; score may write to the two arrays."""
    scores = np.empty(y_true.shape[1])
    for lo in range(0, len(scores), _BLOCK):
        block = slice(lo, lo + _BLOCK)
        scores[block] = score(y_true[:, block].astype(np.float64), y_pred[:, block].astype(np.float64))
    return scores


def r2_score(y_true: Any, y_pred: Any, sample_weight: Any = None) -> Array:
    """Coefficient of determination of each target.

    ``R2 = 1 - sum_t w_t (y_t - p_t)^2 / sum_t w_t (y_t - mean(y))^2``, in float64. A constant
    target scores 1 where it is predicted exactly, else 0, as in scikit-learn.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_samples,) or (n_samples, n_targets)
    sample_weight : array-like of shape (n_samples,), optional

    Returns
    -------
    scores : array of shape (n_targets,)

    Raises
    ------
    ValueError
        The shapes differ, or there are fewer than two rows.
    """
    y_true, y_pred, weight = _pair(y_true, y_pred, sample_weight)

    def score(y: Array, p: Array) -> Array:
        e = y - p
        y -= np.average(y, axis=0, weights=weight)
        w = 1.0 if weight is None else weight[:, None]
        sse, sst = (w * e**2).sum(0), (w * y**2).sum(0)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(sst > 0, 1 - sse / sst, np.where(sse == 0, 1.0, np.where(np.isnan(sse), np.nan, 0.0)))

    return _by_block(y_true, y_pred, score)


def correlation_score(y_true: Any, y_pred: Any) -> Array:
    """Pearson's correlation of each target with its prediction; 0 where either is constant.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_samples,) or (n_samples, n_targets)

    Returns
    -------
    scores : array of shape (n_targets,)

    Raises
    ------
    ValueError
        The shapes differ, or there are fewer than two rows.
    """
    y_true, y_pred, _ = _pair(y_true, y_pred, None)

    def score(y: Array, p: Array) -> Array:
        constant = (np.ptp(y, axis=0) == 0) | (np.ptp(p, axis=0) == 0)
        y -= y.mean(0)
        p -= p.mean(0)
        with np.errstate(divide="ignore", invalid="ignore"):
            r = (y * p).sum(0) / np.sqrt((y**2).sum(0)) / np.sqrt((p**2).sum(0))
        return np.where(constant, 0.0, np.clip(r, -1, 1))

    return _by_block(y_true, y_pred, score)


def neg_mean_squared_error(y_true: Any, y_pred: Any) -> Array:
    """Mean squared error of each target, negative: himalaya's ``l2_neg_loss``.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_samples,) or (n_samples, n_targets)

    Returns
    -------
    scores : array of shape (n_targets,)
        In the squared units of the responses.

    Raises
    ------
    ValueError
        The shapes differ, or there are fewer than two rows.
    """
    y_true, y_pred, _ = _pair(y_true, y_pred, None)
    return _by_block(y_true, y_pred, lambda y, p: -((y - p) ** 2).mean(0))


#: Scores by the names that ``voxen encode --score`` has.
SCORES = {"r2": r2_score, "r": correlation_score, "mse": neg_mean_squared_error}
