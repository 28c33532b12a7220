package main

import (
	"os"
	"path/filepath"

	"voxen/study"
)

// config refuses the example's configuration with an edit; no file it names is
// there, since they are not looked for before the configuration is right.
func config(name, says, old, new string) refusal {
	return refusal{"study: " + name, func(f *files) []string {
		f.bytes("study.yaml", []byte(study.ExampleYAML))
		f.edit(old, new)
		return []string{"run", f.path("study.yaml")}
	}, 2, says}
}

// text refuses a configuration as it is given.
func text(name, says, yaml string) refusal {
	return refusal{"study: " + name, func(f *files) []string { return []string{"run", f.bytes("study.yaml", []byte(yaml))} }, 2, says}
}

// studied refuses the example with its files, after something was done to it.
func studied(name, says string, spoil func(f *files)) refusal {
	return refusal{"study: " + name, func(f *files) []string {
		f.example()
		spoil(f)
		return []string{"run", f.path("study.yaml"), "--dry-run"}
	}, 2, says}
}

// bids refuses a dataset of empty files with the names given.
func bids(name, says, data string, names ...string) refusal {
	return refusal{"study: " + name, func(f *files) []string {
		for _, n := range names {
			os.MkdirAll(filepath.Dir(f.path("ds/"+n)), 0o777)
			f.bytes("ds/"+n, nil)
		}
		return []string{"run", f.bytes("study.yaml", []byte("models: {path: model}\ndata: {dataset: ds"+data+"}\n"))}
	}, 2, says}
}

// prep is the name of a preprocessed run.
func prep(subject, entities string) string {
	return "derivatives/fmriprep/sub-" + subject + "/func/sub-" + subject + "_" + entities
}

