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


def _parts(y_true: Any, y_pred: Any, part: Callable[[Array, Array], Array]) -> Array:
    """Score the parts of predictions, some targets at a time; part may write to the responses."""
    y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
    if y_true.ndim == 1:
        y_true, y_pred = y_true[:, None], y_pred[..., None]
    if y_pred.ndim != 3 or y_pred.shape[1:] != y_true.shape:
        raise ValueError(f"responses of shape {y_true.shape} and parts of predictions of shape {y_pred.shape}, expected (parts, *{y_true.shape})")
    if len(y_true) < 2:
        raise ValueError(f"{len(y_true)} rows, expected at least 2 for a score")
    scores = np.empty((len(y_pred), y_true.shape[1]))
    for lo in range(0, y_true.shape[1], _BLOCK):
        block = slice(lo, lo + _BLOCK)
        scores[:, block] = part(y_true[:, block].astype(np.float64), y_pred[:, :, block].astype(np.float64))
    return scores


def r2_score_split(y_true: Any, y_pred: Any, intercept: Any = 0.0) -> Array:
    """Share R2 out to the parts of predictions: the product measure.

    ``R2_b = p_b . (2 y - p) / |y|^2`` with y the responses less their mean m, and p the sum of
    all parts and the intercept, less m. Without an intercept and with responses of mean 0
    the parts add up to :func:`r2_score`; else ``c . (2 y - p) / |y|^2`` is missing, of
    c = intercept - m. A part may be negative. That of ``voxen encode --split``.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) or (n_samples, n_targets)
    y_pred : array-like of shape (n_parts, n_samples) or (n_parts, n_samples, n_targets)
        Such as those of ``GroupRidgeCV.predict(X, split=True)``.
    intercept : float or array-like of shape (n_targets,)
        What predictions have besides their parts.

    Returns
    -------
    scores : array of shape (n_parts, n_targets)
        0 of a constant target.

    Raises
    ------
    ValueError
        The shapes differ, or there are fewer than two rows.

    References
    ----------
    Pratt (1987). himalaya's function of this name, which wants responses of mean 0.
    """
    y_true = np.asarray(y_true)
    targets = 1 if y_true.ndim == 1 else y_true.shape[-1]
    offset = np.broadcast_to(np.asarray(intercept, dtype=np.float64), (targets,))
    done = 0

    def part(y: Array, p: Array) -> Array:
        nonlocal done
        c = offset[done : done + y.shape[1]]
        done += y.shape[1]
        mean = y.mean(0)
        y -= mean
        sst = (y**2).sum(0)
        rest = 2 * y - (p.sum(0) + c - mean)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(sst > 0, (p * rest).sum(1) / sst, 0.0)

    return _parts(y_true, y_pred, part)


def correlation_score_split(y_true: Any, y_pred: Any) -> Array:
    """Share Pearson's correlation out to the parts of predictions.

    ``r_b = y . p_b / (|y| |p - mean(p)|)`` with y the responses less their mean, and p the sum of
    the parts. The parts add up to :func:`correlation_score`.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) or (n_samples, n_targets)
    y_pred : array-like of shape (n_parts, n_samples) or (n_parts, n_samples, n_targets)

    Returns
    -------
    scores : array of shape (n_parts, n_targets)
        0 where responses or predictions are constant.

    Raises
    ------
    ValueError
        The shapes differ, or there are fewer than two rows.
    """

    def part(y: Array, p: Array) -> Array:
        whole = p.sum(0)
        constant = (np.ptp(y, axis=0) == 0) | (np.ptp(whole, axis=0) == 0)
        y -= y.mean(0)
        whole -= whole.mean(0)
        with np.errstate(divide="ignore", invalid="ignore"):
            r = (y * p).sum(1) / np.sqrt((y**2).sum(0)) / np.sqrt((whole**2).sum(0))
        return np.where(constant, 0.0, r)

    return _parts(y_true, y_pred, part)


#: Scores by the names that ``voxen encode --score`` has.
SCORES = {"r2": r2_score, "r": correlation_score, "mse": neg_mean_squared_error}
