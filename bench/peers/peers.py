"""voxen and its peers in turns on this machine: medians, ratios and spread.

usage: peers.py --build DIR [--threads N] [--rounds N] [--keep] [--table FILE] [--list] [ROW...]

A round measures the peak rate of multiply-adds, runs voxen, the peak, the peer, the peak. Rounds in which a peak fell
below 92% of what the threads reach when each is alone did not have the machine to themselves and are dropped; up to
three times the wanted number is tried. Before times are compared the answers are. --keep adds the rounds to DIR/rounds.jsonl and the
table is made of all that lie there, so that a long row can be run in parts. run.sh makes DIR and the environment.
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--build", required=True, help="folder of the worker, the program and the data")
    p.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    p.add_argument("--rounds", type=int, default=5)
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
            raise SystemExit("the worker ended with status %s" % self.process.wait())
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
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        want(status == 0, "%s ended with status %d", " ".join(self.command), os.waitstatus_to_exitcode(status))
        self.resident = max(self.resident, usage.ru_maxrss << 10)
        return seconds

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


def want(ok, message, *values):
    if not ok:
        raise SystemExit("answers differ: " + message % values)


# Rows. Each has voxen's side, the peer's side and the check that their answers agree.

class Product:
    """C = A B or A'B against numpy on OpenBLAS."""

    def __init__(self, T, K, V, dtype, transpose):
        self.folder = data("product", T, K, V, 0, dtype)
        self.transpose = transpose

    def start(self):
        self.A, self.B = arrays(self.folder, "A", "B")
        if self.transpose:
            self.A = self.A.T
        self.C = np.empty((len(self.A), self.B.shape[1]), self.A.dtype)
        return Worker("--transpose=%s" % str(self.transpose).lower(), "gemm", self.folder)

    def peer(self):
        return timed(lambda: np.matmul(self.A, self.B, out=self.C))[0]

    def check(self, got):
        # n partial sums of size sqrt(1) to sqrt(n) are each rounded: some n eps in all
        error = np.abs(got["C"] - self.C).max()
        limit = 2 * len(self.B) * np.finfo(self.C.dtype).eps
        want(error <= limit, "products by up to %g, limit %g", error, limit)
        return "max |difference| %.1e" % error


class Eigen:
    """A = Q diag(s) Q' against numpy.linalg.eigh."""

    def __init__(self, N):
        self.folder = data("symmetric", N, 0)

    def start(self):
        (self.A,) = arrays(self.folder, "A")
        return Worker("eig", self.folder)

    def peer(self):
        seconds, (self.s, self.Q) = timed(lambda: np.linalg.eigh(self.A))
        return seconds

    def check(self, got):
        n, top = len(self.A), self.s[-1]
        s, Q = got["values"].ravel(), got["vectors"]
        limit = 1e-15 * n  # some n eps
        values = np.abs(s - self.s).max() / top
        residual = np.linalg.norm(self.A @ Q - Q * s, 2) / top
        skew = np.linalg.norm(Q.T @ Q - np.eye(n), 2)
        want(max(values, residual, skew) <= 10 * limit, "eigenvalues %g, residual %g, orthogonality %g", values, residual, skew)
        return "values %.0e, residual %.0e, orthogonality %.0e" % (values, residual, skew)


class Ridge:
    """Cross-validated ridge against himalaya: alpha, score at it and weights of every voxel."""

    def __init__(self, T, K, V, kernel=False, command=False):
        self.folder = data("ridge", T, K, V, 0)
        self.kernel, self.command = kernel, command

    def start(self):
        from himalaya.backend import set_backend
        set_backend("numpy")
        self.X, self.Y = arrays(self.folder, "X", "Y")
        if self.command:
            f = os.path.join(self.folder, "%s.npy")
            return Command("encode", "--features", f % "X", "--responses", f % "Y")
        return Worker("ridge", self.folder)

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

    def check(self, got):
        alpha = np.asarray(self.model.best_alphas_)
        same = np.isclose(got["alpha"].ravel(), alpha, rtol=1e-4)
        score = np.abs(got["cv_score"].ravel() - np.asarray(self.model.cv_scores_).reshape(-1)).max()
        W, w = np.asarray(self.coef)[:, same], got["weights"][:, same]
        weights = (np.linalg.norm(W - w, axis=0) / np.linalg.norm(W, axis=0)).max()
        # both are float32: alphas differ where their scores tie, and the scores at them do not
        want(same.mean() > 0.95, "alphas: %.4f of the voxels are the same", same.mean())
        want(score < 1e-5 and weights < 1e-3, "scores by up to %g, weights by up to %g of their norm", score, weights)
        return "alphas %.2f%% equal, scores within %.0e, weights within %.0e" % (100 * same.mean(), score, weights)


