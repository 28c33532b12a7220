package demo

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"testing"

	"voxen/brain"
	"voxen/engine/op"
	"voxen/engine/tile"
	"voxen/internal/npytest"
	"voxen/internal/steptest"
	"voxen/internal/stimulus"
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
}

// found is what a study found: of some atoms those that belong to a network. Atoms that were
// not planted are no null atoms where their course resembles that of a planted one, since
// responses then follow them too; others are told apart by how much it does.
type found struct {
	planted, of      int // that were planted, in the network where they were
	negative         int // of them, with sign -1
	others, ofOthers [resemblances]int
	decoys, ofDecoys int
}

// resemblances are the ranges of the largest |r| of an atom with any planted one: below 0.1,
// 0.2, 0.3, and the rest. In a study of noise all atoms are in the first.
const resemblances = 4

// falselyFound are the atoms of a study of noise that belong to a network.
func (f found) falselyFound() int { return f.others[0] }

// withDecoys puts beside atoms a quarter as many that nothing follows by construction: the
// first of them with new phases, all with the same, so that they are as slow and as alike
// as those that were learned. What they have in common with planted ones is chance.
func withDecoys(atoms tile.Matrix, seed uint64) tile.Matrix {
	T, K, D := atoms.Rows, atoms.Cols, atoms.Cols/4
	drawn := make([]float64, T*K)
	stimulus.NewPhases(op.Borders{0, T}, 1, seed^0x6465_636f_7973).Fill(0, atoms.Data, K, drawn)
	out := tile.Matrix{Rows: T, Cols: K + D}
	for row := range T {
		out.Data = append(append(out.Data, atoms.Data[row*K:][:K]...), drawn[row*K:][:D]...)
	}
	return out
}

// run simulates, fits, draws and matches; atoms are the first K that were learned, and
// decoys where any are planted.
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
	p, err := Plant(x.atlas, x.mask, atoms, PlantOptions{Seed: seed, Null: c.Loading == 0, Networks: c.Share, Loading: loading})
	must(err)
	if c.Loading != 0 {
		atoms = withDecoys(atoms, seed)
	}
	must(npytest.Save(in("atoms.npy"), []int{atoms.Rows, atoms.Cols}, atoms.Data))
	must(brain.Files{}.WriteMask(ctx, in("mask.nii.gz"), x.mask))
	n := null.New()
	n.Features, n.Templates, n.Mask, n.Out = []string{in("atoms.npy")}, "../../testdata/networks/yeo7_space-MNI_res-3_label.nii.gz", in("mask.nii.gz"), in("null")
	n.PerRun, n.Alphas, n.CV, n.Draws, n.Seed = "zscore", "1:1e4:5", "kfold:3", c.Draws, seed
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
	return c.compare(t, filepath.Join(m.Out, "matches.tsv"), p, K, atoms.Cols)
}

// env is where the steps run.
func env() *step.Env { return &step.Env{Device: "cpu", FS: store.OS{}} }

// compare counts what belongs to a network; atoms from K on are decoys.
func (c networksCheck) compare(t *testing.T, path string, p *Planted, K, all int) (f found) {
	t.Helper()
	table := steptest.ReadTable(t, path)
	_, given, err := organize.ParseMatches(table, all)
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
		case k >= K:
			f.ofDecoys, f.decoys = f.ofDecoys+1, f.decoys+one[b >= 0]
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
	if f := (networksCheck{6, 0.2, 0, 99, maps}).run(t, x, K, 1); f.falselyFound() < 5 {
		t.Errorf("%d of %d atoms of noise match by surrogates of maps: networks in the noise do not show", f.falselyFound(), K)
	}
	if f := (networksCheck{6, 0.2, 0, 99, all}).run(t, x, K, 1); f.falselyFound() > 1 {
		t.Errorf("%d of %d atoms of noise match", f.falselyFound(), K)
	}
	for loading, negative := range map[float64]int{2: 0, -2: 7} {
		f := (networksCheck{8, 0.05, loading, 99, all}).run(t, x, K, 2)
		t.Logf("loading %g: %+v", loading, f)
		if f.planted < 6 || f.negative > negative || negative > 0 && f.negative < f.planted {
			t.Errorf("loading %g: %d of %d planted atoms found, %d of them negative", loading, f.planted, f.of, f.negative)
		}
		// A false discovery rate of 5% allows one decoy. What resembles a planted atom in time goes
		// with its network, which no null excludes.
		if f.decoys > 1 {
			t.Errorf("loading %g: %d of %d decoys match", loading, f.decoys, f.ofDecoys)
		}
	}
}
