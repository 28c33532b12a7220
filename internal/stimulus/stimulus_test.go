package stimulus

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/dsp/fourier"

	"voxen/engine/op"
)

func features(T, K int) []float64 {
	r := rand.New(rand.NewPCG(1, 2))
	x := make([]float64, T*K)
	for i := range x {
		x[i] = r.NormFloat64() + 3
	}
	return x
}

// Shifts are circular within each run, by lags from least to T - least, no two draws
// alike, and all are taken where there are no more.
func TestShifts(t *testing.T) {
	const K, least = 2, 10
	runs := op.Borders{0, 60, 110} // 41 x 31 = 1271 shifts, too few
	if d := New(runs, least, 100, 1); d.Kind != Phase || d.Shifts != 1271 {
		t.Errorf("%s of %d shifts, expected phases of 1271", d.Kind, d.Shifts)
	}
	if d := New(op.Borders{0, 5000, 5039}, least, 100, 1); d.Kind != Phase || d.Shifts != 0 {
		t.Errorf("%s of %d shifts, expected phases: a run is shorter than 4 x %d rows", d.Kind, d.Shifts, least)
	}
	if d := New(op.Borders{0, 2019}, least, 5000, 1); d.Kind != Shift || d.N != 2000 || len(d.lags) != 2000 {
		t.Errorf("%s, %d draws, expected all 2000 shifts", d.Kind, d.N)
	}
	runs = op.Borders{0, 70, 150}
	x := features(150, K)
	d := New(runs, least, 50, 7)
	seen := map[string]bool{}
	for draw := range d.N {
		y := make([]float64, len(x))
		d.Fill(draw, x, K, y)
		for r, lag := range d.lags[draw] {
			T := runs.Rows(r)
			if lag < least || lag > T-least {
				t.Errorf("draw %d: lag %d of run %d", draw, lag, r)
			}
			for i := range T {
				for k := range K {
					if got, want := y[(runs[r]+(i+lag)%T)*K+k], x[(runs[r]+i)*K+k]; got != want {
						t.Fatalf("draw %d, run %d, row %d: %g, expected %g", draw, r, i, got, want)
					}
				}
			}
		}
		seen[fmt.Sprint(d.lags[draw])] = true
	}
	if len(seen) != d.N {
		t.Errorf("%d draws of %d are different", len(seen), d.N)
	}
}

// Phases keep the mean and the cross-spectrum of every pair of columns in each run, and
// change the features.
func TestPhases(t *testing.T) {
	const K = 3
	for _, runs := range []op.Borders{{0, 40}, {0, 41}, {0, 31, 60}} {
		T := runs[runs.Folds()]
		x := features(T, K)
		d := New(runs, 10, 3, 5)
		y, z := make([]float64, len(x)), make([]float64, len(x))
		d.Fill(0, x, K, y)
		d.Fill(1, x, K, z)
		if slices.Equal(y, z) || slices.Equal(x, y) {
			t.Fatal("draws are alike")
		}
		again := make([]float64, len(x))
		d.Fill(0, x, K, again)
		if !slices.Equal(y, again) {
			t.Error("a draw is not the same twice")
		}
		for r := range runs.Folds() {
			before, after := spectra(x, K, runs[r], runs[r+1]), spectra(y, K, runs[r], runs[r+1])
			for i, s := range before {
				// sums of some 40 products of numbers of size 1
				if e := after[i] - s; math.Hypot(real(e), imag(e)) > 1e-9*(1+math.Hypot(real(s), imag(s))) {
					t.Fatalf("runs %v, run %d: cross-spectrum %d is %v, expected %v", runs, r, i, after[i], s)
				}
			}
		}
	}
}

// spectra are cross-spectra of all pairs of columns in some rows.
func spectra(x []float64, K, lo, hi int) []complex128 {
	T := hi - lo
	fft := fourier.NewFFT(T)
	var c [][]complex128
	for k := range K {
		column := make([]float64, T)
		for t := range column {
			column[t] = x[(lo+t)*K+k]
		}
		c = append(c, fft.Coefficients(nil, column))
	}
	var out []complex128
	for a := range K {
		for b := range K {
			for f := range c[a] {
				z := c[b][f]
				out = append(out, c[a][f]*complex(real(z), -imag(z)))
			}
		}
	}
	return append(out, c[0][0]) // the mean
}
