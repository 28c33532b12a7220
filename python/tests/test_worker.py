"""The process of the engine: forks, joblib, interrupts, losses, and what is left behind."""

import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import joblib
import numpy as np
import pytest

import voxen
from voxen import _share, _worker


def fit(X, Y):
    """Fit, and say which process of the engine did it."""
    model = voxen.RidgeCV([1.0, 10.0]).fit(X, Y)
    return model.coef_, _worker._worker._process.pid


def gone(pid, seconds=30.0):
    """Whether a process ends in time."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            stat = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        except (FileNotFoundError, ProcessLookupError):  # the second one where it goes while it is read
            return True
        if stat[0] == "Z" and int(stat[17]) <= 1:  # its first thread may end before the others close its files
            return True
        time.sleep(0.05)
    return False


def left():
    """The shared folders that there are."""
    return {str(p) for d in ("/dev/shm", os.environ.get("TMPDIR", "/tmp")) for p in Path(d).glob("voxen-*")}


@pytest.fixture
def script(tmp_path):
    """Give a Python process that runs a text; it prints the process of its engine first."""

    def start(text):
        path = tmp_path / "script.py"
        path.write_text(
            "import os, sys, time, signal\nsys.modules['sklearn'] = None  # not needed, and slow to load\nimport numpy as np\nimport voxen\nfrom voxen import _worker\n"
            "rng = np.random.default_rng(0)\nX, Y = rng.standard_normal((100, 5)), rng.standard_normal((100, 9))\n"
            "def engine():\n    voxen.RidgeCV([1.0]).fit(X, Y)\n    print(_worker._worker._process.pid, *_worker._worker.folders, flush=True)\n"
            + textwrap.dedent(text)
        )
        return subprocess.Popen([sys.executable, str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    return start


def test_one_process(problem):
    """Calls share a process, from threads too."""
    X, Y = problem()
    coef, pid = fit(X, Y)
    found = []
    threads = [threading.Thread(target=lambda: found.append(fit(X, Y))) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(found) == 4
    for other, process in found:
        assert process == pid
        np.testing.assert_array_equal(other, coef)


def test_fork(problem):
    """A forked process has an engine of its own, and leaves the parent's alone."""
    X, Y = problem()
    coef, pid = fit(X, Y)
    with multiprocessing.get_context("fork").Pool(2) as pool:
        for other, process in pool.starmap(fit, [(X, Y)] * 4):
            assert process != pid
            np.testing.assert_array_equal(other, coef)
    again, same = fit(X, Y)
    assert same == pid
    np.testing.assert_array_equal(again, coef)


def test_joblib(problem):
    """Workers of joblib have engines of their own."""
    X, Y = problem()
    coef, _ = fit(X, Y)
    for other, _ in joblib.Parallel(n_jobs=2)(joblib.delayed(fit)(X, Y) for _ in range(4)):
        np.testing.assert_array_equal(other, coef)


def test_lost(problem):
    """A process that is killed is one exception, and the next call has another process."""
    X, Y = problem()
    _, pid = fit(X, Y)
    os.kill(pid, signal.SIGKILL)
    assert gone(pid)
    _, other = fit(X, Y)
    assert other != pid
    killer = threading.Timer(0.5, os.kill, (other, signal.SIGKILL))
    big = np.random.default_rng(0).standard_normal((1500, 50000), dtype=np.float32)
    killer.start()
    with pytest.raises(voxen.WorkerLost, match=f"process {other} ended by signal 9") as error:
        voxen.RidgeCV().fit(big[:, :300], big)
    killer.join()
    assert isinstance(error.value, RuntimeError) and "\n" not in str(error.value)
    assert fit(X, Y)[1] not in (pid, other)


