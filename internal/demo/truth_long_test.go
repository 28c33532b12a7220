//go:build long

package demo

import "testing"

// TestTruthFull is the whole truth check, recorded in docs/truth-check.md: 8
// subjects, 5,000 draws, 20 planted studies and 100 of noise alone.
func TestTruthFull(t *testing.T) {
	x := newTruth(t, 5000, 1)
	reported := 0
	for seed := range uint64(100) {
		o := x.study(t, seed, 8, true)
		if o.significant > 0 {
			reported++
		}
		t.Logf("null seed %d: %d atoms with q < 0.05; %d of %d seeds so far", seed, o.significant, reported, seed+1)
	}
	if reported > 11 {
		t.Errorf("%d of 100 null seeds report a match at q = 0.05, expected at most 11", reported)
	}
	recovered, pairs := 0, 0
	for seed := range uint64(20) {
		o := x.study(t, seed, 8, false)
		recovered, pairs = recovered+o.recovered, pairs+o.pairs
		t.Logf("seed %d: %d of %d pairs recovered, %d of %d so far", seed, o.recovered, o.pairs, recovered, pairs)
	}
	if 10*recovered < 9*pairs {
		t.Errorf("%d of %d pairs recovered, expected at least 90%%", recovered, pairs)
	}
}
