//go:build long

package score_test

import (
	"math/rand/v2"
	"path/filepath"
	"testing"

	"voxen/study/score"
	"voxen/study/step"
)

// TestNullRates: of 20 seeds of noise the mean share of voxels with p <= .05 is 0.035 to
// 0.065 where responses have an autocorrelation of at most 0.3; other rates are stated
// (docs/truth-check.md).
func TestNullRates(t *testing.T) {
	const T, V, seeds = 150, 100, 20
	for _, repeats := range []bool{false, true} {
		for _, ar := range []float64{0, 0.3, 0.6, 0.9} {
			share := 0.0
			for seed := range uint64(seeds) {
				dir, rng := t.TempDir(), rand.New(rand.NewPCG(seed, 2))
				o := score.New()
				o.Out, o.Metrics, o.PerRun, o.Null, o.Seed = filepath.Join(dir, "out"), []string{"r"}, "zscore", "blocks:99", seed
				o.TR, o.TestRepeats = step.Some(2.0), repeats
				for run, name := range []string{"a", "b"} {
					o.Responses = append(o.Responses, save(t, filepath.Join(dir, "y"+name+".npy"), T, V, slow(rng, T, V, ar, 0, nil)))
					if run == 0 || !repeats {
						o.Predictions = append(o.Predictions, save(t, filepath.Join(dir, "p"+name+".npy"), T, V, slow(rng, T, V, 0.7, 0, nil)))
					}
				}
				do(t, o)
				for _, p := range load(t, o.Out, "p") {
					if p <= 0.05+1e-9 {
						share += 1.0 / (V * seeds)
					}
				}
			}
			t.Logf("repeats %t, AR %g: p <= .05 in %.4f", repeats, ar, share)
			if ar <= 0.3 && (share < 0.035 || share > 0.065) {
				t.Errorf("repeats %t, AR %g: p <= .05 in %.4f of the voxels, expected 0.035 to 0.065", repeats, ar, share)
			}
		}
	}
}
