"""Voxelwise encoding models and dictionary learning for fMRI.

The estimators follow scikit-learn; what computes is the program voxen, which the wheel
carries, in a process of its own that starts at the first call.
"""

from . import scoring
from ._dictionary import DictionaryLearning
from ._errors import EngineError, WorkerLost
from ._ridge import GroupRidgeCV, LassoCV, RidgeCV
from ._step import Results
from ._time import Delayer, explainable_variance
from ._version import __version__
from ._worker import engine_version, shutdown
from .steps import align, couple, encode, extract, group, learn, match, null, organize, plot, predict, report, run, score

__all__ = [
    "Delayer",
    "DictionaryLearning",
    "EngineError",
    "GroupRidgeCV",
    "LassoCV",
    "Results",
    "RidgeCV",
    "WorkerLost",
    "__version__",
    "align",
    "couple",
    "encode",
    "engine_version",
    "explainable_variance",
    "extract",
    "group",
    "learn",
    "match",
    "null",
    "organize",
    "plot",
    "predict",
    "report",
    "run",
    "score",
    "scoring",
    "shutdown",
]
