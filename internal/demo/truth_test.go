package demo

import (
	"context"
	"testing"

	"voxen/brain"
	_ "voxen/cpu"
	"voxen/engine"
	"voxen/engine/dict"
	"voxen/engine/op"
	"voxen/engine/ridge"
	"voxen/engine/tile"
	"voxen/internal/permute"
	"voxen/internal/spatial"
	"voxen/store"
	"voxen/study/encode"
	"voxen/study/match"
	"voxen/study/step"
)

// truth is what all seeds of the truth check share: atoms learned from the real
// responses, networks, and the fields of the null.
type truth struct {
	be     engine.Backend
	atlas  *brain.Atlas
	mask   *brain.Mask
	atoms  tile.Matrix
	lat    *spatial.Lattice
	labels tile.Matrix
	fields *tile.Array[float32]
}

// newTruth prepares a number of draws; step takes voxels of step x 3 mm.
func newTruth(t *testing.T, draws, step int) *truth {
	t.Helper()
	ctx := context.Background()
	x := &truth{}
	var err error
	check := func() {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	x.be, _, err = engine.Open("cpu", engine.Config{})
	check()
	t.Cleanup(func() { x.be.Close() })
	labels := "../../testdata/networks/yeo7_space-MNI_res-3_label.nii.gz"
	x.atlas, err = (brain.Files{}).Atlas(ctx, labels, "")
	check()
	x.mask, err = coarseMask(x.atlas.Volume, step)
	check()
	x.atoms, err = aliceAtoms(ctx, x.be)
	check()
	region, err := x.atlas.OnMask(x.mask)
	check()
	all := make([]int, len(region))
	for v := range all {
		all[v] = v
	}
	x.lat, err = match.Lattice(x.mask, all)
	check()
	x.labels = tile.Matrix{Rows: len(x.atlas.Labels), Cols: len(region), Data: make([]float64, len(x.atlas.Labels)*len(region))}
	for v, b := range region {
		x.labels.Row(b)[v] = 1
	}
	x.fields = tile.NewArray[float32](x.lat.FieldRows(x.labels.Rows), draws)
	err = spatial.Fields(ctx, x.be, x.lat, x.labels, x.fields, spatial.Options{Draws: draws, Seed: 1})
	check()
	return x
}

// aliceAtoms learns 64 atoms from MiniLM's responses to the story, as they are: after
// a haemodynamic response too few atoms are correlated by less than 0.3.
func aliceAtoms(ctx context.Context, be engine.Backend) (tile.Matrix, error) {
	a, err := store.OpenNpy(store.OS{}, "../../testdata/alice/minilm_neurons_tr.npy")
	if err != nil {
		return tile.Matrix{}, err
	}
	defer a.Close()
	T, N := a.Rows(), a.Cols()
	s := make([]float64, T*N)
	if err := a.ReadFloat64(ctx, 0, N, s, N); err != nil {
		return tile.Matrix{}, err
	}
	src, err := tile.Of(T, N, s)
	if err != nil {
		return tile.Matrix{}, err
	}
	fit, err := dict.Learn(ctx, be, src, dict.Defaults())
	if err != nil {
		return tile.Matrix{}, err
	}
	return fit.Atoms, nil
}

// outcome is what one seed of the truth check found.
type outcome struct {
	recovered, pairs int
	significant      int // atoms with q < 0.05
	r                []float64
}

// study simulates, fits and matches one study.
func (x *truth) study(t *testing.T, seed uint64, subjects int, null bool) outcome {
	t.Helper()
	ctx := context.Background()
	p, err := Plant(x.atlas, x.mask, x.atoms, PlantOptions{Seed: seed, Null: null})
	if err != nil {
		t.Fatal(err)
	}
	K, V := x.atoms.Cols, x.mask.Len()
	mean := tile.Matrix{Rows: K, Cols: V, Data: make([]float64, K*V)}
	alphas, err := encode.ParseAlphas("0.1:1e5:20")
	if err != nil {
		t.Fatal(err)
	}
	for range subjects {
		w := tile.NewArray[float32](K, V)
		_, err := ridge.Fit(ctx, x.be, ridge.Data{X: x.atoms, Y: p.Subject()}, ridge.Outputs{Weights: w},
			ridge.Options{Alphas: alphas, Folds: ridge.KFold(x.atoms.Rows, 5), PerRun: ridge.ZScore, Score: op.R2})
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range w.Data {
			mean.Data[i] += float64(v) / float64(subjects)
		}
	}
	weights, err := spatial.Fit(ctx, x.be, x.lat, mean)
	if err != nil {
		t.Fatal(err)
	}
	high, err := spatial.Highest(ctx, x.be, weights, x.fields, x.labels.Rows, 0)
	if err != nil {
		t.Fatal(err)
	}
	best, ps := make([]int, K), make([]float64, K)
	out := outcome{pairs: len(p.Pairs)}
	for k := range K {
		top := -2.0
		for b := range x.labels.Rows {
			if r := pearson(mean.Row(k), x.labels.Row(b)); r > top {
				top, best[k] = r, b
			}
		}
		ps[k] = spatial.PValue(top, high.Row(k))
		out.r = append(out.r, top)
	}
	q := permute.FDR(ps)
	for k := range q {
		if q[k] < 0.05 {
			out.significant++
		}
	}
	for _, pair := range p.Pairs {
		if best[pair.Atom] == pair.Network && q[pair.Atom] < 0.05 && out.r[pair.Atom] > 0 {
			out.recovered++
		}
	}
	return out
}

func pearson(a, b []float64) float64 {
	return step.Dot(step.ZScore(a), step.ZScore(b)) / float64(len(a))
}

// TestTruth is a short form of TestTruthFull (tag long): voxels of 6 mm, two
// subjects, three seeds. docs/truth-check.md has the figures of the full one.
func TestTruth(t *testing.T) {
	if testing.Short() {
		t.Skip("simulates studies")
	}
	x := newTruth(t, 2000, 2)
	recovered, pairs, reported := 0, 0, 0
	for seed := range uint64(3) {
		o := x.study(t, seed, 2, false)
		recovered, pairs = recovered+o.recovered, pairs+o.pairs
		if null := x.study(t, seed, 2, true); null.significant > 0 {
			reported++
		}
	}
	if 10*recovered < 9*pairs {
		t.Errorf("%d of %d pairs recovered, expected at least 90%%", recovered, pairs)
	}
	if reported > 1 { // an exact test reports more than one of three by chance once in 140 times
		t.Errorf("%d of 3 null seeds report a match", reported)
	}
}
