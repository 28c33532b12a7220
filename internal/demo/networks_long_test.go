//go:build long

package demo

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// networksLog is where finished seeds of TestNetworksInTheNoiseFull are kept, so that it
// goes on where it was stopped; remove it to begin anew.
const networksLog = "../../build/networks-in-the-noise.tsv"

// TestNetworksInTheNoiseFull is the check of the three nulls against networks in the
// noise, recorded in docs/truth-check.md: 64 atoms, voxels of 6 mm, 500 draws.
func TestNetworksInTheNoiseFull(t *testing.T) {
	x := newTruth(t, 1, 2)
	maps, all, few := []string{"maps"}, []string{"maps", "subjects", "stimulus"}, []string{"maps", "stimulus"}
	planted := func(subjects int, loading float64, nulls []string) networksCheck {
		return networksCheck{Subjects: subjects, Share: 0.05, Loading: loading, Draws: 1500, Nulls: nulls, Alphas: plantedAlpha, SD: 2 * loadingSD, Learned: true}
	}
	with := func(c networksCheck, change func(c *networksCheck)) networksCheck { change(&c); return c }
	weak := with(planted(12, 2, all), func(c *networksCheck) { c.SD, c.Learned = loadingSD, false })
	checks := []struct {
		networksCheck
		seeds    uint64
		reported int     // most null seeds that report any atom
		share    float64 // least share of planted atoms that is found
	}{
		{networksCheck{Subjects: 8, Share: 0.05, Draws: 500, Nulls: few}, 100, 10, 0},
		{networksCheck{Subjects: 8, Draws: 500, Nulls: few}, 20, 3, 0},
		{networksCheck{Subjects: 8, Share: 0.2, Draws: 500, Nulls: few}, 20, 3, 0},
		{networksCheck{Subjects: 8, Share: 0.05, Draws: 500, Nulls: few, Alphas: plantedAlpha}, 20, 3, 0},
		{networksCheck{Subjects: 8, Draws: 500, Nulls: few, Alphas: plantedAlpha}, 20, 3, 0},
		{networksCheck{Subjects: 8, Share: 0.2, Draws: 500, Nulls: few, Alphas: plantedAlpha}, 20, 3, 0},
		{networksCheck{Subjects: 8, Share: 0.05, Draws: 500, Nulls: maps}, 5, 5, 0}, // what the null of maps alone does
		{planted(12, 2, all), 10, 0, 0.9},
		{planted(20, 2, all), 10, 0, 0.9},
		{planted(8, 2, few), 10, 0, 0.9},
		{planted(12, -2, all), 5, 0, 0.9},
		{planted(12, 1, all), 10, 0, 0}, // its power is stated, as is that of half the loading and of an alpha for each voxel
		{weak, 5, 0, 0},
		{with(weak, func(c *networksCheck) { c.Alphas = "" }), 5, 0, 0},
	}
	for seed := range uint64(100) { // a part of each, where it is stopped
		for _, c := range checks {
			if seed < c.seeds {
				t.Logf("%+v, seed %d: %+v", c.networksCheck, seed, c.kept(t, x, seed))
			}
		}
	}
	for _, c := range checks {
		var sum found
		reported := 0
		for seed := range c.seeds {
			f := c.kept(t, x, seed)
			sum.add(f)
			if f.of == 0 && f.falselyFound() > 0 {
				reported++
			}
		}
		t.Logf("%+v: %+v of %d seeds, of which %d null seeds report an atom", c.networksCheck, sum, c.seeds, reported)
		if reported > c.reported {
			t.Errorf("%+v: %d of %d null seeds report an atom, expected at most %d", c.networksCheck, reported, c.seeds, c.reported)
		}
		if float64(sum.planted) < c.share*float64(sum.of) {
			t.Errorf("%+v: %d of %d planted atoms found, expected %g of them", c.networksCheck, sum.planted, sum.of, c.share)
		}
		if others, of := sum.allOthers(); c.Loading != 0 && 10*others > of {
			t.Errorf("%+v: %d of %d atoms that were not planted match, expected at most a tenth", c.networksCheck, others, of)
		}
		if c.Loading < 0 && sum.negative < sum.planted {
			t.Errorf("%+v: %d of %d found as negative", c.networksCheck, sum.negative, sum.planted)
		}
	}
}

// kept is run, or what an earlier process found.
func (c networksCheck) kept(t *testing.T, x *truth, seed uint64) (f found) {
	t.Helper()
	key := fmt.Sprintf("%d\t%g\t%g\t%d\t%s\t%s\t%g\t%t\t%d", c.Subjects, c.Share, c.Loading, c.Draws, strings.Join(c.Nulls, ","), cmp.Or(c.Alphas, alphasOfCheck), cmp.Or(c.SD, loadingSD), c.Learned, seed)
	text, err := os.ReadFile(networksLog)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		rest, ok := strings.CutPrefix(strings.TrimSpace(line), key+"\t")
		if !ok {
			continue
		}
		fields := strings.Fields(rest)
		for i, to := range f.counts() {
			if i >= len(fields) {
				t.Fatalf("%s: %q has %d counts, expected %d", networksLog, line, len(fields), len(f.counts()))
			}
			if *to, err = strconv.Atoi(fields[i]); err != nil {
				t.Fatalf("%s: %q: %v", networksLog, line, err)
			}
		}
		return f
	}
	f = c.run(t, x, 64, seed)
	if err := os.MkdirAll(filepath.Dir(networksLog), 0o777); err != nil {
		t.Fatal(err)
	}
	log, err := os.OpenFile(networksLog, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	for _, n := range f.counts() {
		key += "\t" + strconv.Itoa(*n)
	}
	if _, err := fmt.Fprintln(log, key); err != nil {
		t.Fatal(err)
	}
	return f
}

// add adds up two studies.
func (f *found) add(g found) {
	f.planted, f.of, f.negative = f.planted+g.planted, f.of+g.of, f.negative+g.negative
	for i := range f.others {
		f.others[i], f.ofOthers[i] = f.others[i]+g.others[i], f.ofOthers[i]+g.ofOthers[i]
	}
}

// allOthers counts the atoms that were not planted and belong to a network, and all of them.
func (f *found) allOthers() (others, of int) {
	for i := range f.others {
		others, of = others+f.others[i], of+f.ofOthers[i]
	}
	return others, of
}

// counts are all numbers, to be written and read.
func (f *found) counts() []*int {
	list := []*int{&f.planted, &f.of, &f.negative}
	for i := range f.others {
		list = append(list, &f.others[i], &f.ofOthers[i])
	}
	return list
}
