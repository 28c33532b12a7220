package main

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	goflag "flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"voxen/internal/race"
	"voxen/store"
)

// refusal is a wrong command line or input. It must end with one line that
// matches says, with the status, and leave nothing at --out.
type refusal struct {
	name   string
	args   func(f *files) []string
	status int
	says   string
}

// encodeArgs is a valid encode of x and y with more flags.
func encodeArgs(f *files, x, y string, more ...string) []string {
	return append([]string{"encode", "--features", x, "--responses", y, "--out", f.path("out")}, more...)
}

// flags refuses an encode of good files for its flags.
func flags(name, says string, more ...string) refusal {
	return refusal{name, func(f *files) []string {
		return encodeArgs(f, f.npy("x.npy", []int{12, 3}), f.npy("y.npy", []int{12, 5}), more...)
	}, 2, says}
}

// features refuses the file that make writes as features.
func features(name, says string, make func(f *files) string) refusal {
	return refusal{name, func(f *files) []string { return encodeArgs(f, make(f), f.npy("y.npy", []int{12, 5})) }, 2, says}
}

// responses refuses the file that make writes as responses.
func responses(name, says string, make func(f *files) string, more ...string) refusal {
	return refusal{name, func(f *files) []string { return encodeArgs(f, f.npy("x.npy", []int{12, 3}), make(f), more...) }, 2, says}
}

// sharedRefusal refuses a learn of A.npy and B.npy, named in --shared.
func sharedRefusal(name, says string, runs ...string) refusal {
	return refusal{name, func(f *files) []string {
		f.npy("A.npy", []int{8, 5})
		f.npy("B.npy", []int{6, 5})
		args := []string{"learn", "--out", f.path("out")}
		for _, run := range runs {
			args = append(args, "--shared", strings.ReplaceAll(run, "=", "="+f.path("")+"/"))
		}
		return args
	}, 2, says}
}

// learnRefusal refuses a learn of the file that make writes.
func learnRefusal(name, says string, make func(f *files) string, more ...string) refusal {
	return refusal{name, func(f *files) []string {
		return append([]string{"learn", "--responses", make(f), "--out", f.path("out")}, more...)
	}, 2, says}
}

// npyFile is a .npy file with the header as given.
func npyFile(header string, data []byte) []byte {
	b := []byte("\x93NUMPY\x01\x00")
	b = binary.LittleEndian.AppendUint16(b, uint16(len(header)))
	return append(append(b, header...), data...)
}

// header is the usual header of a .npy file.
func header(descr, shape string) string {
	return fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': %s, }\n", descr, shape)
}

func (f *files) header(name, descr, shape string, n int) string {
	return f.bytes(name, npyFile(header(descr, shape), make([]byte, n)))
}

// nifti is a NIfTI-1 image of float32 zeros and ones, edited before it is written.
func nifti(dim [8]int16, edit func(h []byte)) []byte {
	h := make([]byte, 352)
	le := binary.LittleEndian
	le.PutUint32(h, 348)
	n := 1
	for i, d := range dim {
		le.PutUint16(h[40+2*i:], uint16(d))
		if i > 0 && i <= int(dim[0]) {
			n *= int(d)
		}
		le.PutUint32(h[76+4*i:], math.Float32bits(2))
	}
	le.PutUint16(h[70:], 16) // float32
	le.PutUint16(h[72:], 32)
	le.PutUint32(h[108:], math.Float32bits(352))
	copy(h[344:], "n+1\x00")
	data := make([]byte, 4*max(n, 0))
	for i := 0; i < len(data); i += 8 {
		le.PutUint32(data[i:], math.Float32bits(1))
	}
	if edit != nil {
		edit(h)
	}
	return append(h, data...)
}

var grid = [8]int16{4, 2, 2, 2, 12, 1, 1, 1} // 12 volumes of 8 voxels

func zipped(data []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write(data)
	w.Close()
	return b.Bytes()
}

