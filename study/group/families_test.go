package group_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"voxen/internal/npytest"
	"voxen/internal/permute"
	"voxen/internal/steptest"
	"voxen/store"
	"voxen/study/group"
	"voxen/study/step"
)

// With Fisher's z the tests are of atanh r, in voxels and in scores, and the scores in the table are means of r; without it
// they are of r.
func TestGroupFisherZ(t *testing.T) {
	dir := t.TempDir()
	const n, V = 7, 12
	rng := rand.New(rand.NewPCG(31, 32))
	var maps []string
	r := make([][]float64, n) // as float32 holds them
	for s := range n {
		values := make([]float32, V)
		r[s] = make([]float64, V)
		for v := range values {
			values[v] = float32(math.Tanh(0.5 + 0.3*float64(v%4) + 0.4*rng.NormFloat64()))
			r[s][v] = float64(values[v])
		}
		maps = append(maps, filepath.Join(dir, fmt.Sprintf("sub-%d.npy", s)))
		if err := npytest.Save(maps[s], []int{V}, values); err != nil {
			t.Fatal(err)
		}
	}
	for _, z := range []bool{false, true} {
		f := func(x float64) float64 { return x }
		if z {
			f = math.Atanh
		}
		o := group.New()
		o.Maps, o.Permutations, o.FisherZ, o.Out = maps, 200, z, filepath.Join(dir, fmt.Sprint(z))
		if _, err := step.Do[*group.Summary](context.Background(), &step.Env{Device: "cpu"}, o); err != nil {
			t.Fatal(err)
		}
		mean, _, err := store.LoadFloat64(context.Background(), store.OS{}, filepath.Join(o.Out, "mean.npy"))
		if err != nil {
			t.Fatal(err)
		}
		for v, got := range mean {
			want := 0.0
			for s := range n {
				want += f(r[s][v]) / n
			}
			if math.Abs(got-want) > 1e-6 {
				t.Errorf("z %t: the mean of voxel %d is %g, want %g", z, v, got, want)
			}
		}
		scores, want := steptest.ReadTable(t, filepath.Join(o.Out, "brain_scores.tsv")), 0.0
		for s := range n {
			whole := 0.0
			for v := range V {
				whole += r[s][v] / V
			}
			if got := steptest.Parsed(t, steptest.Column(t, scores, "whole brain")[s]); math.Abs(got-whole) > 1e-6 {
				t.Errorf("z %t: the score of subject %d is %g, want %g", z, s, got, whole)
			}
			want += f(whole) / n
		}
		tests := steptest.ReadTable(t, filepath.Join(o.Out, "group.tsv"))
		if got := steptest.Parsed(t, steptest.Column(t, tests, "estimate")[0]); math.Abs(got-want) > 1e-6 {
			t.Errorf("z %t: the mean score is %g, want %g", z, got, want)
		}
	}
}

// q of a region is over the regions alone, and that of the whole brain is its p.
func TestGroupFamilies(t *testing.T) {
	dir := t.TempDir()
	maps, _, mask := cohort(t, dir, 9, "Default")
	o := group.New()
	o.Maps, o.Mask, o.Atlas, o.Permutations, o.Out = maps, mask, yeo7, 300, filepath.Join(dir, "out")
	if _, err := step.Do[*group.Summary](context.Background(), &step.Env{Device: "cpu", Threads: 2}, o); err != nil {
		t.Fatal(err)
	}
	table := steptest.ReadTable(t, filepath.Join(o.Out, "group.tsv"))
	p, q := steptest.Column(t, table, "p"), steptest.Column(t, table, "q")
	if p[0] != q[0] {
		t.Errorf("the whole brain is a family of one: p %s, q %s", p[0], q[0])
	}
	var of []float64
	for _, x := range p[1:] {
		of = append(of, steptest.Parsed(t, x))
	}
	if len(of) != 7 {
		t.Fatalf("%d regions", len(of))
	}
	for i, want := range permute.FDR(of) {
		if got := steptest.Parsed(t, q[i+1]); math.Abs(got-want) > 1e-5*want {
			t.Errorf("region %d: q %g, want %g over the 7 regions", i, got, want)
		}
	}
}
