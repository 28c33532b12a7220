package demo

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"testing"

	"voxen/brain"
	"voxen/engine/tile"
	"voxen/internal/npytest"
	"voxen/internal/steptest"
	"voxen/store"
	"voxen/study/encode"
	"voxen/study/match"
	"voxen/study/null"
	"voxen/study/organize"
	"voxen/study/step"
)

// networksCheck is a study with networks in the noise, through the steps themselves.
type networksCheck struct {
	Subjects int
	Share    float64 // of the noise's variance in courses of networks, of each subject's own
	Loading  float64 // of planted atoms in between-subject SDs; 0: nothing is planted
	Draws    int     // of either null
	Nulls    []string
	// Alphas of the encoding models; "": alphasOfCheck.
	Alphas string
	// SD of loadings between subjects in SDs of a voxel's noise; 0: loadingSD.
	SD float64
	// Learned keeps the atoms that were not planted as they were learned. Nearly all of them
	// resemble a planted one, so that responses follow them too; else what they have in
	// common with planted ones is taken off, and nothing is planted in them.
	Learned bool
}

// alphasOfCheck are chosen among for each voxel, as a study does by default.
const alphasOfCheck = "1:1e4:5"

// found is what a study found: of some atoms those that belong to a network. Others are
// told apart by how much their course resembles that of a planted one.
type found struct {
	planted, of      int // that were planted, in the network where they were
	negative         int // of them, with sign -1
	others, ofOthers [resemblances]int
}

// resemblances are the ranges of the largest |r| of an atom with any planted one: below 0.1,
// 0.2, 0.3, and the rest. In a study of noise all atoms are in the first.
const resemblances = 4

// falselyFound are the atoms of a study of noise that belong to a network.
func (f found) falselyFound() int { return f.others[0] }

// unrelated takes what other atoms have in common with planted ones off their courses,
// which keep their SD of 1: they stay as slow, and as alike, as they are for other reasons.
func (p *Planted) unrelated(t *testing.T) {
	t.Helper()
	var planted [][]float64
	is := map[int]bool{}
	for _, pair := range p.Pairs {
		planted, is[pair.Atom] = append(planted, p.atoms[pair.Atom]), true
	}
	basis, err := brain.Orthonormal(p.rows, planted)
	if err != nil {
		t.Fatal(err)
	}
	for k, z := range p.atoms {
		if !is[k] {
			z = slices.Clone(z)
			basis.Remove(z, 1, 1)
			p.atoms[k] = step.ZScore(z)
		}
	}
}

// run simulates, fits, draws and matches; atoms are the first K that were learned.
func (c networksCheck) run(t *testing.T, x *truth, K int, seed uint64) found {
	t.Helper()
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ctx := context.Background()
	atoms := tile.Matrix{Rows: x.atoms.Rows, Cols: K}
	for row := range x.atoms.Rows {
		atoms.Data = append(atoms.Data, x.atoms.Data[row*x.atoms.Cols:][:K]...)
	}
	loading := c.Loading
	if loading == 0 {
		loading = 1 // of what is left out
	}
	p, err := Plant(x.atlas, x.mask, atoms, PlantOptions{Seed: seed, Null: c.Loading == 0, Networks: c.Share, Loading: loading, LoadingSD: c.SD})
	must(err)
	if c.Loading != 0 && !c.Learned {
		p.unrelated(t)
		for k, z := range p.atoms {
			for row, x := range z {
				atoms.Data[row*K+k] = x
			}
		}
	}
	must(npytest.Save(in("atoms.npy"), []int{atoms.Rows, atoms.Cols}, atoms.Data))
	must(brain.Files{}.WriteMask(ctx, in("mask.nii.gz"), x.mask))
	n := null.New()
	n.Features, n.Templates, n.Mask, n.Out = []string{in("atoms.npy")}, "../../testdata/networks/yeo7_space-MNI_res-3_label.nii.gz", in("mask.nii.gz"), in("null")
	n.PerRun, n.Alphas, n.CV, n.Draws, n.Seed = "zscore", cmp.Or(c.Alphas, alphasOfCheck), "kfold:3", c.Draws, seed
	m := match.New()
	m.Templates, m.Mask, m.Out, m.Draws, m.Seed, m.Nulls = n.Templates, n.Mask, in("match"), c.Draws, seed, c.Nulls
	for s := range c.Subjects {
		y := p.Subject()
		n.Responses = append(n.Responses, in(fmt.Sprintf("sub-%02d.npy", s+1)))
		must(npytest.Save(n.Responses[s], []int{y.Rows(), y.Cols()}, y.Data))
		e := encode.New()
		e.Features, e.Responses, e.Out = n.Features, n.Responses[s:s+1], in(fmt.Sprintf("sub-%02d", s+1))
		e.PerRun, e.Alphas, e.CV, e.Score = n.PerRun, n.Alphas, n.CV, n.Score
		_, err := step.Do[*encode.Summary](ctx, env(), e)
		must(err)
		m.Maps = append(m.Maps, filepath.Join(e.Out, "weights.npy"))
	}
	for _, name := range c.Nulls {
		if name == "stimulus" {
			_, err := step.Do[*null.Summary](ctx, env(), n)
			must(err)
			m.Stimulus = n.Out
		}
	}
	_, err = step.Do[*match.Summary](ctx, env(), m)
	must(err)
	return c.compare(t, filepath.Join(m.Out, "matches.tsv"), p, K)
}

