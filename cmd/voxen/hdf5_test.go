package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"voxen/internal/npytest"
	"voxen/store"
)

// TestHDF5Inputs: encode of HDF5 files, in the layout of the voxelwise_tutorials data,
// of MATLAB and in chunks, gives the very results of the same arrays as .npy; run.json
// names the file and the array in it, and has the digest of the file.
func TestHDF5Inputs(t *testing.T) {
	const from = "../../testdata/store/hdf5/"
	dir := t.TempDir()
	asNpy := func(member, name string) string {
		a, err := store.OpenArray(store.OS{}, from+member)
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		data, err := store.Float64s(t.Context(), a)
		if err != nil {
			t.Fatal(err)
		}
		path, dtype := filepath.Join(dir, name), store.Float32
		if a.Wide() { // which is read in another way
			dtype = store.Float64
		}
		err = store.WriteFile(store.OS{}, path, func(w io.Writer) error { return store.WriteNpyAs(w, dtype, []int{a.Rows(), a.Cols()}, data) })
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, c := range []struct{ features, responses, test, testResponses string }{
		{"tutorial_features.hdf:/X_train", "tutorial_responses.hdf:/Y_train", "tutorial_features.hdf:/X_test", "tutorial_responses.hdf:/Y_test:1"},
		{"matlab.mat:/repeats:0", "matlab.mat:/Y", "", ""},
		{"earliest.h5:/layouts/cube_chunked:1:T", "latest.h5:/layouts/cube_chunked:2:T", "", ""},
	} {
		h := []string{"encode", "--features", from + c.features, "--responses", from + c.responses, "--cv", "kfold:3", "--out", filepath.Join(dir, "hdf5")}
		n := []string{"encode", "--features", asNpy(c.features, "x.npy"), "--responses", asNpy(c.responses, "y.npy"), "--cv", "kfold:3", "--out", filepath.Join(dir, "npy")}
		results := []string{"weights.npy", "cv_score.npy", "alpha.npy"}
		if c.test != "" {
			h = append(h, "--test-features", from+c.test, "--test-responses", from+c.testResponses)
			n = append(n, "--test-features", asNpy(c.test, "tx.npy"), "--test-responses", asNpy(c.testResponses, "ty.npy"))
			results = append(results, "test_score.npy")
		}
		mustRun(t, h...)
		mustRun(t, n...)
		for _, name := range results {
			a, err := os.ReadFile(filepath.Join(dir, "hdf5", name))
			if err != nil {
				t.Fatal(err)
			}
			b, err := os.ReadFile(filepath.Join(dir, "npy", name))
			if err != nil || !bytes.Equal(a, b) {
				t.Errorf("%s: %s differs from that of .npy (%v)", c.responses, name, err)
			}
		}
		run, err := os.ReadFile(filepath.Join(dir, "hdf5", "run.json"))
		if err != nil || !bytes.Contains(run, []byte(c.responses)) {
			t.Errorf("run.json does not name %s: %s (%v)", c.responses, run, err)
		}
		for _, out := range []string{"hdf5", "npy"} {
			if err := os.RemoveAll(filepath.Join(dir, out)); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestTutorialLayout: the files of voxelwise_tutorials are fitted as they are, with the
// onsets of their runs and the repeats of their test stimulus.
func TestTutorialLayout(t *testing.T) {
	const from = "../../testdata/store/hdf5/tutorial_"
	args := []string{"encode", "--features", from + "features.hdf:/X_train", "--responses", from + "responses.hdf:/Y_train", "--delays", "1,2",
		"--test-features", from + "features.hdf:/X_test", "--test-repeats", "--metrics", "r"}
	for r := range 4 {
		args = append(args, "--test-responses", fmt.Sprintf("%sresponses.hdf:/Y_test:%d", from, r))
	}
	labels, runs := make([]float64, 3*24), filepath.Join(t.TempDir(), "runs.npy")
	for i := range labels {
		labels[i] = float64(i / 24)
	}
	if err := npytest.Save(runs, []int{len(labels)}, labels); err != nil {
		t.Fatal(err)
	}
	onsets, labelled := t.TempDir(), t.TempDir()
	mustRun(t, append(args, "--runs", from+"features.hdf:/run_onsets", "--out", filepath.Join(onsets, "fit"))...)
	mustRun(t, append(args, "--runs", runs, "--out", filepath.Join(labelled, "fit"))...)
	for _, name := range []string{"weights", "cv_score", "test_score", "test_r_normalized", "explainable_variance"} {
		a, err := os.ReadFile(filepath.Join(onsets, "fit", name+".npy"))
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(labelled, "fit", name+".npy"))
		if err != nil || !bytes.Equal(a, b) {
			t.Errorf("%s of onsets differs from that of labels: %v", name, err)
		}
	}
}

// TestHuthLayout: a study of responses and words in the files of ds003020, .hf5 and
// TextGrid, runs as they are, with responses as long as the features and with responses
// that come trimmed.
func TestHuthLayout(t *testing.T) {
	here, err := filepath.Abs("../../testdata")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	mustRun(t, "run", "--init", "example.yaml") // for its model
	study := fmt.Sprintf(`out: results
data:
  subjects:
    - {name: UTS01, bold: "%s/store/hdf5/huth.hf5:/data"}
  mask: none
stimulus:
  - {name: story, words: %s/brain/textgrid/utf16.TextGrid, tr: 0.5}
models:
  - {name: tiny, path: example-data/model}
dictionary: {atoms: 2}
`, here, here)
	trimmed := study + `align: {within: lanczos, hrf: none}
encode: {delays: "1,2,3,4", trim_features: "10:5", detrend: linear, nested: false}
`
	for i, text := range []string{study, trimmed} {
		checkHuth(t, fmt.Sprintf("results%d", i), text, map[bool]int{true: 15}[i == 1])
	}
}

// checkHuth runs a study of ds003020's files, of which responses lack so many rows.
func checkHuth(t *testing.T, out, study string, lack int) {
	study = strings.Replace(study, "out: results", "out: "+out, 1)
	if err := os.WriteFile("study.yaml", []byte(study), 0o600); err != nil {
		t.Fatal(err)
	}
	mustRun(t, "run", "study.yaml")
	scores, shape, err := store.LoadFloat64(t.Context(), store.OS{}, out+"/tiny/sub-UTS01/cv_score.npy")
	if err != nil || len(scores) != 37 {
		t.Errorf("scores of shape %v, want (37,): %v", shape, err)
	}
	volumes, err := store.OpenArray(store.OS{}, out+"/tiny/volumes/story.npy")
	if err != nil {
		t.Fatal(err)
	}
	defer volumes.Close()
	bold, err := store.OpenArray(store.OS{}, strings.TrimSuffix(strings.TrimPrefix(regexp.MustCompile(`bold: "[^"]*"`).FindString(study), `bold: "`), `"`))
	if err != nil {
		t.Fatal(err)
	}
	defer bold.Close()
	if volumes.Rows() != bold.Rows()+lack {
		t.Errorf("%d volumes of features to %d of BOLD, want %d more", volumes.Rows(), bold.Rows(), lack)
	}
	rows, _, err := store.LoadFloat64(t.Context(), store.OS{}, out+"/tiny/words/story.npy")
	if err != nil || len(rows)%6 != 0 {
		t.Errorf("%d values of words, want 6 rows: %v", len(rows), err)
	}
}
