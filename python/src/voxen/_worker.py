"""The process of the engine: one for each Python process, started at the first call.

Messages are lines of JSON on its standard input and output, arrays lie in shared files
(:mod:`voxen._share`). The process ends with this one, however that ends.
"""

from __future__ import annotations

import atexit
import base64
import json
import os
import queue
import shutil
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from . import _share
from ._errors import EngineError, WorkerLost
from ._share import Arena, Array

#: The number of the messages that this package speaks.
PROTOCOL = 1

#: How long an interrupted call may take to end, in seconds, before the process is killed.
_GRACE = 10.0
#: How long the process may take to end with its input, in seconds.
_ENDING = 2.0

Progress = Callable[[str, int, int], None]
Warn = Callable[[str], None]


@lru_cache(maxsize=1)
def program() -> str:
    """Find the program: VOXEN_PROGRAM, that of the installed wheel, or voxen on the PATH.

    Returns
    -------
    path : str

    Raises
    ------
    EngineError
        There is none.
    """
    named = os.environ.get("VOXEN_PROGRAM")
    if named:
        return named
    name = "voxen.exe" if os.name == "nt" else "voxen"
    found = [Path(sysconfig.get_path("scripts")) / name, Path(__file__).parent.parent / "bin" / name]
    try:
        files = metadata.files("voxen") or []
    except metadata.PackageNotFoundError:
        files = []
    found[:0] = [Path(str(f.locate())).resolve() for f in files if f.name == name]
    for path in found:
        if path.is_file():
            return str(path)
    on_path = shutil.which(name)
    if on_path is None:
        raise EngineError(f"the program {name} is in none of {[str(p) for p in found]}: install the wheel, or name it in VOXEN_PROGRAM")
    return on_path


