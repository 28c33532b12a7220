package main

import (
	"fmt"
	"math"
	"os"
	"strings"
)

// coupleRefusal refuses a couple of good responses (20 x 4) and biological neurons
// (20 x 2) for its flags.
func coupleRefusal(name, says string, more ...string) refusal {
	return refusal{name, func(f *files) []string {
		return append([]string{"couple", "--responses", f.npy("s.npy", []int{20, 4}), "--biological", f.npy("b.npy", []int{20, 2}), "--out", f.path("out")}, more...)
	}, 2, says}
}

// coupled refuses a couple of the files that make gives flags for.
func coupled(name, says string, make func(f *files) []string) refusal {
	return refusal{name, func(f *files) []string { return append([]string{"couple", "--out", f.path("out")}, make(f)...) }, 2, says}
}

// groupRefusal refuses a group of the files that make gives flags for.
func groupRefusal(name, says string, make func(f *files) []string) refusal {
	return refusal{name, func(f *files) []string { return append([]string{"group", "--out", f.path("out")}, make(f)...) }, 2, says}
}

// subjects writes n vectors of 5 voxels and gives the flags that name them.
func (f *files) subjects(n int) []string {
	var args []string
	for s := range n {
		args = append(args, "--maps", f.npy(fmt.Sprintf("sub-%d.npy", s), []int{5}, normal(uint64(s+1), 5)...))
	}
	return args
}

// cohort is a group of n maps with a table of participants.
func cohort(name, says string, n int, table string, more ...string) refusal {
	return groupRefusal(name, says, func(f *files) []string {
		return append(append(f.subjects(n), "--participants", f.bytes("participants.tsv", []byte(table))), more...)
	})
}

// indices is a group of a table of indices.
func indices(name, says, table string, more ...string) refusal {
	return groupRefusal(name, says, func(f *files) []string {
		return append([]string{"--indices", f.bytes("i.tsv", []byte(table))}, more...)
	})
}

// reported is a report of the flags that make gives.
func reported(name, says string, make func(f *files) []string) refusal {
	return refusal{name, func(f *files) []string { return append([]string{"report", "--out", f.path("out.html")}, make(f)...) }, 2, says}
}

// folder writes a file in a folder of its own and gives the folder.
func (f *files) folder(name, file, text string) string {
	if err := os.MkdirAll(f.path(name), 0o777); err != nil {
		f.t.Fatal(err)
	}
	f.bytes(name+"/"+file, []byte(text))
	return f.path(name)
}

// matched refuses a match of good maps (2 atoms of 5 voxels) for its flags.
func matched(name, says string, more ...string) refusal {
	return refusal{name, func(f *files) []string {
		return append([]string{"match", "--maps", f.npy("sub-01_weights.npy", []int{2, 5}), "--templates", f.npy("networks.npy", []int{2, 5}), "--out", f.path("out")}, more...)
	}, 2, says}
}

// nullOf refuses a null of a good array for its flags.
func nullOf(name, says string, more ...string) refusal {
	return refusal{name, func(f *files) []string {
		return append([]string{"null", "--features", f.npy("x.npy", []int{12, 3}), "--responses", f.npy("y.npy", []int{12, 5}), "--templates", f.path("t.nii.gz"), "--out", f.path("out")}, more...)
	}, 2, says}
}

// organized refuses an organize of the files and flags that make gives.
func organized(name, says string, make func(f *files) []string) refusal {
	return refusal{name, func(f *files) []string { return append([]string{"organize", "--out", f.path("out")}, make(f)...) }, 2, says}
}

// localized refuses a localize of the files and flags that make gives.
func localized(name, says string, make func(f *files) []string) refusal {
	return refusal{name, func(f *files) []string { return append([]string{"localize", "--out", f.path("out")}, make(f)...) }, 2, says}
}

const four = "participant_id\tMoCA\tage\nsub-0\t20\t70\nsub-1\t22\t71\nsub-2\t27\t75\nsub-3\t24\t69\n"