class Dictionary:
    """Learning and codes against SPAMS' four passes: the objective must be at most SPAMS' own."""

    def __init__(self, T, N, command=False, epochs=EPOCHS):
        self.folder = data("dictionary", T, N, 0)
        self.command, self.epochs = command, str(epochs)

    def start(self):
        (self.S,) = arrays(self.folder, "S")
        self.F = np.asfortranarray(self.S)
        if self.command:
            return Command("learn", "--responses", os.path.join(self.folder, "S.npy"), "--standardize", "none", "--epochs", self.epochs)
        return Worker("--epochs", self.epochs, "dict", self.folder)

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

    def check(self, got):
        if "codes" not in got:
            import scipy.sparse
            got["codes"] = scipy.sparse.load_npz(os.path.join(args.build, "out", "codes.npz")).toarray()
        ours = self.objective(got["atoms"], got["codes"])
        theirs = self.objective(self.D, self.codes.toarray())
        norm = np.linalg.norm(got["atoms"], axis=0).max()
        want(norm < 1 + 1e-5, "an atom has norm %g", norm)
        want(ours <= theirs, "objective %.6f, the peer reaches %.6f", ours, theirs)
        return "objective %.6f, peer %.6f" % (ours, theirs)


class Streaming:
    """voxen encode of a file in the page cache, larger than its bound on memory, against the same command without one."""
    MEMORY = 512  # MiB

    def __init__(self, T, K, V):
        self.folder = data("ridge", T, K, V, 0)

    def start(self):
        f = os.path.join(self.folder, "%s.npy")
        inputs = ["encode", "--features", f % "X", "--responses", f % "Y", "--memory"]
        self.resident = Command(*inputs, "20GiB")
        self.resident.run()  # the file is in the page cache now
        self.whole = self.resident.results()
        self.bounded = Command(*inputs, "%dMiB" % self.MEMORY)
        return self.bounded

    def peer(self):
        self.files = self.bounded.results()
        return self.resident.run()

    def check(self, _):
        for name, a in self.files.items():
            want(np.array_equal(a, self.whole[name], equal_nan=True), "%s of the bounded run", name)
        most = self.bounded.resident
        want(most <= self.MEMORY << 20, "resident set of %d MiB, bound %d MiB", most >> 20, self.MEMORY)
        return "the same values, resident set at most %d MiB" % (most >> 20)


class Cost:
    """The time per voxel of many voxels against that of few, in memory."""

    def __init__(self, T, K, few, many):
        self.few, self.many = few, many
        self.folders = [data("ridge", T, K, V, 0) for V in (few, many)]

    def start(self):
        self.small = Worker("ridge", self.folders[0])
        self.large = Worker("ridge", self.folders[1])
        run = self.large.run
        self.large.run = lambda: run() / self.many
        return self.large

    def peer(self):
        # as many runs as fill a second or so
        return float(np.median([self.small.run() for _ in range(9)])) / self.few

    def check(self, _):
        self.small.tell("save")
        shutil.rmtree(self.small.folder)
        return "times are per voxel, %d and %d voxels" % (self.many, self.few)


ROWS = {
    "sgemm": (lambda: Product(2048, 2048, 2048, "float32", False), "SGEMM 2048", "OpenBLAS", 1.0),
    "dgemm": (lambda: Product(2048, 2048, 2048, "float64", False), "DGEMM 2048", "OpenBLAS", 1.0),
    "xty": (lambda: Product(1000, 64, 60000, "float32", True), "X'Y 64 x 1000 x 60,000 float32", "OpenBLAS", 1.2),
    "eig-64": (lambda: Eigen(64), "symmetric eigenproblem n=64", "numpy", 1.0),
    "eig-600": (lambda: Eigen(600), "symmetric eigenproblem n=600", "numpy", 1.0),
    "eig-2000": (lambda: Eigen(2000), "symmetric eigenproblem n=2000", "numpy", 1.0),
    "ridge": (lambda: Ridge(1000, 64, 60000), "RidgeCV T=1000 K=64 V=60,000", "himalaya RidgeCV", 40),
    "ridge-command": (lambda: Ridge(1000, 64, 60000, command=True), "the same, whole command", "himalaya in memory", 30),
    "ridge-512": (lambda: Ridge(1000, 512, 20000), "RidgeCV T=1000 K=512 V=20,000", "himalaya RidgeCV", 3),
    "dual": (lambda: Ridge(600, 3072, 10000, kernel=True), "T=600 K=3072 V=10,000, dual", "himalaya KernelRidgeCV", 2),
    "learn-small-2": (lambda: Dictionary(300, 9216, epochs=2), "learn T=300 N=9,216, 2 passes", "SPAMS, 4 passes", 4),
    "learn-small-2-command": (lambda: Dictionary(300, 9216, command=True, epochs=2), "the same, whole command", "SPAMS in memory", 2),
    "learn-large-2": (lambda: Dictionary(600, 36864, epochs=2), "learn T=600 N=36,864, 2 passes", "SPAMS, 4 passes", 4),
    "learn-large-2-command": (lambda: Dictionary(600, 36864, command=True, epochs=2), "the same, whole command", "SPAMS in memory", 2),
    "learn-small": (lambda: Dictionary(300, 9216), "learn T=300 N=9,216, 4 passes", "SPAMS, 4 passes", 4),
    "learn-small-command": (lambda: Dictionary(300, 9216, command=True), "the same, whole command", "SPAMS in memory", 2),
    "learn-large": (lambda: Dictionary(600, 36864), "learn T=600 N=36,864, 4 passes", "SPAMS, 4 passes", 4),
    "learn-large-command": (lambda: Dictionary(600, 36864, command=True), "the same, whole command", "SPAMS in memory", 2),
    "streaming": (lambda: Streaming(600, 64, 228000), "encode 228,000 voxels, --memory 512MiB", "voxen, Y resident", 0.7),
    "cost": (lambda: Cost(200, 64, 10000, 1000000), "per voxel, 1,000,000 voxels", "voxen, 10,000 voxels", 1 / 1.2),
}


