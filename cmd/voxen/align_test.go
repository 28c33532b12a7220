package main

import (
	"bytes"
	"context"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"voxen/store"
)

const aliceWords = "../../testdata/alice/words.tsv"

// The Alice words to the 372 volumes of their scan: each row of the result is
// the mean of the rows whose onset lies in the volume, by a plain count here.
func TestAlignAlice(t *testing.T) {
	f := newFiles(t)
	const W, N, T = 2132, 3, 372
	r := f.npy("r.npy", []int{W, N})
	f.bytes("r.npy.columns.tsv", []byte("column\tmodel\tlayer\tunit\ttap\n0\tm\t0\t0\tffn.out\n1\tm\t0\t1\tffn.out\n2\tm\t0\t2\tffn.out\n"))
	out := mustRun(t, "align", "--responses", r, "--words", aliceWords, "--tr", "2", "--volumes", "372", "--hrf", "none", "--out", f.path("s.npy"), "--word-rate", f.path("rates/rate.npy"))
	if !strings.Contains(out, "372 volumes of 3 units from 2132 words") || !strings.Contains(out, "without an onset of their own: 31") {
		t.Errorf("said %q", out)
	}
	if !bytes.Equal(f.read("s.npy.columns.tsv"), f.read("r.npy.columns.tsv")) {
		t.Error("the table of columns was not carried on")
	}
	_, _, words := array(t, r)
	sums, counts := make([]float64, T*N), make([]float64, T)
	last := -1
	for w, cell := range tableColumn(t, aliceWords, "Word Onset") {
		if onset, err := strconv.ParseFloat(cell, 64); err == nil {
			last = int(onset / 2)
		}
		counts[last]++
		for c := range N {
			sums[last*N+c] += float64(words[w*N+c])
		}
	}
	_, _, s := array(t, f.path("s.npy"))
	for i, v := range s {
		want := sums[i] / max(counts[i/N], 1)
		if math.Abs(float64(v)-want) > 1e-6 {
			t.Fatalf("volume %d unit %d is %g, want %g", i/N, i%N, v, want)
		}
	}
	rate, shape, err := store.LoadFloat32(context.Background(), store.OS{}, f.path("rates/rate.npy"))
	if err != nil || len(shape) != 1 {
		t.Fatalf("word rate of shape %v: %v", shape, err)
	}
	for i, v := range rate {
		if float64(v) != counts[i] {
			t.Errorf("%g words in volume %d, want %g", v, i, counts[i])
		}
	}
}

// Gentle's align.csv as Narratives ships it: no header, words without times.
// Words before the first volume and after the last are counted and left out.
func TestAlignGentle(t *testing.T) {
	f := newFiles(t)
	words := f.bytes("align.csv", []byte("I,i,0.5,0.7\nsaw,<unk>,,\n\"well, well\",well,1.2,1.6\nher,her,2.1,2.3\nthen,then,9.5,9.9\n"))
	r := f.npy("r.npy", []int{5, 2}, 1, 10, 3, 30, 5, 50, 7, 70, 9, 90)
	mustRun(t, "align", "--responses", r, "--words", words, "--tr", "1", "--start", "1", "--volumes", "3", "--hrf", "none", "--out", f.path("s.npy"))
	if _, _, s := array(t, f.path("s.npy")); !slices.Equal(s, []float32{5, 50, 7, 70, 0, 0}) {
		t.Errorf("volumes %v", s)
	}
	run, err := store.ReadRun(store.OS{}, f.path("s.npy.run.json"))
	if err != nil {
		t.Fatal(err)
	}
	if len(run.LeftOut) != 1 || run.LeftOut[0].N != 3 { // I, saw with its time, then
		t.Errorf("left out %+v", run.LeftOut)
	}
}

// What the options of align do to a column, where a word falls in every volume.
func TestAlignOptions(t *testing.T) {
	f := newFiles(t)
	table := "word\tonset\toffset\n"
	var data []float32
	for i := range 60 {
		table += "w\t" + strconv.Itoa(2*i) + "\t" + strconv.Itoa(2*i+1) + "\n"
		data = append(data, float32(i), 4)
	}
	words, r := f.bytes("w.tsv", []byte(table)), f.npy("r.npy", []int{60, 2}, data...)
	align := func(more ...string) []float32 {
		if !slices.Contains(more, "--hrf") {
			more = append(more, "--hrf", "none")
		}
		mustRun(t, append([]string{"align", "--force", "--responses", r, "--words", words, "--tr", "2", "--volumes", "60", "--out", f.path("s.npy")}, more...)...)
		_, _, s := array(t, f.path("s.npy"))
		return s
	}
	if s := align(); !slices.Equal(s, data) {
		t.Errorf("nothing asked for: %v", s[:8])
	}
	for _, hrf := range []string{"glover", "spm"} { // weights of sum 1 leave a constant as it is once all are in
		if s := align("--hrf", hrf); math.Abs(float64(s[2*40+1]-4)) > 1e-5 || s[1] >= 4 {
			t.Errorf("%s of a constant: %g at the start, %g later", hrf, s[1], s[81])
		}
	}
	s := align("--standardize", "zscore")
	mean, square := 0.0, 0.0
	for i := 0; i < len(s); i += 2 {
		mean += float64(s[i]) / 60
		square += float64(s[i]) * float64(s[i]) / 60
	}
	if math.Abs(mean) > 1e-6 || math.Abs(square-1) > 1e-5 || s[1] != 0 {
		t.Errorf("scaled: mean %g, mean square %g, a constant %g", mean, square, s[1])
	}
	for i, v := range align("--detrend", "linear") { // a ramp and a constant leave nothing
		if math.Abs(float64(v)) > 1e-4 {
			t.Fatalf("element %d is %g after its trend was removed", i, v)
		}
	}
	if s := align("--within", "lanczos"); math.Abs(float64(s[2*30]-30.5)) > 0.2 { // the ramp at the middle of volume 30
		t.Errorf("resampled: %g", s[60])
	}
	if s := align("--precision", "float64", "--hrf", "glover"); len(s) != 120 {
		t.Errorf("%d elements", len(s))
	} else if a, err := store.OpenNpy(store.OS{}, f.path("s.npy")); err != nil || a.DType() != store.Float64 {
		t.Errorf("in float64 the file holds %v, %v", a.DType(), err)
	}
}

