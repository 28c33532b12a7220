"""Golden results of the match step: match/ beside this file.

usage: python match.py        (needs numpy, scipy, nibabel)

variogram.npz   a lattice, maps and templates; the covariance weights of every map by
                scipy's nnls on dense matrices, from the definition; quantiles of the
                largest |r| of 40,000 surrogates, drawn by Cholesky's factor
volume/         two subjects' maps (4-D NIfTI) of four atoms, one of them zero and one
                constant; labels and a 4-D template on another grid; expected.json
                holds correlations of the mean maps and overlaps, by scipy's
                map_coordinates on the voxels within both grids, and for seven subjects
                (seven.npy, on the mask) p under flips of their signs
surface/        the same on a CIFTI-2 cortex of two small spheres, with the spheres, and
                the same maps and labels as GIFTI files of each hemisphere; spin.npz holds
                correlations of templates turned by five given rotations, by brute force
                over all vertices, and quantiles of the largest |r| of 20,000
                random ones (rotations by QR, nearest vertices by scipy's k-d tree)
Versions are in match/versions.json.
"""
import itertools, json, os, platform
import numpy as np, scipy, nibabel as nib
from scipy.ndimage import map_coordinates, gaussian_filter
from scipy.optimize import nnls
from scipy.spatial import ConvexHull, cKDTree
from scipy.spatial.transform import Rotation

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "match")
os.makedirs(HERE, exist_ok=True)


def widths(size, widest=30.0, factor=1.6, most=7):
    lo = min(size)
    n = min(most, 1 + int(np.ceil(np.log(widest / lo) / np.log(factor))))
    return [0.0] + [lo * (widest / lo) ** (i / (n - 1)) for i in range(n)]


def variogram():
    r = np.random.default_rng(1)
    dims, size = (7, 6, 5), (3.0, 2.5, 2.0)
    mask = r.random(dims) < 0.7
    mask[3] &= r.random(dims[1:]) < 0.3
    vox = np.argwhere(mask)
    V = len(vox)
    mm = vox * size
    d2 = ((mm[:, None] - mm[None]) ** 2).sum(-1)
    W = widths(size)
    K = [np.exp(-d2 / (2 * s * s)) if s else np.eye(V) for s in W]
    P = np.eye(V) - 1 / V
    smooth = [gaussian_filter(r.standard_normal(dims), s)[mask] for s in (0.01, 0.6, 1.0, 1.6, 3.0)]
    maps = np.array(smooth + [smooth[1] + 5, np.full(V, 3.25), np.zeros(V)])
    weights = []
    A = np.array([(P @ k @ P).ravel() for k in K]).T
    for x in maps:
        x = x - x.mean()
        n = np.linalg.norm(x)
        x = x / n if n > 1e-9 else 0 * x
        weights.append(nnls(A, np.outer(x, x).ravel(), maxiter=10000)[0])
    weights = np.array(weights)
    lab = 1 + (vox[:, 0] > 2) + 2 * (vox[:, 2] > 2)
    templates = np.array([(lab == i) * 1.0 for i in range(1, 5)] + [r.standard_normal(V)])
    t = templates - templates.mean(1, keepdims=True)
    t /= np.linalg.norm(t, axis=1, keepdims=True)
    quantiles = []
    for b in weights[:6]:
        C = sum(w * k for w, k in zip(b, K))
        L = np.linalg.cholesky(C + 1e-10 * np.trace(C) / V * np.eye(V))
        u = L @ r.standard_normal((V, 40000))
        u -= u.mean(0)
        top = np.abs(t @ (u / np.linalg.norm(u, axis=0))).max(0)
        quantiles.append(np.quantile(top, [0.1, 0.5, 0.9, 0.99]))
    np.savez(f"{HERE}/variogram.npz", voxels=vox.astype("i4"), size=np.array(size), widths=np.array(W), maps=maps,
             templates=templates, weights=weights, quantiles=np.array(quantiles))


def corr(x, y):
    x, y = x - x.mean(), y - y.mean()
    n = np.linalg.norm(x) * np.linalg.norm(y)
    return float(x @ y / n) if n > 1e-9 else 0.0


def top(x):
    n = int(np.ceil(0.05 * len(x)))
    i = np.argsort(-x, kind="stable")[:n]
    s = np.zeros(len(x), bool)
    s[i] = x[i] > 0
    return s


