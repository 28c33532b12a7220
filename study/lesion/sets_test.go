package lesion

import (
	"cmp"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
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
	draw := func(units []lm.Column) ([][]lm.Column, error) {
		return RandomSets(m.Config, s, units, "neurons.tsv", 100, 0)
	}
	large := slices.Clone(columns)
	slices.SortFunc(large, func(a, b lm.Column) int { return cmp.Compare(s.of(b), s.of(a)) })
	for name, like := range map[string][]lm.Column{
		"any":   {{Layer: 0, Tap: lm.FFNOut, Unit: 3}, {Layer: 1, Tap: lm.FFNOut, Unit: 2}, {Layer: 1, Tap: lm.FFNOut, Unit: 7}, {Layer: 1, Tap: lm.FFNOut, Unit: 20}},
		"large": large[2:9], // no even draw is like them
	} {
		sets, err := draw(like)
		if err != nil {
			t.Fatal(err)
		}
		var perLayer [2]int
		for _, c := range like {
			perLayer[c.Layer]++
		}
		want, low, high := s.Mean(like), 0, 0
		different := map[string]bool{}
		for _, set := range sets {
			var got [2]int
			seen := map[lm.Column]bool{}
			for _, c := range set {
				got[c.Layer]++
				seen[c] = true
			}
			size := s.Mean(set)
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
		if low < 20 || high < 20 || len(different) < 40 {
			t.Errorf("%s: %d sets below the lesion, %d above, %d different ones", name, low, high, len(different))
		}
	}
	for c, i := range s.at {
		s.mean[i] = 1000 // no other unit of the layer is like it
		if sets, err := draw([]lm.Column{c}); err != nil || sets[0][0] != c {
			t.Errorf("a unit like none but itself: %v, %v", sets, err)
		}
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
