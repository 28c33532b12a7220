"""Voxelwise encoding models and dictionary learning for fMRI.

The estimators follow scikit-learn; what computes is the program voxen, which the wheel
carries, in a process of its own that starts at the first call.
"""

from . import scoring
from ._errors import EngineError, WorkerLost
from ._ridge import RidgeCV
from ._step import Results
from ._version import __version__
from ._worker import engine_version, shutdown
from .steps import align, couple, encode, extract, group, learn, match, null, organize, predict, report, run, score

__all__ = [
    "EngineError",
    "Results",
    "RidgeCV",
    "WorkerLost",
    "__version__",
    "align",
    "couple",
    "encode",
    "engine_version",
    "extract",
    "group",
    "learn",
    "match",
    "null",
    "organize",
    "predict",
    "report",
    "run",
    "score",
    "scoring",
    "shutdown",
]
