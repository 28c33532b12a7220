package brain

import (
	"math"
	"slices"
	"testing"
)

type goldenHRF struct {
	Kernels []struct {
		Model        string
		TR           float64
		Oversampling int
		H            []float64
	}
	Regressors []struct {
		Name, Model                   string
		Onsets, Durations, Amplitudes []float64
		FrameTimes                    []float64 `json:"frame_times"`
		X                             []float64
	}
	Integrals []struct {
		Model string
		TR    float64
		H     []float64
	}
	Cosines []struct {
		Rows        int
		TR, Seconds float64
		Columns     int
		Y, Residual []float64
	}
}

func loadHRF(t *testing.T) goldenHRF {
	var g goldenHRF
	readGolden(t, "hrf.json", &g)
	return g
}

func mustHRF(t *testing.T, name string) HRF {
	t.Helper()
	m, err := ParseHRF(name)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// Densities are computed from logarithms on both sides, which leaves a few
// units in the last place of values below 1.
func TestSamplesAsNilearn(t *testing.T) {
	for _, g := range loadHRF(t).Kernels {
		if d := maxAbs(mustHRF(t, g.Model).Samples(g.TR, g.Oversampling), g.H); !(d <= 1e-14) {
			t.Errorf("%s tr %g oversampling %d differs by %g", g.Model, g.TR, g.Oversampling, d)
		}
	}
}

// The same discretisation in another order of sums: 1,600 products of values
// below 1.
func TestBlockRegressorAsNilearn(t *testing.T) {
	for _, g := range loadHRF(t).Regressors {
		var blocks []Block
		for i := range g.Onsets {
			blocks = append(blocks, Block{g.Onsets[i], g.Durations[i], g.Amplitudes[i]})
		}
		x, err := BlockRegressor(blocks, g.FrameTimes, mustHRF(t, g.Model))
		if err != nil {
			t.Fatal(err)
		}
		if d := maxAbs(x, g.X); !(d <= 1e-12) {
			t.Errorf("%s %s differs by %g", g.Name, g.Model, d)
		}
	}
}

// The reference is adaptive quadrature of the density at 1e-13.
func TestWeightsAsQuadrature(t *testing.T) {
	for _, g := range loadHRF(t).Integrals {
		h := mustHRF(t, g.Model).Weights(g.TR)
		if d := maxAbs(h, g.H); !(d <= 1e-12) {
			t.Errorf("%s tr %g: %d weights differ by %g from %d", g.Model, g.TR, len(h), d, len(g.H))
		}
		var sum float64
		for _, x := range h {
			sum += x
		}
		if math.Abs(sum-1) > 1e-12 {
			t.Errorf("%s tr %g sums to %g", g.Model, g.TR, sum)
		}
	}
}

func TestNoHRF(t *testing.T) {
	frames := FrameTimes(10, 2, 0)
	x, err := BlockRegressor([]Block{{4, 4, 3}}, frames, NoHRF)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []float64{0, 0, 3, 3, 0, 0, 0, 0, 0, 0} {
		if math.Abs(x[i]-want) > 1e-12 {
			t.Errorf("frame %d is %g, want %g", i, x[i], want)
		}
	}
	if w := NoHRF.Weights(2); len(w) != 1 || w[0] != 1 {
		t.Errorf("weights %v, want [1]", w)
	}
}

// Blocks that begin at the last instant or behind it are of no instant; one that lasts
// beyond it ends there; one between two instants is of the next.
func TestBoxcarEnds(t *testing.T) {
	times := []float64{0, 1, 2, 3}
	for _, c := range []struct {
		block Block
		want  []float64
	}{
		{Block{3, 0, 1}, []float64{0, 0, 0, 0}},
		{Block{2.5, 9, 1}, []float64{0, 0, 0, 0}},
		{Block{9, 1, 1}, []float64{0, 0, 0, 0}},
		{Block{2, 0, 1}, []float64{0, 0, 1, 0}},
		{Block{2, 9, 1}, []float64{0, 0, 1, 0}},
		{Block{1, 9, 2}, []float64{0, 2, 2, 0}},
		{Block{0.5, 0, 1}, []float64{0, 1, 0, 0}},
		{Block{-9, 0, 1}, []float64{1, 0, 0, 0}},
		{Block{0, 1, 1}, []float64{1, 0, 0, 0}},
	} {
		if got := boxcar([]Block{c.block}, times); !slices.Equal(got, c.want) {
			t.Errorf("%v is %v, want %v", c.block, got, c.want)
		}
	}
}

// Events before the first frame, and behind the last one, as nilearn 0.14 has them.
func TestBlockRegressorBorders(t *testing.T) {
	frames := FrameTimes(6, 2, 0)
	early := []float64{-3.742866603322353e-05, -1.0880619756740982e-05, -2.938094776784508e-06, -7.445994830461978e-07, 0, 0}
	for _, c := range []struct {
		onset, duration float64
		want            []float64
	}{
		{-24, 0, early}, {-25, 0, early}, {-24.02, 0.01, early},
		{9, 100, []float64{0, 0, 0, 0, 0, 0.0005145810462123871}},
		{4, 0.04, []float64{0, 0, 0, 0.003976544559772152, 0.023725905305122794, 0.025047710200931265}},
		{12, 0, make([]float64, 6)}, {30, 1, make([]float64, 6)},
	} {
		x, err := BlockRegressor([]Block{{c.onset, c.duration, 1}}, frames, Glover)
		if err != nil {
			t.Fatal(err)
		}
		if d := maxAbs(x, c.want); !(d <= 1e-15) { // a few units in the last place of sums below 0.03
			t.Errorf("an event at %g of %g s differs by %g: %v", c.onset, c.duration, d, x)
		}
	}
}

// A response of 32 s takes ceil(32 / TR) volumes, whatever the quotient rounds to.
func TestWeightsCount(t *testing.T) {
	for tr, want := range map[float64]int{0.64: 50, 0.1: 320, 0.8: 40, 1.6: 20, 3.2: 10, 0.72: 45, 2: 16, 33: 1, 31.9: 2, 32.0 / 49: 49, 32.0 / 103: 103} {
		if got := len(Glover.Weights(tr)); got != want {
			t.Errorf("TR %g: %d weights, want %d", tr, got, want)
		}
	}
}

func TestBlockRegressorRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		blocks []Block
		frames []float64
	}{
		"one frame":         {nil, []float64{1}},
		"falling frames":    {nil, []float64{0, 2, 1}},
		"frame is NaN":      {nil, []float64{0, math.NaN()}},
		"onset is NaN":      {[]Block{{math.NaN(), 1, 1}}, []float64{0, 1}},
		"negative duration": {[]Block{{0, -1, 1}}, []float64{0, 1}},
		"infinite":          {[]Block{{0, 1, math.Inf(1)}}, []float64{0, 1}},
	} {
		if _, err := BlockRegressor(c.blocks, c.frames, Glover); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := ParseHRF("boxcar"); err == nil {
		t.Error("an unknown response is accepted")
	}
}
