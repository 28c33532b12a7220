package brain

import (
	"fmt"
	"math"
	"sort"

	"gonum.org/v1/gonum/mathext"
)

// HRF is a model of the haemodynamic response to a brief event: the difference
// of two gamma densities,
//
//	h(t) = g(t; delay/dispersion, dispersion) - ratio g(t; undershoot/dispersion, dispersion)
//
// with g(t; a, s) = t^(a-1) exp(-t/s) / (s^a Gamma(a)), on [0, 32 s).
type HRF int

// The models. NoHRF leaves time courses as they are.
const (
	NoHRF HRF = iota
	Glover
	SPM
)

// ParseHRF reads none, glover or spm.
func ParseHRF(name string) (HRF, error) {
	for _, m := range []HRF{NoHRF, Glover, SPM} {
		if m.String() == name {
			return m, nil
		}
	}
	return 0, fmt.Errorf("haemodynamic response %q, expected none, glover or spm", name)
}

// String returns the name that ParseHRF reads.
func (m HRF) String() string {
	return [...]string{"none", "glover", "spm"}[m]
}

// hrfLength is how long a response lasts, in seconds.
const hrfLength = 32.0

// gammaPair holds the parameters of a model, in seconds.
type gammaPair struct {
	delay, undershoot, dispersion, ratio float64
}

// The parameters are those of nilearn's glover_hrf and spm_hrf (nilearn 0.14,
// glm.first_level.hemodynamic_models).
func (m HRF) parameters() gammaPair {
	if m == Glover {
		return gammaPair{delay: 6, undershoot: 12, dispersion: 0.9, ratio: 0.48}
	}
	return gammaPair{delay: 6, undershoot: 16, dispersion: 1, ratio: 0.167}
}

// density returns h(t), not normalised.
func (p gammaPair) density(t float64) float64 {
	return gammaDensity(t, p.delay/p.dispersion, p.dispersion) -
		p.ratio*gammaDensity(t, p.undershoot/p.dispersion, p.dispersion)
}

// integral returns the integral of h from 0 to t.
func (p gammaPair) integral(t float64) float64 {
	return mathext.GammaIncReg(p.delay/p.dispersion, t/p.dispersion) -
		p.ratio*mathext.GammaIncReg(p.undershoot/p.dispersion, t/p.dispersion)
}

// gammaDensity is the density of the gamma distribution of shape a > 1.
func gammaDensity(t, a, scale float64) float64 {
	y := t / scale
	if y <= 0 {
		return 0
	}
	lg, _ := math.Lgamma(a)
	return math.Exp((a-1)*math.Log(y)-y-lg) / scale
}

// Samples returns the response sampled oversampling times per tr seconds, with
// sum 1. The samples are nilearn's: rint(32 oversampling / tr) of them evenly
// spaced over [0, 32], both ends included, of the response that starts one
// sample late. NoHRF is the single sample 1.
func (m HRF) Samples(tr float64, oversampling int) []float64 {
	if m == NoHRF {
		return []float64{1}
	}
	p := m.parameters()
	dt := tr / float64(oversampling)
	h := make([]float64, int(math.RoundToEven(hrfLength/dt)))
	var sum float64
	for i, t := range linspace(0, hrfLength, len(h)) {
		h[i] = p.density(t - dt)
		sum += h[i]
	}
	for i := range h {
		h[i] /= sum
	}
	return h
}

// Weights returns how much of the response falls in each volume after an event
// that is spread over one volume's start: the integral of h over
// [d tr, (d+1) tr), d = 0, 1, ... up to 32 s, scaled to sum 1. The integrals are
// exact, by incomplete gamma functions. NoHRF is the single weight 1.
func (m HRF) Weights(tr float64) []float64 {
	if m == NoHRF {
		return []float64{1}
	}
	p := m.parameters()
	// A last piece of less than a nanosecond is rounding in 32 / tr.
	h := make([]float64, max(1, int(math.Ceil(hrfLength/tr-1e-9))))
	total := p.integral(hrfLength)
	for d := range h {
		from, to := float64(d)*tr, float64(d+1)*tr
		h[d] = (p.integral(min(to, hrfLength)) - p.integral(from)) / total
	}
	return h
}

// Block is a stretch of stimulation in seconds; a duration of 0 is an impulse.
type Block struct {
	Onset, Duration, Amplitude float64
}

