"""Golden results of the organise step: organize/ beside this file.

usage: python organize.py        (needs numpy, scipy)

Two models, `small` of three layers and three subjects, `large` of one layer and one
subject: codes.npz (scipy.sparse.save_npz), columns.tsv, responses.npy, and what match
writes (matches.tsv, subjects.npy, null.npy) of random maps. Layer 2 of small has no
neuron in a sub-group; some neurons have no code; atom 5 has a map of zeros; the
response of neuron 3 is constant. expected.json holds every index by its definition, in
plain loops, and, for some lists of subjects, what a resampling of them gives, with the
quantiles over them.
Versions are in organize/versions.json.
"""
import json, os, platform
import numpy as np, scipy, scipy.sparse as sp

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


def match(maps, templates, null, subjects):
    """best network, r, q of each atom for the mean over subjects."""
    group = np.mean([maps[s] for s in subjects], 0)
    r = np.array([[corr(x, t) for t in templates] for x in group])
    best = r.argmax(1)
    top = r.max(1)
    p = np.array([(1 + (null[k] >= top[k]).sum()) / (1 + null.shape[1]) for k in range(len(r))])
    return r, best, p, bh(p)


def indices(A, layers, network_of, threshold=0.5):
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
        s = sum(a[k] for k in range(K) if network_of[k] == b)
        ok = share[b] >= threshold - 1e-12
        out["neurons"].append([b if ok else -1, share[b], int(np.sign(s)) if ok else 0])
        for i in range(L):
            for j in range(L):
                out["interaction"][i, j] += share[i] >= 0.2 and share[j] >= 0.2
    out["interaction"] = (out["interaction"] / coded).tolist()
    profiles = []
    for l in sorted(set(layers)):
        mine = [out["neurons"][n] for n in range(N) if layers[n] == l]
        has = [m for n, m in zip([n for n in range(N) if layers[n] == l], mine) if np.abs(A[:, n]).sum() > 0]
        inside = [m[0] for m in mine if m[0] >= 0]
        e = dict(layer=int(l), neurons=len(mine), coded=len(has), assigned=len(inside), coverage=len(inside) / len(mine),
                 specialisation=float(np.mean([m[1] for m in has])) if has else None, diversity=None, profile=None)
        if inside:
            p = np.bincount(inside, minlength=L) / len(inside)
            e["profile"] = p.tolist()
            e["diversity"] = float(np.exp(-(p[p > 0] * np.log(p[p > 0])).sum()))
            profiles.append(p)
        out["layers"].append(e)
    d = [e["diversity"] for e in out["layers"] if e["diversity"] is not None]
    cos = [p @ q / np.linalg.norm(p) / np.linalg.norm(q) for i, p in enumerate(profiles) for q in profiles[:i]]
    mean = lambda x: float(np.mean(x)) if len(x) else None
    out["diversity"], out["consistency_layers"] = mean(d), mean(cos)
    out["coverage"] = float(np.mean([m[0] >= 0 for m in out["neurons"]]))
    out["specialisation"] = mean([m[1] for n, m in enumerate(out["neurons"]) if np.abs(A[:, n]).sum() > 0])
    return out


def consistency(maps, network_of, subjects):
    """per network, the mean correlation over pairs of different subjects of the summed maps."""
    out = []
    for b in range(len(NETWORKS)):
        ks = [k for k in range(len(network_of)) if network_of[k] == b]
        r = [corr(maps[s][ks].sum(0), maps[t][ks].sum(0)) for i, s in enumerate(subjects) for t in subjects[:i] if s != t]
        out.append(float(np.mean(r)) if ks and r else None)
    return out


