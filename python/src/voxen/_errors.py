"""What can go wrong besides wrong input, which is a ValueError."""

from __future__ import annotations


class EngineError(RuntimeError):
    """The engine failed at something that is not the caller's fault, as a full disk."""


class WorkerLost(EngineError):
    """The process of the engine ended before it answered: killed, or out of memory.

    Nothing of the call is done. The next call starts a new process.
    """
