"""The commands as functions, on arrays, images, tables and on what other commands wrote."""

import inspect
import os
import re
import subprocess
from pathlib import Path

import nibabel
import numpy as np
import pandas
import pytest

import voxen
from voxen import _worker, steps

DATA = Path(__file__).parents[2] / "testdata"


@pytest.fixture
def image():
    """Give BOLD of 60 volumes of 3 x 3 x 2 voxels, and a mask of all but two of them."""
    rng = np.random.default_rng(1)
    affine = np.diag([3.0, 3, 3, 1])
    bold = nibabel.Nifti1Image((100 + rng.standard_normal((3, 3, 2, 60))).astype(np.float32), affine)
    inside = np.ones((3, 3, 2), np.uint8)
    inside[0, 0] = 0
    return bold, nibabel.Nifti1Image(inside, affine)


def test_encode_is_ridgecv(problem):
    """The command gives the bits of the estimator, and the file that it names."""
    X, Y = problem(dtype=np.float32)
    model = voxen.RidgeCV([1.0, 10.0, 100.0], nested=True, cv=4).fit(X, Y)
    results = voxen.encode(X, Y, alphas=[1, 10.0, 100], nested=True, cv="kfold:4", intercept=False)
    for name, want in {"weights": model.coef_, "alpha": model.best_alphas_, "cv_score": model.cv_scores_, "nested_score": model.nested_scores_}.items():
        np.testing.assert_array_equal(results[name], want)
    assert results.run["command"] == "encode" and results.summary["voxels"] == Y.shape[1]
    assert set(results) == {"weights", "alpha", "cv_score", "nested_score"} and len(results) == 4
    with pytest.raises(KeyError, match="weight: there are"):
        results["weight"]
    predicted = voxen.predict(results, X)
    np.testing.assert_allclose(predicted.array, model.predict(X), rtol=1e-4, atol=1e-4)
    scores = voxen.score(predicted, Y, metrics=["r", "r2"])
    np.testing.assert_allclose(scores["r2"], model.score_voxels(X, Y), atol=1e-4)


def test_runs_and_spaces(problem):
    """A list is a file per run, a dict is feature spaces by name."""
    X, Y = problem(dtype=np.float32)
    half = len(X) // 2
    split = voxen.encode([X[:half], X[half:]], [Y[:half], Y[half:]], per_run="zscore")
    labels = voxen.encode(X, Y, runs=(np.arange(len(X)) >= half).astype(int), per_run="zscore")
    np.testing.assert_array_equal(split["weights"], labels["weights"])
    gammas = np.array([[0.5, 0.5], [0.2, 0.8]])
    bands = voxen.encode({"a": X[:, :3], "b": X[:, 3:]}, Y, band_weights=gammas)
    np.testing.assert_array_equal(bands["weights"], voxen.encode(X, Y, bands="a=0:3,b=3:8", band_weights=gammas)["weights"])


def test_images(image, tmp_path):
    """Images in memory and paths of them give images, as nilearn's masking has the voxels."""
    from nilearn.masking import apply_mask

    bold, mask = image
    X = np.random.default_rng(2).standard_normal((60, 4)).astype(np.float32)
    results = voxen.encode(X, bold, mask=mask, per_run="center")
    weights = results.image("weights")
    inside = np.asarray(mask.dataobj) > 0
    assert weights.shape == (3, 3, 2, 4) and np.array_equal(weights.affine, bold.affine)
    np.testing.assert_array_equal(weights.get_fdata(dtype=np.float32)[inside].T, results["weights"])
    array = voxen.encode(X, apply_mask(bold, mask).astype(np.float32), per_run="center")
    np.testing.assert_allclose(array["cv_score"], results["cv_score"], atol=1e-4)
    for i, x in enumerate((bold, mask)):
        x.to_filename(tmp_path / f"{i}.nii.gz")
    kept = voxen.encode(X, tmp_path / "0.nii.gz", mask=str(tmp_path / "1.nii.gz"), per_run="center", out=tmp_path / "fit")
    np.testing.assert_array_equal(kept["weights"], results["weights"])
    assert (tmp_path / "fit" / "weights.nii.gz").exists()
    with pytest.raises(KeyError, match="no image"):
        array.image("weights")
    figure = voxen.plot(results.image("cv_score"))
    assert figure.out.read_bytes().startswith(b"\x89PNG")


def test_results_go(problem):
    """A temporary folder goes with its results; arrays that were read stay."""
    X, Y = problem()
    results = voxen.encode(X, Y)
    folder, weights = results.out, results["weights"]
    want = weights.copy()
    assert folder.exists()
    del results
    assert not folder.exists()
    np.testing.assert_array_equal(weights, want)
    weights[:] = 0  # it is the caller's
    assert [os.listdir(f) for f in _worker._worker.folders] == [[], []]


