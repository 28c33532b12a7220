package lesion

import (
	"cmp"
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"voxen/lm"
	"voxen/store"
)

// Random sets have as many units of every layer as the lesion, each once, and a mean
// |response| within 10% of its own, on both sides of it; of a unit like no other they are itself.
func TestRandomSets(t *testing.T) {
	m, err := lm.Open(store.OS{}, filepath.Join("../../testdata/lm", "gpt2"))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	columns := m.Config.Columns([]lm.Tap{lm.FFNOut}, []int{0, 1})
	random := rand.New(rand.NewPCG(1, 2))
	s := &Sizes{at: map[lm.Column]int{}}
	for i, c := range columns {
		if c.Unit == 0 {
			s.at[c] = i
		}
		s.mean = append(s.mean, math.Exp(random.NormFloat64()))
	}
	draw := func(units []lm.Column, n int) *Sets {
		sets, err := Draw(context.Background(), m.Config, s, units, "neurons.tsv", n, 0, func(int) {})
		if err != nil {
			t.Fatal(err)
		}
		return sets
	}
	large := slices.Clone(columns)
	slices.SortFunc(large, func(a, b lm.Column) int { return cmp.Compare(s.of(b), s.of(a)) })
	for name, like := range map[string][]lm.Column{
		"any":   {{Layer: 0, Tap: lm.FFNOut, Unit: 3}, {Layer: 1, Tap: lm.FFNOut, Unit: 2}, {Layer: 1, Tap: lm.FFNOut, Unit: 7}, {Layer: 1, Tap: lm.FFNOut, Unit: 20}},
		"large": large[2:9], // no even draw is like them
	} {
		sets := draw(like, 100)
		d := newDrawer(m.Config, s, like)
		var perLayer [2]int
		for _, c := range like {
			perLayer[c.Layer]++
		}
		want, low, high := s.Mean(like), 0, 0
		different := map[string]bool{}
		for i, from := range sets.from {
			if err := d.again(context.Background(), from); err != nil {
				t.Fatal(err)
			}
			set := d.columns()
			var got [2]int
			seen := map[lm.Column]bool{}
			for _, c := range set {
				got[c.Layer]++
				seen[c] = true
			}
			size := s.Mean(set)
			if size != sets.Size[i] {
				t.Errorf("%s: set %d made again has a mean of %g, drawn of %g", name, i, size, sets.Size[i])
			}
			if got != perLayer || len(seen) != len(like) || math.Abs(size/want-1) > 0.1 {
				t.Errorf("%s: %v: a mean of %g for %g", name, set, size, want)
			}
			if size < want {
				low++
			} else {
				high++
			}
			different[columnText(set)] = true
		}
		delete(different, columnText(like))
		if sets.Distinct != len(different) || sets.Untested != "" {
			t.Errorf("%s: %d different sets, counted %d: %q", name, len(different), sets.Distinct, sets.Untested)
		}
		if low < 20 || high < 20 || len(different) < 40 {
			t.Errorf("%s: %d sets below the lesion, %d above, %d different ones", name, low, high, len(different))
		}
	}
	for name, c := range map[string]struct {
		like  []lm.Column
		draws int
		want  string
	}{
		"few draws of many": {large[2:9], 3, ""},
		"a whole layer":     {columns[:24], 50, "0 sets besides itself"},
		"all but one":       {columns[24:47], 50, "are the units themselves"},
	} {
		if sets := draw(c.like, c.draws); !strings.Contains(sets.Untested, c.want) || (c.want == "") != (sets.Untested == "") || len(sets.Size) != c.draws || sets.Distinct > c.draws {
			t.Errorf("%s: %d distinct of %d: %q, want %q", name, sets.Distinct, len(sets.Size), sets.Untested, c.want)
		}
	}
	for c, i := range s.at {
		s.mean[i] = 1000 // no other unit of the layer is like it
		sets := draw([]lm.Column{c}, 30)
		if sets.Distinct != 0 || sets.Shared != 1 || sets.Untested == "" {
			t.Errorf("a unit like none but itself: %+v", sets)
		}
	}
	stopped, stop := context.WithCancel(context.Background())
	drawn := 0
	_, err = Draw(stopped, m.Config, s, large[2:9], "neurons.tsv", 100, 0, func(n int) {
		if drawn = n; n == 3 {
			stop()
		}
	})
	if !errors.Is(err, context.Canceled) || drawn != 3 {
		t.Errorf("stopped after 3 sets: %d drawn, %v", drawn, err)
	}
}

func columnText(set []lm.Column) string {
	marks := make([]byte, 48)
	for i := range marks {
		marks[i] = '.'
	}
	for _, c := range set {
		marks[24*c.Layer+c.Unit] = 'x'
	}
	return string(marks)
}