// env is where the steps run.
func env() *step.Env { return &step.Env{Device: "cpu", FS: store.OS{}} }

// compare counts which of K atoms belong to a network.
func (c networksCheck) compare(t *testing.T, path string, p *Planted, K int) (f found) {
	t.Helper()
	table := steptest.ReadTable(t, path)
	_, given, err := organize.ParseMatches(table, K)
	if err != nil {
		t.Fatal(err)
	}
	signs := map[string]string{}
	for i, sign := range steptest.Column(t, table, "sign") {
		if sign != "n/a" {
			signs[steptest.Column(t, table, "atom")[i]] = sign
		}
	}
	planted := map[int]int{}
	if c.Loading != 0 {
		for _, pair := range p.Pairs {
			planted[pair.Atom] = pair.Network
		}
	}
	one := map[bool]int{true: 1}
	for k, b := range (&organize.MatchedAtoms{Given: given}).Of(0.05) {
		network, is := planted[k]
		switch {
		case is:
			f.of, f.planted = f.of+1, f.planted+one[b == network]
			f.negative += one[b == network && signs[fmt.Sprint(k)] == "-1"]
		default:
			i := 0
			if c.Loading != 0 {
				i = min(resemblances-1, int(10*p.resemblance(k)))
			}
			f.ofOthers[i], f.others[i] = f.ofOthers[i]+1, f.others[i]+one[b >= 0]
		}
	}
	return f
}

// resemblance is the largest |r| of an atom with one that is planted.
func (p *Planted) resemblance(atom int) (most float64) {
	for _, pair := range p.Pairs {
		most = max(most, math.Abs(step.Dot(p.atoms[atom], p.atoms[pair.Atom]))/float64(p.rows))
	}
	return most
}

// TestNetworksInTheNoise is a short form of TestNetworksInTheNoiseFull (tag long): 24
// atoms, 99 draws. Spontaneous networks match without the stimulus null, and do not with
// it; planted atoms are found, those that switch networks off as negative.
func TestNetworksInTheNoise(t *testing.T) {
	if testing.Short() {
		t.Skip("simulates studies")
	}
	const K = 24
	x := newTruth(t, 1, 2)
	maps, all := []string{"maps"}, []string{"maps", "subjects", "stimulus"}
	if f := (networksCheck{Subjects: 6, Share: 0.2, Draws: 99, Nulls: maps}).run(t, x, K, 1); f.falselyFound() < 5 {
		t.Errorf("%d of %d atoms of noise match by surrogates of maps: networks in the noise do not show", f.falselyFound(), K)
	}
	if f := (networksCheck{Subjects: 6, Share: 0.2, Draws: 99, Nulls: all}).run(t, x, K, 1); f.falselyFound() > 1 {
		t.Errorf("%d of %d atoms of noise match", f.falselyFound(), K)
	}
	for loading, negative := range map[float64]int{2: 0, -2: 7} {
		f := (networksCheck{Subjects: 8, Share: 0.05, Loading: loading, Draws: 99, Nulls: all}).run(t, x, K, 2)
		t.Logf("loading %g: %+v", loading, f)
		if f.planted < 6 || f.negative > negative || negative > 0 && f.negative < f.planted {
			t.Errorf("loading %g: %d of %d planted atoms found, %d of them negative", loading, f.planted, f.of, f.negative)
		}
		if 10*f.others[0] > f.ofOthers[0] {
			t.Errorf("loading %g: %d of %d atoms in which nothing is planted match", loading, f.others[0], f.ofOthers[0])
		}
	}
}
