package spatial_test

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	_ "voxen/cpu"
	"voxen/engine"
	"voxen/engine/op"
	"voxen/engine/tile"
	"voxen/internal/spatial"
	"voxen/store"
)

func backend(t *testing.T, threads int) engine.Backend {
	t.Helper()
	be, _, err := engine.Open("cpu", engine.Config{Threads: threads})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { be.Close() })
	return be
}

// golden is testdata/golden/match/variogram.npz.
type golden struct {
	lat                      *spatial.Lattice
	maps, templates, weights tile.Matrix
	widths                   []float64
	quantiles                tile.Matrix
}

func load(t *testing.T) golden {
	t.Helper()
	z, err := store.OpenNpz(store.OS{}, "../../testdata/golden/match/variogram.npz")
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	read := func(name string) tile.Matrix {
		a, err := z.Array(name)
		if err != nil {
			t.Fatal(err)
		}
		m := tile.Matrix{Rows: a.Rows(), Cols: a.Cols(), Data: make([]float64, a.Rows()*a.Cols())}
		if err := a.ReadFloat64(context.Background(), 0, m.Cols, m.Data, m.Cols); err != nil {
			t.Fatal(err)
		}
		return m
	}
	v, size := read("voxels"), read("size").Data
	voxels := make([][3]int, v.Rows)
	for i := range voxels {
		// offsets are the lattice's to take away
		voxels[i] = [3]int{int(v.Row(i)[0]) + 40, int(v.Row(i)[1]) - 3, int(v.Row(i)[2])}
	}
	lat, err := newLattice(voxels, [3]float64(size))
	if err != nil {
		t.Fatal(err)
	}
	return golden{lat, read("maps"), read("templates"), read("weights"), read("widths").Data, read("quantiles")}
}

// TestFit compares with scipy's nnls on dense matrices. Both solve in float64; the
// kernels overlap, so that the last digits of weights are the condition number's.
func TestFit(t *testing.T) {
	g := load(t)
	for i, w := range g.lat.Widths() {
		if math.Abs(w-g.widths[i]) > 1e-12*w {
			t.Errorf("width %d is %v, expected %v", i, w, g.widths[i])
		}
	}
	w, err := spatial.Fit(context.Background(), backend(t, 2), g.lat, g.maps)
	if err != nil {
		t.Fatal(err)
	}
	for k := range g.maps.Rows {
		for m, x := range g.weights.Row(k) {
			if got := w.Row(k)[m]; math.Abs(got-x) > 1e-7*slices.Max(g.weights.Data) {
				t.Errorf("map %d, width %d: weight %g, expected %g", k, m, got, x)
			}
		}
	}
}

