"""From BOLD to maps, from a language model to a dictionary, and a whole study, on the shipped data.

    pip install 'voxen[sklearn,images]' nilearn matplotlib
    python python/examples/tutorial.py testdata pictures

Cells begin with ``# %%``: editors run them one by one, as a notebook.
"""

# %% What is read, and where pictures go
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import nibabel
import numpy as np
import pandas
from nilearn import plotting, signal
from nilearn.glm.first_level import compute_regressor
from sklearn.model_selection import LeaveOneGroupOut

import voxen

data, pictures = Path(sys.argv[1]), Path(sys.argv[2])
pictures.mkdir(parents=True, exist_ok=True)
haxby, TR, RUNS = data / "haxby2001", 2.5, 6

# %% Features: eight kinds of objects (Haxby et al. 2001), convolved with a haemodynamic response
names = [haxby / f"sub-1_task-objectviewing_run-{r:02d}" for r in range(1, RUNS + 1)]
events = [pandas.read_csv(f"{name}_events.tsv", sep="\t") for name in names]
kinds = sorted(set(events[0]["trial_type"]))
images = [nibabel.load(f"{name}_desc-slice_bold.nii.gz") for name in names]
features = []
for table, image in zip(events, images, strict=True):
    times = np.arange(image.shape[-1]) * TR
    columns = []
    for kind in kinds:
        of = table[table["trial_type"] == kind]
        shown = np.vstack([of["onset"], of["duration"], np.ones(len(of))])
        columns.append(compute_regressor(shown, "glover", times)[0][:, 0])
    features.append(np.stack(columns, axis=1))

# %% An encoding model of every voxel, in the manner of scikit-learn
X = np.vstack([signal.clean(f, detrend=True, standardize="zscore_sample") for f in features])
Y = np.vstack([signal.clean(i.get_fdata().reshape(-1, i.shape[-1]).T, detrend=True, standardize="zscore_sample") for i in images])
runs = np.repeat(np.arange(RUNS), [len(f) for f in features])
model = voxen.RidgeCV(cv=LeaveOneGroupOut(), scoring="r", nested=True, device="cpu").fit(X, Y, groups=runs)
varies = Y.std(0) > 0
print(f"{varies.sum()} voxels; held-out r of the best tenth: {np.quantile(model.nested_scores_[varies], 0.9):.2f}")

# %% The same from images, as one command: its scores are an image, with p values by blocks of rows in another order
fit = voxen.encode(
    features, images, detrend="linear", per_run="zscore", cv="runs", score="r", nested=True, null="blocks:200,length=20", device="cpu"
)
nested = fit["nested_score"]
print(f"q < 0.05 in {(fit['q'] < 0.05).sum()} voxels; {fit.summary['voxels'] - varies.sum()} are constant")
assert np.nanmax(nested) > 0.5, "some voxels tell the objects apart"
r = fit.image("nested_score").get_fdata()[:, :, 0]
fig, axes = plt.subplots(1, 2, figsize=(9, 4))
for ax, values, title in zip(axes, (images[0].get_fdata()[:, :, 0, 0], np.where(r > 0.1, r, np.nan)), ("BOLD", "held-out r"), strict=True):
    shown = ax.imshow(np.rot90(values), cmap="gray" if title == "BOLD" else "hot")
    ax.set_title(title)
    fig.colorbar(shown, ax=ax)
fig.savefig(pictures / "slice.png")

# %% The whole brain at 25 mm, drawn by nilearn
coarse = [f"{name}_desc-25mm_bold.nii.gz" for name in names]
mask = haxby / "sub-1_desc-25mm_mask.nii.gz"
brain = voxen.encode(features, coarse, mask=mask, detrend="linear", per_run="zscore", cv="runs", score="r", nested=True, device="cpu")
plotting.plot_img(brain.image("nested_score"), display_mode="z", colorbar=True, cmap="hot", threshold=0.05, output_file=pictures / "brain.png")

# %% Banded ridge: living things and others, with a penalty each
living = np.isin(kinds, ["cat", "face"])
bands = voxen.GroupRidgeCV(living, n_iter=20, scoring="r", cv=LeaveOneGroupOut(), random_state=0, device="cpu").fit(X, Y, cv_groups=runs)
share = np.exp(bands.deltas_) / np.exp(bands.deltas_).sum(0)
print(f"share of living things in the bands' weights, mean of the voxels with q < 0.05: {share[1, fit['q'] < 0.05].mean():.2f}")

# %% A dictionary of 2,304 neurons of a language model that reads a story (Alice; MiniLM)
neurons = np.load(data / "alice" / "minilm_neurons_tr.npy").astype(np.float32)  # (volumes, neurons)
dictionary = voxen.DictionaryLearning(16, alpha=0.15, standardize=True, device="cpu")
codes = dictionary.fit_transform(neurons.T)
atoms = dictionary.components_.T
print(f"{atoms.shape[1]} atoms; objective {dictionary.objective_:.3f}; {np.mean(codes != 0):.0%} of the codes are not 0")
plt.figure(figsize=(9, 4))
plt.plot(np.arange(len(atoms)) * 2.0, atoms[:, :4])
plt.xlabel("s")
plt.title("four temporal patterns of the neurons")
plt.savefig(pictures / "atoms.png")

# %% A study from one file: simulated BOLD of four subjects, from words to the report
study = pictures / "study.yaml"
if not study.exists():
    voxen.run(study, init=True)
done = voxen.run(study, device="cpu")
print(f"{done.summary['steps']} steps; report: {done.summary['report']}")
matches = pandas.read_csv(next(Path(done.summary["out"]).glob("*/match/matches.tsv")), sep="\t")
print(matches.loc[matches.groupby("atom")["r"].apply(lambda r: r.abs().idxmax()), ["atom", "network", "r"]].to_string(index=False))
assert Path(done.summary["report"]).stat().st_size > 10_000
