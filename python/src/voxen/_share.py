"""Memory that this process and the engine's share: files that both map."""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import secrets
import shutil
import sys
import tempfile
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from ._errors import EngineError

Array = NDArray[Any]

#: Results of fewer bytes are copied: a mapping costs more than it saves, and a file descriptor.
_SMALL = 1 << 20
#: So many results are mapped at most, each with a file descriptor; further ones are copied.
_MOST_MAPPED = 200
#: An arena of more bytes is given back after the call; a smaller one stays for the next.
KEPT_ARENA = 1 << 30
_ALIGNED = 64
#: Arrays of fewer bytes are copied by one thread, others by so many at most: a core alone is slower than the
#: memory, and slower still where pages are touched for the first time.
_PARTED = 8 << 20
_MOST_COPYING = 4

#: Linux (5.14) takes pages for a mapping at once, and says where there are none: MADV_POPULATE_WRITE.
_POPULATE = 23

#: prctl(2), PR_SET_PTRACER.
_SET_PTRACER = 0x59616D61

_mapped = 0


def name_folders() -> list[Path]:
    """Name private folders for shared files, the fastest first, which the engine makes."""
    return [Path(parent) / f"voxen-{secrets.token_hex(8)}" for parent in _parents()]


def _parents() -> list[str]:
    """List where shared files may lie: in memory, and with the temporary files."""
    parents = ["/dev/shm"] if os.path.isdir("/dev/shm") else []
    try:
        return [*parents, tempfile.gettempdir()]
    except FileNotFoundError:  # nothing there can be written to
        return parents


def unnamed_file() -> IO[bytes]:
    """Open a file without a name, which goes with what has it open."""
    refused: OSError | None = None
    for parent in _parents():
        try:
            return tempfile.TemporaryFile(dir=parent)
        except OSError as e:
            refused = e
    raise EngineError(f"no folder for shared arrays: {refused}")