// fields draws for the golden lattice.
func fields(t *testing.T, g golden, threads int, o spatial.Options) *tile.Array[float64] {
	t.Helper()
	out := tile.NewArray[float64](g.lat.FieldRows(g.templates.Rows), o.Draws)
	if err := spatial.Fields(context.Background(), backend(t, threads), g.lat, g.templates, out, o); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestSurrogates compares quantiles of the highest correlation with those of
// surrogates that numpy drew by Cholesky's factor. With n = 20,000 draws here and
// 40,000 there the rank of a quantile q has an SD of sqrt(q (1-q) (1/n + 1/m)); 4 of
// them, over 24 quantiles, are exceeded by chance once in 700 times.
func TestSurrogates(t *testing.T) {
	g := load(t)
	be := backend(t, 2)
	const n = 20000
	f := fields(t, g, 2, spatial.Options{Draws: n, Seed: 7})
	high, err := spatial.Highest(context.Background(), be, g.weights, f, g.templates.Rows, 0)
	if err != nil {
		t.Fatal(err)
	}
	for k := range g.quantiles.Rows {
		draws := high.Row(k)
		for i, q := range []float64{0.1, 0.5, 0.9, 0.99} {
			below := 0
			for _, x := range draws {
				if x < g.quantiles.Row(k)[i] {
					below++
				}
			}
			sd := math.Sqrt(q * (1 - q) * (1.0/n + 1.0/40000))
			if share := float64(below) / n; math.Abs(share-q) > 4*sd {
				t.Errorf("map %d: %.4f of the draws are below numpy's quantile %g, expected it within %.4f", k, share, q, 4*sd)
			}
		}
	}
	for k := 6; k < 8; k++ { // a constant map and one of zeros
		if slices.Max(high.Row(k)) != 0 || slices.Min(high.Row(k)) != 0 {
			t.Errorf("surrogates of the constant map %d are not 0", k)
		}
	}
}

// TestDrawsDoNotDependOnTiles: equal seeds give equal bits for any number of draws at
// once and of threads, and other seeds other draws.
func TestDrawsDoNotDependOnTiles(t *testing.T) {
	g := load(t)
	whole := fields(t, g, 1, spatial.Options{Draws: 50, Seed: 3})
	parts := tile.NewArray[float64](whole.Rows(), 50)
	for _, c := range []third{{true}, {false}} {
		o := spatial.Options{Draws: 50, Seed: 3, Checkpoint: c}
		if err := spatial.Fields(context.Background(), backend(t, 2), g.lat, g.templates, parts, o); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(whole.Data, parts.Data) {
		t.Error("draws of other tiles and threads differ")
	}
	if other := fields(t, g, 1, spatial.Options{Draws: 50, Seed: 4}); slices.Equal(whole.Data, other.Data) {
		t.Error("another seed gives the same draws")
	}
	wide := fields(t, g, 1, spatial.Options{Draws: 50, Seed: 3, Precision: op.Float64})
	top := slices.Max(wide.Data)
	for i, x := range wide.Data {
		// float32 rounds factors and sums of 200 products at 1e-7 of them, before the part of the mean is taken off
		if math.Abs(whole.Data[i]-x) > 4e-6*top {
			t.Fatalf("value %d is %g in float32 and %g in float64", i, whole.Data[i], x)
		}
	}
}

// third is a checkpoint that has done every third draw, or all the others.
type third struct{ others bool }

func (c third) Done(lo, _ int) bool   { return (lo%3 == 0) != c.others }
func (c third) Finish(_, _ int) error { return nil }

func TestOneVoxel(t *testing.T) {
	lat, err := newLattice([][3]int{{5, 5, 5}}, [3]float64{2, 2, 2})
	if err != nil {
		t.Fatal(err)
	}
	one := tile.Matrix{Rows: 1, Cols: 1, Data: []float64{3}}
	be := backend(t, 1)
	w, err := spatial.Fit(context.Background(), be, lat, one)
	if err != nil {
		t.Fatal(err)
	}
	f := tile.NewArray[float64](lat.FieldRows(1), 3)
	if err := spatial.Fields(context.Background(), be, lat, one, f, spatial.Options{Draws: 3}); err != nil {
		t.Fatal(err)
	}
	high, err := spatial.Highest(context.Background(), be, w, f, 1, 0)
	if err != nil || slices.Max(high.Data) != 0 {
		t.Errorf("one voxel: highest %v, error %v, expected zeros", high.Data, err)
	}
}

func TestRefusals(t *testing.T) {
	g := load(t)
	be := backend(t, 1)
	bad := tile.Matrix{Rows: g.maps.Rows, Cols: g.maps.Cols, Data: slices.Clone(g.maps.Data)}
	bad.Data[5] = math.NaN()
	if _, err := spatial.Fit(context.Background(), be, g.lat, bad); err == nil {
		t.Error("a map with NaN is not refused")
	}
	out := tile.NewArray[float64](3, 10)
	if err := spatial.Fields(context.Background(), be, g.lat, g.templates, out, spatial.Options{Draws: 10}); err == nil {
		t.Error("a sink of another shape is not refused")
	}
	if _, err := newLattice(nil, [3]float64{1, 1, 1}); err == nil {
		t.Error("no voxels are not refused")
	}
	if _, err := newLattice([][3]int{{0, 0, 0}}, [3]float64{1, 0, 1}); err == nil {
		t.Error("voxels without length are not refused")
	}
}

func TestPValue(t *testing.T) {
	draws := []float64{0.1, 0.5, 0.5, math.NaN()}
	for _, c := range []struct{ r, p float64 }{{0.6, 2.0 / 5}, {0.5, 4.0 / 5}, {0, 1}} {
		if p := spatial.PValue(c.r, draws); p != c.p {
			t.Errorf("p of %g is %g, expected %g", c.r, p, c.p)
		}
	}
}

// TestFieldsKeepAutocorrelation: the variance of a field's product with a template is
// t'Kt, from the definition.
func TestFieldsKeepAutocorrelation(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	var voxels [][3]int
	for i := range 5 {
		for j := range 4 {
			for k := range 3 {
				if r.Float64() < 0.8 {
					voxels = append(voxels, [3]int{i, j, k})
				}
			}
		}
	}
	size := [3]float64{3, 4, 2}
	lat, err := newLattice(voxels, size)
	if err != nil {
		t.Fatal(err)
	}
	V, n := len(voxels), 20000
	tmpl := tile.Matrix{Rows: 1, Cols: V, Data: make([]float64, V)}
	mean, norm := 0.0, 0.0
	for v := range V {
		tmpl.Data[v] = r.NormFloat64()
		mean += tmpl.Data[v] / float64(V)
	}
	for _, x := range tmpl.Data {
		norm += (x - mean) * (x - mean)
	}
	f := tile.NewArray[float64](lat.FieldRows(1), n)
	if err := spatial.Fields(context.Background(), backend(t, 2), lat, tmpl, f, spatial.Options{Draws: n, Seed: 5}); err != nil {
		t.Fatal(err)
	}
	for m, s := range lat.Widths() {
		want := 0.0
		for a, x := range tmpl.Data {
			for b, y := range tmpl.Data {
				d := 0.0
				for axis := range 3 {
					h := float64(voxels[a][axis]-voxels[b][axis]) * size[axis]
					d += h * h
				}
				c := 0.0
				if s > 0 {
					c = math.Exp(-d / (2 * s * s))
				} else if a == b {
					c = 1
				}
				want += (x - mean) * (y - mean) * c / norm
			}
		}
		got := 0.0
		for _, y := range f.Data[m*n : (m+1)*n] {
			got += y * y / float64(n)
		}
		// the mean of n squares of a normal variable has a relative SD of sqrt(2/n)
		if math.Abs(got/want-1) > 5*math.Sqrt(2.0/float64(n)) {
			t.Errorf("width %g: variance %g, expected %g", s, got, want)
		}
	}
}

// newLattice is the lattice of listed voxels.
func newLattice(voxels [][3]int, size [3]float64) (*spatial.Lattice, error) {
	return spatial.NewLattice(len(voxels), func(v int) (i, j, k int) { return voxels[v][0], voxels[v][1], voxels[v][2] }, size)
}
