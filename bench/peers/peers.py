"""voxen and its peers in turns on this machine: medians, ratios and spread.

usage: peers.py --build DIR [--threads N] [--rounds N] [--keep] [--table FILE] [--list] [ROW...]

A round measures the peak rate of multiply-adds, runs voxen, the peak, the peer, the peak; rows of one job (a fit in memory
and as a whole command) share the peer's run. Rounds in which a peak fell below 92% of what the threads reach when each
is alone did not have the machine to themselves and are dropped; up to three times the wanted number is tried, for at most
--minutes a job. Before times are compared the answers are.

Every round goes to DIR/rounds.jsonl at once, and the table is made of what lies there, whatever ends the run. Without
--keep the file is begun anew; with it a long run can be split, row by row. run.sh makes DIR and the environment.

exit status: 0 every row has its rounds; 1 a row failed (answers differ, or a program ended early); 2 wrong usage;
3 a row has fewer rounds than wanted in which the machine was its own; 130 interrupted.
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--build", required=True, help="folder of the worker, the program and the data")
    p.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--minutes", type=float, default=4, help="begin no round of a job after so long (default 4)")
    p.add_argument("--keep", action="store_true", help="add to the rounds that are there")
    p.add_argument("--table", help="write the table to this file, too, as Markdown")
    p.add_argument("--list", action="store_true", help="print the rows")
    p.add_argument("rows", nargs="*", metavar="ROW")
    return p.parse_args()


args = arguments()
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = str(args.threads)  # read when the libraries load

import numpy as np  # noqa: E402

import synthetic  # noqa: E402
import tutorial  # noqa: E402

PEAK_SHARE = 0.92   # of the best peak of one thread, times the threads: below it others had a part of the machine
TRIES = 3           # times the wanted rounds
PAUSE = 0.25        # seconds: OpenBLAS' threads spin for a tenth before they sleep
ALPHAS = np.logspace(-1, 5, 20)
FOLDS = 5
LAMBDA = 0.15
EPOCHS, BATCH = 4, 512


class Worker:
    """voxen's side in memory: bench/peers/worker."""

    def __init__(self, *job):
        command = [os.path.join(args.build, "worker"), "--threads", str(args.threads), *job]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        self.folder = os.path.join(job[-1], "voxen")
        self._answer()

    def _answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise Failed("the worker ended with status %s" % self.process.wait())
        return json.loads(line)

    def tell(self, word):
        self.process.stdin.write(word + "\n")
        return self._answer()

    def run(self):
        return self.tell("run")["seconds"]

    def peak(self):
        return self.tell("peak")["peak"]

    def alone(self):
        return self.tell("alone")["peak"]

    def results(self):
        self.tell("save")
        return {f[:-4]: np.load(os.path.join(self.folder, f)) for f in os.listdir(self.folder)}

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class Python(Worker):
    """voxen's side from Python: fit.py with the package of this tree and the program just built."""

    def __init__(self, how, folder):
        environment = dict(os.environ, PYTHONPATH=os.path.join(HERE, "..", "..", "python", "src"), VOXEN_PROGRAM=os.path.abspath(os.path.join(args.build, "voxen")))
        command = [sys.executable, os.path.join(HERE, "fit.py"), how, folder]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1, env=environment)
        self.folder = os.path.join(folder, "voxen")
        self._answer()


class Command:
    """voxen's side as a whole command: from the start of the process to its end, files in, files out."""

    resident = 0  # largest resident set so far, in bytes

    def __init__(self, *command):
        self.out = os.path.join(args.build, "out")
        self.command = [os.path.join(args.build, "voxen"), *command, "--out", self.out, "--threads", str(args.threads), "--device", "cpu", "--quiet"]

    def run(self):
        shutil.rmtree(self.out, ignore_errors=True)
        start = time.perf_counter()
        process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL)
        watch = threading.Thread(target=self.watch, args=(process.pid,))
        watch.start()
        status = process.wait()
        seconds = time.perf_counter() - start
        watch.join()
        want(status == 0, "voxen %s ended with status %d", self.command[1], status)
        return seconds

    def watch(self, pid):
        """Follows the high-water mark of a process; wait4's counts what this process held when it forked."""
        try:
            while True:
                with open("/proc/%d/status" % pid) as f:
                    high = [int(l.split()[1]) << 10 for l in f if l.startswith("VmHWM:")]
                if not high:  # it has ended
                    return
                self.resident = max(self.resident, high[0])
                time.sleep(0.02)
        except (FileNotFoundError, ProcessLookupError):
            pass

    def results(self):
        return {f[:-4]: np.load(os.path.join(self.out, f)) for f in os.listdir(self.out) if f.endswith(".npy")}

    def close(self):
        shutil.rmtree(self.out, ignore_errors=True)


