package brain

import (
	"math"
	"testing"
)

type goldenAtlas struct {
	Source, Trilinear, Nearest []float64
	A, B                       Affine
	Inside                     int
	Counts                     []int
	Means                      [][]float64
}

// The reference is scipy's map_coordinates within half a voxel of the grid.
func TestResampleAsScipy(t *testing.T) {
	var g goldenAtlas
	readGolden(t, "atlas.json", &g)
	source := &Volume{Grid: &Grid{Dims: [3]int{5, 6, 4}, Affine: g.A}, Values: g.Source}
	to := &Grid{Dims: [3]int{10, 10, 7}, Affine: g.B}
	for how, want := range map[Interpolation][]float64{Nearest: g.Nearest, Trilinear: g.Trilinear} {
		got, err := source.Resample(to, how, -7)
		if err != nil {
			t.Fatal(err)
		}
		// Weights are products of fractions near 1, with rounding of 1e-15.
		if d := maxAbs(got.Values, want); !(d <= 1e-13) {
			t.Errorf("%s differs by %g", how, d)
		}
		inside := 0
		for _, x := range got.Values {
			if x != -7 {
				inside++
			}
		}
		if inside != g.Inside {
			t.Errorf("%s: %d voxels inside, want %d", how, inside, g.Inside)
		}
		mask, err := NewMask(nil, got)
		if err != nil {
			t.Fatal(err)
		}
		at, err := source.AtMask(mask, how, -7)
		if err != nil {
			t.Fatal(err)
		}
		same, err := mask.Gather(got)
		if err != nil || maxAbs(at, same) != 0 {
			t.Errorf("%s at the mask is not the resampled volume (%v)", how, err)
		}
	}
}

// A grid sampled on itself is itself, at the borders too.
func TestResampleIdentity(t *testing.T) {
	g := &Grid{Dims: [3]int{3, 1, 2}, Affine: Affine{{-3, 0.1, 0, 90}, {0, 3, 0, -126}, {0, 0, 3, -72}, {0, 0, 0, 1}}}
	v := &Volume{Grid: g, Values: []float64{1, 2, 3, math.NaN(), 5, 6}}
	for _, how := range []Interpolation{Nearest, Trilinear} {
		got, err := v.Resample(g, how, 0)
		if err != nil {
			t.Fatal(err)
		}
		for n, want := range v.Values {
			// NaN spreads to points that rounding moves towards it.
			if math.Abs(got.Values[n]-want) > 1e-12 && !math.IsNaN(want) && !math.IsNaN(got.Values[n]) {
				t.Errorf("%s: voxel %d is %g, want %g", how, n, got.Values[n], want)
			}
		}
	}
	flat := *g
	flat.Affine[2][2] = 0
	if _, err := (&Volume{Grid: &flat, Values: v.Values}).Resample(g, Nearest, 0); err == nil {
		t.Error("a flat grid is accepted")
	}
}

func TestSpace(t *testing.T) {
	for path, want := range map[string]string{
		"a/space-X/sub-1_space-MNI152NLin6Asym_desc-preproc_bold.nii.gz": "MNI152NLin6Asym",
		"space-fsLR_den-32k.dlabel.nii":                                  "fsLR",
		"bold.nii.gz":                                                    "",
		"myspace-X_bold.nii":                                             "",
	} {
		if got := Space(path); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	for _, same := range [][2]string{{"x_space-MNI_a.nii", "y_space-MNI152NLin2009cAsym_b.nii"}, {"x.nii", "y_space-T1w_b.nii"}} {
		if err := SameSpace(same[0], same[1]); err != nil {
			t.Error(err)
		}
	}
	refused(t, SameSpace("x_space-T1w_a.nii", "y_space-MNI_b.nii"), "x_space-T1w_a.nii", "expected MNI")
}
