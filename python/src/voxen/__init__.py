"""Voxelwise encoding models and dictionary learning for fMRI.

The estimators follow scikit-learn; what computes is the program voxen, which the wheel
carries, in a process of its own that starts at the first call.
"""

from . import scoring
from ._errors import EngineError, WorkerLost
from ._ridge import RidgeCV
from ._version import __version__
from ._worker import engine_version, shutdown

__all__ = ["EngineError", "RidgeCV", "WorkerLost", "__version__", "engine_version", "scoring", "shutdown"]