def timed(f):
    start = time.perf_counter()
    result = f()
    return time.perf_counter() - start, result


def data(*how):
    """The folder of an input, made if it is not there."""
    folder = os.path.join(args.build, "data", "-".join(map(str, how)))
    done = os.path.join(folder, "done")
    if not os.path.exists(done):
        synthetic.main([*map(str, how), folder])
        open(done, "w").close()
    return folder


def arrays(folder, *names):
    return [np.load(os.path.join(folder, n + ".npy")) for n in names]


class Failed(Exception):
    """A row has no result: answers differ, or a program ended."""


def want(ok, message, *values):
    if not ok:
        raise Failed(message % values)


# Jobs. Each has one or more sides of voxen's, the peer's side and the check that their answers agree.

class Job:
    """What a row runs: sides of voxen's by name, the peer and the check of their answers."""

    def start(self, side):
        """Voxen's side, "memory" or "command", ready to run."""
        raise NotImplementedError

    def load(self):
        """Reads what the peer needs."""

    def peer(self):
        """Runs the peer; seconds."""
        raise NotImplementedError

    def check(self, side):
        """Fails where the answers of a side differ from the peer's last ones; says how near they are."""
        raise NotImplementedError


class Product(Job):
    """C = A B or A'B against numpy on OpenBLAS."""

    def __init__(self, T, K, V, dtype, transpose):
        self.shape, self.transpose = (T, K, V, 0, dtype), transpose

    def start(self, _):
        return Worker("--transpose=%s" % str(self.transpose).lower(), "gemm", data("product", *self.shape))

    def load(self):
        self.A, self.B = arrays(data("product", *self.shape), "A", "B")
        if self.transpose:
            self.A = self.A.T
        self.C = np.empty((len(self.A), self.B.shape[1]), self.A.dtype)

    def peer(self):
        return timed(lambda: np.matmul(self.A, self.B, out=self.C))[0]

    def check(self, side):
        # n partial sums of size sqrt(1) to sqrt(n) are each rounded: some n eps in all
        error = np.abs(side.results()["C"] - self.C).max()
        limit = 2 * len(self.B) * np.finfo(self.C.dtype).eps
        want(error <= limit, "products differ by up to %g, limit %g", error, limit)
        return "max |difference| %.1e" % error


class Eigen(Job):
    """A = Q diag(s) Q' against numpy.linalg.eigh."""

    def __init__(self, N):
        self.N = N

    def start(self, _):
        return Worker("eig", data("symmetric", self.N, 0))

    def load(self):
        (self.A,) = arrays(data("symmetric", self.N, 0), "A")

    def peer(self):
        seconds, (self.s, self.Q) = timed(lambda: np.linalg.eigh(self.A))
        return seconds

    def check(self, side):
        got = side.results()
        n, top = len(self.A), self.s[-1]
        s, Q = got["values"].ravel(), got["vectors"]
        limit = 1e-15 * n  # some n eps
        values = np.abs(s - self.s).max() / top
        residual = np.linalg.norm(self.A @ Q - Q * s, 2) / top
        skew = np.linalg.norm(Q.T @ Q - np.eye(n), 2)
        want(max(values, residual, skew) <= 10 * limit, "eigenvalues off by %g, residual %g, orthogonality %g", values, residual, skew)
        return "values %.0e, residual %.0e, orthogonality %.0e" % (values, residual, skew)


