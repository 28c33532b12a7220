package main

import (
	"math"
	"strings"
)

// couple refuses a couple of good responses (20 x 4) and biological neurons
// (20 x 2) for its flags.
func couple(name, says string, more ...string) refusal {
	return refusal{name, func(f *files) []string {
		return append([]string{"couple", "--responses", f.npy("s.npy", []int{20, 4}), "--biological", f.npy("b.npy", []int{20, 2}), "--out", f.path("out")}, more...)
	}, 2, says}
}

// coupled refuses a couple of the files that make gives flags for.
func coupled(name, says string, make func(f *files) []string) refusal {
	return refusal{name, func(f *files) []string { return append([]string{"couple", "--out", f.path("out")}, make(f)...) }, 2, says}
}

func init() {
	refusals = append(refusals,
		couple("coupling at a rate of 1", `--fdr 1, expected a rate between 0 and 1`, "--fdr", "1"),
		couple("coupling without words to list", `--top-words 0, expected at least 1`, "--top-words", "0"),
		couple("words without tr", `--words needs --tr`, "--words", "words.tsv"),
		couple("given courses and BOLD", `either --biological or --bold`, "--bold", "y.npy"),
		couple("a mask of given courses", `m.nii: is a mask, but no --bold`, "--mask", "m.nii"),
		couple("trends of given courses", `--detrend linear is of --bold`, "--detrend", "linear"),
		couple("a response of another kind", `--hrf: .*canonical`, "--hrf", "canonical"),
		couple("a dictionary penalty below 0", `--lambda -1, expected`, "--lambda", "-1"),
		coupled("neither courses nor BOLD", `either --biological or --bold`, func(f *files) []string {
			return []string{"--responses", f.npy("s.npy", []int{20, 4})}
		}),
		coupled("nine volumes", `s.npy: has 9 rows, expected 10 to 8192`, func(f *files) []string {
			return []string{"--responses", f.npy("s.npy", []int{9, 4}), "--biological", f.npy("b.npy", []int{9, 2})}
		}),
		coupled("courses of another length", `b.npy: has 19 rows, .*s.npy has 20`, func(f *files) []string {
			return []string{"--responses", f.npy("s.npy", []int{20, 4}), "--biological", f.npy("b.npy", []int{19, 2})}
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
