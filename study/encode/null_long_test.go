//go:build long

package encode_test

import (
	"fmt"
	"math"
	"path/filepath"
	"testing"

	"voxen/study/encode"
	"voxen/study/step"
)

// TestNullRates: of 20 seeds of noise the mean share of voxels with p <= .05 is 0.035 to
// 0.065 under shift and phase, at any slowness of the responses, and
// under blocks at an autocorrelation of up to 0.3, of nested scores of one run
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
					// neighbouring blocks of slow noise know each other: those rates are stated alone
					if kind == "blocks" && ar > 0.3 {
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

// TestNullOfHaxby: real BOLD of subjects who looked at pictures, with features that are noise
// as slow as a story's after a haemodynamic response. Voxels share much of what they do, so
// that the share of a seed varies widely, and seeds are many.
func TestNullOfHaxby(t *testing.T) {
	const seeds, runs, K, T = 100, 4, 4, 121
	for _, kind := range []string{"shift", "phase"} {
		sum, square, voxels := 0.0, 0.0, 0
		for seed := range seeds {
			dir := t.TempDir()
			o := encode.Options{Out: filepath.Join(dir, "fit"), Mask: haxby + "sub-1_desc-25mm_mask.nii.gz", Score: "r", Alphas: "1,30,1000,30000", Nested: true,
				Chance: encode.Chance{Null: kind + ":99", Seed: uint64(seed)}}
			o.PerRun, o.Detrend, o.TR = "zscore", "cosine:128", step.Some(2.5)
			o.Features, _ = slowNoise(t, dir, "x", []int{T, T, T, T}, K, 0.7, uint64(seed), 0, nil)
			for r := range runs {
				o.Responses = append(o.Responses, fmt.Sprintf("%ssub-1_task-objectviewing_run-%02d_desc-25mm_bold.nii.gz", haxby, r+1))
			}
			if _, err := run(o); err != nil {
				t.Fatal(err)
			}
			n := 0
			p := loadNpy(t, filepath.Join(o.Out, "p.npy"))
			for _, x := range p {
				if x <= 0.05+1e-9 {
					n++
				}
			}
			share := float64(n) / float64(len(p))
			sum, square, voxels = sum+share/seeds, square+share*share/seeds, len(p)
		}
		se := math.Sqrt((square - sum*sum) / seeds)
		t.Logf("%s: p <= .05 in %.4f (SE %.4f) of %d voxels", kind, sum, se, voxels)
		if sum < 0.035-2*se || sum > 0.065+2*se {
			t.Errorf("%s: p <= .05 in %.4f of the voxels, expected 0.035 to 0.065", kind, sum)
		}
	}
}

const haxby = "../../testdata/haxby2001/"
