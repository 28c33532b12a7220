"""Runs voxen encode and match on images that nibabel wrote and reads their maps with nibabel.

usage: python testdata/brain/check_encode.py path/to/voxen
"""
import os, subprocess, sys, tempfile
import numpy as np, nibabel as nib

voxen, here = os.path.abspath(sys.argv[1]), os.path.dirname(os.path.abspath(__file__))
os.chdir(tempfile.mkdtemp())
rng = np.random.default_rng(1)
checked, T = 0, 30
np.save("x.npy", rng.standard_normal((T, 3)))


def encode(out, *args):
    subprocess.run([voxen, "encode", "--features", "x.npy", "--out", out, "--quiet", "--device", "cpu", "--per-run", "center", "--folds", "3", *args], check=True, stdout=subprocess.DEVNULL)
    return {name: np.atleast_2d(np.load(f"{out}/{name}.npy")) for name in ("weights", "alpha", "cv_score")}


def same(what, a, b):
    global checked
    checked += 1
    if not np.array_equal(np.asarray(a), np.asarray(b), equal_nan=True):
        raise SystemExit(f"{what}: {a} is not {b}")


# CIFTI: two cortices and a voxel structure
source = nib.load(f"{here}/surface/series.dtseries.nii")
axis = source.header.get_axis(1)
data = rng.standard_normal((T, len(axis))).astype("f4")
nib.save(nib.Cifti2Image(data, (nib.cifti2.SeriesAxis(0, 2, T), axis)), "y.dtseries.nii")
for name, values in encode("cifti", "--responses", "y.dtseries.nii").items():
    im = nib.load(f"cifti/{name}.dscalar.nii")
    same(name, im.get_fdata(dtype="f4"), values)
    same(name + " grayordinates", im.header.get_axis(1) == axis, True)
    same(name + " maps", len(im.header.get_axis(0).name), len(values))
labels = np.array([0, 3, 3, 7, 7, 7, 0, 3, 0, 7], "f4")[None]
table = {0: ("none", (0, 0, 0, 0)), 3: ("A", (1, 0, 0, 1)), 7: ("B", (0, 0, 1, 1))}
nib.save(nib.Cifti2Image(labels, (nib.cifti2.LabelAxis(["networks"], [table]), axis)), "l.dlabel.nii")
r = encode("regions", "--responses", "y.dtseries.nii", "--atlas", "l.dlabel.nii")
painted = nib.load("regions/cv_score.dscalar.nii").get_fdata(dtype="f4")
same("painted", painted, np.where(labels == 3, r["cv_score"][0, 0], np.where(labels == 7, r["cv_score"][0, 1], np.nan)).astype("f4"))

# GIFTI: both hemispheres
ga = nib.gifti.GiftiDataArray
for side, n in (("L", 6), ("R", 5)):
    darrays = [ga(rng.standard_normal(n).astype("f4"), intent="NIFTI_INTENT_TIME_SERIES") for _ in range(T)]
    nib.save(nib.GiftiImage(darrays=darrays), f"sub-1_hemi-{side}_space-fsaverage5_bold.func.gii")
r = encode("gifti", "--responses", "sub-1_hemi-L_space-fsaverage5_bold.func.gii,sub-1_hemi-R_space-fsaverage5_bold.func.gii")
for name, values in r.items():
    for side, part in (("L", values[:, :6]), ("R", values[:, 6:])):
        im = nib.load(f"gifti/{name}_hemi-{side}.func.gii")
        same(name + side, np.array([a.data for a in im.darrays]), part)
        same(name + side + " structure", im.meta["AnatomicalStructurePrimary"] == {"L": "CortexLeft", "R": "CortexRight"}[side], True)

# match: mean maps on both cortices, NaN on the medial wall
golden = f"{here}/../golden/match/surface"
both = lambda name, ending: ",".join(f"{golden}/{name}_hemi-{side}{ending}" for side in "LR")
for out, maps, networks in (("dense", f"{golden}/weights.dscalar.nii", f"{golden}/networks.dlabel.nii"), ("sides", both("weights", ".func.gii"), both("networks", ".label.gii"))):
    subprocess.run([voxen, "match", "--maps", maps, "--templates", networks, "--out", out, "--draws", "20", "--quiet", "--device", "cpu",
                    "--sphere", f"{golden}/sphere_hemi-L.surf.gii", "--sphere", f"{golden}/sphere_hemi-R.surf.gii"], check=True, stdout=subprocess.DEVNULL)
a, b = nib.load("dense/group_maps.dscalar.nii"), nib.load(f"{golden}/weights.dscalar.nii")
same("mean maps", a.get_fdata(dtype="f4"), b.get_fdata(dtype="f4"))
same("mean maps' grayordinates", a.header.get_axis(1) == b.header.get_axis(1), True)
for side in "LR":
    a, b = (nib.load(f"{f}_hemi-{side}.func.gii").darrays for f in ("sides/group_maps", f"{golden}/weights"))
    same("mean maps " + side, [x.data for x in a], [x.data for x in b])

# a volume with an atlas
affine = np.diag([-3.0, 3, 3, 1])
affine[:3, 3] = 10, -20, 5
bold = nib.Nifti1Image(rng.standard_normal((4, 3, 2, T)).astype("f4"), affine)
nib.save(bold, "y.nii.gz")
atlas = rng.choice([0, 2, 9], (4, 3, 2)).astype("i2")
nib.save(nib.Nifti1Image(atlas, affine), "l.nii.gz")
r = encode("volume", "--responses", "y.nii.gz", "--atlas", "l.nii.gz")
im = nib.load("volume/cv_score.nii.gz")
same("volume", im.get_fdata(dtype="f4"), np.where(atlas == 2, r["cv_score"][0, 0], np.where(atlas == 9, r["cv_score"][0, 1], np.nan)).astype("f4"))
same("affine", im.affine, bold.affine)
# the lines of docs/formats.md that load all results, of a fit with delays
encode("fit", "--responses", "y.nii.gz", "--delays", "0,2", "--keep-scores", "--test-features", "x.npy", "--test-responses", "y.nii.gz", "--save-predictions")
text = open(f"{here}/../../docs/formats.md").read().split("### encode")[1]
D, K, lines = 2, 3, text.split("```python\n")[1].split("```")[0]
exec(lines)
same("results", sorted(fit) == ["alpha", "cv_score", "cv_scores", "predictions", "test_score", "weights"], True)
x = np.load("x.npy")
x = x - x.mean(0)
delayed = [x, np.vstack([np.zeros((2, K)), x[:-2]])]
predicted = sum(d @ w for d, w in zip(delayed, weights.astype("f8")))
if not np.allclose(predicted, fit["predictions"], atol=1e-5):  # float32
    raise SystemExit("weights by delay do not predict what was saved")
print(f"{checked} comparisons of encode's maps hold with nibabel {nib.__version__}")