class Ridge(Job):
    """Cross-validated ridge against himalaya: alpha, score at it and weights of every voxel.

    Both compute in float32; himalaya also decomposes the kernel in it. What decides is therefore float64: the voxels with
    another alpha than himalaya's and the WORST whose scores differ most are scored again by the definition. Our score must be
    within SCORE of the score there (some ten times the rounding of a float32 mean of r2), and where alphas differ both must
    be within SCORE of the best: they tie, and either is right. Everywhere else the two are held to NEAR and WEIGHTS.
    """
    SCORE, WORST = 2e-6, 100
    NEAR, WEIGHTS = 1e-5, 1e-4

    def __init__(self, T, K, V, kernel=False):
        self.shape, self.kernel = (T, K, V, 0), kernel

    def start(self, side):
        folder = data("ridge", *self.shape)
        if side == "command":
            f = os.path.join(folder, "%s.npy")
            return Command("encode", "--features", f % "X", "--responses", f % "Y")
        if side == "python":
            return Python("first", folder)
        return Worker("ridge", folder)

    def load(self):
        from himalaya.backend import set_backend
        set_backend("numpy")
        self.X, self.Y = arrays(data("ridge", *self.shape), "X", "Y")

    def fit(self):
        from himalaya.kernel_ridge import KernelRidgeCV
        from himalaya.ridge import RidgeCV
        from himalaya.scoring import r2_score
        from sklearn.model_selection import KFold
        if self.kernel:
            m = KernelRidgeCV(alphas=ALPHAS, cv=KFold(FOLDS), solver_params=dict(score_func=r2_score)).fit(self.X, self.Y)
            return m, m.get_primal_coef()
        m = RidgeCV(alphas=ALPHAS, cv=KFold(FOLDS), fit_intercept=False, solver_params=dict(score_func=r2_score)).fit(self.X, self.Y)
        return m, m.coef_

    def peer(self):
        seconds, (self.model, self.coef) = timed(self.fit)
        return seconds

    def scores(self, voxels):
        """Mean r2 over folds of every alpha, (alphas, voxels), in float64: kernel ridge with explicit predictions."""
        from sklearn.model_selection import KFold
        X, Y = self.X.astype(np.float64), self.Y[:, voxels].astype(np.float64)
        out = np.zeros((len(ALPHAS), len(voxels)))
        for train, test in KFold(FOLDS).split(X):
            s, Q = np.linalg.eigh(X[train] @ X[train].T)
            coordinates, rows, y = Q.T @ Y[train], X[test] @ X[train].T @ Q, Y[test]
            total = ((y - y.mean(0)) ** 2).sum(0)
            for i, alpha in enumerate(ALPHAS):
                out[i] += 1 - ((y - rows @ (coordinates / (s + alpha)[:, None])) ** 2).sum(0) / total
        return out / FOLDS

    def check(self, side):
        got = side.results()
        ours, theirs = (np.abs(np.log(np.asarray(a).reshape(-1, 1) / ALPHAS)).argmin(1) for a in (got["alpha"], self.model.best_alphas_))
        same = ours == theirs
        score = np.abs(got["cv_score"].ravel() - np.asarray(self.model.cv_scores_).reshape(-1))
        W, w = np.asarray(self.coef)[:, same], got["weights"][:, same]
        weights = (np.linalg.norm(W - w, axis=0) / np.linalg.norm(W, axis=0)).max()
        want(score.max() <= self.NEAR and weights <= self.WEIGHTS, "scores differ by up to %g, weights by up to %g of their norm", score.max(), weights)
        other = np.flatnonzero(~same)
        voxels = np.union1d(other, np.argsort(score)[-self.WORST:])
        exact = self.scores(voxels)
        at = lambda alphas: exact[alphas[voxels], np.arange(len(voxels))]
        off = np.abs(got["cv_score"].ravel()[voxels] - at(ours)).max()
        tie = max((exact.max(0) - at(a))[~same[voxels]].max(initial=0) for a in (ours, theirs))
        want(off <= self.SCORE, "scores are up to %g off in float64", off)
        want(tie <= self.SCORE, "%d voxels have other alphas, with scores up to %g below the best in float64", len(other), tie)
        return "alphas equal but for %d of %d voxels, tied within %.0e; scores within %.0e of float64 and %.0e of the peer's, weights within %.0e" % (
            len(other), len(same), tie, off, score.max(), weights)


class Again(Job):
    """Later fits from Python, in a process that has fitted before, against the engine on arrays in its own memory."""

    def __init__(self, T, K, V):
        self.folder = data("ridge", T, K, V, 0)

    def start(self, _):
        return Python("again", self.folder)

    def load(self):
        self.engine = Worker("ridge", self.folder)

    def peer(self):
        return self.engine.run()

    def check(self, side):
        got = side.results()
        theirs = self.engine.results()  # in the place of the others
        for name in got:
            want(np.array_equal(got[name].ravel(), theirs[name].ravel()), "%s differ", name)
        return "the same bits"

    def close(self):
        if hasattr(self, "engine"):
            self.engine.close()


