"""What the tests share."""

import numpy as np
import pytest


@pytest.fixture
def problem():
    """Give (X, Y) of so many rows, features and targets, with a noise of its own for each target."""

    def make(rows=120, features=8, targets=6, seed=0, dtype=np.float64):
        rng = np.random.default_rng(seed)
        X = rng.standard_normal((rows, features))
        Y = X @ rng.standard_normal((features, targets)) + rng.standard_normal((rows, targets)) * np.linspace(0.5, 8, targets)
        return X.astype(dtype), Y.astype(dtype)

    return make