def compare(name, keep):
    """Runs the rounds of a row and hands each to keep."""
    make, label, peer, target = ROWS[name]
    row = make()
    ours = row.start()
    meter = ours if isinstance(ours, Worker) else Worker("eig", data("symmetric", 64, 0))
    ours.run()  # fills caches and pages; a peer's first run counts, medians bear it
    rounds, agreement, alone = [], None, meter.alone()
    for i in range(TRIES * args.rounds):
        peaks = [meter.peak()]
        a = ours.run()
        peaks.append(meter.peak())
        b = row.peer()
        time.sleep(PAUSE)
        peaks.append(meter.peak())
        if agreement is None:
            agreement = row.check(ours.results())
            print("%s: %s" % (name, agreement), flush=True)
        alone = max(alone, meter.alone())
        rounds.append(dict(row=name, voxen=a, peer=b, peaks=peaks, alone=alone, agreement=agreement, at=time.strftime("%Y-%m-%d"), threads=args.threads))
        keep(rounds[-1])
        print("%s: voxen %.4g s, peer %.4g s, peak %s GFLOP/s" % (name, a, b, " ".join("%.0f" % (p / 1e9) for p in peaks)), flush=True)
        if len(good(rounds)) >= args.rounds:
            break
    ours.close()
    if meter is not ours:
        meter.close()


def good(rounds):
    """The rounds in which the machine was ours."""
    whole = max(r["threads"] * r["alone"] for r in rounds)
    return [r for r in rounds if min(r["peaks"]) >= PEAK_SHARE * whole]


def median(x):
    return float(np.median(x))


def line(name, rounds):
    """One row of the table."""
    _, label, peer, target = ROWS[name]
    kept = good(rounds)
    if not kept:
        return [label, peer, "-", "-", "-", "-", "%.3g" % target, "0 of %d" % len(rounds)]
    ratios = [r["peer"] / r["voxen"] for r in kept]
    ms = lambda k: "%.4g" % (1e3 * median([r[k] for r in kept]))
    return [label, peer, ms("voxen"), ms("peer"), "%.2f" % median(ratios), "%.2f-%.2f" % (min(ratios), max(ratios)), "%.3g" % target,
            "%d of %d" % (len(kept), len(rounds))]


HEADER = ["work", "peer", "voxen ms", "peer ms", "ratio", "spread", "target", "rounds kept"]


def table(rounds):
    lines = [line(name, [r for r in rounds if r["row"] == name]) for name in ROWS if any(r["row"] == name for r in rounds)]
    widths = [max(len(l[i]) for l in [HEADER, *lines]) for i in range(len(HEADER))]
    show = lambda cells: "| " + " | ".join(c.ljust(w) for c, w in zip(cells, widths)) + " |"
    return "\n".join([show(HEADER), show(["-" * w for w in widths]), *map(show, lines)])


def machine():
    with open("/proc/cpuinfo") as f:
        model = next((l.split(":")[1].strip() for l in f if l.startswith("model name")), "processor")
    return "%s, %d threads, %s" % (model, args.threads, time.strftime("%Y-%m-%d"))


def main():
    if args.list:
        for name, (_, label, peer, target) in ROWS.items():
            print("%-20s %s, at least %g x %s" % (name, label, target, peer))
        return
    for name in args.rows:
        if name not in ROWS:
            raise SystemExit("row %r, expected one of %s" % (name, ", ".join(ROWS)))
    kept = os.path.join(args.build, "rounds.jsonl")
    if not args.keep and os.path.exists(kept):
        os.remove(kept)
    with open(kept, "a", buffering=1) as f:  # a row that is cut short leaves its rounds
        for name in args.rows or ROWS:
            compare(name, lambda r: f.write(json.dumps(r) + "\n"))
    with open(kept) as f:
        text = machine() + "\n\n" + table([json.loads(l) for l in f])
    print("\n" + text)
    if args.table:
        with open(args.table, "w") as f:
            f.write(text + "\n")


if __name__ == "__main__":
    main()