func init() {
	const alice = "derivatives/sub-18/sub-18_task-alice_bold_preprocessed.nii.gz"
	refusals = append(refusals,
		refusal{"worker: argument", func(*files) []string { return []string{"worker", "now"} }, 2, `unexpected argument "now"`},
		refusal{"shard: nothing", func(*files) []string { return []string{"shard"} }, 2, `voxen shard wants a part and a command`},
		refusal{"merge: nothing", func(*files) []string { return []string{"merge"} }, 2, `voxen merge wants the command whose parts there are`},
		refusal{"study: another cluster", func(f *files) []string { return []string{"run", f.example(), "--cluster", "pbs"} }, 2, `--cluster "pbs", expected slurm`},
		refusal{"study: cluster and step", func(f *files) []string { return []string{"run", f.example(), "--cluster", "slurm", "--step", "report"} }, 2, `expected one of them`},
		refusal{"study: cancel what", func(f *files) []string { return []string{"run", f.example(), "--cancel"} }, 2, `--cancel ends the jobs of --cluster slurm: expected both`},
		refusal{"study: part of what", func(f *files) []string { return []string{"run", f.example(), "--part", "1/2"} }, 2, `expected --step NAME`},
		refusal{"study: part and merge", func(f *files) []string {
			return []string{"run", f.example(), "--step", "report", "--part", "1/2", "--merge"}
		}, 2, `expected one of them`},
		refusal{"study: no such step", func(f *files) []string { return []string{"run", f.example(), "--step", "encode sub-99"} }, 2, `has no step "encode sub-99"; the nearest is "encode`},
		refusal{"study: a step that has no parts", func(f *files) []string { return []string{"run", f.example(), "--step", "report", "--part", "1/2"} }, 2, `voxen report is not cut into parts`},
		refusal{"study: status and cluster", func(f *files) []string { return []string{"run", f.example(), "--status", "--cluster", "slurm"} }, 2, `stand alone`},
		refusal{"study: none", func(*files) []string { return []string{"run"} }, 2, `0 arguments, expected one: the study's YAML file`},
		refusal{"study: two things at once", func(*files) []string { return []string{"run", "s.yaml", "--dry-run", "--status"} }, 2, `more than one of --init, --dry-run and --status`},
		refusal{"study: example over a study", func(f *files) []string {
			return []string{"run", "--init", f.bytes("study.yaml", []byte("title: mine\n"))}
		}, 2, `study.yaml: is there already, and nothing is replaced`},
		refusal{"study: gone", func(f *files) []string { return []string{"run", f.path("gone.yaml")} }, 2, `gone.yaml: no such file`},
		text("empty", `study.yaml: is empty, expected a study's configuration`, "# nothing yet\n"),
		text("of one word", `study.yaml: line 1: is "hello", expected keys and values`, "hello\n"),
		text("indented with a tab", `study.yaml: .*line 2`, "data:\n\tdataset: x\n"),
		text("bracket left open", `study.yaml: .*line \d`, "models: [a, b\ntitle: x\n"),
		text("two documents", `study.yaml: line 2: a second document, expected one`, "title: a\n---\ntitle: b\n"),
		text("without data", `study.yaml: data has neither dataset nor subjects`, "title: a\n"),
		text("without models", `study.yaml: models are not given`, "data: {dataset: ds}\n"),
		text("memory of jobs", `study.yaml: line 3: cluster.memory .*much`, "data: {dataset: ds}\nmodels: [{path: m}]\ncluster: {memory: much}\n"),
		text("without stimulus", `study.yaml: stimulus is not given, expected a run for each file`, "data: {subjects: [{name: a, bold: a.nii}]}\nmodels: [{path: m}]\n"),

		// keys
		config("unknown key", `study.yaml: line \d+: unknown key "modles"; the nearest is "models"`, "models:", "modles:"),
		config("unknown key in a section", `line \d+: unknown key "alpha" in encode; the nearest is "alphas"`, "alphas: 1", "alpha: 1"),
		config("unknown key in a list", `line \d+: unknown key "bould" in data.subjects\[1\]; the nearest is "bold"`, `{name: "02", bold:`, `{name: "02", bould:`),
		config("key of another section", `line \d+: unknown key "atoms" in encode; .*\(there is dictionary.atoms\)`, "alphas: 1:1e4:9", "atoms: 9"),
		config("key that comes twice", `line \d+: align.hrf is there again, first in line \d+`, "align:", "align:\n  hrf: spm\n  hrf: glover"),

		// values
		config("number that is a word", `line \d+: stimulus\[0\].tr is "two", expected a number`, "tr: 2", "tr: two"),
		config("whole number that is not", `line \d+: dictionary.atoms is "6.5", expected a whole number`, "atoms: 6", "atoms: 6.5"),
		config("number that is too small", `line \d+: dictionary.atoms is "0", expected at least 1`, "atoms: 6", "atoms: 0"),
		config("seed below zero", `line \d+: match.seed is "-1", expected a whole number from 0`, "draws: 200", "draws: 200\n  seed: -1"),
		config("number that is not finite", `line \d+: stimulus\[0\].start is ".nan", expected a number`, "tr: 2", "start: .nan"),
		config("truth value", `line \d+: couple.skip is "maybe", expected true or false`, "atoms: 4", "skip: maybe"),
		config("word of a list", `line \d+: align.hrf is "glovre", expected none, glover or spm: did you mean "glover"\?`, "align:", "align:\n  hrf: glovre"),
		config("list for a value", `line \d+: title is a list, expected text`, `title: "Example: a tiny random BERT and simulated BOLD"`, "title: [a, b]"),
		config("value for a section", `line \d+: organize is "yes", expected keys and values`, "organize:\n  # threshold: 0.5\n  bootstraps: 200", "organize: yes"),
		config("section for a list", `line \d+: group.scores is empty, expected a list`, "scores: [memory]", "scores:"),
		config("value without text", `line \d+: out is empty, expected text`, "out: results", "out:"),
		config("alphas of a study", `line \d+: encode.alphas is refused: .*-1 is not positive`, "alphas: 1:1e4:9", "alphas: 3,-1"),
		config("detrend of a study", `line \d+: encode.detrend is refused: .*cosine:SECONDS`, "alphas: 1", "detrend: cosine\n  alphas: 1"),
		config("trim of a study", `line \d+: encode.trim is refused: --trim "3", expected A:B`, "alphas: 1", "trim: 3\n  alphas: 1"),
		config("trim of features of a study", `line \d+: encode.trim_features is refused: --trim-features "x:1", expected A:B`, "alphas: 1", "trim_features: x:1\n  alphas: 1"),
		studied("trim of all volumes", `line \d+: encode.trim and encode.trim_features leave nothing of`, func(f *files) { f.edit("alphas: 1", "trim: 900:900\n  alphas: 1") }),
		studied("volumes that trimmed features have not", `line \d+: stimulus\[0\].volumes is 20, but .* volumes, and encode.trim_features 10:5 leaves 5`, func(f *files) {
			f.edit("tr: 2", "tr: 2\n    volumes: 20")
			f.edit("alphas: 1", "trim_features: 10:5\n  alphas: 1")
		}),
		studied("repeats without held-out runs", `line \d+: encode.test_repeats is true, and sub-01 has 0 held-out runs: expected at least 2`, func(f *files) { f.edit("alphas: 1", "test_repeats: true\n  alphas: 1") }),
		studied("others of no held-out rows", `line \d+: encode.isc is true without held-out scores`, func(f *files) { f.edit("alphas: 1", "isc: true\n  nested: false\n  alphas: 1") }),
		studied("mean of no repeats", `line \d+: encode.zscore_repeats is true without encode.test_repeats`, func(f *files) { f.edit("alphas: 1", "zscore_repeats: true\n  alphas: 1") }),
		config("false discovery rate above one", `line \d+: match.fdr is "5", expected a number between 0 and 1`, "draws: 200", "fdr: 5"),
		config("stride beyond the window", `line \d+: models\[0\].stride is 50, expected at most the window of 40 words`, "stride: 20", "stride: 50"),
		config("unknown tap", `line \d+: models\[0\].tap is "ffn.in"`, "window: 40", "window: 40\n    tap: ffn.in"),
		config("model without a folder", `models\[0\].path is not given`, "path: example-data/model", "dtype: float16"),
		config("model whose name leaves the folder", `line \d+: models\[0\].name is "../x", expected letters, digits`, "name: tiny-bert", "name: ../x"),
		config("model named as a result", `line \d+: models\[0\].name is "organize", expected`, "name: tiny-bert", "name: organize"),
		config("two subjects of one name", `line \d+: data.subjects\[1\].name is "01", which is there twice`, `name: "02"`, `name: "01"`),
		config("file for one of two runs", `line \d+: data.subjects\[0\].bold has 1 files, expected one for each of 2 runs`, "models:  ", "  - {name: more, words: w.tsv}\nmodels:  "),
		config("held-out runs alone", `line \d+: stimulus has held-out runs alone`, "tr: 2", "test: true"),
		config("run that is not there", `line \d+: couple.run is "bob", which is no run of the stimulus`, "atoms: 4", "run: bob"),
		config("confounds of no file", `line \d+: data.subjects\[0\].confounds has 0 tables, expected one for each of 1 files`, ", confounds: example-data/sub-01_confounds.tsv", ""),
		config("names of two columns", `line \d+: stimulus\[0\].columns has 2 names`, "tr: 2", "columns: [word, onset]"),

		// files
		studied("model that is gone", `study.yaml: line \d+: .*model`, func(f *files) { os.RemoveAll(f.path("example-data/model")) }),
		studied("layers that the model lacks", `line \d+: models\[0\].layers is refused`, func(f *files) { f.edit("window: 40", "window: 40\n    layers: 0,7") }),
		studied("words that are gone", `words.tsv: no such file`, func(f *files) { os.Remove(f.path("example-data/words.tsv")) }),
		studied("mask that is gone", `line \d+: data.mask is .*example-data/mask.nii.gz: no such file`, func(f *files) { os.Remove(f.path("example-data/mask.nii.gz")) }),
		studied("templates that are gone", `line \d+: match.templates is .*nets.nii.gz: no such file`, func(f *files) {
			f.edit("templates: example-data/networks.nii.gz", "templates: example-data/nets.nii.gz")
		}),
		studied("one of two surfaces that is gone", `line \d+: report.surfaces is .*R.surf.gii: no such file`, func(f *files) {
			f.bytes("L.surf.gii", nil)
			f.edit("  # background", "  surfaces: [L.surf.gii, R.surf.gii]\n  # background")
		}),
		studied("participants that are gone", `line \d+: group.participants is .*participants.tsv: no such file`, func(f *files) { os.Remove(f.path("example-data/participants.tsv")) }),
		studied("score that no participant has", `participants.tsv: has no column "memry", only participant_id, age, memory`, func(f *files) { f.edit("scores: [memory]", "scores: [memry]") }),
		studied("subject who is no participant", `participants.tsv: has no participant sub-05, whose memory is asked for`, func(f *files) { f.edit(`name: "04"`, `name: "05"`) }),
		studied("confounds that are gone", `line \d+: data.subjects\[2\].confounds is .*sub-03_confounds.tsv: no such file`, func(f *files) { os.Remove(f.path("example-data/sub-03_confounds.tsv")) }),
		studied("images of other lengths", `line \d+: stimulus\[0\].volumes is 60, but .*sub-02_bold.nii.gz has 12 volumes: leave sub-02 out`, func(f *files) {
			f.bytes("example-data/sub-02_bold.nii.gz", zipped(nifti(grid, nil)))
		}),
		studied("time between volumes that nothing says", `stimulus\[0\].tr is not given, and neither .*y.npy nor a sidecar says it`, func(f *files) {
			f.npy("y.npy", []int{60, 4})
			for _, s := range []string{"01", "02", "03", "04"} {
				f.edit("example-data/sub-"+s+"_bold.nii.gz", "y.npy")
			}
			f.edit("tr: 2", "tr: 0")
		}),
		studied("scores of nobody", `line \d+: group.scores are given, but no participants`, func(f *files) { f.edit("participants: example-data/participants.tsv", "# none") }),
		studied("confounds that no table has", `voxen: .*sub-01_confounds.tsv: no column "acompcor"`, func(f *files) { f.edit("confounds: [trans_*, csf]", "confounds: [acompcor]") }),
		studied("confounds of other rows", `sub-01_confounds.tsv: has 12 rows, .*sub-01_bold.nii.gz has 60`, func(f *files) {
			f.bytes("example-data/sub-01_confounds.tsv", []byte(table("trans_x\tcsf", 12, func(int) string { return "1\t2" })))
		}),
		studied("too few with a score", `participants.tsv: has memory and all covariates for 3 subjects, expected at least 4`, func(f *files) {
			f.bytes("example-data/participants.tsv", []byte("participant_id\tage\tmemory\nsub-01\t60\t3\nsub-02\t61\tn/a\nsub-03\t64\t5\nsub-04\t70\t4\n"))
		}),
		studied("images of other times between volumes", `line \d+: stimulus\[0\].tr is not given, and .*sub-02_bold.nii.gz has 0.8 s between volumes, .*sub-01_bold.nii.gz has 2: leave sub-02 out`, func(f *files) {
			f.edit("tr: 2", "tr: 0")
			f.bytes("example-data/sub-02_bold.json", []byte(`{"RepetitionTime": 0.8}`))
		}),

		// datasets
		text("dataset that is gone", `study.yaml: line 1: data.dataset is .*gone, which is no folder`, "data: {dataset: gone}\nmodels: {path: m}\n"),
		bids("dataset without derivatives", `data.dataset is .*ds, which has no preprocessed images: expected derivatives/sub-NN`, "", "sub-01/func/sub-01_task-a_bold.nii.gz"),
		bids("subject that the dataset lacks", `data.exclude\[0\] is "81", which .*ds does not have; the nearest is "18"`, ", exclude: [81]", alice),
		bids("dataset of which nobody is left", `data.exclude leaves no subject of 1`, ", exclude: [sub-18]", alice),
		bids("dataset of two tasks", `stimulus is not given, and the dataset has 2 tasks: milkyway, pieman`, "",
			prep("001", "task-pieman_space-T1w_desc-preproc_bold.nii.gz"), prep("001", "task-milkyway_space-T1w_desc-preproc_bold.nii.gz")),
		bids("dataset of two spaces", `data.space is not given, and sub-001 has space-MNI152NLin2009cAsym and space-T1w: expected one of them`, "",
			prep("001", "task-pieman_space-MNI152NLin2009cAsym_desc-preproc_bold.nii.gz"), prep("001", "task-pieman_space-T1w_desc-preproc_bold.nii.gz")),
		bids("dataset of two resolutions", `data.resolution is not given, and sub-001 has res-2 and res-native`, "",
			prep("001", "task-pieman_space-MNI_res-2_desc-preproc_bold.nii.gz"), prep("001", "task-pieman_space-MNI_res-native_desc-preproc_bold.nii.gz")),
		bids("dataset of half a brain", `has 1 surface files of sub-001 in task pieman, expected hemi-L and hemi-R`, "", prep("001", "task-pieman_hemi-L_space-fsaverage6_bold.func.gii")),
		bids("dataset without the confounds asked for", `data.confounds are asked for, but sub-001 has no desc-confounds_timeseries.tsv for task pieman`, ", confounds: [csf]",
			prep("001", "task-pieman_space-MNI_desc-preproc_bold.nii.gz")),
		bids("dataset of another layout", `data.dataset is .*ds, which has no preprocessed images`, ", layout: fmriprep", alice),
		refusal{"study: task that the dataset lacks", func(f *files) []string {
			os.MkdirAll(f.path("ds/derivatives/sub-18"), 0o777)
			f.bytes("ds/"+alice, nil)
			return []string{"run", f.bytes("study.yaml", []byte("models: {path: model}\ndata: {dataset: ds}\nstimulus: [{name: alise}]\n"))}
		}, 2, `stimulus\[0\].* is "alise", which no subject has; the nearest is "alice"`},
	)
}
