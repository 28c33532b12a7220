"""Reads with nibabel what package brain wrote, and compares it with what was meant.

usage: go test ./brain -run Interchange -args -interchange DIR; python testdata/brain/check.py DIR
"""
import glob, os, sys
import numpy as np, nibabel as nib

here, out = os.path.dirname(os.path.abspath(__file__)), sys.argv[1]
mask = nib.load(f"{here}/nifti/mask.nii").get_fdata() != 0
checked = 0


def same(what, a, b, tol=0):
    global checked
    checked += 1
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape or not np.allclose(a.astype(float), b.astype(float), rtol=tol, atol=tol, equal_nan=True):
        raise SystemExit(f"{what}: {a} is not {b}")


expected = {"maps.nii.gz": ("f4", 3), "maps_f64.nii": ("f8", 3), "maps_int16.nii": ("i2", 3), "nifti2.nii.gz": ("f4", 3), "one_uint8.nii": ("u1", 1),
            "slope_gone.nii": ("f4", 3), "quaternion.nii": ("f4", 3), "many_maps.nii": ("f4", 40000), "nan_inside.nii": ("f4", 3), "outside_nan.nii": ("f4", 3)}
for name, (dtype, n) in expected.items():
    im = nib.load(f"{out}/{name}")
    m = np.ones_like(mask) if name == "quaternion.nii" else mask
    data = np.asarray(im.dataobj).reshape(m.shape + (-1,))
    v = m.sum()
    want = np.full(m.shape + (n,), np.nan if name == "outside_nan.nii" else 0.0)
    want[m] = (100 * np.arange(n)[None] + np.arange(v)[:, None]) % 120
    if name == "nan_inside.nii":
        want[tuple(np.argwhere(m)[1])] = np.nan
    same(name, data, want)
    same(name + " type", im.get_data_dtype() == np.dtype(dtype), True)
    same(name + " axes", im.ndim, 3 if n == 1 else 4)
    source = {"quaternion.nii": "qform_only.nii", "nifti2.nii.gz": "v2_be_float32.nii", "slope_gone.nii": "slope_int16.nii"}.get(name, "mask.nii")
    template = nib.load(f"{here}/nifti/full.nii.gz") if name == "maps.nii.gz" else nib.load(f"{here}/nifti/{source}")
    same(name + " affine", im.affine, template.affine, 1e-6)
    same(name + " qform", im.get_qform(), template.get_qform(), 1e-5)
    same(name + " version", type(im) is (nib.Nifti2Image if name in ("nifti2.nii.gz", "many_maps.nii") else nib.Nifti1Image), True)
full, maps = nib.load(f"{here}/nifti/full.nii.gz").header, nib.load(f"{out}/maps.nii.gz").header
for field in "descrip aux_file intent_code intent_name intent_p1 qform_code sform_code xyzt_units dim_info".split():
    same(field, maps[field] == full[field], True)
same("extensions", [e.get_content() == f.get_content() for e, f in zip(maps.extensions, full.extensions)], [True, True])
same("TR", nib.load(f"{out}/maps_f64.nii").header.get_zooms()[3], 0.8, 1e-6)
same("mask", nib.load(f"{out}/mask_kept.nii").get_fdata() != 0, mask)
h = nib.load(f"{out}/maps_int16.nii").header
same("intent", [h.get_intent()[0] == "label", h["descrip"] == b"made by a test"], [True, True])
for path in sorted(glob.glob(f"{here}/surface/*.d*.nii")):
    name = os.path.basename(path)
    if name.startswith("refused"):
        continue
    a, b = nib.load(path), nib.load(f"{out}/{name}")
    same(name, b.get_fdata(), a.get_fdata().astype("f4"))
    same(name + " intent", b.nifti_header.get_intent()[0] != "none", True)
    for i in (0, 1):
        x, y = a.header.get_axis(i), b.header.get_axis(i)
        if isinstance(x, nib.cifti2.LabelAxis):  # colours are kept in 8 bits
            same(name, [list(x.name) == list(y.name), [sorted(l) for l in x.label] == [sorted(l) for l in y.label]], [True, True])
            for l, k in zip(x.label, y.label):
                for key in l:
                    same(name, l[key][0] == k[key][0], True)
                    same(name, l[key][1], k[key][1], 0.5 / 255 + 1e-6)
        else:
            same(name + f" axis {i}", x == y, True)
for name in ("func_gz.func.gii", "small.surf.gii", "small.label.gii", "small.shape.gii"):
    a, b = nib.load(f"{here}/surface/{name}"), nib.load(f"{out}/{name}")
    same(name, len(b.darrays), len(a.darrays))
    for x, y in zip(a.darrays, b.darrays):
        same(name, y.data, x.data)
        same(name, [y.intent == x.intent, y.datatype == x.datatype, dict(y.meta) == dict(x.meta)], [True] * 3)
    same(name, [dict(a.meta) == dict(b.meta), a.labeltable.get_labels_as_dict() == b.labeltable.get_labels_as_dict()], [True, True])
print(f"{checked} comparisons hold with nibabel {nib.__version__}")
