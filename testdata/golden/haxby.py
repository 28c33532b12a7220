"""Golden results of the Haxby part of the demo: python haxby.py

The eight categories' blocks by nilearn's compute_regressor, features and responses of each run freed of a line and
z-scored by numpy, then himalaya's RidgeCV that leaves one run out, all in float64. Writes haxby.npz: for each set of
images the score and the alpha of every voxel (NaN where it is constant), the weights, and the design of the first run.
"""
import json
import sys
from importlib.metadata import version
from pathlib import Path

import nibabel
import numpy as np
import pandas
from himalaya.ridge import RidgeCV
from himalaya.scoring import correlation_score
from nilearn.glm.first_level import compute_regressor
from sklearn.model_selection import LeaveOneGroupOut

HERE = Path(__file__).resolve().parent
DATA = HERE.parent / "haxby2001"
TR, VOLUMES, RUNS = 2.5, 121, range(1, 13)


def name(run, rest):
    return DATA / f"sub-1_task-objectviewing_run-{run:02d}_{rest}"


def design(run):
    events = pandas.read_csv(name(run, "events.tsv"), sep="\t")
    times = np.arange(VOLUMES) * TR
    columns = []
    for category in sorted(set(events.trial_type)):
        e = events[events.trial_type == category]
        blocks = np.stack([e.onset, e.duration, np.ones(len(e))])
        columns.append(compute_regressor(blocks, "glover", times, oversampling=50)[0][:, 0])
    return np.stack(columns, 1)


def prepare(a):
    line = np.stack([np.ones(len(a)), np.arange(len(a))], 1)
    a = a - line @ np.linalg.lstsq(line, a, rcond=None)[0]
    return (a - a.mean(0)) / a.std(0)


def fit(desc, mask):
    raw = [nibabel.load(name(run, f"desc-{desc}_bold.nii.gz")).get_fdata() for run in RUNS]
    raw = [r[mask].T if mask is not None else r.reshape(-1, r.shape[-1]).T for r in raw]
    varies = np.all([r.std(0) > 0 for r in raw], axis=0)
    Y = np.concatenate([prepare(r[:, varies]) for r in raw])
    X = np.concatenate([prepare(design(run)) for run in RUNS])
    groups = np.repeat(np.arange(len(RUNS)), VOLUMES)
    model = RidgeCV(alphas=np.logspace(-1, 5, 20), fit_intercept=False,
                    cv=list(LeaveOneGroupOut().split(X, groups=groups)), solver_params=dict(score_func=correlation_score))
    model.fit(X, Y)
    out = {}
    for what, values in [("score", model.cv_scores_), ("alpha", model.best_alphas_)]:
        out[what] = np.full(varies.shape, np.nan)
        out[what][varies] = values
    out["weights"] = np.full((X.shape[1], len(varies)), np.nan)
    out["weights"][:, varies] = model.coef_
    return out


mask = nibabel.load(DATA / "sub-1_desc-25mm_mask.nii.gz").get_fdata() != 0
golden = {"design": design(1)}
for desc, m in [("slice", None), ("25mm", mask)]:
    for what, values in fit(desc, m).items():
        golden[f"{desc}_{what}"] = values
versions = {p: version(p) for p in ["numpy", "nibabel", "nilearn", "himalaya", "scikit-learn"]}
np.savez_compressed(HERE / "haxby.npz", **golden)
(HERE / "haxby.json").write_text(json.dumps({"python": sys.version.split()[0], **versions}, indent=1) + "\n")
