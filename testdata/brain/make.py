"""Golden files of package brain: images written and read by nibabel, responses by nilearn.

usage: python testdata/brain/make.py          (from the top of the repository)
Writes testdata/brain/nifti/*.nii[.gz] and testdata/brain/*.json; what is there is replaced.
Versions used are in golden.json under "versions".
"""
import json, os, sys
import numpy as np, scipy, nibabel as nib, nilearn
from nilearn.glm.first_level import hemodynamic_models as hm
from nilearn.signal import create_cosine_drift

here = os.path.dirname(os.path.abspath(__file__))
top = os.path.dirname(os.path.dirname(here))
out = os.path.join(here, "nifti")
os.makedirs(out, exist_ok=True)
rng = np.random.default_rng(7)
golden = {"versions": {"python": sys.version.split()[0], "numpy": np.__version__, "scipy": scipy.__version__,
                       "nibabel": nib.__version__, "nilearn": nilearn.__version__}}


def rows(a):
    """(x, y, z[, t]) to a list of volumes in C order, the last axis fastest."""
    a = np.asarray(a, float)
    a = a[..., None] if a.ndim == 3 else a
    return [a[..., t].ravel().tolist() for t in range(a.shape[3])]


# Images of every type, byte order and version, read back by nibabel.
shape = (4, 3, 2, 3)
affine = np.array([[-3, 0.25, 0, 40], [0.5, 2.5, -0.125, -20], [0, 0.75, 4, 7], [0, 0, 0, 1.0]])
mask = (rng.random(shape[:3]) < 0.5)
images = {}


def save(name, im, **extra):
    path = os.path.join(out, name)
    nib.save(im, path)
    back = nib.load(path)
    entry = {"shape": list(back.shape), "affine": back.affine.tolist(), "dtype": back.get_data_dtype().name,
             "data": rows(back.get_fdata())}
    if back.shape[:3] == mask.shape:
        a = back.get_fdata()
        a = a[..., None] if a.ndim == 3 else a
        entry["masked"] = a[mask].T.tolist()          # (T, V), the order of the columns
    images[name] = {**entry, **extra}


for version, cls, hdr in ((1, nib.Nifti1Image, nib.Nifti1Header), (2, nib.Nifti2Image, nib.Nifti2Header)):
    for end, mark in (("le", "<"), ("be", ">")):
        for dtype in "uint8 int8 int16 uint16 int32 uint32 int64 uint64 float32 float64".split():
            d = np.dtype(dtype)
            if d.kind == "f":
                data = rng.standard_normal(shape) * 1000
            else:
                info = np.iinfo(d)
                data = rng.integers(info.min, info.max, size=shape, dtype=d, endpoint=True)
                data.flat[0], data.flat[1] = info.min, info.max
            h = hdr(endianness=mark)
            h.set_data_dtype(d)
            im = cls(data.astype(d), affine, h)
            save(f"v{version}_{end}_{dtype}.nii", im, version=version)

# Slopes: integers with slope and intercept, floats with a slope, slope of zero and not a number.
for name, dtype, slope, inter in (("slope_int16", "i2", 0.1, -3.7), ("slope_uint8", "u1", 2.5, 100), ("slope_float32", "f4", 0.3, 0.7),
                                  ("slope_zero", "i2", 0, 55), ("slope_nan", "i2", np.nan, np.nan)):
    h = nib.Nifti1Header()
    h.set_data_shape(shape), h.set_data_dtype(dtype), h.set_sform(affine, 1), h.set_qform(None, 0)
    raw = (rng.standard_normal(shape) * 50 + 60).astype(dtype)
    h["scl_slope"], h["scl_inter"], h["vox_offset"], h["magic"] = slope, inter, 352, b"n+1"
    with open(os.path.join(out, name + ".nii"), "wb") as f:
        f.write(h.binaryblock + b"\0" * 4 + raw.tobytes(order="F"))
    back = nib.load(os.path.join(out, name + ".nii"))
    images[name + ".nii"] = {"shape": list(shape), "affine": back.affine.tolist(), "dtype": back.get_data_dtype().name,
                             "data": rows(back.get_fdata()), "masked": back.get_fdata()[mask].T.tolist(), "version": 1}

