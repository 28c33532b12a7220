package main

// fitOf writes a folder as voxen encode leaves it: a run.json of the options given, and
// weights of so many features and 5 voxels.
func (f *files) fitOf(options string, features int) string {
	f.t.Helper()
	f.folder("fit", "run.json", `{"schema": 1, "command": "encode", "options": [`+options+`], "outputs": [{"name": "weights.npy"}]}`)
	f.npy("fit/weights.npy", []int{features, 5})
	return f.path("fit")
}

const fitOptions = `{"name": "--per-run", "value": "none"}, {"name": "--detrend", "value": "none"}, {"name": "--tr", "value": ""},
	{"name": "--confound-columns", "value": ""}, {"name": "--delays", "value": "1,2"}`

// predicted refuses a predict of 12 x 3 features by a fit to 6 delayed ones.
func predicted(name, says string, more ...string) refusal {
	return refusal{name, func(f *files) []string {
		return append([]string{"predict", "--fit", f.fitOf(fitOptions, 6), "--features", f.npy("x.npy", []int{12, 3}), "--out", f.path("out.npy")}, more...)
	}, 2, says}
}

// predictedBy refuses a fit.
func predictedBy(name, says string, make func(f *files) string) refusal {
	return refusal{name, func(f *files) []string {
		return []string{"predict", "--fit", make(f), "--features", f.npy("x.npy", []int{12, 3}), "--out", f.path("out.npy")}
	}, 2, says}
}

// scored refuses a score of 12 x 5 predictions of 12 x 5 responses.
func scored(name, says string, more ...string) refusal {
	return refusal{name, func(f *files) []string {
		return append([]string{"score", "--predictions", f.npy("p.npy", []int{12, 5}), "--responses", f.npy("y.npy", []int{12, 5}), "--out", f.path("out")}, more...)
	}, 2, says}
}

// scoredOf refuses predictions or responses.
func scoredOf(name, says string, make func(f *files) (p, y string), more ...string) refusal {
	return refusal{name, func(f *files) []string {
		p, y := make(f)
		return append([]string{"score", "--predictions", p, "--responses", y, "--out", f.path("out")}, more...)
	}, 2, says}
}

func init() {
	refusals = append(refusals,
		predicted("more confounds than features", `1 files of features and 2 of confounds`, "--confounds", "a.tsv", "--confounds", "b.tsv"),
		refusal{"confounds that the fit had not", func(f *files) []string {
			c := f.bytes("c.tsv", []byte("a\n"))
			return []string{"predict", "--fit", f.fitOf(fitOptions, 6), "--features", f.npy("x.npy", []int{12, 3}), "--confounds", c, "--out", f.path("out.npy")}
		}, 2, `c.tsv: is given, but .*fit was fitted without confounds`},
		scored("repeats of one run", `y.npy: has shape \(12, 5\), expected three axes; of --test-repeats expected one array \(repeats, time, voxels\), or a file of each`, "--test-repeats"),
		scored("a mean of no repeats", `--zscore-repeats without --test-repeats`, "--zscore-repeats"),
		predicted("too little memory for a panel of weights", `--memory 56MiB is too small: this job needs at least`, "--memory", "56MiB"),
		predictedBy("a folder without a fit", `gone: has no run.json, expected a finished folder of voxen encode`, func(f *files) string { return f.path("gone") }),
		predictedBy("a folder of another command", `run.json: is of voxen learn, expected a folder of voxen encode`, func(f *files) string {
			return f.folder("l", "run.json", `{"schema": 1, "command": "learn"}`)
		}),
		predictedBy("a fit without weights", `run.json: has no weights.npy among its outputs`, func(f *files) string {
			return f.folder("l", "run.json", `{"schema": 1, "command": "encode"}`)
		}),
		predictedBy("a fit of other options", `run.json: has no option --per-run`, func(f *files) string { return f.fitOf("", 3) }),
		predictedBy("a fit with steps that are none", `run.json: option --per-run "mean", expected none, center or zscore`, func(f *files) string {
			return f.fitOf(`{"name": "--per-run", "value": "mean"}`, 3)
		}),
		predictedBy("a fit to other features", `x.npy: has 3 columns, .*fit was fitted to 4`, func(f *files) string { return f.fitOf(fitOptions, 8) }),

		scored("metrics of no name", `--metrics "auc", expected r, r2 or mse`, "--metrics", "r,auc"),
		scored("a metric twice", `--metrics r,r names r twice`, "--metrics", "r,r"),
		scored("cosines without tr", `--detrend cosine:128 without --tr`, "--detrend", "cosine:128"),
		scored("cosines that leave nothing", `leaves nothing of run 0`, "--detrend", "cosine:0.01", "--tr", "2"),
		scored("columns without confounds", `--confound-columns a without --confounds`, "--confound-columns", "a"),
		scored("too little memory for a panel of predictions", `--memory 56MiB is too small: this job needs at least`, "--memory", "56MiB"),
		scored("a mask that is not there", `m.nii.gz: no such file`, "--mask", "m.nii.gz"),
		scoredOf("predictions of other voxels", `p.npy: has 4 voxels, .*y.npy has 5`, func(f *files) (p, y string) {
			return f.npy("p.npy", []int{12, 4}), f.npy("y.npy", []int{12, 5})
		}),
		scoredOf("predictions of other rows", `p.npy: has 11 rows, .*y.npy has 12`, func(f *files) (p, y string) {
			return f.npy("p.npy", []int{11, 5}), f.npy("y.npy", []int{12, 5})
		}),
		scoredOf("predictions of one row", `y.npy: has 1 row, expected at least 2`, func(f *files) (p, y string) {
			return f.npy("p.npy", []int{1, 5}), f.npy("y.npy", []int{1, 5})
		}),
		scoredOf("predictions that are an image", `p.nii: is an image, expected an array`, func(f *files) (p, y string) {
			return f.bytes("p.nii", nifti(grid, nil)), f.npy("y.npy", []int{12, 8})
		}),
		scoredOf("a file of runs too few", `2 files of predictions and 1 of responses`, func(f *files) (p, y string) {
			return f.npy("p.npy", []int{12, 5}), f.npy("y.npy", []int{12, 5})
		}, "--predictions", "q.npy"),
	)
}