def test_language_model_to_dictionary():
    """extract gives an array and a table of columns, which go with it through align and learn."""
    responses = voxen.extract(DATA / "lm" / "llama-biases", ids=np.arange(3, 33), tap="ffn.out")
    assert responses.array.shape[0] == 30 and responses.array.dtype == np.float32
    assert len(responses.columns) == responses.array.shape[1] and isinstance(responses.columns, pandas.DataFrame)
    words = pandas.DataFrame({"word": ["a"] * 30, "onset": np.arange(30) * 0.7, "offset": np.arange(30) * 0.7 + 0.5})
    volumes = voxen.align(responses, words, tr=2, volumes=10)
    assert volumes.array.shape == (10, responses.array.shape[1])
    pandas.testing.assert_frame_equal(volumes.columns, responses.columns)
    learned = voxen.learn(volumes, atoms=3, lambda_=0.1)
    assert learned["atoms"].shape == (10, 3) and learned["codes"].shape == (3, responses.array.shape[1])
    pandas.testing.assert_frame_equal(learned["columns"], responses.columns)
    assert learned["objective"]["objective"].iloc[-1] > 0


def test_study_steps():
    """match, organize and group, on files and on tables."""
    volume = DATA / "golden" / "match" / "volume"
    maps = [volume / f"sub-0{s}_space-MNI_weights.nii.gz" for s in (1, 2)]
    matched = voxen.match(maps, volume / "networks_space-MNI_label.nii.gz", mask=volume / "mask.nii.gz", draws=20)
    assert {"atom", "network", "r", "p"} <= set(matched["matches"].columns)
    small = DATA / "golden" / "organize" / "small"
    organized = voxen.organize(small / "codes.npz", small / "matches.tsv", [[small / "responses.npy"]], bootstraps=10)
    assert {"neurons", "layers", "models"} <= set(organized)
    indices = pandas.DataFrame({"participant_id": list("abc"), "balance": [7.0, 5, 6]})
    assert voxen.group(indices=indices)["group"] is not None


def test_report_and_run(tmp_path):
    """report needs a name for its file; run does what the plan of a study says."""
    with pytest.raises(ValueError, match="--out is needed"):
        voxen.report(model={"name": "m"})
    study = tmp_path / "study.yaml"
    voxen.run(study, init=True)
    with pytest.warns(UserWarning, match="4 subjects: too few"):  # what it will warn of
        states = voxen.run(study, dry_run=True).summary
    assert len(states) > 5 and {"step", "state"} <= set(states[0])


def test_threads_of_joblib(problem, monkeypatch):
    """Commands take as many threads as joblib gives its workers, and those that are named."""
    X, Y = problem()
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    given = []
    call = _worker.call
    monkeypatch.setattr(_worker, "call", lambda op, arrays, params, *rest: given.append(params["args"]) or call(op, arrays, params, *rest))
    voxen.encode(X, Y, alphas=[1.0, 1e4])
    voxen.encode(X, Y, alphas=[1.0, 1e4], threads=2)
    assert [args[args.index("--threads") + 1] for args in given] == ["1", "2"]


def test_errors(problem):
    """Errors are ValueErrors of one line, which name arguments in the place of their files."""
    X, Y = problem()
    hole = X.copy()
    hole[4, 1] = np.nan
    for arguments, says in [
        ({"responses": Y[:-1]}, "^features: has 120 rows, responses has 119"),
        ({"features": hole}, "^features: "),
        ({"score": "r3"}, '--score "r3", expected r2, r or mse'),
        ({"alphas": [1.0, -1.0]}, "--alphas"),
        ({"memory": "1MiB"}, "too small: this job needs at least"),
        ({"responses": object()}, "--responses object, expected a path"),
        ({"responses": "gone.npy"}, "gone.npy"),
    ]:
        with pytest.raises(ValueError, match=says) as error:
            voxen.encode(**({"features": X, "responses": Y} | arguments))
        assert "\n" not in str(error.value)
    assert not list(Path("/tmp").glob("voxen-results-*/results/.partial"))


def test_warnings_are_warnings(problem):
    """What the program warns of is a warning of the caller's line."""
    X, Y = problem()
    with pytest.warns(UserWarning, match="ends of the grid") as said:
        voxen.encode(X, Y, alphas=[1e6, 1e7])
    assert said[0].filename == __file__


def test_functions_have_all_flags():
    """Every function documents its arguments, which are the flags of the program's own help."""
    for name in steps.__all__[1:]:
        function = getattr(steps, name)
        text = subprocess.run([_worker.program(), name, "--help"], capture_output=True, text=True, check=True).stdout
        flags = set(re.findall(r"^ +(?:-\w, )?--([a-z0-9-]+)", text, re.M)) - {"help", "json", "quiet"}
        arguments = {a.rstrip("_").replace("_", "-") for a in inspect.signature(function).parameters} - {"progress", "study"}
        assert arguments == flags, name
        for argument in inspect.signature(function).parameters:
            assert re.search(rf"^    {argument} : ", function.__doc__, re.M), (name, argument)
