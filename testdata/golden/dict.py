"""Golden results of dictionary learning and sparse codes: dict/objectives.json and dict/codes.npz.

usage: python dict.py [codes]    (writes dict/ beside this file, or codes.npz alone; about ten minutes on two cores)

objectives.json: the objective 1/N sum 1/2 |s - D a|^2 + lambda |a|_1 (lambda 0.15, codes solved exactly by SPAMS'
LARS, in float64) of the dictionaries that SPAMS' trainDL and scikit-learn's MiniBatchDictionaryLearning learn in 1
and 4 passes with 64 atoms and batches of 512, for 5 seeds: signals in the order that the seed gives (SPAMS takes no
seed), random_state for scikit-learn. Data: synthetic() below in two sizes, and the Alice responses with standardised
columns. `found` counts planted atoms with |r| > 0.95.

codes.npz: codes of small problems by scikit-learn's lasso_cd, polished until no code moves by 1e-15, in float64.

synthetic() draws from a counter-based generator (SplitMix64, Box and Muller), so that the Go test makes the same
signals (engine/dict/synthetic_test.go) and nothing large is shipped.
"""
import json, os, platform, sys, warnings
import numpy as np, scipy, sklearn, spams
from importlib.metadata import version
from sklearn.decomposition import MiniBatchDictionaryLearning, sparse_encode

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "dict")
ALICE = os.path.join(os.path.dirname(HERE), "..", "alice", "minilm_neurons_tr.npy")
LAMBDA, ATOMS, BATCH, SEEDS = 0.15, 64, 512, 5


def bits(seed, n):
    """n values of SplitMix64, numbered from 1."""
    with np.errstate(over="ignore"):
        z = np.uint64(seed) + np.arange(1, n + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def uniform(seed, *shape):
    """In (0, 1)."""
    n = int(np.prod(shape))
    return (((bits(seed, n) >> np.uint64(11)).astype(float) + 0.5) / 2.0**53).reshape(shape)


def normal(seed, *shape):
    n = int(np.prod(shape))
    u = uniform(seed, 2 * n)
    return (np.sqrt(-2 * np.log(u[:n])) * np.cos(2 * np.pi * u[n:])).reshape(shape)


def synthetic(T, N, seed, density=0.08, noise=0.15):
    """ATOMS Gaussian atoms of norm 1, Gaussian codes of 8% density, white noise of norm 0.15, columns of norm 1."""
    s = seed * 1000
    D = normal(s + 1, T, ATOMS)
    D /= np.linalg.norm(D, axis=0)
    A = normal(s + 2, ATOMS, N) * (uniform(s + 3, ATOMS, N) < density)
    S = D @ A + noise / np.sqrt(T) * normal(s + 4, T, N)
    return (S / np.linalg.norm(S, axis=0)).astype("f4"), D


def alice():
    S = np.load(ALICE).astype(float)
    S -= S.mean(0)
    return (S / np.linalg.norm(S, axis=0)).astype("f4")


def objective(S, D):
    S8, D8 = np.asfortranarray(S, dtype=float), np.asfortranarray(D, dtype=float)
    A = spams.lasso(S8, D=D8, lambda1=LAMBDA, mode=2, numThreads=-1)
    return float((0.5 * ((S8 - D8 @ A) ** 2).sum() + LAMBDA * abs(A).sum()) / S.shape[1])


def by_spams(S, passes, seed):
    F = np.asfortranarray(S[:, np.random.default_rng(seed).permutation(S.shape[1])])
    steps = passes * -(-S.shape[1] // BATCH)
    return spams.trainDL(F, K=ATOMS, lambda1=LAMBDA, mode=2, iter=steps, batchsize=BATCH, numThreads=-1, verbose=False)


def by_sklearn(S, passes, seed):
    m = MiniBatchDictionaryLearning(ATOMS, alpha=LAMBDA, max_iter=passes, batch_size=BATCH, fit_algorithm="cd", random_state=seed,
                                    tol=0, max_no_improvement=None)
    return m.fit(S.T).components_.T


def objectives():
    out = {}
    for name, (S, planted) in {"small": synthetic(300, 9216, 1), "large": synthetic(600, 36864, 2), "alice": (alice(), None)}.items():
        out[name] = {"T": S.shape[0], "N": S.shape[1], "checksum": float(S.astype(float)[::7, ::11].sum())}
        for peer, learn in (("spams", by_spams), ("sklearn", by_sklearn)):
            for passes in (1, 4):
                runs = [learn(S, passes, seed) for seed in range(SEEDS)]
                entry = {"objective": [objective(S, D) for D in runs]}
                if planted is not None:
                    entry["found"] = [int((abs(planted.T @ (D / np.linalg.norm(D, axis=0))).max(1) > 0.95).sum()) for D in runs]
                out[name]["%s_%d" % (peer, passes)] = entry
                print(name, peer, passes, entry, flush=True)
    return out


def codes():
    """name_D (T, K), name_S (T, N), name_A (K, N); the lambda and the sign constraint are in manifest order."""
    arrays, cases = {}, []
    for i, (name, T, K, N, lam, positive) in enumerate([
            ("plain", 40, 16, 60, 0.15, False), ("weak", 40, 16, 40, 0.01, False), ("nonnegative", 40, 16, 60, 0.15, True),
            ("wide", 12, 30, 40, 0.1, False), ("wide_nonnegative", 12, 30, 40, 0.1, True), ("one_atom", 9, 1, 20, 0.15, False),
            ("one_signal", 30, 8, 1, 0.15, False), ("strong", 20, 8, 10, 5.0, False), ("atoms_64", 100, 64, 80, 0.15, False)]):
        r = np.random.default_rng(100 + i)
        D = r.standard_normal((T, K)); D /= np.linalg.norm(D, axis=0) * r.uniform(1, 1.5, K)
        S = D @ (r.standard_normal((K, N)) * (r.random((K, N)) < 0.3)) + 0.1 * r.standard_normal((T, N))
        if N > 5:
            S[:, 3] = 0
        A = sparse_encode(S.T, D.T, algorithm="lasso_cd", alpha=lam, max_iter=1000000, positive=positive)
        for _ in range(100000):                                  # sklearn stops at its own tolerance: polish to the solution
            before, A = A, descend(A, D, S, lam, positive)
            if abs(A - before).max() < 1e-15:
                break
        arrays.update({name + "_D": D, name + "_S": S, name + "_A": A.T.copy()})
        cases.append({"name": name, "lambda": lam, "nonnegative": positive})
    return arrays, cases


def descend(A, D, S, lam, positive):
    """One sweep of coordinate descent over all signals, float64."""
    G, C = D.T @ D, S.T @ D
    A = A.copy()
    for k in range(G.shape[0]):
        x = C[:, k] - A @ G[:, k] + G[k, k] * A[:, k]
        A[:, k] = np.maximum(x - lam, 0) / G[k, k] if positive else np.sign(x) * np.maximum(abs(x) - lam, 0) / G[k, k]
    return A


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    os.makedirs(HERE, exist_ok=True)
    arrays, cases = codes()
    np.savez_compressed(os.path.join(HERE, "codes.npz"), **arrays)
    if sys.argv[1:] == ["codes"]:
        sys.exit()
    versions = {m: version(m) for m in ("numpy", "scipy", "scikit-learn", "spams-bin")}
    doc = {"versions": versions, "python": platform.python_version(), "lambda": LAMBDA, "atoms": ATOMS, "batch": BATCH, "codes": cases,
           "objectives": objectives()}
    json.dump(doc, open(os.path.join(HERE, "objectives.json"), "w"), indent=1)
