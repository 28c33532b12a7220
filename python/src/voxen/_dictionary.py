"""Dictionary learning with scikit-learn's names, over the engine's online method."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import _base, _worker
from ._base import BaseEstimator, TransformerMixin
from ._share import Array


class DictionaryLearning(TransformerMixin, BaseEstimator):
    """Online dictionary learning with sparse codes.

    ``min_{U, V} 1/n sum_i 1/2 |x_i - u_i V|^2 + alpha |u_i|_1``, the rows of V, the atoms, of norm
    at most 1: scikit-learn's problem and names, for samples x_i such as the time course of a
    neuron. The computation is that of ``voxen learn`` (Mairal et al. 2009), whose signals
    are columns; codes are solved to their conditions of optimality.

    Parameters
    ----------
    n_components : int, optional
        Number of atoms; by default that of features, as in scikit-learn.
    alpha : float
        Penalty of the codes.
    epochs : int
        Passes over the samples.
    batch_size : int
        Samples of a step, at most.
    positive_code : bool
        Whether codes are at least 0.
    standardize : bool
        Whether every sample is scaled to mean 0 and norm 1 first, as ``voxen learn`` does.
    random_state : int, RandomState or None
        Seed of the first atoms and of the order of samples.
    precision, device, threads, memory, progress : optional
        As in :class:`RidgeCV`.

    Attributes
    ----------
    components_ : array of shape (n_components, n_features)
        Atoms, signed so that the codes of each sum to at least 0.
    objective_ : float
        Of all samples, at their codes.
    objectives_ : array of shape (n_steps_,)
        Of each step's batch, before the step.
    n_steps_ : int
    n_features_in_ : int

    References
    ----------
    Mairal, Bach, Ponce, Sapiro (2009), Online dictionary learning for sparse coding, ICML.
    """

    components_: Array
    objective_: float
    objectives_: Array
    n_features_in_: int

    def __init__(
        self,
        n_components: int | None = None,
        *,
        alpha: float = 1.0,
        epochs: int = 4,
        batch_size: int = 512,
        positive_code: bool = False,
        standardize: bool = False,
        random_state: Any = 0,
        precision: str | None = None,
        device: str = "auto",
        threads: int | None = None,
        memory: int | str | None = None,
        progress: bool = False,
    ) -> None:
        self.n_components = n_components
        self.alpha = alpha
        self.epochs = epochs
        self.batch_size = batch_size
        self.positive_code = positive_code
        self.standardize = standardize
        self.random_state = random_state
        self.precision = precision
        self.device = device
        self.threads = threads
        self.memory = memory
        self.progress = progress

    def fit(self, X: Any, y: Any = None) -> DictionaryLearning:
        """Learn atoms.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples: signals of n_features time points.
        y : ignored

        Returns
        -------
        self

        Raises
        ------
        ValueError
            Something about the array or the parameters is wrong; the line says what.
        voxen.WorkerLost
            The process of the engine ended.
        """
        self._learn(X)
        return self

    def fit_transform(self, X: Any, y: Any = None) -> Array:
        """Learn atoms, and give the codes of the samples.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : ignored

        Returns
        -------
        codes : array of shape (n_samples, n_components)
        """
        return self._learn(X)

    def transform(self, X: Any) -> Array:
        """Give the codes of samples over the atoms.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        codes : array of shape (n_samples, n_components)

        Raises
        ------
        ValueError
            X has another number of features, or values that are not finite.
        """
        _base.check_fitted(self, "components_")
        X = _base.features(self, X, fitting=False)
        _, arrays = self._call("code", X, {"atoms": (self.components_, self.components_.dtype, None)}, {})
        return arrays["codes"]

    def inverse_transform(self, codes: Any) -> Array:
        """Give the samples that codes stand for: ``codes @ components_``.

        Parameters
        ----------
        codes : array-like of shape (n_samples, n_components)

        Returns
        -------
        X : array of shape (n_samples, n_features)
        """
        _base.check_fitted(self, "components_")
        X: Array = np.asarray(codes) @ self.components_
        return X

    @property
    def n_steps_(self) -> int:
        """Number of steps that were taken."""
        return len(self.objectives_)

    @property
    def _n_features_out(self) -> int:
        """Number of columns of the codes, for scikit-learn."""
        return len(self.components_)

    def _learn(self, X: Any) -> Array:
        """Learn, and give the codes."""
        X = _base.features(self, X, fitting=True)
        seed = self.random_state
        if seed is None or isinstance(seed, np.random.RandomState):
            seed = _base.generator(seed).randint(2**31 - 1)
        params = {
            "atoms": X.shape[1] if self.n_components is None else _base.whole("n_components", self.n_components, 1),
            "epochs": _base.whole("epochs", self.epochs, 1),
            "batch": _base.whole("batch_size", self.batch_size, 1),
            "seed": _base.whole("random_state", seed, 0),
        }
        result, arrays = self._call("learn", X, {}, params)
        self.components_ = arrays["atoms"]
        self.objective_, self.objectives_ = result["objective"], np.asarray(result["trace"])
        return arrays["codes"]

    def _call(self, op: str, X: Array, more: dict[str, Any], params: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Array]]:
        """Ask the engine, with what both operations share."""
        dtype = _base.precision_of(self.precision, X)
        params = {"lambda": _base.number("alpha", self.alpha), "nonnegative": bool(self.positive_code), "standardize": bool(self.standardize)} | params
        bar = _base.bar(self.progress)
        try:
            common = _base.shared_options(self.device, self.threads, self.memory, dtype)
            return _worker.call(op, {"S": (X, X.dtype, None)} | more, params, common, bar)
        finally:
            if bar is not None:
                bar.close()

    def __sklearn_tags__(self) -> Any:
        """Say what scikit-learn wants to know."""
        tags = super().__sklearn_tags__()  # type: ignore[misc]
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