var refusals = []refusal{
	// the command line
	{"no such command", func(*files) []string { return []string{"encod"} }, 2, `unknown command "encod"`},
	{"no such flag", func(*files) []string { return []string{"encode", "--feature", "x"} }, 2, `unknown flag --feature; the nearest is --features`},
	{"stray argument", func(*files) []string { return []string{"devices", "now"} }, 2, `unexpected argument "now"`},
	{"flag without value", func(*files) []string { return []string{"encode", "--out"} }, 2, `--out`},
	{"nothing given", func(*files) []string { return []string{"encode"} }, 2, `"features".*"responses"|--features`},
	{"no responses", func(f *files) []string { return []string{"encode", "--features", "x.npy", "--out", f.path("out")} }, 2, `responses`},
	flags("threads", `--threads -1, expected 0 to 4096`, "--threads", "-1"),
	flags("threads that are no number", `--threads`, "--threads", "many"),
	flags("precision", `--precision "float16", expected float32 or float64`, "--precision", "float16"),
	flags("memory that is no size", `--memory: size "lots"`, "--memory", "lots"),
	flags("memory below what is needed", `--memory 1MiB is too small: this job needs at least`, "--memory", "1MiB"),
	flags("no such kind of device", `"tpu"`, "--device", "tpu"),
	flags("no such device", `cuda`, "--device", "cuda:99"),
	flags("folds and cv", `--folds 3 and --cv runs`, "--folds", "3", "--cv", "runs"),

	// options of encode
	flags("outputs", `--outputs cv: "cv" is not made with these options, expected all, scores, or of weights`, "--outputs", "cv"),
	flags("weights in bytes", `--weights-dtype "int8", expected float16, float32 or float64`, "--weights-dtype", "int8"),
	flags("trim of a word", `--trim "few", expected A:B, whole numbers of rows from 0`, "--trim", "few"),
	flags("trim of all rows", `--trim 6:6 leaves nothing of run 0, which has 12 rows`, "--trim", "6:6"),
	flags("trim of features alone", `x.npy: has 9 rows, trimmed, .*y.npy has 12`, "--trim-features", "2:1"),
	flags("images", `--images "big", expected auto, all or none`, "--images", "big"),
	flags("predictions of nothing", `--save-predictions without held-out predictions: give --nested`, "--save-predictions"),
	flags("repeats of nothing", `--test-repeats without --test-responses: expected a file of each repeat`, "--test-repeats"),
	flags("others of no held-out rows", `--isc without held-out predictions: give --nested or --test-features`, "--isc", "o1.npy"),
	flags("too few others", `--isc with 2 files, expected 1 of each of at least three other subjects`, "--nested", "--isc", "o1.npy", "--isc", "o2.npy"),
	flags("confounds of no others", `--isc-confounds without --isc`, "--isc-confounds", "o1.tsv"),
	flags("negative alpha", `alphas "1,-2": -2 is not positive`, "--alphas", "1,-2"),
	flags("model of another kind", `--model "ols", expected ridge, lasso or enet:RATIO`, "--model", "ols"),
	flags("elastic net without a ratio", `--model "enet:", expected enet:RATIO with RATIO above 0`, "--model", "enet:"),
	flags("elastic net that is ridge", `--model "enet:0", expected enet:RATIO with RATIO above 0 and at most 1`, "--model", "enet:0"),
	flags("elastic net above lasso", `--model "enet:1.2"`, "--model", "enet:1.2"),
	flags("lasso in kernels", `--form kernel with --model lasso: an L1 penalty has no such form, expected gram or rows`, "--model", "lasso", "--form", "kernel"),
	flags("lasso with bands", `--model lasso with bands a,b: these are of ridge`, "--model", "lasso", "--bands", "a=0:1,b=1:3"),
	flags("lasso with loo", `--model lasso with --cv loo`, "--model", "lasso", "--cv", "loo"),
	flags("alpha zero", `0 is not positive`, "--alphas", "0,1"),
	flags("alphas that are no numbers", `"ten" is not a number`, "--alphas", "1,ten"),
	flags("alpha twice", `10 is there twice`, "--alphas", "10,1,10"),
	flags("alpha infinite", `not positive`, "--alphas", "1,inf"),
	flags("range with one colon", `wrong number of colons`, "--alphas", "1:10"),
	flags("range from zero", `must be positive`, "--alphas", "0:10:3"),
	flags("range of none", `count`, "--alphas", "1:10:0"),
	flags("score", `--score "r3", expected r2, r or mse`, "--score", "r3"),
	flags("alpha per region", `--alpha-per "region", expected voxel or all`, "--alpha-per", "region"),
	flags("per-run", `--per-run "whiten"`, "--per-run", "whiten"),
	flags("standardize", `--standardize "all"`, "--standardize", "all"),
	flags("detrend", `--detrend`, "--detrend", "cubic"),
	flags("cosine without tr", `--detrend cosine:128 without --tr: the seconds`, "--detrend", "cosine:128"),
	flags("cosine of no period", `--detrend`, "--detrend", "cosine:0", "--tr", "2"),
	flags("one fold", `--cv "kfold:1", expected kfold:N with N at least 2`, "--cv", "kfold:1"),
	flags("more folds than rows", `--cv kfold:13 with 12 rows`, "--folds", "13"),
	flags("fold of one row", `fold \d+ of --cv kfold:11 has 1 row`, "--folds", "11"),
	flags("leave one run out of one", `--cv runs with one run`, "--cv", "runs"),
	flags("cv of another kind", `--cv "jackknife", expected kfold:N or runs`, "--cv", "jackknife"),
	flags("gap with loo", `--cv "loo,gap=2": loo leaves every row out by itself`, "--cv", "loo,gap=2"),
	flags("loo with an argument", `--cv "gcv:3", expected kfold:N or runs`, "--cv", "gcv:3"),
	flags("loo with nested", `--nested with --cv loo: expected folds`, "--cv", "loo", "--nested"),
	flags("chunks with nested", `--nested with --cv chunks:2,n=1,boots=3: expected folds`, "--cv", "chunks:2,n=1,boots=3", "--nested"),
	flags("svd with loo", `--form svd with --cv loo`, "--cv", "loo", "--form", "svd"),
	flags("chunks without a number", `--cv "chunks:2,boots=3", expected chunks:LENGTH,n=N,boots=B`, "--cv", "chunks:2,boots=3"),
	flags("chunks with a gap", `--cv "chunks:2,n=1,boots=3,gap=1", expected chunks:LENGTH,n=N,boots=B`, "--cv", "chunks:2,n=1,boots=3,gap=1"),
	flags("chunks twice", `--cv "chunks:2,n=1,n=2,boots=3", expected chunks:LENGTH,n=N,boots=B`, "--cv", "chunks:2,n=1,n=2,boots=3"),
	flags("more chunks than there are", `12 rows have 2 whole chunks of 5 rows, expected at least n=3`, "--cv", "chunks:5,n=3,boots=2"),
	flags("chunks of all rows", `--cv chunks:4,n=3,boots=2 leaves 0 of 12 rows to train on`, "--cv", "chunks:4,n=3,boots=2"),
	flags("chunk of one row", `holds out one row, expected at least 2`, "--cv", "chunks:1,n=1,boots=2"),
	flags("negative delay", `delays "-1"`, "--delays", "-1"),
	flags("delay twice", `delays "1,1"`, "--delays", "1,1"),
	flags("form", `--form "fast"`, "--form", "fast"),
	flags("empty path", `--mask "" is empty, expected a value`, "--mask", ""),
	flags("empty choice", `--cv "" is empty`, "--cv="),
	flags("alpha above float32", `--alphas "1,1e39": 1e\+39 is no number of float32, expected .*, or --precision float64`, "--alphas", "1,1e39"),
	flags("alpha below float32", `1e-300 is no number of float32`, "--alphas", "1,1e-300"),
	flags("form svd of scaled features", `--form svd with --standardize both`, "--form", "svd", "--standardize", "both"),

	// files of features
	features("no such file", `gone.npy.*(no such file|does not exist)`, func(f *files) string { return f.path("gone.npy") }),
	features("a folder", `dir.npy.*folder|dir.npy.*directory`, func(f *files) string { os.Mkdir(f.path("dir.npy"), 0o777); return f.path("dir.npy") }),
	features("empty file", `empty.npy: ends within its .npy header`, func(f *files) string { return f.bytes("empty.npy", nil) }),
	features("another kind of file", `x.txt.*expected`, func(f *files) string { return f.bytes("x.txt", []byte("1,2\n3,4\n")) }),
	features("not a .npy inside", `x.npy`, func(f *files) string { return f.bytes("x.npy", []byte("PK\x03\x04 something else entirely")) }),
	features("version to come", `x.npy.*version`, func(f *files) string { return f.bytes("x.npy", []byte("\x93NUMPY\x09\x00\x10\x00{'descr': '<f4'}")) }),
	features("cut in the header", `x.npy`, func(f *files) string { return f.bytes("x.npy", npyFile(header("<f4", "(12, 3)"), nil)[:30]) }),
	features("header of no dictionary", `x.npy.*header`, func(f *files) string { return f.bytes("x.npy", npyFile("import os; os.remove('/')\n", nil)) }),
	features("header of 4 GB", `x.npy.*header`, func(f *files) string {
		return f.bytes("x.npy", append([]byte("\x93NUMPY\x02\x00\xff\xff\xff\xff"), "{'descr'"...))
	}),
	features("cut in the data", `x.npy.*(bytes|truncated)`, func(f *files) string { return f.header("x.npy", "<f4", "(12, 3)", 100) }),
	features("2^40 columns", `x.npy.*bytes`, func(f *files) string { return f.header("x.npy", "<f4", "(12, 1099511627776)", 96) }),
	features("a size past 2^63", `x.npy`, func(f *files) string { return f.header("x.npy", "<f4", "(4294967296, 8589934592)", 96) }),
	features("negative size", `x.npy`, func(f *files) string { return f.header("x.npy", "<f4", "(12, -3)", 144) }),
	features("complex numbers", `x.npy.*c8`, func(f *files) string { return f.header("x.npy", "<c8", "(12, 3)", 288) }),
	features("Python objects", `x.npy.*O`, func(f *files) string { return f.header("x.npy", "|O", "(12, 3)", 288) }),
	features("one dimension", `x.npy: has shape \[12\], expected two dimensions`, func(f *files) string { return f.npy("x.npy", []int{12}) }),
	features("three dimensions", `x.npy: has shape \[12 1 3\]`, func(f *files) string { return f.npy("x.npy", []int{12, 1, 3}) }),
	features("no columns", `x.npy: is 12 x 0`, func(f *files) string { return f.header("x.npy", "<f4", "(12, 0)", 0) }),
	features("NaN", `x.npy: has NaN at row 1, column 0`, func(f *files) string {
		return f.npy("x.npy", []int{12, 1}, append([]float32{1, float32(math.NaN())}, repeat(10, 2)...)...)
	}),
	features("infinity", `x.npy: has \+Inf at row 0, column 0`, func(f *files) string {
		return f.npy("x.npy", []int{12, 1}, append([]float32{float32(math.Inf(1))}, repeat(11, 2)...)...)
	}),
	features("rows that do not fit", `x.npy: has 11 rows.*y.npy has 12`, func(f *files) string { return f.npy("x.npy", []int{11, 3}) }),
	features("features that lie the other way", `x.npy: has 3 rows, .*y.npy has 12; it seems to be \(columns, time\)`, func(f *files) string { return f.npy("x.npy", []int{3, 12}) }),
	responses("responses that lie the other way", `y.npy: has 5 rows, .*x.npy has 12; it seems to be \(columns, time\): .*numpy's .T.*:T`, func(f *files) string {
		return f.npy("y.npy", []int{5, 12})
	}),
	{"a run that lies the other way", func(f *files) []string {
		return encodeArgs(f, f.npy("x.npy", []int{12, 3}), f.npy("y.npy", []int{12, 5}), "--features", f.npy("x2.npy", []int{14, 3}), "--responses", f.npy("y2.npy", []int{5, 14}))
	}, 2, `y2.npy: has 14 voxels, .*y.npy has 5; it seems to be \(columns, time\)`},
	responses("repeats as responses", `Y_test: has shape \[4 16 37\], expected two dimensions \(time, columns\); one part of HDF5 is FILE:/NAME:0`, func(*files) string {
		return "../../testdata/store/hdf5/tutorial_responses.hdf:/Y_test"
	}),
	features("safetensors with a header of 2^62 bytes", `x.safetensors.*header`, func(f *files) string {
		return f.bytes("x.safetensors", append(binary.LittleEndian.AppendUint64(nil, 1<<62), "{}"...))
	}),
	features("safetensors that reaches past its end", `x.safetensors`, func(f *files) string {
		h := `{"responses":{"dtype":"F32","shape":[12,3],"data_offsets":[0,144]}}`
		return f.bytes("x.safetensors", append(append(binary.LittleEndian.AppendUint64(nil, uint64(len(h))), h...), make([]byte, 100)...))
	}),
	features("safetensors of two tensors", `x.safetensors: has 2 tensors`, func(f *files) string {
		h := `{"a":{"dtype":"F32","shape":[1,1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1,1],"data_offsets":[4,8]}}`
		return f.bytes("x.safetensors", append(append(binary.LittleEndian.AppendUint64(nil, uint64(len(h))), h...), make([]byte, 8)...))
	}),

	// responses
	responses("no voxels", `y.npy: has no voxels`, func(f *files) string { return f.header("y.npy", "<f4", "(12, 0)", 0) }),
	responses("2^40 voxels", `y.npy.*bytes`, func(f *files) string { return f.header("y.npy", "<i1", "(12, 1099511627776)", 12) }),
	responses("Fortran int8 cut short", `y.npy.*bytes`, func(f *files) string {
		return f.bytes("y.npy", npyFile("{'descr': '|i1', 'fortran_order': True, 'shape': (12, 5), }\n", make([]byte, 59)))
	}),
	responses("NaN everywhere", `y.npy: has no voxel to fit: of 5, 0 are constant and 5 not finite`, func(f *files) string {
		return f.npy("y.npy", []int{12, 5}, repeat(60, float32(math.NaN()))...)
	}),
	responses("constant everywhere", `y.npy: has no voxel to fit: of 5, 5 are constant`, func(f *files) string { return f.npy("y.npy", []int{12, 5}, repeat(60, 7)...) }),
	responses("mask of an array", `m.nii: is a mask, but responses .*y.npy are an array`, func(f *files) string {
		f.bytes("../m.nii", nifti(grid, nil))
		return f.npy("y.npy", []int{12, 5})
	}, "--mask", "MASK"),
	responses("labels for other rows", `expected one label for each of 12 rows`, func(f *files) string {
		f.npy("../runs.npy", []int{11}, repeat(11, 1)...)
		return f.npy("y.npy", []int{12, 5})
	}, "--runs", "RUNS"),
	responses("run that comes again", `has run 1 again at row 8`, func(f *files) string {
		f.npy("../runs.npy", []int{12}, 1, 1, 1, 1, 2, 2, 2, 2, 1, 1, 1, 1)
		return f.npy("y.npy", []int{12, 5})
	}, "--runs", "RUNS"),
	responses("labels that are no integers", `runs.npy`, func(f *files) string {
		f.npy("../runs.npy", []int{12}, 1, 1, 1, 1, 1, 1, 1.5, 2, 2, 2, 2, 2)
		return f.npy("y.npy", []int{12, 5})
	}, "--runs", "RUNS"),
	{"run of one row", func(f *files) []string {
		return encodeArgs(f, f.npy("x.npy", []int{12, 3}), f.npy("y.npy", []int{12, 5}), "--features", f.npy("x2.npy", []int{1, 3}), "--responses", f.npy("y2.npy", []int{1, 5}))
	}, 2, `fold 1 of --cv runs has 1 row, expected at least 2`},
	{"run without features", func(f *files) []string {
		return encodeArgs(f, f.npy("x.npy", []int{12, 3}), f.npy("y.npy", []int{12, 5}), "--responses", f.npy("y2.npy", []int{12, 5}))
	}, 2, `1 files? of features and 2 of responses`},
	{"run with other columns", func(f *files) []string {
		return encodeArgs(f, f.npy("x.npy", []int{12, 3}), f.npy("y.npy", []int{12, 5}), "--features", f.npy("x2.npy", []int{12, 4}), "--responses", f.npy("y2.npy", []int{12, 5}))
	}, 2, `x2.npy: has 4 columns, .*x.npy has 3`},
	{"run with other voxels", func(f *files) []string {
		return encodeArgs(f, f.npy("x.npy", []int{12, 3}), f.npy("y.npy", []int{12, 5}), "--features", f.npy("x2.npy", []int{12, 3}), "--responses", f.npy("y2.npy", []int{12, 6}))
	}, 2, `y2.npy: has 6 voxels, .*y.npy has 5`},
	{"labels and several files", func(f *files) []string {
		return encodeArgs(f, f.npy("x.npy", []int{12, 3}), f.npy("y.npy", []int{12, 5}), "--features", f.npy("x2.npy", []int{12, 3}), "--responses", f.npy("y2.npy", []int{12, 5}), "--runs", "runs.npy")
	}, 2, `runs.npy: is given, but 2 files are runs already`},
	{"array and image", func(f *files) []string {
		return encodeArgs(f, f.npy("x.npy", []int{12, 3}), f.npy("y.npy", []int{12, 8}), "--features", f.npy("x2.npy", []int{12, 3}), "--responses", f.bytes("y2.nii", nifti(grid, nil)))
	}, 2, `y2.nii: is not of the kind of .*y.npy`},
	{"test features of another width", func(f *files) []string {
		return encodeArgs(f, f.npy("x.npy", []int{12, 3}), f.npy("y.npy", []int{12, 5}), "--test-features", f.npy("xt.npy", []int{4, 2}), "--test-responses", f.npy("yt.npy", []int{4, 5}))
	}, 2, `xt.npy: has 2 columns`},
	{"test responses of other voxels", func(f *files) []string {
		return encodeArgs(f, f.npy("x.npy", []int{12, 3}), f.npy("y.npy", []int{12, 5}), "--test-features", f.npy("xt.npy", []int{4, 3}), "--test-responses", f.npy("yt.npy", []int{4, 6}))
	}, 2, `yt.npy: has 6 voxels`},
	{"test features alone", func(f *files) []string {
		return encodeArgs(f, f.npy("x.npy", []int{12, 3}), f.npy("y.npy", []int{12, 5}), "--test-features", f.npy("xt.npy", []int{4, 3}))
	}, 2, `1 test files? of features and 0 of responses`},

	// images
	responses("gz cut in half", `y.nii.gz`, func(f *files) string { z := zipped(nifti(grid, nil)); return f.bytes("y.nii.gz", z[:len(z)/2]) }),
	responses("not gz", `y.nii.gz`, func(f *files) string { return f.bytes("y.nii.gz", nifti(grid, func(h []byte) { h[0] = 77 })) }),
	responses("image cut in the header", `y.nii`, func(f *files) string { return f.bytes("y.nii", nifti(grid, nil)[:200]) }),
	responses("image cut in the data", `y.nii`, func(f *files) string { return f.bytes("y.nii", nifti(grid, nil)[:500]) }),
	responses("image of 2^40 voxels", `y.nii`, func(f *files) string {
		return f.bytes("y.nii", nifti([8]int16{4, 1, 1, 1, 12, 1, 1, 1}, func(h []byte) {
			for _, at := range []int{42, 44, 46} {
				binary.LittleEndian.PutUint16(h[at:], 10321)
			}
		}))
	}),
	responses("negative dimension", `y.nii`, func(f *files) string {
		return f.bytes("y.nii", nifti(grid, func(h []byte) { binary.LittleEndian.PutUint16(h[44:], 0xfffe) }))
	}),
	responses("image of an unknown type", `y.nii.*type`, func(f *files) string {
		return f.bytes("y.nii", nifti(grid, func(h []byte) { binary.LittleEndian.PutUint16(h[70:], 7) }))
	}),
	responses("data that begin in the header", `y.nii`, func(f *files) string {
		return f.bytes("y.nii", nifti(grid, func(h []byte) { binary.LittleEndian.PutUint32(h[108:], math.Float32bits(16)) }))
	}),
	responses("no such mask", `gone.nii`, func(f *files) string { return f.bytes("y.nii", nifti(grid, nil)) }, "--mask", "gone.nii"),
	responses("mask of another grid", `m.nii`, func(f *files) string {
		f.bytes("../m.nii", nifti([8]int16{3, 3, 2, 2, 1, 1, 1, 1}, nil))
		return f.bytes("y.nii", nifti(grid, nil))
	}, "--mask", "MASK"),
	responses("mask of nothing", `m.nii`, func(f *files) string {
		m := nifti([8]int16{3, 2, 2, 2, 1, 1, 1, 1}, nil)
		clear(m[352:])
		f.bytes("../m.nii", m)
		return f.bytes("y.nii", nifti(grid, nil))
	}, "--mask", "MASK"),
	responses("one volume for twelve rows", `x.npy: has 12 rows`, func(f *files) string { return f.bytes("y.nii", nifti([8]int16{3, 2, 2, 2, 1, 1, 1, 1}, nil)) }),

	// the place of the results
	{"results under a file", func(f *files) []string {
		f.bytes("file", nil)
		return []string{"encode", "--features", f.npy("x.npy", []int{12, 3}), "--responses", f.npy("y.npy", []int{12, 5}), "--out", f.path("file/out")}
	}, 2, `file/out: .*a part of its path is no folder`},
	{"results where a file is", func(f *files) []string {
		f.bytes("file", nil)
		return []string{"encode", "--features", f.npy("x.npy", []int{12, 3}), "--responses", f.npy("y.npy", []int{12, 5}), "--out", f.path("file")}
	}, 2, `file: is a file, expected the name of a folder`},

	// learn
	learnRefusal("signals with NaN", `s.npy.*NaN.*column 2`, func(f *files) string {
		data := normal(1, 40)
		data[5*3+2] = float32(math.NaN())
		return f.npy("s.npy", []int{8, 5}, data...)
	}),
	learnRefusal("no signals", `s.npy`, func(f *files) string { return f.header("s.npy", "<f4", "(8, 0)", 0) }),
	learnRefusal("signals in one dimension", `s.npy: has shape \[8\]`, func(f *files) string { return f.npy("s.npy", []int{8}) }),
	{"a learn of nothing", func(f *files) []string { return []string{"learn", "--out", f.path("out")} }, 2, `--responses is needed, or --shared`},
	learnRefusal("both one model and several", `--responses with --shared: expected one of them`, func(f *files) string { return f.npy("s.npy", []int{8, 5}) }, "--shared", "a=s.npy"),
	sharedRefusal("a model without a name", `--shared .*"A.npy", expected MODEL=FILE`, "A.npy"),
	sharedRefusal("a model that is there twice", `model a is there twice`, "a=A.npy,a=B.npy"),
	sharedRefusal("other models in another run", `--shared has models a, b in one run and b, a in another`, "a=A.npy,b=B.npy", "b=B.npy,a=A.npy"),
	sharedRefusal("models of unlike length", `B.npy: has 6 rows, .*A.npy has 8`, "a=A.npy,b=B.npy"),
	learnRefusal("no seed", `--seeds 0, expected 1 to 1000`, func(f *files) string { return f.npy("s.npy", []int{8, 5}) }, "--seeds", "0"),
	learnRefusal("no atoms", `--atoms 0`, func(f *files) string { return f.npy("s.npy", []int{8, 5}) }, "--atoms", "0"),
	learnRefusal("negative lambda", `--lambda -1`, func(f *files) string { return f.npy("s.npy", []int{8, 5}) }, "--lambda", "-1"),
	learnRefusal("no passes", `--epochs 0`, func(f *files) string { return f.npy("s.npy", []int{8, 5}) }, "--epochs", "0"),
	learnRefusal("batches of nothing", `--batch 0`, func(f *files) string { return f.npy("s.npy", []int{8, 5}) }, "--batch", "0"),
	learnRefusal("standardize of signals", `--standardize "rows"`, func(f *files) string { return f.npy("s.npy", []int{8, 5}) }, "--standardize", "rows"),
	learnRefusal("signals that are all constant", `s.npy: has no signal to learn from: all 5 columns are constant`, func(f *files) string {
		return f.npy("s.npy", []int{8, 5}, repeat(40, 3)...)
	}),
	learnRefusal("signals whose squares overflow", `s.npy: has values in column 0 whose squares overflow`, func(f *files) string {
		return f.bytes("s.npy", npyFile(header("<f8", "(2, 1)"), binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, math.Float64bits(1e200)), 0)))
	}, "--standardize", "none", "--precision", "float64"),
	learnRefusal("penalty that is no number", `--lambda "NaN", expected a number`, func(f *files) string { return f.npy("s.npy", []int{8, 5}) }, "--lambda", "NaN"),
	learnRefusal("seed below zero", `--seed`, func(f *files) string { return f.npy("s.npy", []int{8, 5}) }, "--seed", "-1"),
	learnRefusal("image as signals", `s.nii: .*expected`, func(f *files) string { return f.bytes("s.nii", nifti(grid, nil)) }),
	learnRefusal("too little memory for a batch", `--memory 56MiB is too small: this job needs at least`, func(f *files) string { return f.npy("s.npy", []int{8, 5}) }, "--memory", "56MiB"),

	// demo
	{"demo to nowhere", func(*files) []string { return []string{"demo"} }, 2, `--out is needed`},
	{"no draws", func(f *files) []string { return []string{"demo", "--out", f.path("out"), "--draws", "0"} }, 2, `--draws 0, expected 1 to 100000`},
	{"a billion draws", func(f *files) []string { return []string{"demo", "--out", f.path("out"), "--draws", "1000000000"} }, 2, `--draws 1000000000, expected`},
	{"demo of something", func(f *files) []string { return []string{"demo", "haxby", "--out", f.path("out")} }, 2, `unexpected argument "haxby"`},
	{"demo on a device that is not there", func(f *files) []string { return []string{"demo", "--out", f.path("out"), "--device", "cuda:98"} }, 2, `cuda:98`},
	{"demo where a file is", func(f *files) []string { return []string{"demo", "--out", f.bytes("file", nil)} }, 2, `file`},
	{"demo in too little memory", func(f *files) []string { return []string{"demo", "--out", f.path("out"), "--memory", "2MiB"} }, 2, `--memory 2MiB is too small`},

	// bench and devices
	{"bench of an unknown part", func(*files) []string { return []string{"bench", "--only", "peak,gemm"} }, 2, `--only "gemm", expected peak, ops, ridge or learn`},
	{"bench on an unknown kind of device", func(*files) []string { return []string{"bench", "--device", "rocm"} }, 2, `"rocm"`},
	{"bench under a file", func(f *files) []string {
		return []string{"bench", "--only", "peak", "--out", filepath.Join(f.bytes("file", nil), "b")}
	}, 2, `file/b.*a part of its path is no folder`},
	{"bench twice on one device", func(*files) []string { return []string{"bench", "--device", "cpu", "--device", "auto"} }, 2, `--device is given twice, as "cpu" and as "auto"`},
	{"demo twice of draws", func(f *files) []string {
		return []string{"demo", "--out", f.path("out"), "--draws", "2", "--draws", "3"}
	}, 2, `--draws is given twice, as "2" and as "3"`},
	{"demo with a model of no name", func(f *files) []string { return []string{"demo", "--out", f.path("out"), "--minilm", ""} }, 2, `--minilm "" is empty`},
	{"devices with a flag of encode", func(*files) []string { return []string{"devices", "--folds", "3"} }, 2, `unknown flag --folds`},
	{"devices named by a word", func(*files) []string { return []string{"devices", "--device", "cuda:x"} }, 2, `"cuda:x": want auto, cpu, cuda or cuda:N`},
	{"licences of something", func(*files) []string { return []string{"licences", "gonum"} }, 2, `unexpected argument "gonum"`},
	{"completion of an unknown shell", func(*files) []string { return []string{"completion", "tcsh"} }, 2, `tcsh`},
}

