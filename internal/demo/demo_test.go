package demo

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "voxen/cpu"
	"voxen/store"
	"voxen/study/encode"
	"voxen/study/step"
)

// The demo's fits of the real BOLD agree with nilearn, numpy and himalaya
// (testdata/golden/haxby.py), and every result that its help names is there.
func TestDemo(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds, and a minute under the race detector")
	}
	ctx := context.Background()
	out := filepath.Join(t.TempDir(), "demo")
	o := New()
	o.Out, o.Draws = out, 39
	sum, err := step.Do[*Summary](ctx, &step.Env{}, o)
	if err != nil {
		t.Fatal(err)
	}
	golden, err := store.OpenNpz(store.OS{}, "../../testdata/golden/haxby.npz")
	if err != nil {
		t.Fatal(err)
	}
	defer golden.Close()
	want := func(name string) []float64 {
		a, err := golden.Array(name)
		if err != nil {
			t.Fatal(err)
		}
		x, err := store.Float64s(ctx, a)
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	got := func(name string) []float64 {
		x, _, err := store.LoadFloat64(ctx, store.OS{}, filepath.Join(out, name))
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	if e := worst(got("data/haxby2001/design_run-01.npy"), want("design")); !(e < 1e-12) { // both in float64
		t.Errorf("regressors are off by %g", e)
	}
	for name, folder := range map[string]string{"slice": "haxby-slice", "25mm": "haxby-25mm"} {
		score, alpha := got(folder+"/cv_score.npy"), got(folder+"/alpha.npy")
		if e := worst(score, want(name+"_score")); !(e < 1e-5) { // float32 against float64
			t.Errorf("%s: scores are off by %g", name, e)
		}
		others := 0
		for v, a := range want(name + "_alpha") {
			if math.Abs(alpha[v]/a-1) > 1e-5 {
				others++
			}
		}
		if others > 2 { // scores that float32 cannot tell apart
			t.Errorf("%s: %d voxels have another alpha", name, others)
		}
	}
	if len(sum.Haxby) != 2 || sum.Haxby[0].Voxels != 530 || sum.Haxby[0].Constant != 270 || sum.Haxby[1].Voxels != 129 {
		t.Errorf("summary of Haxby: %+v", sum.Haxby)
	}
	// the parahippocampal place area (Epstein and Kanwisher 1998) lies in the slice
	if f := sum.Haxby[0].Differences; f.Best[0].Prefers != "house" || f.Prefer["house"] < 15 || f.Significant < 30 {
		t.Errorf("differences in the slice: %+v", f)
	}
	if a := sum.Alice; a.Signals != 2304 || a.Rows != 372 || a.Atoms != 64 || !(a.Objective > 0.3 && a.Objective < 0.5) {
		t.Errorf("summary of Alice: %+v", a)
	}
	if p := sum.Planted; p.Pairs != 7 || p.Recovered < 4 || p.Recovered+p.Others > p.Matched || p.Others > 2 || p.Atoms != 32 || p.Simulated == "" || p.Voxels < 2500 || p.Voxels > 3000 || p.Draws != 200 || len(p.Organize.Models) != 1 {
		t.Errorf("summary of the planted study: %+v", p)
	}
	for _, name := range []string{"planted/planted.tsv", "planted/match/matches.tsv", "planted/organize/neurons.tsv", "planted/organize/balance.png", "run.json", "haxby-slice_r.png", "haxby-slice_voxels.tsv", "haxby-slice_null.tsv", "haxby-25mm_r.png",
		"haxby-slice-differences_prefers.png", "haxby-slice-differences_weights.png", "haxby-25mm-differences_r.png",
		"haxby-slice/cv_score.nii.gz", "alice/codes.npz", "alice/columns.tsv", "alice_atoms.png", "alice_layers.png", "alice_objective.png", "alice_atoms.tsv"} {
		if info, err := os.Stat(filepath.Join(out, name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	page, err := os.ReadFile(sum.Planted.Report)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"<strong>Simulated data.</strong> The BOLD of all 12 subjects is simulated", "These data are simulated.", "the stimulus shifted against the brain or its phases drawn anew", "all 2048 ways", "whose phases were drawn anew (n = 200; seed 0)", "The penalty was 300 at every voxel", "held-out r2 (nested score)",
		fmt.Sprintf("Of the 7 planted atoms %d are found and %d missed; of the 25 others, of which some resemble a planted one, a network is found for %d", sum.Planted.Recovered, 7-sum.Planted.Recovered, sum.Planted.Others),
		fmt.Sprintf("%d of 32 atoms that belong to a network", sum.Planted.Matched), "Words (z, times heard)"} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the report does not say %q", want)
		}
	}
	if _, err := os.Stat(filepath.Join(out, ".partial")); err == nil {
		t.Error(".partial is left")
	}
}

// From the words the demo has the responses that it has from the shipped ones:
// those are Hugging Face's, so the bound is that of the model's parity.
func TestDemoFromWordsMiniLM(t *testing.T) {
	model := os.Getenv("VOXEN_MINILM")
	if model == "" {
		t.Skip("VOXEN_MINILM is not set: make minilm gets the folder")
	}
	ctx := context.Background()
	var both [2][]float64
	for i, folder := range []string{"none", model} {
		e := &step.Env{}
		e.Begin()
		d := &demo{Run: &step.Run{Worker: &step.Worker{Env: e}}, o: &Options{Out: t.TempDir(), MiniLM: folder}, sum: &Summary{}}
		if err := d.unpack(ctx); err != nil {
			t.Fatal(err)
		}
		if err := (&aliceFit{d: d}).align(ctx, e); err != nil {
			t.Fatal(err)
		}
		var err error
		if both[i], _, err = store.LoadFloat64(ctx, store.OS{}, d.data("alice/responses.npy")); err != nil {
			t.Fatal(err)
		}
		if tokens := d.sum.Alice.Tokens; (tokens > 2132) != (folder != "none") {
			t.Errorf("%d tokens with the model %q", tokens, folder)
		}
	}
	if e := worst(both[1], both[0]); !(e < 1e-4) { // responses of up to 10, relative errors near 1e-6
		t.Errorf("responses from the words are off by %g", e)
	}
}

// worst is the largest difference of two lists, infinite where one is a number
// and the other is not.
func worst(a, b []float64) float64 {
	if len(a) != len(b) {
		return math.Inf(1)
	}
	most := 0.0
	for i := range a {
		if math.IsNaN(a[i]) != math.IsNaN(b[i]) {
			return math.Inf(1)
		}
		if d := math.Abs(a[i] - b[i]); d > most {
			most = d
		}
	}
	return most
}

// A draw gives every run's blocks other labels: the same columns in another
// order, another one in each run, the same again for the same draw.
func TestShuffledLabels(t *testing.T) {
	h := &haxbyFit{d: &demo{o: &Options{Seed: 3}}, categories: []string{"a", "b", "c"}}
	for run := range h.blocks {
		for c := range h.categories {
			response := make([]float64, haxbyVolumes)
			response[10*c+run] = float64(1 + c)
			h.blocks[run] = append(h.blocks[run], haxbyBlock{c, response})
		}
	}
	draw := func(n int) []float64 {
		x := make([]float64, haxbyRuns*haxbyVolumes*3)
		h.shuffled(n, x)
		return x
	}
	x := draw(0)
	orders := map[[3]int]bool{}
	for run := range haxbyRuns {
		var order [3]int
		for c := range 3 {
			row := x[(run*haxbyVolumes+10*c+run)*3:][:3]
			found := 0
			for k, v := range row {
				if v == float64(1+c) {
					order[c] = k
					found++
				} else if v != 0 {
					t.Fatalf("run %d, block %d: row %v", run, c, row)
				}
			}
			if found != 1 {
				t.Fatalf("run %d: block %d is in %d columns", run, c, found)
			}
		}
		if order[0] == order[1] || order[1] == order[2] || order[0] == order[2] {
			t.Errorf("run %d: two blocks have one label: %v", run, order)
		}
		orders[order] = true
	}
	if len(orders) < 3 {
		t.Errorf("12 runs were shuffled in %d ways", len(orders))
	}
	if worst(x, draw(0)) != 0 {
		t.Error("the same draw differs")
	}
	if worst(x, draw(1)) == 0 {
		t.Error("two draws are equal")
	}
}

// p counts the fit itself, and the critical value is where it crosses 0.05.
func TestNullQuantiles(t *testing.T) {
	for _, n := range []int{1, 19, 20, 39, 40, 999, 1000} {
		null := make([]float64, n)
		for i := range null {
			null[i] = float64((i*7919)%n+1) / float64(n+1)
		}
		c := encode.CriticalValue(null, 0.05)
		if p := encode.PValue(math.Nextafter(c, 2), null); c < 1 && !(p < 0.05) {
			t.Errorf("%d draws: p just above %g is %g", n, c, p)
		}
		if p := encode.PValue(c, null); p < 0.05 && c < 1 {
			t.Errorf("%d draws: p at %g is %g", n, c, p)
		}
		if least := encode.PValue(2, null); (c == 1) != (least >= 0.05) {
			t.Errorf("%d draws: the critical value is %g and the least p %g", n, c, least)
		}
	}
}
