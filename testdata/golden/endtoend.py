"""Golden results of whole commands: python endtoend.py, writes endtoend/ beside it.

What the tutorials of voxelwise modelling do, by nilearn, himalaya and numpy in float64, on files that voxen encode reads:

haxby.npz     The 25 mm images of haxby2001 in their mask, runs 1 to 10 for the fit and 11 and 12 to test it. nilearn's
              NiftiMasker takes a line out of every run and z-scores it. Features are two spaces of a run: whether anything
              is shown (1 column), and which of eight categories (8), at delays of 1 to 4 volumes within the run, z-scored
              before (haxby_features.hdf). himalaya's RidgeCV fits both side by side and the random search of GroupRidgeCV weighs them, with the
              draws that are stored; both leave one run out.
shortclips/   Simulated data of the tutorials' kind (bench/peers/synthetic.py), small, with five repeats of the test run, in
              the files of their data set: HDF5 of features and of a subject's responses.
tutorial.npz  MultipleKernelRidgeCV of them as above; scores are of the mean of the repeats, z-scored again. Explainable
              variance is voxelwise_tutorials' formula (BSD-3-Clause), written anew.
ds003020/     Two made-up stories in the files of the Huth lab's data set: TextGrids, and .hf5 of responses that lack the first 10
              and the last 5 volumes of a TR of 2 s. Nothing is compared with them; the guide's commands run on them.
"""
import json
import sys
from importlib.metadata import version
from pathlib import Path

import h5py
import numpy as np
import pandas
from himalaya.kernel_ridge import MultipleKernelRidgeCV, generate_dirichlet_samples
from himalaya.ridge import RidgeCV, solve_group_ridge_random_search
from himalaya.scoring import correlation_score, r2_score, r2_score_split
from nilearn.maskers import NiftiMasker
from sklearn.model_selection import LeaveOneGroupOut

HERE = Path(__file__).resolve().parent
OUT, DATA = HERE / "endtoend", HERE.parent / "haxby2001"
sys.path.insert(0, str(HERE.parent.parent / "bench" / "peers"))
import synthetic  # noqa: E402

DELAYS = 1, 2, 3, 4
ALPHAS = np.logspace(-1, 5, 20)
zscore = synthetic.zscore


def delayed(x):
    """The columns of a run at every delay, side by side; rows from before the run are 0."""
    return np.hstack([np.pad(x[:len(x) - d], ((d, 0), (0, 0))) for d in DELAYS])


def banded(cv_score, parts, Y_test):
    return dict(banded_cv_score=cv_score.max(0), banded_r2=r2_score(Y_test, parts.sum(0)), banded_r=correlation_score(Y_test, parts.sum(0)),
                product_measure=r2_score_split(Y_test, parts))


SEARCH = dict(alphas=ALPHAS, score_func=r2_score, progress_bar=False)


def folds(runs):
    return list(LeaveOneGroupOut().split(runs, groups=runs))


def group_ridge(spaces, Y, runs, tests, Y_test, gammas):
    """GroupRidgeCV's search over spaces of delayed features."""
    _, W, scores = solve_group_ridge_random_search(spaces, Y, n_iter=gammas, cv=folds(runs), return_weights=True, **SEARCH)[:3]
    parts = np.stack([x @ w for x, w in zip(tests, np.split(W, np.cumsum([x.shape[1] for x in spaces])[:-1]))])
    return banded(scores, parts, Y_test)


def kernel_ridge(spaces, Y, runs, tests, Y_test, gammas):
    """MultipleKernelRidgeCV of linear kernels."""
    model = MultipleKernelRidgeCV(kernels="precomputed", cv=folds(runs), solver="random_search", solver_params=dict(n_iter=gammas, **SEARCH))
    model.fit(np.stack([x @ x.T for x in spaces]), Y)
    return banded(model.cv_scores_, model.predict(np.stack([t @ x.T for t, x in zip(tests, spaces)]), split=True), Y_test)


def haxby():
    files = [DATA / f"sub-1_task-objectviewing_run-{run:02d}_desc-25mm_bold.nii.gz" for run in range(1, 13)]
    masker = NiftiMasker(mask_img=DATA / "sub-1_desc-25mm_mask.nii.gz", detrend=True, standardize=None).fit()
    Y = [zscore(masker.transform(f).astype(float)) for f in files]  # nilearn's own z-score has ddof 1
    shown, category = [], []
    for f in files:
        events = pandas.read_csv(str(f).replace("desc-25mm_bold.nii.gz", "events.tsv"), sep="\t")
        t = np.arange(len(Y[0])) * 2.5
        on = lambda e: ((t[:, None] >= e.onset.values) & (t[:, None] < (e.onset + e.duration).values)).any(1)
        shown.append(on(events)[:, None].astype("f4"))
        category.append(np.stack([on(e) for _, e in events.groupby("trial_type")], 1).astype("f4"))
    spaces = [[delayed(zscore(line(x.astype(float)))) for x in space] for space in (shown, category)]
    n, runs = 10, np.repeat(np.arange(10), len(Y[0]))
    train, test = [np.concatenate(s[:n]) for s in spaces], [np.concatenate(s[n:]) for s in spaces]
    Y_train, Y_test = np.concatenate(Y[:n]), np.concatenate(Y[n:])
    model = RidgeCV(alphas=ALPHAS, fit_intercept=False, cv=list(LeaveOneGroupOut().split(Y_train, groups=runs)), solver_params=dict(score_func=r2_score))
    model.fit(np.hstack(train), Y_train)
    P = model.predict(np.hstack(test))
    gammas = generate_dirichlet_samples(20, 2, concentration=[0.1, 1.0], random_state=0)
    named = dict(shown=shown, category=category, both=[np.hstack(x) for x in zip(shown, category)])
    hdf(OUT / "haxby_features.hdf", **{f"{space}/run-{i:02d}": x.astype("u1") for space, runs in named.items() for i, x in enumerate(runs, 1)})
    return dict(gammas=gammas, cv_score=model.cv_scores_.ravel(),
                r2=r2_score(Y_test, P), r=correlation_score(Y_test, P), **group_ridge(train, Y_train, runs, test, Y_test, gammas))