def test_interrupt(problem):
    """Ctrl-C ends the fit soon, and the process of the engine goes on."""
    X, Y = problem()
    _, pid = fit(X, Y)
    big = np.random.default_rng(0).standard_normal((1500, 50000), dtype=np.float32)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    timer = threading.Timer(0.7, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            voxen.RidgeCV().fit(big[:, :300], big)
    finally:
        timer.join()
        signal.signal(signal.SIGINT, before)
    coef, same = fit(X, Y)
    assert same == pid and np.isfinite(coef).all()


@pytest.mark.parametrize("name", ["_reserve", "copy", "take"])
def test_interrupted_while_sharing(problem, monkeypatch, name):
    """Ctrl-C while arrays go over leaves no file, and the process goes on."""
    X, Y = problem()
    want, pid = fit(X, Y)
    called = getattr(_share, name)

    def interrupted(*args):
        called(*args)
        raise KeyboardInterrupt

    monkeypatch.setattr(_share, name, interrupted)
    with pytest.raises(KeyboardInterrupt):
        fit(np.vstack([X, X]), np.vstack([Y, Y]))
    monkeypatch.undo()
    assert [os.listdir(f) for f in _worker._worker.folders] == [[], []]
    got, same = fit(X, Y)
    assert same == pid
    np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("rows", [None, "order"])
def test_copies_by_threads(monkeypatch, rows):
    """Arrays that several threads copy are whole, of any type and order."""
    monkeypatch.setattr(_share, "_PARTED", 1)
    rng = np.random.default_rng(0)
    for array in (rng.standard_normal((7, 5)), rng.integers(0, 9, (23, 3), dtype=np.int16).T, np.ones((1, 4), bool)):
        order = None if rows is None else rng.permutation(len(array))
        target = np.full(array.shape, np.nan, np.float32)
        _share.copy(target, array, order, 3)
        np.testing.assert_array_equal(target, (array if order is None else array[order]).astype(np.float32))


@pytest.mark.skipif(sys.platform != "linux", reason="arrays are read where they lie on Linux alone")
def test_lent(problem, monkeypatch):
    """Responses are read where they lie, if the system lets the engine, with the bits of a copy; others are copied."""
    X, Y = problem()
    Y = np.asarray(Y, np.float32)
    apart = np.zeros((len(Y), 2 * Y.shape[1] + 3), np.float32)
    apart[:, : Y.shape[1]] = Y
    lend = _share.lend
    said = []

    def counting(array, dtype, rows):
        said.append(lend(array, dtype, rows))
        return said[-1]

    want, pid = fit(X, Y)
    if not _worker._worker._looks:
        pytest.skip("this system does not let a process read its parent's memory")
    monkeypatch.setattr(_share, "_PARTED", 1)
    monkeypatch.setattr(_share, "lend", counting)
    for y, there in [(Y, True), (apart[:, : Y.shape[1]], True), (np.asfortranarray(Y), False), (apart[:, : Y.shape[1]][::-1][::-1], True), (Y.astype(">f4"), False)]:
        got, same = fit(X, y)
        assert same == pid and (said[-1] is not None) == there
        np.testing.assert_array_equal(got, want)
    wide, _ = fit(X, Y.astype(np.float64))
    monkeypatch.setattr(_share, "lend", lambda *_: None)
    np.testing.assert_array_equal(fit(X, Y.astype(np.float64))[0], wide)
    with pytest.raises(_worker.EngineError, match="reading the memory of process"):
        monkeypatch.setattr(_share, "lend", lambda a, d, _: {"address": 8, "stride": a.strides[0], "dtype": d.name, "shape": list(a.shape)})
        fit(X, Y)
    monkeypatch.setattr(_share, "lend", lend)
    np.testing.assert_array_equal(fit(X, Y)[0], want)
    monkeypatch.setattr(_share, "allow_reading", lambda _: None)
    voxen.shutdown()
    np.testing.assert_array_equal(fit(X, Y)[0], want)


@pytest.mark.parametrize(
    "end",
    [
        "sys.exit(0)",
        "os._exit(1)",
        # a thread still fits
        "import threading\nX = rng.standard_normal((1500, 900))\nthreading.Thread(target=voxen.RidgeCV().fit, args=(X, X), daemon=True).start()\ntime.sleep(0.5)",
        "os.kill(os.getpid(), signal.SIGKILL)",
        "os.kill(os.getpid(), signal.SIGTERM)",
        # in the middle of a fit, whose answer nobody hears
        "import threading\nX = rng.standard_normal((1500, 900))\nthreading.Thread(target=voxen.RidgeCV().fit, args=(X, X)).start()\ntime.sleep(0.7)\nos.kill(os.getpid(), signal.SIGKILL)",
        # a fork holds the pipes, and lives on
        "if os.fork() == 0:\n    time.sleep(20)\n    os._exit(0)\nos.kill(os.getpid(), signal.SIGKILL)",
    ],
)
def test_ends_with_its_parent(script, end):
    """However Python ends, the engine ends too, and nothing of it is left."""
    process = script("engine()\n" + end)
    pid, *folders = process.stdout.readline().split()
    assert gone(int(pid)), process.stderr.read()
    until = time.monotonic() + 15
    while any(map(os.path.exists, folders)) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(map(os.path.exists, folders))
    process.kill()
    process.wait()


def test_thread_that_started_it_ends(script):
    """The engine outlives the thread that asked first."""
    process = script("import threading\nt = threading.Thread(target=engine)\nt.start()\nt.join()\ntime.sleep(1.5)\nengine()")
    out, err = process.communicate(timeout=120)
    assert len(set(out.split("\n")[:2])) == 1, out + err


def test_nothing_is_left(problem):
    """Folders have no files between calls; shutdown removes them."""
    X, Y = problem()
    fit(X, Y)
    folders = _worker._worker.folders
    assert [os.listdir(f) for f in folders] == [[] for _ in folders]
    with pytest.raises(ValueError, match="at least"):
        voxen.RidgeCV(memory=1).fit(X, Y)
    assert [os.listdir(f) for f in folders] == [[] for _ in folders]
    voxen.shutdown()
    assert not any(map(os.path.exists, folders))


def test_full_shared_memory(problem, monkeypatch):
    """Where shared memory is full, the folder of temporary files is taken."""
    X, Y = problem()
    want, _ = fit(X, Y)
    reserve = _share._reserve

    def full(fd, size):
        if os.readlink(f"/proc/self/fd/{fd}").startswith("/dev/shm"):
            raise OSError(28, "No space left on device")
        reserve(fd, size)

    voxen.shutdown()
    monkeypatch.setattr(_share, "_reserve", full)
    got, _ = fit(X, Y)
    assert not str(_worker._worker._arena.path).startswith("/dev/shm")
    np.testing.assert_array_equal(got, want)

    def all_full(fd, size):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(_share, "_reserve", all_full)
    with pytest.raises(voxen.EngineError, match="no room for arrays of .* bytes in .*: No space left"):
        fit(np.vstack([X, X]), np.vstack([Y, Y]))
    monkeypatch.setattr(_share, "_reserve", reserve)
    np.testing.assert_array_equal(fit(X, Y)[0], want)


def test_pages_at_once(problem, monkeypatch):
    """Pages of large arrays are taken at once, where the system can, and where there is room for them."""
    X, Y = problem()
    want, _ = fit(X, Y)
    monkeypatch.setattr(_share, "_PARTED", 1)
    monkeypatch.setattr(_share, "lend", lambda *_: None)
    took, populate = [], _share._populate

    def counting(memory, size, threads):
        took.append((populate(memory, size, threads), size))
        return took[-1][0]

    def cannot(memory, size, threads):
        return False

    def full(memory, size, threads):
        if sys._getframe(2).f_locals["folder"] == _worker._worker.folders[0]:
            raise OSError(28, "No space left on device")
        return populate(memory, size, threads)

    for how in (counting, cannot, full):
        voxen.shutdown()
        monkeypatch.setattr(_share, "_populate", how)
        got, _ = fit(X, Y)
        np.testing.assert_array_equal(got, want)
    assert took and all(size >= X.nbytes + Y.nbytes for _, size in took)
    assert not str(_worker._worker._arena.path).startswith("/dev/shm")


def test_no_temporary_folder(problem, monkeypatch):
    """Where temporary files cannot be written shared memory is enough; where neither can it is one line."""
    X, Y = problem()
    want, _ = fit(X, Y)
    voxen.shutdown()
    monkeypatch.setattr(_share.tempfile, "tempdir", "/proc/none")
    got, _ = fit(X, Y)
    assert [str(f.parent) for f in _worker._worker.folders] == ["/dev/shm"]
    np.testing.assert_array_equal(got, want)
    voxen.shutdown()
    monkeypatch.setattr(_share.os.path, "isdir", lambda path: False)
    with pytest.raises(voxen.EngineError, match="no folder for shared arrays"):
        fit(X, Y)


def test_many_models(problem, monkeypatch):
    """Models that are kept do not use up the files that a process may open."""
    X, Y = problem(30, 40, 7000, dtype=np.float32)
    monkeypatch.setattr(_share, "_MOST_MAPPED", _share._mapped + 5)
    before = len(os.listdir("/proc/self/fd"))
    models = [voxen.RidgeCV([1.0], cv=2).fit(X, Y).coef_ for _ in range(20)]
    assert len(os.listdir("/proc/self/fd")) - before <= 10
    np.testing.assert_array_equal(models[0], models[-1])


@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize("copied", [False, True])
def test_memory(again, copied, monkeypatch):
    """The bound holds for the process with what it shares; what a refusal names is enough."""
    if copied:
        monkeypatch.setattr(_share, "lend", lambda *_: None)
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((600, 40), dtype=np.float32), rng.standard_normal((600, 40000), dtype=np.float32)
    voxen.shutdown()
    if again:
        voxen.RidgeCV(memory="2GiB").fit(X, Y)
    with pytest.raises(ValueError, match="too small: this job needs at least") as error:
        voxen.RidgeCV(memory="64MiB").fit(X, Y)
    voxen.shutdown()
    if again:
        voxen.RidgeCV([1.0]).fit(X[:50], Y[:50, :100])
    least = str(error.value).split()[-1]
    coef = voxen.RidgeCV(memory=least).fit(X, Y).coef_
    status = Path(f"/proc/{_worker._worker._process.pid}/status").read_text()
    peak = int(status.split("VmHWM:")[1].split()[0]) / 1024
    assert (Y.nbytes / 2**20 if copied else 0) < peak <= float(least.removesuffix("MiB")) < 350
    np.testing.assert_array_equal(voxen.RidgeCV().fit(X, Y).coef_, coef)


def test_program_of_another_protocol(monkeypatch, tmp_path):
    """Another program is refused, and nothing of it is left."""
    voxen.shutdown()
    before = left()
    other = tmp_path / "voxen"
    other.write_text("#!/bin/sh\necho '{\"type\": \"hello\", \"protocol\": 0, \"version\": \"x\"}'\nsleep 30\n")
    other.chmod(0o755)
    _worker.program.cache_clear()
    monkeypatch.setenv("VOXEN_PROGRAM", str(other))
    with pytest.raises(voxen.EngineError, match="version x is not that of this package"):
        voxen.RidgeCV().fit(np.ones((9, 1)), np.ones(9))
    _worker.program.cache_clear()
    assert left() == before


def test_versions():
    """python -m voxen --version says both, and runs the program else."""
    out = subprocess.run([sys.executable, "-m", "voxen", "--version"], capture_output=True, text=True, check=True).stdout
    assert out == f"voxen for Python {voxen.__version__}, program {voxen.engine_version()}\n"
    assert subprocess.run([sys.executable, "-m", "voxen", "encode"], capture_output=True).returncode == 2