class Worker:
    """A process of the engine, with the memory that it shares with this one."""

    def __init__(self) -> None:
        path = program()
        self.pid = os.getpid()
        self.folders = _share.name_folders()
        self._arena: Arena | None = None
        self._arenas = 0
        self._looks = False
        self._last = 0
        self._said = _share.unnamed_file()  # what the process writes to its standard error
        group: dict[str, Any] = {"start_new_session": True}  # Ctrl-C of the terminal is this process's alone
        if sys.platform == "win32":
            group = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
        try:
            self._process = subprocess.Popen(
                [path, "worker"], bufsize=0, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said, **group
            )
        except OSError as e:
            self._said.close()
            raise EngineError(f"{path} does not start: {e}") from e
        assert self._process.stdin is not None and self._process.stdout is not None
        self._in, self._out = self._process.stdin, self._process.stdout
        self._messages: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        threading.Thread(target=self._read, name="voxen", daemon=True).start()
        self.version = self._greet()

    def _greet(self) -> str:
        """Have the process make the folders of shared files, which go with it if this one is killed now; hear its first message."""
        try:
            self._last += 1
            there = np.frombuffer(os.urandom(16), np.uint8)
            look = {"address": there.ctypes.data, "bytes": base64.b64encode(there.tobytes()).decode()}
            _share.allow_reading(self._process.pid)
            self._send({"id": self._last, "op": "open", "params": {"folders": [str(f) for f in self.folders], "make": True, "look": look}})
            hello = self._next()
            if hello.get("protocol") != PROTOCOL:
                raise EngineError(f"{program()} of version {hello.get('version')} is not that of this package")
            opened = self._answer(self._last, None, None)
            if opened["type"] == "error":
                raise EngineError(opened["message"])
            self.folders = [Path(f) for f in opened["result"]["folders"]]
            self._looks = bool(opened["result"].get("looks"))
        except BaseException:
            self.kill()
            raise
        return str(hello["version"])

    def _read(self) -> None:
        """Take messages from the process, in a thread that no Ctrl-C interrupts."""
        rest = b""
        try:
            while data := self._out.read(1 << 16):
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    self._messages.put(json.loads(line))
        except (OSError, ValueError):
            pass  # as good as the end
        self._messages.put(None)
        self._out.close()

    def _next(self, until: float | None = None) -> dict[str, Any]:
        """Wait for a message."""
        while True:
            wait = 0.2 if os.name == "nt" else None  # where a wait hears no Ctrl-C
            if until is not None:
                wait = max(0.0, until - time.monotonic())
            try:
                message = self._messages.get(timeout=wait)
            except queue.Empty:
                if until is not None and time.monotonic() >= until:
                    raise
                continue
            if message is None:
                raise self._lost()
            return message

    def _lost(self) -> WorkerLost:
        """Say how the process ended."""
        try:
            status: object = self._process.wait(_ENDING)
        except subprocess.TimeoutExpired:
            status = "no status yet"
        try:
            self._said.seek(0)
            lines = self._said.read().decode(errors="replace").strip().splitlines()
        except ValueError:  # closed: Python ends
            lines = []
        said = f": {lines[0][:300]}" if lines else ""
        how = f"by signal {-status}" if isinstance(status, int) and status < 0 else f"with status {status}"
        return WorkerLost(f"the voxen process {self._process.pid} ended {how} before it answered{said}; the next call starts a new one")

    def _send(self, message: dict[str, Any]) -> None:
        """Write a line whole; half a line is the end of the process."""
        try:
            line = memoryview(json.dumps(message, allow_nan=False).encode() + b"\n")
            while line:
                line = line[self._in.write(line) :]
        except OSError as e:
            lost = self._lost()
            self.kill()
            raise lost from e
        except BaseException:
            self.kill()
            raise

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    def call(
        self,
        op: str,
        arrays: Mapping[str, tuple[Array, np.dtype[Any], Array | None]],
        params: dict[str, Any],
        common: dict[str, str],
        progress: Progress | None = None,
        warn: Warn | None = None,
    ) -> tuple[dict[str, Any], dict[str, Array]]:
        """Have the engine do something.

        Parameters
        ----------
        op : str
            What.
        arrays : dict of (array, dtype, rows)
            Two-dimensional arrays, the type in which each is handed over (float32 or
            float64), and the order of its rows, or None for that which they have.
        params, common : dict
            Parameters of the operation, and the options that all have.
        progress : callable, optional
            Hears of the stage, and how much of it is done, of how much.
        warn : callable, optional
            Hears of warnings.

        Returns
        -------
        result : dict
        arrays : dict of arrays

        Raises
        ------
        ValueError
            The input is wrong, in the program's words.
        WorkerLost
            The process ended.
        EngineError
            Anything else failed.
        """
        self._last += 1
        number = self._last
        if op == "run" and self._arena is not None:  # its memory is the command's
            self._arena.close()
            self._arena = None
        threads = common.get("threads", "")
        sent = False
        try:
            lent = {name: _share.lend(*arrays[name]) for name in arrays if self._looks and (op, name) == ("fit", "Y")}
            lent = {name: message for name, message in lent.items() if message}
            copied = {name: array for name, array in arrays.items() if name not in lent}
            named = self._share(copied, int(threads) if threads.isdigit() and int(threads) else os.cpu_count() or 1) | lent
            message = {"id": number, "op": op, "params": params, "common": common, "arrays": named, "progress": progress is not None}
            sent = True
            self._send(message)
            answer = self._answer(number, progress, warn)
        except WorkerLost:
            self.kill()
            raise
        except BaseException:  # Ctrl-C: the call ends, the process stays
            if sent:
                self._cancel(number)
            else:
                self._sweep("in-*")
            raise
        finally:
            self._tidy()
        if answer["type"] == "error":
            raise (ValueError if answer["status"] == 2 else EngineError)(answer["message"])
        try:
            return answer["result"], {name: _share.take(m) for name, m in answer["arrays"].items()}
        except BaseException:
            self._sweep("out-*")
            raise

    def _share(self, arrays: Mapping[str, tuple[Array, np.dtype[Any], Array | None]], threads: int) -> dict[str, Any]:
        """Copy arrays to where both see them."""
        size = sum(_share.aligned(a.size * dtype.itemsize) for a, dtype, _ in arrays.values())
        if size == 0:
            return {}
        if self._arena is None or self._arena.size < size:
            if self._arena is not None:
                self._arena.close()
                self._arena = None
            self._arenas += 1
            try:
                self._arena = Arena(self.folders, self._arenas, size, threads)
            except OSError as e:
                raise EngineError(f"no room for arrays of {size} bytes in {' or '.join(map(str, self.folders))}: {e.strerror}") from e
        self._arena.begin()
        named = {}
        for name, (array, dtype, rows) in arrays.items():
            shape = (int(array.shape[0]), int(array.shape[1]))
            target, named[name] = self._arena.place(dtype, shape)
            _share.copy(target, array, rows, threads)
        return named

    def _tidy(self) -> None:
        """Give back a large arena, and remove the name of one that is mapped."""
        if self._arena is None:
            return
        if self._arena.size > _share.KEPT_ARENA:
            self._arena.close()
            self._arena = None
        else:
            self._arena.unlink()

    def _answer(self, number: int, progress: Progress | None, warn: Warn | None) -> dict[str, Any]:
        """Wait for the answer to a call."""
        while True:
            message = self._next()
            if message.get("id") != number:  # of a call that was interrupted
                _share.discard(message.get("arrays") or {})
            elif message["type"] == "warning":
                if warn is not None:
                    warn(message["message"])
            elif message["type"] != "progress":
                return message
            elif progress is not None:
                progress(message["stage"], message["done"], message["total"])

    def _cancel(self, number: int) -> None:
        """Interrupt a call, and wait until it has ended: what is asked after it is answered then."""
        if not self.alive:
            return
        try:
            self._last += 1
            self._send({"id": number, "op": "cancel"})
            self._send({"id": self._last, "op": "open", "params": {"folders": [str(f) for f in self.folders]}})
            until = time.monotonic() + _GRACE
            while self._next(until).get("id") != self._last:
                pass
            self._sweep("out-*")
        except BaseException:  # no answer, or Ctrl-C again
            self.kill()

    def _sweep(self, names: str) -> None:
        """Remove the files of a call that was interrupted, which nobody has mapped or wants."""
        if self._arena is not None:
            self._arena.close()
            self._arena = None
        for folder in self.folders:
            for path in folder.glob(names):
                try:
                    path.unlink(missing_ok=True)
                except OSError:
                    pass  # Windows: results of another call that are mapped

    def kill(self) -> None:
        """End the process at once, and remove what is shared."""
        if self.alive:
            self._process.kill()
            self._process.wait()
        self._close()

    def close(self) -> None:
        """Let the process end."""
        try:
            self._in.close()
            self._process.wait(_ENDING)
        except (OSError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()
        self._close()

    def _close(self) -> None:
        if self._arena is not None:
            self._arena.close()
            self._arena = None
        for f in (self._in, self._said):
            try:
                f.close()
            except OSError:
                pass
        _share.remove_folders(self.folders)

    def disown(self) -> None:
        """In a process that was forked: forget what is the parent's, and hold none of its pipes open."""
        for stream in (self._in, self._out):
            try:
                stream.close()
            except OSError:
                pass
        self._process.returncode = 0


_lock = threading.RLock()
_worker: Worker | None = None
_steps = 0
_disowned: list[Worker] = []  # kept, so that nothing of the parent's is closed or removed


def _after_fork() -> None:
    """The child of a fork starts a worker of its own."""
    global _lock, _worker
    _lock = threading.RLock()
    if _worker is not None:
        _worker.disown()
        _disowned.append(_worker)
        _worker = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def call(
    op: str,
    arrays: Mapping[str, tuple[Array, np.dtype[Any], Array | None]],
    params: dict[str, Any],
    common: dict[str, str],
    progress: Progress | None = None,
    warn: Warn | None = None,
) -> tuple[dict[str, Any], dict[str, Array]]:
    """Have the engine of this process do something: :meth:`Worker.call`.

    Threads take turns. A process of the engine that is gone is replaced.
    """
    with _lock:
        return _running().call(op, arrays, params, common, progress, warn)


def _running() -> Worker:
    """Give the process of the engine, a new one where there is none."""
    global _worker
    if _worker is not None and not _worker.alive:
        _worker.kill()
        _worker = None
    if _worker is None:
        _worker = Worker()
    return _worker


@contextmanager
def folders_of_inputs() -> Iterator[list[Path]]:
    """Give folders for the files of a call, the fastest first; not made yet, and removed after it."""
    global _steps
    with _lock:
        _steps += 1
        folders = [folder / f"step-{_steps}" for folder in _running().folders]
    try:
        yield folders
    finally:
        _share.remove_folders(folders)


def engine_version() -> str:
    """Give the version of the program.

    Returns
    -------
    version : str
    """
    said = subprocess.run([program(), "--version"], capture_output=True, text=True, check=True).stdout
    return said.split()[-1]


def shutdown() -> None:
    """End the process of the engine, and give back the memory that is shared with it.

    The next call starts a new one. Python does this by itself when it ends.
    """
    global _worker
    with _lock:
        if _worker is not None and _worker.pid == os.getpid():
            _worker.close()
        _worker = None


def _at_exit() -> None:
    """End the process of the engine; what another thread still asks of it is not waited for."""
    if _lock.acquire(blocking=False):
        _lock.release()
        shutdown()
    elif _worker is not None and _worker.pid == os.getpid():
        _worker.kill()


atexit.register(_at_exit)
