"""Responses of estimators that are images, and results as images again."""

import pickle

import nibabel
import numpy as np
import pytest
from nilearn.masking import apply_mask
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

import voxen

ESTIMATORS = [voxen.RidgeCV([1.0, 10.0], nested=True), voxen.GroupRidgeCV([0, 0, 1], n_iter=3, random_state=0), voxen.LassoCV(n_alphas=3)]


@pytest.fixture
def study():
    """Give features of two runs, BOLD of them (3 x 4 x 2 voxels), and a mask of all but two voxels."""
    rng = np.random.default_rng(1)
    affine = np.diag([3.0, 3, 3, 1])
    features = [rng.standard_normal((rows, 3)) for rows in (40, 30)]
    noise = [rng.standard_normal((3, 4, 2, len(x))) for x in features]
    bold = [nibabel.Nifti1Image((100 + n + np.einsum("xyzk,tk->xyzt", noise[0][..., :3], x)).astype(np.float32), affine) for n, x in zip(noise, features, strict=True)]
    inside = np.ones((3, 4, 2), np.uint8)
    inside[0, 0] = 0
    return features, bold, nibabel.Nifti1Image(inside, affine)


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("given", ["image", "path", "runs", "array"])
def test_volumes(study, tmp_path, estimator, given):
    """Images, paths and runs fit what nilearn's masked arrays do; attributes and scores are images on the same grid."""
    features, bold, mask = study
    count = 2 if given == "runs" else 1
    X, Y = np.vstack(features[:count]), np.vstack([apply_mask(b, mask) for b in bold[:count]])
    y = {"image": bold[0], "path": tmp_path / "bold.nii.gz", "runs": bold, "array": Y}[given]
    where = mask
    if given == "path":
        bold[0].to_filename(y)
        where = tmp_path / "mask.nii"
        mask.to_filename(where)
    model = clone(estimator).set_params(mask=where).fit(X, y)
    plain = clone(estimator).fit(X, Y.astype(np.float32))
    np.testing.assert_array_equal(model.coef_, plain.coef_)
    inside = np.asarray(mask.dataobj) > 0
    model = pickle.loads(pickle.dumps(model))
    for name in ["best_alphas_", "coef_"]:
        image, values = model.image(name), getattr(plain, name)
        assert np.array_equal(image.affine, mask.affine) and image.shape[:3] == mask.shape
        np.testing.assert_array_equal(image.get_fdata()[inside].T, values)
        assert not image.get_fdata()[~inside].any()
    np.testing.assert_array_equal(model.score_voxels(X, y), plain.score_voxels(X, Y))
    assert model.score(X, y) == plain.score(X, Y)
    assert model.image(model.predict(X)).shape == (*mask.shape, len(X))


def test_whole_grid_and_types(study):
    """Without a mask every voxel is a column; integers with and without a scale are what nibabel reads."""
    features, bold, _ = study
    values = np.clip(np.asarray(bold[0].dataobj) * 100, 0, 30000)
    for dtype, slope in [(np.int16, None), (np.uint8, 0.5), (np.int16, 0.01), (np.float64, None), (np.int32, 3.0)]:
        image = nibabel.Nifti1Image((values / (400 if dtype == np.uint8 else 1)).astype(dtype), bold[0].affine)
        if slope:
            image.header.set_slope_inter(slope, 1)
        image = nibabel.Nifti1Image.from_bytes(image.to_bytes())
        want = image.get_fdata().reshape(-1, 40).T
        model = voxen.RidgeCV([1.0]).fit(features[0], image)
        np.testing.assert_allclose(model.coef_, voxen.RidgeCV([1.0]).fit(features[0], want).coef_, rtol=1e-4, atol=1e-4 * np.abs(want).max())
        assert model.image("best_alphas_").shape == (3, 4, 2)
    delayed = make_pipeline(voxen.Delayer([0, 1]), voxen.RidgeCV([1.0])).fit(features[0], bold[0])
    assert delayed[-1].image("coef_").shape == (3, 4, 2, 6)


def test_surfaces(study):
    """CIFTI gives CIFTI; GIFTI gives GIFTI, of two hemispheres a list."""
    (X, _), _, _ = study
    Y = np.random.default_rng(2).standard_normal((40, 12)).astype(np.float32)
    places = nibabel.cifti2.BrainModelAxis.from_mask(np.ones(12, bool), name="cortex_left")
    cifti = nibabel.Cifti2Image(Y, (nibabel.cifti2.SeriesAxis(0, 2, 40), places))
    want = voxen.RidgeCV([1.0]).fit(X, Y)
    model = voxen.RidgeCV([1.0]).fit(X, cifti)
    image = model.image("coef_")
    np.testing.assert_array_equal(image.get_fdata(dtype=np.float64), want.coef_)
    assert image.header.get_axis(1) == places and model.image("cv_scores_").shape == (1, 12)
    halves = [nibabel.gifti.GiftiImage(darrays=[nibabel.gifti.GiftiDataArray(row) for row in Y[:, part]]) for part in (slice(0, 5), slice(5, 12))]
    both = voxen.RidgeCV([1.0]).fit(X, [halves])
    np.testing.assert_array_equal(both.coef_, want.coef_)
    images = both.image("coef_")
    np.testing.assert_allclose(np.hstack([np.stack([a.data for a in i.darrays]) for i in images]), want.coef_, rtol=1e-6)
    left = voxen.RidgeCV([1.0]).fit(X, halves[0])
    np.testing.assert_array_equal(left.coef_, want.coef_[:, :5])


def test_refusals(study, tmp_path):
    """Other grids, masks that are none and files that are no images are one line."""
    (X, X2), bold, mask = study
    moved = nibabel.Nifti1Image(np.asarray(mask.dataobj), 2 * mask.affine)
    small = nibabel.Nifti1Image(np.ones((2, 2, 2), np.uint8), mask.affine)
    text = tmp_path / "text.nii"
    text.write_text("no image")
    for y, where, says in [
        (bold[0], moved, "another grid"),
        (bold[0], small, "another grid"),
        (bold[0], bold[0], "expected three dimensions"),
        (bold[0], np.ones(3), "ndarray, expected an image"),
        (bold[0], nibabel.Nifti1Image(np.zeros((3, 4, 2), np.uint8), mask.affine), "no voxel"),
        (mask, None, "expected four dimensions"),
        (text, None, "text.nii: expected an image"),
        (tmp_path / "gone.nii", None, "gone.nii: no such file"),
        ([bold[0], nibabel.Nifti1Image(np.ones((2, 2, 2, 9), np.float32), mask.affine)], None, "run 2 has other voxels"),
        (np.ones((40, 5)), mask, "22 voxels of the mask"),
        (bold[1], mask, "inconsistent numbers of samples"),
    ]:
        with pytest.raises(ValueError, match=says) as error:
            voxen.RidgeCV(mask=where).fit(X, y)
        assert "\n" not in str(error.value)
    model = voxen.RidgeCV([1.0], mask=mask).fit(X, bold[0])
    with pytest.raises(ValueError, match="22 columns"):
        model.image(np.ones(5))
    with pytest.raises(ValueError, match="another grid"):
        model.score(X2, nibabel.Nifti1Image(np.asarray(bold[1].dataobj), 2 * mask.affine))
    with pytest.raises(ValueError, match="other voxels"):
        model.set_params(mask=None).score(X2, bold[1])
    with pytest.raises(ValueError, match="were an array"):
        voxen.RidgeCV([1.0]).fit(X, np.ones((40, 2)) + X[:, :2]).image("coef_")
