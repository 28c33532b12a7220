"""Banded ridge on data of the voxelwise_tutorials' shape: voxen encode and himalaya's MultipleKernelRidgeCV on the same files.

usage: tutorial.py --build DIR [--voxels 5000] [--draws 100] [--seeds 6]

Five runs of 160 rows, spaces of 60 and 200 features at delays of 1 to 4, five repeats of a test run (synthetic.py). Of every
seed himalaya draws weights of the spaces and searches them; voxen searches the same weights, and as many draws of its own with
that seed. What is printed, seed by seed: the median test R2 of each, and of the same weights how far scores of the search and of
the test run are apart in any voxel. Last: the mean over seeds of voxen's median less himalaya's, each with its own draws, and its
standard error. Both compute in float32. himalaya's results are kept in DIR and read again.

DIR has the program and what is made, as run.sh leaves it. exit status: 0 the mean over seeds is at least himalaya's but for what
draws by chance (two standard errors), and of the same weights scores are within 1e-4 but for test scores of voxels that chose
another of two draws that tie; 1 it is not; 2 wrong usage.
"""
import argparse
import os
import shutil
import subprocess
import sys

import numpy as np

import synthetic

RUNS, T, DELAYS = 5, 160, (1, 2, 3, 4)
ALPHAS = np.logspace(-1, 5, 20)
NEAR = 1e-4


def arguments(folder, f="%s.npy"):
    """What voxen encode is told of the files in a folder."""
    at = lambda name: os.path.join(folder, f % name)
    both = lambda name: "a=%s,b=%s" % (at(name + "0"), at(name + "1"))
    repeats = [a for i in range(synthetic.REPEATS) for a in ("--test-responses", at("repeat%d" % i))]
    return ["encode", "--features", both("space"), "--responses", at("Y"), "--runs", at("runs"), "--delays", ",".join(map(str, DELAYS)),
            "--test-repeats", "--zscore-repeats", "--test-features", both("test"), *repeats]


class Himalaya:
    """MultipleKernelRidgeCV on the files in a folder."""

    def __init__(self, folder):
        from himalaya.backend import set_backend
        set_backend("numpy")
        load = lambda name: np.load(os.path.join(folder, name + ".npy"))
        self.Y, self.runs = load("Y"), load("runs")
        self.spaces, self.tests = ([load("%s%d" % (name, i)) for i in range(2)] for name in ("space", "test"))
        self.mean = synthetic.zscore(np.mean([load("repeat%d" % i) for i in range(synthetic.REPEATS)], axis=0))

    def delayed(self, x):
        """Delays within each run, from before which rows are 0."""
        runs = np.split(x, len(x) * RUNS // len(self.Y)) if len(x) == len(self.Y) else [x]
        return np.concatenate([np.hstack([np.pad(r[:-d], ((d, 0), (0, 0))) for d in DELAYS]) for r in runs])

    def fit(self, draws, seed=0):
        """The model, and the test R2 of every voxel, by so many draws or by given ones."""
        from himalaya.kernel_ridge import MultipleKernelRidgeCV
        from himalaya.scoring import r2_score
        from sklearn.model_selection import LeaveOneGroupOut
        X, tests = [self.delayed(x) for x in self.spaces], [self.delayed(x) for x in self.tests]
        how = dict(n_iter=draws, alphas=ALPHAS, score_func=r2_score, progress_bar=False)
        folds = list(LeaveOneGroupOut().split(self.Y, groups=self.runs))
        model = MultipleKernelRidgeCV(kernels="precomputed", cv=folds, random_state=seed, solver="random_search", solver_params=how)
        model.fit(np.stack([x @ x.T for x in X]), self.Y)
        return model, r2_score(self.mean, model.predict(np.stack([t @ x.T for t, x in zip(tests, X)])))


def himalaya(folder, draws, seed):
    """Its draws, scores of the search and of the test run, and the weights of spaces that it chose: kept in the folder."""
    kept = os.path.join(folder, "himalaya-%d-%d.npz" % (draws, seed))
    if not os.path.exists(kept):
        from himalaya.kernel_ridge import generate_dirichlet_samples
        gammas = generate_dirichlet_samples(draws, 2, concentration=[.1, 1.], random_state=seed)
        gammas[0] = 1 / 2  # as its solver does
        model, r2 = Himalaya(folder).fit(draws, seed)
        weights = np.exp(model.deltas_)
        np.savez(kept + ".part.npz", gammas=gammas, cv=model.cv_scores_.max(0), r2=r2, weights=weights / weights.sum(0))
        os.rename(kept + ".part.npz", kept)
    return np.load(kept)


def voxen(build, folder, *draws):
    out = os.path.join(folder, "out")
    shutil.rmtree(out, ignore_errors=True)
    subprocess.run([os.path.join(build, "voxen"), *arguments(folder), *draws, "--quiet", "--device", "cpu", "--outputs", "scores,band_weights", "--out", out],
                   check=True, stdout=subprocess.DEVNULL)
    load = lambda name: np.load(os.path.join(out, name + ".npy"))
    return load("cv_score").ravel(), load("test_score").ravel(), load("band_weights")


def compare(build, folder, draws, seed):
    """Voxen's median less himalaya's, each with its own draws; whether of the same draws scores are equal."""
    theirs = himalaya(folder, draws, seed)
    np.save(os.path.join(folder, "gammas.npy"), theirs["gammas"])
    cv, r2, weights = voxen(build, folder, "--band-weights", os.path.join(folder, "gammas.npy"))
    same = np.abs(weights - theirs["weights"]).max(0) < 1e-4
    apart, tested = np.abs(cv - theirs["cv"]).max(), np.abs(r2 - theirs["r2"])[same].max()
    own = voxen(build, folder, "--band-samples", str(draws), "--seed", str(seed))[1]
    a, b, c = map(np.median, (own, theirs["r2"], r2))
    print("seed %d: median test R2 %.6f, himalaya %.6f; of himalaya's draws %.6f, the same draw for %d of %d voxels, scores of the search within %.1e, test R2 of these within %.1e"
          % (seed, a, b, c, same.sum(), len(same), apart, tested), flush=True)
    return a - b, max(apart, tested) <= NEAR and same.mean() > .98


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--build", required=True)
    for name, n in (("voxels", 5000), ("draws", 100), ("seeds", 6)):
        p.add_argument("--" + name, type=int, default=n)
    args = p.parse_args()
    folder = os.path.join(args.build, "data", "tutorial-%d-%d-%d-0" % (RUNS, T, args.voxels))
    if not os.path.exists(os.path.join(folder, "done")):
        synthetic.main(["tutorial", str(RUNS), str(T), str(args.voxels), "0", folder])
        open(os.path.join(folder, "done"), "w").close()
    differences, equal = map(np.array, zip(*(compare(args.build, folder, args.draws, seed) for seed in range(args.seeds))))
    error = differences.std(ddof=1) / np.sqrt(args.seeds) if args.seeds > 1 else 0
    print("voxen less himalaya, own draws: %+.1e, standard error %.1e over %d seeds" % (differences.mean(), error, args.seeds))
    return 0 if equal.all() and differences.mean() >= -2 * error else 1


if __name__ == "__main__":
    sys.exit(main())