class Banded(Job):
    """Banded ridge by random search, whole command, against himalaya's GroupRidgeCV with the same weights of the bands.

    Both in float32. Scores must agree to NEAR in every voxel; so must weights where draw and alpha are the same, and where they
    are not the two tie.
    """
    NEAR, WEIGHTS = 1e-4, 1e-3

    def __init__(self, T, sizes, V, draws):
        self.sizes, self.how = sizes, ("banded", T, ",".join(map(str, sizes)), V, draws, 0)

    def start(self, _):
        f, ends = os.path.join(data(*self.how), "%s.npy"), np.cumsum([0, *self.sizes])
        bands = ",".join("b%d=%d:%d" % (i, *ends[i:i + 2]) for i in range(len(self.sizes)))
        return Command("encode", "--features", f % "X", "--responses", f % "Y", "--bands", bands, "--band-weights", f % "gammas")

    def load(self):
        from himalaya.backend import set_backend
        set_backend("numpy")
        self.X, self.Y, self.gammas = arrays(data(*self.how), "X", "Y", "gammas")

    def peer(self):
        from himalaya.ridge import GroupRidgeCV
        from himalaya.scoring import r2_score
        from sklearn.model_selection import KFold
        how = dict(n_iter=self.gammas.astype("f4"), alphas=ALPHAS, score_func=r2_score, progress_bar=False, warn=False)
        groups = np.repeat(np.arange(len(self.sizes)), self.sizes)
        self.model = GroupRidgeCV(groups=groups, cv=KFold(FOLDS), fit_intercept=False, solver_params=how)
        return timed(lambda: self.model.fit(self.X, self.Y))[0]

    def check(self, side):
        got = side.results()
        theirs = np.asarray(self.model.cv_scores_).max(0)  # draws x voxels
        score = np.abs(got["cv_score"].ravel() - theirs).max()
        deltas = np.log(got["band_weights"] / got["alpha"].ravel())
        same = (np.abs(deltas - self.model.deltas_) < 1e-3).all(0)
        W, w = np.asarray(self.model.coef_)[:, same], got["weights"][:, same]
        weights = (np.linalg.norm(W - w, axis=0) / np.linalg.norm(W, axis=0)).max()
        want(score <= self.NEAR and weights <= self.WEIGHTS, "scores differ by up to %g, weights by up to %g of their norm", score, weights)
        want(same.mean() > 0.9, "only %d of %d voxels have the same draw and alpha", same.sum(), len(same))
        return "scores within %.0e, draw and alpha equal but for %d of %d voxels, weights within %.0e" % (score, (~same).sum(), len(same), weights)


class Tutorial(Job):
    """The banded ridge of the voxelwise_tutorials, whole command, against himalaya's MultipleKernelRidgeCV in the dual.

    Five runs and five repeats of a test run; delays, kernels, fit and predictions are in both times. Each side draws as many
    weights of bands as the other, its own: the median held-out R2 must be at least the peer's.
    """
    def __init__(self, V, draws):
        self.how, self.draws = ("tutorial", tutorial.RUNS, tutorial.T, V, 0), draws

    def start(self, _):
        return Command(*tutorial.arguments(data(*self.how)), "--band-samples", str(self.draws))

    def load(self):
        self.himalaya = tutorial.Himalaya(data(*self.how))

    def peer(self):
        seconds, (_, self.r2) = timed(lambda: self.himalaya.fit(self.draws))
        return seconds

    def check(self, side):
        ours, theirs = (median(np.asarray(x)) for x in (side.results()["test_score"], self.r2))
        want(ours >= theirs, "median test R2 %.5f, the peer's %.5f", ours, theirs)
        return "median test R2 %.5f, peer %.5f" % (ours, theirs)


class Partition(Job):
    """All subsets of bands with their held-out R2 against one fit of all columns with its own, both in memory."""

    def __init__(self, T, sizes, V):
        self.sizes, self.how = ",".join(map(str, sizes)), ("banded", T, ",".join(map(str, sizes)), V, 2, 0)

    def start(self, _):
        return Worker("--bands", self.sizes, "partition", data(*self.how))

    def load(self):
        self.plain = Worker("heldout", data(*self.how))
        self.plain.run()

    def peer(self):
        return self.plain.run()

    def check(self, side):
        error = np.abs(side.results()["scores"][-1] - self.plain.results()["scores"].ravel()).max()
        want(error <= 1e-6, "the last subset differs from the fit of all columns by %g", error)
        return "the last subset is the fit of all, R2 within %.0e" % error

    def close(self):
        self.plain.close()