def line(a):
    basis = np.stack([np.ones(len(a)), np.arange(len(a))], 1)
    return a - basis @ np.linalg.lstsq(basis, a, rcond=None)[0]


def explainable(Y):
    """Of repeats (n, T, V), with the correction for their number."""
    z = (Y - Y.mean(1, keepdims=True)) / Y.std(1, keepdims=True)
    n, ev = len(Y), 1 - (z - z.mean(0)).var(axis=(0, 1))
    return ev - (1 - ev) / (n - 1)


def hdf(path, **arrays):
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w", track_order=True) as f:
        for name, a in arrays.items():
            f.create_dataset(name, data=a, **({"compression": "gzip", "shuffle": True} if a.nbytes > 4096 else {}))


def tutorial():
    d = synthetic.tutorial(4, 40, 30, 3, spaces=(5, 12))
    onsets = np.arange(4) * 40
    for i, space in enumerate(("motion_energy", "wordnet")):
        hdf(OUT / "shortclips" / "features" / f"{space}.hdf", X_train=d["space%d" % i], X_test=d["test%d" % i], run_onsets=onsets)
    hdf(OUT / "shortclips" / "responses" / "S01_responses.hdf", Y_train=d["Y"], Y_test=d["Y_test"], run_onsets=onsets)
    per_run = lambda x: np.concatenate([delayed(r.astype(float)) for r in np.split(x, 4)])
    spaces, tests = [per_run(d["space0"]), per_run(d["space1"])], [delayed(d["test0"].astype(float)), delayed(d["test1"].astype(float))]
    gammas = generate_dirichlet_samples(30, 2, concentration=[0.1, 1.0], random_state=0)
    mean = zscore(d["Y_test"].astype(float).mean(0))
    return dict(gammas=gammas, explainable_variance=explainable(d["Y_test"].astype(float)),
                **kernel_ridge(spaces, d["Y"].astype(float), d["runs"], tests, mean, gammas))


WORDS = "the a and then I she we said went came back home night light door key river road letter sister old blue quiet long never always because until".split()


def stories():
    """Words at random times; responses that follow how many there are, and noise."""
    rng = np.random.default_rng(5)
    weights = rng.standard_normal(8)
    for story, volumes in (("souls", 215), ("wheretheressmoke", 135)):
        end = 2.0 * volumes
        onsets = np.cumsum(rng.uniform(.15, 1.2, 700))
        onsets = onsets[onsets < end - 2]
        rows = []
        for lo, hi in zip(onsets, [*onsets[1:], end]):
            rows.append((lo, min(hi, lo + .5), rng.choice(WORDS)))
            if hi > lo + .5:
                rows.append((lo + .5, hi, "sp"))
        rows = [(0, onsets[0], "sp"), *rows]
        text = ["File type = \"ooTextFile\"", "Object class = \"TextGrid\"", "", "0", "%g" % end, "<exists>", "1", "\"IntervalTier\"", "\"word\"", "0", "%g" % end, str(len(rows))]
        for lo, hi, word in rows:
            text += ["%.3f" % lo, "%.3f" % hi, '"%s"' % word]
        folder = OUT / "ds003020" / "TextGrids"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{story}.TextGrid").write_text("\n".join(text) + "\n")
        rate = np.histogram(onsets, np.arange(volumes + 1) * 2.0)[0].astype(float)
        late = zscore(np.convolve(rate - rate.mean(), synthetic.HRF)[:volumes])
        Y = zscore((late[:, None] * weights + 2 * rng.standard_normal((volumes, 8)))[10:-5])
        hdf(OUT / "ds003020" / "UTS03" / f"{story}.hf5", data=Y)


OUT.mkdir(exist_ok=True)
for name, results in (("haxby", haxby()), ("tutorial", tutorial())):
    np.savez_compressed(OUT / name, **results)
    print(name, {k: v.shape for k, v in results.items()}, {k: float(np.median(results[k])) for k in ("banded_cv_score", "banded_r2", "banded_r")})
stories()
versions = {p: version(p) for p in ["numpy", "pandas", "h5py", "nibabel", "nilearn", "himalaya", "scikit-learn"]}
(OUT / "versions.json").write_text(json.dumps({"date": "2026-11-30", "python": sys.version.split()[0], **versions}, indent=1) + "\n")