const (
	oversampling = 50
	// minOnset is how long before the first volume an event is still seen.
	minOnset = -24.0
)

// BlockRegressor returns the expected response at the frame times (in seconds,
// increasing, at least two) to a sequence of blocks: their sum as a boxcar,
// sampled 50 times per TR, convolved with the response and interpolated
// linearly at the frames. It follows the discretisation of nilearn's
// compute_regressor, including its treatment of blocks that begin more than
// 24 s before the first frame, which are moved there.
func BlockRegressor(blocks []Block, frameTimes []float64, m HRF) ([]float64, error) {
	tr, err := shortestTR(frameTimes)
	if err != nil {
		return nil, err
	}
	for i, b := range blocks {
		if !finite(b.Onset) || !finite(b.Amplitude) || !finite(b.Duration) || b.Duration < 0 {
			return nil, fmt.Errorf("block %d has onset %g, duration %g and amplitude %g, expected finite numbers and a duration of at least 0",
				i, b.Onset, b.Duration, b.Amplitude)
		}
	}
	times := fineTimes(frameTimes)
	response := convolve(boxcar(blocks, times), m.Samples(tr, oversampling))
	return interpolate(times, response, frameTimes), nil
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// shortestTR returns the smallest distance of two frames.
func shortestTR(frameTimes []float64) (float64, error) {
	if len(frameTimes) < 2 {
		return 0, fmt.Errorf("%d frame times, expected at least 2", len(frameTimes))
	}
	tr := math.Inf(1)
	for i, t := range frameTimes[1:] {
		if !(t > frameTimes[i]) || !finite(t) {
			return 0, fmt.Errorf("frame time %d is %g after %g, expected increasing times", i+1, t, frameTimes[i])
		}
		tr = min(tr, t-frameTimes[i])
	}
	return tr, nil
}

// fineTimes returns the instants at which boxcars are sampled.
func fineTimes(frameTimes []float64) []float64 {
	n := float64(len(frameTimes))
	first, last := frameTimes[0], frameTimes[len(frameTimes)-1]
	end := last * (1 + 1/(n-1))
	samples := (n-1)/(last-first)*(end-first-minOnset)*oversampling + 1
	return linspace(first+minOnset, end, int(math.RoundToEven(samples)))
}

// boxcar sums the blocks' amplitudes at each instant. Every block covers at
// least one.
func boxcar(blocks []Block, times []float64) []float64 {
	steps := make([]float64, len(times))
	last := len(times) - 1
	for _, b := range blocks {
		on := min(sort.SearchFloat64s(times, b.Onset), last)
		off := min(sort.SearchFloat64s(times, b.Onset+b.Duration), last)
		if off == on && off < last {
			off++
		}
		steps[on] += b.Amplitude
		steps[off] -= b.Amplitude
	}
	for i := 1; i < len(steps); i++ {
		steps[i] += steps[i-1]
	}
	return steps
}

// convolve returns y[i] = sum_d h[d] x[i-d], as long as x.
func convolve(x, h []float64) []float64 {
	y := make([]float64, len(x))
	for i, xi := range x {
		if xi == 0 {
			continue
		}
		for d, hd := range h[:min(len(h), len(x)-i)] {
			y[i+d] += xi * hd
		}
	}
	return y
}

// interpolate evaluates the polygon through (x, y) at the points at, which lie
// within x.
func interpolate(x, y, at []float64) []float64 {
	out := make([]float64, len(at))
	for i, t := range at {
		j := min(max(sort.SearchFloat64s(x, t), 1), len(x)-1)
		out[i] = (y[j]-y[j-1])/(x[j]-x[j-1])*(t-x[j-1]) + y[j-1]
	}
	return out
}

// linspace returns n values evenly spaced from a to b, both included, rounded
// as numpy rounds them.
func linspace(a, b float64, n int) []float64 {
	x := make([]float64, n)
	step := (b - a) / float64(n-1)
	for i := range x {
		x[i] = float64(float64(i)*step) + a
	}
	if n > 1 {
		x[n-1] = b
	}
	return x
}

// FrameTimes returns n times tr apart, the first at start.
func FrameTimes(n int, tr, start float64) []float64 {
	t := make([]float64, n)
	for i := range t {
		t[i] = start + float64(i)*tr
	}
	return t
}