class LeaveOneOut(Job):
    """Leave-one-out with an alpha per voxel against scikit-learn's RidgeCV, in memory; scikit-learn computes in float64."""

    def __init__(self, T, K, V):
        self.shape = (T, K, V, 0)

    def start(self, _):
        return Worker("loo", data("ridge", *self.shape))

    def load(self):
        self.X, self.Y = arrays(data("ridge", *self.shape), "X", "Y")

    def peer(self):
        from sklearn.linear_model import RidgeCV
        self.model = RidgeCV(alphas=ALPHAS, fit_intercept=False, alpha_per_target=True)
        return timed(lambda: self.model.fit(self.X, self.Y))[0]

    def check(self, side):
        got = side.results()
        score = np.abs(got["cv_score"].ravel() / self.model.best_score_ - 1).max()
        same = np.abs(got["alpha"].ravel() / self.model.alpha_ - 1) < 1e-3
        W, w = self.model.coef_[same].T, got["weights"][:, same]
        weights = (np.linalg.norm(W - w, axis=0) / np.linalg.norm(W, axis=0)).max()
        want(score <= 1e-5 and weights <= 1e-4, "mean squared errors differ by up to %g of them, weights by %g of their norm", score, weights)
        want(same.mean() > 0.99, "only %d of %d voxels have the same alpha", same.sum(), len(same))
        return "alphas equal but for %d of %d voxels, errors within %.0e, weights within %.0e" % ((~same).sum(), len(same), score, weights)


class Lasso(Job):
    """The cross-validated path of the lasso, whole command, against scikit-learn's lasso_path of every fold and voxel under joblib.

    Both walk the same 20 penalties for the training rows of each of five folds, and for all rows.
    """
    PENALTIES = np.logspace(np.log10(3), np.log10(3e-3), 20)

    def __init__(self, T, K, V):
        self.shape = (T, K, V, 0)

    def start(self, _):
        f = os.path.join(data("ridge", *self.shape), "%s.npy")
        return Command("encode", "--features", f % "X", "--responses", f % "Y", "--model", "lasso", "--alphas", ",".join("%.17g" % a for a in self.PENALTIES))

    def load(self):
        self.X, self.Y = arrays(data("ridge", *self.shape), "X", "Y")

    def fit(self):
        from joblib import Parallel, delayed
        from sklearn.linear_model import lasso_path
        from sklearn.model_selection import KFold
        V = self.Y.shape[1]

        def paths(rows, voxels):
            X = np.asfortranarray(self.X[rows])
            gram = X.T @ X
            return np.stack([lasso_path(X, np.ascontiguousarray(self.Y[rows, v]), alphas=self.PENALTIES, precompute=gram)[1] for v in voxels])

        with Parallel(n_jobs=args.threads) as pool:
            chunks = np.array_split(np.arange(V), 4 * args.threads)
            path = lambda rows: np.concatenate(pool(delayed(paths)(rows, c) for c in chunks))  # voxels x features x penalties
            scores = 0
            for train, test in KFold(FOLDS).split(self.X):
                W, y = path(train), self.Y[test]
                total = ((y - y.mean(0)) ** 2).sum(0)
                scores = scores + np.stack([1 - ((y - self.X[test] @ W[:, :, i].T) ** 2).sum(0) / total for i in range(len(self.PENALTIES))]) / FOLDS
            W = path(slice(None))
        best = scores.argmax(0)
        return self.PENALTIES[best], scores.max(0), W[np.arange(V), :, best].T

    def peer(self):
        seconds, (self.alpha, self.score, self.W) = timed(self.fit)
        return seconds

    def check(self, side):
        got = side.results()
        score = np.abs(got["cv_score"].ravel() - self.score).max()
        same = np.abs(got["alpha"].ravel() / self.alpha - 1) < 1e-3
        W, w = self.W[:, same], got["weights"][:, same]
        weights = (np.linalg.norm(W - w, axis=0) / np.maximum(np.linalg.norm(W, axis=0), 1e-2)).max()  # they may be all 0
        # scikit-learn ends at a duality gap of 1e-4 of |y|^2: ours is nearer to the optimum
        want(score <= 1e-3 and weights <= 3e-2, "scores differ by up to %g, weights by up to %g of their norm", score, weights)
        want(same.mean() > 0.95, "only %d of %d voxels have the same penalty", same.sum(), len(same))
        return "penalties equal but for %d of %d voxels, scores within %.0e, weights within %.0e" % ((~same).sum(), len(same), score, weights)