# Geometry: by quaternion only (a flip of the third axis), by voxel size only.
theta = 0.3
rot = np.array([[np.cos(theta), -np.sin(theta), 0], [np.sin(theta), np.cos(theta), 0], [0, 0, -1]])
quat = np.eye(4)
quat[:3, :3] = rot * [2, 2.5, 3]
quat[:3, 3] = [-11, 22, 33]
base = rng.standard_normal(shape).astype("f4")
h = nib.Nifti1Header()
h.set_data_dtype("f4")
im = nib.Nifti1Image(base, None, h)
im.set_qform(quat, 1), im.set_sform(None, 0)
save("qform_only.nii", im, version=1)
im = nib.Nifti1Image(base, None, h)
im.header.set_zooms((2, 2.5, 3, 1.5))
im.set_qform(None, 0), im.set_sform(None, 0)
save("no_form.nii", im, version=1)

# Everything that a derived image keeps, compressed, with two extensions.
im = nib.Nifti1Image(base, affine)
im.set_sform(affine, 4), im.set_qform(quat, 2)
im.header.set_zooms((2, 2.5, 3, 2.2))
im.header.set_xyzt_units("mm", "sec")
im.header["descrip"], im.header["aux_file"], im.header["toffset"] = b"a description", b"aux.txt", 4.5
im.header.set_intent("t test", (12,), name="contrast")
im.header.set_dim_info(0, 1, 2)
im.header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"first comment"))
im.header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"second, of another length"))
save("full.nii.gz", im, version=1)
nib.save(nib.Nifti1Image(mask.astype("u1"), affine), os.path.join(out, "mask.nii"))
nib.save(nib.Nifti1Image(mask.astype("u1"), affine + np.eye(4) * 0.01), os.path.join(out, "mask_moved.nii"))

