"""How much the variance of surrogate templates' correlations differs between maps.

usage: python bench/null/template_variance.py      (needs numpy, scipy, nibabel; a minute)

A surrogate template u is a stationary field with the covariance C of a network's
template t (0 and 1, about its mean), each distance divided by its number of pairs of
voxels, so that over random maps x the mean of Var_u <x, u> = sum_h C(h) A_x(h), A_x the
autocorrelation of the map, is Var_x <x, t>. For a given map it is an estimate, and the
coefficient of variation over maps says how good: 2 / cv^2 degrees of freedom. Maps are
noise of 6 mm FWHM on the shipped mask of 3 mm. docs/study.md, "match", cites the result.
"""
import os
import numpy as np, nibabel as nib
from scipy.ndimage import gaussian_filter

NETWORKS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../testdata/networks")
MAPS, SIGMA = 150, 6 / np.sqrt(8 * np.log(2)) / 3


def main():
    lab = np.asarray(nib.load(f"{NETWORKS}/yeo7_space-MNI_res-3_label.nii.gz").dataobj).astype(int)
    box = tuple(slice(a, b) for a, b in zip(np.argwhere(lab).min(0), np.argwhere(lab).max(0) + 1))
    lab = lab[box]
    mask = lab > 0
    names = [line.split("\t")[1] for line in open(f"{NETWORKS}/yeo7.tsv").read().splitlines()[1:]]
    shape, axes = [2 * n for n in mask.shape], (0, 1, 2)
    auto = lambda x: np.fft.irfftn(np.abs(np.fft.rfftn(x, shape, axes)) ** 2, shape, axes)

    def unit(x):
        x = np.where(mask, x - x[mask].mean(), 0)
        return x / np.linalg.norm(x)

    pairs = auto(mask * 1.0)
    steps = np.meshgrid(*[np.fft.fftfreq(n) * n for n in shape], indexing="ij")
    distance = np.sqrt(sum(s * s for s in steps)).round().astype(int)
    shells = np.maximum(np.bincount(distance.ravel(), pairs.ravel()), 1)
    covariances = {}
    for b, name in enumerate(names, 1):
        a = auto(unit((lab == b) * 1.0))
        isotropic = (np.bincount(distance.ravel(), a.ravel()) / shells)[distance]
        covariances[name] = [np.where(pairs > 0.5, c, 0) for c in (a / np.maximum(pairs, 1), isotropic)]
    rng = np.random.default_rng(1)
    found = {name: ([], []) for name in names}
    for _ in range(MAPS):
        ax = auto(unit(gaussian_filter(rng.standard_normal(mask.shape), SIGMA)))
        for name in names:
            for values, c in zip(found[name], covariances[name]):
                values.append((c * ax).sum())
    print(f"{mask.sum()} voxels, {MAPS} maps: coefficient of variation, degrees of freedom")
    for name in names:
        print(f"{name:20}", *(f"{what} {np.std(v) / np.mean(v):.2f} {2 / (np.std(v) / np.mean(v)) ** 2:5.1f}" for what, v in zip(("all directions", "averaged"), found[name])))


main()