class Dictionary(Job):
    """Learning and codes against SPAMS' four passes: the objective must be at most SPAMS' own."""

    def __init__(self, T, N):
        self.shape = (T, N, 0)

    def start(self, side):
        folder = data("dictionary", *self.shape)
        if side == "command":
            return Command("learn", "--responses", os.path.join(folder, "S.npy"), "--standardize", "none", "--epochs", str(EPOCHS))
        return Worker("--epochs", str(EPOCHS), "dict", folder)

    def load(self):
        (self.S,) = arrays(data("dictionary", *self.shape), "S")
        self.F = np.asfortranarray(self.S)

    def fit(self):
        import spams
        steps = EPOCHS * self.F.shape[1] // BATCH
        D = spams.trainDL(self.F, K=synthetic.ATOMS, lambda1=LAMBDA, iter=steps, batchsize=BATCH, numThreads=args.threads, verbose=False)
        return D, spams.lasso(self.F, D=D, lambda1=LAMBDA, numThreads=args.threads)

    def peer(self):
        seconds, (self.D, self.codes) = timed(self.fit)
        return seconds

    def objective(self, D, codes):
        residual = self.S - D @ codes
        return (0.5 * (residual ** 2).sum(dtype=np.float64) + LAMBDA * np.abs(codes).sum(dtype=np.float64)) / self.S.shape[1]

    def check(self, side):
        got = side.results()
        if "codes" not in got:
            import scipy.sparse
            got["codes"] = scipy.sparse.load_npz(os.path.join(side.out, "codes.npz")).toarray()
        ours = self.objective(got["atoms"], got["codes"])
        theirs = self.objective(self.D, self.codes.toarray())
        norm = np.linalg.norm(got["atoms"], axis=0).max()
        want(norm < 1 + 1e-5, "an atom has norm %g", norm)
        want(ours <= theirs, "objective %.6f, the peer reaches %.6f", ours, theirs)
        return "objective %.6f, peer %.6f" % (ours, theirs)


class Streaming(Job):
    """voxen encode of a file in the page cache, larger than its bound on memory, against the fit of the same data in memory.

    The peer is voxen with all of Y in its memory, read before the clock starts: the fit alone, nothing read or written. The
    command's time is from the start of its process to its end.
    """
    MEMORY = 512  # MiB

    def __init__(self, T, K, V):
        self.shape = (T, K, V, 0)

    def start(self, _):
        f = os.path.join(data("ridge", *self.shape), "%s.npy")
        return Command("encode", "--features", f % "X", "--responses", f % "Y", "--memory", "%dMiB" % self.MEMORY)

    def load(self):
        self.resident = Worker("ridge", data("ridge", *self.shape))
        self.resident.run()

    def peer(self):
        return self.resident.run()

    def check(self, side):
        got, whole = side.results(), self.resident.results()
        for name in ("weights", "alpha", "cv_score"):
            want(np.array_equal(got[name].ravel(), whole[name].ravel(), equal_nan=True), "%s of the bounded run differ", name)
        want(side.resident <= self.MEMORY << 20, "resident set of %d MiB, bound %d MiB", side.resident >> 20, self.MEMORY)
        return "the same bits, resident set at most %d MiB" % (side.resident >> 20)

    def close(self):
        self.resident.close()


class Cost(Job):
    """The time per voxel of many voxels against that of few, in memory."""
    REPEATS = 9  # runs of the few a round, of which the median counts: one is over in milliseconds

    def __init__(self, T, K, few, many):
        self.few, self.many = (T, K, few, 0), (T, K, many, 0)

    def start(self, _):
        large = Worker("ridge", data("ridge", *self.many))
        run = large.run
        large.run = lambda: run() / self.many[2]
        return large

    def load(self):
        self.small = Worker("ridge", data("ridge", *self.few))
        self.small.run()

    def peer(self):
        return median([self.small.run() for _ in range(self.REPEATS)]) / self.few[2]

    def check(self, side):
        return "times are per voxel, %d and %d voxels" % (self.many[2], self.few[2])

    def close(self):
        self.small.close()


JOBS = {
    "sgemm": lambda: Product(2048, 2048, 2048, "float32", False),
    "dgemm": lambda: Product(2048, 2048, 2048, "float64", False),
    "xty": lambda: Product(1000, 64, 60000, "float32", True),
    "eig-64": lambda: Eigen(64),
    "eig-600": lambda: Eigen(600),
    "eig-2000": lambda: Eigen(2000),
    "ridge": lambda: Ridge(1000, 64, 60000),
    "again": lambda: Again(1000, 64, 60000),
    "small": lambda: Again(100, 10, 20),
    "ridge-512": lambda: Ridge(1000, 512, 20000),
    "dual": lambda: Ridge(600, 3072, 10000, kernel=True),
    "banded": lambda: Banded(1000, (64, 256), 20000, 100),
    "banded-short": lambda: Banded(1000, (64, 256), 20000, 10),
    "tutorial": lambda: Tutorial(5000, 100),
    "partition": lambda: Partition(1000, (64, 64, 128), 20000),
    "loo": lambda: LeaveOneOut(1000, 64, 2000),
    "lasso": lambda: Lasso(600, 64, 2000),
    "learn-small": lambda: Dictionary(300, 9216),
    "learn-large": lambda: Dictionary(600, 36864),
    "streaming": lambda: Streaming(600, 64, 228000),
    "cost": lambda: Cost(200, 64, 10000, 1000000),
}