// Every wrong input gives one line and a status, and leaves nothing behind.
func TestRefusals(t *testing.T) {
	race.Skip(t, "inputs are refused before work is shared out")
	names, refused := map[string]bool{}, map[string]bool{}
	for _, c := range refusals {
		if names[c.name] {
			t.Errorf("two cases %q", c.name)
		}
		names[c.name] = true
		t.Run(c.name, func(t *testing.T) {
			root := t.TempDir()
			f := &files{t, filepath.Join(root, "in")}
			os.Mkdir(f.dir, 0o777)
			args := c.args(f)
			refused[args[0]] = true
			for i, a := range args {
				switch a {
				case "RUNS":
					args[i] = filepath.Join(root, "runs.npy")
				case "MASK":
					args[i] = filepath.Join(root, "m.nii")
				}
			}
			refuses(t, c, args)
			left, _ := filepath.Glob(f.path("out/*"))
			for _, path := range left {
				t.Errorf("left %s", path)
			}
		})
	}
	if only := goflag.Lookup("test.run").Value.String(); strings.Contains(only, "/") {
		return // a part of the cases
	}
	for _, c := range (&app{}).root().Commands() {
		if !refused[c.Name()] {
			t.Errorf("no case of voxen %s", c.Name())
		}
	}
}

// refuses runs a command line and wants its refusal.
func refuses(t *testing.T, c refusal, args []string) {
	t.Helper()
	out, line, status := voxen(args...)
	if status != c.status {
		t.Errorf("status %d, want %d: %s", status, c.status, line)
	}
	if out != "" {
		t.Errorf("standard output: %q", out)
	}
	last := strings.TrimSuffix(line, "\n")
	if i := strings.LastIndexByte(last, '\n'); i >= 0 && strings.HasPrefix(last, "warning: ") {
		last = last[i+1:] // a warning about raw images may stand before
	}
	if strings.Contains(last, "\n") || !strings.HasPrefix(last, "voxen: ") || strings.Contains(last, "goroutine") {
		t.Errorf("not one line: %q", line)
	}
	if !regexp.MustCompile(c.says).MatchString(last) {
		t.Errorf("said %q, want %s", last, c.says)
	}
}

