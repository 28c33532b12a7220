package lm

import (
	"fmt"
	"maps"
	"math"
	"slices"
)

// RopeType is a rule for the frequencies of the rotary position embedding.
type RopeType string

// The rules, as Hugging Face names them.
const (
	RopeDefault RopeType = "default"
	RopeLinear  RopeType = "linear"
	RopeDynamic RopeType = "dynamic"
	RopeLlama3  RopeType = "llama3"
)

// Rope describes a rotary position embedding.
type Rope struct {
	Type    RopeType
	Theta   float64
	Factor  float64 // of linear, dynamic, llama3
	LowFreq float64 // low_freq_factor of llama3
	HiFreq  float64 // high_freq_factor of llama3
	Trained int     // positions that the model was trained with, before scaling
	Units   int     // of a head that are turned, an even number; the others stay
}

// readRope reads rope_parameters or, where it is there and not empty, the older
// rope_scaling, which transformers then takes in its place. rope_theta stands
// within, or else beside it. original_max_position_embeddings beside it goes
// before the one within. Only some families turn a part of a head.
func readRope(r *configReader, positions, headSize int, parts bool) Rope {
	rope := Rope{Type: RopeDefault, Theta: r.number("rope_theta", 10000), Factor: 1, Trained: positions}
	share := 1.0
	if parts {
		share = r.number("partial_rotary_factor", 1)
	}
	key := "rope_scaling"
	if !r.has(key) || sameJSON(r.values[key], "{}") {
		key = "rope_parameters"
	}
	if r.has(key) {
		sub := r.object(key)
		rope.read(sub, positions)
		if share = sub.number("partial_rotary_factor", share); !parts && share != 1 {
			sub.fail("partial_rotary_factor", "1")
		}
		if r.err == nil {
			r.err = sub.err
		}
	}
	if rope.Type == RopeLlama3 && r.has("original_max_position_embeddings") {
		rope.Trained = r.count("original_max_position_embeddings", required)
	}
	rope.Units = int(float64(headSize) * share)
	if r.err == nil && (rope.Units < 2 || rope.Units > headSize || rope.Units%2 != 0) {
		r.err = fmt.Errorf("partial_rotary_factor %g turns %d of the %d units of a head, want an even number of them", share, rope.Units, headSize)
	}
	if r.err == nil && !(rope.Theta > 0 && rope.Factor > 0) {
		r.err = fmt.Errorf("rope_theta %g and factor %g: want positive numbers", rope.Theta, rope.Factor)
	}
	return rope
}

func (p *Rope) read(r *configReader, positions int) {
	p.Theta = r.number("rope_theta", p.Theta)
	key := "rope_type"
	if !r.has(key) && r.has("type") {
		key = "type"
	}
	p.Type = RopeType(r.text(key, string(RopeDefault)))
	switch p.Type {
	case RopeDefault:
	case RopeLinear, RopeDynamic:
		p.Factor = r.number("factor", required)
	case RopeLlama3:
		p.Factor = r.number("factor", required)
		p.LowFreq, p.HiFreq = r.number("low_freq_factor", required), r.number("high_freq_factor", required)
		p.Trained = r.count("original_max_position_embeddings", float64(positions))
		if r.err == nil && !(p.HiFreq > p.LowFreq && p.LowFreq > 0) {
			r.fail("high_freq_factor", "more than low_freq_factor, both positive")
		}
	default:
		r.fail(key, "default, linear, dynamic or llama3")
	}
	for _, k := range slices.Sorted(maps.Keys(r.values)) {
		if raw := r.values[k]; len(raw) > 0 && raw[0] == '{' {
			r.fail(k, "no numbers for some layers alone")
		}
	}
}

// frequencies gives the angle per position of each pair of units of a head, in
// a window of the given number of tokens.
func (p *Rope) frequencies(tokens int) []float64 {
	d := float64(p.Units)
	theta := p.Theta
	if p.Type == RopeDynamic && tokens > p.Trained {
		theta *= math.Pow(p.Factor*float64(tokens)/float64(p.Trained)-(p.Factor-1), d/(d-2))
	}
	freqs := make([]float64, p.Units/2)
	for i := range freqs {
		f := math.Pow(theta, -2*float64(i)/d)
		switch p.Type {
		case RopeLinear:
			f /= p.Factor
		case RopeLlama3:
			f = p.llama3(f)
		}
		freqs[i] = f
	}
	return freqs
}

// llama3 slows frequencies whose wave is longer than Trained/LowFreq positions
// by the factor, leaves those shorter than Trained/HiFreq, and blends between.
func (p *Rope) llama3(f float64) float64 {
	turns := float64(p.Trained) * f / (2 * math.Pi)
	blend := min(max((turns-p.LowFreq)/(p.HiFreq-p.LowFreq), 0), 1)
	return (1-blend)*f/p.Factor + blend*f
}

// tables fills cosines and sines (tokens x Units/2) of the angles.
func (p *Rope) tables(tokens int) (cos, sin []float64) {
	freqs := p.frequencies(tokens)
	cos, sin = make([]float64, tokens*len(freqs)), make([]float64, tokens*len(freqs))
	for t := range tokens {
		for i, f := range freqs {
			sin[t*len(freqs)+i], cos[t*len(freqs)+i] = math.Sincos(float64(t) * f)
		}
	}
	return cos, sin
}