# A row is a side of a job: label, peer, the ratio that is aimed at. A row NAME-command or NAME-python is that side of job NAME.
ROWS = {
    "sgemm": ("SGEMM 2048", "OpenBLAS", 1.0),
    "dgemm": ("DGEMM 2048", "OpenBLAS", 1.0),
    "xty": ("X'Y 64 x 1000 x 60,000 float32", "OpenBLAS", 1.2),
    "eig-64": ("symmetric eigenproblem n=64", "numpy", 1.0),
    "eig-600": ("symmetric eigenproblem n=600", "numpy", 1.0),
    "eig-2000": ("symmetric eigenproblem n=2000", "numpy", 1.0),
    "ridge": ("RidgeCV T=1000 K=64 V=60,000", "himalaya RidgeCV", 40),
    "ridge-command": ("the same, whole command", "himalaya in memory", 30),
    "ridge-python": ("the same, from Python, first fit of a process", "himalaya RidgeCV", 35),
    "again": ("the same, from Python, later fits", "voxen, the engine on its own arrays", 1 / 1.3),
    "small": ("RidgeCV T=100 K=10 V=20 from Python, later fits, 10 ms asked", "voxen, the engine on its own arrays", 0.1),
    "ridge-512": ("RidgeCV T=1000 K=512 V=20,000", "himalaya RidgeCV", 3),
    "dual": ("T=600 K=3072 V=10,000, dual", "himalaya KernelRidgeCV", 2),
    "banded": ("banded ridge T=1000 K=64+256 V=20,000, 100 draws, whole command", "himalaya GroupRidgeCV in memory", 6),
    "banded-short": ("the same, 10 draws", "himalaya GroupRidgeCV in memory", 6),
    "tutorial": ("tutorials' shape, 5 x 160 rows, K=(60+200) x 4, V=5,000, 100 draws, whole command", "himalaya MultipleKernelRidgeCV in memory", 5),
    "partition": ("partition of bands of 64, 64, 128, T=1000 V=20,000", "voxen, one fit of all", 1 / 3),
    "loo": ("leave-one-out T=1000 K=64 V=2,000", "scikit-learn RidgeCV", 10),
    "lasso": ("lasso path, 20 penalties, 5 folds, T=600 K=64 V=2,000, whole command", "scikit-learn lasso_path, joblib", 5),
    "learn-small": ("learn T=300 N=9,216, 4 passes", "SPAMS, 4 passes", 4),
    "learn-small-command": ("the same, whole command", "SPAMS in memory", 2),
    "learn-large": ("learn T=600 N=36,864, 4 passes", "SPAMS, 4 passes", 4),
    "learn-large-command": ("the same, whole command", "SPAMS in memory", 2),
    "streaming": ("encode 228,000 voxels, --memory 512MiB", "voxen, Y in memory", 0.7),
    "cost": ("per voxel, 1,000,000 voxels", "voxen, 10,000 voxels", 1 / 1.2),
}


def place(row):
    """The job and the side of a row."""
    job, _, side = row.rpartition("-")
    return (job, side) if side in ("command", "python") else (row, "memory")


def compare(job, rows, keep):
    """Runs the rounds of a job's rows and hands each to keep. A row that fails is kept as such; the others go on."""
    note = dict(at=time.strftime("%Y-%m-%d"), machine=MACHINE, threads=args.threads, wanted=args.rounds)
    begun = time.monotonic()
    work, sides, rounds, meter, agreed = JOBS[job](), {}, {row: [] for row in rows}, None, {}

    def attempt(row, f):
        """f's value; None, and the row is out, where it fails."""
        try:
            return f()
        except Failed as e:
            keep(dict(note, row=row, failed=str(e)))
            print("%s: FAILED: %s" % (row, e), flush=True)
            rounds.pop(row)
            return None

    try:
        meter = Worker("eig", data("symmetric", 64, 0))
        for row in rows:
            sides[row] = work.start(place(row)[1])
        work.load()
        for row in list(rounds):
            attempt(row, sides[row].run)  # fills caches and pages; a peer's first run counts, medians bear it
        alone = meter.alone()
        for i in range(TRIES * args.rounds):
            if not rounds or i and time.monotonic() - begun > 60 * args.minutes:
                break
            seconds, peaks = {}, [meter.peak()]
            for row in list(rounds):
                seconds[row] = attempt(row, sides[row].run), len(peaks)
                peaks.append(meter.peak())
            theirs = work.peer()
            time.sleep(PAUSE)
            end = meter.peak()
            for row in [r for r in rounds if r not in agreed]:
                agreed[row] = attempt(row, lambda: work.check(sides[row]))
                if row in rounds:
                    print("%s: %s" % (row, agreed[row]), flush=True)
            alone = max(alone, meter.alone())
            for row in rounds:
                ours, at = seconds[row]
                around = [peaks[at - 1], peaks[at], peaks[-1], end]
                rounds[row].append(dict(note, row=row, voxen=ours, peer=theirs, peaks=around, alone=alone, agreement=agreed[row]))
                keep(rounds[row][-1])
                print("%s: voxen %.4g s, peer %.4g s, peak %s GFLOP/s" % (row, ours, theirs, " ".join("%.0f" % (p / 1e9) for p in around)), flush=True)
            if rounds and min(len(good(r)) for r in rounds.values()) >= args.rounds:
                break
    except Failed as e:  # the peer's side or the meter
        for row in rows:
            keep(dict(note, row=row, failed=str(e)))
        print("%s: FAILED: %s" % (job, e), flush=True)
    finally:
        for x in [*sides.values(), meter, work]:
            if hasattr(x, "close"):
                x.close()


