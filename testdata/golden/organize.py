"""Golden results of the organise step: organize/ beside this file.

usage: python organize.py        (needs numpy, scipy)

Two models, `small` of three layers and three subjects, `large` of one layer and one
subject: codes.npz (scipy.sparse.save_npz), columns.tsv, responses.npy, and what match
writes (matches.tsv, subjects.npy) of random maps: two-sided matches with signs of small,
a table of before, of r above 0 alone, of large. Layer 2 of small has no neuron in a
sub-group; some neurons have no code; atom 5 has a map of zeros; the response of neuron 3
is constant. expected.json holds every index by its definition, in plain loops; for some
lists of subjects, what a resampling of them gives, with the intervals over them; and, for
some orders of the atoms' networks and signs, what a permutation of them gives.
Versions are in organize/versions.json.
"""
import json, os, platform
import numpy as np, scipy, scipy.sparse as sp
from scipy.special import digamma

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "organize")
NETWORKS = ["Visual", "Default", "Limbic"]


def corr(x, y):
    x, y = x - x.mean(), y - y.mean()
    n = np.linalg.norm(x) * np.linalg.norm(y)
    return float(x @ y / n) if n > 1e-9 else 0.0


def bh(p):
    order, q = np.argsort(p), np.empty(len(p))
    least = 1.0
    for rank in range(len(p), 0, -1):
        least = min(least, p[order[rank - 1]] * len(p) / rank)
        q[order[rank - 1]] = least
    return q


def match(maps, templates, null, subjects, signed):
    """r, best network and its sign, q of each atom for the mean over subjects."""
    group = np.mean([maps[s] for s in subjects], 0)
    r = np.array([[corr(x, t) for t in templates] for x in group])
    size = np.abs(r) if signed else r
    best, top = size.argmax(1), size.max(1)
    sign = [int(np.sign(r[k, b])) if signed or r[k, b] > 0 else 0 for k, b in enumerate(best)]
    p = np.array([(1 + (null[k] >= top[k]).sum()) / (1 + null.shape[1]) for k in range(len(r))])
    return r, best, sign, p, bh(p)


def effective(c):
    """Chao, Wang and Jost (2013): the effective number of a profile, of counts."""
    n, f1, f2 = int(c.sum()), int((c == 1).sum()), int((c == 2).sum())
    if n < 2:
        return None
    h = sum(x / n * (digamma(n) - digamma(x)) for x in c if x > 0)
    if f1:
        a = 2 * f2 / ((n - 1) * f1 + 2 * f2) if f2 else 2 / ((n - 1) * (f1 - 1) + 2)
        if a < 1:
            h += f1 / n * (1 - a) ** (1 - n) * (-np.log(a) - sum((1 - a) ** r / r for r in range(1, n)))
    return float(np.exp(h))


def cosine(c, d):
    """of two profiles, of counts: U-statistics, the ratio's bias taken off to second order."""
    n, m = c.sum(), d.sum()
    if n < 3 or m < 3:
        return None
    def norm2(c, n):
        s = (c * (c - 1)).sum() / (n * (n - 1))
        s3 = (c * (c - 1) * (c - 2)).sum() / (n * (n - 1) * (n - 2))
        v = max(0, (4 * (n - 2) * s3 + 2 * s - (4 * n - 6) * s * s) / (n * (n - 1)))
        return max(s, 1 / n ** 2), v
    (s, v), (r, w) = norm2(c, n), norm2(d, m)
    N = (c * d).sum() / (n * m)
    cs = 2 / n * ((c * (c - 1) * d).sum() / (n * (n - 1) * m) - N * s)
    cr = 2 / m * ((d * (d - 1) * c).sum() / (m * (m - 1) * n) - N * r)
    return float((N * (1 - 3 / 8 * v / s ** 2) * (1 - 3 / 8 * w / r ** 2) + (cs / s + cr / r) / 2) / np.sqrt(s * r))