func init() {
	refusals = append(refusals,
		refusal{"a report that is no page", func(f *files) []string { return []string{"report", "--out", f.path("out.pdf")} }, 2, `out.pdf: is of no kind .* expected .html`},
		refusal{"two backgrounds of a report", func(f *files) []string {
			return []string{"report", "--out", f.path("out.html"), "--background", "t1.nii", "--anatomy", "mni152"}
		}, 2, `t1.nii: is a background beside --anatomy mni152`},
		reported("words of a report without tr", `--words.* without --tr`, func(f *files) []string { return []string{"--words", "w.tsv"} }),
		reported("a model without pairs", `--model "bert": "bert", expected name=value`, func(f *files) []string { return []string{"--model", "bert"} }),
		reported("a model's part of another name", `--model "maps=x": "maps", expected name, extract, responses`, func(f *files) []string { return []string{"--model", "maps=x"} }),
		reported("a model twice", `model "a" is there twice`, func(f *files) []string { return []string{"--model", "name=a", "--model", "name=a"} }),
		reported("a folder that is not there", `gone: no such folder: expected what m: learn wrote`, func(f *files) []string { return []string{"--model", "name=m,learn=" + f.path("gone")} }),
		reported("too little memory to report", `--memory 8MiB is too small: this job needs at least`, func(*files) []string {
			return []string{"--title", "A", "--memory", "8MiB"}
		}),
		reported("a file for a folder", `r.npy: is no folder, expected the one that organize wrote`, func(f *files) []string {
			return []string{"--organize", f.bytes("r.npy", nil)}
		}),
		reported("a run.json that is none", `run.json: is not a run.json`, func(f *files) []string { return []string{"--runs", f.folder("r", "run.json", "hello")} }),
		reported("a run.json of a later program", `run.json: has schema 99, expected 1 to`, func(f *files) []string { return []string{"--runs", f.folder("r", "run.json", `{"schema": 99}`)} }),
		reported("matches without atoms", `matches.tsv: has no column "atom"`, func(f *files) []string {
			return []string{"--model", "match=" + f.folder("m", "matches.tsv", "network\tr\nx\t1\n")}
		}),
		reported("matches that are no numbers", `matches.tsv: line 2 has "high" in column r`, func(f *files) []string {
			return []string{"--model", "match=" + f.folder("m", "matches.tsv", "atom\tnetwork\tr\tdice\tjaccard\toverlap\tp\tq\tmargin\n0\tx\thigh\t0\t0\t0\t1\t1\t0\n")}
		}),
		reported("a learning curve that is cut", `objective.tsv: line 2 has 1 cells, expected 3`, func(f *files) []string {
			return []string{"--model", "learn=" + f.folder("l", "objective.tsv", "step\tseconds\tobjective\n1\n")}
		}),
		reported("atoms of one dimension", `atoms.npy: has shape \[4\], expected two dimensions`, func(f *files) []string {
			l := f.folder("l", "x", "")
			f.npy("l/atoms.npy", []int{4})
			return []string{"--model", "learn=" + l}
		}),
		reported("layers without a number", `layers.tsv: has no column "layer"`, func(f *files) []string {
			return []string{"--organize", f.folder("o", "layers.tsv", "model\tdepth\nm\t0\n")}
		}),
		reported("a background of text", `b.nii: `, func(f *files) []string { return []string{"--background", f.bytes("b.nii", []byte("grey"))} }),
		reported("a group of another program", `group.tsv: has no column "test"`, func(f *files) []string {
			return []string{"--model", "group=" + f.folder("g", "group.tsv", "region\tp\nx\t1\n")}
		}),
		refusal{"a match with nothing", func(f *files) []string {
			return []string{"match", "--maps", f.npy("w.npy", []int{2, 5}), "--out", f.path("out")}
		}, 2, `--templates is needed`},
		refusal{"a null of nothing", func(f *files) []string {
			return []string{"null", "--features", f.npy("x.npy", []int{12, 3}), "--templates", f.path("t.nii.gz"), "--out", f.path("out")}
		}, 2, `--responses is needed`},
		nullOf("a null of no draws", `--draws 0, expected 1 to 1000000`, "--draws", "0"),
		nullOf("a null of arrays that lie nowhere", `y.npy: is an array without a grid, expected --mask`),
		nullOf("a null of runs that one subject lacks", `3 files of responses to 2 of features, expected as many runs of every subject`, "--features", "x.npy", "--responses", "a.npy", "--responses", "b.npy"),
		nullOf("a null of slow trends without a time", `--detrend cosine:128 without --tr`, "--mask", "m.nii.gz", "--detrend", "cosine:128"),
		matched("a match of a null that is left out", `n: is a stimulus null, but --nulls maps leaves it out`, "--stimulus-null", "n", "--nulls", "maps"),
		matched("a match by no null", `--nulls subjects: none of them is part of p with 1 subjects`, "--nulls", "subjects"),
		matched("a match of no draws", `--draws 0, expected 1 to 1000000`, "--draws", "0"),
		matched("a match whose rate is none", `--fdr 1, expected a number between 0 and 1`, "--fdr", "1"),
		matched("maps without a grid", `weights.npy: is an array without a grid, expected --mask`),
		organized("sub-groups of no codes", `--codes is needed`, func(f *files) []string { return []string{"--matches", f.bytes("matches.tsv", nil)} }),
		organized("codes that are none", `codes.npz: `, func(f *files) []string {
			return []string{"--codes", f.bytes("codes.npz", []byte("zip")), "--matches", f.bytes("matches.tsv", []byte("atom\tnetwork\n"))}
		}),
		organized("more codes than matches", `2 --codes, 1 --matches`, func(f *files) []string {
			codes := f.bytes("codes.npz", nil)
			return []string{"--codes", codes, "--codes", codes, "--matches", f.bytes("matches.tsv", nil)}
		}),
		organized("a share that no neuron is below", `--threshold 0, expected a number above 0`, func(f *files) []string {
			return []string{"--codes", f.bytes("codes.npz", nil), "--matches", f.bytes("matches.tsv", nil), "--threshold", "0"}
		}),
		localized("units of one kind of text", `--other is needed`, func(f *files) []string { return []string{"--preferred", f.named("a.npy", []int{4, 3})} }),
		localized("units without names", `b.npy: has no .*b.npy.columns.tsv beside it`, func(f *files) []string {
			return []string{"--preferred", f.named("a.npy", []int{4, 3}), "--other", f.npy("b.npy", []int{4, 3})}
		}),
		localized("units of other columns", `b.npy.columns.tsv: has 4 rows`, func(f *files) []string {
			f.named("b.npy", []int{4, 4})
			return []string{"--preferred", f.named("a.npy", []int{4, 3}), "--other", f.npy("b.npy", []int{4, 3})}
		}),
		localized("a share of units that is none", `--top "0%", expected a share such as 1%`, func(f *files) []string {
			return []string{"--preferred", f.named("a.npy", []int{4, 3}), "--other", f.named("b.npy", []int{4, 3}), "--top", "0%"}
		}),
		localized("one file as both kinds of text", `a.npy: given as --other has the responses of .*a.npy`, func(f *files) []string {
			return []string{"--preferred", f.named("a.npy", []int{4, 3}), "--other", f.path("a.npy")}
		}),
		localized("items twice over", `--items with --item-rows`, func(f *files) []string {
			items := f.bytes("items.tsv", []byte("item\na\nb\na\nb\n"))
			return []string{"--preferred", f.named("a.npy", []int{4, 3}), "--other", f.named("b.npy", []int{4, 3}), "--items", items, "--items", items, "--item-rows", "2"}
		}),
		localized("items without a column", `items.tsv: has no column "item"`, func(f *files) []string {
			items := f.bytes("items.tsv", []byte("sentence\na\nb\na\nb\n"))
			return []string{"--preferred", f.named("a.npy", []int{4, 3}), "--other", f.named("b.npy", []int{4, 3}), "--items", items, "--items", items}
		}),
		localized("sub-groups of another table", `groups.tsv: has no column "network"`, func(f *files) []string {
			return []string{"--preferred", f.named("a.npy", []int{4, 3}), "--other", f.named("b.npy", []int{4, 3}), "--subgroups", f.bytes("groups.tsv", []byte("model\tlayer\tunit\nm\t0\t0\n"))}
		}),
		groupRefusal("nothing to compare", `--maps or --indices are needed`, func(f *files) []string { return nil }),
		groupRefusal("one subject", `sub-0.npy: is the map of one subject`, func(f *files) []string { return f.subjects(1) }),
		groupRefusal("subjects named short", `--subjects names 1, expected one for each of 3 maps`, func(f *files) []string { return append(f.subjects(3), "--subjects", "a") }),
		groupRefusal("a subject twice", `sub-0.npy: is of subject x`, func(f *files) []string {
			return append(f.subjects(1), "--maps", f.npy("sub-0.npy", []int{5}), "--subjects", "x,x")
		}),
		groupRefusal("maps without a subject in the name", `b.npy: has no sub-NAME in its path`, func(f *files) []string {
			return []string{"--maps", f.npy("sub-1.npy", []int{5}), "--maps", f.npy("b.npy", []int{5})}
		}),
		groupRefusal("maps of other voxels", `sub-b.npy: has 4 voxels, .*sub-a.npy has 5`, func(f *files) []string {
			return []string{"--maps", f.npy("sub-a.npy", []int{5}), "--maps", f.npy("sub-b.npy", []int{4})}
		}),
		groupRefusal("several maps of a subject", `sub-b.npy: has 2 maps, expected one`, func(f *files) []string {
			return []string{"--maps", f.npy("sub-a.npy", []int{5}), "--maps", f.npy("sub-b.npy", []int{2, 5})}
		}),
		groupRefusal("maps that are the same everywhere", `sub-a.npy: has no voxel to test: all 2`, func(f *files) []string {
			return []string{"--maps", f.npy("sub-a.npy", []int{2}, 1, 2), "--maps", f.npy("sub-b.npy", []int{2}, 1, 2)}
		}),
		groupRefusal("an atlas of vectors", `l.nii: is an atlas, but .* an array`, func(f *files) []string {
			return append(f.subjects(3), "--atlas", f.bytes("l.nii", labels(func(v int) float32 { return 1 })))
		}),
		groupRefusal("a mask of vectors", `m.nii: is a mask, but maps`, func(f *files) []string {
			return append(f.subjects(2), "--mask", f.bytes("m.nii", labels(func(v int) float32 { return 1 })))
		}),
		groupRefusal("vectors and images", `sub-9.nii: is not of the kind of`, func(f *files) []string {
			return append(f.subjects(2), "--maps", f.bytes("sub-9.nii", nifti(grid, nil)))
		}),
		groupRefusal("negative permutations", `--permutations -5, expected 1 to 1000000`, func(f *files) []string { return append(f.subjects(2), "--permutations", "-5") }),
		groupRefusal("no permutations", `--permutations 0, expected 1 to 1000000`, func(f *files) []string { return append(f.subjects(2), "--permutations", "0") }),
		cohort("an age above a limit", `participants.tsv: line 3 has "89\+" in column age, which has numbers such as 70`, 4, strings.Replace(four, "71", "89+", 1), "--scores", "MoCA", "--covariates", "age"),
		cohort("one number among categories", `participants.tsv: line 2 has "A" in column site, which has numbers such as 1`, 4, "participant_id\tMoCA\tsite\nsub-0\t20\tA\nsub-1\t22\tB\nsub-2\t27\t1\nsub-3\t24\tA\n", "--scores", "MoCA", "--covariates", "site"),
		indices("an index that is no number", `i.tsv: line 3 has "<5" in column x, which has numbers such as 7`, "participant_id\tx\na\t7\nb\t<5\n"),
		indices("a contrast with what is no number", `i.tsv: line 3 has "<5" in column x, which has numbers`, "participant_id\tx\ty\na\t7\t1\nb\t<5\t2\n", "--contrast", "y-x"),
		cohort("participants without scores", `--participants .*participants.tsv without --scores`, 3, four),
		groupRefusal("covariates without scores", `--covariates age without --scores`, func(f *files) []string { return append(f.subjects(2), "--covariates", "age") }),
		cohort("a score that is no column", `participants.tsv: has no column "MMSE", only participant_id, MoCA, age`, 4, four, "--scores", "MMSE"),
		cohort("a score in words", `participants.tsv: line 3 has "high" in column MoCA`, 2, "participant_id\tMoCA\nsub-0\t20\nsub-1\thigh\n", "--scores", "MoCA"),
		cohort("a participant twice", `participants.tsv: line 3 has participant sub-0 again`, 2, "participant_id\tMoCA\nsub-0\t20\nsub-0\t21\n", "--scores", "MoCA"),
		cohort("a subject who is no participant", `participants.tsv: has no participant sub-4`, 5, four, "--scores", "MoCA"),
		cohort("too few subjects for the covariates", `participants.tsv: has MoCA and all covariates for 3 subjects, expected at least 4`, 3, four, "--scores", "MoCA", "--covariates", "age"),
		cohort("a score that is a covariate", `column age is a score and a covariate`, 4, four, "--scores", "age", "--covariates", "age"),
		cohort("a score that is constant", `column MoCA is constant or a combination`, 3, "participant_id\tMoCA\nsub-0\t20\nsub-1\t20\nsub-2\t20\n", "--scores", "MoCA"),
		indices("indices in words", `i.tsv: has no column of numbers`, "participant_id\tkind\na\tx\nb\ty\n"),
		indices("indices of one participant", `i.tsv: has 1 participants, expected at least two`, "participant_id\tx\na\t1\n"),
		indices("an index that is missing", `i.tsv: line 3 has no value in column x`, "participant_id\tx\na\t1\nb\tn/a\n"),
		indices("a contrast of nothing", `--contrast "x-z", expected a-b`, "participant_id\tx\ty\na\t1\t2\nb\t2\t5\n", "--contrast", "x-z"),
		indices("indices without participants", `i.tsv: has no column "participant_id"`, "subject\tx\na\t1\nb\t2\n"),
		coupleRefusal("coupling at a rate of 1", `--fdr 1, expected a number between 0 and 1`, "--fdr", "1"),
		coupleRefusal("a TR of 0", `--tr 0, expected a number above 0`, "--tr", "0"),
		coupleRefusal("coupling without words to list", `--top-words 0, expected at least 1`, "--top-words", "0"),
		coupleRefusal("words without tr", `--words.* without --tr`, "--words", "words.tsv"),
		coupleRefusal("given courses and BOLD", `either --biological or --bold`, "--bold", "y.npy"),
		coupleRefusal("a mask of given courses", `--mask m.nii without --bold`, "--mask", "m.nii"),
		coupleRefusal("trends of given courses", `--detrend linear without --bold`, "--detrend", "linear"),
		coupleRefusal("a response of another kind", `--hrf "canonical", expected none, glover or spm`, "--hrf", "canonical"),
		coupleRefusal("a dictionary penalty below 0", `--lambda -1, expected`, "--lambda", "-1"),
		coupled("neither courses nor BOLD", `either --biological or --bold`, func(f *files) []string {
			return []string{"--responses", f.npy("s.npy", []int{20, 4})}
		}),
		coupled("nine volumes", `s.npy: has 9 rows, expected 10 to 8192`, func(f *files) []string {
			return []string{"--responses", f.npy("s.npy", []int{9, 4}), "--biological", f.npy("b.npy", []int{9, 2})}
		}),
		coupled("courses of another length", `b.npy: has 19 rows, .*s.npy has 20`, func(f *files) []string {
			return []string{"--responses", f.npy("s.npy", []int{20, 4}), "--biological", f.npy("b.npy", []int{19, 2})}
		}),
		coupled("runs of other neurons", `s2.npy: has 3 columns, .*s1.npy has 2`, func(f *files) []string {
			return []string{"--responses", f.npy("s1.npy", []int{20, 2}), "--responses", f.npy("s2.npy", []int{20, 3}), "--biological", f.npy("b.npy", []int{20, 2}), "--biological", f.npy("c.npy", []int{20, 2})}
		}),
		coupled("runs with neurons of other names", `s2.npy.columns.tsv: names other neurons than .*s1.npy.columns.tsv`, func(f *files) []string {
			a, b := f.npy("s1.npy", []int{20, 1}), f.npy("s2.npy", []int{20, 1})
			f.bytes("s1.npy.columns.tsv", []byte("column\tmodel\tlayer\tunit\ttap\n0\tm\t0\t0\tffn.out\n"))
			f.bytes("s2.npy.columns.tsv", []byte("column\tmodel\tlayer\tunit\ttap\n0\tm\t0\t1\tffn.out\n"))
			return []string{"--responses", a, "--responses", b, "--biological", a, "--biological", b}
		}),
		coupled("fewer runs of given courses", `--biological names 1 files, expected one for each of 2`, func(f *files) []string {
			s := f.npy("s.npy", []int{20, 2})
			return []string{"--responses", s, "--responses", s, "--biological", s}
		}),
		coupled("a run of BOLD missing", `--bold names 3 recordings, expected 2 for each subject`, func(f *files) []string {
			s := f.npy("s.npy", []int{20, 2})
			return []string{"--responses", s, "--responses", s, "--bold", s, "--bold", s, "--bold", s}
		}),
		coupled("more starts than runs", `--start has 3 times, expected one, or one for each of 2`, func(f *files) []string {
			s := f.npy("s.npy", []int{20, 2})
			return []string{"--responses", s, "--responses", s, "--biological", s, "--biological", s, "--start", "0,1,2"}
		}),
		coupled("words of one run", `--words names 1 tables, expected one for each of 2`, func(f *files) []string {
			s := f.npy("s.npy", []int{20, 2})
			return []string{"--responses", s, "--responses", s, "--biological", s, "--biological", s, "--tr", "2", "--words", "w.tsv"}
		}),
		coupled("a constant biological neuron", `b.npy: is constant in column 0`, func(f *files) []string {
			return []string{"--responses", f.npy("s.npy", []int{20, 4}), "--biological", f.npy("b.npy", []int{20, 1}, repeat(20, 3)...)}
		}),
		coupled("artificial neurons that are all constant", `s.npy: has no neuron to couple: all 2 are constant`, func(f *files) []string {
			return []string{"--responses", f.npy("s.npy", []int{20, 2}, repeat(40, 1)...), "--biological", f.npy("b.npy", []int{20, 2})}
		}),
		coupled("BOLD that never varies", `y.npy: has no voxel to learn from: all 3`, func(f *files) []string {
			return []string{"--responses", f.npy("s.npy", []int{20, 2}), "--bold", f.npy("y.npy", []int{20, 3}, repeat(60, 5)...)}
		}),
		coupled("BOLD of another length", `y.npy: has 12 volumes, .*s.npy has 20 rows`, func(f *files) []string {
			return []string{"--responses", f.npy("s.npy", []int{20, 2}), "--bold", f.npy("y.npy", []int{12, 3})}
		}),
		coupled("subjects of other voxels", `z.npy: has 4 voxels, .*y.npy has 3`, func(f *files) []string {
			return []string{"--responses", f.npy("s.npy", []int{20, 2}), "--bold", f.npy("y.npy", []int{20, 3}), "--bold", f.npy("z.npy", []int{20, 4})}
		}),
		coupled("NaN in a biological neuron", `b.npy: has NaN at row 0, column 0`, func(f *files) []string {
			return []string{"--responses", f.npy("s.npy", []int{20, 2}), "--biological", f.npy("b.npy", []int{20, 1}, append([]float32{float32(math.NaN())}, repeat(19, 1)...)...)}
		}),
		coupled("columns named short", `s.npy.columns.tsv: has 1 rows, expected one for each of 2 columns`, func(f *files) []string {
			s := f.npy("s.npy", []int{20, 2})
			f.bytes("s.npy.columns.tsv", []byte("column\tmodel\tlayer\tunit\ttap\n0\tm\t0\t0\tffn.out\n"))
			return []string{"--responses", s, "--biological", f.npy("b.npy", []int{20, 2})}
		}),
		coupled("words of another recording", `w.tsv: has no word within the 20 volumes`, func(f *files) []string {
			y := f.npy("b.npy", []int{20, 2})
			return []string{"--responses", y, "--biological", y, "--tr", "2", "--words",
				f.bytes("w.tsv", []byte(strings.Join([]string{"word\tonset\toffset", "late\t900\t901", ""}, "\n")))}
		}),
	)
}
