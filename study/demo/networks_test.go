package demo

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"testing"

	"voxen/brain"
	"voxen/engine/tile"
	"voxen/store"
	"voxen/study/encode"
	"voxen/study/internal/steptest"
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

// found is what a study found.
type found struct {
	planted, others int // atoms that were planted and belong to their network; that were not, and belong to one
	unlike          int // of the others, whose course does not resemble that of the atom planted in their network
	negative        int // of the planted, with sign -1
	of, ofOthers    int
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
	p, err := Plant(x.atlas, x.mask, atoms, PlantOptions{Seed: seed, Null: c.Loading == 0, Networks: c.Share, Loading: loading})
	must(err)
	must(store.SaveNpy(store.OS{}, in("atoms.npy"), []int{atoms.Rows, K}, atoms.Data))
	must(brain.Files{}.WriteMask(ctx, in("mask.nii.gz"), x.mask))
	n := null.New()
	n.Features, n.Templates, n.Mask, n.Out = []string{in("atoms.npy")}, "../../testdata/networks/yeo7_space-MNI_res-3_label.nii.gz", in("mask.nii.gz"), in("null")
	n.PerRun, n.Alphas, n.CV, n.Draws, n.Seed = "zscore", "1:1e4:5", "kfold:3", c.Draws, seed
	m := match.New()
	m.Templates, m.Mask, m.Out, m.Draws, m.Seed, m.Nulls = n.Templates, n.Mask, in("match"), c.Draws, seed, c.Nulls
	for s := range c.Subjects {
		y := p.Subject()
		n.Responses = append(n.Responses, in(fmt.Sprintf("sub-%02d.npy", s+1)))
		must(store.SaveNpy(store.OS{}, n.Responses[s], []int{y.Rows(), y.Cols()}, y.Data))
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

// compare counts what belongs to a network.
func (c networksCheck) compare(t *testing.T, path string, p *Planted, K int) found {
	t.Helper()
	table := steptest.ReadTable(t, path)
	_, given, err := organize.ParseMatches(table, K)
	if err != nil {
		t.Fatal(err)
	}
	of := (&organize.MatchedAtoms{Given: given}).Of(0.05)
	planted := map[int]int{}
	if c.Loading != 0 {
		for _, pair := range p.Pairs {
			planted[pair.Atom] = pair.Network
		}
	}
	signs := map[string]string{}
	for i, sign := range steptest.Column(t, table, "sign") {
		if sign != "n/a" {
			signs[steptest.Column(t, table, "atom")[i]] = sign
		}
	}
	f := found{of: len(planted), ofOthers: K - len(planted)}
	for k, b := range of {
		network, is := planted[k]
		switch {
		case is && b == network:
			f.planted++
			if signs[fmt.Sprint(k)] == "-1" {
				f.negative++
			}
		case !is && b >= 0:
			f.others++
			if !p.resembles(k, b) {
				f.unlike++
			}
		}
	}
	return f
}

// resembles reports whether an atom is correlated with the one that is planted in a network.
func (p *Planted) resembles(atom, network int) bool {
	for _, pair := range p.Pairs {
		if pair.Network != network {
			continue
		}
		r := 0.0
		for row := range p.rows {
			r += p.atoms[atom][row] * p.atoms[pair.Atom][row] / float64(p.rows)
		}
		if math.Abs(r) >= 0.2 {
			return true
		}
	}
	return false
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
	if f := (networksCheck{6, 0.2, 0, 99, maps}).run(t, x, K, 1); f.others < 5 {
		t.Errorf("%d of %d atoms of noise match by surrogates of maps: networks in the noise do not show", f.others, f.ofOthers)
	}
	if f := (networksCheck{6, 0.2, 0, 99, all}).run(t, x, K, 1); f.others > 1 {
		t.Errorf("%d of %d atoms of noise match", f.others, f.ofOthers)
	}
	for loading, negative := range map[float64]int{2: 0, -2: 7} {
		f := (networksCheck{8, 0.05, loading, 99, all}).run(t, x, K, 2)
		if f.planted < 6 || f.negative > negative || negative > 0 && f.negative < f.planted {
			t.Errorf("loading %g: %d of %d planted atoms found, %d of them negative", loading, f.planted, f.of, f.negative)
		}
		// The atoms of one story are alike, half of their pairs by |r| >= 0.2, and what resembles a
		// planted atom in time goes with its network: no null excludes that. Of the others, which
		// are false, a false discovery rate of 5% allows one.
		if f.unlike > 1 || f.others > 6 {
			t.Errorf("loading %g: %d of %d atoms that were not planted match, %d of them unlike the planted", loading, f.others, f.ofOthers, f.unlike)
		}
	}
}