# Types that are refused, and a pair of files.
nib.save(nib.Nifti1Image(np.ones(shape, "c8"), affine), os.path.join(out, "refused_complex64.nii"))
rgb = np.zeros(shape[:3], dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
nib.save(nib.Nifti1Image(rgb, affine), os.path.join(out, "refused_rgb.nii"))
nib.save(nib.Nifti1Pair(base, affine), os.path.join(out, "refused_pair.hdr"))
os.remove(os.path.join(out, "refused_pair.img"))
golden["images"] = images
golden["mask"] = [[int(i) for i in v] for v in np.argwhere(mask)]

# The shipped BOLD through its mask: a few columns and the means of all.
bold = nib.load(f"{top}/testdata/haxby2001/sub-1_task-objectviewing_run-01_desc-25mm_bold.nii.gz").get_fdata()
m25 = nib.load(f"{top}/testdata/haxby2001/sub-1_desc-25mm_mask.nii.gz").get_fdata() != 0
y = bold[m25].T
golden["haxby"] = {"shape": list(y.shape), "column_means": y.mean(0).tolist(), "columns": {str(v): y[:, v].tolist() for v in (0, 1, 100, y.shape[1] - 1)}}
json.dump(golden, open(os.path.join(here, "images.json"), "w"))

# Haemodynamic responses and regressors.
g = {"versions": golden["versions"], "kernels": [], "regressors": [], "cosines": []}
for name, fn in (("glover", hm.glover_hrf), ("spm", hm.spm_hrf)):
    for tr, over in ((2.0, 50), (2.5, 50), (0.72, 16), (1.0, 1)):
        g["kernels"].append({"model": name, "tr": tr, "oversampling": over, "h": fn(tr, over).tolist()})
    for label, onsets, durations, amplitudes, frames in (
        ("blocks", [15, 52.5, 87.5], [22.5, 22.5, 22.5], [1, 1, 1], np.arange(121) * 2.5),
        ("impulses", [0, 3.3, 40, 41.01], [0, 0, 0, 0], [1, -2, 0.5, 3], np.arange(60) * 2.0),
        ("overlap", [4, 6, 10.7], [10, 10, 0.3], [1, 0.5, 2], np.arange(80) * 1.37 + 0.685),
        ("edges", [-30, -10, 95, 500], [3, 12, 30, 5], [1, 1, 1, 1], np.arange(50) * 2.0),
    ):
        x, _ = hm.compute_regressor((np.array(onsets, float), np.array(durations, float), np.array(amplitudes, float)), name, frames, oversampling=50)
        g["regressors"].append({"name": label, "model": name, "onsets": onsets, "durations": durations, "amplitudes": amplitudes,
                                "frame_times": frames.tolist(), "x": x[:, 0].tolist()})
# The integrals that word alignment takes, by quadrature of the density without nilearn's shift by one sample.
from scipy.integrate import quad
from scipy.stats import gamma
par = {"glover": (6, 12, 0.9, 0.9, 0.48), "spm": (6, 16, 1, 1, 0.167)}
g["integrals"] = []
for name, (delay, under, disp, udisp, ratio) in par.items():
    h = lambda t: gamma.pdf(t, delay / disp, scale=disp) - ratio * gamma.pdf(t, under / udisp, scale=udisp)
    for tr in (2.0, 1.5, 0.8, 3.7, 40.0):
        n = int(np.ceil(32 / tr - 1e-9))
        v = np.array([quad(h, d * tr, min(32, (d + 1) * tr), epsabs=1e-14, epsrel=1e-13, limit=200)[0] for d in range(n)])
        g["integrals"].append({"model": name, "tr": tr, "h": (v / v.sum()).tolist()})
for n, tr, seconds in ((121, 2.5, 128), (372, 2.0, 100), (10, 2.0, 1000), (12, 2.0, 4.5), (20, 1.0, 1.0)):
    drift = create_cosine_drift(1 / seconds, np.arange(n) * tr)
    q, _ = np.linalg.qr(drift)
    y = np.random.default_rng(n).standard_normal(n)
    g["cosines"].append({"rows": n, "tr": tr, "seconds": seconds, "columns": drift.shape[1], "y": y.tolist(), "residual": (y - q @ (q.T @ y)).tolist()})
json.dump(g, open(os.path.join(here, "hrf.json"), "w"))

# Word tables to volumes, in the terms of the Alice table: pandas-free, by the definitions.
import csv
rows_ = list(csv.DictReader(open(f"{top}/testdata/alice/words.tsv", encoding="utf-8"), delimiter="\t", quoting=csv.QUOTE_NONE))
onset = []
for r in rows_:
    onset.append(float(r["Word Onset"]) if r["Word Onset"].strip() else onset[-1])
onset = np.array(onset)
R = np.stack([np.sin(0.1 * (c + 1) * np.arange(len(onset))) + c for c in range(3)], 1)
cases = []
for within, hrf, start, tr, volumes, post in (("mean", "none", 0, 2.0, 372, ""), ("mean", "glover", 0, 2.0, 372, ""), ("sum", "spm", 20.5, 1.5, 300, ""),
                                              ("last", "glover", -3, 2.0, 380, ""), ("mean", "glover", 0, 2.0, 372, "zscore"),
                                              ("mean", "spm", 0, 2.0, 372, "cosine:128"), ("lanczos", "none", 0, 2.0, 372, "")):
    B, rate = np.zeros((volumes, 3)), np.zeros(volumes)
    left = int(((onset < start) | (onset >= start + volumes * tr)).sum())
    for t in range(volumes):
        sel = (onset >= start + t * tr) & (onset < start + (t + 1) * tr)
        rate[t] = sel.sum()
        if within == "lanczos":
            x = (start + (t + 0.5) * tr - onset) / tr
            B[t] = np.where(np.abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0) @ R
        elif sel.any():
            B[t] = {"mean": R[sel].mean(0), "sum": R[sel].sum(0), "last": R[sel][-1]}[within]
    h = np.array([1.0]) if hrf == "none" else np.array(next(i["h"] for i in g["integrals"] if i["model"] == hrf and i["tr"] == tr))
    conv = lambda x: np.convolve(x, h)[:volumes]
    S = np.stack([conv(B[:, c]) for c in range(3)], 1)
    if post == "zscore":
        S = (S - S.mean(0)) / S.std(0)
    elif post:
        q, _ = np.linalg.qr(create_cosine_drift(1 / float(post.split(":")[1]), np.arange(volumes) * tr))
        S = S - q @ (q.T @ S)
    cases.append({"within": within, "hrf": hrf, "start": start, "tr": tr, "volumes": volumes, "post": post, "out_of_range": left,
                  "empty": int((rate == 0).sum()), "rate": conv(rate)[:40].tolist(), "s": S[-100:].tolist()})
json.dump({"versions": golden["versions"], "untimed": sum(not r["Word Onset"].strip() for r in rows_), "cases": cases},
          open(os.path.join(here, "align.json"), "w"))

# Resampling to another grid, labels, region means.
from scipy.ndimage import map_coordinates
rng = np.random.default_rng(11)
source = rng.standard_normal((5, 6, 4))
a = np.array([[-3, 0.2, 0, 10], [0.1, 3, 0, -8], [0, -0.3, 4, -6], [0, 0, 0, 1.0]])
b = np.array([[2, 0, 0, -6], [0, 2.5, 0, -12], [0, 0, 3, -11], [0, 0, 0, 1.0]])
shape_b = (10, 10, 7)
ijk = np.stack(np.meshgrid(*map(np.arange, shape_b), indexing="ij"), -1).reshape(-1, 3)
p = np.linalg.inv(a) @ b
x = ijk @ p[:3, :3].T + p[:3, 3]
inside = ((x >= -0.5) & (x <= np.array(source.shape) - 0.5)).all(1)
linear = np.where(inside, map_coordinates(source, x.T, order=1, mode="nearest"), -7)
near = np.clip(np.floor(x + 0.5).astype(int), 0, np.array(source.shape) - 1)
nearest = np.where(inside, source[tuple(near.T)], -7)
yeo = nib.load(f"{top}/testdata/networks/yeo7_space-MNI_res-3_label.nii.gz")
lab = np.asarray(yeo.dataobj).astype(int)
T = 5
v = np.argwhere(lab > 0)
Y = np.sin(np.arange(1, len(v) + 1)[None] * 0.01 * (1 + np.arange(T))[:, None])
l = lab[lab > 0]
json.dump({"versions": golden["versions"], "source": source.ravel().tolist(), "a": a.tolist(), "b": b.tolist(), "trilinear": linear.tolist(),
           "nearest": nearest.tolist(), "inside": int(inside.sum()), "counts": np.bincount(lab.ravel())[1:].tolist(),
           "means": [[float(Y[t, l == k].mean()) for k in range(1, 8)] for t in range(T)]}, open(os.path.join(here, "atlas.json"), "w"))

# CIFTI-2 and GIFTI.
cif = os.path.join(here, "surface")
os.makedirs(cif, exist_ok=True)
rng = np.random.default_rng(5)
left = nib.cifti2.BrainModelAxis.from_surface([0, 1, 3, 5, 8], 10, "CORTEX_LEFT")
right = nib.cifti2.BrainModelAxis.from_surface([2, 3, 9], 10, "CORTEX_RIGHT")
vol_affine = np.array([[-2, 0, 0, 90], [0, 2, 0, -126], [0, 0, 2, -72], [0, 0, 0, 1.0]])
thal = nib.cifti2.BrainModelAxis(name="THALAMUS_LEFT", voxel=np.array([[1, 2, 3], [4, 0, 3]]), affine=vol_affine, volume_shape=(5, 6, 7))
axis = left + right + thal
G = len(axis)
table = {0: ("???", (1, 1, 1, 0)), 3: ("Visual", (0.5, 0, 1, 1)), 7: ("Défaut & <co>", (0, 1, 0, 1))}
s = {}
for name, data, first, dtype in (
    ("series.dtseries.nii", rng.standard_normal((4, G)), nib.cifti2.SeriesAxis(1.5, 0.72, 4), "<f4"),
    ("series_int16.dtseries.nii", rng.standard_normal((4, G)) * 100, nib.cifti2.SeriesAxis(0, 2, 4), "<i2"),
    ("maps.dscalar.nii", rng.standard_normal((2, G)), nib.cifti2.ScalarAxis(["one", "two"]), "<f8"),
    ("labels.dlabel.nii", rng.choice([0, 3, 7], (2, G)), nib.cifti2.LabelAxis(["a", "b"], [table, {0: ("???", (0, 0, 0, 0)), 3: ("X", (1, 0, 0, 1))}]), "<f4"),
):
    im = nib.Cifti2Image(data.astype(dtype), (first, axis), dtype=np.dtype(dtype))
    im.nifti_header.set_data_dtype(np.dtype(dtype))
    im.to_filename(os.path.join(cif, name))
    s[name] = nib.load(os.path.join(cif, name)).get_fdata().tolist()
conn = nib.Cifti2Image(np.eye(G, dtype="f4"), (axis, axis))
conn.to_filename(os.path.join(cif, "refused.dconn.nii"))

points = rng.standard_normal((5, 3)).astype("f4")
faces = np.array([[0, 1, 2], [2, 3, 4], [0, 2, 4]], "i4")
ga = nib.gifti.GiftiDataArray
func = [rng.standard_normal(5).astype("f4") for _ in range(3)]
encodings = {"ascii": "GIFTI_ENCODING_ASCII", "b64": "GIFTI_ENCODING_B64BIN", "gz": "GIFTI_ENCODING_B64GZ"}
for mark, enc in encodings.items():
    im = nib.GiftiImage(darrays=[ga(f, intent="NIFTI_INTENT_TIME_SERIES", encoding=enc, meta=nib.gifti.GiftiMetaData({"TR": "2"})) for f in func], meta=nib.gifti.GiftiMetaData({"subject": "sub-1 & <co>"}))
    nib.save(im, os.path.join(cif, f"func_{mark}.func.gii"))
# nibabel writes the byte order of its machine whatever it is asked for; it reads both.
import base64
text = nib.GiftiImage(darrays=[ga(func[0], intent="NIFTI_INTENT_TIME_SERIES", encoding="GIFTI_ENCODING_B64BIN")]).to_xml().decode()
text = text.replace("LittleEndian", "BigEndian").replace(base64.b64encode(func[0].astype("<f4").tobytes()).decode(), base64.b64encode(func[0].astype(">f4").tobytes()).decode())
open(os.path.join(cif, "func_be.func.gii"), "w").write(text)
assert np.array_equal(nib.load(os.path.join(cif, "func_be.func.gii")).darrays[0].data, func[0])
surf = [ga(points, intent="NIFTI_INTENT_POINTSET"), ga(faces, intent="NIFTI_INTENT_TRIANGLE", ordering="F", encoding="GIFTI_ENCODING_B64GZ")]
nib.save(nib.GiftiImage(darrays=surf), os.path.join(cif, "small.surf.gii"))
lt = nib.gifti.GiftiLabelTable()
for k, (n, c) in table.items():
    lab_ = nib.gifti.GiftiLabel(k, *c)
    lab_.label = n
    lt.labels.append(lab_)
keys = np.array([0, 3, 7, 3, 0], "i4")
nib.save(nib.GiftiImage(darrays=[ga(keys, intent="NIFTI_INTENT_LABEL")], labeltable=lt), os.path.join(cif, "small.label.gii"))
shape = [rng.standard_normal(5).astype("f4") for _ in range(2)]  # thickness, say; one is named
shape[1][2] = np.nan
nib.save(nib.GiftiImage(darrays=[ga(x, intent="NIFTI_INTENT_SHAPE", meta=nib.gifti.GiftiMetaData(m)) for x, m in zip(shape, ({"Name": "thickness"}, {}))],
                        meta=nib.gifti.GiftiMetaData({"AnatomicalStructurePrimary": "CortexLeft"})), os.path.join(cif, "small.shape.gii"))
json.dump({"versions": golden["versions"], "cifti": s, "shape": [[None if np.isnan(v) else float(v) for v in x] for x in shape], "func": [f.tolist() for f in func], "points": points.tolist(), "faces": faces.tolist(), "keys": keys.tolist()},
          open(os.path.join(here, "surface.json"), "w"))
