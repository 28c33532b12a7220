//go:build long

package encode_test

import (
	"fmt"
	"testing"
)

// TestNullRates: of 20 seeds of noise the mean share of voxels with p <= .05 is 0.035 to
// 0.065 under shift and phase, at any slowness of the responses, and
// under blocks of held-out runs at an autocorrelation of up to 0.3, of nested scores of one run
// and of held-out runs; and what share is found of voxels with a planted
// signal (docs/truth-check.md).
func TestNullRates(t *testing.T) {
	for _, held := range []bool{false, true} {
		runs := []int{300}
		if held {
			runs = []int{150, 150, 120}
		}
		for _, kind := range []string{"shift", "phase", "blocks"} {
			for _, ar := range []float64{0, 0.3, 0.6, 0.9} {
				c := chance{null: kind + ":99", runs: runs, ar: ar, K: 4, V: 100, held: held}
				t.Run(fmt.Sprintf("%s, held out %t, AR %g", kind, held, ar), func(t *testing.T) {
					share := c.mean(t, 20)
					t.Logf("p <= .05 in %.4f", share)
					// neighbouring blocks of slow noise know each other, and nested folds are each other's
					// training rows: those rates are stated alone
					if kind == "blocks" && (ar > 0.3 || !held) {
						return
					}
					if share < 0.035 || share > 0.065 {
						t.Errorf("p <= .05 in %.4f of the voxels, expected 0.035 to 0.065", share)
					}
				})
			}
		}
	}
	for _, r := range []float64{0.1, 0.2, 0.3} {
		c := chance{null: "shift:99", runs: []int{300}, ar: 0.3, gain: r, K: 4, V: 100}
		t.Logf("power at a planted r of %g: p <= .05 in %.3f", r, c.mean(t, 3))
	}
}
