"""Golden results of encoding models with confounds and atlases: nuisance/.

usage: python nuisance.py         (writes nuisance/ beside this file)

Features and responses are cleaned run by run with nilearn's signal.clean, atlas
means are those of nilearn's NiftiLabelsMasker, and the models are himalaya's
RidgeCV on what is left. All in float64; random data. Versions are written to
nuisance/manifest.json.
"""
import json, os, platform, warnings
import numpy as np, nibabel as nib, nilearn, himalaya
from himalaya.ridge import RidgeCV
from himalaya.scoring import r2_score
from nilearn.maskers import NiftiLabelsMasker
from nilearn.signal import clean
from sklearn.model_selection import KFold, LeaveOneGroupOut

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "nuisance")
NAMES = ["trans_x", "trans_y", "rot_z", "csf", "trans_x_derivative1", "framewise_displacement", "dvars"]
warnings.filterwarnings("ignore")


def confounds(rng, rows):
    """A table as fMRIPrep's: motion, csf far from zero, columns that begin with n/a."""
    t = np.cumsum(rng.standard_normal((rows, 3)), axis=0) * 0.05
    csf = 2000 + 8 * rng.standard_normal(rows)
    d = np.r_[np.nan, np.diff(t[:, 0])]
    fd = np.r_[np.nan, np.abs(np.diff(t, axis=0)).sum(1)]
    return np.column_stack([t, csf, d, fd, np.r_[np.nan, rng.uniform(0.8, 1.3, rows - 1)]])


def write_table(path, table):
    with open(path, "w") as f:
        f.write("\t".join(NAMES) + "\n")
        for row in table:
            f.write("\t".join("n/a" if np.isnan(x) else repr(float(x)) for x in row) + "\n")


def filled(table, names):
    """The columns by name, n/a at the head as the first value below."""
    c = table[:, [NAMES.index(n) for n in names]].copy()
    for k in range(c.shape[1]):
        first = np.flatnonzero(~np.isnan(c[:, k]))[0]
        c[:first, k] = c[first, k]
    return c


def cleaned(A, C, detrend, tr):
    """One run, by nilearn; without a trend it keeps the mean, which is taken away here."""
    kind = detrend.split(":")
    if kind[0] == "linear":
        out = clean(A, confounds=C, detrend=True, standardize=False)
    elif kind[0] == "cosine":
        out = clean(A, confounds=C, detrend=False, standardize=False, filter="cosine", high_pass=1 / float(kind[1]), t_r=tr)
    else:
        out = clean(A, confounds=C, detrend=False, standardize=False)
    return out - out.mean(0)


def fit(X, Y, splits, alphas, r=None):
    m = RidgeCV(alphas=alphas, cv=splits, fit_intercept=False, solver_params=dict(score_func=r2_score)).fit(X, Y)
    cv = np.asarray(m.cv_scores_).reshape(-1, Y.shape[1])[-1] - 1e-10 * np.log(m.best_alphas_)  # its bonus for larger alphas
    out = dict(weights=m.coef_, alpha=m.best_alphas_, cv_score=cv)
    if r is not None:
        out["test_score"] = r2_score(r[1], r[0] @ m.coef_)
    return out


def case(name, seed, runs, K, V, columns, detrend="none", tr=0.0, cv="runs", test=0, one_file=False):
    rng = np.random.default_rng(seed)
    names = {"": NAMES, "motion": NAMES[:3] + ["trans_x_derivative1"]}.get(columns, columns.split(","))
    pattern = {"motion": "trans_?,rot_*,*_derivative1"}.get(columns, columns)
    W = rng.standard_normal((K, V))
    parts, left = [], []
    for n in runs + ([test] if test else []):
        C = confounds(rng, n)
        X = rng.standard_normal((n, K)) + 0.3 * filled(C, NAMES)[:, :1]
        Y = 500 + X @ W + 3 * rng.standard_normal((n, V)) + filled(C, NAMES)[:, [0, 2]] @ rng.standard_normal((2, V)) * 9
        parts.append((X, Y, C))
    c = [(cleaned(X, filled(C, names), detrend, tr), cleaned(Y, filled(C, names), detrend, tr)) for X, Y, C in parts]
    train = c[: len(runs)]
    labels = np.repeat(np.arange(len(runs)), runs)
    X, Y = np.vstack([x for x, _ in train]), np.vstack([y for _, y in train])
    splits = list(LeaveOneGroupOut().split(X, groups=labels)) if cv == "runs" else list(KFold(int(cv[6:])).split(X))
    alphas = np.logspace(-1, 4, 11)
    want = fit(X, Y, splits, alphas, c[-1] if test else None)
    arrays = dict(want)
    for i, (X, Y, C) in enumerate(parts):
        mark = "test" if i == len(runs) else str(i)
        arrays["X" + mark], arrays["Y" + mark] = X, Y
        write_table(os.path.join(HERE, f"{name}_{mark}.tsv"), C)
    np.savez(os.path.join(HERE, name + ".npz"), **arrays)
    return dict(name=name, runs=len(runs), test=bool(test), columns=pattern, detrend=detrend, tr=tr, cv=cv)


def atlas():
    """Region means of a volume on a grid with a mask, and the fit to them."""
    rng = np.random.default_rng(90)
    shape, T, K = (4, 5, 3), 60, 4
    affine = np.diag([3.0, 3, 3, 1])
    labels = rng.choice([0, 2, 5, 9], shape).astype("i2")
    labels[0, 0] = 11                                       # a region of constant voxels alone
    X = rng.standard_normal((T, K))
    Y = 100 + (X @ rng.standard_normal((K, 60))).reshape(T, *shape) + 4 * rng.standard_normal((T, *shape))
    Y[:, 0, 0] = 5
    img = nib.Nifti1Image(np.moveaxis(Y, 0, -1), affine)
    img.set_data_dtype("f8")
    img.to_filename(os.path.join(HERE, "atlas_bold.nii.gz"))
    lab = nib.Nifti1Image(labels, affine)
    lab.to_filename(os.path.join(HERE, "atlas_label.nii.gz"))
    keep = labels.copy()
    keep[0, 0] = 0
    means = NiftiLabelsMasker(nib.Nifti1Image(keep, affine), standardize=False).fit_transform(img)
    Xc, Yc = X - X.mean(0), means - means.mean(0)
    np.savez(os.path.join(HERE, "atlas.npz"), X=X, means=means, keys=np.array([2, 5, 9]), **fit(Xc, Yc, list(KFold(5).split(Xc)), np.logspace(-1, 4, 11)))


def main():
    os.makedirs(HERE, exist_ok=True)
    entries = [
        case("linear", 71, [40, 40], 4, 7, "motion", detrend="linear"),
        case("cosine", 72, [50, 37], 3, 6, "", detrend="cosine:40", tr=2.0),
        case("confounds_alone", 73, [30, 31, 32], 5, 5, "csf,framewise_displacement"),
        case("held_out", 74, [40, 36], 4, 6, "trans_x,trans_y,rot_z,csf", detrend="linear", test=33),
        case("one_run", 75, [80], 6, 1, "csf", detrend="cosine:100", tr=1.5, cv="kfold:4"),
    ]
    atlas()
    versions = dict(python=platform.python_version(), numpy=np.__version__, nibabel=nib.__version__, nilearn=nilearn.__version__, himalaya=himalaya.__version__)
    with open(os.path.join(HERE, "manifest.json"), "w") as f:
        json.dump(dict(versions=versions, cases=entries), f, indent=1)
        f.write("\n")


if __name__ == "__main__":
    main()