def indices(A, layers, network_of, sign_of, threshold=0.5):
    K, N = A.shape
    L = len(NETWORKS)
    out = dict(neurons=[], layers=[], interaction=np.zeros((L, L)))
    coded = 0
    for n in range(N):
        a = A[:, n]
        total = np.abs(a).sum()
        if total == 0:
            out["neurons"].append([-1, 0.0, 0])
            continue
        coded += 1
        share = [sum(abs(a[k]) for k in range(K) if network_of[k] == b) / total for b in range(L)]
        b = int(np.argmax(share))
        s = sum(a[k] * sign_of[k] for k in range(K) if network_of[k] == b)
        ok = share[b] >= threshold - 1e-12
        out["neurons"].append([b if ok else -1, share[b], int(np.sign(s)) if ok else 0])
        for i in range(L):
            for j in range(L):
                out["interaction"][i, j] += share[i] >= 0.2 and share[j] >= 0.2
    out["interaction"] = (out["interaction"] / coded).tolist()
    profiles, counts = [], []
    for l in sorted(set(layers)):
        mine = [out["neurons"][n] for n in range(N) if layers[n] == l]
        has = [m for n, m in zip([n for n in range(N) if layers[n] == l], mine) if np.abs(A[:, n]).sum() > 0]
        inside = [m[0] for m in mine if m[0] >= 0]
        e = dict(layer=int(l), neurons=len(mine), coded=len(has), assigned=len(inside), coverage=len(inside) / len(mine),
                 specialisation=float(np.mean([m[1] for m in has])) if has else None, diversity=None, corrected=None, profile=None)
        if inside:
            c = np.bincount(inside, minlength=L).astype(float)
            p = c / len(inside)
            e["corrected"] = effective(c)
            counts.append(c)
            e["profile"] = p.tolist()
            e["diversity"] = float(np.exp(-(p[p > 0] * np.log(p[p > 0])).sum()))
            profiles.append(p)
        out["layers"].append(e)
    d = [e["diversity"] for e in out["layers"] if e["diversity"] is not None]
    cos = [p @ q / np.linalg.norm(p) / np.linalg.norm(q) for i, p in enumerate(profiles) for q in profiles[:i]]
    mean = lambda x: float(np.mean(x)) if len(x) else None
    known = lambda x: [v for v in x if v is not None]
    out["diversity"], out["consistency_layers"] = mean(d), mean(cos)
    out["diversity_corrected"] = mean(known([e["corrected"] for e in out["layers"]]))
    out["consistency_corrected"] = mean(known([cosine(c, d) for i, c in enumerate(counts) for d in counts[:i]]))
    out["coverage"] = float(np.mean([m[0] >= 0 for m in out["neurons"]]))
    out["specialisation"] = mean([m[1] for n, m in enumerate(out["neurons"]) if np.abs(A[:, n]).sum() > 0])
    return out


def consistency(maps, network_of, sign_of, subjects):
    """per network, the mean correlation over pairs of different subjects of the summed maps times signs."""
    out = []
    for b in range(len(NETWORKS)):
        ks = [k for k in range(len(network_of)) if network_of[k] == b]
        summed = [sum(sign_of[k] * m[k] for k in ks) for m in maps]
        r = [corr(summed[s], summed[t]) for i, s in enumerate(subjects) for t in subjects[:i] if s != t]
        out.append(float(np.mean(r)) if ks and r else None)
    return out


