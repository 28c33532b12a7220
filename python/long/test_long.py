"""What takes too long for every change: many seeds against peers, and hundreds of kills, interrupts and forks."""

import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from himalaya.ridge import GroupRidgeCV as HimalayaGroupRidgeCV
from himalaya.ridge import RidgeCV as HimalayaRidgeCV
from himalaya.scoring import correlation_score, l2_neg_loss, r2_score
from sklearn.linear_model import ElasticNet

import voxen
from voxen import _worker

SCORES = {"r2": r2_score, "r": correlation_score, "mse": l2_neg_loss}


def draw(seed):
    """Give a problem of any shape and its settings."""
    rng = np.random.default_rng(seed)
    rows, features, targets = int(rng.integers(12, 200)), int(rng.integers(1, 300)), int(rng.integers(1, 40))
    X = rng.standard_normal((rows, features)) * 10 ** rng.uniform(-2, 2)
    Y = X @ rng.standard_normal((features, targets)) / np.sqrt(features) + X.std() * rng.standard_normal((rows, targets)) * rng.uniform(0.1, 3)
    settings = {
        "alphas": np.sort(np.unique(10 ** rng.uniform(-2, 5, int(rng.integers(1, 15))))) * X.var(),
        "cv": int(rng.integers(2, 6)),
        "fit_intercept": bool(rng.integers(2)),
    }
    score = ["r2", "r", "mse"][rng.integers(3)]
    return X + settings["fit_intercept"] * X.std() * rng.uniform(-5, 5), Y + settings["fit_intercept"] * 7, settings, score


def agree_in_score(got, want):
    """Compare scores: himalaya's of small responses are 1e-9 off the definition, ours 1e-19 (seed 9)."""
    np.testing.assert_allclose(got, want, rtol=1e-7, atol=1e-8)


def agree(got, want, scale):
    """Compare to 1e-7 of a scale, which float64 leaves of a decomposition."""
    np.testing.assert_allclose(got, want, atol=1e-7 * np.abs(scale).max(), rtol=1e-7)


@pytest.mark.parametrize("seed", range(150))
def test_ridge(seed):
    """Scores are himalaya's; so are alphas, weights and predictions, but for targets of which two alphas tie."""
    X, Y, settings, score = draw(seed)
    want = HimalayaRidgeCV(**settings, solver_params={"score_func": SCORES[score]}).fit(X, Y)
    got = voxen.RidgeCV(**settings, scoring=score).fit(X, Y)
    agree_in_score(got.cv_scores_, want.cv_scores_)
    same = np.isclose(got.best_alphas_, want.best_alphas_, rtol=1e-9)
    assert same.mean() > 0.9 or len(same) < 5 or X.shape[1] == 1  # of one feature r is the same at every alpha
    agree(got.coef_[:, same], want.coef_[:, same], want.coef_)
    agree(got.predict(X)[:, same], want.predict(X)[:, same], Y)


@pytest.mark.parametrize("seed", range(50))
def test_banded(seed):
    """Scores of all draws and deltas are himalaya's."""
    X, Y, settings, score = draw(1000 + seed)
    rng = np.random.default_rng(seed)
    groups = rng.integers(0, int(rng.integers(1, 5)), X.shape[1])
    draws = int(rng.integers(1, 12))
    params = {"n_iter": draws, "alphas": settings["alphas"], "score_func": SCORES[score], "progress_bar": False, "warn": False}
    common = {"cv": settings["cv"], "fit_intercept": settings["fit_intercept"], "random_state": seed}
    want = HimalayaGroupRidgeCV(groups=groups, solver_params=params, **common).fit(X, Y)
    got = voxen.GroupRidgeCV(groups, n_iter=draws, alphas=settings["alphas"], scoring=score, **common).fit(X, Y)
    agree_in_score(got.cv_scores_, want.cv_scores_)
    same = np.isclose(got.deltas_, want.deltas_, atol=1e-7).all(0)
    assert same.mean() > 0.9 or len(same) < 5 or X.shape[1] == 1  # of one feature r is the same at every alpha
    agree(got.predict(X)[:, same], want.predict(X)[:, same], Y)


@pytest.mark.parametrize("seed", range(50))
def test_lasso(seed):
    """Weights are scikit-learn's elastic net at the alpha chosen."""
    X, Y, settings, _ = draw(2000 + seed)
    ratio = [1.0, 0.7, 0.2][seed % 3]
    model = voxen.LassoCV(l1_ratio=ratio, n_alphas=6, cv=settings["cv"], fit_intercept=settings["fit_intercept"]).fit(X, Y)
    for v in range(min(4, Y.shape[1])):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of its own precision, which it does not reach everywhere
            want = ElasticNet(alpha=model.best_alphas_[v], l1_ratio=ratio, fit_intercept=settings["fit_intercept"], tol=1e-10, max_iter=200000).fit(X, Y[:, v])
        got = model.predict(X)[:, v]
        objective = [((Y[:, v] - p) ** 2).mean() / 2 + model.best_alphas_[v] * (ratio * np.abs(w).sum() + (1 - ratio) / 2 * (w**2).sum()) for p, w in ((got, model.coef_[:, v]), (want.predict(X), want.coef_))]
        assert objective[0] <= objective[1] * (1 + 1e-6)
        np.testing.assert_allclose(got, want.predict(X), atol=1e-3 * Y.std())


@pytest.fixture(scope="module")
def job():
    """Give a fit of some ten milliseconds, and what it finds."""
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((300, 40), dtype=np.float32), rng.standard_normal((300, 4000), dtype=np.float32)
    return X, Y, voxen.RidgeCV().fit(X, Y).coef_.copy()