// Without a word about it the response is Glover's, as in a study; run.json says so. The
// words per volume have a run.json of their own, and replace no input, whatever it is
// called; a TR in milliseconds is warned of.
func TestAlignDefaults(t *testing.T) {
	f := newFiles(t)
	r, words := f.npy("r.npy", []int{40, 2}), f.story("w.tsv", 40)
	args := func(out string, more ...string) []string {
		return append([]string{"align", "--responses", r, "--words", words, "--tr", "2", "--volumes", "20", "--out", f.path(out)}, more...)
	}
	mustRun(t, args("a.npy", "--word-rate", f.path("rate.npy"))...)
	mustRun(t, args("b.npy", "--hrf", "glover")...)
	if !bytes.Equal(f.read("a.npy"), f.read("b.npy")) {
		t.Error("the default is not Glover's response")
	}
	for _, name := range []string{"a.npy", "rate.npy"} {
		run, err := store.ReadRun(store.OS{}, f.path(name+".run.json"))
		if err != nil {
			t.Fatal(err)
		}
		if i := slices.IndexFunc(run.Options, func(o store.Option) bool { return o.Name == "--hrf" }); i < 0 || run.Options[i].Value != "glover" {
			t.Errorf("run.json of %s has options %+v", name, run.Options)
		}
	}
	if err := os.Link(r, f.path("link.npy")); err != nil {
		t.Fatal(err)
	}
	was := f.read("r.npy")
	for _, rate := range []string{"r.npy", "./r.npy", "link.npy"} {
		_, said, status := voxen(args("c.npy", "--word-rate", f.path(rate))...)
		if status != 2 || !strings.Contains(said, "is an input") || !bytes.Equal(f.read("r.npy"), was) {
			t.Errorf("--word-rate %s: status %d, %q", rate, status, said)
		}
		if _, err := os.Stat(f.path("c.npy")); err == nil {
			t.Errorf("--word-rate %s: refused, but there is an output", rate)
		}
	}
	_, said, status := voxen("align", "--responses", r, "--words", words, "--tr", "2000", "--volumes", "20", "--out", f.path("d.npy"))
	if status != 0 || !strings.Contains(said, "TR of 2000 s") {
		t.Errorf("a TR in milliseconds: status %d, %q", status, said)
	}
}

// From words to volumes with real weights: every one of the 2,132 rows of all
// 6 x 384 neurons of MiniLM counts in the means per volume that Hugging Face
// transformers gave; 100 rows and the tokens of the first window are compared
// one by one. Relative errors per layer are near 1e-6, the bound is 1e-5.
func TestMiniLMAlice(t *testing.T) {
	model := os.Getenv("VOXEN_MINILM")
	if model == "" {
		t.Skip("VOXEN_MINILM is not set: make minilm gets the folder")
	}
	f := newFiles(t)
	mustRun(t, extractArgs(model, aliceWords, f.path("r.npy"), "--window", "200", "--stride", "200")...)
	mustRun(t, "align", "--responses", f.path("r.npy"), "--words", aliceWords, "--tr", "2", "--volumes", "372", "--hrf", "none", "--out", f.path("s.npy"))
	_, _, volumes := array(t, f.path("s.npy"))
	_, _, want := array(t, "../../testdata/alice/minilm_neurons_tr.npy")
	compareLayers(t, "volumes", volumes, want)

	_, cols, words := array(t, f.path("r.npy"))
	picked, _, err := store.LoadInts(context.Background(), store.OS{}, "../../testdata/lm/minilm_rows.npy")
	if err != nil {
		t.Fatal(err)
	}
	var rows []float32
	for _, r := range picked {
		rows = append(rows, words[int(r)*cols:(int(r)+1)*cols]...)
	}
	_, _, want = array(t, "../../testdata/lm/minilm_responses.npy")
	compareLayers(t, "rows", rows, want)

	z, err := store.OpenNpz(store.OS{}, "../../testdata/alice/minilm_first_window.npz")
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	member := func(name string) []float32 {
		a, err := z.Array(name)
		if err != nil {
			t.Fatal(err)
		}
		data, err := store.Float32s(context.Background(), a)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	var ids []int64
	for _, id := range member("input_ids") { // below 2^24: exact
		ids = append(ids, int64(id))
	}
	mustRun(t, "extract", "--model", model, "--ids", f.ids("ids.npy", ids...), "--out", f.path("first.npy"))
	_, _, tokens := array(t, f.path("first.npy"))
	compareLayers(t, "tokens of the first window", tokens, member("neurons"))
}

// compareLayers compares (n x 6 x 384) responses layer by layer.
func compareLayers(t *testing.T, what string, got, want []float32) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d responses, want %d", what, len(got), len(want))
	}
	for layer := range 6 {
		diff, norm := 0.0, 0.0
		for i, w := range want {
			if i/384%6 == layer {
				d := float64(got[i]) - float64(w)
				diff += d * d
				norm += float64(w) * float64(w)
			}
		}
		if e := math.Sqrt(diff / norm); !(e < 1e-5) {
			t.Errorf("%s: layer %d: relative error %.2g", what, layer, e)
		}
	}
}