def model(name, seed, K, N, layers, S, T=30, V=80, draws=99):
    out = f"{HERE}/{name}"
    os.makedirs(out, exist_ok=True)
    r = np.random.default_rng(seed)
    lab = r.integers(0, 4, V)
    templates = np.array([(lab == i + 1) * 1.0 for i in range(3)])
    true = r.integers(0, 4, K)                                 # 3: of no network
    maps = np.array([[(templates[true[k]] if true[k] < 3 else 0) + 0.9 * r.standard_normal(V) for k in range(K)] for _ in range(S)])
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
    np.save(f"{out}/null.npy", null)
    rr, best, p, q = match(maps, templates, null, range(S))
    with open(f"{out}/matches.tsv", "w") as f:
        f.write("atom\tnetwork\tr\tdice\tjaccard\toverlap\tp\tq\tmargin\n")
        for k in range(K):
            for b in range(3):
                tail = f"{p[k]:.7g}\t{q[k]:.7g}\t0" if b == best[k] else "n/a\tn/a\tn/a"
                f.write(f"{k}\t{NETWORKS[b]}\t{rr[k, b]:.7g}\t0\t0\t0\t{tail}\n")
    z = responses.astype(float)
    z = (z - z.mean(0)) / np.where(z.std(0) > 0, z.std(0), 1)

    def compactness(neurons):
        """per network, the mean correlation over pairs of its neurons' signed responses."""
        result = []
        for b in range(3):
            ns = [n for n in range(N) if neurons[n][0] == b]
            pairs = [z[:, i] * neurons[i][2] @ z[:, j] * neurons[j][2] / T for x, i in enumerate(ns) for j in ns[:x]]
            result.append(float(np.mean(pairs)) if pairs else None)
        return result

    belongs = lambda best, top, q: [int(b) if v < 0.05 and t > 0 else -1 for b, t, v in zip(best, top, q)]
    network_of = belongs(best, rr.max(1), q)
    e = indices(A, layers, network_of)
    c = consistency(maps, network_of, range(S))
    compact = compactness(e["neurons"])
    groups = [dict(atoms=network_of.count(b), neurons=sum(n[0] == b for n in e["neurons"]), compactness=compact[b], consistency=c[b]) for b in range(3)]
    mean = lambda x: float(np.mean([v for v in x if v is not None])) if any(v is not None for v in x) else None
    e.update(network_of=network_of, groups=groups, consistency_subjects=mean(c), compactness=mean(compact), resampled=[], intervals=[])
    for subjects in ([0, 0, 1], [2, 1, 2], [0, 1, 2], [1, 1, 1], [2, 2, 0]) if S == 3 else ():
        rr, best, p, q = match(maps, templates, null, subjects)
        of = belongs(best, rr.max(1), q)
        i = indices(A, layers, of)
        agree, compact = consistency(maps, of, subjects), compactness(i["neurons"])
        numbers = [i["diversity"], i["consistency_layers"], mean(agree), i["coverage"], i["specialisation"], mean(compact)]
        for l in i["layers"]:
            numbers += [l["coverage"], l["specialisation"], l["diversity"]]
        for b in range(3):
            numbers += [compact[b], agree[b]]
        for row in i["interaction"]:
            numbers += row
        e["resampled"].append(dict(subjects=subjects, network_of=of, numbers=numbers))
    if S == 3:                                                 # of the resamplings in which an index is known
        all = np.array([[np.nan if v is None else v for v in w["numbers"]] for w in e["resampled"]])
        for column in all.T:
            column = column[np.isfinite(column)]
            e["intervals"].append(np.quantile(column, [0.025, 0.975]).tolist() if len(column) else None)
    return e


expected = dict(small=model("small", 4, 14, 60, [0] * 25 + [1] * 25 + [2] * 10, 3), large=model("large", 5, 12, 40, [0] * 40, 1))
json.dump(expected, open(f"{HERE}/expected.json", "w"))
json.dump({"python": platform.python_version(), "numpy": np.__version__, "scipy": scipy.__version__}, open(f"{HERE}/versions.json", "w"))
for n, e in expected.items():
    print(n, e["network_of"], [(l["assigned"], l["neurons"]) for l in e["layers"]], e["diversity"], e["consistency_layers"], e["consistency_subjects"], e["groups"])
