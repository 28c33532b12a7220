"""Makes the inputs of the comparisons: random numbers of numpy's default_rng, so that everyone makes the same.

usage: synthetic.py ridge T K V SEED DIR          X.npy (T, K) and Y.npy (T, V), float32
       synthetic.py dictionary T N SEED DIR       S.npy (T, N) float32 and atoms.npy (T, 64) float64
       synthetic.py product T K V SEED TYPE DIR   A.npy (T, K) and B.npy (T, V) of TYPE, standard normal
       synthetic.py symmetric N SEED DIR          A.npy (N, N) float64: the Gram matrix of 2N normal rows
       synthetic.py tutorial RUNS T V SEED DIR    feature spaces and responses of voxelwise_tutorials' shape, float32:
                                                  space0.npy, space1.npy (RUNS T, 60 and 200), Y.npy (RUNS T, V), runs.npy,
                                                  test0.npy, test1.npy (T, 60 and 200), repeat0.npy ... (T, V)
       synthetic.py banded T K,K,... V DRAWS SEED DIR  X.npy (T, sum of K), Y.npy (T, V), X_test.npy and Y_test.npy of T/5
                                                  rows, float32; gammas.npy (DRAWS, bands) float64
Needs numpy.
"""
import os
import sys

import numpy as np

NOISE = 9.0       # SD of the noise in responses: the alpha that cross-validation chooses then varies over voxels
ATOMS = 64
DENSITY = 0.08    # share of the codes that are not 0
WHITE = 0.15      # norm of the noise in a signal of codes of unit variance
SPACES = 60, 200  # features of the two spaces of a tutorial
HRF = .4, 1, .7, .3  # of its responses, at 1 to 4 rows after the stimulus
REPEATS = 5       # of its test run
ROWS = 50         # rows of responses made at once: a million voxels need no second copy


def ridge(T, K, V, seed):
    """Features and weights standard normal, Y = X W + NOISE * normal."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((T, K)).astype(np.float32)
    Y = X @ rng.standard_normal((K, V)).astype(np.float32)
    for lo in range(0, T, ROWS):
        rows = Y[lo:lo + ROWS]
        rows += np.float32(NOISE) * rng.standard_normal(rows.shape, dtype=np.float32)
    return X, Y


def dictionary(T, N, seed):
    """Signals of unit norm: sparse normal codes over ATOMS normal atoms of unit norm, and white noise."""
    rng = np.random.default_rng(seed)
    D = rng.standard_normal((T, ATOMS))
    D /= np.linalg.norm(D, axis=0)
    codes = rng.standard_normal((ATOMS, N)) * (rng.random((ATOMS, N)) < DENSITY)
    S = D @ codes + WHITE / np.sqrt(T) * rng.standard_normal((T, N))
    return (S / np.linalg.norm(S, axis=0)).astype(np.float32), D


def product(T, K, V, seed, dtype):
    """Two factors that share their rows."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal((T, K)).astype(dtype), rng.standard_normal((T, V)).astype(dtype)


def symmetric(N, seed):
    """A Gram matrix: positive definite, eigenvalues spread as those of features."""
    F = np.random.default_rng(seed).standard_normal((2 * N, N))
    return F.T @ F


def banded(T, sizes, V, draws, seed):
    """As ridge, of bands of which every voxel takes unlike shares; test rows; weights of bands to try, the first equal."""
    rng = np.random.default_rng(seed)
    rows = T + T // 5
    X = rng.standard_normal((rows, sum(sizes))).astype(np.float32)
    W = rng.standard_normal((X.shape[1], V)).astype(np.float32)
    shares = rng.dirichlet([.5] * len(sizes), V).T
    for w, share in zip(np.split(W, np.cumsum(sizes)[:-1]), shares):
        w *= np.sqrt(ATOMS * share / len(w)).astype(np.float32)
    Y = X @ W
    for lo in range(0, rows, ROWS):
        part = Y[lo:lo + ROWS]
        part += np.float32(NOISE) * rng.standard_normal(part.shape, dtype=np.float32)
    gammas = np.concatenate([rng.dirichlet([c] * len(sizes), draws // 2) for c in (.1, 1)])
    gammas[0] = 1 / len(sizes)
    return dict(X=X[:T], Y=Y[:T], X_test=X[T:], Y_test=Y[T:], gammas=gammas)


def zscore(a, axis=0):
    return (a - a.mean(axis)) / a.std(axis)


def tutorial(runs, T, V, seed, spaces=SPACES):
    """Two feature spaces of unlike size, slow and with correlated columns; responses at 1 to 4 rows after them, of which
    a voxel takes a share of its own from each space; noise of 1 to 4 times the SD of the signal, drawn anew for each of
    the repeats of the test run. Everything is z-scored within each run, as that data set comes."""
    rng = np.random.default_rng(seed)
    share = rng.random(V) ** 2  # most voxels are of one space mostly
    share = np.where(rng.random(V) < .5, share, 1 - share)
    mix = [rng.standard_normal((K, K)) / np.sqrt(K) + np.eye(K) for K in spaces]
    W = [rng.standard_normal((K, V)) for K in spaces]
    noise = rng.uniform(1, 4, V)
    X, Y = [[] for _ in spaces], []
    for run in range(runs + 1):
        signal = 0
        for s, K in enumerate(spaces):
            white = rng.standard_normal((T + 2, K)) @ mix[s]
            x = zscore(white[2:] + white[1:-1] + white[:-2])
            X[s].append(x)
            late = sum(h * np.pad(x[:T - d], ((d, 0), (0, 0))) for d, h in enumerate(HRF, 1))
            signal = signal + np.sqrt(share if s == 0 else 1 - share) * zscore(late @ W[s])
        signal = zscore(signal)
        many = 1 if run < runs else REPEATS
        Y.append([zscore(signal + noise * rng.standard_normal((T, V))) for _ in range(many)])
    f = lambda a: np.asarray(a, "f4")
    out = dict(Y=f(np.concatenate([y for (y,) in Y[:-1]])), Y_test=f(Y[-1]), runs=np.repeat(np.arange(runs, dtype="i4"), T))
    for s in range(len(spaces)):
        out["space%d" % s], out["test%d" % s] = f(np.concatenate(X[s][:-1])), f(X[s][-1])
    return out


def save(folder, **arrays):
    os.makedirs(folder, exist_ok=True)
    for name, a in arrays.items():
        np.save(os.path.join(folder, name + ".npy"), a)


def main(args):
    kind, folder = args[0], args[-1]
    if kind == "ridge":
        X, Y = ridge(*map(int, args[1:5]))
        save(folder, X=X, Y=Y)
    elif kind == "dictionary":
        S, D = dictionary(*map(int, args[1:4]))
        save(folder, S=S, atoms=D)
    elif kind == "product":
        A, B = product(*map(int, args[1:5]), args[5])
        save(folder, A=A, B=B)
    elif kind == "symmetric":
        save(folder, A=symmetric(*map(int, args[1:3])))
    elif kind == "tutorial":
        made = tutorial(*map(int, args[1:5]))
        repeats = made.pop("Y_test")
        save(folder, **made, **{"repeat%d" % i: y for i, y in enumerate(repeats)})
    elif kind == "banded":
        save(folder, **banded(int(args[1]), [int(k) for k in args[2].split(",")], *map(int, args[3:6])))
    else:
        raise SystemExit(__doc__)


if __name__ == "__main__":
    if len(sys.argv) < 4:
        raise SystemExit(__doc__)
    main(sys.argv[1:])