def good(rounds):
    """The rounds in which the machine was ours."""
    whole = max((r["threads"] * r["alone"] for r in rounds), default=0)
    return [r for r in rounds if min(r["peaks"]) >= PEAK_SHARE * whole]


def median(x):
    return float(np.median(x))


def line(name, all):
    """One row of the table, and its status."""
    label, peer, target = ROWS[name]
    failed = [r["failed"] for r in all if "failed" in r]
    rounds = [r for r in all if "failed" not in r]
    kept = good(rounds)
    cells, state, status = ["-"] * 4, "%d of %d" % (len(kept), len(rounds)), 0
    if kept:
        ratios = [r["peer"] / r["voxen"] for r in kept]
        ms = lambda k: "%.4g" % (1e3 * median([r[k] for r in kept]))
        cells = [ms("voxen"), ms("peer"), "%.2f" % median(ratios), "%.2f-%.2f" % (min(ratios), max(ratios))]
    if len(kept) < all[-1]["wanted"]:
        state, status = state + ", too few", 3
    if failed:
        state, status = "FAILED: " + failed[-1], 1
    return [label, peer, *cells, "%.3g" % target, state], status


HEADER = ["work", "peer", "voxen ms", "peer ms", "ratio", "spread", "target", "rounds kept"]


def table(rounds):
    """The table of all rounds, and the status of the worst row."""
    mine = [(name, [r for r in rounds if r["row"] == name and r["machine"] == MACHINE and r["threads"] == args.threads]) for name in ROWS]
    found = [line(name, r) for name, r in mine if r]
    lines = [cells for cells, _ in found]
    widths = [max(len(l[i]) for l in [HEADER, *lines]) for i in range(len(HEADER))]
    show = lambda cells: "| " + " | ".join(c.ljust(w) for c, w in zip(cells, widths)) + " |"
    text = "\n".join([show(HEADER), show(["-" * w for w in widths]), *map(show, lines)])
    states = {status for _, status in found}
    return "%s, %d threads, %s\n\n%s" % (MACHINE, args.threads, time.strftime("%Y-%m-%d"), text), 1 if 1 in states else max(states, default=0)


def machine():
    """The processor by its name."""
    with open("/proc/cpuinfo") as f:
        return next((l.split(":")[1].strip() for l in f if l.startswith("model name")), "processor")


MACHINE = machine()


def main():
    if args.list:
        for name, (label, peer, target) in ROWS.items():
            print("%-22s %s, at least %.3g x %s" % (name, label, target, peer))
        return 0
    for name in args.rows:
        if name not in ROWS:
            print("row %r, expected one of %s" % (name, ", ".join(ROWS)), file=sys.stderr)
            return 2
    kept = os.path.join(args.build, "rounds.jsonl")
    status = 0
    with open(kept, "a" if args.keep else "w", buffering=1) as f:
        jobs = {}
        for row in args.rows or ROWS:
            jobs.setdefault(place(row)[0], []).append(row)
        try:
            for job, rows in jobs.items():
                compare(job, rows, lambda r: f.write(json.dumps(r) + "\n"))
        except KeyboardInterrupt:
            status = 130
    with open(kept) as f:
        text, worst = table([json.loads(l) for l in f])
    print("\n" + text)
    if args.table:
        with open(args.table, "w") as f:
            f.write(text + "\n")
    return status or worst


if __name__ == "__main__":
    sys.exit(main())