def overlaps(a, b):
    both = (a & b).sum()
    return [float(v) if both else 0.0 for v in (2 * both / max(1, a.sum() + b.sum()), both / max(1, (a | b).sum()),
                                                both / max(1, min(a.sum(), b.sum())))]


def sample(vol, affine, mm, order):
    ijk = np.linalg.inv(affine)[:3] @ np.c_[mm, np.ones(len(mm))].T
    inside = ((ijk >= -0.5 - 1e-5) & (ijk <= np.array(vol.shape)[:, None] - 0.5 + 1e-5)).all(0)
    if order == 0:
        ijk = np.floor(ijk + 0.5)
    return np.where(inside, map_coordinates(vol, ijk, order=order, mode="nearest"), np.nan)


def flips(maps, templates):
    """p of the largest |r| of the mean of maps (subjects x atoms x voxels) under all flips of subjects' signs but mirror images."""
    largest = lambda e: np.array([max(abs(corr(x, t)) for t in templates) for x in np.tensordot(e, maps, 1) / len(maps)])
    signs = [np.r_[1.0, e] for e in itertools.product((1, -1), repeat=len(maps) - 1)]
    draws = np.array([largest(e) for e in signs])
    return (draws >= draws[0] - 1e-10).mean(0).tolist()


def results(group, templates, sets, maps=None):
    r = np.array([[corr(x, t) for t in templates] for x in group])
    best = np.abs(r).argmax(1)
    sign = np.where(r[np.arange(len(r)), best] < 0, -1, 1)
    order = np.sort(np.abs(r), 1)
    return dict(r=r.tolist(), overlaps=[[overlaps(top(x), t) for t in sets] for x in group * sign[:, None]],
                best=best.tolist(), sign=sign.tolist(), margin=(order[:, -1] - order[:, -2]).tolist(),
                p_subjects=flips(maps, templates) if maps is not None else None)


def volume():
    out = f"{HERE}/volume"
    os.makedirs(out, exist_ok=True)
    r = np.random.default_rng(2)
    A = np.array([[-3, 0, 0, 12.0], [0, 3, 0, -9], [0, 0, 3, -6], [0, 0, 0, 1]])
    B = np.array([[2, 0, 0, -12.0], [0, 2, 0, -8], [0, 0, 2.5, -5], [0, 0, 0, 1]])
    da, db = (9, 8, 7), (11, 10, 6)
    mask = gaussian_filter(r.standard_normal(da), 1) > -0.15
    subjects = []
    for s in range(2):
        m = np.array([gaussian_filter(r.standard_normal(da), 1) for _ in range(4)])
        m[2], m[3] = 0, 2.0
        m[:, ~mask] = 0
        if s == 1:
            i, j, k = np.argwhere(mask)[17]
            m[0, i, j, k] = np.nan
        nib.save(nib.Nifti1Image(np.moveaxis(m, 0, -1).astype("f4"), A), f"{out}/sub-0{s + 1}_space-MNI_weights.nii.gz")
        subjects.append(m.astype("f4").astype(float))
    nib.save(nib.Nifti1Image(mask.astype("u1"), A), f"{out}/mask.nii.gz")
    ijk = np.stack(np.meshgrid(*map(np.arange, db), indexing="ij"))
    lab = np.where(gaussian_filter(r.standard_normal(db), 1.2) > 0, 1, 4) + (ijk[2] > 3) * 2
    lab[gaussian_filter(r.standard_normal(db), 1) > 0.2] = 0
    lab[0, 0, 0] = 9                                       # a network outside the mask
    nib.save(nib.Nifti1Image(lab.astype("u1"), B), f"{out}/networks_space-MNI_label.nii.gz")
    with open(f"{out}/networks_space-MNI_label.tsv", "w") as f:
        f.write("index\tname\tcolor\n1\tA\t#781285\n3\tB\t#4682b4\n4\tC\t#00760e\n6\tD\t#c439f9\n9\tElsewhere\t#cd3d4e\n")
    four = np.stack([gaussian_filter(r.standard_normal(db), 1.5) for _ in range(3)], -1).astype("f4")
    nib.save(nib.Nifti1Image(four, B), f"{out}/maps_space-MNI152NLin6Asym.nii.gz")
    vox = np.argwhere(mask)
    mm = vox @ A[:3, :3].T + A[:3, 3]
    group = np.array([np.mean([s[k][mask] for s in subjects], 0) for k in range(4)])
    l = sample(lab.astype(float), B, mm, 0)
    m4 = np.array([sample(four[..., i].astype(float), B, mm, 1) for i in range(3)])
    expected = {}
    for name, values, labels in (("labels", np.array([np.where(np.isnan(l), np.nan, l == i) for i in (1, 3, 4, 6, 9)]), True), ("maps", m4, False)):
        ok = np.isfinite(values).all(0) & np.isfinite(group).all(0)
        t = values[:, ok]
        expected[name] = dict(results(group[:, ok], t, [x > 0 if labels else top(x) for x in t]), voxels=int(ok.sum()), of=len(vox))
    seven = np.array([[gaussian_filter(r.standard_normal(da), 1)[mask] - 0.4 * k * np.nan_to_num(l == 3 + k) for k in range(3)] for _ in range(7)]).astype("f4")
    np.save(f"{out}/seven.npy", seven)
    values = np.array([np.where(np.isnan(l), np.nan, l == i) for i in (1, 3, 4, 6, 9)])
    ok = np.isfinite(values).all(0)
    expected["seven"] = dict(results(seven[:, :, ok].astype(float).mean(0), values[:, ok], values[:, ok] > 0, seven[:, :, ok].astype(float)), voxels=int(ok.sum()), of=len(vox))
    json.dump(expected, open(f"{out}/expected.json", "w"))


