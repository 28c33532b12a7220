"""Voxelwise encoding models and dictionary learning for fMRI.

The estimators follow scikit-learn; what computes is the program voxen, which the wheel
carries, in a process of its own that starts at the first call.
"""

from . import scoring, steps
from ._dictionary import DictionaryLearning
from ._errors import EngineError, WorkerLost
from ._ridge import GroupRidgeCV, LassoCV, RidgeCV
from ._time import Delayer, explainable_variance
from ._version import __version__
from ._worker import engine_version, shutdown
from .steps import *  # Results, and a function for each command

__all__ = [
    "Delayer",
    "DictionaryLearning",
    "EngineError",
    "GroupRidgeCV",
    "LassoCV",
    "RidgeCV",
    "WorkerLost",
    "__version__",
    "engine_version",
    "explainable_variance",
    "scoring",
    "shutdown",
]
__all__ += steps.__all__