def remove_folders(folders: list[Path]) -> None:
    """Remove folders with what is in them."""
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def _reserve(fd: int, size: int) -> None:
    """Give a file its size, and room: a full file system is an error here and no bus error later."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(fd, 0, size)
    else:
        os.truncate(fd, size)


def _populate(memory: mmap.mmap, size: int, threads: int) -> bool:
    """Take the pages of a mapping, by some threads: what touches one after the other takes twice the time.

    Returns
    -------
    done : bool
        False where the system cannot.

    Raises
    ------
    OSError
        There is no room (ENOSPC).
    """
    if sys.platform != "linux":
        return False
    advise = ctypes.CDLL(None, use_errno=True).madvise
    start = np.frombuffer(memory, np.uint8).ctypes.data
    parts = min(threads, _MOST_COPYING)
    each = -(-size // parts // mmap.PAGESIZE) * mmap.PAGESIZE + mmap.PAGESIZE

    def part(lo: int) -> int:
        done = advise(ctypes.c_void_p(start + lo), ctypes.c_size_t(min(each, size - lo)), _POPULATE)
        return ctypes.get_errno() if done else 0

    with ThreadPoolExecutor(parts) as pool:
        failed = set(pool.map(part, range(0, size, each))) - {0}
    if failed - {errno.EINVAL}:  # EFAULT: touching a page would be a bus error
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return not failed


class Arena:
    """A file for the arrays of calls, one after the other, which both processes keep mapped.

    Parameters
    ----------
    folders : list of Path
        Where it may lie; the first that has room is taken.
    number : int
        A number that no arena of these folders had.
    size : int
        Bytes.
    threads : int
        As many as the caller may have.
    """

    def __init__(self, folders: list[Path], number: int, size: int, threads: int = 1) -> None:
        for folder in folders:
            self.path = folder / f"in-{number}"
            try:
                self._map(size, threads)
                break
            except OSError as e:
                self.path.unlink(missing_ok=True)
                if e.errno not in (errno.ENOSPC, errno.EFBIG) or folder is folders[-1]:
                    raise
        self.size = size
        self._used = 0
        self._there = True

    def _map(self, size: int, threads: int) -> None:
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
        try:
            if threads > 1 and size >= _PARTED:
                os.truncate(fd, size)
                self.memory = mmap.mmap(fd, size)
                try:
                    if _populate(self.memory, size, threads):
                        return
                except OSError:
                    self.memory.close()
                    raise
                self.memory.close()
            _reserve(fd, size)
            self.memory = mmap.mmap(fd, size)
        finally:
            os.close(fd)

    def begin(self) -> None:
        """Begin a call: what lies here is of no use any more."""
        self._used = 0

    def place(self, dtype: np.dtype[Any], shape: tuple[int, int]) -> tuple[Array, dict[str, Any]]:
        """Give an array of a shape to be filled, and the message that names it."""
        offset = self._used
        self._used += aligned(shape[0] * shape[1] * dtype.itemsize)
        array = np.frombuffer(self.memory, dtype, shape[0] * shape[1], offset).reshape(shape)
        return array, {"path": str(self.path), "offset": offset, "dtype": dtype.name, "shape": list(shape), "keep": True}

    def unlink(self) -> None:
        """Remove the name, once both have it mapped: nothing is left if both are killed."""
        if self._there and os.name == "posix":
            self.path.unlink(missing_ok=True)
            self._there = False

    def close(self) -> None:
        """Give the memory back."""
        try:
            self.memory.close()
        except BufferError:  # an array of a call that failed is still referred to
            pass
        if self._there:
            try:
                self.path.unlink(missing_ok=True)
            except OSError:
                pass  # Windows: mapped by the engine still; the folder goes at the end


def aligned(size: int) -> int:
    """Round a size up, so that the next array begins at a border."""
    return (size + _ALIGNED - 1) // _ALIGNED * _ALIGNED


def lend(array: Array, dtype: np.dtype[Any], rows: Array | None) -> dict[str, Any] | None:
    """Name a large array where it lies, for an engine that can read this process's memory.

    Returns
    -------
    message : dict or None
        None where it has to be copied: a small one, and one of another type, layout or order of rows.
    """
    shape = (int(array.shape[0]), int(array.shape[1]))
    as_it_is = rows is None and array.dtype == dtype and array.dtype.isnative and array.strides[1] == array.itemsize
    if not as_it_is or array.nbytes < _PARTED or array.strides[0] < shape[1] * array.itemsize:
        return None
    return {"address": array.ctypes.data, "stride": array.strides[0], "dtype": dtype.name, "shape": list(shape)}


def allow_reading(pid: int) -> None:
    """Let a process that this one started read its memory, where Linux asks for that (Yama); no other gets to."""
    if sys.platform == "linux" and os.path.exists("/proc/sys/kernel/yama/ptrace_scope"):
        ctypes.CDLL(None).prctl(_SET_PTRACER, ctypes.c_ulong(pid), ctypes.c_ulong(0), ctypes.c_ulong(0), ctypes.c_ulong(0))


def copy(target: Array, array: Array, rows: Array | None, threads: int) -> None:
    """Copy an array to where it is shared, by some threads.

    Parameters
    ----------
    target, array : arrays of one shape
    rows : array of int, optional
        The order of the rows.
    threads : int
        As many as the caller may have.
    """

    def part(lo: int, hi: int) -> None:
        if rows is None:
            np.copyto(target[lo:hi], array[lo:hi], casting="unsafe")
            return
        for i in range(lo, hi):
            target[i] = array[rows[i]]

    parts = min(threads, _MOST_COPYING, len(target)) if target.nbytes >= _PARTED else 1
    if parts < 2:
        part(0, len(target))
        return
    borders = np.linspace(0, len(target), parts + 1).astype(int).tolist()
    with ThreadPoolExecutor(parts) as pool:  # which waits for all, also where Ctrl-C is heard
        for _ in pool.map(part, borders[:-1], borders[1:]):
            pass


def take(message: dict[str, Any]) -> Array:
    """Give an array of results, mapped where that is worth it, and remove its file."""
    global _mapped
    path, dtype, shape = message["path"], np.dtype(message["dtype"]), tuple(message["shape"])
    size = int(np.prod(shape)) * dtype.itemsize
    if size < _SMALL or _mapped >= _MOST_MAPPED:
        array = np.fromfile(path, dtype).reshape(shape)
        os.unlink(path)
        return array
    with open(path, "r+b") as f:
        memory = mmap.mmap(f.fileno(), size, access=mmap.ACCESS_COPY)  # private: a fork's writes stay its own
    _mapped += 1
    if os.name == "posix":
        os.unlink(path)
        weakref.finalize(memory, _forget, None)
    else:
        weakref.finalize(memory, _forget, path)
    return np.frombuffer(memory, dtype).reshape(shape)


def _forget(path: str | None) -> None:
    """Count a mapping less, and remove its file where that was not possible before."""
    global _mapped
    _mapped -= 1
    if path is not None and not sys.is_finalizing():
        Path(path).unlink(missing_ok=True)


def discard(messages: dict[str, dict[str, Any]]) -> None:
    """Remove the files of results that nobody wants any more."""
    for message in messages.values():
        Path(message["path"]).unlink(missing_ok=True)