// A finished result stays whole when the next command is refused.
func TestRefusalKeepsFinishedResults(t *testing.T) {
	f := newFiles(t)
	x, y := f.npy("x.npy", []int{12, 3}), f.npy("y.npy", []int{12, 5})
	mustRun(t, encodeArgs(f, x, y)...)
	before := f.read("out/weights.npy")
	nan := f.npy("n.npy", []int{12, 5}, repeat(60, float32(math.NaN()))...)
	if _, _, status := voxen(encodeArgs(f, x, nan)...); status != statusUsage {
		t.Fatalf("status %d", status)
	}
	if !bytes.Equal(before, f.read("out/weights.npy")) {
		t.Error("the refused command changed the results")
	}
	if _, err := store.ReadRun(store.OS{}, f.path("out/run.json")); err != nil {
		t.Error(err)
	}
}

// Inputs that look odd and are right: any order, endianness and type of numbers.
func TestOddButRight(t *testing.T) {
	for _, c := range []struct{ name, descr, fortran string }{
		{"Fortran int8", "|i1", "True"}, {"big-endian int16", ">i2", "False"}, {"unsigned", "<u4", "True"}, {"big-endian float64", ">f8", "True"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFiles(t)
			size := map[string]int{"|i1": 1, ">i2": 2, "<u4": 4, ">f8": 8}[c.descr]
			data := make([]byte, 12*5*size)
			for i := range 60 {
				v := uint64(i * 37 % 11)
				switch c.descr {
				case "|i1":
					data[i] = byte(v)
				case ">i2":
					binary.BigEndian.PutUint16(data[2*i:], uint16(v))
				case "<u4":
					binary.LittleEndian.PutUint32(data[4*i:], uint32(v))
				case ">f8":
					binary.BigEndian.PutUint64(data[8*i:], math.Float64bits(float64(v)))
				}
			}
			y := f.bytes("y.npy", npyFile("{'descr': '"+c.descr+"', 'fortran_order': "+c.fortran+", 'shape': (12, 5), }\n", data))
			mustRun(t, encodeArgs(f, f.npy("x.npy", []int{12, 3}), y)...)
			if s := shape(t, f.path("out/weights.npy")); s[0] != 3 || s[1] != 5 {
				t.Errorf("weights are %v", s)
			}
		})
	}
}