def fibonacci(n, turn):
    i = np.arange(n) + 0.5
    z, phi = 1 - 2 * i / n, np.pi * (1 + 5 ** 0.5) * i + turn
    s = np.sqrt(1 - z * z)
    return 100 * np.c_[s * np.cos(phi), s * np.sin(phi), z]


def surface():
    """Two spheres of 200 and 180 points; a cap of each is the medial wall."""
    out = f"{HERE}/surface"
    os.makedirs(out, exist_ok=True)
    r = np.random.default_rng(3)
    points = [fibonacci(200, 0.1).astype("f4"), fibonacci(180, 0.7).astype("f4")]
    for p, h in zip(points, "LR"):
        tri = ConvexHull(p).simplices.astype("i4")
        img = nib.gifti.GiftiImage(darrays=[nib.gifti.GiftiDataArray(p, intent="NIFTI_INTENT_POINTSET", datatype="NIFTI_TYPE_FLOAT32"),
                                            nib.gifti.GiftiDataArray(tri, intent="NIFTI_INTENT_TRIANGLE", datatype="NIFTI_TYPE_INT32")])
        nib.save(img, f"{out}/sphere_hemi-{h}.surf.gii")
    cols = [np.flatnonzero(p[:, 0] * s < 70) for p, s in zip(points, (1, -1))]
    axis = nib.cifti2.BrainModelAxis.from_surface(cols[0], 200, "CORTEX_LEFT") + nib.cifti2.BrainModelAxis.from_surface(cols[1], 180, "CORTEX_RIGHT")
    xyz = np.concatenate([p[c] for p, c in zip(points, cols)]).astype(float)
    lab = 1 + (xyz[:, 2] > 20) + (xyz[:, 1] > 30) * (xyz[:, 2] <= 20) * 2
    table = {0: ("???", (0, 0, 0, 0)), 1: ("A", (1, 0, 0, 1)), 2: ("B", (0, 1, 0, 1)), 3: ("C", (0, 0, 1, 1))}
    nib.save(nib.Cifti2Image(lab[None].astype("f4"), (nib.cifti2.LabelAxis(["networks"], [table]), axis)), f"{out}/networks.dlabel.nii")
    d = np.exp(-((xyz[:, None] - xyz[None]) ** 2).sum(-1) / 2 / 40 ** 2)
    maps = np.array([(lab == 2) + 0.5 * r.standard_normal(len(lab)), d @ r.standard_normal(len(lab)), np.zeros(len(lab))]).astype("f4")
    nib.save(nib.Cifti2Image(maps, (nib.cifti2.ScalarAxis(["a", "b", "c"]), axis)), f"{out}/weights.dscalar.nii")
    t = np.array([(lab == i) * 1.0 for i in (1, 2, 3)])
    expected = results(maps.astype(float), t, [x > 0 for x in t])
    json.dump(expected, open(f"{out}/expected.json", "w"))
    spin(out, points, cols, maps.astype(float), t, r.standard_normal((5, 4)))
    hemispheres(out, points, cols, maps, lab, table)