def files():
    """Number of files that this process has open."""
    return len(os.listdir("/proc/self/fd"))


def resident(pid):
    """Resident set of a process in MiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def left():
    """The shared folders that there are."""
    return {str(p) for d in ("/dev/shm", os.environ.get("TMPDIR", "/tmp")) for p in Path(d).glob("voxen-*") if not p.name.startswith("voxen-results")}


def test_kills(job):
    """The engine is killed at 300 moments of a fit: an exception or the right result, and the next call is well."""
    X, Y, want = job
    rng = np.random.default_rng(1)
    voxen.RidgeCV().fit(X, Y)
    before, lost = files(), 0
    for _ in range(300):
        timer = threading.Timer(rng.uniform(0, 0.15), os.kill, (_worker._worker._process.pid, signal.SIGKILL))
        timer.start()
        try:
            np.testing.assert_array_equal(voxen.RidgeCV().fit(X, Y).coef_, want)
        except voxen.WorkerLost:
            lost += 1
        timer.join()
        np.testing.assert_array_equal(voxen.RidgeCV([1.0]).fit(X[:, :3], Y[:, :5]).coef_.shape, (3, 5))
    assert lost > 30 and files() - before < 10
    np.testing.assert_array_equal(voxen.RidgeCV().fit(X, Y).coef_, want)


def test_interrupts(job):
    """Ctrl-C comes at 300 moments of a fit; the next fit is right, and most of the time by the same process."""
    X, Y, want = job
    rng = np.random.default_rng(2)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    opened, heard, pids = files(), 0, set()
    try:
        for _ in range(300):
            timer = threading.Timer(rng.uniform(0, 0.15), os.kill, (os.getpid(), signal.SIGINT))
            try:
                timer.start()
                voxen.RidgeCV().fit(X, Y)
                timer.join()
                time.sleep(0.01)
            except KeyboardInterrupt:
                heard += 1
            timer.join()
            np.testing.assert_array_equal(voxen.RidgeCV().fit(X, Y).coef_, want)
            pids.add(_worker._worker._process.pid)
    finally:
        signal.signal(signal.SIGINT, before)
    assert heard > 250 and len(pids) < 100 and files() - opened < 10


def test_forks(job):
    """300 forks, from a process whose engine runs: each fits by its own and leaves the parent's alone."""
    X, Y, want = job
    voxen.RidgeCV().fit(X, Y)
    pid, folders = _worker._worker._process.pid, left()
    for _ in range(100):
        children = []
        for _ in range(3):
            child = os.fork()
            if child == 0:
                status = 1
                try:
                    status = int(not np.array_equal(voxen.RidgeCV().fit(X, Y).coef_, want) or _worker._worker._process.pid == pid)
                    voxen.shutdown()
                finally:
                    os._exit(status)
            children.append(child)
        assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0]
    np.testing.assert_array_equal(voxen.RidgeCV().fit(X, Y).coef_, want)
    assert _worker._worker._process.pid == pid and left() == folders


def test_threads():
    """Eight threads ask for fits of their own shapes at once."""
    rng = np.random.default_rng(3)
    wrong = []

    def work(number):
        X, Y = rng_of[number].standard_normal((50 + number, 5)), rng_of[number].standard_normal((50 + number, 30 * number + 1))
        want = voxen.RidgeCV([1.0, 10.0]).fit(X, Y).coef_
        for _ in range(40):
            if not np.array_equal(voxen.RidgeCV([1.0, 10.0]).fit(X, Y).coef_, want):
                wrong.append(number)

    rng_of = rng.spawn(8)
    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


def test_memory_of_thousands_of_fits():
    """5,000 fits of changing shapes and kinds hold no more memory and no more files at their end."""
    rng = np.random.default_rng(4)
    X, Y = rng.standard_normal((120, 30)), rng.standard_normal((120, 3000))
    voxen.shutdown()
    sizes = []
    for i in range(5000):
        rows, features, targets = int(rng.integers(20, 120)), int(rng.integers(2, 30)), int(rng.integers(1, 3000 if i % 10 == 0 else 50))
        make = [voxen.RidgeCV([1.0, 10.0]), voxen.GroupRidgeCV(np.arange(features) % 2, n_iter=2, alphas=[1.0]), voxen.LassoCV(n_alphas=2)][i % 3]
        make.fit(X[:rows, :features], Y[:rows, :targets])
        if i % 1000 == 999:
            sizes.append((resident(os.getpid()), resident(_worker._worker._process.pid), files()))
    print(sizes)
    assert sizes[-1][0] - sizes[0][0] < 20 and sizes[-1][1] - sizes[0][1] < 40 and sizes[-1][2] - sizes[0][2] <= 2, sizes


def test_parents_die(tmp_path):
    """60 Python processes are killed at random moments; their engines end and nothing is left."""
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\nsys.modules['sklearn'] = None\nimport numpy as np, voxen\nfrom voxen import _worker\nrng = np.random.default_rng(0)\n"
        "X, Y = rng.standard_normal((300, 40)), rng.standard_normal((300, 4000))\nprint(1, flush=True)\n"
        "while True:\n    voxen.RidgeCV().fit(X, Y)\n    voxen.shutdown() if rng.random() < 0.3 else None\n"
    )
    before = left()
    rng = np.random.default_rng(5)
    for _ in range(60):
        process = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE)
        process.stdout.readline()
        time.sleep(rng.uniform(0, 1.5))
        process.send_signal(rng.choice([signal.SIGKILL, signal.SIGTERM, signal.SIGINT]))
        process.wait()
        process.stdout.close()
    until = time.monotonic() + 30
    while (folders := left() - before) and time.monotonic() < until:
        time.sleep(0.1)
    assert not folders