def model(name, seed, K, N, layers, S, signed, T=30, V=80, draws=99):
    out = f"{HERE}/{name}"
    os.makedirs(out, exist_ok=True)
    r = np.random.default_rng(seed)
    lab = r.integers(0, 4, V)
    templates = np.array([(lab == i + 1) * 1.0 for i in range(3)])
    true = r.integers(0, 4, K)                                 # 3: of no network
    turned = 1 - 2 * (r.random(K) < 0.4) if signed else np.ones(K)
    maps = np.array([[(turned[k] * templates[true[k]] if true[k] < 3 else 0) + 0.9 * r.standard_normal(V) for k in range(K)] for _ in range(S)])
    maps[:, 5] = 0
    null = np.abs(r.standard_normal((K, draws))) * 0.12
    null[5] = 0
    A = r.standard_normal((K, N)) * (r.random((K, N)) < 0.35)
    A[:, 4] = 0
    A[:, 7] = 0
    A[true == 3, 9] = 1.0
    layers = np.array(layers)
    A[np.ix_(true != 3, layers == 2)] = 0                      # the last layer loads on no network
    A[:, 11] = 0
    A[[int(np.flatnonzero(true == 0)[0]), int(np.flatnonzero(true == 3)[0])], 11] = [-1.5, 1.5]   # a share of exactly one half
    responses = r.standard_normal((T, N)) + np.outer(r.standard_normal(T), (A[true == 1].sum(0) != 0))
    responses[:, 3] = 2.5
    responses = responses.astype("f4")
    sp.save_npz(f"{out}/codes.npz", sp.csc_matrix(A))
    np.save(f"{out}/responses.npy", responses)
    with open(f"{out}/columns.tsv", "w") as f:
        f.write("column\tmodel\tlayer\tunit\ttap\n")
        for n in range(N):
            f.write(f"{n}\t{name}-model\t{layers[n]}\t{n}\tffn.out\n")
    rows = np.concatenate([maps.reshape(S * K, V), templates])
    rows = rows - rows.mean(1, keepdims=True)
    np.save(f"{out}/subjects.npy", rows @ rows.T)
    rr, best, sign, p, q = match(maps, templates, null, range(S), signed)
    with open(f"{out}/matches.tsv", "w") as f:
        f.write("atom\tnetwork\tr\tdice\tjaccard\toverlap\t" + ("sign\tp_maps\tp_subjects\tp_stimulus\t" if signed else "") + "p\tq\tmargin\n")
        for k in range(K):
            for b in range(3):
                tail = (f"{sign[k]}\t{p[k]:.7g}\tn/a\tn/a\t" if signed else "") + f"{p[k]:.7g}\t{q[k]:.7g}\t0"
                if b != best[k]:
                    tail = "\t".join("n/a" for _ in tail.split("\t"))
                f.write(f"{k}\t{NETWORKS[b]}\t{rr[k, b]:.7g}\t0\t0\t0\t{tail}\n")
    z = responses.astype(float)
    varies = z.std(0) > 0
    z = (z - z.mean(0)) / np.where(varies, z.std(0), 1)
    mean = lambda x: float(np.mean([v for v in x if v is not None])) if any(v is not None for v in x) else None

    def compactness(neurons):
        """per network, the mean correlation over pairs of its neurons' signed responses, of those that vary."""
        result = []
        for b in range(3):
            ns = [n for n in range(N) if neurons[n][0] == b and varies[n]]
            pairs = [z[:, i] * neurons[i][2] @ z[:, j] * neurons[j][2] / T for x, i in enumerate(ns) for j in ns[:x]]
            result.append(float(np.mean(pairs)) if pairs else None)
        return result

    def everything(network_of, sign_of, subjects):
        i = indices(A, layers, network_of, sign_of)
        agree, compact = consistency(maps, network_of, sign_of, subjects), compactness(i["neurons"])
        numbers = [i["diversity"], i["diversity_corrected"], i["consistency_layers"], i["consistency_corrected"], mean(agree), i["coverage"], i["specialisation"], mean(compact)]
        for l in i["layers"]:
            numbers += [l["coverage"], l["specialisation"], l["diversity"], l["corrected"]]
        for b in range(3):
            numbers += [compact[b], agree[b]]
        for row in i["interaction"]:
            numbers += row
        return i, agree, compact, numbers

    network_of = [int(b) if v < 0.05 and s else -1 for b, s, v in zip(best, sign, q)]
    sign_of = [s if b >= 0 else 0 for b, s in zip(network_of, sign)]
    e, agree, compact, numbers = everything(network_of, sign_of, range(S))
    groups = [dict(atoms=network_of.count(b), neurons=sum(n[0] == b for n in e["neurons"]), compactness=compact[b], consistency=agree[b]) for b in range(3)]
    e.update(network_of=network_of, sign_of=sign_of, groups=groups, numbers=numbers, resampled=[], intervals=[], permuted=[])
    for subjects in ([0, 0, 1], [2, 1, 2], [0, 1, 2], [1, 1, 1], [2, 2, 0]) if S == 3 else ():
        _, best, sign, _, _ = match(maps, templates, null, subjects, signed)   # the atoms that belong stay
        of, signs = [int(b) if was >= 0 else -1 for b, was in zip(best, network_of)], [s if was >= 0 else 0 for s, was in zip(sign, network_of)]
        e["resampled"].append(dict(subjects=subjects, network_of=of, sign_of=signs, numbers=everything(of, signs, subjects)[3]))
    for _ in range(3):
        order = r.permutation(K)
        of, signs = [network_of[k] for k in order], [sign_of[k] for k in order]
        e["permuted"].append(dict(order=order.tolist(), network_of=of, sign_of=signs, numbers=everything(of, signs, range(S))[3]))
    if S == 3:                                                 # symmetric, of the resamplings in which an index is known
        all = np.array([[np.nan if v is None else v for v in w["numbers"]] for w in e["resampled"]])
        for x, column in zip(numbers, all.T):
            column = column[np.isfinite(column)]
            if x is None or not len(column):
                e["intervals"].append(None)
                continue
            d = np.quantile(np.abs(column - x), 0.95)
            e["intervals"].append([x - d, x + d])
    return e


expected = dict(small=model("small", 7, 14, 60, [0] * 25 + [1] * 25 + [2] * 10, 3, True), large=model("large", 5, 12, 40, [0] * 40, 1, False))
json.dump(expected, open(f"{HERE}/expected.json", "w"))
json.dump({"python": platform.python_version(), "numpy": np.__version__, "scipy": scipy.__version__}, open(f"{HERE}/versions.json", "w"))
for n, e in expected.items():
    print(n, e["network_of"], [(l["assigned"], l["neurons"]) for l in e["layers"]], e["numbers"][:8], e["groups"])