def spin(out, points, cols, maps, templates, quaternions):
    """Templates turned over the spheres: the left by R, the right by its mirror image."""
    unit = [p / np.linalg.norm(p, axis=1, keepdims=True) for p in points]
    place, at = [], 0
    for h in range(2):                                     # column of each vertex, -1 for none
        place.append(np.full(len(unit[h]), -1))
        place[h][cols[h]] = at + np.arange(len(cols[h]))
        at += len(cols[h])
    F = np.diag([-1.0, 1, 1])
    turn = lambda R: [unit[h][cols[h]] @ (R if h == 0 else F @ R @ F).T for h in range(2)]
    highest = lambda at: [max(abs(corr(m[at >= 0], x[at[at >= 0]])) for x in templates) for m in maps]
    where, top = [], []
    for q in quaternions:                                  # w, x, y, z
        to = turn(Rotation.from_quat(np.r_[q[1:], q[0]]).as_matrix())
        near = [((to[h][:, None] - unit[h][None]) ** 2).sum(-1).argmin(1) for h in range(2)]
        where.append(np.concatenate([place[h][near[h]] for h in range(2)]))
        top.append(highest(where[-1]))
    trees = [cKDTree(u) for u in unit]
    g = np.random.default_rng(6)
    draws = []
    for _ in range(20000):
        Q, R = np.linalg.qr(g.standard_normal((3, 3)))     # uniform over rotations once signs are fixed
        Q = Q * np.sign(np.diag(R))
        if np.linalg.det(Q) < 0:
            Q[:, 0] = -Q[:, 0]
        to = turn(Q)
        draws.append(highest(np.concatenate([place[h][trees[h].query(to[h])[1]] for h in range(2)])))
    columns = [(h, i) for h in range(2) for i in cols[h]]
    np.savez_compressed(f"{out}/spin.npz", left=points[0].astype(float), right=points[1].astype(float), columns=np.array(columns), maps=maps,
                        templates=templates, quaternions=quaternions, at=np.array(where), top=np.array(top),
                        quantiles=np.quantile(draws, [0.1, 0.5, 0.9, 0.99], axis=0).T)


def hemispheres(out, points, cols, maps, lab, table):
    """Maps and labels as GIFTI; the medial wall is NaN in maps and 0 in labels."""
    colours = {k: c for k, (_, c) in table.items()}
    at = 0
    for h, p, c in zip("LR", points, cols):
        n = slice(at, at + len(c))
        at += len(c)
        full = np.full((len(maps), len(p)), np.nan, "f4")
        full[:, c] = maps[:, n]
        img = nib.gifti.GiftiImage(meta=nib.gifti.GiftiMetaData(AnatomicalStructurePrimary={"L": "CortexLeft", "R": "CortexRight"}[h]))
        for m in full:
            img.add_gifti_data_array(nib.gifti.GiftiDataArray(m, intent="NIFTI_INTENT_SHAPE", datatype="NIFTI_TYPE_FLOAT32"))
        nib.save(img, f"{out}/weights_hemi-{h}.func.gii")
        keys = np.zeros(len(p), "i4")
        keys[c] = lab[n]
        labels = nib.gifti.GiftiLabelTable()
        for k, (name, _) in table.items():
            l = nib.gifti.GiftiLabel(k, *colours[k])
            l.label = name
            labels.labels.append(l)
        img = nib.gifti.GiftiImage(labeltable=labels, darrays=[nib.gifti.GiftiDataArray(keys, intent="NIFTI_INTENT_LABEL", datatype="NIFTI_TYPE_INT32")])
        nib.save(img, f"{out}/networks_hemi-{h}.label.gii")
        img = nib.gifti.GiftiImage(darrays=[nib.gifti.GiftiDataArray((keys == k).astype("f4"), intent="NIFTI_INTENT_SHAPE", datatype="NIFTI_TYPE_FLOAT32",
                                                                   meta={"Name": table[k][0]}) for k in (1, 2, 3)])
        nib.save(img, f"{out}/networks_hemi-{h}.shape.gii")


variogram()
volume()
surface()
json.dump({"python": platform.python_version(), "numpy": np.__version__, "scipy": scipy.__version__, "nibabel": nib.__version__},
          open(f"{HERE}/versions.json", "w"))
